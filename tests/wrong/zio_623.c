/* zio issue 623: ten thousand deadlines in one instant exhausted a queue, cancels were dropped, and
 * tasks hung for ever. Here a deadline needs no room anywhere: all of them end. */
#include "check.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 400, HANDLES = 2000 };

struct sleeper {
	pthread_t thread;
	lapse_fd fd;
	lapse_time deadline;
	atomic_int *waiting;
	int error;
};

static void *sleep_and_expire(void *arg)
{
	struct sleeper *s = arg;
	char byte;

	atomic_fetch_add(s->waiting, 1);
	if (lapse_read(s->fd, &byte, 1) == -1)
		s->error = errno;
	return NULL;
}

/* Each thread on a handle of its own; ended in one instant, by a deadline or by cancels at once. */
static void many_threads(void **state)
{
	int count = check_count(THREADS);
	struct sleeper *s = calloc((size_t)count, sizeof(*s));
	lapse_time deadline = lapse_in(20 * LAPSE_MS);
	pthread_attr_t attributes;
	atomic_int waiting = 0;
	lapse_fd ends[2];

	(void)state;
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
	pair_make("unix_stream", ends);
	for (int i = 0; i < count; i++) {
		s[i].waiting = &waiting;
		s[i].fd = lapse_dup(ends[0]);
		CHECK(s[i].fd != LAPSE_NOFD);
		if (i % 2 == 0)
			CHECK(lapse_set_read_deadline(s[i].fd, deadline) == 0);
		CHECK(pthread_create(&s[i].thread, &attributes, sleep_and_expire, &s[i]) == 0);
	}
	while (atomic_load(&waiting) < count)
		CHECK(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0); /* look again */
	deadline = lapse_in(LAPSE_MS);
	for (int i = 1; i < count; i += 2)
		CHECK(lapse_set_read_deadline(s[i].fd, deadline) == 0);
	for (int i = 0; i < count; i++) {
		CHECK(pthread_join(s[i].thread, NULL) == 0);
		CHECK(s[i].error == LAPSE_EXPIRED);
		CHECK(lapse_close(s[i].fd) == 0);
	}
	CHECK(pthread_attr_destroy(&attributes) == 0);
	pair_close(ends);
	free(s);
}

/* One thread that polls them all: it is told of each. */
static void many_handles(void **state)
{
	int count = check_count(HANDLES), told = 0;
	struct lapse_pollfd *fds = calloc((size_t)count, sizeof(*fds));
	lapse_time deadline = lapse_in(10 * LAPSE_MS);
	lapse_fd ends[2];

	(void)state;
	pair_make("unix_stream", ends);
	for (int i = 0; i < count; i++) {
		fds[i] = (struct lapse_pollfd){lapse_dup(ends[0]), LAPSE_READ, 0, 0};
		CHECK(lapse_set_read_deadline(fds[i].fd, deadline) == 0);
	}
	told = lapse_poll(fds, (size_t)count);
	CHECK(told == count && lapse_now() >= deadline);
	for (int i = 0; i < count; i++) {
		CHECK(fds[i].error == LAPSE_EXPIRED && fds[i].got == 0);
		CHECK(lapse_close(fds[i].fd) == 0);
	}
	pair_close(ends);
	free(fds);
}

static const struct check checks[] = {
	{TEST(many_threads)},
	{TEST(many_handles)},
};
CHECK_MAIN(checks)
