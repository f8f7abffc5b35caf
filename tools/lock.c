/* lapse lock: a command that runs while a file is locked. Owns the lock until the command runs in our
 * place and inherits it: it is held as long as any process has that open file. */
#include "job.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char help[] =
	"Usage: lapse lock [--wait DURATION] [--shared] FILE [--] COMMAND [ARGUMENT]...\n"
	"Lock FILE, which is made if there is none, and run COMMAND, which inherits the lock.\n"
	"\n"
	"      --wait DURATION  give up when it cannot be had within so long\n"
	"      --shared         others may have such a lock at the same time\n"
	"      --help           show this\n";

/* A folder can be locked too, but not made so. */
static lapse_fd open_file(const char *path)
{
	const int flags = O_RDONLY | O_NOCTTY;
	lapse_fd fd = lapse_open(path, flags | O_CREAT, 0666);

	return fd == LAPSE_NOFD && errno == EISDIR ? lapse_open(path, flags, 0) : fd;
}

/* The descriptor that has the lock, or -1. */
static int lock(const struct options *options)
{
	lapse_scope scope;
	int sysfd = -1;

	lapse_scope_enter(&scope, options->deadline);
	lapse_fd fd = open_file(options->operands[0]);
	if (fd != LAPSE_NOFD && !lapse_flock(fd, options->shared ? LOCK_SH : LOCK_EX))
		sysfd = lapse_release(fd);
	int error = errno;
	/* An open that was let go may still make the file, but we have no lock on it. */
	if (!lapse_scope_leave(&scope))
		errno = error;
	return sysfd;
}

int lock_run(int argc, char **argv)
{
	struct options options;
	sigset_t mask;

	options_read(&options, argc, argv, "+sw", 1, help);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	dump_on_signal(&options);
	const char *path = options.operands[0];
	int sysfd = lock(&options);
	if (sysfd < 0 && errno == LAPSE_EXPIRED) {
		say(options.command, "time was up (%s %s): no lock on %s", options.whole.name,
		    options.whole.text, path);
		return STATUS_TIME_UP;
	}
	/* A number that is none of the standard ones, which may have been closed. */
	if (sysfd < 0 || fcntl(sysfd, F_DUPFD, STDERR_FILENO + 1) < 0) {
		say(options.command, "%s: %s", path, strerror(errno));
		return options.failed;
	}
	return program_report(&options, program_execute(options.program, &mask));
}
