/* Scenes of lapse tour about calls that are not reads or writes: what blocks in the kernel, and what
 * no signal ends. */
#include "tour.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t limit_ns = 200 * LAPSE_MS; /* what a call may take */
static const int64_t late_ns = 500 * LAPSE_MS;  /* when what it waits for comes */

/* A call of lapse's in a scope that ends after limit_ns from when it begins. */
struct scoped {
	long (*call)(void *arg);
	void *arg;
	lapse_time deadline;
};

static long call_scoped(void *arg)
{
	struct scoped *scoped = arg;
	lapse_scope scope;

	scoped->deadline = lapse_in(limit_ns);
	lapse_scope_enter(&scope, scoped->deadline);
	long result = scoped->call(scoped->arg);
	int error = errno;
	lapse_scope_leave(&scope);
	errno = error;
	return result;
}

/* ---- A FIFO without a peer ---- */

static void fifo_make(char path[static 64])
{
	char folder[] = "/tmp/lapse-tour-XXXXXX";

	need(mkdtemp(folder), "a temporary folder");
	snprintf(path, 64, "%s/fifo", folder);
	need(!mkfifo(path, 0600), "a FIFO");
}

static void fifo_remove(char path[static 64])
{
	unlink(path);
	path[sizeof "/tmp/lapse-tour-XXXXXX" - 1] = '\0';
	rmdir(path);
}

static long fifo_open_posix(void *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static long fifo_open_lapse(void *path)
{
	lapse_fd fd = lapse_open(path, O_RDONLY, 0);

	return fd == LAPSE_NOFD ? -1 : lapse_release(fd);
}

static void fifo_posix(struct side *side)
{
	char path[64];
	struct blocked opening;

	fifo_make(path);
	lapse_time begin = lapse_now();
	blocked_start(&opening, fifo_open_posix, path);
	lapse_sleep_until(begin + late_ns);
	int peer = open(path, O_RDWR | O_CLOEXEC);
	blocked_end(&opening);
	side->took = opening.end - begin;
	side_says(side, "open, which knows no limit: %s",
	          opening.result < 0 ? error_name(opening.error) : "open");
	close((int)opening.result);
	close(peer);
	fifo_remove(path);
}

/* The open that was let go is broken off a moment later. */
static bool nobody_reads(const char *path)
{
	for (lapse_time end = lapse_in(LAPSE_S); lapse_now() < end;) {
		int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0)
			return errno == ENXIO;
		close(fd);
	}
	return false;
}

static void fifo_lapse(struct side *side)
{
	char path[64];
	struct blocked opening;
	struct scoped scoped = {.call = fifo_open_lapse, .arg = path};

	fifo_make(path);
	lapse_time begin = lapse_now();
	blocked_start(&opening, call_scoped, &scoped);
	blocked_end(&opening);
	bool alone = nobody_reads(path);
	side->took = opening.end - begin;
	side->kept = failed_in_time(&opening, LAPSE_EXPIRED, scoped.deadline) && alone;
	side_says(side, "lapse_open in a scope: %s; %s reads from it", error_name(opening.error),
	          alone ? "nobody" : "somebody");
	fifo_remove(path);
}

/* ---- A child that does not end ---- */

static pid_t child_start(void)
{
	char *argv[] = {(char *)"sleep", (char *)"60", NULL};
	pid_t pid;

	int error = posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ);
	errno = error;
	need(!error, "a child");
	return pid;
}

static long child_wait_posix(void *pid)
{
	int status;

	return waitpid(*(pid_t *)pid, &status, 0);
}

static long child_wait_lapse(void *pid)
{
	int status;

	return lapse_waitpid(*(pid_t *)pid, &status, 0);
}

static void child_posix(struct side *side)
{
	pid_t pid = child_start();
	struct blocked waiting;

	lapse_time begin = lapse_now();
	blocked_start(&waiting, child_wait_posix, &pid);
	lapse_sleep_until(begin + late_ns);
	kill(pid, SIGKILL);
	blocked_end(&waiting);
	side->took = waiting.end - begin;
	side_says(side, "waitpid, which knows no limit: %s",
	          waiting.result < 0 ? error_name(waiting.error) : "the child");
}

