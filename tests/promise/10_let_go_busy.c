/* Promise 10 on files while all threads of the pool are busy: who waits for one obeys deadlines, cancels,
 * closes and limits as in any other wait, and what no thread has begun never happens. Files that hang
 * are in tests/fuse; here one function holds the only thread. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	int gate[2];
	struct call holder;
	atomic_bool holds;
} pool;

static long hold(void *arg)
{
	char byte;

	(void)arg;
	atomic_store(&pool.holds, true);
	return read(pool.gate[0], &byte, 1);
}

static intptr_t call_hold(struct call *c)
{
	(void)c;
	return lapse_call_detached(hold, NULL, 0, NULL);
}

static void pool_busy(void)
{
	CHECK(lapse_use_threads(1) == 0);
	CHECK(pipe(pool.gate) == 0);
	atomic_store(&pool.holds, false);
	memset(&pool.holder, 0, sizeof pool.holder);
	call_start(&pool.holder, call_hold);
	while (!atomic_load(&pool.holds))
		(void)lapse_sleep_until(lapse_in(LAPSE_MS));
}

static void pool_free(void)
{
	CHECK(write(pool.gate[1], "x", 1) == 1);
	CHECK_CALL(&pool.holder, 1, 0);
	close(pool.gate[0]);
	close(pool.gate[1]);
	CHECK(lapse_use_threads(64) == 0);
}

static lapse_fd file_make(void)
{
	char path[] = "let_go_XXXXXX";
	int sysfd = mkostemp(path, O_CLOEXEC);
	lapse_fd fd = lapse_adopt(sysfd);

	CHECK(fd != LAPSE_NOFD && unlink(path) == 0);
	CHECK(write(sysfd, "0123456789", 10) == 10);
	CHECK(lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0);
	return fd;
}

static bool is_untouched(lapse_fd fd)
{
	char buf[20];

	return pread(lapse_sysfd(fd), buf, sizeof buf, 0) == 10 &&
	       memcmp(buf, "0123456789", 10) == 0 && lseek(lapse_sysfd(fd), 0, SEEK_CUR) == 10;
}

static intptr_t call_write(struct call *c)
{
	return lapse_write(c->fd, "abc", 3);
}

static intptr_t call_pwrite(struct call *c)
{
	return lapse_pwrite(c->fd, "abc", 3, 0);
}

static intptr_t call_fsync(struct call *c)
{
	return lapse_fsync(c->fd);
}

static intptr_t call_ftruncate(struct call *c)
{
	return lapse_ftruncate(c->fd, 10);
}

static intptr_t call_fallocate(struct call *c)
{
	return lapse_fallocate(c->fd, FALLOC_FL_KEEP_SIZE, 0, 10);
}

static intptr_t call_fstat(struct call *c)
{
	struct stat st;

	return lapse_fstat(c->fd, &st);
}

/* Not in the cache, so that it has to wait. */
static intptr_t call_pread(struct call *c)
{
	int sysfd = lapse_sysfd(c->fd);

	if (fdatasync(sysfd) != 0 || posix_fadvise(sysfd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		check_die("cannot empty the cache");
	return lapse_pread(c->fd, c->own, 10, 0);
}

static intptr_t call_copy(struct call *c)
{
	off_t in = 0, out = 5;

	return lapse_copy_file_range(c->fd, &out, c->fd, &in, 0) == 0
	               ? lapse_copy_file_range(c->fd, &out, c->fd, &in, 5)
	               : -2;
}

static const struct {
	const char *name;
	intptr_t (*run)(struct call *c);
	intptr_t result;
	int dir; /* whose limits count, of both that may */
} calls[] = {
	{"write", call_write, 3, LAPSE_WRITE},
	{"pwrite", call_pwrite, 3, LAPSE_WRITE},
	{"fsync", call_fsync, 0, LAPSE_READ},
	{"ftruncate", call_ftruncate, 0, LAPSE_WRITE},
	{"fallocate", call_fallocate, 0, LAPSE_WRITE},
	{"fstat", call_fstat, 0, LAPSE_READ},
	{"copy_file_range", call_copy, 5, LAPSE_READ},
};

enum { CALLS = sizeof calls / sizeof *calls };

/* Each of them, asleep, then ended by that. */
static void all_ended_by(void (*end)(lapse_fd fd, int dir), int error)
{
	pool_busy();
	for (int i = 0; i < CALLS; i++) {
		struct call c = {.fd = file_make()};
		int other = dup(lapse_sysfd(c.fd));
		lapse_fd again;

		call_block(&c, calls[i].run);
		end(c.fd, calls[i].dir);
		CHECK_CALL(&c, -1, error);
		again = error == EBADF ? lapse_adopt(dup(other)) : c.fd;
		CHECK(is_untouched(again));
		CHECK(lapse_set_deadline(again, LAPSE_NEVER) == 0);
		CHECK(lapse_close(again) == 0);
		close(other);
	}
	pool_free();
}

static void move_deadline(lapse_fd fd, int dir)
{
	CHECK(deadline_set(fd, dir, lapse_in(0)) == 0);
}

static void cancel(lapse_fd fd, int dir)
{
	CHECK(lapse_cancel(fd, dir) == 0);
}

static void set_idle(lapse_fd fd, int dir)
{
	CHECK(lapse_set_idle(fd, dir, 20 * LAPSE_MS) == 0);
	/* What sleeps already has not looked at it. */
	CHECK(deadline_set(fd, dir, lapse_in(LAPSE_S)) == 0);
}

/* The last step, close(2), waits for the thread too: see below. */
static void release_it(lapse_fd fd, int dir)
{
	(void)dir;
	close(lapse_release(fd));
}

static void deadline_moved(void **state)
{
	(void)state;
	all_ended_by(move_deadline, LAPSE_EXPIRED);
}

static void canceled(void **state)
{
	(void)state;
	all_ended_by(cancel, ECANCELED);
}

static void idle_limit(void **state)
{
	(void)state;
	all_ended_by(set_idle, LAPSE_EXPIRED);
}

static void handle_gone(void **state)
{
	(void)state;
	all_ended_by(release_it, EBADF);
}

/* Lifting the deadline lifts it; then a thread comes free. */
static void deadline_cleared(void **state)
{
	struct call c[CALLS];

	(void)state;
	pool_busy();
	for (int i = 0; i < CALLS; i++) {
		c[i] = (struct call){.fd = file_make()};
		CHECK(lapse_set_deadline(c[i].fd, lapse_in(2 * LAPSE_S)) == 0);
		call_block(&c[i], calls[i].run);
	}
	for (int i = 0; i < CALLS; i++)
		CHECK(lapse_set_deadline(c[i].fd, LAPSE_NEVER) == 0);
	pool_free();
	for (int i = 0; i < CALLS; i++) {
		CHECK_CALL(&c[i], calls[i].result, 0);
		CHECK(lapse_close(c[i].fd) == 0);
	}
}

static void cold_read(void **state)
{
	struct call c = {.fd = file_make()};

	(void)state;
	pool_busy();
	call_start(&c, call_pread);
	/* A disk may be faster than that: then the read needed no thread. */
	while (!call_is_done(&c) &&
	       !(atomic_load(&c.tid) != 0 && check_is_asleep(atomic_load(&c.tid))))
		;
	CHECK(lapse_set_read_deadline(c.fd, lapse_in(0)) == 0);
	call_join(&c);
	CHECK(c.result == 10 || (c.result == -1 && c.error == LAPSE_EXPIRED));
	CHECK(lapse_set_deadline(c.fd, LAPSE_NEVER) == 0 && lapse_close(c.fd) == 0);
	pool_free();
}

/* Nothing in force: no thread is needed. */
static void without_a_deadline(void **state)
{
	struct call c = {.fd = file_make()};
	lapse_scope scope;

	(void)state;
	pool_busy();
	CHECK(lapse_set_deadline(c.fd, LAPSE_NEVER) == 0);
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	for (int i = 0; i < CALLS; i++) {
		lapse_scope shield;

		lapse_scope_shield(&shield);
		CHECK(calls[i].run(&c) == calls[i].result);
		(void)lapse_scope_leave(&shield);
	}
	(void)lapse_scope_leave(&scope);
	CHECK(call_pread(&c) == 10);
	CHECK(lapse_close(c.fd) == 0);
	pool_free();
}

/* ---- Closing ---- */

/* Time is up before a thread comes to it: the handle is gone, the number goes when one does. */
static void close_does_not_wait(void **state)
{
	static const int64_t left[] = {0, LAPSE_NEVER, 100 * LAPSE_MS};
	int sysfds[3];

	(void)state;
	pool_busy();
	for (int i = 0; i < 3; i++) {
		lapse_fd fd = file_make();
		lapse_scope scope;
		lapse_time began = lapse_now();

		sysfds[i] = lapse_sysfd(fd);
		CHECK(lapse_set_deadline(fd, lapse_in(left[i])) == 0);
		lapse_scope_enter(&scope, i == 1 ? lapse_in(10 * LAPSE_MS) : LAPSE_NEVER);
		CHECK_ERR(lapse_close(fd), EINPROGRESS);
		(void)lapse_scope_leave(&scope);
		CHECK(lapse_now() >= began + (i == 2 ? 100 : 20) * LAPSE_MS);
		CHECK_ERR(lapse_close(fd), EBADF);
		CHECK(fcntl(sysfds[i], F_GETFD) >= 0);
	}
	pool_free();
	for (int i = 0; i < 3; i++)
		while (fcntl(sysfds[i], F_GETFD) >= 0)
			(void)lapse_sleep_until(lapse_in(LAPSE_MS));
}

/* ---- Opening ---- */

static intptr_t call_open(struct call *c)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, c->deadline);
	c->fd = lapse_open(c->buf, (int)c->n, 0600);
	c->error = errno;
	(void)lapse_scope_leave(&scope);
	errno = c->error;
	return c->fd == LAPSE_NOFD ? -1 : 0;
}

