/* The loop of every operation: begin, try, wait, try again, end; and the one look at all causes,
 * the only place that says "closed", "canceled" or "expired". Owns struct lp_op. Makes no system
 * call on the descriptor itself. */
#ifndef LP_OP_H
#define LP_OP_H

#include "fd/slot.h"
#include "fd/turn.h"
#include "park/fork.h"
#include "park/scope.h"
#include "time/time.h"
#include "wait/wait.h"

/* One handle of an operation. */
struct lp_side {
	struct lp_slot *slot;    /* pinned */
	int dirs;                /* whose deadlines, idle limits and cancels govern it */
	bool has_turn;           /* of `dirs`, one direction; else it is found through `waiter` */
	bool placed;             /* the place, or the list, holds our parker */
	uint32_t cancel_then[2]; /* the epochs before the first check */
	uint32_t event_then;     /* the epoch before the last try */
	struct lp_waiter waiter; /* in the slot's list while it queues, or sleeps without a turn */
};

struct lp_op {
	const char *name;
	lapse_time now;       /* the clock as of this look, or LP_UNREAD */
	lapse_time earliest;  /* the earliest deadline in force as of the last look */
	lapse_time idle_from; /* since when no byte has moved, or LP_UNREAD: not waiting yet */
	unsigned back_off_us; /* of the last wait for no event */
	short revents;        /* what the last poll said */
	const struct lp_side *ready; /* the last poll said so, and nothing was tried since */
	int side_count;
	struct lp_side *sides;
};

/* Does the caller name one direction, or both? */
OS_INLINE bool lp_directions(int dirs)
{
	return dirs > 0 && dirs <= (LAPSE_READ | LAPSE_WRITE);
}

/* Look at every cause: 0 or -errno. */
int lp_op_look(struct lp_op *op);
/* The same for lp_sleep. */
int lp_op_look_asleep(void *op, lapse_time *earliest);

/* One handle's part of it, scopes left out; lowers op->earliest. */
int lp_side_look(struct lp_op *op, const struct lp_side *side);

/* Pin a handle as the next side. 0 or -errno, and the sides before it are as they were. */
int lp_op_pin(struct lp_op *op, lapse_fd fd, int dirs);

/* Queue for the turn of a pinned side; meanwhile all sides are looked at. Reading sides first, then
 * nobody waits in a circle. 0 or -errno. */
int lp_op_turn(struct lp_op *op, struct lp_side *side);

/* Out of the place, while the turn is still ours, or out of the list. */
OS_INLINE void lp_side_leave_place(struct lp_side *side)
{
	if (!os_unlikely(side->placed))
		return;
	side->placed = false;
	if (side->has_turn)
		os_store_ptr(&side->slot->place[lp_index(side->dirs)], NULL, OS_RELAXED);
	else
		lp_waiter_leave(side->slot, &side->waiter);
}

/* And give the turn up, if it has one, and unpin it. */
OS_INLINE void lp_side_end(struct lp_side *side)
{
	lp_side_leave_place(side);
	if (side->has_turn)
		lp_turn_give(side->slot, side->dirs);
	else
		lp_slot_unpin(side->slot);
}

/* Every side. */
void lp_op_end(struct lp_op *op);

/* The same for what has one handle, in line where that counts. */
OS_INLINE void lp_op_end_fast(struct lp_op *op)
{
	lp_side_end(&op->sides[0]);
}

/* Have the places of all sides hold our parker (S1): before a sleep of one's own. lapse_dump says that
 * it began now, or then. */
void lp_op_take_places_at(struct lp_op *op, struct lp_parker *p, lapse_time since);
OS_INLINE void lp_op_take_places(struct lp_op *op, struct lp_parker *p)
{
	lp_op_take_places_at(op, p, os_now_coarse());
}

/* Wait until the descriptor of a side may be tried again, or a cause holds. 0 or -errno. */
int lp_op_wait(struct lp_op *op, struct lp_side *side, short events);

/* The same where no event tells: wait a little, longer each time. */
int lp_op_back_off(struct lp_op *op);

/* Make a system call that waits, without a turn in vain: until it has a result, or a cause holds. The
 * result or -errno. */
long lp_op_call(struct lp_op *op, struct os_call call);

/* The same for what a poll has just called ready: what came in time is fetched even if the deadline
 * has passed by now, unless another was faster. */
long lp_op_call_ready(struct lp_op *op, struct os_call call);

/* Some bytes moved: idle limits count from here, and it has not waited in vain. Looks. */
int lp_op_progress(struct lp_op *op);

/* True once after each poll that said "ready": for calls that must not be made without it. */
OS_INLINE bool lp_op_take_ready(struct lp_op *op, const struct lp_side *side)
{
	bool was = op->ready == side;

	op->ready = NULL;
	return was;
}

OS_INLINE void lp_op_start(struct lp_op *op, struct lp_side *sides, const char *name)
{
	op->name = name;
	op->now = LP_UNREAD;
	op->earliest = LAPSE_NEVER;
	op->idle_from = LP_UNREAD;
	op->back_off_us = 0;
	op->revents = 0;
	op->ready = NULL;
	op->side_count = 0;
	op->sides = sides;
}

OS_INLINE uint32_t lp_slot_event(const struct lp_slot *slot)
{
	return os_load_u32(&slot->learnt, OS_SEQ_CST) / LP_EVENT;
}

OS_INLINE void lp_side_sample(struct lp_side *side, const struct lp_slot *slot)
{
	side->event_then = lp_slot_event(slot);
	side->cancel_then[0] = os_load_u32(&slot->cancel[0], OS_SEQ_CST);
	side->cancel_then[1] = os_load_u32(&slot->cancel[1], OS_SEQ_CST);
}

