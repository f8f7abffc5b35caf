/* Drives request() of lapse_deadline(3): a peer that answers in pieces, and one that drips for ever.
 * Owns both peers; the example itself comes from the page. */
#include "request.c"

#include <assert.h>
#include <pthread.h>

static void *answer(void *fd)
{
	char line[5];
	size_t done;

	assert(lapse_read_full(fd, line, sizeof line, &done) == 0 &&
	       memcmp(line, "ping\n", 5) == 0);
	assert(lapse_write(fd, "po", 2) == 2);
	assert(lapse_write(fd, "ng\n", 3) == 3);
	return NULL;
}

/* A byte a millisecond, until the other end is closed: each read of the example succeeds. */
static void *drip(void *fd)
{
	while (lapse_write(fd, "x", 1) == 1)
		assert(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
	return NULL;
}

int main(void)
{
	char reply[65536];
	pthread_t peer;
	lapse_fd ends[2];
	lapse_time start;

	assert(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	assert(pthread_create(&peer, NULL, answer, ends[1]) == 0);
	assert(request(ends[0], "ping\n", reply, sizeof reply, 10 * LAPSE_S) == 4);
	assert(memcmp(reply, "pong", 4) == 0);
	assert(lapse_read_deadline(ends[0]) == LAPSE_NEVER);
	assert(pthread_join(peer, NULL) == 0);

	start = lapse_now();
	assert(pthread_create(&peer, NULL, drip, ends[1]) == 0);
	assert(request(ends[0], "ping\n", reply, sizeof reply, 50 * LAPSE_MS) == -1);
	assert(errno == LAPSE_EXPIRED);
	assert(lapse_now() - start >= 50 * LAPSE_MS);
	assert(lapse_check(ends[0], LAPSE_READ) == -1 && errno == LAPSE_EXPIRED);
	assert(lapse_close(ends[0]) == 0);
	assert(pthread_join(peer, NULL) == 0);
	assert(lapse_close(ends[1]) == 0);
	return 0;
}
