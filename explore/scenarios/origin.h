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

enum origin_timer_state {
	ORIGIN_IDLE, /* not made yet */
	ORIGIN_ARMED,
	ORIGIN_FIRED,
	ORIGIN_STOPPED,
};

struct origin_timer {
	os_u32 state; /* changed by compare-and-swap: it fires or is stopped, once */
	lapse_time when;
	bool is_early; /* armed in setup: its thread need not wait for that */
};

enum origin_aio_state { ORIGIN_PENDING, ORIGIN_DONE, ORIGIN_CANCELED };

struct origin_aio {
	os_u32 state;
};

struct origin_fd {
	bool mended;         /* a timer that is not the descriptor's any more sets no flag */
	bool clears_outside; /* the pointer to a read that has ended is cleared outside the lock */
	struct os_lock lock; /* for what follows */
	os_u32 timed_out;
	bool is_there;              /* a byte for the next read */
	struct origin_timer *timer; /* of the deadline in force, or NULL */
	struct origin_aio *aio;     /* the pending read, or NULL */
};

extern struct origin_fd origin_fd;
extern struct origin_timer origin_timers[2]; /* for two deadlines one after the other */

/* For setup: names the words, and sets a first deadline, with the first timer; 0: none. */
void origin_setup(bool mended, lapse_time deadline);

/* 0 clears it. With a timer of its own, if it needs one. */
void origin_set_deadline(lapse_time deadline, struct origin_timer *timer);
/* 1 or -ETIME. is_there: a byte is. */
long origin_read(bool is_there);
/* A byte, for a read that has begun. */
void origin_arrives(void);

/* The thread of the first timer: ends when that has fired or will not. */
void origin_timer(void);

/* ---- What both versions are held against ---- */

/* A thread that clears the deadline; and what a read that begins afterwards must not say. */
void origin_clear(void);
void origin_read_cleared(void);
/* The same for one that moves it to 200, while time ends before that: the new timer needs no thread. */
void origin_move(void);
void origin_read_moved(void);

extern const struct x_scenario origin_before, origin_moved;
/* All of them, ended by NULL: for the program. */
extern const struct x_scenario *const origin_scenarios[];

#endif
