/* lapse_openat within a scope ends with it, whichever request the server does not answer; what opens
 * at last is closed again. */
#include "held.h"

#include <fcntl.h>
#include <string.h>

static struct held held;

/* What the server is asked, the last to learn what it is that was opened. */
static const uint32_t requests[] = {FUSE_LOOKUP, FUSE_OPEN, FUSE_GETATTR};
enum { REQUEST_COUNT = sizeof(requests) / sizeof(requests[0]) };

static intptr_t run_open(struct call *c)
{
	c->other = lapse_openat(held.fixture.root, "direct0", O_RDWR, 0);
	return c->other == LAPSE_NOFD ? -1 : 0;
}

static intptr_t run_open_within(struct call *c)
{
	lapse_scope scope;
	intptr_t result;
	int error;

	lapse_scope_enter(&scope, c->deadline);
	result = run_open(c);
	error = errno;
	(void)lapse_scope_leave(&scope);
	errno = error;
	return result;
}

/* Have one let go whose FUSE_OPEN is held. */
static void let_go(void)
{
	struct scoped_call open = {.run = run_open};

	fixture_hold(&held.fixture, FUSE_OPEN);
	call_start(&open.call, call_in_scope);
	fixture_await(&held.fixture, FUSE_OPEN, 1);
	CHECK(lapse_scope_move(open.id, lapse_now()) == 0);
	CHECK_CALL(&open.call, -1, LAPSE_EXPIRED);
}

/* held_stop sees whether a descriptor is left over. */
static void ends_with_its_scope(void **state)
{
	lapse_scope scope;
	lapse_time deadline;

	(void)state;
	for (int i = 0; i < REQUEST_COUNT; i++) {
		held_start(&held);
		fixture_hold(&held.fixture, requests[i]);
		deadline = lapse_in(10 * LAPSE_MS);
		lapse_scope_enter(&scope, deadline);
		CHECK_ERR(lapse_openat(held.fixture.root, "direct0", O_RDWR, 0), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		held_stop(&held);
	}
}

/* The server said that it is open after the caller had gone. */
static void late_success_is_closed(void **state)
{
	(void)state;
	held_start(&held);
	let_go();
	CHECK(fixture_count(&held.fixture, FUSE_RELEASE) == 0);
	fixture_answer(&held.fixture, FUSE_OPEN);
	fixture_await(&held.fixture, FUSE_RELEASE, 1);
	held_stop(&held);
}

/* Who let go of it tells the server, so that it may stop what it does. */
static void server_is_told(void **state)
{
	(void)state;
	held_start(&held);
	fixture_heed(&held.fixture);
	let_go();
	fixture_await(&held.fixture, FUSE_INTERRUPT, 1);
	held_await_closed(&held);
	CHECK(fixture_count(&held.fixture, FUSE_OPEN) == 1);
	held_stop(&held);
}

/* Opening a file again waits for a page that is being read, without asking the server. */
static void behind_a_read(void **state)
{
	lapse_scope scope;
	lapse_time deadline;

	(void)state;
	held_start(&held);
	held_begin(&held, "buffered0", held_operation("pread"));
	held_let_go(&held);
	deadline = lapse_in(10 * LAPSE_MS);
	lapse_scope_enter(&scope, deadline);
	CHECK_ERR(lapse_openat(held.fixture.root, "buffered0", O_RDWR, 0), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	held_end(&held);
	held_stop(&held);
}

static void cancelled(void **state)
{
	(void)state;
	for (int i = 0; i < REQUEST_COUNT; i++) {
		lapse_scope scope;
		lapse_scope_id id;

		held_start(&held);
		fixture_hold(&held.fixture, requests[i]);
		lapse_scope_enter(&scope, LAPSE_NEVER);
		id = lapse_scope_share(&scope);
		CHECK(id != 0 && lapse_scope_cancel(id) == 0);
		CHECK_ERR(lapse_openat(held.fixture.root, "direct0", O_RDWR, 0), ECANCELED);
		CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
		held_stop(&held);
	}
}

/* By another thread, after the server was asked. */
static void ended_by_another(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * REQUEST_COUNT; i++) {
		struct scoped_call open = {.run = run_open};

		held_start(&held);
		fixture_hold(&held.fixture, requests[i / 2]);
		call_start(&open.call, call_in_scope);
		fixture_await(&held.fixture, requests[i / 2], 1);
		if (i % 2 == 0) {
			CHECK(lapse_scope_cancel(open.id) == 0);
			CHECK_CALL(&open.call, -1, ECANCELED);
		} else {
			CHECK(lapse_scope_move(open.id, lapse_now()) == 0);
			CHECK_CALL(&open.call, -1, LAPSE_EXPIRED);
		}
		held_stop(&held);
	}
}

/* Time enough: the handle, or what open(2) says. */
static void answered(void **state)
{
	struct call c = {.deadline = lapse_in(3600 * LAPSE_S)};

	(void)state;
	held_start(&held);
	for (int i = 0; i < REQUEST_COUNT; i++) {
		fixture_delay(&held.fixture, requests[i], 5 * LAPSE_MS);
		call_start(&c, run_open_within);
		CHECK_CALL(&c, 0, 0);
		CHECK(c.ended - c.began >= 5 * LAPSE_MS);
		CHECK(lapse_close(c.other) == 0);
		fixture_fail(&held.fixture, requests[i], ENOLINK);
		call_start(&c, run_open_within);
		CHECK_CALL(&c, -1, ENOLINK);
		fixture_fail(&held.fixture, requests[i], 0);
		fixture_release(&held.fixture);
	}
	held_stop(&held);
}

/* No scope, or one that never ends: as long as it takes. */
static void without_a_deadline(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * REQUEST_COUNT; i++) {
		struct call c = {.deadline = LAPSE_NEVER};

		held_start(&held);
		fixture_hold(&held.fixture, requests[i / 2]);
		call_start(&c, i % 2 == 0 ? run_open : run_open_within);
		fixture_await(&held.fixture, requests[i / 2], 1);
		fixture_release(&held.fixture);
		CHECK_CALL(&c, 0, 0);
		CHECK(lapse_close(c.other) == 0);
		held_stop(&held);
	}
}

static const struct check checks[] = {
	{TEST(ends_with_its_scope)},
	{TEST(late_success_is_closed)},
	{TEST(server_is_told)},
	{TEST(behind_a_read)},
	{TEST(cancelled)},
	{TEST(ended_by_another)},
	{TEST(answered)},
	{TEST(without_a_deadline)},
};
CHECK_MAIN(checks)
