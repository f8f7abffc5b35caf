/* gRPC, brpc, State Threads: a deadline kept as a time of day moves when somebody sets the clock.
 * Here every deadline is an instant of CLOCK_MONOTONIC, which cannot be set; another clock is read
 * once, when lapse_at converts. */
#include "check.h"

static int64_t ns_of(clockid_t clock)
{
	struct timespec ts;

	CHECK(clock_gettime(clock, &ts) == 0);
	return ts.tv_sec * LAPSE_S + ts.tv_nsec;
}

static void now_is_monotonic(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t before = ns_of(CLOCK_MONOTONIC);
		lapse_time now = lapse_now();

		CHECK(before <= now && now <= ns_of(CLOCK_MONOTONIC));
	}
}

/* A deadline from the wall clock is a number like any other: the same one until it has passed. */
static void converted_once(void **state)
{
	int64_t wall = ns_of(CLOCK_REALTIME) + 20 * LAPSE_MS;
	struct timespec ts = {wall / LAPSE_S, wall % LAPSE_S};
	lapse_time deadline = lapse_at(CLOCK_REALTIME, &ts);
	lapse_fd ends[2];
	char byte;

	(void)state;
	pair_make("pipe", ends);
	CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
	CHECK(lapse_read_deadline(ends[0]) == deadline);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	CHECK(ns_of(CLOCK_MONOTONIC) >= deadline);
	CHECK(lapse_read_deadline(ends[0]) == deadline);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(now_is_monotonic)},
	{TEST(converted_once)},
};
CHECK_MAIN(checks)
