/* Idle limits against a peer that drips, and against being set under a read that waits.
 *
 * Raced: bytes against the limit, which counts from the last of them; the limit's being set and
 * turned off against the sleeper. Promises 1, 2 (not before the limit has gone by since the last
 * byte), 7 (a deadline is not stretched by drips, an idle limit is).
 * To catch: 7, 9, 17-19 where the alarm comes from an idle limit. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_idle(ends[0], LAPSE_READ, 100);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
	o_may_wait(); /* it may begin so late that no instant is left for its limit */
}

static void both(void)
{
	setup();
	(void)o_set_read_deadline(ends[0], 200);
}

static void deadline_alone(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 300);
	o_warm(0);
}

static void reader(void)
{
	(void)o_read_full(ends[0], 3);
}

static void drip(void)
{
	o_until(60);
	(void)o_raw_write(peer, 1);
}

static void setter(void)
{
	(void)o_set_idle(ends[0], LAPSE_READ, 100);
}

static void turns_off(void)
{
	(void)o_set_idle(ends[0], LAPSE_READ, 0);
}

const struct x_scenario idle_drip = {
	.name = "idle_drip",
	.about = "idle limit; a byte comes in time, then none",
	.setup = setup,
	.threads = {reader, drip},
	.instants = {60, 101, 201},
	.outcome = o_outcome,
};

const struct x_scenario idle_set = {
	.name = "idle_set",
	.about = "idle limit set under a read that waits",
	.setup = deadline_alone,
	.threads = {reader, setter},
	.instants = {101, 201, 300},
	.outcome = o_outcome,
};

const struct x_scenario idle_off = {
	.name = "idle_off",
	.about = "idle limit turned off under a read that waits, up to its deadline",
	.setup = both,
	.threads = {reader, turns_off},
	.instants = {101, 200},
	.outcome = o_outcome,
};

/* Without a deadline the limit is loaded before the clock is read: only its second load tells. */
const struct x_scenario idle_lifted = {
	.name = "idle_lifted",
	.about = "idle limit alone, turned off as it passes",
	.setup = setup,
	.threads = {reader, turns_off},
	.instants = {101},
	.outcome = o_outcome,
};
