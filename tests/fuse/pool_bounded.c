/* However many calls wait for a server that does not answer, only so many threads are busy with them
 * as lapse_use_threads allows. Who finds all of them busy waits within its deadline; what has not
 * begun by then never does. */
#include "held.h"

enum { THREADS = 4, CALLERS = 20 };

static struct held held;
static struct call calls[CALLERS];

static void start(const char *file, const char *operation)
{
	CHECK(lapse_use_threads(THREADS) == 0);
	held_start(&held);
	held_begin(&held, file, held_operation(operation));
}

static void begin_calls(lapse_fd fd, const char *operation, int count)
{
	for (int i = 0; i < count; i++) {
		calls[i] = (struct call){.fd = fd, .buf = held.bytes, .n = HELD_SIZE};
		call_start(&calls[i], held_operation(operation)->run);
	}
}

static void end(void)
{
	held_end(&held);
	held_stop(&held);
}

/* Every thread busy with a read of the file that was let go. */
static void occupy(void)
{
	start("direct0", "pread");
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	begin_calls(held.fd, "pread", THREADS);
	fixture_await(&held.fixture, FUSE_READ, THREADS);
	CHECK(lapse_set_deadline(held.fd, lapse_now()) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_CALL(&calls[i], -1, LAPSE_EXPIRED);
}

static void bad_limits(void **state)
{
	(void)state;
	CHECK_ERR(lapse_use_threads(0), EINVAL);
	CHECK_ERR(lapse_use_threads(-1), EINVAL);
	CHECK(lapse_use_threads(THREADS) == 0);
}

/* More callers than threads, at once. */
static void callers_expire(void **state)
{
	lapse_time deadline;
	int threads = held_thread_count();

	(void)state;
	start("direct0", "pread");
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	begin_calls(held.fd, "pread", CALLERS);
	fixture_await(&held.fixture, FUSE_READ, THREADS);
	for (int i = 0; i < CALLERS; i++)
		call_await_sleep(&calls[i]);
	CHECK(held_thread_count() <= threads + CALLERS + THREADS + 1);
	deadline = lapse_in(5 * LAPSE_MS);
	CHECK(lapse_set_deadline(held.fd, deadline) == 0);
	for (int i = 0; i < CALLERS; i++) {
		CHECK_CALL(&calls[i], -1, LAPSE_EXPIRED);
		CHECK(calls[i].ended >= deadline);
	}
	CHECK(fixture_count(&held.fixture, FUSE_READ) == THREADS);
	fixture_release(&held.fixture);

	/* And afterwards all of them are served. */
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	begin_calls(held.fd, "pread", CALLERS);
	for (int i = 0; i < CALLERS; i++)
		CHECK_CALL(&calls[i], HELD_SIZE, 0);
	CHECK(fixture_count(&held.fixture, FUSE_READ) == THREADS + CALLERS);
	end();
}

/* What changes the file says that it did not, and it does not: EINPROGRESS is for what has begun. */
static void never_begun(const char *operation, uint32_t op)
{
	lapse_fd other;

	occupy();
	other = held_open_file(&held, "direct1");
	CHECK(lapse_set_deadline(other, lapse_in(20 * LAPSE_MS)) == 0);
	begin_calls(other, operation, CALLERS);
	for (int i = 0; i < CALLERS; i++)
		CHECK_CALL(&calls[i], -1, LAPSE_EXPIRED);
	fixture_release(&held.fixture);

	/* What is asked for afterwards has nobody before it. */
	CHECK(lapse_set_deadline(other, lapse_in(3600 * LAPSE_S)) == 0);
	CHECK(lapse_pread(other, held.bytes, 1, 0) == 1);
	CHECK(fixture_count(&held.fixture, op) == 0);
	CHECK(lapse_close(other) == 0);
	end();
}

static void withdrawn(void **state)
{
	(void)state;
	never_begun("pwrite", FUSE_WRITE);
	never_begun("write", FUSE_WRITE);
	never_begun("fsync", FUSE_FSYNC);
	never_begun("ftruncate", FUSE_SETATTR);
	never_begun("fallocate", FUSE_FALLOCATE);
	never_begun("copy_file_range", FUSE_COPY_FILE_RANGE);
}

/* An open and a close that find no thread. */
static void opens_and_closes(void **state)
{
	lapse_scope scope;
	lapse_time deadline;
	lapse_fd other;

	(void)state;
	occupy();
	other = held_open_file(&held, "direct1");
	deadline = lapse_in(20 * LAPSE_MS);
	lapse_scope_enter(&scope, deadline);
	CHECK_ERR(lapse_openat(held.fixture.root, "direct1", 0, 0), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	CHECK(lapse_set_deadline(other, lapse_in(30 * LAPSE_MS)) == 0);
	CHECK_ERR(lapse_close(other), EINPROGRESS);
	CHECK_ERR(lapse_close(other), EBADF);
	end(); /* sees that it is closed at last */
}

/* A thread that comes free in time takes the next. */
static void served_in_time(void **state)
{
	struct call c;
	lapse_fd other;

	(void)state;
	occupy();
	other = held_open_file(&held, "direct1");
	CHECK(lapse_set_deadline(other, lapse_in(3600 * LAPSE_S)) == 0);
	c = (struct call){.fd = other, .buf = held.bytes, .n = HELD_SIZE};
	call_block(&c, held_operation("pwrite")->run);
	CHECK(fixture_count(&held.fixture, FUSE_WRITE) == 0);
	fixture_answer(&held.fixture, FUSE_READ);
	CHECK_CALL(&c, HELD_SIZE, 0);
	CHECK(fixture_held(&held.fixture, FUSE_READ) == THREADS - 1);
	CHECK(lapse_close(other) == 0);
	end();
}

/* Those who wait for a thread are reached there as well. */
static void ended_in_the_queue(void **state)
{
	struct call c;
	lapse_fd other;

	(void)state;
	for (int i = 0; i < 3; i++) {
		occupy();
		other = held_open_file(&held, "direct1");
		CHECK(lapse_set_deadline(other, lapse_in(3600 * LAPSE_S)) == 0);
		c = (struct call){.fd = other, .buf = held.bytes, .n = HELD_SIZE};
		call_block(&c, held_operation("pwrite")->run);
		if (i == 0)
			CHECK(lapse_cancel(other, LAPSE_WRITE) == 0);
		else if (i == 1)
			CHECK(lapse_set_write_deadline(other, lapse_now()) == 0);
		else
			CHECK(lapse_set_deadline(other, lapse_in(LAPSE_MS)) == 0);
		CHECK_CALL(&c, -1, i == 0 ? ECANCELED : LAPSE_EXPIRED);
		fixture_release(&held.fixture);
		CHECK(lapse_set_deadline(other, LAPSE_NEVER) == 0);
		CHECK(lapse_close(other) == 0);
		CHECK(fixture_count(&held.fixture, FUSE_WRITE) == 0);
		end();
	}
}

/* With no deadline nobody needs a thread. */
static void others_need_none(void **state)
{
	lapse_fd other;

	(void)state;
	occupy();
	other = held_open_file(&held, "direct1");
	CHECK(lapse_pwrite(other, held.bytes, HELD_SIZE, 0) == HELD_SIZE);
	CHECK(lapse_fsync(other) == 0 && lapse_close(other) == 0);
	CHECK(fixture_held(&held.fixture, FUSE_READ) == THREADS);
	end();
}

static const struct check checks[] = {
	{TEST(bad_limits)},       {TEST(callers_expire)}, {TEST(withdrawn)},
	{TEST(opens_and_closes)}, {TEST(served_in_time)}, {TEST(ended_in_the_queue)},
	{TEST(others_need_none)},
};
CHECK_MAIN(checks)
