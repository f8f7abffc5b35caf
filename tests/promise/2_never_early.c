/* Promise 2, never early: an operation expires only if a deadline in force had passed at some
 * instant while it ran. Instants are compared exactly; there is no tolerance anywhere. */
#include "check.h"

/* ---- A hundred thousand tiny deadlines ---- */

enum { TINY_COUNT = 100000, TINY_THREADS = 4 };

/* Sets a deadline a few microseconds ahead and reads, again and again; stops at the first one that
 * came early. The result is how many were good. */
static intptr_t expire_often(struct call *c)
{
	uint64_t seed = (uint64_t)c->n + 1;
	int count = check_count(TINY_COUNT / TINY_THREADS);

	for (int i = 0; i < count; i++) {
		lapse_time deadline = lapse_in((int64_t)(check_random(&seed) % 4000) - 1000);

		if (lapse_set_read_deadline(c->fd, deadline) != 0 ||
		    lapse_read(c->fd, c->buf, 1) != -1 || errno != LAPSE_EXPIRED ||
		    lapse_now() < deadline)
			return i;
	}
	return count;
}

static void tiny_deadlines(void **state)
{
	static const char *const families[TINY_THREADS] = {"pipe", "tcp", "unix_datagram",
	                                                   "pty_slave"};
	lapse_fd ends[TINY_THREADS][2];
	struct call c[TINY_THREADS];
	char byte[TINY_THREADS];

	(void)state;
	for (int i = 0; i < TINY_THREADS; i++) {
		pair_make(families[i], ends[i]);
		c[i] = (struct call){.fd = ends[i][0], .buf = &byte[i], .n = (size_t)i};
		call_start(&c[i], expire_often);
	}
	for (int i = 0; i < TINY_THREADS; i++) {
		CHECK_CALL(&c[i], check_count(TINY_COUNT / TINY_THREADS), 0);
		pair_close(ends[i]);
	}
}

/* ---- Each source of a deadline, each operation ---- */

static void by_deadline(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (int64_t us = 0; us < 2000; us += 450) {
		lapse_time deadline = lapse_in(us * LAPSE_US);

		CHECK(deadline_set(s.fd, where->operation->dir, deadline) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
	}
	subject_close(&s);
}

static void by_scope(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (int64_t us = 0; us < 2000; us += 450) {
		lapse_time deadline = lapse_in(us * LAPSE_US);
		lapse_scope scope;

		lapse_scope_enter(&scope, deadline);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	}
	subject_close(&s);
}

static void by_idle_limit(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (int64_t us = 1; us < 2000; us += 450) {
		lapse_time began = lapse_now();

		CHECK(lapse_set_idle(s.fd, where->operation->dir, us * LAPSE_US) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_now() >= began + us * LAPSE_US);
	}
	subject_close(&s);
}

static void sleep_is_long_enough(void **state)
{
	uint64_t seed = 7;
	int count = check_count(5000);

	(void)state;
	for (int i = 0; i < count; i++) {
		lapse_time when = lapse_in((int64_t)(check_random(&seed) % 40000) - 10000);

		CHECK(lapse_sleep_until(when) == 0);
		CHECK(lapse_now() >= when);
	}
}

/* ---- Deadlines that move about the time at which they pass ---- */

/* The read ends by the first deadline only if the second came after it had passed. */
static void extended_at_the_last_moment(void **state)
{
	uint64_t seed = 11;
	int count = check_count(4000), kept = 0;
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	for (int i = 0; i < count; i++) {
		struct call c = {.fd = ends[0]};
		lapse_time first, second;
		bool in_time;

		first = lapse_in((int64_t)(check_random(&seed) % 200) * LAPSE_US);
		CHECK(lapse_set_read_deadline(ends[0], first) == 0);
		call_start(&c, check_operation("read")->run);
		while (lapse_now() < first - 30 * LAPSE_US)
			;
		second = lapse_in(300 * LAPSE_US);
		CHECK(lapse_set_read_deadline(ends[0], second) == 0);
		in_time = lapse_now() < first;
		CHECK_CALL(&c, -1, LAPSE_EXPIRED);
		CHECK(c.ended >= first);
		if (in_time)
			CHECK(c.ended >= second);
		kept += in_time;
	}
	pair_close(ends);
	print_message("extended in time: %d of %d\n", kept, count);
}

/* ---- The ends of the scale ---- */

static void far_deadlines_wait(void **state)
{
	static const lapse_time far[] = {INT64_MAX - 1, INT64_MAX / 2, INT64_MAX - LAPSE_S,
	                                 INT64_C(200) * 365 * 86400 * LAPSE_S};
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(lapse_set_idle(s.fd, where->operation->dir, INT64_MAX) == 0);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		CHECK(deadline_set(s.fd, where->operation->dir, far[i]) == 0);
		subject_block(&s, &c);
		CHECK(lapse_cancel(s.fd, where->operation->dir) == 0);
		CHECK_CALL(&c, -1, ECANCELED);
	}
	subject_close(&s);
}

