/* liburing issue 1422, and Go, which throws the pipe of its splice away: a move that was broken off
 * had already taken bytes from its source, and they were lost. Here they stay with the source, and
 * the next read of it, of whatever kind, begins with them. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

enum { SIZE = 30000 };

/* in has SIZE stamped bytes, out takes only some of them. How many it took is the result. */
struct halfway {
	lapse_fd in[2], out[2];
	size_t moved;
};

static void halfway_open(struct halfway *h, const char *in, const char *out)
{
	char *bytes = malloc(SIZE), *got;
	size_t filled;
	ssize_t n;

	CHECK(bytes != NULL);
	stamp_fill(bytes, SIZE, 0);
	pair_make(in, h->in);
	pair_make(out, h->out);
	CHECK(lapse_write(h->in[1], bytes, SIZE) == SIZE);
	filled = pair_fill(h->out[1], h->out[0]);
	CHECK(lapse_set_write_deadline(h->out[1], lapse_in(5 * LAPSE_MS)) == 0);
	n = lapse_splice(h->out[1], h->in[0], SIZE);
	CHECK((n == -1 || n > 0) && n < SIZE && errno == LAPSE_EXPIRED);
	h->moved = n > 0 ? (size_t)n : 0;
	CHECK(lapse_set_write_deadline(h->out[1], LAPSE_NEVER) == 0);
	got = malloc(filled + h->moved);
	CHECK(got != NULL && pair_take(h->out[0], got, filled + h->moved));
	CHECK(pair_drain(h->out[0]) == 0 && stamp_holds(got + filled, h->moved, 0));
	free(bytes);
	free(got);
}

static void halfway_close(struct halfway *h)
{
	pair_close(h->in);
	pair_close(h->out);
}

/* The rest of the bytes come next, each kind of read taking its turn. */
static ssize_t read_some(int kind, lapse_fd fd, char *buf, size_t n)
{
	struct iovec iov[2] = {{buf, 1}, {buf + 1, n - 1}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	size_t done;

	switch (kind) {
	case 0:
		return lapse_read(fd, buf, n);
	case 1:
		return lapse_readv(fd, iov, 2);
	case 2:
		return lapse_read_full(fd, buf, n, &done) == 0 ? (ssize_t)done : -1;
	case 3:
		return lapse_recv(fd, buf, n, 0);
	case 4:
		return lapse_recvfrom(fd, buf, n, 0, NULL, NULL);
	default:
		return lapse_recvmsg(fd, &msg, 0);
	}
}

static void every_read_begins_with_them(void **state)
{
	static const char *const sources[] = {"unix_stream", "tcp", "tcp_adopted"};
	static const char *const sinks[] = {"unix_stream", "tcp", "pty_slave"};
	char *buf = malloc(SIZE);

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct halfway h;
		size_t at;

		halfway_open(&h, sources[i / 3], sinks[i % 3]);
		CHECK(lapse_wait(h.in[0], LAPSE_READ) == LAPSE_READ);
		for (at = h.moved; at < SIZE;) {
			size_t most = at + 999 < SIZE ? 999 : SIZE - at;
			ssize_t n = read_some((int)(at % 6), h.in[0], buf, most > 1 ? most : 2);

			CHECK(n > 0 && stamp_holds(buf, (size_t)n, at));
			at += (size_t)n;
		}
		CHECK(at == SIZE);
		CHECK_ERR(lapse_recv(h.in[0], buf, 1, MSG_DONTWAIT), EAGAIN);
		halfway_close(&h);
	}
	free(buf);
}

static intptr_t splice_all(struct call *c)
{
	return lapse_splice(c->other, c->fd, c->n);
}

static void the_next_splice_too(void **state)
{
	char *buf = malloc(SIZE);
	struct halfway h;
	struct call c;

	(void)state;
	halfway_open(&h, "unix_stream", "unix_stream");
	c = (struct call){.fd = h.in[0], .other = h.out[1], .buf = &c, .n = SIZE - h.moved};
	call_start(&c, splice_all);
	CHECK(pair_take(h.out[0], buf, SIZE - h.moved));
	CHECK_CALL(&c, SIZE - h.moved, 0);
	CHECK(stamp_holds(buf, SIZE - h.moved, h.moved));
	halfway_close(&h);
	free(buf);
}

/* A poll of many says that there is something, a peek shows it and leaves it. */
static void poll_and_peek_know(void **state)
{
	struct lapse_pollfd fds[2];
	struct halfway h;
	char buf[2];

	(void)state;
	halfway_open(&h, "unix_stream", "unix_stream");
	CHECK(pair_drain(h.in[0]) < SIZE);
	fds[0] = (struct lapse_pollfd){h.out[0], LAPSE_READ, 0, 0};
	fds[1] = (struct lapse_pollfd){h.in[0], LAPSE_READ, 0, 0};
	CHECK(lapse_poll(fds, 2) == 1 && fds[1].got == LAPSE_READ && fds[0].got == 0);
	CHECK(lapse_recv(h.in[0], buf, 1, MSG_PEEK) == 1 && stamp_holds(buf, 1, h.moved));
	CHECK(lapse_recv(h.in[0], buf, 1, 0) == 1 && stamp_holds(buf, 1, h.moved));
	halfway_close(&h);
}

