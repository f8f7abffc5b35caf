/* Each operation on a file whose server does not answer ends at its deadline, not before, and the
 * caller goes on: it says LAPSE_EXPIRED, or EINPROGRESS where the file may still change. */
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct held held;

/* Run `check` for each operation on each kind of file, in a fixture of its own: a request that still
 * holds the inode of one must not keep the next from its own. Again, if it was too late to see what
 * it wanted to. */
static void for_each(bool (*check)(void))
{
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		bool was_seen;

		do {
			held_start(&held);
			held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
			was_seen = check();
			held_end(&held);
			held_stop(&held);
		} while (!was_seen);
	}
}

static void check_not_before(lapse_time deadline)
{
	if (held.call.ended < deadline)
		fail_msg("%s of %s: %ld ns early", held.operation->name, held.file,
		         (long)(deadline - held.call.ended));
}

/* Run it, while nobody answers, within a deadline that is in force. Whether the server was asked by
 * then: if not, what would have changed the file says that it did not. */
static bool expires_at(lapse_time deadline)
{
	uint64_t count = fixture_count(&held.fixture, held.operation->op);

	held_run(&held);
	check_not_before(deadline);
	if (held.call.result == -1 && held.call.error == LAPSE_EXPIRED &&
	    fixture_count(&held.fixture, held.operation->op) == count)
		return false;
	held_was_let_go(&held, LAPSE_EXPIRED);
	fixture_await(&held.fixture, held.operation->op, count + 1);
	return true;
}

/* ---- The server does not answer ---- */

/* Afterwards the handle is as good as before. */
static bool at_the_handles_deadline(void)
{
	lapse_time deadline = lapse_in(10 * LAPSE_MS);
	uint64_t count;

	CHECK(lapse_set_deadline(held.fd, deadline) == 0);
	if (!expires_at(deadline))
		return false;

	/* Sticky: the server is not asked again. */
	count = fixture_count(&held.fixture, held.operation->op);
	held_run(&held);
	CHECK(held.call.result == -1 && held.call.error == LAPSE_EXPIRED);
	CHECK(fixture_count(&held.fixture, held.operation->op) == count);

	fixture_release(&held.fixture);
	CHECK(lapse_set_deadline(held.fd, LAPSE_NEVER) == 0);
	held_run(&held);
	held_was_good(&held);
	return true;
}

static void handles(void **state)
{
	(void)state;
	for_each(at_the_handles_deadline);
}

static bool at_the_scopes_deadline(void)
{
	lapse_time deadline = lapse_in(10 * LAPSE_MS);
	lapse_scope scope;
	bool was_seen;

	lapse_scope_enter(&scope, deadline);
	was_seen = expires_at(deadline);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	return was_seen;
}

static void scopes(void **state)
{
	(void)state;
	for_each(at_the_scopes_deadline);
}

static bool at_the_idle_limit(void)
{
	CHECK(lapse_set_idle(held.fd, LAPSE_READ | LAPSE_WRITE, 10 * LAPSE_MS) == 0);
	return expires_at(lapse_in(10 * LAPSE_MS));
}

static void idle_limits(void **state)
{
	(void)state;
	for_each(at_the_idle_limit);
}

static bool at_the_moved_deadline(void)
{
	lapse_time deadline;

	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
	deadline = lapse_in(2 * LAPSE_MS);
	CHECK(lapse_set_deadline(held.fd, deadline) == 0);
	held_was_let_go(&held, LAPSE_EXPIRED);
	check_not_before(deadline);
	return true;
}

static void moved_earlier(void **state)
{
	(void)state;
	for_each(at_the_moved_deadline);
}

/* Only a move that was made in time says something. */
static bool not_at_the_first_deadline(void)
{
	lapse_time first, last;
	bool was_in_time;

	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
	first = lapse_in(5 * LAPSE_MS);
	CHECK(lapse_set_deadline(held.fd, first) == 0);
	last = lapse_in(15 * LAPSE_MS);
	CHECK(lapse_set_deadline(held.fd, last) == 0);
	was_in_time = lapse_now() < first;
	held_was_let_go(&held, LAPSE_EXPIRED);
	if (was_in_time)
		check_not_before(last);
	return was_in_time;
}

static void moved_later(void **state)
{
	(void)state;
	for_each(not_at_the_first_deadline);
}

/* ---- It answers in time ---- */

static bool lifted_and_answered(void)
{
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
	CHECK(lapse_set_deadline(held.fd, LAPSE_NEVER) == 0);
	fixture_release(&held.fixture);
	held_was_good(&held);
	return true;
}

static void lifted(void **state)
{
	(void)state;
	for_each(lifted_and_answered);
}

static bool answered_late(void)
{
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	fixture_release(&held.fixture);
	fixture_delay(&held.fixture, held.operation->op, 5 * LAPSE_MS);
	held_run(&held);
	held_was_good(&held);
	CHECK(held.call.ended - held.call.began >= 5 * LAPSE_MS);
	return true;
}

static void slow_servers(void **state)
{
	(void)state;
	for_each(answered_late);
}

/* The kernel's own error, not a verdict. */
static bool answered_badly(void)
{
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	fixture_fail(&held.fixture, held.operation->op, ENOLINK);
	fixture_release(&held.fixture);
	held_run(&held);
	if (held.call.result != -1 || (held.call.error != ENOLINK && held.call.error != EIO))
		fail_msg("%s of %s: got %ld (%s)", held.operation->name, held.file,
		         (long)held.call.result, strerror(held.call.error));
	return true;
}

static void errors(void **state)
{
	(void)state;
	for_each(answered_badly);
}

/* A server that is gone ends what waits for it. */
static bool never_answered(void)
{
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
	fixture_kill(&held.fixture);
	call_join(&held.call);
	CHECK(held.call.result == -1 && held.call.error != LAPSE_EXPIRED);
	return true;
}

static void dead_servers(void **state)
{
	(void)state;
	for_each(never_answered);
}

/* ---- How late, for people ---- */

static double milliseconds(lapse_time ns)
{
	return (double)ns / (double)LAPSE_MS;
}

static int compare(const void *a, const void *b)
{
	lapse_time x = *(const lapse_time *)a, y = *(const lapse_time *)b;

	return (x > y) - (x < y);
}

static void lateness(void **state)
{
	enum { ROUNDS = 9 };

	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		lapse_time late[ROUNDS];

		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		for (int round = 0; round < ROUNDS; round++) {
			lapse_time deadline = lapse_in(5 * LAPSE_MS);

			CHECK(lapse_set_deadline(held.fd, deadline) == 0);
			held_run(&held); /* also behind the one before, in the kernel's own locks */
			check_not_before(deadline);
			CHECK(held.call.result == -1);
			late[round] = held.call.ended - deadline;
		}
		held_end(&held);
		held_stop(&held);
		qsort(late, ROUNDS, sizeof(late[0]), compare);
		print_message("# %s of %s: %.2f ms late (median), %.2f ms (most)\n",
		              held.operation->name, held.file, milliseconds(late[ROUNDS / 2]),
		              milliseconds(late[ROUNDS - 1]));
	}
}

static const struct check checks[] = {
	{TEST(handles)},      {TEST(scopes)},   {TEST(idle_limits)},  {TEST(moved_earlier)},
	{TEST(moved_later)},  {TEST(lifted)},   {TEST(slow_servers)}, {TEST(errors)},
	{TEST(dead_servers)}, {TEST(lateness)},
};
CHECK_MAIN(checks)
