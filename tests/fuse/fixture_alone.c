/* The FUSE fixture alone, without lapse: it holds, delays and fails what it is told to, says what has
 * come, and leaves nobody stuck, however the server or the test ends. */
#include "check.h"
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 5000 };

static struct fixture fixture;
static int file; /* the one that the calls below go to */

static int file_open(const char *name)
{
	int fd = openat(fixture.root, name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return fd;
}

/* ---- System calls, and the opcodes that they send ---- */

static intptr_t call_read(struct call *c)
{
	return pread(file, c->buf, c->n, 0);
}

static intptr_t call_write(struct call *c)
{
	return pwrite(file, c->buf, c->n, 0);
}

static intptr_t call_fsync(struct call *c)
{
	(void)c;
	return fsync(file);
}

static intptr_t call_fdatasync(struct call *c)
{
	(void)c;
	return fdatasync(file);
}

static intptr_t call_fstat(struct call *c)
{
	struct stat st;

	(void)c;
	return fstat(file, &st);
}

static intptr_t call_fstatfs(struct call *c)
{
	struct statfs st;

	(void)c;
	return fstatfs(file, &st);
}

static intptr_t call_ftruncate(struct call *c)
{
	(void)c;
	return ftruncate(file, FIXTURE_FILE_SIZE);
}

static intptr_t call_fallocate(struct call *c)
{
	(void)c;
	return fallocate(file, 0, 0, FIXTURE_FILE_SIZE);
}

static intptr_t call_copy(struct call *c)
{
	off_t from = 0, to = SIZE;

	return copy_file_range(file, &from, file, &to, c->n, 0);
}

static intptr_t call_open(struct call *c)
{
	int fd = openat(fixture.root, "direct1", O_RDWR | O_CLOEXEC);

	(void)c;
	return fd < 0 ? -1 : close(fd);
}

static const struct {
	const char *name;
	uint32_t op;
	intptr_t (*run)(struct call *);
	bool is_count;
} calls[] = {
	{"pread", FUSE_READ, call_read, true},
	{"pwrite", FUSE_WRITE, call_write, true},
	{"fsync", FUSE_FSYNC, call_fsync, false},
	{"fdatasync", FUSE_FSYNC, call_fdatasync, false},
	{"fstat", FUSE_GETATTR, call_fstat, false},
	{"fstatfs", FUSE_STATFS, call_fstatfs, false},
	{"ftruncate", FUSE_SETATTR, call_ftruncate, false},
	{"fallocate", FUSE_FALLOCATE, call_fallocate, false},
	{"copy_file_range", FUSE_COPY_FILE_RANGE, call_copy, true},
	{"open", FUSE_LOOKUP, call_open, false},
	{"open", FUSE_OPEN, call_open, false},
	{"close", FUSE_FLUSH, call_open, false},
};
enum { CALL_COUNT = sizeof(calls) / sizeof(calls[0]) };

static char buffer[SIZE];

/* Start call i, and wait until its request has come. */
static void call_begin(struct call *c, int i)
{
	uint64_t count = fixture_count(&fixture, calls[i].op);

	*c = (struct call){.buf = buffer, .n = SIZE};
	call_start(c, calls[i].run);
	fixture_await(&fixture, calls[i].op, count + 1);
}

static void call_succeeds(struct call *c, int i)
{
	CHECK_CALL(c, calls[i].is_count ? SIZE : 0, 0);
}

/* ---- Tests ---- */

static void keeps_what_is_written(const char *name)
{
	char bytes[SIZE], got[SIZE];

	file = file_open(name);
	CHECK(pread(file, got, SIZE, 4000) == SIZE && stamp_holds(got, SIZE, 4000));
	memset(bytes, 'w', sizeof(bytes));
	CHECK(pwrite(file, bytes, SIZE, 10000) == SIZE && fsync(file) == 0);
	CHECK(pread(file, got, SIZE, 10000) == SIZE && memcmp(got, bytes, SIZE) == 0);
	CHECK(pread(file, got, SIZE, 10000 + SIZE) == SIZE);
	CHECK(stamp_holds(got, SIZE, 10000 + SIZE));
	CHECK(ftruncate(file, 100) == 0 && pread(file, got, SIZE, 0) == 100);
	CHECK(pread(file, got, SIZE, 100) == 0);
	CHECK(close(file) == 0);
}

static void is_a_file_system(void **state)
{
	(void)state;
	fixture_start(&fixture);
	keeps_what_is_written("buffered0");
	keeps_what_is_written("direct0");
	CHECK(openat(fixture.root, "other", O_RDONLY) == -1 && errno == ENOENT);
	fixture_stop(&fixture);
}

static void holds(void **state)
{
	struct call c;

	(void)state;
	fixture_start(&fixture);
	file = file_open("direct0");
	for (int i = 0; i < CALL_COUNT; i++) {
		fixture_hold(&fixture, calls[i].op);
		call_begin(&c, i);
		CHECK(fixture_held(&fixture, calls[i].op) == 1 && !call_is_done(&c));
		fixture_release(&fixture);
		call_succeeds(&c, i);
		CHECK(fixture_held(&fixture, calls[i].op) == 0);
	}
	CHECK(close(file) == 0);
	fixture_stop(&fixture);
}

/* A buffered file is read page by page, and each is a request. */
static void answers_one(void **state)
{
	struct call c;

	(void)state;
	fixture_start(&fixture);
	file = file_open("buffered0");
	fixture_hold(&fixture, FUSE_READ);
	call_begin(&c, 0);
	fixture_answer(&fixture, FUSE_READ);
	fixture_await(&fixture, FUSE_READ, 2);
	CHECK(fixture_held(&fixture, FUSE_READ) == 1 && !call_is_done(&c));
	fixture_answer(&fixture, FUSE_READ);
	call_succeeds(&c, 0);
	CHECK(stamp_holds(buffer, SIZE, 0) && close(file) == 0);
	fixture_stop(&fixture);
}

static void delays(void **state)
{
	struct call c;

	(void)state;
	fixture_start(&fixture);
	file = file_open("direct0");
	for (int i = 0; i < CALL_COUNT; i++) {
		fixture_delay(&fixture, calls[i].op, 20 * LAPSE_MS);
		call_begin(&c, i);
		call_succeeds(&c, i);
		CHECK(c.ended - c.began >= 20 * LAPSE_MS);
		fixture_delay(&fixture, calls[i].op, 0);
	}
	CHECK(close(file) == 0);
	fixture_stop(&fixture);
}

/* Not close(2) alone, whose error comes from FUSE_FLUSH and is checked like the others. */
static void fails(void **state)
{
	struct call c;

	(void)state;
	fixture_start(&fixture);
	file = file_open("direct0");
	for (int i = 0; i < CALL_COUNT; i++) {
		fixture_fail(&fixture, calls[i].op, ENOSPC);
		call_begin(&c, i);
		CHECK_CALL(&c, -1, ENOSPC);
		fixture_fail(&fixture, calls[i].op, 0);
		call_begin(&c, i);
		call_succeeds(&c, i);
	}
	CHECK(close(file) == 0);
	fixture_stop(&fixture);
}

static void on_signal(int number)
{
	(void)number;
}

static void heeds_interrupts(void **state)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct call c;

	(void)state;
	fixture_start(&fixture);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	file = file_open("direct0");
	fixture_hold(&fixture, FUSE_FSYNC);
	fixture_heed(&fixture);
	call_begin(&c, 2);
	pthread_kill(c.thread, SIGUSR1);
	fixture_await(&fixture, FUSE_INTERRUPT, 1);
	CHECK_CALL(&c, -1, EINTR);
	CHECK(close(file) == 0);
	fixture_stop(&fixture);
}

