/* What the moves from handle to handle share. Owns nothing. */
#include "fd/transfer.h"
#include "fd/letgo.h"

/* Splice takes no flag for the end that is not the pipe: only the description's own mode keeps it
 * from waiting. Others may have changed it, so it is asked for each time. A file that it may hang in
 * is read and written instead, if anything is in force that could end the transfer. */
static bool may_splice(struct lp_op *op, struct lp_side *side)
{
	const struct lp_slot *slot = side->slot;
	long flags;

	if (slot->kind == LP_FILE)
		return lp_file_is_direct(op, side);
	if (slot->kind != LP_SOCKET)
		return slot->kind == LP_PIPE;
	flags = os_fcntl(lp_sysfd(slot), F_GETFL, NULL);
	return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/* Both are pinned before the first turn: from then on either handle may end it. */
int lp_transfer_begin(struct lp_transfer *t, lapse_fd out, lapse_fd in, size_t n, const char *name)
{
	int r;

	lp_op_start(&t->op, t->sides, name);
	t->left = n < SSIZE_MAX ? n : SSIZE_MAX;
	t->total = 0;
	r = lp_op_pin(&t->op, in, LAPSE_READ);
	if (r == 0)
		r = lp_op_pin(&t->op, out, LAPSE_WRITE);
	for (int i = 0; i < 2 && r == 0; i++)
		r = lp_op_turn(&t->op, &t->sides[i]);
	if (r < 0) {
		lp_op_end(&t->op);
		return r;
	}
	t->in_splices = may_splice(&t->op, &t->sides[0]);
	t->out_splices = may_splice(&t->op, &t->sides[1]);
	os_sigpipe_hold(&t->held);
	return 0;
}

long lp_transfer_end(struct lp_transfer *t, long error)
{
	os_sigpipe_drop(&t->held);
	lp_op_end(&t->op);
	return lp_count_or(t->total, error);
}

bool lp_transfer_is_within(const struct lp_transfer *t, struct stat *in)
{
	struct stat out;

	return os_fstat(lp_transfer_in(t), in) == 0 && os_fstat(lp_transfer_out(t), &out) == 0 &&
	       in->st_dev == out.st_dev && in->st_ino == out.st_ino;
}

long lp_transfer_moved(struct lp_transfer *t, long r)
{
	t->total += r;
	t->left -= (size_t)r;
	return t->left > 0 ? lp_op_progress(&t->op) : 0;
}

static long await(struct lp_transfer *t, int side, short events, long r)
{
	if (r == -EAGAIN)
		return lp_op_wait(&t->op, &t->sides[side], events);
	return r == -EINTR ? lp_op_look(&t->op) : r;
}

long lp_transfer_await_in(struct lp_transfer *t, long r)
{
	return await(t, 0, POLLIN, r);
}

long lp_transfer_await_out(struct lp_transfer *t, long r)
{
	return await(t, 1, POLLOUT, r);
}

size_t lp_transfer_write(struct lp_transfer *t, const char *buf, size_t n, long *error)
{
	size_t done = 0;

	*error = 0;
	while (done < n && *error == 0) {
		long r = lp_try_write(&t->op, &t->sides[1], buf + done, n - done);

		if (r > 0) {
			done += (size_t)r;
			if (done < n)
				*error = lp_op_progress(&t->op);
		} else {
			*error = r == 0 ? -EIO : lp_transfer_await_out(t, r);
		}
	}
	return done;
}
