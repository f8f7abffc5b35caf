/* The queue of writers: one waits with the turn, another queues and gives up, and there is a next.
 *
 * Raced: the turn's being given on against a queued one's leaving with a verdict: it must go to
 * somebody, and not be lost with the one who left. Promises 8, 1, 2, 7.
 * To catch: 30 (the giver drops a queued waiter), 31, 12, and a turn that comes to one who quits and
 * is not passed on. queue_expiry has three threads: not for each commit. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;
static lapse_scope scope;

static void setup(void)
{
	k_set_capacity(2);
	o_fair();
	(void)o_socketpair(ends);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
	o_may_wait(); /* room may come too early */
	o_warm(1);
	o_warm(2);
}

static void held(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
	o_hold(ends[0], LAPSE_WRITE);
}

/* With a deadline of its own, by a scope. */
static void impatient(void)
{
	o_scope_enter(&scope, 100);
	(void)o_write(ends[0], 1);
	(void)o_scope_leave(&scope);
}

static void writer(void)
{
	(void)o_write(ends[0], 3);
}

static void drain(void)
{
	(void)o_raw_read(peer, 4);
}

static void one_byte(void)
{
	(void)o_write(ends[0], 1);
}

/* Getting the turn would wake it too: not before it has been seen whether the deadline does. */
static void sets_and_lets_go(void)
{
	(void)o_set_write_deadline(ends[0], 100);
	o_until(200);
	o_let_go();
}

static void lets_go(void)
{
	o_let_go();
}

const struct x_scenario queue_turns = {
	.name = "queue_turns",
	.about = "two short writes, nobody has to wait for room",
	.setup = setup,
	.threads = {one_byte, one_byte},
	.outcome = o_outcome,
};

const struct x_scenario queue_quit = {
	.name = "queue_quit",
	.about = "a queued writer expires as the turn is given up",
	.setup = held,
	.threads = {impatient, lets_go},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario queue_set = {
	.name = "queue_set",
	.about = "a queued writer; deadline set; later the turn is given up",
	.setup = held,
	.threads = {one_byte, sets_and_lets_go},
	.instants = {100, 200},
	.outcome = o_outcome,
};

const struct x_scenario queue_expiry = {
	.name = "queue_expiry",
	.about = "a writer waits; a queued one expires as room comes",
	.setup = setup,
	.threads = {writer, impatient, drain},
	.instants = {100},
	.outcome = o_outcome,
};
