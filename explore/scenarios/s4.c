/* S4: data and expiry in one instant, then another read.
 *
 * Raced: the peer's bytes against the verdict, at the deadline itself. Promises 4 (sticky; no byte is
 * lost), 5 (the result wins), 6 (readiness already reported is tried first), 2.
 * To catch: 8 (the second look leaves readiness out), 38 (expiry that sticks where it should not), 56
 * (an error beats a count). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 100);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
}

static void reader(void)
{
	if (o_read(ends[0], 8) >= 0)
		return;
	(void)o_check(ends[0], LAPSE_READ);
	(void)o_set_read_deadline(ends[0], LAPSE_NEVER);
	(void)o_read(ends[0], 8);
}

static void sender(void)
{
	o_until(100);
	(void)o_raw_write(peer, 3);
}

const struct x_scenario s4 = {
	.name = "s4",
	.about = "reader; data and expiry at one instant; reads again",
	.setup = setup,
	.threads = {reader, sender},
	.instants = {100, 200},
	.outcome = o_outcome,
};
