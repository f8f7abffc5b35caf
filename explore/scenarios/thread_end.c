/* A thread that ends, and what it leaves behind: its parker goes to another, who may still be woken for
 * it. And a deadline that is asked for while it is set.
 *
 * Raced: who found the parker in a place against its owner's end and its next owner's sleep. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(2);
	(void)o_set_read_deadline(ends[0], 100);
}

static void reads_and_ends(void)
{
	(void)o_read(ends[0], 1);
	k_thread_exit();
}

static void sleeper(void)
{
	(void)o_sleep_until(200);
}

static void canceler(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
}

const struct x_scenario thread_end = {
	.name = "thread_end",
	.about = "a read expires and its thread ends; another takes its parker; cancel",
	.setup = setup,
	.threads = {reads_and_ends, sleeper, canceler},
	.instants = {100, 200},
	.outcome = o_outcome,
};

static void sets_twice(void)
{
	(void)o_set_read_deadline(ends[0], 200);
	(void)o_set_read_deadline(ends[0], 300);
}

static void asks_twice(void)
{
	lapse_time first = o_read_deadline(ends[0]);

	if (o_read_deadline(ends[0]) < first)
		x_broken("1 any time", "the deadline goes back to what it was before");
}

const struct x_scenario deadline_asked = {
	.name = "deadline_asked",
	.about = "a deadline is asked for while it is set",
	.setup = setup,
	.threads = {asks_twice, sets_twice},
	.outcome = o_outcome,
};
