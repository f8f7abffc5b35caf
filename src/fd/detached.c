/* lapse_call_detached: a foreign function as a job. Owns nothing.
 *
 * fn works on a copy in the job's room, which is the job's until fn has ended: so there is nothing of
 * the caller's that it could touch after it was let go. Without a size there is nothing to copy, and
 * fn gets the caller's pointer as it is. */
#include "fd/letgo.h"

struct detached {
	long (*fn)(void *arg);
	void (*late)(void *arg, long result);
	void *arg;
};

/* A thread that has run others before may have an old errno. */
static void run_detached(struct lp_job *job)
{
	const struct detached *d = (const struct detached *)job->args;

	errno = 0;
	job->result = d->fn(d->arg);
	job->error = job->result == -1 ? errno : 0;
}

static void drop_detached(struct lp_job *job)
{
	const struct detached *d = (const struct detached *)job->args;

	if (d->late != NULL)
		d->late(d->arg, job->result);
}

/* The kernel copies less than 2 GiB at a time. 0 or -EFAULT. */
static long copy_all(void *to, const void *from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		struct iovec into = {(char *)to + done, size - done};
		struct iovec out_of = {(char *)(uintptr_t)from + done, size - done};
		long r = os_copy_memory(&into, 1, &out_of, 1);

		if (r <= 0)
			return -EFAULT;
		done += (size_t)r;
	}
	return 0;
}

/* errno is fn's if the result is. */
static long finished(const struct lp_job *job, void *arg, size_t size)
{
	const struct detached *d = (const struct detached *)job->args;
	long r;

	if (job->refused != 0)
		return lp_ret(job->refused);
	r = copy_all(arg, d->arg, size);
	if (r < 0)
		return lp_ret(r);
	return job->result == -1 && job->error != 0 ? lp_ret(-(long)job->error) : job->result;
}

static long prepare(struct lp_job *job, struct detached *d, size_t size)
{
	void *copy;

	if (size == 0)
		return 0;
	if (size > SSIZE_MAX)
		return -ENOMEM;
	copy = lp_job_room(job, size);
	if (copy == NULL)
		return -ENOMEM;
	if (copy_all(copy, d->arg, size) < 0)
		return -EFAULT;
	d->arg = copy;
	return 0;
}

long lapse_call_detached(long (*fn)(void *arg), void *arg, size_t size,
                         void (*late)(void *arg, long result))
{
	struct detached d = {fn, late, arg};
	struct lp_job *job;
	struct lp_op op;
	long r;

	if (fn == NULL)
		return lp_ret(-EFAULT);
	lp_fork_check();
	lp_op_start(&op, NULL, "call_detached");
	r = lp_op_look(&op);
	if (r == 0)
		r = lp_job_take(&job);
	if (r < 0)
		return lp_ret(r);
	r = prepare(job, &d, size);
	if (r == 0) {
		*(struct detached *)job->args = d;
		job->run = run_detached;
		job->drop = drop_detached;
		switch (lp_op_await_job(&op, job, &r)) {
		case LP_JOB_WAS_DONE:
			r = finished(job, arg, size);
			lp_job_put(job);
			return r;
		case LP_JOB_GONE:
			return lp_ret(r);
		case LP_JOB_WITHDRAWN:
			break;
		}
	}
	lp_job_put(job);
	return lp_ret(r);
}

int lapse_use_threads(int most)
{
	lp_fork_check();
	if (most < 1)
		return (int)lp_ret(-EINVAL);
	lp_pool_limit(most);
	return 0;
}
