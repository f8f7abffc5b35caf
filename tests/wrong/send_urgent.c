/* A library that takes MSG_OOB for "must not wait" in both directions: sending urgent bytes to a
 * slow peer failed with EAGAIN, or stopped half way. Only who receives them cannot wait for them;
 * to the sender they are like others, and flags meant for receivers alone change nothing. */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct sending {
	struct call call;
	int flags;
};

static intptr_t bare_send(struct call *c)
{
	return send(lapse_sysfd(c->fd), c->buf, c->n, ((struct sending *)c)->flags);
}

static intptr_t by_send(struct call *c)
{
	return lapse_send(c->fd, c->buf, c->n, ((struct sending *)c)->flags);
}

static intptr_t by_sendmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return lapse_sendmsg(c->fd, &msg, ((struct sending *)c)->flags);
}

static intptr_t by_sendmmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int r = lapse_sendmmsg(c->fd, &msg, 1, ((struct sending *)c)->flags);

	return r == 1 ? (intptr_t)msg.msg_len : r;
}

static intptr_t (*const ways[])(struct call *) = {bare_send, by_send, by_sendmsg, by_sendmmsg};

/* Each of them waits while there is no room, and has sent all n bytes once there is. */
static void all_wait(const char *family, int flags, size_t n)
{
	char *bytes = calloc(1, n);
	lapse_fd ends[2];

	CHECK(bytes != NULL);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct sending s = {.call = {.buf = bytes, .n = n}, .flags = flags};

		pair_make(family, ends);
		s.call.fd = ends[1];
		/* The bare call waits, and lapse does not care. */
		CHECK(fcntl(lapse_sysfd(ends[1]), F_SETFL, 0) == 0);
		(void)pair_fill(ends[1], ends[0]);
		CHECK_ERR(lapse_send(ends[1], bytes, 1, flags | MSG_DONTWAIT), EAGAIN);
		call_block(&s.call, ways[i]);
		while (!call_is_done(&s.call))
			(void)pair_drain(ends[0]);
		CHECK_CALL(&s.call, n, 0);
		pair_close(ends);
	}
	free(bytes);
}

static void urgent_bytes_wait_for_room(void **state)
{
	(void)state;
	all_wait("tcp", MSG_OOB, 1);
	all_wait("tcp", MSG_OOB, 1 << 20);
}

static void receivers_flags_change_nothing(void **state)
{
	(void)state;
	all_wait("unix_stream", MSG_ERRQUEUE, 1);
	all_wait("unix_datagram", MSG_ERRQUEUE, 1);
}

/* Nothing tells when they come. */
static void receiving_them_does_not_wait(void **state)
{
	lapse_fd ends[2];
	char byte;

	(void)state;
	pair_make("tcp", ends);
	CHECK(fcntl(lapse_sysfd(ends[0]), F_SETFL, 0) == 0);
	CHECK(recv(lapse_sysfd(ends[0]), &byte, 1, MSG_OOB) == -1 && errno == EINVAL);
	CHECK_ERR(lapse_recv(ends[0], &byte, 1, MSG_OOB), EINVAL);
	CHECK_ERR(lapse_recv(ends[0], &byte, 1, MSG_ERRQUEUE), EAGAIN);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(urgent_bytes_wait_for_room)},
	{TEST(receivers_flags_change_nothing)},
	{TEST(receiving_them_does_not_wait)},
};
CHECK_MAIN(checks)
