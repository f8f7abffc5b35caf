/* Drives "Which limit to set" of lapse_deadline(3): three statements and read_at_rate().
 * Owns the pipe that they are tried on; the examples come from the page. */
#include "rate.c"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static lapse_fd ends[2];

static void check_call(lapse_fd fd)
{
	lapse_time start = lapse_now();
	char buf[16];
	ssize_t n;

	assert(lapse_write(ends[1], "x", 1) == 1);
#include "limit_call.c"
	assert(n == 1);
	assert(lapse_read_deadline(fd) >= start + 60 * LAPSE_S);
	assert(lapse_read_deadline(fd) <= lapse_in(60 * LAPSE_S));
	assert(lapse_write_deadline(fd) == LAPSE_NEVER);
}

static void check_total(lapse_fd fd)
{
	lapse_time start = lapse_now();

#include "limit_total.c"
	assert(lapse_read_deadline(fd) >= start + 60 * LAPSE_S);
	assert(lapse_read_deadline(fd) == lapse_write_deadline(fd));
	assert(lapse_set_deadline(fd, LAPSE_NEVER) == 0);
}

/* An idle limit is no deadline: none may appear on the handle. */
static void check_idle(lapse_fd fd)
{
	char byte;

#include "limit_idle.c"
	assert(lapse_write(ends[1], "x", 1) == 1);
	assert(lapse_read(fd, &byte, 1) == 1);
	assert(lapse_read_deadline(fd) == LAPSE_NEVER && lapse_write_deadline(fd) == LAPSE_NEVER);
}

/* Wait for the deadline to follow the two KiB that were written, then let it pass. */
static void *stop_after_progress(void *start)
{
	while (lapse_read_deadline(ends[0]) == LAPSE_NEVER ||
	       lapse_read_deadline(ends[0]) < *(lapse_time *)start + 12 * LAPSE_S)
		assert(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
	assert(lapse_set_read_deadline(ends[0], 0) == 0);
	return NULL;
}

static void check_rate(void)
{
	static char sent[2048], got[4096];
	lapse_time start = lapse_now();
	pthread_t thread;

	memset(sent, 'x', sizeof sent);
	assert(lapse_write(ends[1], sent, sizeof sent) == sizeof sent);
	assert(read_at_rate(ends[0], got, sizeof sent) == 0);
	assert(memcmp(got, sent, sizeof sent) == 0);
	assert(lapse_read_deadline(ends[0]) == LAPSE_NEVER);

	assert(lapse_write(ends[1], sent, sizeof sent) == sizeof sent);
	assert(pthread_create(&thread, NULL, stop_after_progress, &start) == 0);
	assert(read_at_rate(ends[0], got, sizeof got) == -1 && errno == LAPSE_EXPIRED);
	assert(pthread_join(thread, NULL) == 0);

	assert(lapse_close(ends[1]) == 0);
	assert(read_at_rate(ends[0], got, sizeof got) == -1 && errno == EPROTO);
}

int main(void)
{
	assert(lapse_pipe(ends) == 0);
	check_call(ends[0]);
	check_total(ends[0]);
	check_idle(ends[0]);
	check_rate();
	return 0;
}
