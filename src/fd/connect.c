/* accept, connect, shutdown. Owns nothing. */
#include "fd/op.h"

/* ---- accept ---- */

struct incoming {
	struct lp_slot *slot; /* taken before, so that no connection is lost for want of one */
	struct sockaddr *from;
	socklen_t *from_size;
};

/* What accept(2) passes on of a connection that died before it could be handed over. */
static bool died_before(long error)
{
	switch (-error) {
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENONET:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

/* Would a system call on it wait? Only if others have left the description so. */
static bool waits(int sysfd)
{
	long flags = os_fcntl(sysfd, F_GETFL, NULL);

	return flags >= 0 && (flags & O_NONBLOCK) == 0;
}

static bool listens(int sysfd)
{
	int is = 0;
	socklen_t size = sizeof is;

	return os_getsockopt(sysfd, SOL_SOCKET, SO_ACCEPTCONN, &is, &size) == 0 && is != 0;
}

/* accept has no flag to keep it from waiting: the description's own mode does, if others have left
 * it so. What cannot accept at all says so without waiting. Otherwise it is polled first, and called
 * so that a cause breaks it off if another process took the connection meanwhile. */
static long try_accept(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct incoming *a = arg;
	int sysfd = lp_sysfd(side->slot);
	bool ready = lp_op_take_ready(op, side);
	long r;

	if (!waits(sysfd) || !listens(sysfd))
		r = os_accept4(sysfd, a->from, a->from_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	else if (!ready)
		r = -EAGAIN;
	else
		r = lp_op_call_ready(op, os_call_accept4(sysfd, a->from, a->from_size,
		                                         SOCK_CLOEXEC | SOCK_NONBLOCK));
	return died_before(r) ? -EAGAIN : r;
}

lapse_fd lapse_accept(lapse_fd fd, struct sockaddr *from, socklen_t *from_size)
{
	struct incoming a = {.from = from, .from_size = from_size};
	struct lp_side side;
	struct lp_op op;
	lapse_fd accepted = LAPSE_NOFD;
	long r = lp_op_begin(&op, &side, fd, LAPSE_READ, "accept");

	if (r < 0) {
		(void)lp_ret(r);
		return LAPSE_NOFD;
	}
	/* The kernel would find out when it has taken the connection, and drop that. */
	r = from != NULL && from_size == NULL ? -EFAULT : lp_slot_take(&a.slot);
	if (r == 0) {
		r = lp_op_until_done(&op, &side, POLLIN, try_accept, &a,
		                     try_accept(&op, &side, &a));
		if (r < 0)
			lp_slot_give_back(a.slot);
		else
			accepted = lp_slot_open(a.slot, (int)r, side.slot->kind);
	}
	lp_op_end(&op);
	(void)lp_ret(r);
	return accepted;
}

/* ---- connect ---- */

/* How the attempt ended that poll speaks of: 0, or -errno if it failed. Then the kernel still takes it for
 * under way, and the next connect for that one's end: it is told to forget it, as it does itself where
 * connect waits. */
static long failure(int sysfd)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int error = 0;
	socklen_t size = sizeof error;
	long r = os_getsockopt(sysfd, SOL_SOCKET, SO_ERROR, &error, &size);

	if (r < 0 || error == 0)
		return r;
	(void)os_connect(sysfd, &nowhere, sizeof nowhere);
	return -error;
}

/* What is in progress goes on in the kernel, whatever ends our wait: the next connect waits for it
 * again. Success is what connect itself says then: poll also says "writable" of a socket that never made
 * an attempt, and only connect makes the kernel take it for over. A unix socket whose peer's backlog is
 * full has nothing in progress, and no event tells when there is room: connect itself waits for it if the
 * socket's mode lets it; otherwise it is asked again after a while, as is one that poll spoke of too
 * soon. */
static long establish(struct lp_op *op, struct lp_side *side, const struct sockaddr *to,
                      socklen_t to_size)
{
	int sysfd = lp_sysfd(side->slot);
	bool began = false;
	bool polled = false;

	for (;;) {
		long r = waits(sysfd) ? lp_op_call(op, os_call_connect(sysfd, to, to_size))
		                      : os_connect(sysfd, to, to_size);

		if (r == -EISCONN && began)
			return 0;
		if (r == -EINPROGRESS || r == -EINTR || (r == -EALREADY && !polled)) {
			began = true;
			polled = true;
			r = lp_op_wait(op, side, POLLOUT);
			if (r == 0)
				r = failure(sysfd);
		} else if (r == -EALREADY || (r == -EAGAIN && to->sa_family == AF_UNIX)) {
			polled = false;
			r = lp_op_back_off(op);
		} else {
			return r; /* also -EAGAIN: out of ports */
		}
		if (r < 0)
			return r;
	}
}

int lapse_connect(lapse_fd fd, const struct sockaddr *to, socklen_t to_size)
{
	struct lp_side side;
	struct lp_op op;
	long r = lp_op_begin(&op, &side, fd, LAPSE_WRITE, "connect");

	if (r < 0)
		return (int)lp_ret(r);
	r = establish(&op, &side, to, to_size);
	lp_op_end(&op);
	return (int)lp_ret(r);
}

/* ---- shutdown ---- */

/* For cleaning up: it waits for nothing, so no deadline keeps it from its work. What is pending is
 * tried again: of a unix socket that was shut down for writing, poll does not say that a write would
 * now fail. */
int lapse_shutdown(lapse_fd fd, int how)
{
	struct lp_slot *slot;
	long r = lp_slot_pin(fd, &slot);

	if (r < 0)
		return (int)lp_ret(r);
	r = os_shutdown(lp_sysfd(slot), how);
	if (r == 0) {
		(void)os_add_u32(&slot->learnt, LP_EVENT); /* C1 */
		lp_slot_nudge(slot, LAPSE_READ | LAPSE_WRITE, LP_NOBODY);
	}
	lp_slot_unpin(slot);
	return (int)lp_ret(r);
}
