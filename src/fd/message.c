/* The socket calls that take flags: recv and send with addresses, control data and many messages at
 * once. Owns nothing. */
#include "fd/cursor.h"
#include "fd/try.h"

/* With these the kernel itself never waits, nor do we. Sending, only the first counts: urgent bytes
 * wait for room like others. */
enum { NEVER_WAITS = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB, SEND_NEVER_WAITS = MSG_DONTWAIT };

/* wish: of the caller's flags those that count here. With them -EAGAIN is no reason to wait. */
OS_INLINE long until_done(struct lp_op *op, struct lp_side *side, short events, int wish,
                          lp_try_fn *try, void *arg)
{
	long r = try(op, side, arg);

	if (r == -EAGAIN && (wish & NEVER_WAITS) != 0)
		return r;
	return lp_op_until_done(op, side, events, try, arg, r);
}

/* n more bytes of a message are done. False: all are. *rest: what to hand to the kernel next. */
static bool advance(struct lp_cursor *c, size_t n, struct msghdr *rest)
{
	int count;

	if (!lp_cursor_advance(c, n))
		return false;
	rest->msg_iov = (struct iovec *)(uintptr_t)lp_cursor_next(c, &count);
	rest->msg_iovlen = (size_t)count;
	return true;
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
	long r = lp_op_begin(&op, &side, fd, LAPSE_READ, "recv");

	if (r < 0)
		return lp_ret(r);
	if (side.slot->kind == LP_SOCKET && n > 0 &&
	    (flags & (MSG_WAITALL | MSG_PEEK | NEVER_WAITS)) == MSG_WAITALL)
		r = recv_all(&op, &side, &a, &error);
	else
		r = until_done(&op, &side, POLLIN, flags, try_recvfrom, &a);
	lp_op_end(&op);
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
	if (msg == NULL || !lp_slot_knows(slot, LP_KEPT) ||
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

static long recv_message(struct lp_op *op, struct lp_side *side, struct msghdr *msg, int flags)
{
	struct messages a = {.msg = msg, .flags = flags};

	return until_done(op, side, POLLIN, flags, try_recvmsg, &a);
}

/* Do control data like these, told alone, come with every part of a stream, so that the last are
 * enough? Any others would be lost under the next, above all descriptors: they end the message. */
static bool comes_again(const struct msghdr *msg, const struct cmsghdr *c)
{
	return c->cmsg_level == SOL_SOCKET && CMSG_ALIGN(c->cmsg_len) >= msg->msg_controllen &&
	       (c->cmsg_type == SCM_CREDENTIALS || c->cmsg_type == SO_TIMESTAMP ||
	        c->cmsg_type == SO_TIMESTAMPNS || c->cmsg_type == SO_TIMESTAMPING);
}

/* A writer that is named must have written all of a message. Only a peek tells in time who wrote
 * the next bytes, and a try in vain would have the kernel write nobody over the name. 1; or 0 or
 * -errno. */
static long same_writer(struct lp_op *op, struct lp_side *side, const struct cmsghdr *told,
                        int flags)
{
	char control[CMSG_LEN(sizeof(struct ucred))]; /* no room for descriptors */
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr next = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
	long r;

	if (told == NULL || told->cmsg_type != SCM_CREDENTIALS)
		return 1;
	next.msg_controllen = told->cmsg_len;
	r = recv_message(op, side, &next, flags | MSG_PEEK);
	return r > 0 ? memcmp(control, told, told->cmsg_len) == 0 : r;
}

/* The rest of a stream message whose first r bytes have come: what MSG_WAITALL asks for, as far as
 * the kernel would go on. room: of the caller's control buffer. Returns the count of all. */
static long recvmsg_rest(struct lp_op *op, struct lp_side *side, struct msghdr *msg, size_t room,
                         int flags, long r, long *error)
{
	struct lp_cursor c;
	struct msghdr rest = {0};
	long total = r;

	lp_cursor_begin(&c, msg->msg_iov, msg->msg_iovlen);
	while (advance(&c, (size_t)r, &rest)) {
		const struct cmsghdr *told = CMSG_FIRSTHDR(msg);

		if (told != NULL && !comes_again(msg, told))
			return total;
		r = lp_op_progress(op);
		if (r == 0)
			r = same_writer(op, side, told, flags);
		rest.msg_control = msg->msg_control;
		rest.msg_controllen = room;
		if (r > 0)
			r = recv_message(op, side, &rest, flags);
		*error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		if (rest.msg_controllen > 0)
			msg->msg_controllen = rest.msg_controllen;
		msg->msg_flags |= rest.msg_flags;
		total += r;
	}
	return total;
}

ssize_t lapse_recvmsg(lapse_fd fd, struct msghdr *msg, int flags)
{
	bool all = (flags & (MSG_WAITALL | MSG_PEEK | NEVER_WAITS)) == MSG_WAITALL;
	size_t room = all && msg != NULL ? msg->msg_controllen : 0; /* the kernel overwrites it */
	struct lp_side side;
	struct lp_op op;
	long error = 0;
	long r = lp_op_begin(&op, &side, fd, LAPSE_READ, "recvmsg");

	if (r < 0)
		return lp_ret(r);
	r = recv_message(&op, &side, msg, flags);
	if (all && r > 0 && side.slot->kind == LP_SOCKET) {
		lp_assert(msg != NULL); /* it was written to */
		r = recvmsg_rest(&op, &side, msg, room, flags, r, &error);
	}
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

/* Both ways: until all have gone, or, if the caller has any wish, the first batch. */
static int many(lapse_fd fd, int dir, const char *name, struct messages *a, int wish,
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
		r = until_done(&op, &side, dir == LAPSE_READ ? POLLIN : POLLOUT, wish, try, a);
		error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		total += r;
		a->many += r;
		a->count -= (unsigned)r;
	} while (a->count > 0 && wish == 0 && (error = lp_op_progress(&op)) == 0);
	lp_op_end(&op);
	return (int)lp_count_or(total, error);
}

int lapse_recvmmsg(lapse_fd fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	struct messages a = {.many = msgs, .count = count, .flags = flags};

	return many(fd, LAPSE_READ, "recvmmsg", &a, flags & (MSG_WAITFORONE | NEVER_WAITS),
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
	long r = lp_op_begin(&op, &side, fd, LAPSE_WRITE, "send");

	if (r < 0)
		return lp_ret(r);
	do {
		r = until_done(&op, &side, POLLOUT, flags & SEND_NEVER_WAITS, try_sendto, &a);
		error = r < 0 ? r : 0;
		if (r <= 0)
			break;
		total += r;
		a.buf += r;
		a.n -= (size_t)r;
	} while (a.n > 0 && (flags & SEND_NEVER_WAITS) == 0 && (error = lp_op_progress(&op)) == 0);
	lp_op_end(&op);
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
		long r = until_done(op, side, POLLOUT, flags & SEND_NEVER_WAITS, try_sendmsg, &a);

		*error = r < 0 ? r : 0;
		if (r <= 0)
			return total;
		if (total == 0) /* now the kernel has read it, and so may we */
			lp_cursor_begin(&c, msg->msg_iov, msg->msg_iovlen);
		total += r;
		if (!advance(&c, (size_t)r, &rest) || (flags & SEND_NEVER_WAITS) != 0 ||
		    (*error = lp_op_progress(op)) < 0)
			return total;
		rest.msg_name = msg->msg_name;
		rest.msg_namelen = msg->msg_namelen;
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
		if (error == 0 && done < count)
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
	return many(fd, LAPSE_WRITE, "sendmmsg", &a, flags & SEND_NEVER_WAITS, try_sendmmsg);
}