/* The earlier of the deadlines of these directions. */
OS_INLINE lapse_time lp_slot_deadline(const struct lp_slot *slot, int dirs)
{
	lapse_time earliest = LAPSE_NEVER;

	for (int d = 0; d < 2; d++)
		if ((dirs & 1 << d) != 0)
			earliest = lp_time_min(earliest, os_owned_get(&slot->deadline[d]));
	return earliest;
}

/* The first look of what has one handle: nothing was closed or canceled since the sample, and idle limits
 * count from here. Of the causes only deadlines and scopes are left to look at. */
OS_INLINE int lp_op_look_first(struct lp_op *op, const struct lp_slot *slot, int dirs)
{
	lapse_time earliest = lp_slot_deadline(slot, dirs);

	op->earliest = earliest;
	if (os_unlikely(lp_scope_any()) ||
	    (earliest != LAPSE_NEVER && os_unlikely(earliest <= os_now())))
		return lp_op_look(op);
	return 0;
}

/* What lp_op_enter leaves to do if somebody has the turn, or waits. Looks. 1, or -errno and it is over. */
int lp_op_enter_queued(struct lp_op *op, lapse_fd fd, int dir);

/* The usual one: one handle, one direction, its turn. 0, without a look; 1: it had to queue, and has
 * looked; or -errno and it is over. *slot: the side's, for a variable that is not read again. */
OS_INLINE int lp_op_enter(struct lp_op *op, struct lp_side *side, lapse_fd fd, int dir,
                          const char *name, struct lp_slot **slot)
{
	int r;

	lp_op_start(op, side, name);
	r = lp_turn_try(fd, dir, slot);
	side->slot = *slot;
	if (os_unlikely(r != 0))
		return r == -EAGAIN ? lp_op_enter_queued(op, fd, dir) : r;
	op->side_count = 1;
	side->dirs = dir;
	side->has_turn = true;
	side->placed = false;
	lp_side_sample(side, *slot);
	return 0;
}

/* The same, and a look. Without a queue, a deadline or a scope it is one compare-and-swap, and
 * lp_op_end one more; no clock. Fast: in line and with a known direction, for what is called most. */
int lp_op_begin(struct lp_op *op, struct lp_side *side, lapse_fd fd, int dir, const char *name);
OS_INLINE int lp_op_begin_fast(struct lp_op *op, struct lp_side *side, lapse_fd fd, int dir,
                               const char *name)
{
	struct lp_slot *slot;
	int r = lp_op_enter(op, side, fd, dir, name, &slot);

	if (os_unlikely(r != 0))
		return r < 0 ? r : 0;
	r = lp_op_look_first(op, slot, dir);
	if (os_unlikely(r < 0))
		lp_op_end(op);
	return r;
}

/* Try once, as the descriptor allows without waiting: a result, or -errno; -EAGAIN: wait. */
typedef long lp_try_fn(struct lp_op *op, struct lp_side *side, void *arg);

/* The first try gave r: wait and try again until it is neither -EAGAIN nor -EINTR. */
long lp_op_wait_and_retry(struct lp_op *op, struct lp_side *side, short events, lp_try_fn *try,
                          void *arg, long r);

OS_INLINE long lp_op_until_done(struct lp_op *op, struct lp_side *side, short events,
                                lp_try_fn *try, void *arg, long r)
{
	if (os_unlikely(r == -EAGAIN || r == -EINTR))
		return lp_op_wait_and_retry(op, side, events, try, arg, r);
	return r;
}

/* A whole operation that is only pinned; sets errno. It waits for no event of the descriptor: -EAGAIN is
 * a result here. */
long lp_op_run(lapse_fd fd, int dirs, const char *name, lp_try_fn *try, void *arg);
OS_INLINE long lp_op_run_fast(lapse_fd fd, int dirs, const char *name, lp_try_fn *try, void *arg)
{
	struct lp_side side;
	struct lp_op op;
	long r;

	lp_op_start(&op, &side, name);
	r = lp_op_pin(&op, fd, dirs);
	if (r < 0)
		return lp_ret(r);
	r = lp_op_look_first(&op, side.slot, dirs);
	while (r == 0) {
		r = try(&op, &side, arg);
		if (r != -EINTR)
			break;
		r = lp_op_look(&op);
	}
	lp_op_end_fast(&op);
	return lp_ret(r);
}

/* What a call that moves bytes returns: a count beats an error, which errno tells all the same. */
OS_INLINE long lp_count_or(long count, long error)
{
	if (count <= 0)
		return lp_ret(error < 0 ? error : count);
	if (error < 0)
		errno = (int)-error;
	return count;
}

/* Does a read probably have to wait? Then polling first saves the try in vain. Only a guess: level-
 * triggered polling makes both ways right. Twice in a row in vain: from then on poll first, but for
 * one in 40, which tries again. */
enum { LP_DRY_SURE = 2, LP_DRY_DOUBT = 40 };

OS_INLINE bool lp_op_guess_dry(struct lp_slot *slot)
{
	if (slot->dry < LP_DRY_SURE || slot->dry == LP_DRY_DOUBT)
		return false;
	slot->dry++;
	return true;
}

OS_INLINE void lp_op_saw_dry(struct lp_slot *slot, bool dry)
{
	if (!dry && slot->dry != 0)
		slot->dry = 0;
	else if (dry)
		slot->dry = slot->dry < LP_DRY_SURE ? slot->dry + 1 : LP_DRY_SURE;
}

#endif
