/* Parkers: what one thread sleeps on, and the protocol by which whoever changes a cause finds it.
 * Owns them and their memory, which is never unmapped. Knows no handle, no deadline, no verdict.
 *
 *   sleeper                                      whoever changes a cause
 *   S1 place := me              (once)           C1 change the cause
 *   S2 armed := earliest deadline in force       C2 p := place
 *   S3 look at every cause; one holds? -> S5     C3 p.armed == NOBODY? nothing: it will look.
 *   S4 park until exactly armed, or notified        Not a deadline, or < p.armed? unpark p
 *      -> S2
 *   S5 armed := NOBODY
 *
 * S1, S2, the loads of S3, C1, C2 and C3 are seq_cst accesses or read-modify-writes, so they stand
 * in one order S that all threads agree on.
 *
 * No change is missed. If C1 comes before S3's load of that cause in S, S3 sees it. Otherwise
 * S1 < S2 < S3 < C1 < C2 < C3 in S: C2 finds this parker, or one that came to the place later and
 * whose own S3 then follows C1; and C3 finds this armed, or a later one of the same thread, whose
 * S3 then follows C1 too. A new deadline that is not below armed needs no wake-up: armed was the
 * earliest, so the sleeper wakes and looks before it. A deadline that S3 finds below armed is a
 * cause to go back to S2: the changer may have compared with the armed of S2.
 * This holds for every cause, provided that C1 changes a word that S3 loads.
 *
 * No wake-up is lost. `unpark` swaps state to NOTIFIED; the swap either finds the parker asleep and
 * wakes it, or makes its next attempt to fall asleep fail. The sleeper takes NOTIFIED back to AWAKE
 * by a swap that reads what unpark wrote, so its next look sees all that came before the unpark.
 *
 * Nothing dangles. A place may be left holding a parker whose thread has gone on to other things,
 * or ended: it is still a parker, and a wake-up says only: look again. So nobody has to be the one
 * who wakes, nothing is taken out, and no wake-up has an owner.
 */
#ifndef LP_PARKER_H
#define LP_PARKER_H

#include "os/os.h"
#include "park/fork.h"

/* armed while awake. Below every deadline, so that one comparison does for both tests of C3. */
#define LP_NOBODY INT64_MIN

enum lp_parker_state {
	LP_AWAKE,
	LP_NOTIFIED,
	LP_ASLEEP_FUTEX, /* in a futex on `state` */
	LP_ASLEEP_POLL,  /* in ppoll, with `event` among what it watches */
	LP_ASLEEP_CALL,  /* in a system call of another kind, which a signal breaks off */
	LP_SENT,         /* the same, and the signal has been sent */
};

/* Whose swap finds LP_ASLEEP_CALL or LP_SENT is the only one to send: until it has stored LP_SENT in
 * place of its own LP_NOTIFIED the sleeper does not get up, so the signal is for that very call and
 * none comes after it. This is the one place where a sleeper waits for its waker. */

struct lp_parker {
	/* Written by the owner alone, seq_cst at S2, relaxed at S5; read by anyone at C3, seq_cst. */
	os_i64 armed;
	/* Changed by swaps and compare-and-swaps only: the owner's to fall asleep and wake up, anyone's
	 * to NOTIFIED, a sender's from there to SENT. */
	os_u32 state;
	/* An eventfd, or -1. Written by the owner while awake; read by those whose swap found
	 * LP_ASLEEP_POLL, which the owner's compare-and-swap published after it. */
	int event;
	int64_t slack_ns; /* by how much the kernel may delay the owner's sleep; the owner's */

	/* For lapse_dump alone: written by the owner before it sleeps, read by anyone; all relaxed,
	 * since people can bear a line that mixes two moments. */
	os_ptr what; /* const char *: the operation */
	os_u64 on;   /* handle, or 0 */
	os_i64 since;
	os_u32 thread; /* 0: free */

	/* One signal may not do for this call: it is sent again and again. Set by the owner before a call
	 * of which that is so, and in its signal handler if that met nothing; by the sender, if the
	 * kernel refused; cleared by the owner after the call. Read by the sender after SENT and by the
	 * watcher, to whom it is a cause: seq_cst but for the clearing. */
	os_u32 insist;
	/* When the watcher of calls (wait/watcher.c) sends again, and the pause after that; its own. */
	int64_t again;
	int64_t again_pause;
	/* In the watcher's list, for good, and who follows there. Written by the owner as it enters. */
	struct lp_parker *next_caller;
	bool is_caller;

	/* Memory that a call has left for the next one, or NULL; the owner's. */
	void *room;
	size_t room_size;

	struct lp_parker *next_free; /* under the free list's lock */
};

/* Who alarms those that are LP_ASLEEP_CALL: the parker of that thread, or NULL. A place: stored by it
 * at S1, seq_cst; read at C2. */
extern os_ptr lp_watcher;

/* One for the calling thread, which has none yet. 0 or -errno (ENOMEM, EAGAIN). */
int lp_parker_make(struct lp_parker **p);

/* The calling thread's, made at first need. */
OS_INLINE int lp_parker_mine(struct lp_parker **p)
{
	lp_fork_check();
	*p = os_self()->parker;
	return *p != NULL ? 0 : lp_parker_make(p);
}

