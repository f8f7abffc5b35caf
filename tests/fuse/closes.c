/* lapse_close of a file whose server does not answer: within a deadline it returns, and handle and
 * number are gone; without one it is close(2). lapse_release returns in any case. */
#include "held.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

enum { CLOSE_LEAST_MS = 20 }; /* what it waits at least, even if the deadline has passed */

static struct held held;

static intptr_t run_close(struct call *c)
{
	return lapse_close(c->fd);
}

/* Open it, with what would be closed held; no deadline yet. The system's number. */
static int begin(void)
{
	held_start(&held);
	held.fd = held_open_file(&held, "direct0");
	fixture_hold(&held.fixture, FUSE_FLUSH);
	return lapse_sysfd(held.fd);
}

static void end(void)
{
	held.fd = LAPSE_NOFD;
	held_stop(&held);
}

/* Close it, which must end at that instant, and leave nothing behind for the next one to find. */
static void close_until(lapse_time deadline, int sysfd)
{
	lapse_time least = lapse_in(CLOSE_LEAST_MS * LAPSE_MS);

	CHECK_ERR(lapse_close(held.fd), EINPROGRESS);
	CHECK(lapse_now() >= deadline && lapse_now() >= least);
	CHECK_ERR(lapse_close(held.fd), EBADF);
	CHECK_ERR(lapse_read(held.fd, held.bytes, 1), EBADF);
	fixture_await(&held.fixture, FUSE_FLUSH, 1);
	CHECK_ERR(fcntl(sysfd, F_GETFD), EBADF);
}

static void at_the_handles_deadline(void **state)
{
	lapse_time deadline;
	int sysfd = begin();

	(void)state;
	deadline = lapse_in(40 * LAPSE_MS);
	CHECK(lapse_set_deadline(held.fd, deadline) == 0);
	close_until(deadline, sysfd);
	end();
}

static void after_the_handles_deadline(void **state)
{
	int sysfd = begin();

	(void)state;
	CHECK(lapse_set_read_deadline(held.fd, lapse_now()) == 0);
	close_until(0, sysfd);
	end();
}

static void at_the_scopes_deadline(void **state)
{
	lapse_time deadline;
	lapse_scope scope;
	int sysfd = begin();

	(void)state;
	deadline = lapse_in(40 * LAPSE_MS);
	lapse_scope_enter(&scope, deadline);
	close_until(deadline, sysfd);
	(void)lapse_scope_leave(&scope);
	end();
}

/* A deadline that is far away: what close(2) says. */
static void answered(void **state)
{
	(void)state;
	(void)begin();
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	fixture_release(&held.fixture);
	fixture_delay(&held.fixture, FUSE_FLUSH, 5 * LAPSE_MS);
	CHECK(lapse_close(held.fd) == 0);
	end();
	(void)begin();
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	fixture_fail(&held.fixture, FUSE_FLUSH, ENOSPC);
	fixture_release(&held.fixture);
	CHECK_ERR(lapse_close(held.fd), ENOSPC);
	end();
}

static void without_a_deadline(void **state)
{
	struct call c;

	(void)state;
	(void)begin();
	c = (struct call){.fd = held.fd};
	call_start(&c, run_close);
	fixture_await(&held.fixture, FUSE_FLUSH, 1);
	CHECK(!call_is_done(&c));
	fixture_release(&held.fixture);
	CHECK_CALL(&c, 0, 0);
	end();
}

/* Whatever was let go on it, its server still does not answer, and the kernel may hold what close(2)
 * needs: the deadline that has passed bounds the close too. */
static void behind_what_was_let_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		const struct held_operation *operation = &held_operations[i / 2];
		int result;

		held_start(&held);
		held_begin(&held, held_files[i % 2], operation);
		held_let_go(&held);
		errno = 0;
		result = lapse_close(held.fd);
		if (result != 0 && errno != EINPROGRESS)
			fail_msg("behind %s: %s", operation->name, strerror(errno));
		held_is_unanswered(&held);
		CHECK(fixture_count(&held.fixture, FUSE_RELEASE) == 0);
		held.fd = LAPSE_NOFD;
		held_end(&held);
		fixture_await(&held.fixture, FUSE_RELEASE, 1);
		held_stop(&held);
	}
}

