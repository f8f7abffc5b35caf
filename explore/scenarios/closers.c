/* Two who close the same handle, and a read that waits: one of them closes it, once; the other gets
 * EBADF.
 *
 * Promises 6, the rules for close.
 * To catch: 5, 26, 28, 29 (a second close succeeds). closers_two has no reader. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
	o_warm(2);
}

static void closer(void)
{
	(void)o_close(ends[0]);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

const struct x_scenario closers = {
	.name = "closers",
	.about = "reader; two closers",
	.setup = setup,
	.threads = {reader, closer, closer},
	.outcome = o_outcome,
};

const struct x_scenario closers_two = {
	.name = "closers_two",
	.about = "two closers, nobody inside",
	.setup = setup,
	.threads = {closer, closer},
	.outcome = o_outcome,
};
