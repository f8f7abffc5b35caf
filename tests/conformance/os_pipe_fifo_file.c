/* What Go's os/pipe_test.go, fifo_test.go and the tests of new files ask, asked of lapse: ends that
 * break, that are closed under a call, that came from elsewhere with flags of their own. */
#include "shared.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_no_socket(const struct where *where)
{
	return (where->family->traits & FAMILY_SOCKET) == 0;
}

static bool is_pipe(const struct where *where)
{
	return (where->family->traits & FAMILY_PIPE) != 0;
}

/* ---- Broken pipes ---- */

/* SIGPIPE would end the process. */
static void epipe(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	family_make(where->family, ends);
	CHECK(lapse_close(ends[0]) == 0);
	for (int i = 0; i < 20; i++)
		CHECK_ERR(lapse_write(ends[1], "hi", 2), EPIPE);
	CHECK(lapse_close(ends[1]) == 0);
}

struct std_pipe {
	int broken, number;
};

static int write_to_std(void *arg)
{
	const struct std_pipe *s = arg;
	lapse_fd fd;

	if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || dup2(s->broken, s->number) != s->number)
		return 2;
	fd = lapse_adopt(s->number);
	errno = 0;
	return lapse_write(fd, "std", 3) == -1 && errno == EPIPE ? 0 : 3;
}

/* Standard output and error are like any other number: an error, no signal. */
static void std_pipe(void **state)
{
	int fds[2];

	(void)state;
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	close(fds[0]);
	for (int number = 1; number < 3; number++)
		check_child(write_to_std, &(struct std_pipe){fds[1], number});
	close(fds[1]);
}

/* ---- Closed under a call ---- */

static void closed_pipe_race_read(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];

	family_make(where->family, ends);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_CALL(&c, -1, EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* The count of what went before the close, with the reason; at least one byte always did. */
static void closed_pipe_race_write(void **state)
{
	enum { TOO_MUCH = 1 << 20 };
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];
	char *buf = calloc(1, TOO_MUCH);

	CHECK(buf != NULL);
	family_make(where->family, ends);
	c = (struct call){.fd = ends[1], .buf = buf, .n = TOO_MUCH};
	call_block(&c, check_operation("write")->run);
	CHECK(lapse_close(ends[1]) == 0);
	call_join(&c);
	CHECK(c.result > 0 && c.result < TOO_MUCH && c.error == EBADF);
	/* A terminal that is closed loses what was not read. */
	if (where->family->traits & FAMILY_PIPE)
		CHECK(pair_take(ends[0], buf, (size_t)c.result) &&
		      lapse_read(ends[0], buf, 1) == 0);
	CHECK(lapse_close(ends[0]) == 0);
	free(buf);
}

/* On a descriptor that is in blocking mode the read is woken, too. */
static void close_with_blocking_read_by_new_file(void **state)
{
	struct call c;
	lapse_fd fd;
	int fds[2];

	(void)state;
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	fd = lapse_adopt(fds[0]);
	operation_block(&c, "read", fd);
	CHECK(lapse_close(fd) == 0);
	CHECK_CALL(&c, -1, EBADF);
	close(fds[1]);
}

