/* The thread that alarms calls: a sleeper whose causes are the callers' state and `armed`. Owns the
 * thread, which ends after some idle time, so that a process whose other threads have all ended ends
 * too; and the list of callers.
 *
 * No call goes unseen. Who begins one is in the list, stores `armed` and state LP_ASLEEP_CALL (C1),
 * then looks for the watcher (C2) and at its own armed (C3); the watcher stores its armed (S2) and
 * then looks at all in the list (S3). As it ends it takes `alive` back and looks once more; who
 * begins looks at `alive` after C1. All seq_cst: one of the two sees the other. */
#include "wait/watcher.h"
#include "park/fork.h"
#include "time/time.h"
#include "wait/interrupt.h"

enum { NONE, STARTING, ALIVE, FAILED };

/* Changed by compare-and-swap: by who starts it, NONE to STARTING; by the thread itself, to ALIVE or
 * FAILED, and from ALIVE to NONE and back. A futex for those who wait for the start. */
static os_u32 alive;

/* struct lp_parker *: all that were ever in a call, the newest first. None is taken out: parkers are
 * for ever. Stored by who enters it, under the lock, and read by the watcher, both seq_cst: a part of
 * S3. */
static os_ptr callers;
static struct os_lock entering;

enum { IDLE_S = 5 };

struct watch {
	lapse_time idle_since; /* LAPSE_NEVER: not idle */
};

/* Sent: if one signal may not do send again after a while. p->again is 0 while none has been sent. */
static void look_at_sent(struct lp_parker *p, lapse_time now, lapse_time *earliest)
{
	if (os_load_u32(&p->insist, OS_SEQ_CST) == 0)
		return;
	if (p->again == 0) {
		p->again_pause = LAPSE_MS;
		p->again = now + p->again_pause;
	} else if (p->again <= now) {
		if (p->again_pause < LP_AGAIN_MAX)
			p->again_pause *= 2;
		p->again = now + p->again_pause;
		lp_unpark(p);
	}
	*earliest = lp_time_min(*earliest, p->again);
}

static void look_at_call(struct lp_parker *p, lapse_time now, lapse_time *earliest)
{
	lapse_time armed = os_load_i64(&p->armed, OS_SEQ_CST);

	p->again = 0;
	if (armed <= now) {
		lp_unpark(p);
		look_at_sent(p, now, earliest);
	} else {
		*earliest = lp_time_min(*earliest, armed);
	}
}

/* Is it in a call? One whose signal is about to be sent is, or was a moment ago. */
static bool look_at_caller(struct lp_parker *p, lapse_time now, lapse_time *earliest)
{
	uint32_t state = os_load_u32(&p->state, OS_SEQ_CST);

	if (state == LP_ASLEEP_CALL) {
		look_at_call(p, now, earliest);
		return true;
	}
	if (state == LP_SENT) {
		look_at_sent(p, now, earliest);
		return true;
	}
	p->again = 0;
	return state == LP_NOTIFIED && os_load_i64(&p->armed, OS_SEQ_CST) != LP_NOBODY;
}

/* Is anybody? */
static bool look_at_all(lapse_time now, lapse_time *earliest)
{
	struct lp_parker *p = os_load_ptr(&callers, OS_SEQ_CST);
	bool any = false;

	for (; p != NULL; p = p->next_caller)
		if (look_at_caller(p, now, earliest))
			any = true;
	return any;
}

/* It is over if nobody began a call since the last look but one. */
static bool may_end(void)
{
	lapse_time unused = LAPSE_NEVER;
	uint32_t seen = NONE;

	(void)os_swap_u32(&alive, NONE);
	if (!look_at_all(os_now(), &unused))
		return true;
	return !os_cas_u32(&alive, &seen, ALIVE); /* another has been started */
}

static int look(void *ctx, lapse_time *earliest)
{
	struct watch *w = ctx;
	lapse_time now = os_now();

	*earliest = LAPSE_NEVER;
	if (look_at_all(now, earliest)) {
		w->idle_since = LAPSE_NEVER;
		return 0;
	}
	if (w->idle_since == LAPSE_NEVER)
		w->idle_since = now;
	*earliest = w->idle_since + IDLE_S * LAPSE_S;
	return now >= *earliest && may_end();
}

static void answer(uint32_t state)
{
	(void)os_swap_u32(&alive, state);
	os_futex_wake(&alive);
}

static void watch(void *unused)
{
	struct watch w = {os_now()};
	struct lp_parker *p;

	(void)unused;
	if (lp_parker_mine(&p) < 0) {
		answer(FAILED);
		return;
	}
	lp_parker_note(p, "watcher of calls", 0);
	os_store_ptr(&lp_watcher, p, OS_SEQ_CST); /* S1 */
	answer(ALIVE);
	(void)lp_sleep(p, w.idle_since + IDLE_S * LAPSE_S, look, &w, lp_park_futex, NULL);
}

/* In a child there is no such thread, and nobody is in the list. */
static void forget_parents(void)
{
	os_store_u32(&entering.word, 0, OS_RELAXED);
	os_store_ptr(&callers, NULL, OS_RELAXED);
	os_store_u32(&alive, NONE, OS_RELAXED);
}

/* 0 or -errno. */
static int revive(void)
{
	uint32_t seen = NONE;
	int r;

	if (!os_cas_u32(&alive, &seen, STARTING) && seen == FAILED)
		(void)os_cas_u32(&alive, &seen, STARTING);
	if (seen == NONE || seen == FAILED) {
		r = os_thread_start(watch, NULL);
		if (r < 0) {
			answer(FAILED);
			return r;
		}
	}
	while ((seen = os_load_u32(&alive, OS_SEQ_CST)) == STARTING)
		(void)os_futex_wait(&alive, STARTING, LAPSE_NEVER);
	os_futex_wake(&alive); /* one wakes one: each wakes the next */
	return seen == FAILED ? -EAGAIN : 0;
}

/* For good, once for each parker. */
static void enter(struct lp_parker *p)
{
	p->is_caller = true;
	os_lock(&entering);
	p->next_caller = os_load_ptr(&callers, OS_RELAXED);
	os_store_ptr(&callers, p, OS_SEQ_CST);
	os_unlock(&entering);
}

int lp_watch_start(struct lp_parker *p, enum os_break (*look_there)(void),
                   void (*missed_there)(void))
{
	bool is_there = os_load_u32(&alive, OS_SEQ_CST) == ALIVE;
	int r;

	if (is_there && p->is_caller)
		return 0;
	r = lp_fork_start(forget_parents);
	if (r == 0)
		r = os_interrupt_start(look_there, missed_there);
	if (r < 0)
		return r;
	if (!p->is_caller)
		enter(p);
	return is_there ? 0 : revive();
}

void lp_watch(lapse_time when)
{
	struct lp_parker *p = os_load_ptr(&lp_watcher, OS_SEQ_CST); /* C2 */

	lp_nudge(p, when); /* C3 */
}

int lp_watch_begun(lapse_time when)
{
	while (os_unlikely(os_load_u32(&alive, OS_SEQ_CST) != ALIVE)) {
		int r = revive();

		if (r < 0)
			return r;
	}
	lp_watch(when);
	return 0;
}
