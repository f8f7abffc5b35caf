/* Promise 1, any time, any thread: a deadline that is set, moved or cleared while an operation is
 * pending governs that operation, whether it runs or queues. So does a cancel, a close, a release. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stream(const struct where *where)
{
	return where->operation->is_stream;
}

/* ---- One operation, pending ---- */

static void past_ends_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

static void near_ends_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	lapse_time deadline;

	subject_open(&s, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(3600 * LAPSE_S)) == 0);
	subject_block(&s, &c);
	deadline = lapse_in(5 * LAPSE_MS);
	CHECK(deadline_set(s.fd, where->operation->dir, deadline) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	CHECK(c.ended >= deadline);
	subject_close(&s);
}

/* Whether the deadline was moved away before it had passed; if not, nothing can be said. */
static bool move_in_time(lapse_fd fd, int dir, lapse_time first, lapse_time second)
{
	CHECK(deadline_set(fd, dir, first) == 0);
	CHECK(deadline_set(fd, dir, second) == 0);
	return lapse_now() < first;
}

/* first has come, and the call has seen it come: asleep again, or never disturbed. */
static void let_pass(struct call *c, lapse_time first)
{
	CHECK(lapse_sleep_until(first + LAPSE_MS) == 0);
	call_await_sleep(c);
}

static void later_keeps_pending(const struct where *where, lapse_time second)
{
	struct subject s;
	struct call c;
	lapse_time first;
	bool in_time = false;

	while (!in_time) {
		subject_open(&s, where);
		subject_block(&s, &c);
		first = lapse_in(4 * LAPSE_MS);
		in_time = move_in_time(s.fd, where->operation->dir, first, second);
		if (in_time) {
			let_pass(&c, first);
			subject_finish(&s, &c);
		} else {
			(void)lapse_cancel(s.fd, LAPSE_READ | LAPSE_WRITE);
			call_join(&c);
		}
		subject_close(&s);
	}
}

static void moved_later_keeps_pending(void **state)
{
	later_keeps_pending(*state, lapse_in(3600 * LAPSE_S));
}

static void cleared_keeps_pending(void **state)
{
	later_keeps_pending(*state, LAPSE_NEVER);
}

static void cancel_ends_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHECK(lapse_cancel(s.fd, where->operation->dir) == 0);
	CHECK_CALL(&c, -1, ECANCELED);
	subject_close(&s);
}

