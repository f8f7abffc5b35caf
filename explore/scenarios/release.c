/* Release against a read that waits and against data that come: the number is handed back when the
 * read has left, with its flags as they were, and bytes that were not read are still there.
 *
 * Promises 6, 9 (a good guest), 5.
 * To catch: 5, 12, 26 (handed back before the last has left), 28. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;

static void setup(void)
{
	(void)o_socketpair(ends);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
	o_warm(1);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void releaser(void)
{
	int number = o_release(ends[0]);

	if (number >= 0)
		(void)o_raw_read(number, 4);
}

static void sender(void)
{
	(void)o_raw_write(peer, 2);
}

const struct x_scenario release = {
	.name = "release",
	.about = "reader; release, then the number is read; data come",
	.setup = setup,
	.threads = {reader, releaser, sender},
	.outcome = o_outcome,
};
