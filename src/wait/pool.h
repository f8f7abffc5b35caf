/* let go: blocking in a thread of the library's own, for what neither poll nor a signal ends: files,
 * and whatever a caller hands over. Owns the threads, the jobs and their memory; gives no verdict and
 * knows no descriptor.
 *
 * Who wants a job done takes one, fills it in, starts it, and sleeps as in any other wait: "is it done"
 * is one more cause to look at. If another cause holds first it leaves: a job that no thread has begun
 * is withdrawn and never runs; one that runs is let go, and whoever runs it disposes of it, at last.
 * So a job has everything that its call touches: nothing of the caller's is used once it runs.
 *
 * state:  OURS -> QUEUED -> RUNNING -> DONE -> OURS   (and back to the free ones)
 *                   |          `-> LET_GO -> OURS        by the thread
 *                   `-> OURS                             withdrawn
 * To RUNNING and from QUEUED under the pool's lock. From RUNNING by compare-and-swap: the thread's to
 * DONE (C1) or the caller's to LET_GO (C1); who loses knows that it lost, so exactly one of them has
 * the job afterwards, and a result that is there beats every verdict. */
#ifndef LP_POOL_H
#define LP_POOL_H

#include "park/parker.h"

enum lp_job_state { LP_JOB_OURS, LP_JOB_QUEUED, LP_JOB_RUNNING, LP_JOB_DONE, LP_JOB_LET_GO };

/* What a job can hold without a mapping of its own; more has to be asked for, and is unmapped again. */
enum { LP_JOB_ROOM = 256 * 1024, LP_JOB_ARGS = 320 };

/* Lies in memory that is never unmapped, so that a wake-up that comes too late finds a job. */
struct lp_job {
	_Alignas(64) os_u32 state;
	/* The place of the thread that runs it: stored by it at S1, seq_cst, before run; read at C2 by
	 * who lets go. Left behind, it is a parker still. */
	os_ptr runner;
	/* What follows is written by who has the job: the caller until it starts it, the thread from
	 * then on, the caller again once it is DONE. */
	struct lp_parker *caller;
	void (*run)(struct lp_job *job);
	void (*drop)(struct lp_job *job); /* after run, if it was let go meanwhile; or NULL */
	long result;
	int error;                     /* errno beside it, where run says so */
	int refused;                   /* -errno: no thread could be had; it never ran */
	bool anyway;                   /* let go in the queue: to be run all the same */
	const struct os_self *runs_in; /* the thread; for a child of fork */
	struct lp_job *next, *prev;    /* of the queue, or next of the free ones; under the lock */
	void *room, *more; /* mapped: LP_JOB_ROOM, kept; more_size, for this time alone */
	size_t more_size;
	_Alignas(16) char args[LP_JOB_ARGS];
};

/* 0 or -ENOMEM. Put takes it back (and NULL). */
int lp_job_take(struct lp_job **job);
void lp_job_put(struct lp_job *job);

/* Room for n bytes, page-aligned; what it held before is gone. NULL: none. */
void *lp_job_room(struct lp_job *job, size_t n);

/* Put it into the queue, and see that a thread comes for it unless all are busy. It is done at once, and
 * refused, if there is no thread at all and none can be started. */
void lp_job_start(struct lp_job *job, struct lp_parker *caller);

/* For the caller's look (S3). */
OS_INLINE bool lp_job_is_done(const struct lp_job *job)
{
	return os_load_u32(&job->state, OS_SEQ_CST) == LP_JOB_DONE;
}

/* For the look of who runs it. */
OS_INLINE bool lp_job_is_let_go(const struct lp_job *job)
{
	return os_load_u32(&job->state, OS_SEQ_CST) == LP_JOB_LET_GO;
}

/* Leave it with a verdict. Done: it was, just now, and is the caller's, as one that was withdrawn is.
 * Let go: it is no longer the caller's. anyway: it is not withdrawn but let go, and runs one day. */
enum lp_job_end { LP_JOB_WAS_DONE, LP_JOB_WITHDRAWN, LP_JOB_GONE };
enum lp_job_end lp_job_leave(struct lp_job *job, bool anyway);

/* At most so many threads, >= 1; those that are busy end afterwards. */
void lp_pool_limit(int most);

#endif
