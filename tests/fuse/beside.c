/* Beside a call that hangs: what else is done under a deadline, or needs no server at all, does not
 * hang with it, however the kernel or the library may be inclined to ask the server or wait for a lock
 * that the hanging call has. */
#include "held.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static struct held held;

/* ---- The position ---- */

/* A call that was let go neither holds nor moves it. */
static void position_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		CHECK(lapse_seek(held.fd, 123, SEEK_SET) == 123);
		held_let_go(&held);
		CHECK(lapse_set_deadline(held.fd, LAPSE_NEVER) == 0);
		CHECK(lapse_seek(held.fd, 0, SEEK_CUR) == 123);
		CHECK(lapse_seek(held.fd, 7, SEEK_SET) == 7);
		fixture_release(&held.fixture);
		CHECK(lapse_seek(held.fd, 0, SEEK_CUR) == 7);
		held_end(&held);
		held_stop(&held);
	}
}

/* ---- Other requests ---- */

/* The first call under a deadline on a handle, while the server answers nothing of all that the
 * library or the kernel may ask besides. */
static void nothing_else_is_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		for (uint32_t op = FUSE_SETATTR; op < FUSE_COPY_FILE_RANGE; op++)
			if (op != FUSE_READ && op != FUSE_WRITE && op != FUSE_RELEASE)
				fixture_hold(&held.fixture, op);
		CHECK(lapse_set_deadline(held.fd, lapse_in(20 * LAPSE_MS)) == 0);
		held_run(&held);
		if (held.call.result == -1)
			CHECK(held.call.error == LAPSE_EXPIRED || held.call.error == EINPROGRESS);
		held_end(&held);
		held_stop(&held);
	}
}

/* ---- What asks nobody ---- */

static void without_a_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		lapse_fd other;
		int null;

		held_start(&held);
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		CHECK(null >= 0);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		held_block(&held);
		CHECK(lapse_dump(null) == 0);
		CHECK(lapse_check(held.fd, LAPSE_READ) == 0);
		other = lapse_dup(held.fd);
		CHECK(other != LAPSE_NOFD && lapse_sysfd(other) >= 0);
		CHECK(lapse_set_deadline(held.fd, lapse_now()) == 0);
		held_was_let_go(&held, LAPSE_EXPIRED);
		CHECK(lapse_dump(null) == 0);
		CHECK_ERR(lapse_check(held.fd, LAPSE_READ), LAPSE_EXPIRED);
		fixture_release(&held.fixture);
		CHECK(lapse_close(other) == 0 && close(null) == 0);
		held_end(&held);
		held_stop(&held);
	}
}

/* A file that bypasses the page cache by the flag of open(2): the same. */
static void opened_direct(void **state)
{
	static _Alignas(4096) unsigned char page[4096];

	(void)state;
	for (int i = 0; i < 4; i++) {
		lapse_time deadline;
		lapse_fd fd;

		held_start(&held);
		fd = lapse_openat(held.fixture.root, held_files[i % 2], O_RDWR | O_DIRECT, 0);
		CHECK(fd != LAPSE_NOFD);
		fixture_hold(&held.fixture, i / 2 == 0 ? FUSE_READ : FUSE_WRITE);
		deadline = lapse_in(10 * LAPSE_MS);
		CHECK(lapse_set_deadline(fd, deadline) == 0);
		if (i / 2 == 0)
			CHECK_ERR(lapse_pread(fd, page, sizeof(page), 0), LAPSE_EXPIRED);
		else
			CHECK(lapse_pwrite(fd, page, sizeof(page), 0) == -1 &&
			      (errno == EINPROGRESS || errno == LAPSE_EXPIRED));
		CHECK(lapse_now() >= deadline);
		fixture_release(&held.fixture);
		CHECK(lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0);
		CHECK(lapse_pread(fd, page, sizeof(page), 8192) == sizeof(page));
		CHECK(stamp_holds(page, sizeof(page), 8192));
		CHECK(lapse_close(fd) == 0);
		held_stop(&held);
	}
}

/* ---- The kernel's own locks ---- */

/* Within a deadline that a thread has come to it by: if none has, what would have changed the file says
 * that it did not. */
static void is_let_go(const struct held_operation *operation, struct call *c)
{
	for (int64_t timeout = 10 * LAPSE_MS;; timeout *= 2) {
		lapse_time deadline = lapse_in(timeout);

		CHECK(lapse_set_deadline(c->fd, deadline) == 0);
		CHECK(operation->run(c) == -1);
		if (errno == held_error(operation, LAPSE_EXPIRED)) {
			CHECK(lapse_now() >= deadline);
			return;
		}
		CHECK(errno == LAPSE_EXPIRED && timeout < 10 * LAPSE_S);
	}
}

/* What needs one that a held request keeps sleeps unkillably, and nobody has been asked for it. */
static void is_let_go_behind(const char *file, const char *first, const char *second)
{
	const struct held_operation *behind = held_operation(second);
	struct call c;
	uint64_t asked;

	held_start(&held);
	held_begin(&held, file, held_operation(first));
	c = held.call;
	c.fd = held_open_file(&held, file); /* later it would wait for a page */
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_block(&held);
	asked = fixture_count(&held.fixture, behind->op);
	is_let_go(behind, &c);
	CHECK(fixture_count(&held.fixture, behind->op) == asked);
	fixture_release(&held.fixture);
	held_was_good(&held);
	CHECK(lapse_set_deadline(c.fd, LAPSE_NEVER) == 0);
	CHECK(lapse_close(c.fd) == 0);
	held_end(&held);
	held_stop(&held);
}

static void behind_a_lock(void **state)
{
	static const char *const changing[] = {"pwrite", "fsync", "ftruncate", "fallocate"};

	(void)state;
	for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
		for (size_t k = 0; k < 2; k++)
			is_let_go_behind(held_files[k], "pwrite", changing[i]);
	is_let_go_behind("buffered0", "fsync", "pwrite");
	is_let_go_behind("buffered0", "ftruncate", "fallocate");
	is_let_go_behind("buffered0", "pread", "pread");
}

static const struct check checks[] = {
	{TEST(position_stays)}, {TEST(nothing_else_is_asked)}, {TEST(without_a_server)},
	{TEST(opened_direct)},  {TEST(behind_a_lock)},
};
CHECK_MAIN(checks)
