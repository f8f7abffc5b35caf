/* One try of a stream read or write. Sockets have a flag on each call, pipes and some devices take
 * RWF_NOWAIT, files go their own way (letgo.h), and the rest is polled and then called.
 *
 * O_NONBLOCK is not relied on: it belongs to the description, which others may share and change. */
#include "fd/try.h"
#include "fd/letgo.h"

/* Terminals, FIFOs, inotify and their like have no form that does not wait. What poll has just called
 * ready is called; another reader or writer of the same description may be faster, and the call then
 * waits, until a cause breaks it off. */
static bool must_poll_first(struct lp_op *op, const struct lp_side *side)
{
	return !lp_op_take_ready(op, side);
}

/* ---- Kept bytes ---- */

bool lp_kept_take(struct lp_slot *slot, int pipe[2])
{
	if (!lp_slot_knows(slot, LP_KEPT))
		return false;
	memcpy(pipe, slot->kept, sizeof slot->kept);
	lp_slot_unlearn(slot, LP_KEPT);
	return true;
}

void lp_kept_put(struct lp_slot *slot, const int pipe[2])
{
	memcpy(slot->kept, pipe, sizeof slot->kept);
	lp_slot_learn(slot, LP_KEPT);
}

/* Pipes have nothing to report. */
void lp_kept_close(struct lp_slot *slot)
{
	int pipe[2];

	if (!lp_kept_take(slot, pipe))
		return;
	(void)os_close(pipe[0]);
	(void)os_close(pipe[1]);
}

long lp_kept_readv(struct lp_slot *slot, const struct iovec *iov, int count)
{
	long r = os_readv(slot->kept[0], iov, count);

	if (r == -EAGAIN)
		lp_kept_close(slot);
	return r;
}

/* A pipe has no way to peek but a copy of it. */
long lp_kept_peekv(struct lp_slot *slot, const struct iovec *iov, int count)
{
	int copy[2];
	long r = os_pipe2(copy, O_CLOEXEC | O_NONBLOCK);

	if (r < 0)
		return r;
	r = os_tee(slot->kept[0], copy[1], SSIZE_MAX, SPLICE_F_NONBLOCK);
	if (r > 0)
		r = os_readv(copy[0], iov, count);
	(void)os_close(copy[0]);
	(void)os_close(copy[1]);
	return r;
}

/* ---- Reading ---- */

static long readv_nowait(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count)
{
	struct lp_slot *slot = side->slot;
	long r;

	if (!lp_slot_knows(slot, LP_NO_NOWAIT_READ)) {
		r = os_preadv2(lp_sysfd(slot), iov, count, -1, RWF_NOWAIT);
		if (r != -EOPNOTSUPP)
			return r;
		lp_slot_learn(slot, LP_NO_NOWAIT_READ);
	}
	if (must_poll_first(op, side))
		return -EAGAIN;
	return lp_op_call_ready(op, os_call_readv(lp_sysfd(slot), iov, count));
}

long lp_try_readv(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count)
{
	struct lp_slot *slot = side->slot;

	if (lp_slot_knows(slot, LP_KEPT)) {
		long r = lp_kept_readv(slot, iov, count);

		if (r != -EAGAIN)
			return r;
	}
	if (slot->kind == LP_FILE)
		return lp_file_readv(op, side, iov, count, LP_HERE);
	return readv_nowait(op, side, iov, count);
}

long lp_try_read_else(struct lp_op *op, struct lp_side *side, void *buf, size_t n)
{
	struct iovec iov = {buf, n};

	if (side->slot->kind == LP_FILE && !lp_slot_knows(side->slot, LP_KEPT))
		return lp_file_read(op, side, buf, n, LP_HERE);
	return lp_try_readv(op, side, &iov, 1);
}

/* ---- Writing ---- */

/* Without RWF_NOWAIT it is what poll has called ready, and may wait. */
static long pwritev2_once(struct lp_op *op, int sysfd, const struct iovec *iov, int count,
                          int flags)
{
	if ((flags & RWF_NOWAIT) != 0)
		return os_pwritev2(sysfd, iov, count, -1, flags);
	return lp_op_call_ready(op, os_call_pwritev2(sysfd, iov, count, flags));
}

/* -EOPNOTSUPP may mean RWF_NOSIGNAL, which is younger than RWF_NOWAIT: if the call works without
 * it, it did. */
static long pwritev2_quiet(struct lp_op *op, struct lp_slot *slot, const struct iovec *iov,
                           int count, int flags)
{
	int sysfd = lp_sysfd(slot);
	struct os_sigpipe held;
	long r;

	if (!lp_slot_knows(slot, LP_NO_NOSIGNAL)) {
		r = pwritev2_once(op, sysfd, iov, count, flags | RWF_NOSIGNAL);
		if (r != -EOPNOTSUPP)
			return r;
	}
	os_sigpipe_hold(&held);
	r = pwritev2_once(op, sysfd, iov, count, flags);
	os_sigpipe_drop(&held);
	if (r != -EOPNOTSUPP)
		lp_slot_learn(slot, LP_NO_NOSIGNAL);
	return r;
}

long lp_try_writev(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count)
{
	struct lp_slot *slot = side->slot;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
	                     .msg_iovlen = (size_t)count};

	if (slot->kind >= LP_SOCKET)
		return os_sendmsg(lp_sysfd(slot), &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (slot->kind == LP_FILE)
		return lp_file_writev(op, side, iov, count, LP_HERE);
	if (!lp_slot_knows(slot, LP_NO_NOWAIT_WRITE)) {
		long r = pwritev2_quiet(op, slot, iov, count, RWF_NOWAIT);

		if (r != -EOPNOTSUPP)
			return r;
		lp_slot_learn(slot, LP_NO_NOWAIT_WRITE);
	}
	if (must_poll_first(op, side))
		return -EAGAIN;
	return pwritev2_quiet(op, slot, iov, count, 0);
}

long lp_try_write_else(struct lp_op *op, struct lp_side *side, const void *buf, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)buf, n};

	if (side->slot->kind == LP_FILE)
		return lp_file_write(op, side, buf, n, LP_HERE);
	return lp_try_writev(op, side, &iov, 1);
}