/* Whoever asks for the number changes nothing. */
static void close_with_blocking_read_by_fd(void **state)
{
	struct call c;
	lapse_fd ends[2];
	int flags;

	(void)state;
	CHECK(lapse_pipe(ends) == 0);
	flags = fcntl(lapse_sysfd(ends[0]), F_GETFL);
	operation_block(&c, "read", ends[0]);
	CHECK(fcntl(lapse_sysfd(ends[0]), F_GETFL) == flags);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_CALL(&c, -1, EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* ---- The end of file ---- */

/* Three lines while the reader waits for each, then the last close, which wakes it. */
static void check_end(lapse_fd reader, lapse_fd writer)
{
	struct call c = {.fd = reader};
	char line[16];

	for (int i = 0; i < 3; i++) {
		int n = snprintf(line, sizeof(line), "line %d\n", i);

		c.buf = c.own;
		c.n = sizeof(c.own);
		call_block(&c, check_operation("read")->run);
		CHECK(lapse_write(writer, line, (size_t)n) == n);
		CHECK_CALL(&c, n, 0);
		CHECK(memcmp(c.own, line, (size_t)n) == 0);
	}
	call_block(&c, check_operation("read")->run);
	CHECK(lapse_close(writer) == 0);
	CHECK_CALL(&c, 0, 0);
	CHECK(lapse_close(reader) == 0);
}

static void pipe_eof(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	check_end(ends[0], ends[1]);
}

struct fifo {
	char folder[32], path[40];
};

static void fifo_make(struct fifo *f)
{
	strcpy(f->folder, "/tmp/lapse-test-XXXXXX");
	CHECK(mkdtemp(f->folder) != NULL);
	snprintf(f->path, sizeof(f->path), "%s/fifo", f->folder);
	CHECK(mkfifo(f->path, 0600) == 0);
}

static void fifo_remove(const struct fifo *f)
{
	CHECK(unlink(f->path) == 0 && rmdir(f->folder) == 0);
}

static intptr_t open_to_write(struct call *c)
{
	return (intptr_t)lapse_open(c->buf, O_WRONLY, 0);
}

/* Each open waits for the other, as open(2) does. */
static void fifo_eof(void **state)
{
	struct fifo f;
	struct call opener;
	lapse_fd reader;

	(void)state;
	fifo_make(&f);
	opener = (struct call){.buf = f.path};
	call_block(&opener, open_to_write);
	reader = lapse_open(f.path, O_RDONLY, 0);
	CHECK(reader != LAPSE_NOFD);
	call_join(&opener);
	CHECK(opener.result != 0);
	check_end(reader, (lapse_fd)opener.result);
	fifo_remove(&f);
}

/* Opened before any writer, in non-blocking mode. */
static void fifo_non_blocking_eof(void **state)
{
	struct fifo f;
	lapse_fd reader, writer;
	char byte;

	(void)state;
	fifo_make(&f);
	reader = lapse_open(f.path, O_RDONLY | O_NONBLOCK, 0);
	CHECK(reader != LAPSE_NOFD);
	writer = lapse_open(f.path, O_WRONLY, 0);
	CHECK(writer != LAPSE_NOFD);
	CHECK(lapse_write(writer, "x", 1) == 1);
	CHECK(lapse_read(reader, &byte, 1) == 1 && byte == 'x');
	check_end(reader, writer);
	fifo_remove(&f);
}

/* ---- Flags of others ---- */

/* Go gives EAGAIN here; lapse waits. */
static void read_nonblocking_fd(void **state)
{
	struct call c;
	lapse_fd fd;
	int fds[2];

	(void)state;
	CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	fd = lapse_adopt(fds[0]);
	operation_block(&c, "read", fd);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK_CALL(&c, 1, 0);
	CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	CHECK(lapse_close(fd) == 0);
	close(fds[1]);
}

static void open_file_non_blocking(void **state)
{
	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		int flags = mode == 0 ? O_RDONLY : O_RDONLY | O_NONBLOCK;
		lapse_fd fd = lapse_open("/proc/version", flags, 0);
		char text[4];

		CHECK(fd != LAPSE_NOFD);
		CHECK(!(fcntl(lapse_sysfd(fd), F_GETFL) & O_NONBLOCK) == (mode == 0));
		CHECK(lapse_read(fd, text, 4) == 4 && memcmp(text, "Linu", 4) == 0);
		CHECK(!(fcntl(lapse_sysfd(fd), F_GETFL) & O_NONBLOCK) == (mode == 0));
		CHECK(lapse_close(fd) == 0);
	}
}

/* Adopted, asked for its number, used, handed back: the flags are as they came. */
static void new_file_non_blocking(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	int sysfd;

	family_make(where->family, ends);
	sysfd = lapse_release(ends[0]);
	for (int mode = 0; mode < 2; mode++) {
		int flags = (fcntl(sysfd, F_GETFL) & ~O_NONBLOCK) | (mode == 0 ? 0 : O_NONBLOCK);
		lapse_fd fd;
		char byte;

		CHECK(fcntl(sysfd, F_SETFL, flags) == 0);
		fd = lapse_adopt(sysfd);
		CHECK(lapse_sysfd(fd) == sysfd);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK(lapse_read(fd, &byte, 1) == 1);
		CHECK(lapse_release(fd) == sysfd);
		CHECK(fcntl(sysfd, F_GETFL) == flags);
	}
	close(sysfd);
	CHECK(lapse_close(ends[1]) == 0);
}

/* A deadline holds in both modes; Go's waits for the byte in the first. */
static void check_new_file(int flags)
{
	lapse_time deadline;
	lapse_fd fd;
	int fds[2];
	char byte;

	CHECK(pipe2(fds, O_CLOEXEC | flags) == 0);
	fd = lapse_adopt(fds[0]);
	deadline = lapse_in(LAPSE_MS);
	CHECK(lapse_set_read_deadline(fd, deadline) == 0);
	CHECK_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(fd, LAPSE_NEVER) == 0);
	CHECK(lapse_read(fd, &byte, 1) == 1);
	CHECK(lapse_close(fd) == 0);
	close(fds[1]);
}

static void new_file_block(void **state)
{
	(void)state;
	check_new_file(0);
}

static void new_file_non_block(void **state)
{
	(void)state;
	check_new_file(O_NONBLOCK);
}

