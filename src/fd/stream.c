/* lapse_read, lapse_write and their like: the whole operation over single tries (try.h). Owns
 * nothing. */
#include "fd/cursor.h"
#include "fd/try.h"

struct block {
	char *buf;
	size_t n;
};

OS_INLINE long try_read(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct block *b = arg;

	return lp_try_read(op, side, b->buf, b->n);
}

/* Some bytes, or a verdict; a socket or pipe that is probably dry is polled first. */
OS_INLINE long read_some(struct lp_op *op, struct lp_side *side, lp_try_fn *try, void *arg)
{
	struct lp_slot *slot = side->slot;
	long r = -EAGAIN;

	if (!lp_op_guess_dry(slot) || lp_slot_knows(slot, LP_KEPT)) {
		r = try(op, side, arg);
		lp_op_saw_dry(slot, r == -EAGAIN);
	}
	return lp_op_until_done(op, side, POLLIN, try, arg, r);
}

ssize_t lapse_read(lapse_fd fd, void *buf, size_t n)
{
	struct block b = {buf, n};
	struct lp_side side;
	struct lp_op op;
	long r = lp_op_begin_fast(&op, &side, fd, LAPSE_READ, "read");

	if (r < 0)
		return lp_ret(r);
	if (os_unlikely(n == 0 || n > SSIZE_MAX))
		r = n == 0 ? 0 : -EFAULT;
	else
		r = read_some(&op, &side, try_read, &b);
	lp_op_end_fast(&op);
	return lp_ret(r);
}

struct vector {
	const struct iovec *iov;
	int count;
};

static long try_readv(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct vector *v = arg;

	return lp_try_readv(op, side, v->iov, v->count);
}

ssize_t lapse_readv(lapse_fd fd, const struct iovec *iov, int count)
{
	struct vector v = {iov, count < LP_IOV_MAX ? count : LP_IOV_MAX};
	struct lp_side side;
	struct lp_op op;
	long r = lp_op_begin(&op, &side, fd, LAPSE_READ, "readv");

	if (r < 0)
		return lp_ret(r);
	r = read_some(&op, &side, try_readv, &v);
	lp_op_end(&op);
	return lp_ret(r);
}

int lapse_read_full(lapse_fd fd, void *buf, size_t n, size_t *done)
{
	struct block b = {buf, n};
	struct lp_side side;
	struct lp_op op;
	long r;

	if (done == NULL)
		return (int)lp_ret(-EFAULT);
	*done = 0;
	r = lp_op_begin(&op, &side, fd, LAPSE_READ, "read_full");
	if (r < 0)
		return (int)lp_ret(r);
	if (n > SSIZE_MAX)
		r = -EFAULT;
	while (b.n > 0 && r >= 0) {
		r = read_some(&op, &side, try_read, &b);
		if (r <= 0)
			break;
		b.buf += r;
		b.n -= (size_t)r;
		r = b.n == 0 ? 0 : lp_op_progress(&op);
		if (r < 0)
			break;
	}
	lp_op_end(&op);
	*done = n - b.n;
	return (int)lp_ret(r);
}

/* ---- Writing: all, or as far as it came and why it stopped ---- */

static long try_write(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct block *b = arg;

	return lp_try_write(op, side, b->buf, b->n);
}

/* At least one call, so that a message of no bytes is sent. *error: 0 or -errno. */
static long write_all(struct lp_op *op, struct lp_side *side, struct block *b, long *error)
{
	long total = 0;

	for (;;) {
		long r = try_write(op, side, b);

		r = lp_op_until_done(op, side, POLLOUT, try_write, b, r);
		if (r > 0) {
			total += r;
			b->buf += r;
			b->n -= (size_t)r;
		}
		*error = r < 0 ? r : 0;
		if (r < 0 || b->n == 0)
			return total;
		/* 0: it takes no more, and will not say why */
		*error = r == 0 ? -EIO : lp_op_progress(op);
		if (*error < 0)
			return total;
	}
}

ssize_t lapse_write(lapse_fd fd, const void *buf, size_t n)
{
	struct block b = {(char *)(uintptr_t)buf, n};
	struct lp_side side;
	struct lp_op op;
	long error;
	long r = lp_op_begin_fast(&op, &side, fd, LAPSE_WRITE, "write");

	if (r < 0)
		return lp_ret(r);
	if (n > SSIZE_MAX) {
		error = -EFAULT;
		r = 0;
	} else {
		r = write_all(&op, &side, &b, &error);
	}
	lp_op_end_fast(&op);
	return lp_count_or(r, error);
}

int lapse_write_full(lapse_fd fd, const void *buf, size_t n, size_t *done)
{
	ssize_t r;

	if (done == NULL)
		return (int)lp_ret(-EFAULT);
	r = lapse_write(fd, buf, n);
	*done = r > 0 ? (size_t)r : 0;
	return r < 0 || *done < n ? -1 : 0;
}

static long try_writev(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct lp_cursor *c = arg;
	int count;
	const struct iovec *iov = lp_cursor_next(c, &count);

	return lp_try_writev(op, side, iov, count);
}

/* A message is one call's: it cannot be put together from several. An array that takes several is read
 * here as well: the kernel has to find all of it readable. */
static long unfit(const struct lp_slot *slot, const struct iovec *iov, int count)
{
	long r = 0;

	if (count < 0)
		return -EINVAL;
	if (iov == NULL && count > 0)
		return -EFAULT;
	if (slot->kind == LP_MESSAGE && count > LP_IOV_MAX)
		return -EMSGSIZE;
	for (; r == 0 && count > LP_IOV_MAX; count -= LP_IOV_MAX)
		r = lp_cursor_check(iov + count - LP_IOV_MAX, LP_IOV_MAX);
	return r;
}

ssize_t lapse_writev(lapse_fd fd, const struct iovec *iov, int count)
{
	struct lp_cursor c;
	struct lp_side side;
	struct lp_op op;
	long total = 0;
	long error;
	long r = lp_op_begin(&op, &side, fd, LAPSE_WRITE, "writev");

	if (r < 0)
		return lp_ret(r);
	error = unfit(side.slot, iov, count);
	lp_cursor_begin(&c, iov, (size_t)count);
	while (error == 0) {
		size_t before = c.count;

		r = try_writev(&op, &side, &c);
		r = lp_op_until_done(&op, &side, POLLOUT, try_writev, &c, r);
		error = r < 0 ? r : 0;
		if (r > 0)
			total += r;
		if (r < 0 || !lp_cursor_advance(&c, (size_t)r))
			break;
		error = r == 0 && c.count == before ? -EIO : lp_op_progress(&op);
	}
	lp_op_end(&op);
	return lp_count_or(total, error);
}