static void close_ends_pending(void **state)
{
	struct subject s;
	struct call c;

	subject_open(&s, *state);
	subject_block(&s, &c);
	CHECK(lapse_close(s.fd) == 0);
	CHECK_CALL(&c, -1, EBADF);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

static void release_ends_pending(void **state)
{
	struct subject s;
	struct call c;
	int sysfd;

	subject_open(&s, *state);
	subject_block(&s, &c);
	sysfd = lapse_sysfd(s.fd);
	CHECK(lapse_release(s.fd) == sysfd);
	CHECK_CALL(&c, -1, EBADF);
	CHECK_ERR(lapse_close(s.fd), EBADF);
	CHECK(close(sysfd) == 0);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

static void idle_ends_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHECK(lapse_set_idle(s.fd, where->operation->dir, 2 * LAPSE_MS) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

/* ---- Operations that queue behind another ---- */

enum { QUEUE_LENGTH = 3 };

static void queue_open(struct subject *s, struct call c[QUEUE_LENGTH], const struct where *where)
{
	subject_open(s, where);
	for (int i = 0; i < QUEUE_LENGTH; i++)
		subject_block(s, &c[i]);
}

static void queue_check(struct call c[QUEUE_LENGTH], int error)
{
	for (int i = 0; i < QUEUE_LENGTH; i++)
		CHECK_CALL(&c[i], -1, error);
}

static void past_ends_queued(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[QUEUE_LENGTH];

	queue_open(&s, c, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	queue_check(c, LAPSE_EXPIRED);
	subject_close(&s);
}

static void near_ends_queued(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[QUEUE_LENGTH];
	lapse_time deadline;

	queue_open(&s, c, where);
	deadline = lapse_in(3 * LAPSE_MS);
	CHECK(deadline_set(s.fd, where->operation->dir, deadline) == 0);
	queue_check(c, LAPSE_EXPIRED);
	for (int i = 0; i < QUEUE_LENGTH; i++)
		CHECK(c[i].ended >= deadline);
	subject_close(&s);
}

static void cleared_keeps_queued(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[QUEUE_LENGTH];
	lapse_time first;
	bool in_time = false;

	while (!in_time) {
		queue_open(&s, c, where);
		first = lapse_in(4 * LAPSE_MS);
		in_time = move_in_time(s.fd, where->operation->dir, first, LAPSE_NEVER);
		if (!in_time)
			(void)lapse_cancel(s.fd, where->operation->dir);
		for (int i = 0; i < QUEUE_LENGTH; i++) {
			if (in_time && i == 0)
				let_pass(&c[QUEUE_LENGTH - 1], first);
			if (in_time)
				subject_finish(&s, &c[i]);
			else
				call_join(&c[i]);
		}
		subject_close(&s);
	}
}

static void cancel_ends_queued(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c[QUEUE_LENGTH];

	queue_open(&s, c, where);
	CHECK(lapse_cancel(s.fd, where->operation->dir) == 0);
	queue_check(c, ECANCELED);
	subject_close(&s);
}

static void close_ends_queued(void **state)
{
	struct subject s;
	struct call c[QUEUE_LENGTH];

	queue_open(&s, c, *state);
	CHECK(lapse_close(s.fd) == 0);
	queue_check(c, EBADF);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

static void release_ends_queued(void **state)
{
	struct subject s;
	struct call c[QUEUE_LENGTH];
	int sysfd;

	queue_open(&s, c, *state);
	sysfd = lapse_release(s.fd);
	CHECK(sysfd >= 0);
	queue_check(c, EBADF);
	CHECK(close(sysfd) == 0);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

/* ---- Operations with two handles go by both, even while they queue on one of them ---- */

static void other_handle_ends_queued(void **state)
{
	const struct where *where = *state;

	for (int way = 0; way < 3; way++) {
		struct where reads = {where->family, check_operation("read")};
		struct call holder, queued;
		struct subject s;
		lapse_fd out[2];

		subject_open(&s, &reads);
		subject_block(&s, &holder);
		pair_make("pipe", out);
		queued = (struct call){.fd = s.fd, .other = out[1]};
		call_block(&queued, check_operation("splice_in")->run);
		if (way == 0)
			CHECK(lapse_set_write_deadline(out[1], lapse_in(0)) == 0);
		else if (way == 1)
			CHECK(lapse_cancel(out[1], LAPSE_WRITE) == 0);
		else
			CHECK(lapse_close(out[1]) == 0);
		CHECK_CALL(&queued, -1, way == 0 ? LAPSE_EXPIRED : way == 1 ? ECANCELED : EBADF);
		subject_finish(&s, &holder);
		subject_close(&s);
		CHECK(lapse_close(out[0]) == 0);
		if (way < 2)
			CHECK(lapse_close(out[1]) == 0);
	}
}

/* ---- Two directions ---- */

/* Neither a read nor a write of it can go on. */
static void full_open(struct subject *s, const struct where *where)
{
	struct where reads = {where->family, check_operation("read")};

	subject_open(s, &reads);
	(void)pair_fill(s->fd, s->peer);
}

static void read_deadline_spares_writer(void **state)
{
	struct subject s;
	struct call reader, writer;

	full_open(&s, *state);
	subject_block(&s, &reader);
	operation_block(&writer, "write", s.fd);
	CHECK(lapse_set_read_deadline(s.fd, lapse_in(-1)) == 0);
	CHECK_CALL(&reader, -1, LAPSE_EXPIRED);
	call_await_sleep(&writer);
	CHECK(lapse_set_write_deadline(s.fd, lapse_in(-1)) == 0);
	CHECK_CALL(&writer, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

static void set_deadline_ends_both(void **state)
{
	struct subject s;
	struct call reader, writer;

	full_open(&s, *state);
	subject_block(&s, &reader);
	operation_block(&writer, "write", s.fd);
	CHECK(lapse_set_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
	CHECK_CALL(&reader, -1, LAPSE_EXPIRED);
	CHECK_CALL(&writer, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

/* A waiter for both directions goes by the earlier of the two. */
static intptr_t wait_both(struct call *c)
{
	return lapse_wait(c->fd, LAPSE_READ | LAPSE_WRITE);
}

static void either_deadline_ends_wait_for_both(void **state)
{
	struct subject s;
	struct call c;

	full_open(&s, *state);
	for (int dir = LAPSE_READ; dir <= LAPSE_WRITE; dir++) {
		c = (struct call){.fd = s.fd};
		call_block(&c, wait_both);
		CHECK(deadline_set(s.fd, dir, lapse_in(0)) == 0);
		CHECK_CALL(&c, -1, LAPSE_EXPIRED);
		CHECK(deadline_set(s.fd, dir, LAPSE_NEVER) == 0);
	}
	subject_close(&s);
}

/* ---- Locks on files go by the earlier of the two deadlines ---- */

static intptr_t take_flock(struct call *c)
{
	return lapse_flock(c->fd, LOCK_EX);
}

static intptr_t take_lock(struct call *c)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return lapse_lock(c->fd, &lock);
}

static void locked_file(intptr_t (*take)(struct call *))
{
	char path[] = "/tmp/lapse-test-XXXXXX";
	struct call holder = {0}, c;
	int sysfd = mkstemp(path);

	CHECK(sysfd >= 0);
	holder.fd = lapse_adopt(sysfd);
	CHECK(take(&holder) == 0);
	for (int i = 0; i < 4; i++) {
		lapse_fd fd = lapse_open(path, O_RDWR, 0);

		CHECK(fd != LAPSE_NOFD);
		c = (struct call){.fd = fd};
		call_block(&c, take);
		if (i < 2)
			CHECK(deadline_set(fd, i + 1, lapse_in(LAPSE_MS)) == 0);
		else if (i == 2)
			CHECK(lapse_cancel(fd, LAPSE_READ | LAPSE_WRITE) == 0);
		else
			CHECK(lapse_close(fd) == 0);
		CHECK_CALL(&c, -1, i < 2 ? LAPSE_EXPIRED : i == 2 ? ECANCELED : EBADF);
		if (i < 3)
			CHECK(lapse_close(fd) == 0);
	}
	unlink(path);
	CHECK(lapse_close(holder.fd) == 0);
}

static void deadline_ends_flock(void **state)
{
	(void)state;
	locked_file(take_flock);
}

static void deadline_ends_lock(void **state)
{
	(void)state;
	locked_file(take_lock);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(past_ends_pending, NULL)},
	{TEST_OPERATIONS(near_ends_pending, NULL)},
	{TEST_OPERATIONS(moved_later_keeps_pending, finishes_soon)},
	{TEST_OPERATIONS(cleared_keeps_pending, NULL)},
	{TEST_OPERATIONS(cancel_ends_pending, NULL)},
	{TEST_OPERATIONS(close_ends_pending, NULL)},
	{TEST_OPERATIONS(release_ends_pending, NULL)},
	{TEST_OPERATIONS(idle_ends_pending, NULL)},
	{TEST_OPERATIONS(past_ends_queued, is_stream)},
	{TEST_OPERATIONS(near_ends_queued, is_stream)},
	{TEST_OPERATIONS(cleared_keeps_queued, is_stream)},
	{TEST_OPERATIONS(cancel_ends_queued, is_stream)},
	{TEST_OPERATIONS(close_ends_queued, is_stream)},
	{TEST_OPERATIONS(release_ends_queued, is_stream)},
	{TEST_FAMILIES(read_deadline_spares_writer, FAMILY_DUPLEX | FAMILY_FILLS)},
	{TEST_FAMILIES(set_deadline_ends_both, FAMILY_DUPLEX | FAMILY_FILLS)},
	{TEST_FAMILIES(either_deadline_ends_wait_for_both, FAMILY_DUPLEX | FAMILY_FILLS)},
	{TEST_FAMILIES(other_handle_ends_queued, FAMILY_STREAM)},
	{TEST(deadline_ends_flock)},
	{TEST(deadline_ends_lock)},
};
CHECK_MAIN(checks)
