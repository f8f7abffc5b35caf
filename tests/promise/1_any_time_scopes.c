/* Promise 1 for scopes: a scope's deadline may be moved, and the scope cancelled, from any thread
 * while an operation inside it is pending; that governs the operation and nothing else. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A call inside a scope that others can reach. Which of the scopes around the call that is: */
enum nesting { ALONE, OUTSIDE_ANOTHER, INSIDE_ANOTHER, OUTSIDE_A_SHIELD, NESTING_COUNT };

struct scoped {
	struct call call;
	intptr_t (*inner)(struct call *);
	enum nesting nesting;
	_Atomic lapse_scope_id id;
	_Atomic int left; /* errno of leaving the shared scope, 0 if that said 0 */
};

static intptr_t run_nested(struct scoped *s)
{
	lapse_scope inner;
	intptr_t result;
	int error;

	if (s->nesting == OUTSIDE_A_SHIELD)
		lapse_scope_shield(&inner);
	else
		lapse_scope_enter(&inner, LAPSE_NEVER);
	errno = 0;
	result = s->inner(&s->call);
	error = errno;
	if (lapse_scope_leave(&inner) != 0)
		check_die("the inner scope ended something: errno %d", errno);
	errno = error;
	return result;
}

static intptr_t run_scoped(struct call *c)
{
	struct scoped *s = (struct scoped *)c;
	lapse_scope outer, scope;
	intptr_t result;
	int error;

	if (s->nesting == INSIDE_ANOTHER)
		lapse_scope_enter(&outer, lapse_in(3600 * LAPSE_S));
	lapse_scope_enter(&scope, c->deadline);
	s->id = lapse_scope_share(&scope);
	errno = 0;
	if (s->nesting == OUTSIDE_ANOTHER || s->nesting == OUTSIDE_A_SHIELD)
		result = run_nested(s);
	else
		result = s->inner(c);
	error = errno;
	s->left = lapse_scope_leave(&scope) == 0 ? 0 : errno;
	if (s->nesting == INSIDE_ANOTHER)
		(void)lapse_scope_leave(&outer);
	errno = error;
	return result;
}

static void scoped_block(struct scoped *s, struct subject *subject, enum nesting nesting)
{
	*s = (struct scoped){.nesting = nesting, .inner = subject->operation->run};
	subject_prepare(subject, &s->call);
	s->call.deadline = LAPSE_NEVER;
	call_block(&s->call, run_scoped);
	CHECK(s->id != 0);
}

/* ---- Every operation on a handle ---- */

static void past_ends_pending(void **state)
{
	struct subject subject;
	struct scoped s;

	subject_open(&subject, *state);
	for (int n = ALONE; n <= INSIDE_ANOTHER; n++) {
		scoped_block(&s, &subject, n);
		CHECK(lapse_scope_move(s.id, lapse_in(0)) == 0);
		CHECK_CALL(&s.call, -1, LAPSE_EXPIRED);
		CHECK(s.left == LAPSE_EXPIRED);
		CHECK_ERR(lapse_scope_move(s.id, LAPSE_NEVER), ESRCH);
	}
	subject_close(&subject);
}

static void near_ends_pending(void **state)
{
	struct subject subject;
	struct scoped s;
	lapse_time deadline;

	subject_open(&subject, *state);
	scoped_block(&s, &subject, ALONE);
	deadline = lapse_in(3 * LAPSE_MS);
	CHECK(lapse_scope_move(s.id, deadline) == 0);
	CHECK_CALL(&s.call, -1, LAPSE_EXPIRED);
	CHECK(s.call.ended >= deadline);
	CHECK(s.left == LAPSE_EXPIRED);
	subject_close(&subject);
}

static void cancel_ends_pending(void **state)
{
	struct subject subject;
	struct scoped s;

	subject_open(&subject, *state);
	for (int n = ALONE; n <= INSIDE_ANOTHER; n++) {
		scoped_block(&s, &subject, n);
		CHECK(lapse_scope_cancel(s.id) == 0);
		CHECK_CALL(&s.call, -1, ECANCELED);
		CHECK(s.left == ECANCELED);
		CHECK_ERR(lapse_scope_cancel(s.id), ESRCH);
	}
	subject_close(&subject);
}

