/* Where lapse comes from: the read half of a descriptor of Go's internal/poll on Plan 9, in which a
 * timer's callback writes the verdict "timed out" into the descriptor. Kept as a small program over
 * the doors of os.h, to show that the explorer finds what was wrong with it, and what a design whose
 * timers draw verdicts allows even when that is mended. Nothing of lapse but its doors and its lock.
 *
 * A deadline is a timer and its callback, which runs in a thread of its own; that thread is made here
 * before the timer is, and waits to be needed. */
#ifndef X_ORIGIN_H
#define X_ORIGIN_H

#include "engine/engine.h"
#include "os/os.h"
#include "park/lock.h"

enum origin_timer_state {
	ORIGIN_IDLE, /* not made yet */
	ORIGIN_ARMED,
	ORIGIN_FIRED,
	ORIGIN_STOPPED,
};

struct origin_timer {
	os_u32 state; /* changed by compare-and-swap: it fires or is stopped, once */
	lapse_time when;
};

enum origin_aio_state { ORIGIN_PENDING, ORIGIN_DONE, ORIGIN_CANCELED };

struct origin_aio {
	os_u32 state;
};

struct origin_fd {
	bool mended;         /* a timer that is not the descriptor's any more sets no flag */
	bool clears_outside; /* the pointer to a read that has ended is cleared outside the lock */
	struct lp_lock lock; /* for what follows */
	os_u32 timed_out;
	struct origin_timer *timer; /* of the deadline in force, or NULL */
	struct origin_aio *aio;     /* the pending read, or NULL */
};

extern struct origin_fd origin_fd;
extern struct origin_timer origin_timers[2]; /* for two deadlines one after the other */

/* For setup: names the words, and sets a first deadline, with the first timer; 0: none. */
void origin_setup(bool mended, lapse_time deadline);

/* 0 clears it. With a timer of its own, if it needs one. */
void origin_set_deadline(lapse_time deadline, struct origin_timer *timer);
/* 1 or -ETIME. is_there: a byte is; otherwise none ever comes. */
long origin_read(bool is_there);

/* The threads of the timers: end when these have fired or will not. */
void origin_timer_0(void);
void origin_timer_1(void);

extern const struct x_scenario origin_before, origin_after, origin_moved, origin_moved_after,
	origin_now, origin_race, origin_extended;

#endif
