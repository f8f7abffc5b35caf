/* S7: cancel against an operation that waits, one that queues, and one that begins later; then a
 * deadline for what is left.
 *
 * Raced: the cancel's count and its look for sleepers against samples, looks and sleeps. Promises 3
 * (nothing that begins after a cancel returned fails by it), the cancel itself, 1.
 * To catch: 6 (the second look leaves cancel out), 33 (a flag instead of a count), 34 (the count read
 * after the first check), 35 (queued ones ignored: s7_queued). s7_three is large: 11 million runs to the end. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
}

/* Those whom the cancel comes too early for wait on. */
static void patient(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_may_wait();
	o_warm(1);
	o_may_wait();
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void reads_and_checks(void)
{
	(void)o_read(ends[0], 4);
	(void)o_check(ends[0], LAPSE_READ);
}

static void held(void)
{
	patient();
	o_hold(ends[0], LAPSE_READ);
}

/* Getting the turn would wake it too: not before it has been seen whether the cancel does. */
static void cancels_and_lets_go(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
	o_until(100);
	o_let_go();
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
	.about = "pending read, then a check; cancel",
	.setup = patient,
	.threads = {reads_and_checks, cancels_alone},
	.outcome = o_outcome,
};

const struct x_scenario s7_set = {
	.name = "s7_set",
	.about = "pending read; cancel, then a deadline",
	.setup = setup,
	.threads = {reader, canceler},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario s7_queued = {
	.name = "s7_queued",
	.about = "queued read; cancel, then the turn is given up",
	.setup = held,
	.threads = {reader, cancels_and_lets_go},
	.instants = {100},
	.outcome = o_outcome,
};

const struct x_scenario s7_three = {
	.name = "s7_three",
	.large = true,
	.about = "pending and queued read; cancel",
	.setup = patient,
	.threads = {reader, reader, cancels_alone},
	.outcome = o_outcome,
};
