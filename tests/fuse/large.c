/* A transfer that is made in several parts: what has been moved by the deadline is the result, the rest
 * is let go or never begun. */
#include "held.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { LARGE = FIXTURE_FILE_SIZE, HALF = LARGE / 2 };

static struct held held;
static unsigned char *bytes; /* LARGE of them */

static void start(const char *file)
{
	held_start(&held);
	held_begin(&held, file, held_operation("pread"));
	fixture_release(&held.fixture);
	bytes = malloc(LARGE);
	if (bytes == NULL)
		check_die("out of memory");
	memset(bytes, 'n', LARGE);
}

static void end(void)
{
	held_end(&held);
	held_stop(&held);
	free(bytes);
}

static void read_whole(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		start(held_files[i]);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		CHECK(lapse_read(held.fd, bytes, LARGE) == LARGE);
		CHECK(stamp_holds(bytes, LARGE, 0));
		CHECK(lapse_read(held.fd, bytes, LARGE) == 0);
		CHECK(lapse_pread(held.fd, bytes, LARGE, HALF) == HALF);
		CHECK(stamp_holds(bytes, HALF, HALF));
		end();
	}
}

static void write_whole(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct iovec iov[3];

		start(held_files[i]);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		stamp_fill(bytes, LARGE, 7);
		CHECK(lapse_write(held.fd, bytes, LARGE) == LARGE);
		memset(bytes, 0, LARGE);
		CHECK(lapse_pread(held.fd, bytes, LARGE, 0) == LARGE);
		CHECK(stamp_holds(bytes, LARGE, 7));
		stamp_fill(bytes, LARGE, 11);
		iov[0] = (struct iovec){bytes, 1};
		iov[1] = (struct iovec){bytes + 1, HALF};
		iov[2] = (struct iovec){bytes + 1 + HALF, LARGE - HALF - 1};
		CHECK(lapse_pwritev(held.fd, iov, 3, 0) == LARGE);
		memset(bytes, 0, LARGE);
		CHECK(lapse_preadv(held.fd, iov, 3, 0) == LARGE);
		CHECK(stamp_holds(bytes, LARGE, 11));
		end();
	}
}

static intptr_t run_pread(struct call *c)
{
	return lapse_pread(c->fd, c->buf, c->n, 0);
}

static intptr_t run_write(struct call *c)
{
	errno = 0;
	return lapse_write(c->fd, c->buf, c->n);
}

/* Two thirds of its requests are answered, then none; and then time is up. */
static void stop_part_way(uint32_t op, uint64_t requests, intptr_t (*run)(struct call *))
{
	uint64_t count = fixture_count(&held.fixture, op) + requests * 2 / 3;

	fixture_hold_after(&held.fixture, op, requests * 2 / 3);
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held.call.buf = bytes;
	held.call.n = LARGE;
	call_start(&held.call, run);
	fixture_await(&held.fixture, op, count + 1);
	CHECK(lapse_set_deadline(held.fd, lapse_now()) == 0);
	call_join(&held.call);
	CHECK(held.call.result > 0 && held.call.result < LARGE);
}

static void short_read(void **state)
{
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(held_files[i]);
		/* Buffered, each page is a request. */
		stop_part_way(FUSE_READ, i == 0 ? LARGE / 4096 : LARGE >> 17, run_pread);
		n = (size_t)held.call.result;
		CHECK(stamp_holds(bytes, n, 0) && bytes[n] == 'n');
		CHECK_ERR(lapse_pread(held.fd, bytes, 1, 0), LAPSE_EXPIRED);
		end();
	}
}

/* The count is what is in the file for certain; errno, that the rest may still come. */
static void short_write(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		start(held_files[i]);
		stop_part_way(FUSE_WRITE, LARGE >> 17, run_write);
		if (held.call.error != EINPROGRESS)
			fail_msg("errno beside %ld bytes: %s", (long)held.call.result,
			         strerror(held.call.error));
		CHECK_ERR(lapse_write(held.fd, bytes, 1), LAPSE_EXPIRED);
		fixture_release(&held.fixture);
		CHECK(lapse_set_deadline(held.fd, LAPSE_NEVER) == 0);
		memset(bytes, 0, LARGE);
		CHECK(lapse_pread(held.fd, bytes, LARGE, 0) == LARGE);
		for (intptr_t k = 0; k < held.call.result; k++)
			CHECK(bytes[k] == 'n');
		end();
	}
}

static const struct check checks[] = {
	{TEST(read_whole)},
	{TEST(write_whole)},
	{TEST(short_read)},
	{TEST(short_write)},
};
CHECK_MAIN(checks)
