/* S1: a reader that waits, its deadline set earlier, the clock.
 *
 * Raced: a setter's store and look for the sleeper against the reader's way into its sleep. Promises
 * 1 (any time), 2, 3; the end of each word.
 * To catch: 1, 2 (accesses of the protocol weaker than seq_cst), 4, 7 (no second look, or one that
 * leaves deadlines out), 9, 11-20: above all 15-17, 20. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 200);
	o_warm(0);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void setter(void)
{
	(void)o_set_read_deadline(ends[0], 100);
}

const struct x_scenario s1 = {
	.name = "s1",
	.about = "reader blocked; deadline set earlier; clock",
	.setup = setup,
	.threads = {reader, setter},
	.instants = {100, 200},
	.outcome = o_outcome,
};
