/* What fn of lapse_call and lapse_call_on may do, and what becomes of the call then. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct timespec hour = {3600, 0};

static lapse_time soon(void)
{
	return lapse_in(5 * LAPSE_MS);
}

static long sleep_an_hour(void *unused)
{
	(void)unused;
	return nanosleep(&hour, NULL);
}

static void must_expire(void)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, soon());
	CHECK_ERR(lapse_call(sleep_an_hour, NULL), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
}

/* ---- Results ---- */

static long give(void *result)
{
	errno = ENOTBLK;
	return *(long *)result;
}

static long give_on(int sysfd, void *result)
{
	(void)sysfd;
	return give(result);
}

static long give_minus_one(void *error)
{
	errno = *(int *)error;
	return -1;
}

static void any_result_is_passed_on(void **state)
{
	static long results[] = {0, 1, -1, -2, LONG_MAX, LONG_MIN, -EINTR};
	static int errors[] = {0, EINTR, EAGAIN, LAPSE_EXPIRED, 99999, -5};
	lapse_scope scope;
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	for (int is_within = 0; is_within < 2; is_within++) {
		if (is_within)
			lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
		for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
			errno = 0;
			CHECK(lapse_call(give, &results[i]) == results[i] && errno == ENOTBLK);
			errno = 0;
			CHECK(lapse_call_on(ends[0], 0, give_on, &results[i]) == results[i]);
			CHECK(errno == ENOTBLK);
		}
		for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
			CHECK(lapse_call(give_minus_one, &errors[i]) == -1 && errno == errors[i]);
	}
	CHECK(lapse_scope_leave(&scope) == 0);
	pair_close(ends);
}

static long sleep_and_give(void *result)
{
	(void)sleep_an_hour(NULL);
	return *(long *)result;
}