static void long_ago_has_passed(void **state)
{
	static const lapse_time past[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1};
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		CHECK(deadline_set(s.fd, where->operation->dir, past[i]) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_read_deadline(s.fd) == past[i] ||
		      lapse_write_deadline(s.fd) == past[i]);
	}
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_now()) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	subject_close(&s);
}

static void instants_saturate(void **state)
{
	static const int64_t none[] = {0, -1, INT64_MIN + 1, INT64_MIN};
	struct timespec ts = {INT64_MAX, 999999999};
	lapse_time now = lapse_now();

	(void)state;
	CHECK(lapse_in(INT64_MAX) == LAPSE_NEVER);
	CHECK(lapse_in(INT64_MAX - 1) == LAPSE_NEVER);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		lapse_time instant = lapse_in(none[i]);

		CHECK(instant <= lapse_now());
	}
	CHECK(lapse_in(LAPSE_S) >= now + LAPSE_S);
	CHECK(lapse_at(CLOCK_MONOTONIC, &ts) == LAPSE_NEVER);
	CHECK(lapse_at(CLOCK_REALTIME, &ts) == LAPSE_NEVER);
	ts = (struct timespec){INT64_MIN, 0};
	CHECK(lapse_at(CLOCK_REALTIME, &ts) <= now);
	CHECK(lapse_at(CLOCK_MONOTONIC, &ts) <= now);
	ts = (struct timespec){1, 5};
	CHECK(lapse_at(CLOCK_MONOTONIC, &ts) == LAPSE_S + 5);
	CHECK(lapse_sleep_until(INT64_MIN) == 0 && lapse_sleep_until(0) == 0);
}

static void at_refuses_what_does_not_exist(void **state)
{
	struct timespec ts = {0, 1000000000};

	(void)state;
	errno = 0;
	CHECK(lapse_at(CLOCK_MONOTONIC, &ts) == 0 && errno == EINVAL);
	ts.tv_nsec = -1;
	errno = 0;
	CHECK(lapse_at(CLOCK_REALTIME, &ts) == 0 && errno == EINVAL);
	ts.tv_nsec = 0;
	errno = 0;
	CHECK(lapse_at(12345, &ts) == 0 && errno == EINVAL);
}

static void at_converts_other_clocks(void **state)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_MONOTONIC,
	                                   CLOCK_TAI};

	(void)state;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		lapse_time before = lapse_now(), instant, after;
		struct timespec ts;

		CHECK(clock_gettime(clocks[i], &ts) == 0);
		after = lapse_now();
		ts.tv_sec += 5;
		instant = lapse_at(clocks[i], &ts);
		/* The conversion reads two clocks one after the other: it may be out by the time
		 * between, which the instants around it bound. */
		CHECK(instant - 5 * LAPSE_S <= lapse_now());
		CHECK(instant - 5 * LAPSE_S >= before - (lapse_now() - after));
	}
}

static const struct check checks[] = {
	{TEST(tiny_deadlines)},
	{TEST_OPERATIONS(by_deadline, NULL)},
	{TEST_OPERATIONS(by_scope, NULL)},
	{TEST_OPERATIONS(by_idle_limit, NULL)},
	{TEST(sleep_is_long_enough)},
	{TEST(extended_at_the_last_moment)},
	{TEST_OPERATIONS(far_deadlines_wait, NULL)},
	{TEST_OPERATIONS(long_ago_has_passed, NULL)},
	{TEST(instants_saturate)},
	{TEST(at_refuses_what_does_not_exist)},
	{TEST(at_converts_other_clocks)},
};
CHECK_MAIN(checks)
