/* The descriptor that lapse comes from: see origin.h. Follows fd_plan9.go line by line; where the two
 * versions differ, `mended` says which. */
#include "scenarios/origin.h"

#include "engine/memory.h"

#include <stdio.h>

struct origin_fd origin_fd;
struct origin_timer origin_timers[2];
static struct origin_aio aio;

/* ---- The mutex ---- */

/* For people alone: no access that could race, and no step. */
__attribute__((no_sanitize("thread"))) static bool is_locked(const struct os_lock *lock)
{
	return lock->word.v != 0;
}

static void lock_fd(void)
{
	if (is_locked(&origin_fd.lock))
		x_say("blocks on the mutex");
	os_lock(&origin_fd.lock);
	x_say("locks the mutex");
}

static void unlock_fd(void)
{
	os_unlock(&origin_fd.lock);
	x_say("unlocks the mutex");
}

/* ---- Timers: time.AfterFunc and Stop ---- */

/* True: it will not fire. */
static bool stop(struct origin_timer *t, uint32_t state)
{
	if (!os_cas_u32(&t->state, &state, ORIGIN_STOPPED))
		return false;
	os_futex_wake(&t->state);
	return true;
}

static void arm(struct origin_timer *t, lapse_time when)
{
	uint32_t idle = ORIGIN_IDLE;

	t->when = when;
	(void)os_cas_u32(&t->state, &idle, ORIGIN_ARMED);
	os_futex_wake(&t->state);
}

/* True: it has fired; false: it was stopped, or never armed. */
static bool fires(struct origin_timer *t)
{
	uint32_t state = t->is_early ? ORIGIN_ARMED : ORIGIN_IDLE;
	int r;

	while (state == ORIGIN_IDLE) {
		(void)os_futex_wait(&t->state, ORIGIN_IDLE, LAPSE_NEVER);
		state = os_load_u32(&t->state, OS_SEQ_CST);
	}
	while (state == ORIGIN_ARMED) {
		r = os_futex_wait(&t->state, ORIGIN_ARMED, t->when);
		if (r == -ETIMEDOUT)
			return os_cas_u32(&t->state, &state, ORIGIN_FIRED);
		state = os_load_u32(&t->state, OS_SEQ_CST);
	}
	return false;
}

static void cancel_aio(void)
{
	uint32_t pending = ORIGIN_PENDING;

	if (origin_fd.aio == NULL)
		return;
	if (os_cas_u32(&origin_fd.aio->state, &pending, ORIGIN_CANCELED)) {
		os_futex_wake(&origin_fd.aio->state);
		x_say("cancels the pending read");
	}
}

static void callback(struct origin_timer *t)
{
	lock_fd();
	if (origin_fd.mended && origin_fd.timer != t) {
		x_say("the deadline was changed: does nothing");
		unlock_fd();
		return;
	}
	os_store_u32(&origin_fd.timed_out, 1, OS_SEQ_CST);
	x_say("sets the timedout flag to true");
	cancel_aio();
	unlock_fd();
}

static void timer_thread(struct origin_timer *t)
{
	if (!fires(t))
		return;
	x_say("was started by the timer");
	callback(t);
}

void origin_timer(void)
{
	timer_thread(&origin_timers[0]);
}

/* ---- setDeadlineImpl ---- */

static void stop_timer(void)
{
	if (origin_fd.timer == NULL)
		return;
	if (stop(origin_fd.timer, ORIGIN_ARMED))
		x_say("calls Stop on the timer");
	else
		x_say("calls Stop on the timer, and fails: it has fired");
	origin_fd.timer = NULL;
}

static void clear_flag(void)
{
	os_store_u32(&origin_fd.timed_out, 0, OS_SEQ_CST);
	x_say("sets the timedout flag to false");
}

/* Both versions want a timer for a deadline that is still to come; they differ at d == 0. */
static bool wants_timer(lapse_time deadline, int64_t d)
{
	if (deadline == 0)
		return false;
	return origin_fd.mended ? d > 0 : d >= 0;
}

