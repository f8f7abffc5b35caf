/* Calls at an offset and on the file itself: pinned, in parallel, no turn. The read deadline, the
 * write deadline or the earlier of both governs them: on files as letgo.h says. What else has such
 * calls is called directly. Owns nothing. */
#include "fd/cursor.h"
#include "fd/letgo.h"

enum { BOTH = LAPSE_READ | LAPSE_WRITE };

struct at {
	const struct iovec *iov;
	int count;
	off_t offset;
	long error; /* of a write that stopped after some bytes, or 0 */
};

/* -1 would mean the file's own position to these system calls. */
static long try_preadv(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct at *a = arg;

	if (a->offset < 0)
		return -EINVAL;
	return lp_file_readv(op, side, a->iov, a->count, a->offset);
}

/* Of one buffer, whose array is our own. */
static long try_pread(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct at *a = arg;

	if (a->offset < 0)
		return -EINVAL;
	return lp_file_read(op, side, a->iov->iov_base, a->iov->iov_len, a->offset);
}

/* What is left after the first `total` bytes, part by part. The total; a->error: why it stopped. */
static long write_on(struct lp_op *op, struct lp_side *side, struct at *a, bool direct, long total)
{
	const struct iovec *iov = a->iov;
	int count = a->count;
	long r = total;
	struct lp_cursor c;

	lp_cursor_begin(&c, iov, (size_t)count);
	for (;;) {
		if (r > 0 && !lp_cursor_advance(&c, (size_t)r))
			return total;
		if (r > 0 || r == -EINTR) {
			r = lp_op_progress(op);
			iov = lp_cursor_next(&c, &count);
		}
		if (r == 0)
			r = direct ? os_pwritev2(lp_sysfd(side->slot), iov, count,
			                         a->offset + total, 0)
			           : lp_file_write_by_job(op, side, iov, count, a->offset + total);
		if (r <= 0 && r != -EINTR)
			break;
		total += r > 0 ? r : 0;
	}
	a->error = total > 0 ? r : 0;
	return total > 0 ? total : r;
}

static long try_pwritev(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct at *a = arg;

	if (a->offset < 0)
		return -EINVAL;
	return write_on(op, side, a, lp_file_is_direct(op, side), 0);
}

/* Of one buffer, whose array is our own; nearly always it goes in one call. */
static long try_pwrite(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct at *a = arg;
	const struct iovec *one = a->iov;
	long r;

	if (a->offset < 0)
		return -EINVAL;
	if (one->iov_len > SSIZE_MAX)
		return -EFAULT;
	if (!lp_file_is_direct(op, side))
		return write_on(op, side, a, false, 0);
	r = os_pwrite(lp_sysfd(side->slot), one->iov_base, one->iov_len, a->offset);
	return r <= 0 || r == (long)one->iov_len ? r : write_on(op, side, a, true, r);
}

static ssize_t run_pwrite(lapse_fd fd, lp_try_fn *try, struct at *a)
{
	ssize_t r = lp_op_run(fd, LAPSE_WRITE, "pwrite", try, a);

	return a->error < 0 ? lp_count_or(r, a->error) : r;
}

ssize_t lapse_preadv(lapse_fd fd, const struct iovec *iov, int count, off_t offset)
{
	struct at a = {.iov = iov, .count = count, .offset = offset};

	return lp_op_run(fd, LAPSE_READ, "pread", try_preadv, &a);
}

ssize_t lapse_pwritev(lapse_fd fd, const struct iovec *iov, int count, off_t offset)
{
	struct at a = {.iov = iov, .count = count, .offset = offset};

	return run_pwrite(fd, try_pwritev, &a);
}

ssize_t lapse_pread(lapse_fd fd, void *buf, size_t n, off_t offset)
{
	const struct iovec iov = {buf, n};
	struct at a = {.iov = &iov, .count = 1, .offset = offset};

	return lp_op_run_fast(fd, LAPSE_READ, "pread", try_pread, &a);
}

ssize_t lapse_pwrite(lapse_fd fd, const void *buf, size_t n, off_t offset)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	struct at a = {.iov = &iov, .count = 1, .offset = offset};

	return run_pwrite(fd, try_pwrite, &a);
}

static long try_call(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct lp_file_call *call = arg;

	if (lp_file_is_direct(op, side))
		return call->make(call, lp_sysfd(side->slot), -1);
	return lp_file_call(op, side, NULL, call, NULL);
}

static int on_file(lapse_fd fd, const char *name, struct lp_file_call *call)
{
	return (int)lp_op_run(fd, BOTH, name, try_call, call);
}

static long make_fsync(struct lp_file_call *call, int sysfd, int other)
{
	(void)call;
	(void)other;
	return os_fsync(sysfd);
}

