/* S3: a reader that waits, and two who set its deadline.
 *
 * Raced: two setters against each other and against the sleeper: whichever value is left in force has
 * to be obeyed. Promises 1, 2, 3.
 * To catch: 14 (a plain store where a swap is needed), 17 (compared with the old deadline instead of
 * armed), 20 (woken before the store). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void early(void)
{
	(void)o_set_read_deadline(ends[0], 100);
}

static void late(void)
{
	(void)o_set_read_deadline(ends[0], 200);
}

static void both(void)
{
	(void)o_set_deadline(ends[0], 100);
}

const struct x_scenario s3_both = {
	.name = "s3_both",
	.about = "reader blocked; a deadline set in both directions",
	.setup = setup,
	.threads = {reader, both},
	.instants = {100, 200},
	.outcome = o_outcome,
};

const struct x_scenario s3 = {
	.name = "s3",
	.about = "reader blocked; two setters",
	.setup = setup,
	.threads = {reader, early, late},
	.instants = {100, 200},
	.outcome = o_outcome,
};