static void moved_later_keeps_pending(void **state)
{
	struct subject subject;
	struct scoped s;
	lapse_time first;
	bool in_time = false, is_there;

	while (!in_time) {
		subject_open(&subject, *state);
		scoped_block(&s, &subject, ALONE);
		first = lapse_in(4 * LAPSE_MS);
		CHECK(lapse_scope_move(s.id, first) == 0);
		is_there = lapse_scope_move(s.id, LAPSE_NEVER) == 0;
		in_time = lapse_now() < first;
		CHECK(is_there || !in_time);
		if (in_time) {
			/* The instant that was moved away comes and goes. */
			CHECK(lapse_sleep_until(first + LAPSE_MS) == 0);
			call_await_sleep(&s.call);
			subject_finish(&subject, &s.call);
			CHECK(s.left == 0);
		} else {
			(void)lapse_scope_cancel(s.id);
			call_join(&s.call);
		}
		subject_close(&subject);
	}
}

static void shield_keeps_pending(void **state)
{
	struct subject subject;
	struct scoped s;

	subject_open(&subject, *state);
	scoped_block(&s, &subject, OUTSIDE_A_SHIELD);
	CHECK(lapse_scope_move(s.id, lapse_in(-1)) == 0);
	CHECK(lapse_scope_cancel(s.id) == 0);
	call_await_sleep(&s.call);
	subject_finish(&subject, &s.call);
	CHECK(s.left == 0);
	subject_close(&subject);
}

static void handle_still_counts(void **state)
{
	const struct where *where = *state;
	struct subject subject;
	struct scoped s;

	subject_open(&subject, where);
	for (int n = ALONE; n < NESTING_COUNT; n++) {
		scoped_block(&s, &subject, n);
		CHECK(deadline_set(subject.fd, where->operation->dir, lapse_in(0)) == 0);
		CHECK_CALL(&s.call, -1, LAPSE_EXPIRED);
		CHECK(s.left == 0);
		CHECK(deadline_set(subject.fd, where->operation->dir, LAPSE_NEVER) == 0);
	}
	subject_close(&subject);
}

/* ---- What blocks on no handle, or makes one ---- */

static intptr_t do_sleep(struct call *c)
{
	return lapse_sleep_until(lapse_in(3600 * LAPSE_S)) == 0 && c != NULL ? 0 : -1;
}

static intptr_t do_flock(struct call *c)
{
	return lapse_flock(c->fd, LOCK_EX);
}

static intptr_t do_lock(struct call *c)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return lapse_lock(c->fd, &lock);
}

static intptr_t do_poll_two(struct call *c)
{
	struct lapse_pollfd fds[2] = {{c->fd, LAPSE_READ, 0, 0}, {c->other, LAPSE_READ, 0, 0}};

	return lapse_poll(fds, 2);
}

static void end_each_way(struct call call, intptr_t (*run)(struct call *))
{
	for (int way = 0; way < 3; way++) {
		struct scoped s = {.call = call, .inner = run, .nesting = ALONE};
		int error = way == 2 ? ECANCELED : LAPSE_EXPIRED;
		lapse_time deadline = lapse_in(way * 2 * LAPSE_MS);

		s.call.deadline = LAPSE_NEVER;
		call_block(&s.call, run_scoped);
		if (way < 2)
			CHECK(lapse_scope_move(s.id, deadline) == 0);
		else
			CHECK(lapse_scope_cancel(s.id) == 0);
		CHECK_CALL(&s.call, -1, error);
		CHECK(s.left == error);
		CHECK(way == 2 || s.call.ended >= deadline);
	}
}

static void sleep_ends(void **state)
{
	(void)state;
	end_each_way((struct call){0}, do_sleep);
}

static void file_locks_end(void **state)
{
	char path[] = "/tmp/lapse-test-XXXXXX";
	struct call holder = {.fd = lapse_adopt(mkstemp(path))};
	struct call waiter = {.fd = lapse_open(path, O_RDWR, 0)};

	(void)state;
	CHECK(holder.fd != LAPSE_NOFD && waiter.fd != LAPSE_NOFD);
	CHECK(do_flock(&holder) == 0 && do_lock(&holder) == 0);
	end_each_way(waiter, do_flock);
	end_each_way(waiter, do_lock);
	CHECK(lapse_close(holder.fd) == 0);
	CHECK(do_flock(&waiter) == 0 && do_lock(&waiter) == 0);
	CHECK(lapse_close(waiter.fd) == 0);
	unlink(path);
}

static void poll_of_two_ends(void **state)
{
	lapse_fd a[2], b[2];

	(void)state;
	pair_make("pipe", a);
	pair_make("tcp", b);
	end_each_way((struct call){.fd = a[0], .other = b[0]}, do_poll_two);
	pair_close(a);
	pair_close(b);
}

