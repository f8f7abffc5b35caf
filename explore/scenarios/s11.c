/* S11: a thread in a system call that a signal has to break off, or on its way in, or out.
 *
 * Raced: the look at the parker's state, the gap and the call against who sends; the watcher's look at
 * all callers against who begins a call; a handler that arms anew against who moves the deadline; a
 * signal that comes late, or while somebody else's handler stands on the gap. Promises 1, 2, the rules
 * for close and cancel; and that no signal comes to a thread that is in no call any more.
 * To catch: 49 to 52. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"
#include "os/os.h"
#include "wait/interrupt.h"

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

/* Where the watcher is there already, and asleep: by the first instant, which comes at rest. */
static void watched(void)
{
	if (lp_interrupt_start() < 0)
		x_unfit("no watcher");
	o_until(2);
}

static void watched_locker(void)
{
	watched();
	locker();
}

static void setter(void)
{
	o_until(2);
	(void)o_set_read_deadline(file, 100);
}

static void canceler(void)
{
	o_until_watched(2);
	(void)o_cancel(file, LAPSE_READ);
}

static void closer(void)
{
	o_until(2);
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
	.threads = {watched_locker, setter},
	.instants = {2, 100},
	.first_at_rest = true,
	.at_rest = 1,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

static void second_locker(void)
{
	o_until(2);
	locker();
}

const struct x_scenario s11_second = {
	.name = "s11_second",
	.about = "lock that is never free, and the watcher is another's; a deadline passes",
	.setup = setup_deadline,
	.threads = {watched, second_locker},
	.instants = {2, 100},
	.first_at_rest = true,
	.spare = 1,
	.visited = 2,
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
	.about = "lock that is never free; close",
	.setup = setup,
	.threads = {watched_locker, closer},
	.instants = {2},
	.first_at_rest = true,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

/* ---- A foreign function: lapse_call ---- */

static int pipe_ends[2];
static lapse_scope scope;
static lapse_scope_id shared;

static void enter_shared(lapse_time deadline)
{
	o_grace(LAPSE_MS);
	(void)k_pipe2(pipe_ends, 0);
	for (int i = 0; i < 3; i++)
		o_warm(i);
	x_be(0);
	o_scope_enter(&scope, deadline);
	shared = o_scope_share(&scope);
}

static void enter(void)
{
	enter_shared(LAPSE_NEVER);
}

/* The watcher sleeps only if there is a call for it to watch: none if time is up before. */
static void enter_until_100(void)
{
	enter_shared(100);
	x_be(1);
	o_may_wait();
	x_be(0);
}

/* As a function of somebody else's would: it gives up when it is interrupted. */
static long read_pipe(void *unused)
{
	char byte;
	long r = k_read(pipe_ends[0], &byte, 1);

	(void)unused;
	errno = r < 0 ? (int)-r : 0;
	return r < 0 ? -1 : r;
}

static void caller(void)
{
	(void)o_call(read_pipe, NULL);
	(void)o_scope_leave(&scope);
}

static void scope_canceler(void)
{
	o_until_watched(2);
	(void)o_scope_cancel(shared);
}

static void watched_caller(void)
{
	watched();
	caller();
}

static void scope_extender(void)
{
	o_until(2);
	(void)o_scope_move(shared, 200);
}

const struct x_scenario s11_call = {
	.name = "s11_call",
	.about = "read in lapse_call; the scope's deadline passes",
	.setup = enter_until_100,
	.threads = {caller},
	.instants = {100, 100 + LAPSE_MS},
	.at_rest = 1,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

const struct x_scenario s11_call_cancel = {
	.name = "s11_call_cancel",
	.about = "read in lapse_call; its scope is cancelled",
	.setup = enter,
	.threads = {caller, scope_canceler},
	.instants = {LAPSE_MS + 1},
	.at_rest = 1,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

const struct x_scenario s11_call_later = {
	.name = "s11_call_later",
	.large = true,
	.about = "read in lapse_call; the deadline of its scope is moved later as it passes",
	.setup = enter_until_100,
	.threads = {watched_caller, scope_extender},
	.instants = {2, 100, 200, 200 + LAPSE_MS},
	.first_at_rest = true,
	.at_rest = 2,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

/* Moved later, which nobody is told; then the call is woken for nothing, as by the watcher at the old
 * deadline, and the deadline is moved earlier as it arms anew. The watcher's races are s11_call_later's. */
static void scope_mover(void)
{
	o_until(3);
	(void)o_scope_move(shared, 300 + LAPSE_MS);
	o_unpark(0);
	(void)o_scope_move(shared, 200);
}

const struct x_scenario s11_call_moved = {
	.name = "s11_call_moved",
	.about = "read in lapse_call; its deadline is moved later, and earlier as it arms anew",
	.setup = enter_until_100,
	.threads = {watched_caller, scope_mover},
	.instants = {2, 3, 100, 200, 200 + LAPSE_MS},
	.at_rest = 5,
	.spare = 1,
	.last = 2,
	.visited = 1,
	.outcome = o_outcome,
};

/* ---- Somebody else's signal, whose handler stands on the gap as ours comes ---- */

static void other_handler(void)
{
}

static void setup_other(void)
{
	setup_deadline();
	o_grace(LAPSE_MS);
	x_be(1);
	o_may_wait();
}

static void signaler(void)
{
	o_until(2);
	k_other_signal(0, other_handler);
}

const struct x_scenario s11_other = {
	.name = "s11_other",
	.large = true,
	.about = "lock that is never free; its deadline passes while another's handler runs",
	.setup = setup_other,
	.threads = {watched_locker, signaler},
	.instants = {2, 100, 100 + LAPSE_MS},
	.first_at_rest = true,
	.at_rest = 1,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};

/* ---- A thread that ends in lapse_call ---- */

static long ends_here(void *unused)
{
	(void)read_pipe(unused);
	o_thread_leave();
}

static void caller_ends(void)
{
	(void)o_call(ends_here, NULL);
}

static void reads_after(void)
{
	o_until(100);
	(void)o_sleep_until(200);
}

static void enter_alone(void)
{
	enter_shared(100);
	x_be(1);
}

const struct x_scenario s11_ends = {
	.name = "s11_ends",
	.about = "a thread ends in lapse_call, interrupted; another sleeps",
	.setup = enter_alone,
	.threads = {caller_ends, reads_after},
	.instants = {100, 100 + LAPSE_MS, 2 * LAPSE_MS},
	.at_rest = 3,
	.spare = 1,
	.visited = 1,
	.outcome = o_outcome,
};