/* The same, able to sleep in ppoll. 0 or -errno (also EMFILE, ENFILE). */
int lp_parker_pollable(struct lp_parker **p);

/* A thread has two: the other goes, the lasting one stays. */
void lp_parker_drop(struct lp_parker *other, struct lp_parker *lasting);

/* While a thread runs foreign code in a call its parker is taken: put it aside, so that what is
 * called there finds another, and take it back. */
OS_INLINE void lp_parker_aside(void)
{
	struct os_self *self = os_self();

	if (self->aside == NULL)
		self->aside = self->parker;
	self->parker = NULL;
}
OS_INLINE void lp_parker_back(struct lp_parker *p)
{
	struct os_self *self = os_self();
	struct lp_parker *other = self->parker;

	self->parker = p;
	if (self->aside == p)
		self->aside = NULL;
	if (os_unlikely(other != NULL))
		lp_parker_drop(other, p);
}

/* The one that is the thread's for life, of those it has: for places that outlast a call. */
OS_INLINE struct lp_parker *lp_parker_lasting(struct lp_parker *mine)
{
	struct lp_parker *aside = os_self()->aside;

	return aside != NULL ? aside : mine;
}

/* Memory for a call of the owner's that needs more than a frame should have, *size bytes at least: what
 * the last such call left, or new, and *size is then what there is. NULL: none. It is left for the next
 * until the thread ends: to map and fault it in each time costs more than most calls. */
void *lp_parker_take_room(struct lp_parker *p, size_t *size);
void lp_parker_leave_room(struct lp_parker *p, void *room, size_t size);

/* For lapse_dump: what the caller is about to sleep for, on which handle, and since when, or now. */
OS_INLINE void lp_parker_note_at(struct lp_parker *p, const char *what, uint64_t on,
                                 lapse_time since)
{
	os_store_ptr(&p->what, (void *)(uintptr_t)what, OS_RELAXED);
	os_store_u64(&p->on, on, OS_RELAXED);
	os_store_i64(&p->since, since, OS_RELAXED);
}
OS_INLINE void lp_parker_note(struct lp_parker *p, const char *what, uint64_t on)
{
	lp_parker_note_at(p, what, on, os_now_coarse());
}

/* C3: the cause that was changed is a deadline, now `when`; or, with LP_NOBODY, any other. */
void lp_unpark(struct lp_parker *p);

OS_INLINE void lp_nudge(struct lp_parker *p, lapse_time when)
{
	if (os_load_i64(&p->armed, OS_SEQ_CST) > when)
		lp_unpark(p);
}

/* Every cause, looked at. 0: none holds, and *earliest is the earliest deadline in force; > 0: what
 * was waited for is there; -errno: a verdict. */
typedef int lp_look_fn(void *ctx, lapse_time *earliest);

/* S4, in one of its ways. Returns > 0 if it knows that what was waited for is there, 0 for "look
 * again", -errno if it cannot be waited for. */
typedef int lp_park_fn(struct lp_parker *p, lapse_time until, void *way);

/* S2 to S5: looks, and parks as often as it takes; returns the first result that is not 0. guess: the
 * earliest deadline as last known, or LAPSE_NEVER; a wrong one costs another look.
 * Fast: in line, as is what else keeps its frame around a system call that may not wait: after one a
 * processor mispredicts the return from each. */
int lp_sleep(struct lp_parker *p, lapse_time guess, lp_look_fn *look, void *ctx, lp_park_fn *park,
             void *way);
OS_INLINE int lp_sleep_fast(struct lp_parker *p, lapse_time guess, lp_look_fn *look, void *ctx,
                            lp_park_fn *park, void *way)
{
	lapse_time armed = guess;
	int r;

	for (;;) {
		lapse_time earliest;

		os_store_i64(&p->armed, armed, OS_SEQ_CST); /* S2 */
		r = look(ctx, &earliest);                   /* S3 */
		if (r != 0)
			break;
		if (earliest != armed) { /* below: a cause; above: it would wake for nothing */
			armed = earliest;
			continue;
		}
		r = park(p, armed, way); /* S4 */
		if (r != 0)
			break;
	}
	os_store_i64(&p->armed, LP_NOBODY, OS_RELAXED); /* S5 */
	return r;
}

/* The way for those who wait for nothing that the kernel knows of. `way` is not used. */
int lp_park_futex(struct lp_parker *p, lapse_time until, void *way);

/* For other ways: begin is false if there was a notification; end takes one that came meanwhile. */
bool lp_park_begin(struct lp_parker *p, enum lp_parker_state way);
void lp_park_end(struct lp_parker *p);
/* After LP_ASLEEP_CALL: was a signal sent, this time? Who is still about to send is waited for. */
bool lp_park_end_sent(struct lp_parker *p, uint32_t seen); /* another state was seen */
OS_INLINE bool lp_park_end_call(struct lp_parker *p)
{
	uint32_t seen = LP_ASLEEP_CALL;

	if (os_cas_u32(&p->state, &seen, LP_AWAKE))
		return false;
	return lp_park_end_sent(p, seen);
}

/* For lapse_dump: every parker that was ever made, in no order; NULL after the last. */
struct lp_parker *lp_parker_each(struct lp_parker *last);

#endif
