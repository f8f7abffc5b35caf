/* Promise 10 and the process: what was let go does not keep it from ending, nor a fork from working;
 * without threads, calls on files are made directly. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Until somebody writes there, or for ever. */
static long read_gate(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1);
}

static intptr_t call_read_gate(struct call *c)
{
	return lapse_call_detached(read_gate, c->buf, sizeof(int), NULL);
}

static long return_nine(void *arg)
{
	(void)arg;
	return 9;
}

/* A file for the test alone, with some bytes in it. */
static lapse_fd file_make(void)
{
	char path[] = "let_go_XXXXXX";
	int sysfd = mkstemp(path);
	lapse_fd fd;

	CHECK(sysfd >= 0 && unlink(path) == 0);
	CHECK(write(sysfd, "0123456789", 10) == 10);
	fd = lapse_adopt(sysfd);
	CHECK(fd != LAPSE_NOFD);
	return fd;
}

static bool file_works(lapse_fd fd)
{
	char buf[10];

	return lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0 &&
	       lapse_pwrite(fd, "abc", 3, 0) == 3 && lapse_pread(fd, buf, 10, 0) == 10 &&
	       memcmp(buf, "abc3456789", 10) == 0 && lapse_fsync(fd) == 0;
}

/* ---- Ending ---- */

static void get_stuck(void *arg)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, lapse_in(20 * LAPSE_MS));
	CHILD_CHECK(lapse_call_detached(read_gate, arg, sizeof(int), NULL) == -1 &&
	            errno == LAPSE_EXPIRED);
	(void)lapse_scope_leave(&scope);
}

static void exit_stuck(void *arg)
{
	get_stuck(arg);
	exit(3);
}

static void a_stuck_thread_ends_with_the_process(void **state)
{
	int gate[2];

	(void)state;
	CHECK(pipe(gate) == 0);
	check_child_ends(check_fork(get_stuck, &gate[0]), 0);
	check_child_ends(check_fork(exit_stuck, &gate[0]), 3);
	close(gate[0]);
	close(gate[1]);
}

/* ---- Forking ---- */

static void use_pool(void *arg)
{
	lapse_fd *inherited = arg;
	lapse_fd mine = file_make();
	int before = check_descriptor_count();

	CHILD_CHECK(lapse_call_detached(return_nine, NULL, 0, NULL) == 9);
	CHILD_CHECK(file_works(mine));
	CHILD_CHECK(lapse_pwrite(*inherited, "x", 1, 0) == -1 && errno == EBADF);
	CHILD_CHECK(lapse_close(mine) == 0);
	/* With the duplicate that the parent's calls are made on. */
	CHILD_CHECK(lapse_close(*inherited) == 0);
	CHILD_CHECK(check_descriptor_count() == before - 3);
	get_stuck(&(int){STDIN_FILENO});
}

/* A thread of the pool and its caller are stuck, a file has its duplicate. */
static void child_starts_anew(void **state)
{
	struct call c = {.n = 0};
	lapse_fd fd;
	int gate[2];
	int quiet[2];
	int input;

	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow a child that starts threads");
	fd = file_make();
	input = dup(STDIN_FILENO);
	CHECK(pipe(gate) == 0 && pipe(quiet) == 0 && dup2(quiet[0], STDIN_FILENO) >= 0);
	CHECK(file_works(fd));
	c.buf = &gate[0];
	call_block(&c, call_read_gate);
	check_child_ends(check_fork(use_pool, &fd), 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK_CALL(&c, 1, 0);
	CHECK(file_works(fd));
	CHECK(lapse_close(fd) == 0);
	if (input >= 0)
		CHECK(dup2(input, STDIN_FILENO) >= 0);
	close(input);
	for (int i = 0; i < 2; i++) {
		close(gate[i]);
		close(quiet[i]);
	}
}

/* The child may close all that it does not know: what then has the duplicate's number stays. */
static void reuse_numbers(void *arg)
{
	lapse_fd *fd = arg;
	int own = lapse_sysfd(*fd);
	int count = 0;

	for (int i = 3; i < 100; i++)
		if (i != own && fcntl(i, F_GETFD) >= 0) {
			CHILD_CHECK(dup2(STDERR_FILENO, i) == i);
			count++;
		}
	CHILD_CHECK(count > 0);
	CHILD_CHECK(lapse_close(*fd) == 0);
	for (int i = 3; i < 100; i++)
		if (fcntl(i, F_GETFD) >= 0)
			count--;
	CHILD_CHECK(count == 0);
}

static void child_reuses_numbers(void **state)
{
	lapse_fd fd = file_make();

	(void)state;
	CHECK(file_works(fd));
	check_child_ends(check_fork(reuse_numbers, &fd), 0);
	CHECK(file_works(fd));
	CHECK(lapse_close(fd) == 0);
}

static long fork_and_exit(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(lapse_call_detached(return_nine, NULL, 0, NULL) == 9 ? 9 : 1);
	return pid;
}

static long fork_and_return(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	return pid == 0 ? 7 : pid; /* in the child, to a pool that is not there */
}

static void fn_may_fork(void **state)
{
	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow a child that starts threads");
	check_child_ends((pid_t)lapse_call_detached(fork_and_exit, NULL, 0, NULL), 9);
	/* Ends as a program does whose last thread ends; there AddressSanitizer calls lost what it
	 * cannot find from that thread. */
	if (!check_is_watched())
		check_child_ends((pid_t)lapse_call_detached(fork_and_return, NULL, 0, NULL), 0);
	CHECK(lapse_call_detached(return_nine, NULL, 0, NULL) == 9);
}

/* ---- No threads to be had ---- */

/* A thread's stack does not fit any more. */
static void forbid_threads(void)
{
	struct rlimit limit = {0, 0};
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHILD_CHECK(f != NULL && fscanf(f, "%ld", &pages) == 1);
	fclose(f);
	limit.rlim_cur = limit.rlim_max = (rlim_t)pages * 4096 + (2 << 20);
	CHILD_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void work_without_threads(void *arg)
{
	lapse_fd fd = file_make();
	lapse_fd other;
	lapse_scope scope;

	(void)arg;
	forbid_threads();
	CHILD_CHECK(lapse_call_detached(return_nine, NULL, 0, NULL) == -1);
	CHILD_CHECK(errno == EAGAIN || errno == ENOMEM);
	CHILD_CHECK(file_works(fd));
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	other = lapse_open("/dev/null", O_RDWR, 0);
	CHILD_CHECK(other != LAPSE_NOFD && lapse_close(other) == 0);
	CHILD_CHECK(lapse_close(fd) == 0);
	CHILD_CHECK(lapse_scope_leave(&scope) == 0);
}

static void without_threads(void **state)
{
	(void)state;
	if (check_is_watched())
		check_skip("sanitizers and Valgrind need more memory than that");
	check_child_ends(check_fork(work_without_threads, NULL), 0);
}

static const struct check checks[] = {
	{TEST(without_threads)}, /* first: the C library keeps the stacks of threads that ended */
	{TEST(a_stuck_thread_ends_with_the_process)},
	{TEST(child_starts_anew)},
	{TEST(child_reuses_numbers)},
	{TEST(fn_may_fork)},
};
CHECK_MAIN(checks)