/* Interrupted all the same; but then the scope has ended nothing. */
static void a_result_is_no_end(void **state)
{
	long result = 7;
	lapse_scope scope;

	(void)state;
	lapse_scope_enter(&scope, soon());
	CHECK(lapse_call(sleep_and_give, &result) == 7);
	CHECK(lapse_scope_leave(&scope) == 0);
	lapse_scope_enter(&scope, soon());
	result = -1;
	CHECK_ERR(lapse_call(sleep_and_give, &result), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
}

/* A deadline that has passed: fn is not even called. */
static void nothing_begins_too_late(void **state)
{
	long result = 7;
	lapse_scope scope;
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	lapse_scope_enter(&scope, 0);
	CHECK_ERR(lapse_call(give, &result), LAPSE_EXPIRED);
	CHECK_ERR(lapse_call_on(ends[0], LAPSE_READ, give_on, &result), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	CHECK_ERR(lapse_call(NULL, NULL), EFAULT);
	CHECK_ERR(lapse_call_on(ends[0], 0, NULL, NULL), EFAULT);
	CHECK_ERR(lapse_call_on(ends[0], 3, give_on, &result), EINVAL);
	CHECK_ERR(lapse_call_on(ends[0], -1, give_on, &result), EINVAL);
	CHECK_ERR(lapse_call_on(LAPSE_NOFD, 0, give_on, &result), EBADF);
	pair_close(ends);
}

/* ---- Changes from within ---- */

static lapse_scope_id own_scope;
static lapse_fd own_handle;

static long cancel_own_scope(void *unused)
{
	CHECK(lapse_scope_cancel(own_scope) == 0);
	return sleep_an_hour(unused);
}

static long move_own_scope(void *unused)
{
	CHECK(lapse_scope_move(own_scope, 0) == 0);
	return sleep_an_hour(unused);
}

static long move_own_handle(int sysfd, void *unused)
{
	(void)sysfd;
	CHECK(lapse_set_read_deadline(own_handle, soon()) == 0);
	return sleep_an_hour(unused);
}

/* Who interrupts and who is interrupted are one thread. */
static void own_causes_may_be_changed(void **state)
{
	lapse_scope scope;
	lapse_fd ends[2];

	(void)state;
	lapse_scope_enter(&scope, LAPSE_NEVER);
	own_scope = lapse_scope_share(&scope);
	CHECK_ERR(lapse_call(cancel_own_scope, NULL), ECANCELED);
	CHECK_ERR(lapse_scope_leave(&scope), ECANCELED);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	own_scope = lapse_scope_share(&scope);
	CHECK_ERR(lapse_call(move_own_scope, NULL), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	pair_make("pipe", ends);
	own_handle = ends[0];
	CHECK_ERR(lapse_call_on(ends[0], LAPSE_READ, move_own_handle, NULL), LAPSE_EXPIRED);
	pair_close(ends);
}

static long use_own_handle(int sysfd, void *unused)
{
	char byte;

	(void)sysfd;
	(void)unused;
	CHECK_ERR(lapse_close(own_handle), EDEADLK);
	CHECK_ERR(lapse_release(own_handle), EDEADLK);
	CHECK_ERR(lapse_read(own_handle, &byte, 1), EDEADLK);
	return 5;
}

static void own_handle_is_taken(void **state)
{
	lapse_fd ends[2];

	(void)state;
	pair_make("unix_stream", ends);
	own_handle = ends[0];
	CHECK(lapse_call_on(ends[0], LAPSE_READ, use_own_handle, NULL) == 5);
	pair_close(ends);
}

static long use_lapse(void *arg)
{
	lapse_fd *ends = arg;
	lapse_scope inner;
	char byte;

	CHECK(lapse_set_read_deadline(ends[0], soon()) == 0);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	lapse_scope_enter(&inner, soon());
	CHECK_ERR(lapse_call(sleep_an_hour, NULL), LAPSE_EXPIRED);
	CHECK_ERR(lapse_sleep_until(LAPSE_NEVER), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&inner), LAPSE_EXPIRED);
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	CHECK(lapse_read(ends[0], &byte, 1) == 1);
	return lapse_read(ends[0], &byte, 1);
}

/* Calls within calls: each obeys its own, and all the outermost scope. */
static void fn_may_use_lapse(void **state)
{
	lapse_scope scope;
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	lapse_scope_enter(&scope, lapse_in(100 * LAPSE_MS));
	CHECK_ERR(lapse_call(use_lapse, ends), LAPSE_EXPIRED);
	CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	pair_close(ends);
	must_expire();
}

/* ---- On a handle ---- */

static long read_byte(int sysfd, void *buf)
{
	return read(sysfd, buf, 1);
}

static intptr_t run_on(struct call *c)
{
	return lapse_call_on(c->fd, c->operation == NULL ? LAPSE_READ : 0, read_byte, c->buf);
}

static void handle_rules_the_call(void **state)
{
	struct call a, b;
	lapse_fd ends[2];

	(void)state;
	pair_make("pty_slave", ends);
	a = b = (struct call){.fd = ends[0]};
	call_block(&a, run_on);
	call_block(&b, run_on); /* queues */
	CHECK(lapse_cancel(ends[0], LAPSE_READ) == 0);
	CHECK_CALL(&a, -1, ECANCELED);
	CHECK_CALL(&b, -1, ECANCELED);
	call_block(&a, run_on);
	CHECK(lapse_set_read_deadline(ends[0], soon()) == 0);
	CHECK_CALL(&a, -1, LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(3600 * LAPSE_S)) == 0);
	call_block(&a, run_on);
	call_block(&b, run_on);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	CHECK_CALL(&a, 1, 0);
	call_await_sleep(&b); /* it has the turn now, and nothing to read */
	CHECK(lapse_write(ends[1], "y", 1) == 1);
	CHECK_CALL(&b, 1, 0);
	CHECK(a.own[0] == 'x' && b.own[0] == 'y');
	pair_close(ends);
}

static void close_ends_the_call(void **state)
{
	const struct operation *no_turn = check_operation("read");
	struct call a;
	lapse_fd ends[2];
	int sysfd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pair_make("pipe", ends);
		sysfd = lapse_sysfd(ends[0]);
		a = (struct call){.fd = ends[0], .operation = i == 0 ? NULL : no_turn};
		call_block(&a, run_on);
		CHECK(fcntl(sysfd, F_GETFD) >= 0); /* the number is fn's */
		CHECK(lapse_close(ends[0]) == 0);
		CHECK_CALL(&a, -1, EBADF);
		CHECK(lapse_close(ends[1]) == 0);
	}
}

static long close_number(int sysfd, void *unused)
{
	(void)unused;
	return close(sysfd);
}

