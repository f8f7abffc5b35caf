/* lapse_sendfile and lapse_copy_file_range: from a file, at an offset of the caller's or its own.
 * What the destination did not take was never taken from the file. Owns nothing. */
#include "fd/letgo.h"
#include "fd/transfer.h"

enum { COPY = 16384 };

/* ---- Through a buffer: the position moves only over what has gone ---- */

/* Where to read or write: the caller's offset or the file's own position. */
static long position(const struct lp_side *side, const off_t *offset)
{
	return offset != NULL ? *offset : os_lseek(lp_sysfd(side->slot), 0, SEEK_CUR);
}

static long advance(const struct lp_side *side, off_t *offset, size_t went)
{
	if (offset == NULL)
		return os_lseek(lp_sysfd(side->slot), (off_t)went, SEEK_CUR);
	*offset += (off_t)went;
	return 0;
}

static long copy(struct lp_transfer *t, off_t *offset)
{
	char buf[COPY];
	long error = 0;

	while (t->left > 0 && error == 0) {
		size_t most = lp_transfer_most(t, sizeof buf);
		long at = position(&t->sides[0], offset);
		long r = at < 0 ? at : lp_file_read(&t->op, &t->sides[0], buf, most, at);
		size_t went;

		if (r <= 0)
			return r;
		went = lp_transfer_write(t, buf, (size_t)r, &error);
		t->total += (long)went;
		t->left -= went;
		r = advance(&t->sides[0], offset, went);
		if (error == 0)
			error = r < 0 || t->left == 0 ? r : lp_op_progress(&t->op);
	}
	return error;
}

/* ---- sendfile ---- */

