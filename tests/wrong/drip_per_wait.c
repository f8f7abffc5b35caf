/* SO_RCVTIMEO, State Threads: the timeout is for each wait, so a peer that sends a byte now and then
 * stretches a conversation without end. Here the deadline is an instant, the same for every read. */
#include "check.h"

#include <poll.h>
#include <unistd.h>

struct peer {
	int sysfd;
	atomic_bool stop;
};

static void *send_for_ever(void *arg)
{
	static const struct timespec pause = {0, 500000};
	struct peer *peer = arg;
	struct pollfd ready = {peer->sysfd, POLLOUT, 0};

	while (!atomic_load(&peer->stop)) {
		if (poll(&ready, 1, 0) == 1 && write(peer->sysfd, "x", 1) != 1)
			return NULL;
		nanosleep(&pause, NULL); /* now and then is what it is about */
	}
	return NULL;
}

/* Byte by byte, each wait is short; the sum of them is not. */
static void conversation_ends(void **state)
{
	const struct where *where = *state;
	struct peer peer = {0};
	lapse_time deadline;
	pthread_t thread;
	lapse_fd ends[2];
	ssize_t n = 1;
	char byte;

	family_make(where->family, ends);
	peer.sysfd = lapse_sysfd(ends[1]);
	CHECK(pthread_create(&thread, NULL, send_for_ever, &peer) == 0);
	deadline = lapse_in(30 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
	while (n == 1)
		n = lapse_read(ends[0], &byte, 1);
	CHECK(n == -1 && errno == LAPSE_EXPIRED && lapse_now() >= deadline);
	atomic_store(&peer.stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST_FAMILIES(conversation_ends, 0)},
};
CHECK_MAIN(checks)