/* Not allowed, and nobody dies of it. */
static void fn_closes_the_number(void **state)
{
	lapse_fd ends[2];

	(void)state;
	pair_make("pipe", ends);
	CHECK(lapse_call_on(ends[0], LAPSE_READ, close_number, NULL) == 0);
	CHECK_ERR(lapse_close(ends[0]), EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* ---- Threads that end in it, and forks ---- */

static long leave_thread(int sysfd, void *unused)
{
	(void)sysfd;
	(void)unused;
	pthread_exit(NULL);
}

static long be_cancelled(int sysfd, void *unused)
{
	(void)sysfd;
	(void)pthread_cancel(pthread_self());
	return sleep_an_hour(unused);
}

struct ending {
	lapse_fd fd;
	int dir;
	long (*fn)(int sysfd, void *arg);
};

static void *end_in_call(void *arg)
{
	const struct ending *e = arg;
	lapse_scope scope;

	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	(void)lapse_call_on(e->fd, e->dir, e->fn, NULL);
	return arg;
}

/* What it held is given up: the next one gets the turn, and the handle can be closed. */
static void thread_ends_in_fn(void **state)
{
	static long (*const ways[])(int, void *) = {leave_thread, be_cancelled};
	long result = 3;

	(void)state;
	for (int i = 0; i < 50; i++) {
		struct ending e = {.dir = i / 2 % 3, .fn = ways[i % 2]};
		pthread_t thread;
		lapse_fd ends[2];
		void *how;

		pair_make("pipe", ends);
		e.fd = ends[0];
		CHECK(pthread_create(&thread, NULL, end_in_call, &e) == 0);
		CHECK(pthread_join(thread, &how) == 0 && how != &e);
		CHECK(lapse_call_on(ends[0], e.dir, give_on, &result) == 3);
		pair_close(ends);
	}
	must_expire();
}

static long do_fork(int sysfd, void *unused)
{
	(void)sysfd;
	(void)unused;
	return fork();
}

static long do_fork_alone(void *unused)
{
	return do_fork(-1, unused);
}

static long tell(long pid)
{
	int status = 0;

	if (pid == 0)
		_exit(23);
	CHECK(pid > 0 && waitpid((pid_t)pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 23);
	return pid;
}

/* Both return from the call, and both can make more of them. */
static void fn_forks(void **state)
{
	lapse_scope scope;
	lapse_fd ends[2];
	long pid;

	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow the child");
	must_expire();
	pair_make("pipe", ends);
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	pid = lapse_call(do_fork_alone, NULL);
	if (pid == 0)
		must_expire();
	(void)tell(pid);
	pid = lapse_call_on(ends[0], LAPSE_READ, do_fork, NULL);
	if (pid == 0) {
		must_expire();
		CHECK_ERR(lapse_check(ends[0], LAPSE_READ), EBADF);
		CHECK(lapse_close(ends[0]) == 0);
	}
	(void)tell(pid);
	CHECK(lapse_scope_leave(&scope) == 0);
	must_expire();
	pair_close(ends);
}

static long fork_in_vain(void *id)
{
	static int count;
	long pid;

	if (count++ > 0)
		_exit(1); /* the child is told that it was interrupted, not called anew */
	CHECK(lapse_scope_move(*(lapse_scope_id *)id, lapse_in(1800 * LAPSE_S)) == 0);
	pid = fork();
	if (pid == 0)
		errno = EINTR;
	return pid == 0 ? -1 : pid;
}

/* An interruption that no cause holds for is the parent's affair alone. */
static void fn_forks_after_one_in_vain(void **state)
{
	lapse_scope_id id;
	lapse_scope scope;
	long pid;

	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow the child");
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	id = lapse_scope_share(&scope);
	CHECK(id != 0);
	pid = lapse_call(fork_in_vain, &id);
	if (pid == -1 && errno == EINTR)
		pid = 0;
	(void)tell(pid);
	CHECK(lapse_scope_leave(&scope) == 0);
}

/* ---- What no signal ends ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static long lock_mutex(void *unused)
{
	(void)unused;
	(void)pthread_mutex_lock(&mutex);
	return pthread_mutex_unlock(&mutex);
}

static long call_system(void *unused)
{
	(void)unused;
	return system("sleep 0.05");
}

static intptr_t run_within(struct call *c)
{
	lapse_scope scope;
	intptr_t r;

	lapse_scope_enter(&scope, c->deadline);
	r = lapse_call((long (*)(void *))(uintptr_t)c->address, NULL);
	(void)lapse_scope_leave(&scope);
	return r;
}

/* It returns when it has ended by itself, with its result, and nothing is left of the signals. */
static void what_goes_on_blocking(void **state)
{
	struct call c = {.address = (const void *)(uintptr_t)lock_mutex};

	(void)state;
	CHECK(pthread_mutex_lock(&mutex) == 0);
	c.deadline = lapse_in(500 * LAPSE_MS); /* it is to begin before */
	call_block(&c, run_within);
	while (lapse_now() < c.deadline + 5 * LAPSE_MS || !check_is_asleep(c.tid))
		;
	CHECK(!call_is_done(&c));
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	CHECK_CALL(&c, 0, 0);
	c.address = (const void *)(uintptr_t)call_system;
	c.deadline = soon();
	call_start(&c, run_within);
	call_join(&c);
	CHECK(c.result == 0 || (c.result == -1 && c.error == LAPSE_EXPIRED));
	must_expire();
}

static const struct check checks[] = {
	{TEST(any_result_is_passed_on)},
	{TEST(a_result_is_no_end)},
	{TEST(nothing_begins_too_late)},
	{TEST(own_causes_may_be_changed)},
	{TEST(own_handle_is_taken)},
	{TEST(fn_may_use_lapse)},
	{TEST(handle_rules_the_call)},
	{TEST(close_ends_the_call)},
	{TEST(fn_closes_the_number)},
	{TEST(thread_ends_in_fn)},
	{TEST(fn_forks)},
	{TEST(fn_forks_after_one_in_vain)},
	{TEST(what_goes_on_blocking)},
};
CHECK_MAIN(checks)
