/* The socket calls that take flags: recv and send with addresses, control data and many messages at
 * once. Owns nothing. */
#include "fd/cursor.h"
#include "fd/try.h"

/* With these the kernel itself never waits, nor do we. */
enum { NEVER_WAITS = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB };

/* -EAGAIN is the caller's wish, not a reason to wait. */
OS_INLINE long until_done(struct lp_op *op, struct lp_side *side, short events, int flags,
                          lp_try_fn *try, void *arg)
{
	long r = try(op, side, arg);

	if (r == -EAGAIN && (flags & NEVER_WAITS) != 0)
		return r;
	return lp_op_until_done(op, side, events, try, arg, r);
}

/* ---- Receiving ---- */

/* Bytes that a splice left behind are a stream's and come without address or control data. */
static bool take_kept(struct lp_slot *slot, const struct iovec *iov, size_t count, int flags,
                      long *r)
{
	int most = (int)(count < LP_IOV_MAX ? count : LP_IOV_MAX);

	if (!lp_slot_knows(slot, LP_KEPT) || (flags & (MSG_ERRQUEUE | MSG_OOB)) != 0)
		return false;
	*r = (flags & MSG_PEEK) != 0 ? lp_kept_peekv(slot, iov, most)
	                             : lp_kept_readv(slot, iov, most);
	return *r != -EAGAIN;
}

struct receive {
	char *buf;
	size_t n;
	int flags;
	struct sockaddr *from;
	socklen_t *from_size;
};

OS_INLINE long try_recvfrom(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct receive *a = arg;
	struct iovec iov = {a->buf, a->n};
	long r;

	(void)op;
	if (take_kept(side->slot, &iov, 1, a->flags, &r)) {
		if (a->from_size != NULL)
			*a->from_size = 0;
		return r;
	}
	return os_recvfrom(lp_sysfd(side->slot), a->buf, a->n, a->flags | MSG_DONTWAIT, a->from,
	                   a->from_size);
}

/* MSG_WAITALL is ours to keep, since the kernel gives up at the first gap when it may not wait.
 * *error: why it stopped short, 0 or -errno. */
static long recv_all(struct lp_op *op, struct lp_side *side, struct receive *a, long *error)
{
	long total = 0;

	for (;;) {
		long r = until_done(op, side, POLLIN, a->flags, try_recvfrom, a);

		*error = r < 0 ? r : 0;
		if (r <= 0)
			return total;
		total += r;
		a->buf += r;
		a->n -= (size_t)r;
		if (a->n == 0 || (*error = lp_op_progress(op)) < 0)
			return total;
	}
}

ssize_t lapse_recvfrom(lapse_fd fd, void *buf, size_t n, int flags, struct sockaddr *from,
                       socklen_t *from_size)
{
	struct receive a = {buf, n, flags, from, from_size};
	struct lp_side side;
	struct lp_op op;
	long error = 0;
	long r = lp_op_begin_fast(&op, &side, fd, LAPSE_READ, "recv");

	if (r < 0)
		return lp_ret(r);
	if (side.slot->kind == LP_SOCKET && n > 0 &&
	    (flags & (MSG_WAITALL | MSG_PEEK | NEVER_WAITS)) == MSG_WAITALL)
		r = recv_all(&op, &side, &a, &error);
	else
		r = until_done(&op, &side, POLLIN, flags, try_recvfrom, &a);
	lp_op_end_fast(&op);
	return lp_count_or(r, r < 0 ? r : error);
}

ssize_t lapse_recv(lapse_fd fd, void *buf, size_t n, int flags)
{
	return lapse_recvfrom(fd, buf, n, flags, NULL, NULL);
}

struct messages {
	struct msghdr *msg;
	struct mmsghdr *many;
	unsigned count;
	int flags;
};

static bool take_kept_message(struct lp_slot *slot, struct msghdr *msg, int flags, long *r)
{
	if (!lp_slot_knows(slot, LP_KEPT) ||
	    !take_kept(slot, msg->msg_iov, msg->msg_iovlen, flags, r))
		return false;
	msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return true;
}