void origin_set_deadline(lapse_time deadline, struct origin_timer *timer)
{
	int64_t d = deadline == 0 ? 0 : deadline - os_now();

	lock_fd();
	if (origin_fd.mended) {
		stop_timer();
		clear_flag();
	} else {
		clear_flag();
		if (deadline == 0 || d < 0)
			stop_timer();
	}
	if (wants_timer(deadline, d)) {
		arm(timer, deadline);
		origin_fd.timer = timer;
		x_say("starts a timer for %lld", (long long)deadline);
	} else if (timer != NULL) {
		(void)stop(timer, ORIGIN_IDLE); /* its thread need not wait */
	}
	if (deadline != 0 && d < 0) {
		os_store_u32(&origin_fd.timed_out, 1, OS_SEQ_CST);
		x_say("sets the timedout flag to true");
		cancel_aio();
	}
	unlock_fd();
}

/* ---- Read ---- */

void origin_arrives(void)
{
	uint32_t pending = ORIGIN_PENDING;

	lock_fd();
	origin_fd.is_there = true;
	if (origin_fd.aio != NULL && os_cas_u32(&aio.state, &pending, ORIGIN_DONE))
		os_futex_wake(&aio.state);
	x_say("a byte arrives");
	unlock_fd();
}

long origin_read(bool is_there)
{
	uint32_t state;

	lock_fd();
	if (os_load_u32(&origin_fd.timed_out, OS_SEQ_CST) != 0) {
		unlock_fd();
		x_say("read -> -1 ETIME: the flag is set");
		return -ETIME;
	}
	is_there = is_there || origin_fd.is_there;
	os_store_u32(&aio.state, is_there ? ORIGIN_DONE : ORIGIN_PENDING, OS_RELAXED);
	origin_fd.aio = &aio;
	unlock_fd();
	while ((state = os_load_u32(&aio.state, OS_SEQ_CST)) == ORIGIN_PENDING)
		(void)os_futex_wait(&aio.state, ORIGIN_PENDING, LAPSE_NEVER);
	/* The original clears it without the lock that the callback takes. */
	if (!origin_fd.clears_outside)
		lock_fd();
	origin_fd.aio = NULL;
	if (!origin_fd.clears_outside)
		unlock_fd();
	x_say(state == ORIGIN_CANCELED ? "read -> -1 ETIME: it was cancelled" : "read -> 1");
	return state == ORIGIN_CANCELED ? -ETIME : 1;
}

/* ---- What both versions are held against ---- */

void origin_clear(void)
{
	origin_set_deadline(0, NULL);
}

void origin_read_cleared(void)
{
	if (origin_read(true) == -ETIME)
		x_broken("3 no stale verdict", "a read that begins long after the deadline was "
		                               "cleared says that time is up");
}

void origin_move(void)
{
	origin_set_deadline(200, &origin_timers[1]);
}

void origin_read_moved(void)
{
	if (origin_read(true) == -ETIME)
		x_broken("2 never early",
		         "a read at 100, under a deadline of 200, says that time is "
		         "up");
}

/* ---- For people ---- */

static void name(const void *address, char *buf, size_t size)
{
	const char *known = "word";

	if (address == &origin_fd.lock.word)
		known = "mutex";
	else if (address == &origin_fd.timed_out)
		known = "timedout";
	else if (address == &origin_timers[0].state)
		known = "timer";
	else if (address == &origin_timers[1].state)
		known = "timer2";
	else if (address == &aio.state)
		known = "aio";
	(void)snprintf(buf, size, "%s", known);
}

void origin_setup(bool mended, lapse_time deadline)
{
	x_name_words(name);
	origin_fd.mended = mended;
	if (deadline == 0)
		return;
	origin_set_deadline(deadline, &origin_timers[0]);
	origin_timers[0].is_early = true;
}
