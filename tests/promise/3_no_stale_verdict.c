/* Promise 3, no stale verdict: once a call that sets a deadline has returned, nothing that begins
 * afterwards fails on account of an earlier one; the same for a cancel that returned before. */
#include "check.h"

/* Run it, and let it succeed: the operation begins now, with nothing against it. */
static void succeeds(struct subject *s)
{
	struct call c;

	subject_block(s, &c);
	subject_finish(s, &c);
}

static void works_after_clearing(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK(deadline_set(s.fd, where->operation->dir, LAPSE_NEVER) == 0);
	succeeds(&s);
	subject_close(&s);
}

static void works_after_moving(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(3600 * LAPSE_S)) == 0);
	succeeds(&s);
	subject_close(&s);
}

static void works_after_cancel(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_cancel(s.fd, where->operation->dir) == 0);
		subject_block(&s, &c);
		CHECK(lapse_cancel(s.fd, where->operation->dir) == 0);
		CHECK_CALL(&c, -1, ECANCELED);
	}
	succeeds(&s);
	subject_close(&s);
}

static void works_after_scope(void **state)
{
	struct subject s;
	struct call c;
	lapse_scope scope;

	subject_open(&s, *state);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK_ERR(subject_run(&s, &c), ECANCELED);
	CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
	succeeds(&s);
	subject_close(&s);
}

