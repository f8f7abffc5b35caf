/* Operations that take no turn, against close: a wait, and a dup.
 *
 * Raced: those who are only pinned, and found through the list, against the closer's looks; a dup's
 * new descriptor against the close of the old. Promises 1, 6, the rules for close.
 * To catch: 5, 12, 26, 28 (the list is not woken). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
}

static void waiter(void)
{
	(void)o_wait(ends[0], LAPSE_READ);
}

static void duplicator(void)
{
	lapse_fd copy = o_dup(ends[0]);

	if (copy != LAPSE_NOFD)
		(void)o_close(copy);
}

static void closer(void)
{
	(void)o_close(ends[0]);
	(void)o_raw_open();
}

static void setter(void)
{
	(void)o_set_read_deadline(ends[0], 100);
}

static void canceler(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
	(void)o_set_deadline(ends[0], 100);
}

const struct x_scenario wait_close = {
	.name = "wait_close",
	.about = "wait for readiness; close",
	.setup = setup,
	.threads = {waiter, closer},
	.outcome = o_outcome,
};

const struct x_scenario wait_set = {
	.name = "wait_set",
	.about = "wait for readiness; deadline set",
	.setup = setup,
	.threads = {waiter, setter},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario wait_cancel = {
	.name = "wait_cancel",
	.about = "wait for readiness; cancel, then a deadline",
	.setup = setup,
	.threads = {waiter, canceler},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario dup_close = {
	.name = "dup_close",
	.about = "dup; close of the original, whose number is used again",
	.setup = setup,
	.threads = {duplicator, closer},
	.outcome = o_outcome,
};