/* ---- What belongs to scopes alone ---- */

static void leave_wants_the_innermost(void **state)
{
	lapse_scope outer, inner;

	(void)state;
	lapse_scope_enter(&outer, LAPSE_NEVER);
	lapse_scope_enter(&inner, lapse_in(-1));
	CHECK_ERR(lapse_scope_leave(&outer), EINVAL);
	CHECK_ERR(lapse_sleep_until(lapse_in(LAPSE_S)), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&inner), LAPSE_EXPIRED);
	CHECK(lapse_scope_leave(&outer) == 0);
	CHECK_ERR(lapse_scope_leave(&outer), EINVAL);
}

static void earliest_deadline_wins(void **state)
{
	lapse_scope outer, inner;
	lapse_time early = lapse_in(3 * LAPSE_MS);

	(void)state;
	lapse_scope_enter(&outer, early);
	lapse_scope_enter(&inner, LAPSE_NEVER);
	CHECK_ERR(lapse_sleep_until(LAPSE_NEVER), LAPSE_EXPIRED);
	CHECK(lapse_now() >= early);
	CHECK(lapse_scope_leave(&inner) == 0);
	CHECK_ERR(lapse_scope_leave(&outer), LAPSE_EXPIRED);
}

/* The scope that ended is 0 to leave when nothing inside was ended by it. */
static void passed_unnoticed_is_no_error(void **state)
{
	lapse_scope scope;
	lapse_scope_id id;

	(void)state;
	lapse_scope_enter(&scope, lapse_in(-1));
	CHECK(lapse_scope_leave(&scope) == 0);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	id = lapse_scope_share(&scope);
	CHECK(id != 0 && lapse_scope_share(&scope) == id);
	CHECK(lapse_scope_cancel(id) == 0);
	CHECK(lapse_scope_leave(&scope) == 0);
}

static void ids_die_with_their_scope(void **state)
{
	lapse_scope_id old[64];
	lapse_scope scope;

	(void)state;
	for (int i = 0; i < 64; i++) {
		lapse_scope_enter(&scope, LAPSE_NEVER);
		old[i] = lapse_scope_share(&scope);
		for (int k = 0; k < i; k++) {
			CHECK(old[k] != old[i]);
			CHECK_ERR(lapse_scope_cancel(old[k]), ESRCH);
			CHECK_ERR(lapse_scope_move(old[k], lapse_in(-1)), ESRCH);
		}
		CHECK(lapse_sleep_until(lapse_in(1)) == 0);
		CHECK(lapse_scope_leave(&scope) == 0);
	}
	CHECK_ERR(lapse_scope_move(0, LAPSE_NEVER), ESRCH);
	CHECK_ERR(lapse_scope_cancel(0), ESRCH);
}

/* Cancelled: what blocks inside, now and later. */
static void cancelled_for_good(void **state)
{
	lapse_scope scope, shield;
	lapse_scope_id id;

	(void)state;
	lapse_scope_enter(&scope, LAPSE_NEVER);
	id = lapse_scope_share(&scope);
	CHECK(lapse_scope_cancel(id) == 0);
	CHECK(lapse_scope_move(id, lapse_in(-1)) == 0);
	CHECK_ERR(lapse_sleep_until(lapse_in(LAPSE_S)), ECANCELED);
	lapse_scope_shield(&shield);
	CHECK(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
	CHECK(lapse_scope_leave(&shield) == 0);
	CHECK_ERR(lapse_sleep_until(lapse_in(LAPSE_S)), ECANCELED);
	CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
	CHECK(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(past_ends_pending, NULL)},
	{TEST_OPERATIONS(near_ends_pending, NULL)},
	{TEST_OPERATIONS(cancel_ends_pending, NULL)},
	{TEST_OPERATIONS(moved_later_keeps_pending, finishes_soon)},
	{TEST_OPERATIONS(shield_keeps_pending, finishes_soon)},
	{TEST_OPERATIONS(handle_still_counts, NULL)},
	{TEST(sleep_ends)},
	{TEST(file_locks_end)},
	{TEST(poll_of_two_ends)},
	{TEST(leave_wants_the_innermost)},
	{TEST(earliest_deadline_wins)},
	{TEST(passed_unnoticed_is_no_error)},
	{TEST(ids_die_with_their_scope)},
	{TEST(cancelled_for_good)},
};
CHECK_MAIN(checks)
