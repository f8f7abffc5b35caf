/* S9: two writers at a small buffer, a reader that drips, short counts, a deadline midway.
 *
 * Raced: turns of two writes, each cut into pieces, against the room that comes bit by bit and the
 * deadline. Promises 5 (counts), 7 (the whole operation), 8 (bytes of a write lie together).
 * To catch: 30 (a queued waiter is dropped), 53, 55 (EINTR comes out: the faults), 56 (an error beats
 * a count). s9_two has the second writer drain first. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;

static void setup(void)
{
	k_set_capacity(2);
	(void)o_socketpair(ends);
	(void)o_set_write_deadline(ends[0], 100);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
	o_warm(1);
}

static void unhurried(void)
{
	k_set_capacity(2);
	(void)o_socketpair(ends);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
	o_may_wait(); /* room may come too early */
	o_warm(1);
	o_may_wait();
}

static void writer(void)
{
	(void)o_write(ends[0], 3);
}

static void writes_one(void)
{
	(void)o_write(ends[0], 1);
}

static void drip(void)
{
	(void)o_raw_read(peer, 2);
}

static void drains_and_writes(void)
{
	(void)o_raw_read(peer, 2);
	(void)o_write(ends[0], 1);
}

const struct x_scenario s9_short = {
	.name = "s9_short",
	.about = "a writer; drip reader; short counts, EINTR",
	.setup = setup,
	.threads = {writer, drip},
	.instants = {100},
	.faults = 1,
	.outcome = o_outcome,
};

const struct x_scenario s9_two = {
	.name = "s9_two",
	.about = "two writers, one of whom drains first",
	.setup = unhurried,
	.threads = {writer, drains_and_writes},
	.outcome = o_outcome,
};

const struct x_scenario s9_three = {
	.name = "s9_three",
	.about = "two writers; drip reader; deadline midway",
	.setup = setup,
	.threads = {writer, writes_one, drip},
	.instants = {100},
	.outcome = o_outcome,
};
