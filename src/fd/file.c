/* Calls at an offset and on the file itself: pinned, in parallel, no turn. The read deadline, the
 * write deadline or the earlier of both is looked at as they begin; the call itself is made
 * directly. Owns nothing. */
#include "fd/op.h"

enum { BOTH = LAPSE_READ | LAPSE_WRITE };

struct at {
	const struct iovec *iov;
	int count;
	off_t offset;
};

/* -1 would mean the file's own position to these system calls. */
static long try_preadv(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct at *a = arg;

	(void)op;
	if (a->offset < 0)
		return -EINVAL;
	return os_preadv2(lp_sysfd(side->slot), a->iov, a->count, a->offset, 0);
}

static long try_pwritev(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct at *a = arg;

	(void)op;
	if (a->offset < 0)
		return -EINVAL;
	return os_pwritev2(lp_sysfd(side->slot), a->iov, a->count, a->offset, 0);
}

ssize_t lapse_preadv(lapse_fd fd, const struct iovec *iov, int count, off_t offset)
{
	struct at a = {iov, count, offset};

	return lp_op_run_pinned(fd, LAPSE_READ, "pread", try_preadv, &a);
}

ssize_t lapse_pwritev(lapse_fd fd, const struct iovec *iov, int count, off_t offset)
{
	struct at a = {iov, count, offset};

	return lp_op_run_pinned(fd, LAPSE_WRITE, "pwrite", try_pwritev, &a);
}

ssize_t lapse_pread(lapse_fd fd, void *buf, size_t n, off_t offset)
{
	struct iovec iov = {buf, n};

	return lapse_preadv(fd, &iov, 1, offset);
}

ssize_t lapse_pwrite(lapse_fd fd, const void *buf, size_t n, off_t offset)
{
	struct iovec iov = {(void *)(uintptr_t)buf, n};

	return lapse_pwritev(fd, &iov, 1, offset);
}

static long try_fsync(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	(void)arg;
	return os_fsync(lp_sysfd(side->slot));
}

int lapse_fsync(lapse_fd fd)
{
	return (int)lp_op_run_pinned(fd, BOTH, "fsync", try_fsync, NULL);
}

static long try_fdatasync(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	(void)arg;
	return os_fdatasync(lp_sysfd(side->slot));
}

int lapse_fdatasync(lapse_fd fd)
{
	return (int)lp_op_run_pinned(fd, BOTH, "fdatasync", try_fdatasync, NULL);
}

static long try_ftruncate(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	return os_ftruncate(lp_sysfd(side->slot), *(off_t *)arg);
}

int lapse_ftruncate(lapse_fd fd, off_t size)
{
	return (int)lp_op_run_pinned(fd, BOTH, "ftruncate", try_ftruncate, &size);
}

struct range {
	int mode;
	off_t offset, size;
};

static long try_fallocate(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct range *a = arg;

	(void)op;
	return os_fallocate(lp_sysfd(side->slot), a->mode, a->offset, a->size);
}

int lapse_fallocate(lapse_fd fd, int mode, off_t offset, off_t size)
{
	struct range a = {mode, offset, size};

	return (int)lp_op_run_pinned(fd, BOTH, "fallocate", try_fallocate, &a);
}

static long try_fstat(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	return os_fstat(lp_sysfd(side->slot), arg);
}

int lapse_fstat(lapse_fd fd, struct stat *st)
{
	return (int)lp_op_run_pinned(fd, BOTH, "fstat", try_fstat, st);
}

struct position {
	off_t offset;
	int whence;
};

static long try_seek(struct lp_op *op, struct lp_side *side, void *arg)
{
	const struct position *a = arg;

	(void)op;
	return os_lseek(lp_sysfd(side->slot), a->offset, a->whence);
}

off_t lapse_seek(lapse_fd fd, off_t offset, int whence)
{
	struct position a = {offset, whence};

	return lp_op_run_pinned(fd, BOTH, "seek", try_seek, &a);
}

/* ---- Locks ---- */

/* Asked for without waiting first, which is the usual case; then in a call that waits. */
static int take_lock(lapse_fd fd, const char *name, struct os_call now, struct os_call wait)
{
	struct lp_side side;
	struct lp_op op;
	long r;

	lp_op_start(&op, &side, name);
	r = lp_op_pin(&op, fd, BOTH);
	if (r < 0)
		return (int)lp_ret(r);
	now.args[0] = wait.args[0] = lp_sysfd(side.slot);
	r = lp_op_look(&op);
	if (r == 0)
		r = os_call_now(&now);
	if (r == -EAGAIN || r == -EINTR)
		r = lp_op_call(&op, wait);
	lp_op_end(&op);
	return (int)lp_ret(r);
}

static long try_flock(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	return os_flock(lp_sysfd(side->slot), *(int *)arg);
}

int lapse_flock(lapse_fd fd, int operation)
{
	if ((operation & LOCK_NB) != 0)
		return (int)lp_op_run_pinned(fd, BOTH, "flock", try_flock, &operation);
	return take_lock(fd, "flock", os_call_flock(-1, operation | LOCK_NB),
	                 os_call_flock(-1, operation));
}

int lapse_lock(lapse_fd fd, struct flock *lock)
{
	return take_lock(fd, "lock", os_call_fcntl(-1, F_OFD_SETLK, lock),
	                 os_call_fcntl(-1, F_OFD_SETLKW, lock));
}