/* What was held, and what comes afterwards. */
static void killed_server_ends_all(void **state)
{
	struct call c;

	(void)state;
	for (int i = 0; i < CALL_COUNT; i++) {
		fixture_start(&fixture);
		file = file_open(i % 2 == 0 ? "direct0" : "buffered0");
		fixture_hold(&fixture, calls[i].op);
		call_begin(&c, i);
		fixture_kill(&fixture);
		CHECK_CALL(&c, -1, ECONNABORTED);
		CHECK_ERR(fsync(file), ENOTCONN);
		(void)close(file); /* flushes: an error, but closed */
		fixture_stop(&fixture);
	}
}

/* ---- A test that ends before its server ---- */

static void *read_stuck(void *arg)
{
	(void)arg;
	(void)pread(file, buffer, SIZE, 0);
	return NULL;
}

static void *kill_when_stuck(void *arg)
{
	fixture_await(&fixture, FUSE_READ, 1);
	kill(getpid(), SIGKILL);
	return arg;
}

enum way { FIRST_IS_KILLED, OTHER_IS_KILLED, OTHER_AT_EXIT, WAY_COUNT };

/* In a process of its own: start a server, be stuck in it, in the first thread or another, and end. */
static _Noreturn void stick(const char *name, enum way way)
{
	pthread_t thread;

	fixture_start(&fixture);
	file = file_open(name);
	fixture_hold(&fixture, FUSE_READ);
	if (pthread_create(&thread, NULL, way == FIRST_IS_KILLED ? kill_when_stuck : read_stuck,
	                   NULL) != 0)
		check_die("pthread_create: %s", strerror(errno));
	if (way == FIRST_IS_KILLED)
		read_stuck(NULL);
	else if (way == OTHER_IS_KILLED)
		kill_when_stuck(NULL);
	else
		fixture_await(&fixture, FUSE_READ, 1);
	_exit(0);
}

static void ends_with_its_test(void **state)
{
	int status;

	(void)state;
	fixture_start(&fixture); /* or skip */
	fixture_stop(&fixture);
	/* The server that has lost its parent becomes a child of this process. */
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1L) == 0);
	for (int i = 0; i < 2 * WAY_COUNT; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			stick(i % 2 == 0 ? "direct0" : "buffered0", i / 2);
		/* It cannot end before its server does. */
		CHECK(waitpid(pid, &status, 0) == pid);
		if (i / 2 == OTHER_AT_EXIT)
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static const struct check checks[] = {
	{TEST(is_a_file_system)},
	{TEST(holds)},
	{TEST(answers_one)},
	{TEST(delays)},
	{TEST(fails)},
	{TEST(heeds_interrupts)},
	{TEST(killed_server_ends_all)},
	{TEST(ends_with_its_test)},
};
CHECK_MAIN(checks)
