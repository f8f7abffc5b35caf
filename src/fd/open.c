/* lapse_open: directly, or within a scope that could end it by a thread of the pool, since a server's
 * file hangs where no signal helps. One that is let go is interrupted too: a FIFO's open ends there.
 * Owns nothing afterwards. */
#include "fd/handle.h"
#include "fd/letgo.h"
#include "wait/interrupt.h"

struct open_job {
	int dirfd;
	bool dirfd_is_ours;
	int flags;
	mode_t mode;
	enum lp_kind kind; /* of what was opened */
};

/* The caller has let it go: then it is broken off, if that helps. */
static int look_let_go(void *ctx, lapse_time *earliest)
{
	*earliest = LAPSE_NEVER;
	return lp_job_is_let_go(ctx) ? -ECANCELED : 0;
}

static long open_until_let_go(struct lp_job *job, const struct open_job *o)
{
	struct lp_interruptible way = {
		.call = os_call_openat(o->dirfd, job->room, o->flags, o->mode),
	};
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r == 0) {
		lp_parker_note(p, "open for another", 0);
		r = lp_sleep(p, LAPSE_NEVER, look_let_go, job, lp_interrupt_park, &way);
	}
	if (r > 0)
		return way.result;
	if (lp_job_is_let_go(job))
		return r;
	return os_openat(o->dirfd, job->room, o->flags, o->mode); /* interrupts are not to be had */
}

static void close_dirfd(const struct open_job *o)
{
	if (o->dirfd_is_ours)
		(void)os_close(o->dirfd);
}

/* To say what was opened may hang too. */
static void run_open(struct lp_job *job)
{
	struct open_job *o = (struct open_job *)job->args;
	long sysfd = open_until_let_go(job, o);
	long r = sysfd < 0 ? sysfd : lp_kind_of((int)sysfd, &o->kind);

	close_dirfd(o);
	if (sysfd >= 0 && r < 0)
		(void)os_close((int)sysfd);
	job->result = r < 0 ? r : sysfd;
}

static void drop_open(struct lp_job *job)
{
	if (job->result >= 0)
		(void)os_close((int)job->result);
}

/* A page at a time, so that nothing behind its end is touched. 0 or -errno. */
static long copy_path(char *to, const char *path)
{
	enum { PAGE = 4096 };

	for (size_t done = 0; done < PATH_MAX;) {
		size_t n = PAGE - ((uintptr_t)path + done) % PAGE;
		struct iovec into = {to + done, n < PATH_MAX - done ? n : PATH_MAX - done};
		struct iovec from = {(void *)((uintptr_t)path + done), into.iov_len};
		long r = os_copy_memory(&into, 1, &from, 1);

		if (r <= 0)
			return -EFAULT;
		for (long i = 0; i < r; i++)
			if (to[done + (size_t)i] == '\0')
				return 0;
		done += (size_t)r;
	}
	return -ENAMETOOLONG;
}

/* A directory's number may be another's by the time a thread comes to it. */
static long prepare(struct lp_job *job, struct open_job *o, const char *path)
{
	char *copy = lp_job_room(job, PATH_MAX);
	long r = copy == NULL ? -ENOMEM : copy_path(copy, path);

	if (r < 0 || o->dirfd == AT_FDCWD || copy[0] == '/')
		return r;
	r = os_fcntl(o->dirfd, F_DUPFD_CLOEXEC, (void *)(intptr_t)3);
	if (r < 0)
		return r;
	o->dirfd = (int)r;
	o->dirfd_is_ours = true;
	return 0;
}

/* Once it may have made or emptied a file, it may still do so. */
static long by_thread(struct open_job *o, const char *path)
{
	struct lp_job *job;
	struct lp_op op;
	long r;

	lp_op_start(&op, NULL, "open");
	r = lp_op_look(&op);
	if (r == 0)
		r = lp_job_take(&job);
	if (r < 0)
		return r;
	r = prepare(job, o, path);
	if (r < 0) {
		lp_job_put(job);
		return r;
	}
	*(struct open_job *)job->args = *o;
	job->run = run_open;
	job->drop = drop_open;
	switch (lp_op_await_job(&op, job, &r)) {
	case LP_JOB_GONE:
		return (o->flags & (O_CREAT | O_TRUNC)) != 0 ? -EINPROGRESS : r;
	case LP_JOB_WITHDRAWN:
		close_dirfd(o);
		break;
	case LP_JOB_WAS_DONE:
		if (job->refused != 0)
			run_open(job);
		o->kind = ((struct open_job *)job->args)->kind;
		r = job->result;
		break;
	}
	lp_job_put(job);
	return r;
}

static long directly(struct open_job *o, const char *path)
{
	long sysfd;
	long r;

	do
		sysfd = os_openat(o->dirfd, path, o->flags, o->mode);
	while (sysfd == -EINTR);
	if (sysfd < 0)
		return sysfd;
	r = lp_kind_of((int)sysfd, &o->kind);
	if (r == 0)
		return sysfd;
	(void)os_close((int)sysfd);
	return r;
}

lapse_fd lapse_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_job o = {.dirfd = dirfd, .flags = flags | O_CLOEXEC, .mode = mode};
	struct lp_slot *slot;
	long r = lp_slot_take(&slot);

	if (r == 0) {
		r = lp_scope_any() && lp_scope_in_force() ? by_thread(&o, path)
		                                          : directly(&o, path);
		if (r >= 0)
			return lp_slot_open(slot, (int)r, o.kind);
		lp_slot_give_back(slot);
	}
	(void)lp_ret(r);
	return LAPSE_NOFD;
}

lapse_fd lapse_open(const char *path, int flags, mode_t mode)
{
	return lapse_openat(AT_FDCWD, path, flags, mode);
}
