/* Drives line_read() of lapse_deadline(3): a line in pieces, no line in time, and a peer that always
 * has data ready. Owns the peer; the example comes from the page. */
#include "drive.c"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static lapse_fd ends[2];

/* Write the second half once the first was taken, which makes it likely that the reader waits. */
static void *finish(void *unused)
{
	char byte;

	while (recv(lapse_sysfd(ends[0]), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		assert(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
	assert(lapse_write(ends[1], "lo\n", 3) == 3);
	return unused;
}

int main(void)
{
	struct line line = {.n = 0};
	lapse_time start;
	pthread_t thread;

	assert(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	assert(lapse_write(ends[1], "hel", 3) == 3);
	assert(pthread_create(&thread, NULL, finish, NULL) == 0);
	assert(line_read(ends[0], &line) == 0);
	assert(line.n == 5 && memcmp(line.text, "hello", 5) == 0);
	assert(pthread_join(thread, NULL) == 0);

	line.n = 0;
	start = lapse_now();
	assert(lapse_set_read_deadline(ends[0], start + 20 * LAPSE_MS) == 0);
	assert(line_read(ends[0], &line) == -1 && errno == LAPSE_EXPIRED);
	assert(lapse_now() - start >= 20 * LAPSE_MS);

	assert(lapse_write(ends[1], "late\n", 5) == 5);
	assert(line_read(ends[0], &line) == -1 && errno == LAPSE_EXPIRED);
	assert(line.n == 0);
	assert(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	assert(line_read(ends[0], &line) == 0 && line.n == 4);
	return 0;
}