/* No message to put them into is an error as ever, and takes nothing. */
static void no_message_is_refused(void **state)
{
	struct halfway h;
	char byte;

	(void)state;
	halfway_open(&h, "unix_stream", "unix_stream");
	CHECK_ERR(lapse_recvmsg(h.in[0], NULL, 0), EFAULT);
	CHECK_ERR(lapse_recvmsg(h.in[0], NULL, MSG_WAITALL), EFAULT);
	CHECK(lapse_recv(h.in[0], &byte, 1, 0) == 1 && stamp_holds(&byte, 1, h.moved));
	halfway_close(&h);
}

/* They outlive the writer, and come before the end. */
static void they_come_before_the_end(void **state)
{
	char *buf = malloc(SIZE + 1);
	struct halfway h;
	size_t done = 0;

	(void)state;
	halfway_open(&h, "unix_stream", "unix_stream");
	CHECK(lapse_close(h.in[1]) == 0);
	CHECK(lapse_read_full(h.in[0], buf, SIZE + 1, &done) == 0);
	CHECK(done == SIZE - h.moved && stamp_holds(buf, done, h.moved));
	CHECK(lapse_close(h.in[0]) == 0);
	pair_close(h.out);
	free(buf);
}

static void cancel_and_close_keep_them_too(void **state)
{
	char *bytes = calloc(1, SIZE), *buf = malloc(SIZE);

	(void)state;
	stamp_fill(bytes, SIZE, 0);
	for (int way = 0; way < 3; way++) {
		lapse_fd in[2], out[2];
		struct call c;
		size_t done = 0;

		pair_make("unix_stream", in);
		pair_make("unix_stream", out);
		CHECK(lapse_write(in[1], bytes, SIZE) == SIZE);
		(void)pair_fill(out[1], out[0]);
		c = (struct call){.fd = in[0], .other = out[1], .buf = &c, .n = SIZE};
		call_block(&c, splice_all);
		if (way == 0)
			CHECK(lapse_cancel(out[1], LAPSE_WRITE) == 0);
		else if (way == 1)
			CHECK(lapse_cancel(in[0], LAPSE_READ) == 0);
		else
			CHECK(lapse_close(out[1]) == 0);
		call_join(&c);
		CHECK(c.result < SIZE && c.error == (way == 2 ? EBADF : ECANCELED));
		done = c.result > 0 ? (size_t)c.result : 0;
		CHECK(lapse_read(in[0], buf, 1) == 1 && stamp_holds(buf, 1, done));
		pair_close(in);
		CHECK(lapse_close(out[0]) == 0);
		if (way < 2)
			CHECK(lapse_close(out[1]) == 0);
	}
	free(bytes);
	free(buf);
}

static int held(lapse_fd pipe)
{
	int n = -1;

	CHECK(ioctl(lapse_sysfd(pipe), FIONREAD, &n) == 0);
	return n;
}

static bool is_writable(lapse_fd fd)
{
	struct pollfd ready = {lapse_sysfd(fd), POLLOUT, 0};

	return poll(&ready, 1, 0) == 1;
}

/* A move that had to wait for its destination sees the end of its source all the same, though poll does
 * not call the destination writable yet. */
static void the_end_is_not_lost_either(void **state)
{
	enum { MOST = 65536 };
	char *bytes = calloc(1, MOST);
	lapse_fd in[2], out[2];
	struct call c;

	(void)state;
	CHECK(lapse_pipe(in) == 0 && fcntl(lapse_sysfd(in[1]), F_SETPIPE_SZ, MOST) == MOST);
	pair_make("unix_stream", out);
	/* Others are not spliced to. */
	CHECK(fcntl(lapse_sysfd(out[1]), F_SETFL, O_NONBLOCK) == 0);
	CHECK(bytes != NULL && lapse_write(in[1], bytes, MOST) == MOST);
	(void)pair_fill(out[1], out[0]);
	c = (struct call){.fd = in[0], .other = out[1], .buf = &c, .n = SSIZE_MAX};
	call_block(&c, splice_all);
	while (held(in[0]) > 0)
		if (is_writable(out[1]))
			sched_yield();
		else
			CHECK(pair_take(out[0], bytes, 4096));
	call_await_sleep(&c);
	CHECK(!is_writable(out[1]));
	CHECK(lapse_close(in[1]) == 0);
	CHECK_CALL(&c, MOST, 0);
	CHECK(c.error == 0);
	CHECK(lapse_close(in[0]) == 0);
	pair_close(out);
	free(bytes);
}

static const struct check checks[] = {
	{TEST(every_read_begins_with_them)}, {TEST(the_next_splice_too)},
	{TEST(poll_and_peek_know)},          {TEST(no_message_is_refused)},
	{TEST(they_come_before_the_end)},    {TEST(cancel_and_close_keep_them_too)},
	{TEST(the_end_is_not_lost_either)},
};
CHECK_MAIN(checks)
