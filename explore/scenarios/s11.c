/* S11: a thread in a system call that a signal has to break off, or on its way in, or out.
 *
 * Raced: the look at the parker's state, the gap and the call against who sends; the watcher's look at
 * all parkers against who begins a call; a signal that comes late, or while somebody else's handler
 * stands on the gap. Promises 1, 2, the rules for close and cancel; and that no signal comes to a thread
 * that is in no call any more.
 * To catch: 49 to 52. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

#include <sys/file.h>

static lapse_fd file;

/* Somebody else has the file's lock, in a description of its own, and keeps it. */
static void setup(void)
{
	int number = (int)k_openat(AT_FDCWD, "file", O_RDWR, 0);
	int other = (int)k_openat(AT_FDCWD, "file", O_RDWR, 0);

	(void)k_flock(other, LOCK_EX);
	file = o_adopt(number);
	for (int i = 0; i < 3; i++)
		o_warm(i);
}

/* Whom the cancel comes too early for waits on. */
static void patient(void)
{
	setup();
	o_warm(0);
	o_may_wait();
}

static void setup_deadline(void)
{
	setup();
	(void)o_set_deadline(file, 100);
}

static void locker(void)
{
	(void)o_flock(file, LOCK_EX);
}

static void setter(void)
{
	o_until_watched(2);
	(void)o_set_deadline(file, 100);
}

static void canceler(void)
{
	o_until_watched(2);
	(void)o_cancel(file, LAPSE_READ);
}

static void closer(void)
{
	o_until_watched(2);
	(void)o_close(file);
}

const struct x_scenario s11_deadline = {
	.name = "s11_deadline",
	.about = "lock that is never free; its deadline passes, and the watcher sends",
	.setup = setup_deadline,
	.threads = {locker},
	.instants = {100},
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

const struct x_scenario s11_set = {
	.name = "s11_set",
	.large = true,
	.about = "lock that is never free; a deadline is set under it",
	.setup = setup,
	.threads = {locker, setter},
	.instants = {100},
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

const struct x_scenario s11_cancel = {
	.name = "s11_cancel",
	.about = "lock that is never free; cancel",
	.setup = patient,
	.threads = {locker, canceler},
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

const struct x_scenario s11_close = {
	.name = "s11_close",
	.large = true,
	.about = "lock that is never free; close",
	.setup = setup,
	.threads = {locker, closer},
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};
