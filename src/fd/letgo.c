/* Waiting for jobs, and calls on files. Owns nothing; gives no verdict but "it may still happen". */
#include "fd/letgo.h"
#include "fd/cursor.h"
#include "fd/twin.h"

/* ---- Waiting for a job ---- */

bool lp_op_in_force(const struct lp_op *op)
{
	if (op->earliest != LAPSE_NEVER)
		return true; /* as the last look has found */
	for (int i = 0; i < op->side_count; i++)
		for (int d = 0; d < 2; d++) {
			const struct lp_slot *slot = op->sides[i].slot;

			if ((op->sides[i].dirs & 1 << d) == 0)
				continue;
			if (os_owned_get(&slot->deadline[d]) != LAPSE_NEVER ||
			    os_load_i64(&slot->idle[d], OS_SEQ_CST) != 0)
				return true;
		}
	return lp_scope_any() && lp_scope_in_force();
}

struct awaited {
	struct lp_op *op;
	const struct lp_job *job;
};

static int look_for_job(void *ctx, lapse_time *earliest)
{
	const struct awaited *a = ctx;

	return lp_job_is_done(a->job) ? 1 : lp_op_look_asleep(a->op, earliest);
}

enum lp_job_end lp_op_await_job(struct lp_op *op, struct lp_job *job, long *verdict)
{
	struct awaited a = {op, job};
	enum lp_job_end end;
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	*verdict = r;
	if (r < 0)
		return LP_JOB_WITHDRAWN;
	lp_op_take_places(op, p);
	lp_job_start(job, p);
	lp_scope_forget();
	*verdict = lp_sleep(p, op->earliest, look_for_job, &a, lp_park_futex, NULL);
	if (*verdict > 0)
		return LP_JOB_WAS_DONE;
	end = lp_job_leave(job, false);
	if (end == LP_JOB_WAS_DONE)
		lp_scope_spare();
	return end;
}

/* ---- A call on a file as a job ---- */

struct file_job {
	struct lp_file_call call;
	struct lp_twin *twin, *other;
};
_Static_assert(sizeof(struct file_job) <= LP_JOB_ARGS, "it fits");

static void run_file_job(struct lp_job *job)
{
	struct file_job *f = (struct file_job *)job->args;

	job->result = f->call.make(&f->call, lp_twin_sysfd(f->twin),
	                           f->other == NULL ? -1 : lp_twin_sysfd(f->other));
}

static void drop_file_job(struct lp_job *job)
{
	struct file_job *f = (struct file_job *)job->args;

	lp_twin_leave(f->twin);
	lp_twin_leave(f->other);
}

static int take_twins(struct file_job *f, struct lp_side *side, struct lp_side *other)
{
	int r = lp_twin_use(side->slot, &f->twin);

	f->other = NULL;
	if (r == 0 && other != NULL && (r = lp_twin_use(other->slot, &f->other)) < 0)
		lp_twin_leave(f->twin);
	return r;
}

/* All but its start. 0 or -errno. */
static int make_file_job(struct lp_job *job, struct lp_side *side, struct lp_side *other,
                         const struct lp_file_call *call)
{
	struct file_job *f = (struct file_job *)job->args;

	f->call = *call;
	job->run = run_file_job;
	job->drop = drop_file_job;
	return take_twins(f, side, other);
}

int lp_file_start(struct lp_side *side, const struct lp_file_call *call, struct lp_parker *p,
                  struct lp_job **job)
{
	int r = lp_job_take(job);

	if (r < 0)
		return r;
	r = make_file_job(*job, side, NULL, call);
	if (r < 0)
		lp_job_put(*job);
	else
		lp_job_start(*job, p);
	return r;
}

void lp_file_put(struct lp_job *job)
{
	drop_file_job(job);
	lp_job_put(job);
}

long lp_file_call(struct lp_op *op, struct lp_side *side, struct lp_side *other,
                  struct lp_file_call *call, struct lp_job **job)
{
	struct lp_job *own = NULL;
	long r;

	if (job == NULL) {
		r = lp_job_take(&own);
		if (r < 0)
			return r;
		job = &own;
	}
	r = make_file_job(*job, side, other, call);
	if (r == 0) {
		switch (lp_op_await_job(op, *job, &r)) {
		case LP_JOB_WAS_DONE:
			drop_file_job(*job);
			*call = ((struct file_job *)(*job)->args)->call;
			r = (*job)->result;
			if ((*job)->refused != 0)
				r = call->make(call, lp_sysfd(side->slot),
				               other == NULL ? -1 : lp_sysfd(other->slot));
			break;
		case LP_JOB_WITHDRAWN:
			drop_file_job(*job);
			break;
		case LP_JOB_GONE:
			*job = NULL;
			if (call->changes)
				r = -EINPROGRESS;
			break;
		}
	}
	lp_job_put(own);
	return r;
}

/* ---- Which way ---- */

