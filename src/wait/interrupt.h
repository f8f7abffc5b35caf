/* interrupt: blocking in a system call that a signal breaks off. Two ways to park: in a system call
 * of our own, and in a foreign function that makes some. Owns the calls under way of each thread and
 * the thread that alarms them; gives no verdict.
 *
 * Who alarms. A timer armed for each call and disarmed after it costs two system calls; one left
 * armed would interrupt the caller's own calls. So one thread, the watcher, alarms all: a sleeper as
 * any other, whose causes are the others' `armed`. Who begins a call has stored when it has to end,
 * and wakes the watcher only if that sleeps longer: a call that does not block makes no system call
 * for its deadline.
 *
 * What a signal meets. In os_call_while's gap, or in the system call: it is broken off. Elsewhere,
 * such as under another handler that stands on the gap, or between two system calls of a foreign
 * function: nothing comes of it. So the handler itself tells the watcher, who sends again, after 1 ms
 * and then longer pauses, until the call has ended. */
#ifndef LP_INTERRUPT_H
#define LP_INTERRUPT_H

#include "park/parker.h"
#include "wait/wait.h"

/* The watcher sends again after pauses up to this. */
#define LP_AGAIN_MAX (16 * LAPSE_MS)

/* One call under way in a thread; they nest. All of it is the thread's own, its signal handler
 * included. */
struct lp_open_call {
	struct lp_open_call *outer;
	struct lp_parker *parker;
	const void *on;   /* the slot whose turn or pin it holds, or NULL */
	int dirs;         /* and the turn */
	lp_look_fn *look; /* NULL: a system call of our own, which is broken off for any reason */
	void *look_ctx;
	bool in_gap;                /* if look is NULL: in os_call_while, or at its door */
	struct lapse_scope *scope;  /* the innermost as it began */
	int verdict;                /* -errno of the cause that held, in the handler */
	struct lapse_scope *blamed; /* the scope that the verdict came from, or NULL */
	bool in_vain;               /* no cause held */
};

/* Before: so that what follows is not held up by the first call's preparations. 0 or -errno. */
int lp_interrupt_start(void);

/* In a system call of our own. Parks with a result, or for "look again" if it was interrupted. */
struct lp_interruptible {
	struct os_call call;
	long result;
	bool begun; /* the call has been made, once at least */
};
int lp_interrupt_park(struct lp_parker *p, lapse_time until, void *interruptible);

/* In a foreign function. The caller fills in on, dirs, look and look_ctx of open, and all from fn down
 * to now. */
struct lp_foreign {
	struct lp_open_call open;
	struct os_fn fn;
	void (*leave)(void *arg); /* called with leave_arg if the thread ends in fn */
	void *leave_arg;
	const lapse_time *now; /* the clock as of the last look, or LP_UNREAD */
	long result;
	bool child; /* fn has forked, and this is the child */
	bool blocks;
	uint32_t forks; /* as it began */
};

/* Before fn, and after it. Begin: 0; > 0: do not, look again; or -errno. End: was it interrupted
 * although, as look says, no cause holds? abandon(foreign): the thread ends in fn. */
int lp_foreign_begin(struct lp_foreign *f, struct lp_parker *p, lapse_time until);
bool lp_foreign_end(struct lp_foreign *f);
void lp_foreign_abandon(void *foreign);

/* Parks until fn has returned; again if it was interrupted in vain. */
OS_INLINE int lp_interrupt_park_foreign(struct lp_parker *p, lapse_time until, void *foreign)
{
	struct lp_foreign *f = foreign;
	int r = lp_foreign_begin(f, p, until);

	if (r != 0)
		return r < 0 ? r : 0;
	f->result = os_guarded(&f->fn, lp_foreign_abandon, f);
	return lp_foreign_end(f) ? 0 : 1;
}

/* Is the calling thread in a call that holds this, with one of these directions' turns? */
bool lp_interrupt_holds(const void *on, int dirs);

#endif
