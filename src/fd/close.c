/* The end of a handle: lapse_close and lapse_release. Owns the CLOSED bit. Obeys no deadline and no
 * scope until the handle is gone: half-way there is none. But close(2) of a file may hang, as any call
 * on it: if something was in force that would have ended such a call, it is let go as they are. And
 * that of a twin, which is the library's own affair, holds up no lapse_release. */
#include "fd/letgo.h"
#include "fd/try.h"
#include "fd/twin.h"
#include "time/time.h"
#include "wait/interrupt.h"

static int look_alone(void *ctx, lapse_time *earliest)
{
	const struct lp_slot *slot = ctx;

	*earliest = LAPSE_NEVER;
	return (os_load_u64(&slot->word, OS_SEQ_CST) & LP_USERS) == 1;
}

/* Is this called by a function that runs in lapse_call_on of the same handle? It would wait for
 * itself. A child that was forked there holds nothing. */
static bool held_here(lapse_fd fd)
{
	const struct lp_slot *slot = lp_slot_find(fd);

	return os_self()->call != NULL && lp_interrupt_holds(slot, 0) &&
	       (os_load_u64(&slot->word, OS_RELAXED) & (LP_GENERATION | LP_INHERITED)) ==
	               lp_slot_generation(fd);
}

/* All but the last step: the handle is gone and nobody is in it. The system's number, or -errno and
 * nothing was done: the parker, the one thing that cannot always be had, comes first. *until: the
 * earliest of the deadlines that were in force as it began. */
static int retire(lapse_fd fd, const char *name, struct lp_slot **out, lapse_time *until)
{
	struct lp_parker *p;
	struct lp_slot *slot;
	int r;

	if (lp_slot_find(fd) == NULL)
		return -EBADF;
	if ((r = lp_parker_mine(&p)) < 0)
		return r;
	if (held_here(fd))
		return -EDEADLK;
	/* What a child inherited may be closed too. */
	if ((r = lp_slot_enter(fd, LP_CLOSED, 0, LP_CLOSED + 1, &slot)) < 0) /* C1 */
		return r;
	*until = lp_time_min(os_owned_get(&slot->deadline[0]), os_owned_get(&slot->deadline[1]));
	if (lp_scope_any())
		*until = lp_time_min(*until, lp_scope_guess());
	os_owned_reset(&slot->deadline[0], 0, LAPSE_NEVER);
	os_owned_reset(&slot->deadline[1], 0, LAPSE_NEVER);
	lp_slot_nudge(slot, LAPSE_READ | LAPSE_WRITE, LP_NOBODY);
	lp_parker_note(p, name, (uint64_t)fd);
	os_store_ptr(&slot->closer, p, OS_SEQ_CST); /* S1 */
	(void)lp_sleep(p, LAPSE_NEVER, look_alone, slot, lp_park_futex, NULL);
	lp_kept_close(slot);
	*out = slot;
	return lp_sysfd(slot);
}

/* ---- close(2) as a job ---- */

struct close_job {
	int sysfd; /* -1: the twin alone */
	struct lp_twin *twin;
};

static void run_close(struct lp_job *job)
{
	const struct close_job *c = (const struct close_job *)job->args;

	job->result = c->sysfd < 0 ? 0 : os_close(c->sysfd);
	lp_twin_leave(c->twin);
}

struct closing {
	const struct lp_job *job;
	lapse_time until;
};

static int look_closed(void *ctx, lapse_time *earliest)
{
	const struct closing *c = ctx;

	*earliest = c->until;
	if (lp_job_is_done(c->job))
		return 1;
	return os_now() >= c->until ? -EINPROGRESS : 0;
}

/* However little time is left, it gets so much: usually it takes no time at all. */
static const int64_t least_ns = 20 * LAPSE_MS;

/* Waits until that instant, at least for a little. One that no thread has begun when time is up is done all
 * the same, later. */
static long close_by_thread(struct lp_job *job, struct close_job close, lapse_time until)
{
	struct closing closing = {job, until};
	struct lp_parker *p;
	lapse_time least = os_now() + least_ns;
	long r;

	if (until < least)
		closing.until = least;
	*(struct close_job *)job->args = close;
	job->run = run_close;
	(void)lp_parker_mine(&p); /* retire saw that there is one */
	lp_job_start(job, p);
	r = lp_sleep(p, closing.until, look_closed, &closing, lp_park_futex, NULL);
	if (r < 0 && lp_job_leave(job, true) == LP_JOB_GONE)
		return r;
	if (job->refused != 0)
		run_close(job);
	r = job->result;
	lp_job_put(job);
	return r;
}

/* Does close(2) of this file need looking after? */
static bool may_hang(const struct lp_slot *slot, lapse_time until)
{
	return slot->kind == LP_FILE && until != LAPSE_NEVER &&
	       !lp_slot_knows(slot, LP_IN_MEMORY) &&
	       (lp_slot_knows(slot, LP_ON_DEVICE) ||
	        os_fcntl(lp_sysfd(slot), F_GET_SEALS, NULL) < 0);
}

int lapse_close(lapse_fd fd)
{
	struct close_job close;
	struct lp_slot *slot;
	struct lp_job *job;
	lapse_time until;
	long r = retire(fd, "close", &slot, &until);

	if (r < 0)
		return (int)lp_ret(r);
	close = (struct close_job){(int)r, lp_twin_take(slot)};
	if (may_hang(slot, until) && lp_job_take(&job) == 0) {
		r = close_by_thread(job, close, until);
	} else {
		r = os_close(close.sysfd);
		lp_twin_leave(close.twin);
	}
	lp_slot_give_back(slot);
	return (int)lp_ret(r == -EINTR ? -EINPROGRESS : r); /* Linux has freed the number by then */
}

/* So long at most for a twin. */
static const int64_t most_ns = LAPSE_S;

/* The twin has to go, and with it, as by any close of the same file, its POSIX locks: before this
 * returns, so that locks which the caller takes from then on stay. Unless the server does not answer. */
int lapse_release(lapse_fd fd)
{
	struct close_job close = {.sysfd = -1};
	struct lp_slot *slot;
	struct lp_job *job;
	lapse_time until;
	int r = retire(fd, "release", &slot, &until);

	if (r < 0)
		return (int)lp_ret(r);
	close.twin = lp_twin_take(slot);
	if (close.twin != NULL && lp_job_take(&job) == 0)
		(void)close_by_thread(job, close, lp_time_min(until, os_now() + most_ns));
	else
		lp_twin_leave(close.twin);
	lp_slot_give_back(slot);
	return r;
}