/* Numbers that are given out anew are not touched by what ends late on the files that had them. */
static void numbers_are_free(void **state)
{
	enum { MANY = 4 };
	int fds[MANY];

	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		held_let_go(&held);
		CHECK(lapse_close(held.fd) == 0 || errno == EINPROGRESS);
		held.fd = LAPSE_NOFD;
		for (int k = 0; k < MANY; k++)
			fds[k] = dup(STDERR_FILENO);
		held.descriptors += MANY;
		held_end(&held);
		held_settle(&held);
		for (int k = 0; k < MANY; k++)
			CHECK(close(fds[k]) == 0);
		held.descriptors -= MANY;
		held_stop(&held);
	}
}

/* The number is the caller's again, and as good as ever, while a call is stuck on the file. */
static void released(void **state)
{
	int sysfd;

	(void)state;
	held_start(&held);
	held_begin(&held, "direct0", held_operation("pread"));
	held_let_go(&held);
	sysfd = lapse_release(held.fd);
	held.fd = LAPSE_NOFD;
	CHECK(sysfd >= 0 && pwrite(sysfd, "x", 1, 0) == 1);
	held_end(&held);
	CHECK(close(sysfd) == 0);
	held_stop(&held);
}

/* Begin to close what the library keeps beside the file for calls that may be let go: after one that was
 * answered. */
static void begin_to_release(lapse_time deadline)
{
	held_start(&held);
	held_begin(&held, "direct0", held_operation("pread"));
	fixture_release(&held.fixture);
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	held_run(&held);
	held_was_good(&held);
	CHECK(lapse_set_deadline(held.fd, deadline) == 0);
}

/* Nobody has asked for that, so nobody waits for it: in force or not, a deadline or none. */
static void released_unanswered(void **state)
{
	const lapse_time deadlines[] = {0, lapse_in(3600 * LAPSE_S), LAPSE_NEVER};

	(void)state;
	for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
		int sysfd;

		begin_to_release(deadlines[i]);
		fixture_hold(&held.fixture, FUSE_FLUSH);
		sysfd = lapse_release(held.fd);
		held.fd = LAPSE_NOFD;
		CHECK(sysfd >= 0 && pwrite(sysfd, "x", 1, 0) == 1);
		fixture_await(&held.fixture, FUSE_FLUSH, 1);
		CHECK(fixture_held(&held.fixture, FUSE_FLUSH) == 1);
		held_end(&held);
		CHECK(close(sysfd) == 0);
		held_stop(&held);
	}
}

static bool other_process_sees_lock(int sysfd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(fcntl(sysfd, F_GETLK, &lock) != 0 ? 2 : lock.l_type != F_UNLCK);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

/* It has closed what drops them before it returns. */
static void locks_taken_after_release_stay(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)state;
	for (int i = 0; i < 12; i++) {
		int sysfd;

		begin_to_release(LAPSE_NEVER);
		fixture_delay(&held.fixture, FUSE_FLUSH, i % 4 * LAPSE_MS);
		CHECK(fcntl(lapse_sysfd(held.fd), F_SETLK, &lock) == 0);
		sysfd = lapse_release(held.fd);
		held.fd = LAPSE_NOFD;
		CHECK(sysfd >= 0 && !other_process_sees_lock(sysfd));
		CHECK(fcntl(sysfd, F_SETLK, &lock) == 0);
		held_end(&held);
		CHECK(check_descriptor_count() == held.descriptors + 1);
		CHECK(other_process_sees_lock(sysfd));
		CHECK(close(sysfd) == 0);
		held_stop(&held);
	}
}

static const struct check checks[] = {
	{TEST(at_the_handles_deadline)}, {TEST(after_the_handles_deadline)},
	{TEST(at_the_scopes_deadline)},  {TEST(answered)},
	{TEST(without_a_deadline)},      {TEST(behind_what_was_let_go)},
	{TEST(numbers_are_free)},        {TEST(released)},
	{TEST(released_unanswered)},     {TEST(locks_taken_after_release_stay)},
};
CHECK_MAIN(checks)