static void open_never_began(void **state)
{
	struct call c = {.buf = "let_go_made", .n = O_CREAT | O_RDWR};

	(void)state;
	pool_busy();
	c.deadline = lapse_in(30 * LAPSE_MS);
	CHECK(call_open(&c) == -1 && c.error == LAPSE_EXPIRED);
	pool_free();
	c.deadline = lapse_in(3600 * LAPSE_S); /* whatever was in the queue has been done by then */
	c.buf = "/dev/null";
	CHECK(call_open(&c) == 0 && lapse_close(c.fd) == 0);
	CHECK(access("let_go_made", F_OK) != 0);
}

/* Let go it is interrupted too: the only thread comes free. */
static void fifo_is_let_go(void **state)
{
	static const int modes[] = {O_RDONLY, O_WRONLY, O_WRONLY | O_CREAT};
	struct call c = {.buf = "let_go_fifo"};
	lapse_fd other;

	(void)state;
	(void)unlink("let_go_fifo");
	CHECK(mkfifo("let_go_fifo", 0600) == 0);
	CHECK(lapse_use_threads(1) == 0);
	for (int i = 0; i < 9; i++) {
		c.n = (size_t)modes[i % 3];
		c.deadline = lapse_in(100 * LAPSE_MS);
		CHECK(call_open(&c) == -1);
		CHECK(c.error == ((c.n & O_CREAT) != 0 ? EINPROGRESS : LAPSE_EXPIRED) ||
		      c.error == LAPSE_EXPIRED); /* on a slow machine it never began */
		CHECK(lapse_now() >= c.deadline);
	}
	c = (struct call){
		.buf = "let_go_fifo", .n = O_RDONLY, .deadline = lapse_in(3600 * LAPSE_S)};
	call_block(&c, call_open);
	other = lapse_open("let_go_fifo", O_WRONLY, 0);
	CHECK(other != LAPSE_NOFD);
	CHECK_CALL(&c, 0, 0);
	CHECK(lapse_write(other, "x", 1) == 1 && lapse_read(c.fd, c.own, 2) == 1);
	CHECK(lapse_close(other) == 0 && lapse_close(c.fd) == 0);
	CHECK(unlink("let_go_fifo") == 0);
	CHECK(lapse_use_threads(64) == 0);
}

static void open_relative(void **state)
{
	int folder = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lapse_scope scope;
	lapse_fd fd;

	(void)state;
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	fd = lapse_openat(folder, "null", O_RDWR, 0);
	CHECK(fd != LAPSE_NOFD && lapse_write(fd, "x", 1) == 1 && lapse_close(fd) == 0);
	fd = lapse_openat(-1, "/dev/null", O_RDWR, 0);
	CHECK(fd != LAPSE_NOFD && lapse_close(fd) == 0);
	(void)lapse_scope_leave(&scope);
	close(folder);
}

static const struct check checks[] = {
	{TEST(deadline_moved)},     {TEST(canceled)},
	{TEST(idle_limit)},         {TEST(handle_gone)},
	{TEST(deadline_cleared)},   {TEST(cold_read)},
	{TEST(without_a_deadline)}, {TEST(close_does_not_wait)},
	{TEST(open_never_began)},   {TEST(fifo_is_let_go)},
	{TEST(open_relative)},
};
CHECK_MAIN(checks)
