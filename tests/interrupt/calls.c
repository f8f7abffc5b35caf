/* lapse_call of each kind of system call that a signal breaks off: it ends at the deadline, never
 * before, or when it is cancelled; and a deadline that is moved away meanwhile leaves it alone. What no
 * signal breaks off goes on. The rows are those of the table in lapse_call(3). */
#include "call_rows.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The tests ---- */

static atomic_int count; /* how often fn was called */

static long call_row(void *row)
{
	atomic_fetch_add(&count, 1);
	return ((const struct call_row *)row)->call();
}

static _Atomic lapse_scope_id scope_id;

/* c->deadline is the scope's. */
static intptr_t run_row(struct call *c)
{
	lapse_scope scope;
	intptr_t r;

	lapse_scope_enter(&scope, c->deadline);
	atomic_store(&scope_id, lapse_scope_share(&scope));
	r = lapse_call(call_row, c->buf);
	(void)lapse_scope_leave(&scope);
	return r;
}

static void start_row(struct call *c, const struct call_row *row, lapse_time deadline)
{
	*c = (struct call){.buf = (void *)(uintptr_t)row, .deadline = deadline};
	atomic_store(&scope_id, 0);
	atomic_store(&count, 0);
	call_start(c, run_row);
	while (atomic_load(&scope_id) == 0)
		(void)sched_yield();
}

static void check_row(struct call *c, const struct call_row *row, int error)
{
	call_join(c);
	if (c->result != -1 || c->error != error)
		fail_msg("%s: %ld (%s), not %s", row->name, (long)c->result, strerror(c->error),
		         strerror(error));
}

static void for_each_row(void (*test)(const struct call_row *row))
{
	for (size_t i = 0; i < call_row_count; i++) {
		call_things_make();
		test(&call_rows[i]);
		call_things_unmake();
	}
}

static void row_expires(const struct call_row *row)
{
	lapse_time when = lapse_in(5 * LAPSE_MS);
	struct call c;

	start_row(&c, row, when);
	check_row(&c, row, LAPSE_EXPIRED);
	CHECK(c.ended >= when);
}

static void expires(void **state)
{
	(void)state;
	for_each_row(row_expires);
}

static void row_is_cancelled(const struct call_row *row)
{
	struct call c;

	start_row(&c, row, LAPSE_NEVER);
	call_await_sleep(&c);
	CHECK(lapse_scope_cancel(scope_id) == 0);
	check_row(&c, row, ECANCELED);
}

static void is_cancelled(void **state)
{
	(void)state;
	for_each_row(row_is_cancelled);
}

static void row_is_moved_earlier(const struct call_row *row)
{
	struct call c;

	start_row(&c, row, lapse_in(3600 * LAPSE_S));
	call_await_sleep(&c);
	c.deadline = lapse_in(2 * LAPSE_MS);
	CHECK(lapse_scope_move(scope_id, c.deadline) == 0);
	check_row(&c, row, LAPSE_EXPIRED);
	CHECK(c.ended >= c.deadline);
}

static void is_moved_earlier(void **state)
{
	(void)state;
	for_each_row(row_is_moved_earlier);
}

/* Moved away while it is under way, at the moment when it would pass: it has either expired, or goes
 * on, and what begins again by itself was called once. Then what it waits for comes. */
static void row_is_cleared(const struct call_row *row)
{
	lapse_time when = lapse_in(3 * LAPSE_MS);
	struct call c;
	bool moved;

	start_row(&c, row, when);
	while (lapse_now() < when - 20 * LAPSE_US)
		;
	moved = lapse_scope_move(scope_id, LAPSE_NEVER) == 0;
	while (moved && !call_is_done(&c) && (atomic_load(&count) == 0 || !check_is_asleep(c.tid)))
		;
	/* It may be seen asleep on its way out, too; and have left its scope, never having called. */
	if (!moved || call_is_done(&c) ||
	    (row->go_on == NULL && lapse_scope_cancel(scope_id) != 0)) {
		check_row(&c, row, LAPSE_EXPIRED);
		CHECK(c.ended >= when);
		return;
	}
	if (row->begins_again && atomic_load(&count) != 1)
		fail_msg("%s: called %d times", row->name, count);
	if (row->go_on == NULL) {
		check_row(&c, row, ECANCELED);
		return;
	}
	row->go_on();
	call_join(&c);
	if (c.result < 0)
		fail_msg("%s: %s after its deadline was cleared", row->name, strerror(c.error));
	call_row_dispose(row, c.result);
}

static void is_cleared(void **state)
{
	(void)state;
	for_each_row(row_is_cleared);
}

/* How often the thread has gone to sleep. */
static long sleeps(int tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[64], text[4096];
	const char *found;
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	file = fopen(path, "re");
	if (file == NULL)
		check_die("%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	found = strstr(text, key);
	if (found == NULL)
		check_die("%s: no%s", path, key);
	return strtol(found + sizeof key - 1, NULL, 10);
}

/* The signal comes, and again, and each time it goes back to sleep. When it ends by itself its result
 * is the call's. */
static void what_lasts(void **state)
{
	(void)state;
	for (size_t i = 0; i < lasting_row_count; i++) {
		const struct call_row *row = &lasting_rows[i];
		struct call c;
		long before;

		call_things_make();
		row->prepare();
		start_row(&c, row, LAPSE_NEVER);
		call_await_sleep(&c);
		before = sleeps(c.tid);
		CHECK(lapse_scope_cancel(scope_id) == 0);
		while (sleeps(c.tid) < before + 3 || !check_is_asleep(c.tid))
			if (call_is_done(&c))
				fail_msg("%s: ended by a signal", row->name);
		CHECK(atomic_load(&count) == 1);
		row->go_on();
		call_join(&c);
		if (c.result != 0)
			fail_msg("%s: %ld (%s)", row->name, (long)c.result, strerror(c.error));
		call_things_unmake();
	}
}

static const struct check checks[] = {
	{TEST(expires)},    {TEST(is_cancelled)}, {TEST(is_moved_earlier)},
	{TEST(is_cleared)}, {TEST(what_lasts)},
};
CHECK_MAIN(checks)
