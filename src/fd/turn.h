/* Turns: at most one stream read and one stream write run on a handle at a time, the others queue.
 * Owns the two LOCK bits, the OTHERS bit and the list of waiters. */
#ifndef LP_TURN_H
#define LP_TURN_H

#include "fd/slot.h"

/* Somebody in a slot's list, in its own frame: one who queues for a turn, or one who needs no turn
 * but has to be found by those who change causes. All but `granted` belongs to the list's lock. */
struct lp_waiter {
	struct lp_waiter *next, *prev;
	struct lp_parker *parker;
	int dirs;       /* whose deadlines and cancels concern it */
	bool for_turn;  /* in the queue for the turn of `dirs`, one direction */
	os_u32 granted; /* has the turn and is out of the list: stored by the giver under the lock
	                 * (C1), read by the waiter at S3; seq_cst. The waiter is gone soon after. */
};

/* Pin and turn in one compare-and-swap. 0; -EAGAIN: has to queue, nothing was done; -EBADF; -EUSERS. */
OS_INLINE int lp_turn_try(lapse_fd fd, int dir, struct lp_slot **out)
{
	return lp_slot_enter(fd, LP_CLOSED | LP_INHERITED, LP_LOCK(dir) | LP_OTHERS,
	                     LP_LOCK(dir) + 1, out);
}

/* Queue for the turn of an already pinned slot. True: it is ours at once; w is then not in the
 * list. False: w is, and w->granted will say. */
bool lp_turn_queue(struct lp_slot *slot, struct lp_waiter *w);

/* Leave the queue with a verdict. True: the turn had come meanwhile, and has to be given. */
bool lp_turn_quit(struct lp_slot *slot, struct lp_waiter *w);

void lp_turn_pass_on(struct lp_slot *slot, int dir);

/* Give the turn up, to the next in the queue if there is one, and unpin. */
OS_INLINE void lp_turn_give(struct lp_slot *slot, int dir)
{
	uint64_t word = os_load_u64(&slot->word, OS_RELAXED);

	while (!os_unlikely((word & LP_OTHERS) != 0))
		if (os_cas_u64(&slot->word, &word, word - LP_LOCK(dir) - 1)) { /* C1 */
			if (os_unlikely((word & LP_CLOSED) != 0))
				lp_slot_left(slot, word - LP_LOCK(dir) - 1);
			return;
		}
	lp_turn_pass_on(slot, dir);
	lp_slot_unpin(slot);
}

/* Be found by those who change causes, without a turn. */
void lp_waiter_join(struct lp_slot *slot, struct lp_waiter *w);
void lp_waiter_leave(struct lp_slot *slot, struct lp_waiter *w);

/* Of the next, the half that goes through the list. */
void lp_slot_nudge_list(struct lp_slot *slot, int dirs, lapse_time when);

/* C2 and C3 for all who wait in these directions. `when` as for lp_nudge. Needs no pin: on a slot
 * that is used again it wakes in vain. */
OS_INLINE void lp_slot_nudge(struct lp_slot *slot, int dirs, lapse_time when)
{
	for (int i = 0; i < 2; i++) {
		struct lp_parker *p;

		if ((dirs & (1 << i)) == 0)
			continue;
		p = os_load_ptr(&slot->place[i], OS_SEQ_CST); /* C2 */
		if (p != NULL)
			lp_nudge(p, when); /* C3 */
	}
	if (os_unlikely((os_load_u64(&slot->word, OS_SEQ_CST) & LP_OTHERS) != 0)) /* C2 */
		lp_slot_nudge_list(slot, dirs, when);
}

#endif
