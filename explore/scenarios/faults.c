/* What a kernel may do at any time: break calls off, wake for nothing, move fewer bytes than there
 * are. A read, and a deadline set under it.
 *
 * Promises 1, 2, 5; no EINTR ever comes out.
 * To catch: 55 (EINTR comes out), 18, 19 (the alarm after a wake-up for nothing), 11. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 200);
	peer = lapse_sysfd(ends[1]);
	o_warm(0);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void full(void)
{
	(void)o_read_full(ends[0], 3);
}

static void setter(void)
{
	(void)o_set_read_deadline(ends[0], 100);
}

static void sender(void)
{
	(void)o_raw_write(peer, 3);
}

const struct x_scenario faults_set = {
	.name = "faults_set",
	.about = "a read that is broken off; deadline set earlier",
	.setup = setup,
	.threads = {reader, setter},
	.instants = {100, 200},
	.faults = 1,
	.outcome = o_outcome,
};

const struct x_scenario faults_data = {
	.name = "faults_data",
	.about = "a read of all that is asked for, broken off and short; data",
	.setup = setup,
	.threads = {full, sender},
	.instants = {200},
	.faults = 1,
	.outcome = o_outcome,
};
