/* The calls that single_step steps through: each sleeps in another system call, by another way
 * through the library. Compiled without any sanitizer, as the stepper is, whose handler calls some of
 * this. */
#include "step_targets.h"

#include "os/os.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void need(bool holds, const char *what)
{
	if (!holds)
		step_die("%s: %s", what, strerror(errno));
}

static long or_errno(long r)
{
	return r < 0 ? -errno : r;
}

/* ---- flock: a system call of the library's own ---- */

static int holder;
static lapse_fd locked;

static void flock_ready(void)
{
	need(flock(lapse_sysfd(locked), LOCK_UN) == 0, "unlock");
	need(flock(holder, LOCK_EX | LOCK_NB) == 0, "lock");
}

static long flock_call(void)
{
	return or_errno(lapse_flock(locked, LOCK_EX));
}

static void flock_grant(void)
{
	need(flock(holder, LOCK_UN) == 0, "unlock");
}

/* Who did not get the lock does not have it. */
static void flock_after(long result)
{
	if (result < 0 && flock(holder, LOCK_EX | LOCK_NB) != 0)
		step_die("a lock was taken by a flock that failed");
}

const struct step_target *target_flock(void)
{
	static const struct step_target target = {
		.name = "flock",
		.nr = SYS_flock,
		.ready = flock_ready,
		.call = flock_call,
		.grant = flock_grant,
		.after = flock_after,
	};
	char path[] = "/tmp/lapse_step_XXXXXX";

	holder = mkostemp(path, O_CLOEXEC);
	locked = lapse_open(path, O_RDWR, 0);
	need(holder >= 0 && locked != LAPSE_NOFD && unlink(path) == 0, path);
	return &target;
}

/* ---- A terminal's read, after a poll whose byte somebody else takes ---- */

static int master;
static int thief;
static lapse_fd terminal;

static int terminal_holds(void)
{
	int held = 0;

	need(ioctl(thief, FIONREAD, &held) == 0, "FIONREAD");
	return held;
}

static void terminal_ready(void)
{
	char byte;

	while (terminal_holds() > 0)
		need(read(thief, &byte, 1) == 1, "read");
	need(write(master, "x", 1) == 1, "write");
	while (terminal_holds() == 0)
		(void)sched_yield();
}

static long terminal_call(void)
{
	char byte;

	return or_errno(lapse_read(terminal, &byte, 1));
}

static void terminal_steal(void)
{
	char byte;

	(void)os_read(thief, &byte, 1);
}

static void terminal_grant(void)
{
	need(write(master, "y", 1) == 1, "write");
}

const struct step_target *target_terminal(void)
{
	static const struct step_target target = {
		.name = "terminal read",
		.nr = SYS_readv,
		.ready = terminal_ready,
		.call = terminal_call,
		.grant = terminal_grant,
		.granted = 1,
		.arrives = terminal_steal,
	};
	struct termios raw;
	char name[64];

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	need(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "pty");
	need(ptsname_r(master, name, sizeof name) == 0, "pty");
	thief = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	terminal = lapse_open(name, O_RDWR | O_NOCTTY, 0);
	need(thief >= 0 && terminal != LAPSE_NOFD && tcgetattr(thief, &raw) == 0, name);
	cfmakeraw(&raw);
	need(tcsetattr(thief, TCSANOW, &raw) == 0, name);
	return &target;
}

/* ---- waitpid: what it returns is nowhere else ---- */

static pid_t child;
static int status;

static void waitpid_ready(void)
{
	child = fork();
	need(child >= 0, "fork");
	if (child == 0)
		for (;;)
			(void)pause();
}

static long waitpid_call(void)
{
	long r = or_errno(lapse_waitpid(child, &status, 0));

	return r == child ? 1 : r;
}

static void waitpid_grant(void)
{
	need(kill(child, SIGKILL) == 0, "kill");
}

/* Either it was given to the caller, or it is still there. */
static void waitpid_after(long result)
{
	if (result < 0) {
		waitpid_grant();
		need(waitpid(child, &status, 0) == child, "a status was lost");
	}
	need(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a status is wrong");
	need(waitpid(child, &status, 0) == -1 && errno == ECHILD, "a child is left");
}

const struct step_target *target_waitpid(void)
{
	static const struct step_target target = {
		.name = "waitpid",
		.nr = SYS_wait4,
		.ready = waitpid_ready,
		.call = waitpid_call,
		.grant = waitpid_grant,
		.granted = 1,
		.after = waitpid_after,
	};

	return &target;
}

/* ---- lapse_call of nanosleep, which never begins again by itself ---- */

static void nothing(void)
{
}

static long do_nanosleep(void *unused)
{
	const struct timespec hour = {3600, 0};

	(void)unused;
	return nanosleep(&hour, NULL);
}

static long call_nanosleep(void)
{
	return or_errno(lapse_call(do_nanosleep, NULL));
}

const struct step_target *target_call_nanosleep(void)
{
	static const struct step_target target = {
		.name = "lapse_call of nanosleep",
		.nr = SYS_clock_nanosleep,
		.is_foreign = true,
		.ready = nothing,
		.call = call_nanosleep,
	};

	return &target;
}

/* ---- lapse_call of read, which does ---- */

static int ends[2];

static void pipe_ready(void)
{
	int held = 0;
	char byte;

	need(ioctl(ends[0], FIONREAD, &held) == 0, "FIONREAD");
	while (held-- > 0)
		need(read(ends[0], &byte, 1) == 1, "read");
}

static long do_read(void *unused)
{
	char byte;

	(void)unused;
	return read(ends[0], &byte, 1);
}

static long call_read(void)
{
	return or_errno(lapse_call(do_read, NULL));
}

static void pipe_grant(void)
{
	need(write(ends[1], "x", 1) == 1, "write");
}

const struct step_target *target_call_read(void)
{
	static const struct step_target target = {
		.name = "lapse_call of read",
		.nr = SYS_read,
		.is_foreign = true,
		.ready = pipe_ready,
		.call = call_read,
		.grant = pipe_grant,
		.granted = 1,
	};

	need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	return &target;
}