/* Into a pipe, the call with a flag for each call; into files and what we made, sendfile. */
static long zero_copy(struct lp_transfer *t, off_t *offset)
{
	bool into_pipe = t->sides[1].slot->kind == LP_PIPE;

	while (t->left > 0) {
		size_t n = lp_transfer_most(t, LP_CHUNK);
		long r = into_pipe ? os_splice(lp_transfer_in(t), offset, lp_transfer_out(t), n,
		                               SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
		                   : os_sendfile(lp_transfer_out(t), lp_transfer_in(t), offset, n);

		if (r == 0)
			return 0;
		r = r > 0 ? lp_transfer_moved(t, r) : lp_transfer_await_out(t, r);
		if (r < 0)
			return r;
	}
	return 0;
}

static long send_from(struct lp_transfer *t, off_t *offset)
{
	const struct lp_slot *in = t->sides[0].slot;
	long r = -EINVAL;

	if (in->kind != LP_FILE || (offset == NULL && lp_slot_knows(in, LP_KEPT)))
		return offset != NULL ? -ESPIPE : lp_transfer_splice(t);
	if (offset != NULL && *offset < 0)
		return -EINVAL;
	if (t->in_splices && t->out_splices)
		r = zero_copy(t, offset);
	return r == -EINVAL && t->total == 0 ? copy(t, offset) : r;
}

ssize_t lapse_sendfile(lapse_fd out, lapse_fd in, off_t *offset, size_t n)
{
	struct lp_transfer t;
	long r = lp_transfer_begin(&t, out, in, n, "sendfile");

	if (r < 0)
		return lp_ret(r);
	return lp_transfer_end(&t, send_from(&t, offset));
}

/* ---- copy_file_range ---- */

/* Reads and writes at the two places where the kernel cannot copy by itself. */
static long copy_between(struct lp_transfer *t, off_t *in_offset, off_t *out_offset)
{
	char buf[COPY];

	while (t->left > 0) {
		size_t most = lp_transfer_most(t, sizeof buf);
		long n = lp_file_read(&t->op, &t->sides[0], buf, most,
		                      in_offset != NULL ? *in_offset : LP_HERE);
		long r;

		if (n <= 0)
			return n;
		r = lp_file_write(&t->op, &t->sides[1], buf, (size_t)n,
		                  out_offset != NULL ? *out_offset : LP_HERE);
		if (in_offset == NULL && r < n)
			(void)os_lseek(lp_transfer_in(t), (r > 0 ? r : 0) - n, SEEK_CUR);
		if (r <= 0)
			return r < 0 ? r : -EIO;
		if (in_offset != NULL)
			*in_offset += r;
		if (out_offset != NULL)
			*out_offset += r;
		r = lp_transfer_moved(t, r);
		if (r < 0)
			return r;
	}
	return 0;
}

static long make_copy(struct lp_file_call *call, int in, int out)
{
	off_t from = call->offset;
	off_t to = call->other_offset;

	return os_copy_file_range(in, &from, out, &to, (size_t)call->size);
}

/* The places are the caller's, or the files' own, which move by what was copied. */
static long copy_by_thread(struct lp_transfer *t, off_t *in_offset, off_t *out_offset, size_t n)
{
	struct lp_file_call call = {.make = make_copy, .changes = true, .size = (off_t)n};
	off_t *offsets[] = {in_offset, out_offset};
	long at[2];
	long r;

	for (int i = 0; i < 2; i++) {
		at[i] = position(&t->sides[i], offsets[i]);
		if (at[i] < 0)
			return at[i];
	}
	call.offset = at[0];
	call.other_offset = at[1];
	r = lp_file_call(&t->op, &t->sides[0], &t->sides[1], &call, NULL);
	for (int i = 0; i < 2 && r > 0; i++)
		(void)advance(&t->sides[i], offsets[i], (size_t)r);
	return r;
}

static bool are_files(struct lp_transfer *t)
{
	return t->sides[0].slot->kind == LP_FILE && t->sides[1].slot->kind == LP_FILE;
}

/* How much to ask for at a time. Within one file all of it: whether the places overlap, and where the end
 * was, is a matter of the whole range. 0 or -errno. */
static long cut(struct lp_transfer *t, const off_t *in_offset, size_t *most)
{
	struct stat in;
	long at;

	*most = LP_CHUNK;
	if (t->left <= LP_CHUNK || !are_files(t) || !lp_transfer_is_within(t, &in))
		return 0;
	at = position(&t->sides[0], in_offset);
	if (at < 0)
		return at;
	*most = at < in.st_size ? (size_t)(in.st_size - at) : 0;
	t->left = lp_transfer_most(t, *most);
	return 0;
}

static long copy_range(struct lp_transfer *t, off_t *in_offset, off_t *out_offset)
{
	bool by_thread = are_files(t) && !(t->in_splices && t->out_splices);
	size_t most;
	long error = cut(t, in_offset, &most);

	if (error < 0)
		return error;
	while (t->left > 0) {
		size_t n = lp_transfer_most(t, most);
		long r = by_thread ? copy_by_thread(t, in_offset, out_offset, n)
		                   : os_copy_file_range(lp_transfer_in(t), in_offset,
		                                        lp_transfer_out(t), out_offset, n);

		if (r == 0)
			return 0;
		if (t->total == 0 && (r == -EXDEV || r == -ENOSYS || r == -EOPNOTSUPP))
			return copy_between(t, in_offset, out_offset);
		if (r > 0)
			r = lp_transfer_moved(t, r);
		else
			r = lp_transfer_await_in(t, r); /* -EINTR: look; others are how it ends */
		if (r < 0)
			return r;
	}
	return 0;
}

ssize_t lapse_copy_file_range(lapse_fd out, off_t *out_offset, lapse_fd in, off_t *in_offset,
                              size_t n)
{
	struct lp_transfer t;
	long r = lp_transfer_begin(&t, out, in, n, "copy_file_range");

	if (r < 0)
		return lp_ret(r);
	if ((in_offset != NULL && *in_offset < 0) || (out_offset != NULL && *out_offset < 0))
		return lp_transfer_end(&t, -EINVAL);
	return lp_transfer_end(&t, copy_range(&t, in_offset, out_offset));
}
