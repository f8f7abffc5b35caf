/* The second fault of the change that this library comes from: moving a deadline never stopped the
 * old timer, which then interrupted the operation at a time that nobody wanted any more. */
#include "check.h"

#include <stdio.h>
#include <string.h>

/* How often the thread has gone to sleep: once more for each time that it was woken. */
static long sleep_count(int tid)
{
	char path[64], line[128];
	long count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "voluntary_ctxt_switches: %ld", &count);
	fclose(file);
	return count;
}

/* A thousand old deadlines pass under the operation; it ends by the last one. */
static void old_deadlines_are_dead(void **state)
{
	const struct where *where = *state;
	lapse_time deadline = 0;
	struct subject s;
	struct call c;
	bool in_time;

	do {
		subject_open(&s, where);
		subject_block(&s, &c);
		in_time = true;
		for (int i = 0; i < 30; i++) {
			lapse_time before = deadline;

			deadline = lapse_in(LAPSE_MS);
			CHECK(deadline_set(s.fd, where->operation->dir, deadline) == 0);
			in_time = in_time && (i == 0 || lapse_now() < before);
			/* The old instant is near when it is moved away, and passes after. */
			CHECK(lapse_sleep_until(lapse_in(300 * LAPSE_US)) == 0);
		}
		CHECK_CALL(&c, -1, LAPSE_EXPIRED);
		if (in_time)
			CHECK(c.ended >= deadline);
		subject_close(&s);
	} while (!in_time && !check_is_watched());
}

/* Moving it later is no reason to wake anybody. */
static void later_wakes_nobody(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	long count;

	if (check_is_watched())
		check_skip("Valgrind and sanitizers make threads sleep for reasons of their own");
	subject_open(&s, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(3600 * LAPSE_S)) == 0);
	subject_block(&s, &c);
	count = sleep_count(c.tid);
	for (int i = 0; i < 100; i++)
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_in((4000 + i) * LAPSE_S)) ==
		      0);
	CHECK(deadline_set(s.fd, where->operation->dir, LAPSE_NEVER) == 0);
	call_await_sleep(&c);
	CHECK(sleep_count(c.tid) == count);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

/* A connect to a full backlog tries again by itself. */
static bool sleeps_for_good(const struct where *where)
{
	return where->operation != check_operation("connect");
}

static const struct check checks[] = {
	{TEST_OPERATIONS(old_deadlines_are_dead, NULL)},
	{TEST_OPERATIONS(later_wakes_nobody, sleeps_for_good)},
};
CHECK_MAIN(checks)