/* Files that lie in memory are those that can have seals, or could if they had been made so. Bypassing
 * the page cache, RWF_NOWAIT only says that nothing else is waited for. */
static void learn(struct lp_slot *slot)
{
	int sysfd = lp_sysfd(slot);
	long flags = os_fcntl(sysfd, F_GETFL, NULL);

	if (flags >= 0 && (flags & O_DIRECT) != 0)
		lp_slot_learn(slot, LP_NO_NOWAIT_READ);
	lp_slot_learn(slot, os_fcntl(sysfd, F_GET_SEALS, NULL) >= 0 ? LP_IN_MEMORY : LP_ON_DEVICE);
}

bool lp_file_may_hang(struct lp_slot *slot)
{
	if (slot->kind != LP_FILE)
		return false;
	if (!lp_slot_knows(slot, LP_IN_MEMORY | LP_ON_DEVICE))
		learn(slot);
	return !lp_slot_knows(slot, LP_IN_MEMORY);
}

bool lp_file_is_direct(struct lp_op *op, struct lp_side *side)
{
	return side->slot->kind != LP_FILE || !lp_op_in_force(op) || !lp_file_may_hang(side->slot);
}

/* Where a job has to read or write: LP_HERE where there is no position to speak of. */
static long place(const struct lp_slot *slot, off_t offset)
{
	long at = offset == LP_HERE ? os_lseek(lp_sysfd(slot), 0, SEEK_CUR) : offset;

	return at < 0 ? LP_HERE : at;
}

/* ---- Reading ---- */

static long make_read(struct lp_file_call *call, int sysfd, int other)
{
	(void)other;
	return os_preadv2(sysfd, &call->data, 1, call->offset, 0);
}

/* How much these take, as far as one job goes. */
static size_t size_of(const struct iovec *iov, int count, size_t most)
{
	size_t n = 0;

	for (int i = 0; i < count && n < most; i++)
		n += iov[i].iov_len < most - n ? iov[i].iov_len : most - n;
	return n;
}

/* The array itself is the caller's too. */
static long check_array(const struct iovec *iov, int count)
{
	return count < 0 ? -EINVAL : lp_cursor_check(iov, count);
}

static long read_by_job(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                        struct lp_file_call *call)
{
	struct lp_job *job;
	long r = lp_job_take(&job);

	if (r < 0)
		return r;
	call->data.iov_base = lp_job_room(job, call->data.iov_len);
	if (call->data.iov_base == NULL)
		r = -ENOMEM;
	else
		r = lp_file_call(op, side, NULL, call, &job);
	if (r > 0) {
		call->data.iov_len = (size_t)r;
		r = os_copy_memory(iov, (size_t)count, &call->data, 1);
	}
	lp_job_put(job);
	return r;
}

/* One step. *size: how much was asked for. */
static long read_waiting(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                         off_t offset, size_t *size)
{
	struct lp_file_call call = {.make = make_read};
	long r;

	*size = size_of(iov, count, LP_JOB_ROOM);
	if (*size == 0)
		return os_preadv2(lp_sysfd(side->slot), iov, count, offset, 0);
	call.data.iov_len = *size;
	call.offset = place(side->slot, offset);
	r = read_by_job(op, side, iov, count, &call);
	if (r > 0 && offset == LP_HERE && call.offset != LP_HERE)
		(void)os_lseek(lp_sysfd(side->slot), r, SEEK_CUR);
	return r;
}

static long read_now(struct lp_slot *slot, const struct iovec *iov, int count, off_t offset)
{
	long r;

	if (lp_slot_knows(slot, LP_NO_NOWAIT_READ))
		return -EAGAIN;
	r = os_preadv2(lp_sysfd(slot), iov, count, offset, RWF_NOWAIT);
	if (r != -EOPNOTSUPP)
		return r;
	lp_slot_learn(slot, LP_NO_NOWAIT_READ);
	return -EAGAIN;
}

/* The first try, of what the cursor says first, gave r. */
static long read_on(struct lp_op *op, struct lp_side *side, struct lp_cursor *c, off_t offset,
                    long r)
{
	long total = 0;

	for (;;) {
		int count;
		const struct iovec *iov = lp_cursor_next(c, &count);
		size_t size = 0;

		if (total > 0)
			r = read_now(side->slot, iov, count, offset);
		if (r == -EAGAIN)
			r = read_waiting(op, side, iov, count, offset, &size);
		if (r <= 0)
			return total > 0 ? total : r;
		total += r;
		if (!lp_cursor_advance(c, (size_t)r) || (size_t)r < size)
			return total;
		if (offset != LP_HERE)
			offset += r;
		if (lp_op_progress(op) < 0)
			return total;
	}
}

