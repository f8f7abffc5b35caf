/* The machinery of lapse tour's scenes: calls that block in a thread of their own, and small things
 * that several scenes need. Owns no state. */
#include "cli.h"
#include "tour.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

void need(bool made, const char *what)
{
	if (made)
		return;
	say("lapse tour", "cannot make %s: %s", what, strerror(errno));
	exit(STATUS_FAILED);
}

void side_says(struct side *side, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(side->text, sizeof side->text, format, args);
	va_end(args);
}

/* The state of a thread as the kernel shows it: 'S' while it sleeps in a call, '?' once it ended. */
static char thread_state(int tid)
{
	char path[64], line[256];
	char *state = NULL;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	FILE *file = fopen(path, "re");
	if (!file)
		return '?';
	/* The name comes before the state, in parentheses. */
	if (fgets(line, sizeof line, file))
		state = strrchr(line, ')');
	fclose(file);
	return state ? state[2] : '?';
}

static void *blocked_main(void *arg)
{
	struct blocked *blocked = arg;

	blocked->tid = gettid();
	blocked->result = blocked->call(blocked->arg);
	blocked->error = errno;
	blocked->end = lapse_now();
	blocked->done = true;
	return NULL;
}

void blocked_start(struct blocked *blocked, long (*call)(void *arg), void *arg)
{
	*blocked = (struct blocked){.call = call, .arg = arg};
	int error = pthread_create(&blocked->thread, NULL, blocked_main, blocked);
	errno = error;
	need(!error, "a thread");
	while (!blocked->done && !(blocked->tid && thread_state(blocked->tid) == 'S'))
		lapse_sleep_until(lapse_in(LAPSE_MS));
}

void blocked_end(struct blocked *blocked)
{
	pthread_join(blocked->thread, NULL);
}

bool failed_in_time(const struct blocked *blocked, int error, lapse_time deadline)
{
	return blocked->result == -1 && blocked->error == error && blocked->end >= deadline &&
	       blocked->end - deadline < 2 * LAPSE_S;
}

void make_pair(int ends[2])
{
	need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "a socket pair");
}

void limit_receive(int sysfd, int64_t ns)
{
	struct timeval timeout = {ns / LAPSE_S, ns % LAPSE_S / LAPSE_US};

	need(!setsockopt(sysfd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), "SO_RCVTIMEO");
}

long read_posix(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1);
}

long read_lapse(void *arg)
{
	char byte;

	return lapse_read(*(lapse_fd *)arg, &byte, 1);
}

const char *error_name(int error)
{
	switch (error) {
	case LAPSE_EXPIRED:
		return "LAPSE_EXPIRED";
	case EAGAIN:
		return "EAGAIN";
	case EBADF:
		return "EBADF";
	case ECANCELED:
		return "ECANCELED";
	case ENOTSOCK:
		return "ENOTSOCK";
	case EPIPE:
		return "EPIPE";
	default:
		return strerror(error);
	}
}
