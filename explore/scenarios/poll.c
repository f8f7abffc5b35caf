/* lapse_poll over two handles: one has its deadline moved, the other is closed, or gets data.
 *
 * Raced: a sleeper that is found through the lists of two slots against changes of both. Promises 1,
 * 2, 6; each entry's own verdict.
 * To catch: 4-7 for those who hold no turn, 12, 28 (those in the list are not woken), 37. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd a[2];
static lapse_fd b[2];
static int peer;

static void setup(void)
{
	(void)o_socketpair(a);
	(void)o_socketpair(b);
	(void)o_set_read_deadline(b[0], 200);
	peer = lapse_sysfd(a[1]);
	o_warm(0);
	o_warm(1);
	o_warm(2);
}

static void poller(void)
{
	struct lapse_pollfd fds[2] = {{.fd = a[0], .dirs = LAPSE_READ},
	                              {.fd = b[0], .dirs = LAPSE_READ}};

	(void)o_poll(fds, 2);
}

static void setter(void)
{
	(void)o_set_read_deadline(b[0], 100);
}

static void closer(void)
{
	(void)o_close(a[0]);
}

static void sender(void)
{
	(void)o_raw_write(peer, 1);
}

const struct x_scenario poll_set = {
	.name = "poll_set",
	.about = "poll over two handles; the deadline of one set earlier; data for the other",
	.setup = setup,
	.threads = {poller, setter, sender},
	.instants = {100, 200},
	.outcome = o_outcome,
};

const struct x_scenario poll_close = {
	.name = "poll_close",
	.about = "poll over two handles; one closed",
	.setup = setup,
	.threads = {poller, closer},
	.instants = {200},
	.outcome = o_outcome,
};