static void new_file_invalid(void **state)
{
	int sysfd = dup(0);

	(void)state;
	close(sysfd);
	CHECK_ERR(lapse_adopt(-1), EBADF);
	CHECK_ERR(lapse_adopt(sysfd), EBADF);
	CHECK_ERR(lapse_adopt(INT32_MAX), EBADF);
	CHECK_ERR(lapse_adopt(INT32_MIN), EBADF);
}

/* ---- The number, asked for by many ---- */

struct asker {
	struct call call;
	int tries;
};

static intptr_t ask(struct call *c)
{
	const struct asker *a = (struct asker *)c;
	int sysfd = lapse_sysfd(c->fd);

	for (int i = 1; i < a->tries; i++)
		if (lapse_sysfd(c->fd) != sysfd)
			return -1;
	return sysfd;
}

static void fd_race(void **state)
{
	struct asker askers[10];
	lapse_fd ends[2];

	(void)state;
	CHECK(lapse_pipe(ends) == 0);
	for (int i = 0; i < 10; i++) {
		askers[i] = (struct asker){.call = {.fd = ends[1]}, .tries = 100};
		call_start(&askers[i].call, ask);
	}
	for (int i = 0; i < 10; i++)
		CHECK_CALL(&askers[i].call, lapse_sysfd(ends[1]), 0);
	pair_close(ends);
}

/* Whoever asks for the number while a read is pending does not wait for the read. */
static void fd_read_race(void **state)
{
	struct call c;
	lapse_fd ends[2];

	(void)state;
	CHECK(lapse_pipe(ends) == 0);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(60 * LAPSE_S)) == 0);
	c = (struct call){.fd = ends[0]};
	c.buf = c.own;
	c.n = 10;
	call_block(&c, check_operation("read")->run);
	CHECK(fcntl(lapse_sysfd(ends[0]), F_GETFD) == FD_CLOEXEC);
	CHECK(!call_is_done(&c));
	CHECK(lapse_write(ends[1], "0123456789", 10) == 10);
	CHECK_CALL(&c, 10, 0);
	pair_close(ends);
}

/* ---- Numbers that are used again at once (go#59545) ---- */

struct churner {
	struct call call;
	int rounds;
};

static intptr_t churn_files(struct call *c)
{
	const struct churner *ch = (struct churner *)c;

	for (int i = 0; i < ch->rounds; i++) {
		lapse_fd fd = lapse_open(i % 2 ? "/dev/null" : "/proc/self/stat", O_RDONLY, 0);
		char buf[16];
		ssize_t n = lapse_read(fd, buf, sizeof(buf));

		if (fd == LAPSE_NOFD || (i % 2 ? n != 0 : n <= 0) || lapse_close(fd) != 0)
			return i + 1;
	}
	return 0;
}

static intptr_t churn_pipes(struct call *c)
{
	const struct churner *ch = (struct churner *)c;

	for (int i = 0; i < ch->rounds; i++) {
		lapse_fd ends[2];
		char byte;

		if (lapse_pipe(ends) != 0 || lapse_write(ends[1], "x", 1) != 1)
			return i + 1;
		if (lapse_read(ends[0], &byte, 1) != 1 || byte != 'x')
			return i + 1;
		(void)lapse_set_read_deadline(ends[0], lapse_in(20 * LAPSE_US));
		if (lapse_read(ends[0], &byte, 1) != -1 || errno != LAPSE_EXPIRED)
			return i + 1;
		if (lapse_close(ends[0]) != 0 || lapse_close(ends[1]) != 0)
			return i + 1;
	}
	return 0;
}

static void non_pollable(void **state)
{
	struct churner churners[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		churners[i] = (struct churner){.rounds = check_count(2000)};
		call_start(&churners[i].call, i % 2 ? churn_files : churn_pipes);
	}
	for (int i = 0; i < 4; i++)
		CHECK_CALL(&churners[i].call, 0, 0);
}

static const struct check checks[] = {
	{TEST_FITTING(epipe, is_pipe)},
	{TEST(std_pipe)},
	{TEST_FITTING(closed_pipe_race_read, is_no_socket)},
	{TEST_FITTING(closed_pipe_race_write, is_no_socket)},
	{TEST(close_with_blocking_read_by_new_file)},
	{TEST(close_with_blocking_read_by_fd)},
	{TEST_FITTING(pipe_eof, is_pipe)},
	{TEST(fifo_eof)},
	{TEST(fifo_non_blocking_eof)},
	{TEST(read_nonblocking_fd)},
	{TEST(open_file_non_blocking)},
	{TEST_FAMILIES(new_file_non_blocking, 0)},
	{TEST(new_file_block)},
	{TEST(new_file_non_block)},
	{TEST(new_file_invalid)},
	{TEST(fd_race)},
	{TEST(fd_read_race)},
	{TEST(non_pollable)},
};
CHECK_MAIN(checks)