long lp_file_readv(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                   off_t offset)
{
	int sysfd = lp_sysfd(side->slot);
	struct lp_cursor c;
	long r = 0;

	if (lp_file_is_direct(op, side))
		return offset == LP_HERE ? os_readv(sysfd, iov, count)
		                         : os_preadv2(sysfd, iov, count, offset, 0);
	if (lp_slot_knows(side->slot, LP_NO_NOWAIT_READ) || count > LP_IOV_MAX || count <= 0)
		r = check_array(iov, count); /* otherwise the first try does */
	if (r < 0)
		return r;
	lp_cursor_begin(&c, iov, (size_t)count);
	iov = lp_cursor_next(&c, &count);
	return read_on(op, side, &c, offset, read_now(side->slot, iov, count, offset));
}

long lp_file_read(struct lp_op *op, struct lp_side *side, void *buf, size_t n, off_t offset)
{
	const struct iovec iov = {buf, n};
	int sysfd = lp_sysfd(side->slot);
	struct lp_cursor c;
	long r;

	if (n > SSIZE_MAX)
		return -EFAULT;
	if (lp_file_is_direct(op, side))
		return offset == LP_HERE ? os_read(sysfd, buf, n) : os_pread(sysfd, buf, n, offset);
	r = read_now(side->slot, &iov, 1, offset);
	if (r == (long)n)
		return r;
	lp_cursor_begin(&c, &iov, 1);
	return read_on(op, side, &c, offset, r);
}

/* ---- Writing ---- */

/* O_APPEND: wherever it is told to, the kernel writes at the end. */
static long make_write(struct lp_file_call *call, int sysfd, int other)
{
	(void)other;
	return os_pwritev2(sysfd, &call->data, 1, call->offset, 0);
}

/* The position is afterwards behind what was written, as far as can be told: other processes may
 * append too. */
static long make_append(struct lp_file_call *call, int sysfd, int other)
{
	long r = make_write(call, sysfd, other);

	if (r > 0 && os_fstat(sysfd, &call->st) < 0)
		call->st.st_size = -1;
	return r;
}

/* As much as fits one job; appended, all of it: then others' writes come before or after it, as the
 * kernel promises. */
static long gather(struct lp_job *job, const struct iovec *iov, int count, bool appends,
                   struct iovec *data)
{
	size_t size = LP_JOB_ROOM;
	long r;

	for (;;) {
		data->iov_base = lp_job_room(job, size);
		data->iov_len = size;
		if (data->iov_base == NULL)
			return -ENOMEM;
		r = os_copy_memory(data, 1, iov, (size_t)count);
		if (r < 0)
			return r;
		data->iov_len = (size_t)r;
		if (!appends || r < LP_JOB_ROOM || size > LP_JOB_ROOM)
			return r;
		size = size_of(iov, count, SSIZE_MAX);
		if (size <= LP_JOB_ROOM)
			return r;
	}
}

static void move_position(struct lp_slot *slot, const struct lp_file_call *call, bool appends,
                          long r)
{
	if (!appends)
		(void)os_lseek(lp_sysfd(slot), r, SEEK_CUR);
	else if (call->st.st_size >= 0)
		(void)os_lseek(lp_sysfd(slot), call->st.st_size, SEEK_SET);
}

long lp_file_write_by_job(struct lp_op *op, struct lp_side *side, const struct iovec *iov,
                          int count, off_t offset)
{
	struct lp_slot *slot = side->slot;
	struct lp_file_call call = {.changes = true};
	bool appends = false;
	struct lp_job *job;
	long r;

	r = count < 0 ? -EINVAL : lp_job_take(&job);
	if (r < 0)
		return r;
	r = os_fcntl(lp_sysfd(slot), F_GETFL, NULL);
	if (r >= 0) {
		appends = (r & O_APPEND) != 0;
		r = gather(job, iov, count, appends, &call.data);
	}
	if (r == 0) {
		r = os_pwritev2(lp_sysfd(slot), iov, count, offset, 0); /* nothing: no waiting */
	} else if (r > 0) {
		call.make = appends ? make_append : make_write;
		call.offset = place(slot, offset);
		r = lp_file_call(op, side, NULL, &call, &job);
		if (r > 0 && offset == LP_HERE && call.offset != LP_HERE)
			move_position(slot, &call, appends, r);
	}
	lp_job_put(job);
	return r;
}

long lp_file_writev(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                    off_t offset)
{
	if (lp_file_is_direct(op, side))
		return os_pwritev2(lp_sysfd(side->slot), iov, count, offset, 0);
	return lp_file_write_by_job(op, side, iov, count, offset);
}

long lp_file_write(struct lp_op *op, struct lp_side *side, const void *buf, size_t n, off_t offset)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	int sysfd = lp_sysfd(side->slot);

	if (n > SSIZE_MAX)
		return -EFAULT;
	if (lp_file_is_direct(op, side))
		return offset == LP_HERE ? os_write(sysfd, buf, n)
		                         : os_pwrite(sysfd, buf, n, offset);
	return lp_file_write_by_job(op, side, &iov, 1, offset);
}
