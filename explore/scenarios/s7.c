/* S7: cancel against an operation that waits, one that queues, and one that begins later; then a
 * deadline for what is left.
 *
 * Raced: the cancel's count and its look for sleepers against samples, looks and sleeps. Promises 3
 * (nothing that begins after a cancel returned fails by it), the cancel itself, 1.
 * To catch: 6 (the second look leaves cancel out), 33 (a flag instead of a count), 34 (the count read
 * after the first check), 35 (queued ones ignored: s7_queued). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
}

static void expiring(void)
{
	setup();
	(void)o_set_read_deadline(ends[0], 100);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void reads_again(void)
{
	(void)o_read(ends[0], 4);
	(void)o_read(ends[0], 4);
}

static void canceler(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
	(void)o_set_read_deadline(ends[0], 100);
}

static void cancels_alone(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
}

const struct x_scenario s7 = {
	.name = "s7",
	.about = "pending and later read; cancel, then a deadline",
	.setup = setup,
	.threads = {reads_again, canceler},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario s7_queued = {
	.name = "s7_queued",
	.about = "pending and queued read; cancel",
	.setup = expiring,
	.threads = {reader, reader, cancels_alone},
	.instants = {100},
	.outcome = o_outcome,
};