static void child_lapse(struct side *side)
{
	pid_t pid = child_start();
	int status = 0;
	struct blocked waiting;
	struct scoped scoped = {.call = child_wait_lapse, .arg = &pid};

	lapse_time begin = lapse_now();
	blocked_start(&waiting, call_scoped, &scoped);
	blocked_end(&waiting);
	kill(pid, SIGKILL);
	bool later = lapse_waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
	side->took = waiting.end - begin;
	side->kept = failed_in_time(&waiting, LAPSE_EXPIRED, scoped.deadline) && later;
	side_says(side, "lapse_waitpid in a scope: %s; its status later: %s",
	          error_name(waiting.error), later ? "killed" : "lost");
}

/* ---- A function that blocks in a system call ---- */

static long nap(void *arg)
{
	const struct timespec time = {.tv_nsec = late_ns};

	(void)arg;
	return nanosleep(&time, NULL);
}

static long nap_lapse(void *arg)
{
	return lapse_call(nap, arg);
}

static void call_posix(struct side *side)
{
	struct blocked sleeping;

	lapse_time begin = lapse_now();
	blocked_start(&sleeping, nap, NULL);
	blocked_end(&sleeping);
	side->took = sleeping.end - begin;
	side_says(side, "the call: %s", sleeping.result ? error_name(sleeping.error) : "it slept");
}

static void call_lapse(struct side *side)
{
	struct blocked sleeping;
	struct scoped scoped = {.call = nap_lapse};

	lapse_time begin = lapse_now();
	blocked_start(&sleeping, call_scoped, &scoped);
	blocked_end(&sleeping);
	side->took = sleeping.end - begin;
	side->kept = failed_in_time(&sleeping, LAPSE_EXPIRED, scoped.deadline);
	side_says(side, "lapse_call in a scope: %s", error_name(sleeping.error));
}

/* ---- A function that no signal ends ---- */

/* It waits for a mutex, and then makes a descriptor. */
struct hanging {
	pthread_mutex_t mutex;
	atomic_bool disposed; /* by lapse, of what it made too late */
};

static long hang(void *arg)
{
	struct hanging *hanging = *(struct hanging **)arg;

	pthread_mutex_lock(&hanging->mutex);
	int made = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pthread_mutex_unlock(&hanging->mutex);
	return made;
}

static void dispose(void *arg, long made)
{
	struct hanging *hanging = *(struct hanging **)arg;

	close((int)made);
	hanging->disposed = true;
}

static long hang_lapse(void *arg)
{
	return lapse_call_detached(hang, arg, sizeof(struct hanging *), dispose);
}

/* In static storage: the thread that is let go looks at it until it ends. */
static void detached_posix(struct side *side)
{
	static struct hanging hanging = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	struct hanging *arg = &hanging;
	struct blocked waiting;

	pthread_mutex_lock(&hanging.mutex);
	lapse_time begin = lapse_now();
	blocked_start(&waiting, hang, &arg);
	lapse_sleep_until(begin + late_ns);
	pthread_mutex_unlock(&hanging.mutex);
	blocked_end(&waiting);
	side->took = waiting.end - begin;
	side_says(side, "the call: it comes back when it likes");
	close((int)waiting.result);
}

static void detached_lapse(struct side *side)
{
	static struct hanging hanging = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	struct hanging *arg = &hanging;
	struct blocked waiting;
	struct scoped scoped = {.call = hang_lapse, .arg = &arg};

	pthread_mutex_lock(&hanging.mutex);
	lapse_time begin = lapse_now();
	blocked_start(&waiting, call_scoped, &scoped);
	blocked_end(&waiting);
	bool early = hanging.disposed;
	pthread_mutex_unlock(&hanging.mutex);
	while (!hanging.disposed)
		lapse_sleep_until(lapse_in(LAPSE_MS));
	side->took = waiting.end - begin;
	side->kept = failed_in_time(&waiting, LAPSE_EXPIRED, scoped.deadline) && !early;
	side_says(side, "lapse_call_detached: %s; what it made at last was closed",
	          error_name(waiting.error));
}

const struct scene call_scenes[] = {
	{"A FIFO is to be opened within 200 ms; there is no peer before 500.", fifo_posix,
         fifo_lapse},
	{"A child is waited for, 200 ms at most; it ends after 500.", child_posix, child_lapse},
	{"A function blocks in nanosleep for 500 ms; it may take 200.", call_posix, call_lapse},
	{"A function blocks in what no signal ends for 500 ms; it may take 200.", detached_posix,
         detached_lapse},
	{0},
};
