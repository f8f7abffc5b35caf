/* Promise 9 across fork: the child may close, release and take the number of what it inherited, and
 * nothing else; none of that disturbs the parent, and what the child makes itself works fully. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What was inherited ---- */

static void use_inherited(void *arg)
{
	struct subject *s = arg;
	struct call c;
	int sysfd = lapse_sysfd(s->fd);

	CHILD_CHECK(sysfd >= 0 && fcntl(sysfd, F_GETFD) >= 0);
	CHILD_CHECK(subject_run(s, &c) == -1 && c.error == EBADF);
	CHILD_CHECK(lapse_set_deadline(s->fd, lapse_in(0)) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_set_idle(s->fd, LAPSE_READ, 1) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_cancel(s->fd, LAPSE_READ | LAPSE_WRITE) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_check(s->fd, LAPSE_READ) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_dup(s->fd) == LAPSE_NOFD && errno == EBADF);
	CHILD_CHECK(lapse_read_deadline(s->fd) == LAPSE_NEVER && errno == EBADF);
	CHILD_CHECK(lapse_close(s->fd) == 0);
	CHILD_CHECK(fcntl(sysfd, F_GETFD) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_close(s->fd) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_sysfd(s->fd) == -1 && errno == EBADF);
	sysfd = lapse_sysfd(s->peer);
	if (s->peer != LAPSE_NOFD)
		CHILD_CHECK(lapse_release(s->peer) == sysfd && fcntl(sysfd, F_GETFD) >= 0);
}

/* While an operation of the parent's runs and another queues behind it. */
static void child_may_only_give_up(void **state)
{
	struct subject s;
	struct call pending, queued;

	subject_open(&s, *state);
	subject_block(&s, &pending);
	subject_block(&s, &queued);
	check_child_ends(check_fork(use_inherited, &s), 0);
	CHECK(!call_is_done(&pending) && !call_is_done(&queued));
	CHECK(lapse_check(s.fd, LAPSE_READ | LAPSE_WRITE) == 0);
	subject_finish(&s, &pending);
	CHECK(lapse_cancel(s.fd, LAPSE_READ | LAPSE_WRITE) == 0);
	call_join(&queued);
	/* A second connect finds the first one's connection. */
	CHECK(queued.result == 1 || queued.error == ECANCELED || queued.error == EISCONN);
	subject_close(&s);
}

/* ---- What the child makes ---- */

static void needs_threads_in_child(void)
{
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow threads of a child");
}

static void work_alone(void *arg)
{
	const struct where *where = arg;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHILD_CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
	call_join(&c);
	CHILD_CHECK(c.result == -1 && c.error == LAPSE_EXPIRED);
	CHILD_CHECK(deadline_set(s.fd, where->operation->dir, LAPSE_NEVER) == 0);
	subject_block(&s, &c);
	subject_finish(&s, &c);
	subject_close(&s);
}

static void child_can_do_everything(void **state)
{
	struct subject s;
	struct call pending;

	needs_threads_in_child();
	subject_open(&s, *state);
	subject_block(&s, &pending);
	check_child_ends(check_fork(work_alone, *state), 0);
	call_await_sleep(&pending);
	subject_finish(&s, &pending);
	subject_close(&s);
}

static void fork_again(void *arg)
{
	const struct where *where = arg;
	struct subject s;
	pid_t pid;
	int status;

	subject_open(&s, where);
	pid = check_fork(use_inherited, &s);
	CHILD_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	subject_close(&s);
	work_alone(arg);
}

static void grandchildren_too(void **state)
{
	(void)state;
	needs_threads_in_child();
	check_child_ends(check_fork(fork_again,
	                            &(struct where){check_family("pipe"), check_operation("read")}),
	                 0);
}

/* A thread that sleeps in the parent keeps what it sleeps on, whoever sleeps in the child. */
static void wake_ups_stay_in_their_process(void **state)
{
	struct where reads = {check_family("unix_stream"), check_operation("read")};
	struct subject s;
	struct call pending;

	(void)state;
	needs_threads_in_child();
	subject_open(&s, &reads);
	/* This thread has slept already: the child starts with whatever it used. */
	CHECK(lapse_set_read_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(subject_run(&s, &pending), LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(s.fd, LAPSE_NEVER) == 0);
	subject_block(&s, &pending);
	for (int i = 0; i < 5; i++) {
		pid_t pid = check_fork(work_alone, &reads);

		CHECK(lapse_set_read_deadline(s.fd, lapse_in(3600 * LAPSE_S)) == 0);
		check_child_ends(pid, 0);
		CHECK(!call_is_done(&pending));
	}
	CHECK(lapse_set_read_deadline(s.fd, lapse_in(0)) == 0);
	CHECK_CALL(&pending, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

/* ---- At any moment ---- */

struct busy {
	atomic_bool stop;
	int failures;
};

/* Makes, uses and closes handles, so that a fork falls into the middle of everything. */
static void *be_busy(void *arg)
{
	struct busy *busy = arg;
	lapse_scope scope;

	while (!atomic_load(&busy->stop)) {
		lapse_fd ends[2];
		char byte;

		if (lapse_pipe(ends) != 0) {
			busy->failures++;
			continue;
		}
		lapse_scope_enter(&scope, lapse_in(50 * LAPSE_US));
		(void)lapse_scope_share(&scope);
		(void)lapse_set_read_deadline(ends[0], lapse_in(20 * LAPSE_US));
		busy->failures += lapse_read(ends[0], &byte, 1) != -1 || errno != LAPSE_EXPIRED;
		(void)lapse_scope_leave(&scope);
		busy->failures += lapse_close(ends[0]) != 0 || lapse_close(ends[1]) != 0;
	}
	return NULL;
}

static void fork_at_any_moment(void **state)
{
	struct where reads = {check_family("pipe"), check_operation("read")};
	struct busy busy[2] = {0};
	pthread_t thread[2];
	int count = check_count(100);

	(void)state;
	needs_threads_in_child();
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&thread[i], NULL, be_busy, &busy[i]) == 0);
	for (int i = 0; i < count; i++)
		check_child_ends(check_fork(work_alone, &reads), 0);
	for (int i = 0; i < 2; i++) {
		atomic_store(&busy[i].stop, true);
		CHECK(pthread_join(thread[i], NULL) == 0);
		CHECK(busy[i].failures == 0);
	}
}

static const struct check checks[] = {
	{TEST_OPERATIONS(child_may_only_give_up, finishes_soon)},
	{TEST_OPERATIONS(child_can_do_everything, finishes_soon)},
	{TEST(grandchildren_too)},
	{TEST(wake_ups_stay_in_their_process)},
	{TEST(fork_at_any_moment)},
};
CHECK_MAIN(checks)