static void works_after_idle_limit(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(lapse_set_idle(s.fd, where->operation->dir, 1) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK(lapse_set_idle(s.fd, where->operation->dir, 0) == 0);
	succeeds(&s);
	subject_close(&s);
}

/* ---- At the very moment ---- */

/* Someone else reads while this thread lets the deadline pass and clears it at about the same time.
 * What this thread begins afterwards must get the byte that is there, or the other has got it. */
static void cleared_as_it_passes(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	uint64_t seed = 3;
	struct subject s;
	int taken = 0, count = check_count(400);

	subject_open(&s, &reads);
	for (int i = 0; i < count; i++) {
		struct call other = {.fd = s.fd}, mine;
		lapse_time deadline = lapse_in((int64_t)(check_random(&seed) % 60) * LAPSE_US);

		CHECK(lapse_set_read_deadline(s.fd, deadline) == 0);
		call_start(&other, reads.operation->run);
		while (lapse_now() < deadline + (int64_t)(check_random(&seed) % 60000) - 30000)
			;
		CHECK(lapse_set_read_deadline(s.fd, LAPSE_NEVER) == 0);
		CHECK(lapse_check(s.fd, LAPSE_READ) == 0);
		subject_feed(&s, true);
		if (i % 2 == 0) {
			call_join(&other);
		} else {
			/* At the same time: a byte for each, in whichever order they come. */
			subject_feed(&s, true);
			CHECK(subject_run(&s, &mine) == 1);
			call_join(&other);
		}
		CHECK(other.result == 1 || (other.result == -1 && other.error == LAPSE_EXPIRED));
		if (other.result == -1)
			CHECK(subject_run(&s, &mine) == 1);
		taken += other.result == 1;
	}
	subject_close(&s);
	print_message("cleared before it had passed: %d of %d\n", taken, count);
}

/* Pulses from another thread: past, then cleared. Between two of them nothing is in the way, and
 * the thread that clears can tell: its own operation begins after its own call. */
static void pulses_leave_nothing(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	struct subject s;
	struct call mine;
	int count = check_count(2000);

	subject_open(&s, &reads);
	for (int i = 0; i < count; i++) {
		CHECK(lapse_set_deadline(s.fd, i % 2 == 0 ? lapse_in(0) : INT64_MIN) == 0);
		CHECK(lapse_set_deadline(s.fd, LAPSE_NEVER) == 0);
		CHECK(lapse_cancel(s.fd, LAPSE_READ | LAPSE_WRITE) == 0);
		subject_feed(&s, true);
		CHECK(subject_run(&s, &mine) == 1);
	}
	subject_close(&s);
}

struct canceller {
	lapse_fd fd;
	atomic_bool stop;
};

static void *cancel_always(void *arg)
{
	struct canceller *canceller = arg;

	while (!atomic_load(&canceller->stop))
		(void)lapse_cancel(canceller->fd, LAPSE_WRITE);
	return NULL;
}

/* Cancels of the one direction never reach the other. */
static void cancel_of_the_other_direction(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	struct subject s;
	struct call mine;
	struct canceller canceller;
	pthread_t thread;
	int count = check_count(1000);

	subject_open(&s, &reads);
	canceller.fd = s.fd;
	atomic_init(&canceller.stop, false);
	CHECK(pthread_create(&thread, NULL, cancel_always, &canceller) == 0);
	for (int i = 0; i < count; i++) {
		subject_feed(&s, true);
		CHECK(subject_run(&s, &mine) == 1);
	}
	atomic_store(&canceller.stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
	subject_close(&s);
}

/* ---- What is new has no past ---- */

static void recycled_handle_is_new(void **state)
{
	const struct where *where = *state;
	lapse_fd old[2], fresh[2];
	char byte;

	for (int i = 0; i < 50; i++) {
		family_make(where->family, old);
		for (int k = 0; k < 2; k++) {
			CHECK(lapse_set_deadline(old[k], lapse_in(0)) == 0);
			CHECK(lapse_set_idle(old[k], LAPSE_READ | LAPSE_WRITE, 1) == 0);
			CHECK(lapse_cancel(old[k], LAPSE_READ | LAPSE_WRITE) == 0);
		}
		pair_close(old);
		family_make(where->family, fresh);
		CHECK(old[0] != fresh[0] && old[1] != fresh[1]);
		CHECK_ERR(lapse_set_deadline(old[0], lapse_in(0)), EBADF);
		CHECK_ERR(lapse_cancel(old[0], LAPSE_READ), EBADF);
		CHECK(lapse_read_deadline(fresh[0]) == LAPSE_NEVER);
		CHECK(lapse_write_deadline(fresh[1]) == LAPSE_NEVER);
		CHECK(lapse_write(fresh[1], "x", 1) == 1);
		CHECK(lapse_read(fresh[0], &byte, 1) == 1 && byte == 'x');
		pair_close(fresh);
	}
}

static void accepted_and_dup_are_new(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 4, &address, &size), ends[2], copy;

	CHECK(lapse_set_read_deadline(listener, lapse_in(3600 * LAPSE_S)) == 0);
	CHECK(lapse_set_write_deadline(listener, lapse_in(0)) == 0);
	CHECK(lapse_set_idle(listener, LAPSE_READ | LAPSE_WRITE, LAPSE_S) == 0);
	ends[0] = lapse_socket(where->family->domain, where->family->type, 0);
	CHECK(lapse_connect(ends[0], (struct sockaddr *)&address, size) == 0);
	ends[1] = lapse_accept(listener, NULL, NULL);
	CHECK(ends[1] != LAPSE_NOFD);
	CHECK(lapse_read_deadline(ends[1]) == LAPSE_NEVER);
	CHECK(lapse_write_deadline(ends[1]) == LAPSE_NEVER);
	CHECK(lapse_set_deadline(ends[1], lapse_in(0)) == 0);
	copy = lapse_dup(ends[1]);
	CHECK(copy != LAPSE_NOFD && lapse_sysfd(copy) != lapse_sysfd(ends[1]));
	CHECK(lapse_read_deadline(copy) == LAPSE_NEVER);
	CHECK(lapse_write_deadline(copy) == LAPSE_NEVER);
	CHECK(lapse_write(copy, "x", 1) == 1);
	CHECK_ERR(lapse_write(ends[1], "x", 1), LAPSE_EXPIRED);
	CHECK(lapse_close(copy) == 0 && lapse_close(listener) == 0);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(works_after_clearing, NULL)},
	{TEST_OPERATIONS(works_after_moving, finishes_soon)},
	{TEST_OPERATIONS(works_after_cancel, finishes_soon)},
	{TEST_OPERATIONS(works_after_scope, finishes_soon)},
	{TEST_OPERATIONS(works_after_idle_limit, finishes_soon)},
	{TEST_FAMILIES(cleared_as_it_passes, 0)},
	{TEST_FAMILIES(pulses_leave_nothing, 0)},
	{TEST_FAMILIES(cancel_of_the_other_direction, 0)},
	{TEST_FAMILIES(recycled_handle_is_new, 0)},
	{TEST_FAMILIES(accepted_and_dup_are_new, FAMILY_LISTENS)},
};
CHECK_MAIN(checks)
