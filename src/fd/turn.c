/* Turns and waiters, the slow half. Owns the list, under its lock. Never sleeps, looks at no cause.
 *
 * LOCK of a direction and OTHERS are one word with the pins, and OTHERS changes only under the
 * list's lock. While it is clear, turns are taken and given by compare-and-swap alone. Once it is
 * set these fail, so that whoever holds the list's lock after setting it may decide about LOCK:
 * nobody gets past the queue, and no turn is given up unseen. */
#include "fd/turn.h"

static void append(struct lp_slot *slot, struct lp_waiter *w)
{
	struct lp_waiter *last = slot->list;

	if (last == NULL) {
		w->next = w->prev = w;
	} else {
		w->prev = last;
		w->next = last->next;
		last->next->prev = w;
		last->next = w;
	}
	slot->list = w;
}

/* Clears OTHERS with the last. */
static void unlink_waiter(struct lp_slot *slot, struct lp_waiter *w)
{
	if (w->next == w) {
		slot->list = NULL;
		(void)os_add_u64(&slot->word, -LP_OTHERS);
		return;
	}
	if (slot->list == w)
		slot->list = w->prev;
	w->next->prev = w->prev;
	w->prev->next = w->next;
}

static struct lp_waiter *first_for_turn(const struct lp_slot *slot, int dir)
{
	struct lp_waiter *w = slot->list;

	if (w == NULL)
		return NULL;
	do {
		w = w->next;
		if (w->for_turn && w->dirs == dir)
			return w;
	} while (w != slot->list);
	return NULL;
}

bool lp_turn_queue(struct lp_slot *slot, struct lp_waiter *w)
{
	bool ours;

	os_lock(&slot->lock);
	ours = (os_or_u64(&slot->word, LP_OTHERS) & LP_LOCK(w->dirs)) == 0 &&
	       first_for_turn(slot, w->dirs) == NULL;
	if (ours) {
		(void)os_or_u64(&slot->word, LP_LOCK(w->dirs));
		if (slot->list == NULL)
			(void)os_add_u64(&slot->word, -LP_OTHERS);
	} else {
		append(slot, w);
	}
	os_unlock(&slot->lock);
	return ours;
}

bool lp_turn_quit(struct lp_slot *slot, struct lp_waiter *w)
{
	bool granted;

	os_lock(&slot->lock);
	granted = os_load_u32(&w->granted, OS_RELAXED) != 0;
	if (!granted)
		unlink_waiter(slot, w);
	os_unlock(&slot->lock);
	return granted;
}

/* The waiter's frame may be gone once it sees `granted`: its parker is fetched before. */
void lp_turn_pass_on(struct lp_slot *slot, int dir)
{
	struct lp_parker *next = NULL;
	struct lp_waiter *w;

	os_lock(&slot->lock);
	w = first_for_turn(slot, dir);
	if (w == NULL) {
		(void)os_add_u64(&slot->word, -LP_LOCK(dir));
	} else {
		unlink_waiter(slot, w);
		next = w->parker;
		os_store_u32(&w->granted, 1, OS_SEQ_CST); /* C1 */
	}
	os_unlock(&slot->lock);
	if (next != NULL)
		lp_nudge(next, LP_NOBODY); /* C3; the place is the waiter itself */
}

void lp_waiter_join(struct lp_slot *slot, struct lp_waiter *w)
{
	w->for_turn = false;
	os_lock(&slot->lock);
	append(slot, w);
	(void)os_or_u64(&slot->word, LP_OTHERS); /* S1 */
	os_unlock(&slot->lock);
}

void lp_waiter_leave(struct lp_slot *slot, struct lp_waiter *w)
{
	os_lock(&slot->lock);
	unlink_waiter(slot, w);
	os_unlock(&slot->lock);
}

void lp_slot_nudge_list(struct lp_slot *slot, int dirs, lapse_time when)
{
	struct lp_waiter *w;

	os_lock(&slot->lock);
	w = slot->list;
	if (w != NULL)
		do {
			w = w->next;
			if ((w->dirs & dirs) != 0)
				lp_nudge(w->parker, when);
		} while (w != slot->list);
	os_unlock(&slot->lock);
}
