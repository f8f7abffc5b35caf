/* Two that wait for one direction of one descriptor: elsewhere the second replaces the first, or
 * fails, or one of them is never woken. Here all of them wait, and each is served. */
#include "check.h"

#include <unistd.h>

enum { WAITERS = 5 };

static void each_is_served(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[WAITERS];

	subject_open(&s, where);
	for (int i = 0; i < WAITERS; i++)
		subject_block(&s, &c[i]);
	for (int i = 0; i < WAITERS; i++)
		subject_finish(&s, &c[i]);
	subject_close(&s);
}

/* One event for all who only wait: they take nothing from each other. */
static void one_event_for_all(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[WAITERS];

	subject_open(&s, where);
	for (int i = 0; i < WAITERS; i++)
		subject_block(&s, &c[i]);
	subject_feed(&s, true);
	for (int i = 0; i < WAITERS; i++)
		subject_finish(&s, &c[i]);
	subject_close(&s);
}

/* The deadline ends those that wait and those that read, each of them. */
static void one_deadline_for_all(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[WAITERS];

	subject_open(&s, where);
	for (int i = 0; i < WAITERS; i++) {
		subject_prepare(&s, &c[i]);
		call_block(&c[i], check_operation(i % 2 == 0 ? "wait_read" : "read")->run);
	}
	CHECK(lapse_set_read_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
	for (int i = 0; i < WAITERS; i++)
		CHECK_CALL(&c[i], -1, LAPSE_EXPIRED);
	subject_close(&s);
}

/* Once it is connected, the others are told so. */
static bool is_no_connect(const struct where *where)
{
	return where->operation != check_operation("connect");
}

static bool is_wait(const struct where *where)
{
	return !where->operation->is_stream && !where->operation->is_connection;
}

static bool is_plain_read(const struct where *where)
{
	return where->operation == check_operation("read");
}

static const struct check checks[] = {
	{TEST_OPERATIONS(each_is_served, is_no_connect)},
	{TEST_OPERATIONS(one_event_for_all, is_wait)},
	{TEST_OPERATIONS(one_deadline_for_all, is_plain_read)},
};
CHECK_MAIN(checks)