int lapse_fsync(lapse_fd fd)
{
	struct lp_file_call call = {.make = make_fsync};

	return on_file(fd, "fsync", &call);
}

static long make_fdatasync(struct lp_file_call *call, int sysfd, int other)
{
	(void)call;
	(void)other;
	return os_fdatasync(sysfd);
}

int lapse_fdatasync(lapse_fd fd)
{
	struct lp_file_call call = {.make = make_fdatasync};

	return on_file(fd, "fdatasync", &call);
}

static long make_ftruncate(struct lp_file_call *call, int sysfd, int other)
{
	(void)other;
	return os_ftruncate(sysfd, call->size);
}

int lapse_ftruncate(lapse_fd fd, off_t size)
{
	struct lp_file_call call = {.make = make_ftruncate, .changes = true, .size = size};

	return on_file(fd, "ftruncate", &call);
}

static long make_fallocate(struct lp_file_call *call, int sysfd, int other)
{
	(void)other;
	return os_fallocate(sysfd, call->mode, call->offset, call->size);
}

int lapse_fallocate(lapse_fd fd, int mode, off_t offset, off_t size)
{
	struct lp_file_call call = {.make = make_fallocate,
	                            .changes = true,
	                            .mode = mode,
	                            .offset = offset,
	                            .size = size};

	return on_file(fd, "fallocate", &call);
}

static long make_fstat(struct lp_file_call *call, int sysfd, int other)
{
	(void)other;
	return os_fstat(sysfd, &call->st);
}

static long try_fstat(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct lp_file_call call = {.make = make_fstat};
	struct iovec to = {arg, sizeof call.st};
	struct iovec from = {&call.st, sizeof call.st};
	long r;

	if (lp_file_is_direct(op, side))
		return os_fstat(lp_sysfd(side->slot), arg);
	r = lp_file_call(op, side, NULL, &call, NULL);
	if (r == 0 && os_copy_memory(&to, 1, &from, 1) != (long)sizeof call.st)
		return -EFAULT;
	return r;
}

int lapse_fstat(lapse_fd fd, struct stat *st)
{
	return (int)lp_op_run(fd, BOTH, "fstat", try_fstat, st);
}

/* Directly: where a file is read does not depend on what it lies on. But its end does. */
struct position {
	off_t offset;
	int whence;
};

/* 0: it has none to speak of, or is no regular file; what its end is, the kernel alone knows. */
static long size_by_thread(struct lp_op *op, struct lp_side *side)
{
	struct lp_file_call call = {.make = make_fstat};
	long r = lp_file_call(op, side, NULL, &call, NULL);

	return r < 0 || !S_ISREG(call.st.st_mode) ? r : call.st.st_size;
}

static long try_seek(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct position *a = arg;
	off_t to = a->offset;
	int whence = a->whence;

	if (whence == SEEK_END && !lp_file_is_direct(op, side)) {
		long size = size_by_thread(op, side);

		if (size < 0)
			return size;
		if (__builtin_add_overflow(size, to, &to))
			return -EINVAL;
		if (size > 0)
			whence = SEEK_SET;
	}
	return os_lseek(lp_sysfd(side->slot), to, whence);
}

off_t lapse_seek(lapse_fd fd, off_t offset, int whence)
{
	struct position a = {offset, whence};

	return lp_op_run(fd, BOTH, "seek", try_seek, &a);
}

/* ---- Locks ---- */

struct locking {
	struct os_call now, wait;
};

/* Asked for without waiting first, which is the usual case; then in a call that waits. */
static long try_lock(struct lp_op *op, struct lp_side *side, void *arg)
{
	struct locking *l = arg;
	long r;

	l->now.args[0] = l->wait.args[0] = lp_sysfd(side->slot);
	r = os_call_now(&l->now);
	return r == -EAGAIN || r == -EINTR ? lp_op_call(op, l->wait) : r;
}

static long try_flock(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	return os_flock(lp_sysfd(side->slot), *(int *)arg);
}

int lapse_flock(lapse_fd fd, int operation)
{
	struct locking l = {os_call_flock(-1, operation | LOCK_NB), os_call_flock(-1, operation)};

	if ((operation & LOCK_NB) != 0)
		return (int)lp_op_run(fd, BOTH, "flock", try_flock, &operation);
	return (int)lp_op_run(fd, BOTH, "flock", try_lock, &l);
}

int lapse_lock(lapse_fd fd, struct flock *lock)
{
	struct locking l = {
		os_call_fcntl(-1, F_OFD_SETLK, lock),
		os_call_fcntl(-1, F_OFD_SETLKW, lock),
	};

	return (int)lp_op_run(fd, BOTH, "lock", try_lock, &l);
}