static long try_recvmsg(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct messages *a = arg;
	long r;

	(void)op;
	if (take_kept_message(side->slot, a->msg, a->flags, &r))
		return r;
	return os_recvmsg(lp_sysfd(side->slot), a->msg, a->flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

/* The rest of a stream message whose first bytes have come, without control data: what MSG_WAITALL
 * asks for. Returns the count of the rest. */
static long recvmsg_rest(struct lp_op *op, struct lp_side *side, const struct msghdr *msg,
                         int flags, long first, long *error)
{
	struct lp_cursor c;
	size_t n = (size_t)first;
	long total = 0;

	lp_cursor_begin(&c, msg->msg_iov, msg->msg_iovlen);
	while (lp_cursor_advance(&c, n) && (*error = lp_op_progress(op)) == 0) {
		struct msghdr rest = {0};
		struct messages a = {.msg = &rest, .flags = flags};
		int count;
		long r;

		rest.msg_iov = (struct iovec *)(uintptr_t)lp_cursor_next(&c, &count);
		rest.msg_iovlen = (size_t)count;
		r = until_done(op, side, POLLIN, flags, try_recvmsg, &a);
		*error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		total += r;
		n = (size_t)r;
	}
	return total;
}

ssize_t lapse_recvmsg(lapse_fd fd, struct msghdr *msg, int flags)
{
	struct messages a = {.msg = msg, .flags = flags};
	struct lp_side side;
	struct lp_op op;
	long error = 0;
	long r = lp_op_begin(&op, &side, fd, LAPSE_READ, "recvmsg");

	if (r < 0)
		return lp_ret(r);
	r = until_done(&op, &side, POLLIN, flags, try_recvmsg, &a);
	if (r > 0 && side.slot->kind == LP_SOCKET && msg->msg_controllen == 0 &&
	    (flags & (MSG_WAITALL | MSG_PEEK | NEVER_WAITS)) == MSG_WAITALL)
		r += recvmsg_rest(&op, &side, msg, flags, r, &error);
	lp_op_end(&op);
	return lp_count_or(r, r < 0 ? r : error);
}

static long try_recvmmsg(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct messages *a = arg;
	long r;

	(void)op;
	if (a->many != NULL && a->count > 0 &&
	    take_kept_message(side->slot, &a->many->msg_hdr, a->flags, &r)) {
		if (r < 0)
			return r;
		a->many->msg_len = (unsigned)r;
		return 1;
	}
	return os_recvmmsg(lp_sysfd(side->slot), a->many, a->count,
	                   a->flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

/* Both ways: until all have gone, or the first batch if that is enough. */
static int many(lapse_fd fd, int dir, const char *name, struct messages *a, bool first_batch,
                lp_try_fn *try)
{
	struct lp_side side;
	struct lp_op op;
	long total = 0;
	long error = 0;
	long r = lp_op_begin(&op, &side, fd, dir, name);

	if (r < 0)
		return (int)lp_ret(r);
	do {
		r = until_done(&op, &side, dir == LAPSE_READ ? POLLIN : POLLOUT, a->flags, try, a);
		error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		total += r;
		a->many += r;
		a->count -= (unsigned)r;
	} while (a->count > 0 && !first_batch && (error = lp_op_progress(&op)) == 0);
	lp_op_end(&op);
	return (int)lp_count_or(total, error);
}

int lapse_recvmmsg(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	struct messages a = {.many = msgs, .count = count, .flags = flags};

	return many(fd, LAPSE_READ, "recvmmsg", &a, (flags & (MSG_WAITFORONE | NEVER_WAITS)) != 0,
	            try_recvmmsg);
}

/* ---- Sending ---- */

struct transmit {
	const char *buf;
	size_t n;
	int flags;
	const struct sockaddr *to;
	socklen_t to_size;
};

OS_INLINE long try_sendto(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct transmit *a = arg;

	(void)op;
	return os_sendto(lp_sysfd(side->slot), a->buf, a->n, a->flags | MSG_DONTWAIT | MSG_NOSIGNAL,
	                 a->to, a->to_size);
}

ssize_t lapse_sendto(lapse_fd fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
                     socklen_t to_size)
{
	struct transmit a = {buf, n, flags, to, to_size};
	struct lp_side side;
	struct lp_op op;
	long total = 0;
	long error = 0;
	long r = lp_op_begin_fast(&op, &side, fd, LAPSE_WRITE, "send");

	if (r < 0)
		return lp_ret(r);
	do {
		r = until_done(&op, &side, POLLOUT, flags, try_sendto, &a);
		error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		total += r;
		a.buf += r;
		a.n -= (size_t)r;
	} while (a.n > 0 && (flags & MSG_DONTWAIT) == 0 && (error = lp_op_progress(&op)) == 0);
	lp_op_end_fast(&op);
	return lp_count_or(total, error);
}

ssize_t lapse_send(lapse_fd fd, const void *buf, size_t n, int flags)
{
	return lapse_sendto(fd, buf, n, flags, NULL, 0);
}

static long try_sendmsg(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct messages *a = arg;

	(void)op;
	return os_sendmsg(lp_sysfd(side->slot), a->msg, a->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One message, all of it. Control data go with its first bytes. *error: why it stopped short. */
static long send_message(struct lp_op *op, struct lp_side *side, const struct msghdr *msg,
                         int flags, long *error)
{
	struct msghdr rest = {0};
	struct messages a = {.msg = (struct msghdr *)(uintptr_t)msg, .flags = flags};
	struct lp_cursor c;
	long total = 0;

	for (;;) {
		long r = until_done(op, side, POLLOUT, flags, try_sendmsg, &a);
		int count;

		*error = r < 0 ? r : 0;
		if (r <= 0)
			return total;
		if (total == 0) /* now the kernel has read it, and so may we */
			lp_cursor_begin(&c, msg->msg_iov, msg->msg_iovlen);
		total += r;
		if (!lp_cursor_advance(&c, (size_t)r) || (flags & MSG_DONTWAIT) != 0 ||
		    (*error = lp_op_progress(op)) < 0)
			return total;
		rest.msg_name = msg->msg_name;
		rest.msg_namelen = msg->msg_namelen;
		rest.msg_iov = (struct iovec *)(uintptr_t)lp_cursor_next(&c, &count);
		rest.msg_iovlen = (size_t)count;
		a.msg = &rest;
	}
}

ssize_t lapse_sendmsg(lapse_fd fd, const struct msghdr *msg, int flags)
{
	struct lp_side side;
	struct lp_op op;
	long error;
	long r = lp_op_begin(&op, &side, fd, LAPSE_WRITE, "sendmsg");

	if (r < 0)
		return lp_ret(r);
	r = send_message(&op, &side, msg, flags, &error);
	lp_op_end(&op);
	return lp_count_or(r, error);
}

static long try_sendmmsg(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct messages *a = arg;

	(void)op;
	return os_sendmmsg(lp_sysfd(side->slot), a->many, a->count,
	                   a->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A stream may take part of a message, which the kernel would count as sent. One cut short has its
 * count in msg_len, is counted too, and is the last. */
static int sendmmsg_stream(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	struct lp_side side;
	struct lp_op op;
	unsigned done = 0;
	long error = 0;
	long r = lp_op_begin(&op, &side, fd, LAPSE_WRITE, "sendmmsg");

	if (r < 0)
		return (int)lp_ret(r);
	if (msgs == NULL && count > 0)
		error = -EFAULT;
	while (done < count && error == 0) {
		r = send_message(&op, &side, &msgs[done].msg_hdr, flags, &error);
		if (r == 0 && error < 0)
			break;
		msgs[done++].msg_len = (unsigned)r;
		if (error == 0)
			error = lp_op_progress(&op);
	}
	lp_op_end(&op);
	return (int)lp_count_or(done, error);
}

int lapse_sendmmsg(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	struct messages a = {.many = msgs, .count = count, .flags = flags};
	struct lp_slot *slot;
	bool stream;
	int r = lp_slot_pin(fd, &slot);

	if (r < 0)
		return (int)lp_ret(r);
	stream = slot->kind == LP_SOCKET;
	lp_slot_unpin(slot);
	if (stream)
		return sendmmsg_stream(fd, msgs, count, flags);
	return many(fd, LAPSE_WRITE, "sendmmsg", &a, (flags & NEVER_WAITS) != 0, try_sendmmsg);
}
