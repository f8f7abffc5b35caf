/* The library's own words, and the kernel's, as they are in memory: read past the doors, so that
 * looking is no step and takes no part in any order. Changes nothing, but for
 * o_hold. */
#include "oracle/internal.h"

#include "fd/slot.h"
#include "fd/turn.h"
#include "kernel/internal.h"
#include "park/parker.h"

static const struct lp_slot *slot_of(lapse_fd fd)
{
	uint64_t i = (uint64_t)fd & ((1 << LP_SLOT_BITS) - 1);
	const struct lp_slot *slab = lp_slots.slabs[i / LP_PER_SLAB].v;

	return slab + i % LP_PER_SLAB;
}

void o_hold(lapse_fd fd, int dir)
{
	o_all.held_dir = dir;
	if (lp_turn_try(fd, dir, &o_all.held) != 0)
		x_unfit("oracle: no turn to be had");
}

void o_let_go(void)
{
	lp_turn_give(o_all.held, o_all.held_dir);
}

x_set o_touched(int handle)
{
	const struct k_file *f = k_named(o_all.handles[handle].number);

	return f == NULL ? 0 : k_on_bytes(f->in) | k_on_bytes(f->out);
}

x_set o_turns_of(int handle)
{
	return x_only(x_object_at(&slot_of(o_all.handles[handle].fd)->word, NULL));
}

bool o_stands_in_queue(const struct o_call *c)
{
	const struct lp_waiter *w;
	const struct lp_waiter *last;

	if (c->side_count != 1 || c->sides[0].handle < 0 || c->span.thread < 0 ||
	    o_all.parkers[c->span.thread] == NULL)
		return false;
	last = slot_of(o_all.handles[c->sides[0].handle].fd)->list;
	if (last == NULL)
		return false;
	w = last;
	do {
		w = w->next;
		if (w->parker == o_all.parkers[c->span.thread])
			return true;
	} while (w != last);
	return false;
}

bool o_under_way(const struct o_call *c)
{
	if (c->span.thread >= 0 && k_in_poll(c->span.thread))
		return true;
	for (int i = 0; i < c->side_count; i++)
		if (c->sides[i].handle >= 0 &&
		    o_tries(c, o_all.handles[c->sides[i].handle].description) != 0)
			return true;
	return o_stands_in_queue(c);
}

static bool sleeps(const struct x_op *op)
{
	const struct lp_parker *p = op->arg;

	return p->state.v == LP_ASLEEP_FUTEX;
}

void o_until_watched(int watcher)
{
	const struct lp_parker *p = o_all.parkers[watcher];
	x_object word = x_object_at(&p->state, NULL);
	struct x_op op = {.name = "until the watcher sleeps",
	                  .object = word,
	                  .reads = x_only(word),
	                  .enabled = sleeps,
	                  .arg = p};

	(void)x_step(&op);
}

void o_unpark(int thread)
{
	lp_unpark(o_all.parkers[thread]);
}

/* ---- At the end, when nobody is in a call any more ---- */

static void judge_open(int i, const struct lp_slot *slot, uint64_t word)
{
	if ((word & LP_GENERATION) != lp_slot_generation(o_all.handles[i].fd) ||
	    (word & LP_CLOSED) != 0)
		x_broken("at the end", "h%d is open, but its word %llx is another's or closed", i,
		         (unsigned long long)word);
	if ((word & LP_USERS) != 0)
		x_broken("at the end", "h%d: %llu users", i, (unsigned long long)(word & LP_USERS));
	if ((word & (LP_LOCK(LAPSE_READ) | LP_LOCK(LAPSE_WRITE))) != 0)
		x_broken("at the end", "h%d: a turn was not given up", i);
	if ((word & LP_OTHERS) != 0 || slot->list != NULL)
		x_broken("at the end", "h%d: waiters in its list", i);
	if (slot->place[0].v != NULL || slot->place[1].v != NULL)
		x_broken("at the end", "h%d: a place is not empty", i);
	if (slot->closer.v != NULL)
		x_broken("at the end", "h%d: a closer, though nobody closed it", i);
	for (int d = 0; d < 2; d++)
		if (slot->deadline[d].owner != (uint64_t)o_all.handles[i].fd)
			x_broken("at the end", "h%d does not own its deadline", i);
}

static bool is_used_again(const struct lp_slot *slot)
{
	for (int i = 0; i < o_all.handle_count; i++)
		if (slot_of(o_all.handles[i].fd) == slot && !o_closed(i, NULL))
			return true;
	return false;
}

static void judge_closed(int i, const struct lp_slot *slot, uint64_t word)
{
	if ((word & LP_GENERATION) == lp_slot_generation(o_all.handles[i].fd))
		x_broken("at the end", "h%d is closed, and its slot not free", i);
	if (is_used_again(slot))
		return;
	if ((word & ~LP_GENERATION) != LP_CLOSED)
		x_broken("at the end", "h%d is closed, and its slot's word is %llx", i,
		         (unsigned long long)word);
	if (slot->list != NULL)
		x_broken("at the end", "h%d is closed, and waiters are in its list", i);
}

static void judge_parker(int thread)
{
	const struct lp_parker *p = o_all.parkers[thread];

	if (p == NULL)
		return;
	if (p->armed.v != LP_NOBODY)
		x_broken("at the end", "thread %d's parker is armed", thread);
	if (p->state.v != LP_AWAKE && p->state.v != LP_NOTIFIED)
		x_broken("at the end", "thread %d's parker is asleep", thread);
}

void o_judge_words(void)
{
	for (int i = 0; i < o_all.handle_count; i++) {
		const struct lp_slot *slot = slot_of(o_all.handles[i].fd);

		if (slot->lock.word.v != 0)
			x_broken("at the end", "h%d: its list is locked", i);
		if (o_closed(i, NULL))
			judge_closed(i, slot, slot->word.v);
		else
			judge_open(i, slot, slot->word.v);
	}
	for (int i = 0; i < x_thread_count(); i++) {
		judge_parker(i);
		if (k_is_interrupt_pending(i))
			x_broken("no stray interrupt", "a signal for thread %d is still to come",
			         i);
	}
}
