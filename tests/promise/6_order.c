/* Promise 6: closed, cancelled, expired, then data. The checks are made in this order when an
 * operation begins and each time it looks, but what the kernel reported in time is tried first: a
 * machine that was busy does not turn data into a timeout. */
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool connects(const struct where *where)
{
	return where->operation->is_connection && where->operation->dir == LAPSE_WRITE;
}

/* lapse_poll says of an entry that it is closed, and of the scope that it ended: one or the other. */
static bool is_of_one_handle(const struct where *where)
{
	return where->operation->run != check_operation("poll_read")->run &&
	       where->operation->run != check_operation("poll_write")->run;
}

static void closed_comes_first(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	lapse_scope scope;
	lapse_fd closed;

	subject_open(&s, where);
	subject_feed(&s, true);
	CHECK(lapse_set_deadline(s.fd, lapse_in(0)) == 0);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK(lapse_close(s.fd) == 0);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(subject_run(&s, &c), EBADF);
	CHECK(lapse_scope_leave(&scope) == 0);
	CHECK_ERR(subject_run(&s, &c), EBADF);
	closed = s.fd;
	s.fd = LAPSE_NOFD;
	subject_close(&s);
	CHECK_ERR(lapse_close(closed), EBADF);
}

static void cancelled_comes_before_expired(void **state)
{
	struct subject s;
	struct call c;
	lapse_scope scope;

	subject_open(&s, *state);
	subject_feed(&s, true);
	CHECK(lapse_set_deadline(s.fd, lapse_in(0)) == 0);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK_ERR(subject_run(&s, &c), ECANCELED);
	CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	subject_close(&s);
}

/* The end of a scope comes before data, and leaves them where they are. */
static void scope_comes_before_data(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	lapse_scope scope;

	subject_open(&s, where);
	subject_feed(&s, true);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK_ERR(subject_run(&s, &c), ECANCELED);
	CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	/* What waits for one to connect may have to wait for a second try of the kernel's. */
	if (!connects(where)) {
		subject_prepare(&s, &c);
		call_start(&c, where->operation->run);
		call_join(&c);
		CHECK_CALL(&c, 1, 0);
	}
	subject_close(&s);
}

/* ---- A machine that is busy just now: the whole process stands still ---- */

/* In the child: block until the deadline that the parent knows too. 0 if a byte came in time. */
static int child_waits(int sysfd, const struct operation *operation, lapse_time deadline)
{
	struct call c = {.fd = lapse_adopt(sysfd), .run = operation->run};

	c.buf = c.own;
	c.n = 1;
	if (c.fd == LAPSE_NOFD || lapse_set_read_deadline(c.fd, deadline) != 0)
		return 1;
	return c.run(&c) == 1 ? 0 : errno == LAPSE_EXPIRED ? 2 : 3;
}

/* Stop the child while it waits, let the byte come before the deadline and the child go on after
 * it. Its exit status, or -1 if this process itself was too slow. */
static int stop_across_deadline(lapse_fd ends[2], const struct operation *operation,
                                lapse_time deadline)
{
	bool in_time;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child_waits(lapse_sysfd(ends[0]), operation, deadline));
	CHECK(pid > 0);
	while (lapse_now() < deadline && !check_is_asleep(pid))
		;
	kill(pid, SIGSTOP);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	if (WIFEXITED(status))
		return -1;
	CHECK(WIFSTOPPED(status) && write(lapse_sysfd(ends[1]), "x", 1) == 1);
	in_time = lapse_now() < deadline;
	/* It finds both when it goes on: the byte that came before, and the deadline passed. */
	CHECK(lapse_sleep_until(deadline + LAPSE_MS) == 0);
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return in_time ? WEXITSTATUS(status) : -1;
}

static void busy_machine_is_no_timeout(void **state)
{
	static const char *const operations[] = {"read", "wait_read", "poll_read"};
	const struct where *where = *state;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		int64_t ns = 20 * LAPSE_MS;
		int result;

		do {
			lapse_fd ends[2];

			family_make(where->family, ends);
			result = stop_across_deadline(ends, check_operation(operations[i]),
			                              lapse_in(ns));
			pair_close(ends);
			ns *= 2;
		} while (result == -1);
		CHECK(result == 0);
	}
}

/* ---- lapse_check says what an operation would say ---- */

static void check_says_the_same(void **state)
{
	lapse_fd ends[2];
	lapse_scope scope;

	(void)state;
	pair_make("unix_stream", ends);
	CHECK(lapse_check(ends[0], LAPSE_READ) == 0);
	CHECK(lapse_check(ends[0], LAPSE_READ | LAPSE_WRITE) == 0);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(0)) == 0);
	CHECK_ERR(lapse_check(ends[0], LAPSE_READ), LAPSE_EXPIRED);
	CHECK_ERR(lapse_check(ends[0], LAPSE_READ | LAPSE_WRITE), LAPSE_EXPIRED);
	CHECK(lapse_check(ends[0], LAPSE_WRITE) == 0);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK_ERR(lapse_check(ends[0], LAPSE_WRITE), LAPSE_EXPIRED);
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK_ERR(lapse_check(ends[0], LAPSE_READ), ECANCELED);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_ERR(lapse_check(ends[0], LAPSE_READ), EBADF);
	(void)lapse_scope_leave(&scope);
	CHECK(lapse_close(ends[1]) == 0);
}

/* Each entry of a poll ends in its own way; the others are told of at the same time. */
static void poll_tells_each_entry(void **state)
{
	struct lapse_pollfd fds[5];
	lapse_fd ends[5][2];

	(void)state;
	for (int i = 0; i < 5; i++) {
		pair_make("unix_stream", ends[i]);
		fds[i] = (struct lapse_pollfd){ends[i][0], LAPSE_READ, 77, 77};
	}
	CHECK(lapse_close(ends[0][0]) == 0);
	CHECK(lapse_set_read_deadline(ends[1][0], lapse_in(0)) == 0);
	CHECK(lapse_write(ends[2][1], "x", 1) == 1);
	fds[3].dirs = LAPSE_READ | LAPSE_WRITE;
	CHECK(lapse_poll(fds, 5) == 4);
	CHECK(fds[0].got == 0 && fds[0].error == EBADF);
	CHECK(fds[1].got == 0 && fds[1].error == LAPSE_EXPIRED);
	CHECK(fds[2].got == LAPSE_READ && fds[2].error == 0);
	CHECK(fds[3].got == LAPSE_WRITE && fds[3].error == 0);
	CHECK(fds[4].got == 0 && fds[4].error == 0);
	for (int i = 0; i < 5; i++) {
		if (i > 0)
			CHECK(lapse_close(ends[i][0]) == 0);
		CHECK(lapse_close(ends[i][1]) == 0);
	}
}

static const struct check checks[] = {
	{TEST_OPERATIONS(closed_comes_first, is_of_one_handle)},
	{TEST_OPERATIONS(cancelled_comes_before_expired, NULL)},
	{TEST_OPERATIONS(scope_comes_before_data, NULL)},
	{TEST_FAMILIES(busy_machine_is_no_timeout, 0)},
	{TEST(check_says_the_same)},
	{TEST(poll_tells_each_entry)},
};
CHECK_MAIN(checks)
