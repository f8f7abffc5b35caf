/* Calls that are let go: an operation that waits for a job of the pool under its causes; and the one
 * way in which calls on files are made. Owns nothing.
 *
 * A call on a file is made
 *   directly   if nothing that could end it is in force as it begins, or the file lies in memory;
 *   without waiting (RWF_NOWAIT), first, if it reads;
 *   by a thread of the pool otherwise, on a copy of the data and a duplicate of the descriptor.
 * If no thread can be had at all it is made directly: better late than never.
 *
 * Jobs read and write at an offset, also where the caller means the file's own position: that is moved
 * when they are done, by what they moved. So a job that was let go moves nothing, and does not hold
 * the position's lock, on which the next lseek would hang as it does.
 *
 * What a job is given is copied by the kernel, so that a bad address is EFAULT as in the call itself. */
#ifndef LP_LETGO_H
#define LP_LETGO_H

#include "fd/op.h"
#include "wait/pool.h"

/* Could anything end this operation: a deadline, an idle limit, a scope? */
bool lp_op_in_force(const struct lp_op *op);

/* Have the job done, wait as the causes allow. Done, or withdrawn with *verdict: it is the caller's
 * again. Let go with *verdict: it no longer is. */
enum lp_job_end lp_op_await_job(struct lp_op *op, struct lp_job *job, long *verdict);

/* ---- Files ---- */

/* At the file's own position. */
enum { LP_HERE = -1 };

struct lp_file_call {
	/* Makes the system call on one number, or two. In a job *call is a copy, and what else it
	 * needs lies there. */
	long (*make)(struct lp_file_call *call, int sysfd, int other);
	bool changes; /* it may still happen: when it was let go that is EINPROGRESS */
	int mode;
	off_t offset, other_offset, size;
	struct iovec data;
	struct stat st;
};

/* Is a call on this side's file, or on both of a transfer's, to be made directly? */
bool lp_file_is_direct(struct lp_op *op, struct lp_side *side);
/* The part of it that does not depend on what is in force: is it a file that does not lie in memory? */
bool lp_file_may_hang(struct lp_slot *slot);

/* Make it by a thread, other NULL or a second file. call->data and the results in *call are as made.
 * job: NULL, or one whose room call->data is; NULL again if it was let go. */
long lp_file_call(struct lp_op *op, struct lp_side *side, struct lp_side *other,
                  struct lp_file_call *call, struct lp_job **job);

/* The same for who waits for several things, and looks itself whether the job is done: 0 or -errno. Then,
 * or once it was left and is not gone, its result if it was not refused, and lp_file_put. */
int lp_file_start(struct lp_side *side, const struct lp_file_call *call, struct lp_parker *p,
                  struct lp_job **job);
void lp_file_put(struct lp_job *job);

/* read, write and their like at an offset or LP_HERE, of all kinds of files. A read gets as much as the
 * system call would; a write may write less. */
long lp_file_readv(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                   off_t offset);
long lp_file_writev(struct lp_op *op, struct lp_side *side, const struct iovec *iov, int count,
                    off_t offset);
/* The same with one buffer: made directly the call needs no array, which the kernel takes long to
 * copy. */
long lp_file_read(struct lp_op *op, struct lp_side *side, void *buf, size_t n, off_t offset);
long lp_file_write(struct lp_op *op, struct lp_side *side, const void *buf, size_t n, off_t offset);
/* For who has found that it is not to be made directly. */
long lp_file_write_by_job(struct lp_op *op, struct lp_side *side, const struct iovec *iov,
                          int count, off_t offset);

#endif
