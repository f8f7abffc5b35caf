/* S2: a reader that waits, its deadline set later and then earlier, the clock.
 *
 * Raced: an extension against the verdict that is just being drawn; the second set against a sleeper
 * that goes back to sleep for the later one. Promises 1, 2 (never early), 3.
 * To catch: 9 (deadline loaded before the clock), 10 (verdict not confirmed), 17 (the setter compares
 * with the old deadline), 18, 19 (armed wrong on sleeping again). s2_later is the first half alone,
 * with the deadline at hand as the clock moves. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 100);
	o_warm(0);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void later_then_earlier(void)
{
	(void)o_set_read_deadline(ends[0], 300);
	(void)o_set_read_deadline(ends[0], 200);
}

static void later(void)
{
	(void)o_set_read_deadline(ends[0], 200);
}

const struct x_scenario s2 = {
	.name = "s2",
	.about = "reader blocked; deadline set later, then earlier; clock",
	.setup = setup,
	.threads = {reader, later_then_earlier},
	.instants = {100, 200, 300},
	.outcome = o_outcome,
};

const struct x_scenario s2_later = {
	.name = "s2_later",
	.about = "reader about to expire; deadline set later",
	.setup = setup,
	.threads = {reader, later},
	.instants = {100, 200},
	.outcome = o_outcome,
};
