/* One try of a stream read or write, as each kind of descriptor allows without waiting. Owns what
 * was learnt of it and the bytes a splice left behind; never sleeps but in a file, or where a call
 * has no form that does not wait (try.c). */
#ifndef LP_TRY_H
#define LP_TRY_H

#include "fd/op.h"

/* Bytes, 0 at the end of file, or -errno; -EAGAIN: wait for POLLIN. Kept bytes come first. The
 * side holds the read turn. */
OS_INLINE long lp_try_read(struct lp_op *op, struct lp_side *side, void *buf, size_t n);
long lp_try_readv(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count);

/* Bytes, or -errno; -EAGAIN: wait for POLLOUT. No SIGPIPE. The side holds the write turn. */
OS_INLINE long lp_try_write(struct lp_op *op, struct lp_side *side, const void *buf, size_t n);
long lp_try_writev(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count);

/* What is left once sockets are dealt with where they are read and written. */
long lp_try_read_else(struct lp_op *op, struct lp_side *side, void *buf, size_t n);
long lp_try_write_else(struct lp_op *op, struct lp_side *side, const void *buf, size_t n);

OS_INLINE long lp_try_read(struct lp_op *op, struct lp_side *side, void *buf, size_t n)
{
	struct lp_slot *slot = side->slot;

	if (os_unlikely(slot->kind < LP_SOCKET || n == 0 || lp_slot_knows(slot, LP_KEPT)))
		return lp_try_read_else(op, side, buf, n);
	return os_recvfrom(lp_sysfd(slot), buf, n, MSG_DONTWAIT, NULL, NULL);
}

OS_INLINE long lp_try_write(struct lp_op *op, struct lp_side *side, const void *buf, size_t n)
{
	struct lp_slot *slot = side->slot;

	if (os_unlikely(slot->kind < LP_SOCKET))
		return lp_try_write_else(op, side, buf, n);
	return os_sendto(lp_sysfd(slot), buf, n, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

/* The kept bytes alone: -EAGAIN if there are none (any more). */
long lp_kept_readv(struct lp_slot *slot, const struct iovec *iov, int count);

/* The same bytes once more without taking them. */
long lp_kept_peekv(struct lp_slot *slot, const struct iovec *iov, int count);

/* A splice takes the pipe with the bytes, if there is one, and puts it back if any are left. */
bool lp_kept_take(struct lp_slot *slot, int pipe[2]);
void lp_kept_put(struct lp_slot *slot, const int pipe[2]);
/* Close it; what is in it is lost: lapse_close. */
void lp_kept_close(struct lp_slot *slot);

#endif
