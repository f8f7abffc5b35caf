/* The loop of every operation, and the look at all causes. The only place that gives a verdict;
 * owns no memory, makes no system call on a descriptor. */
#include "fd/op.h"
#include "wait/interrupt.h"

static bool closed(const struct lp_side *side)
{
	return (os_load_u64(&side->slot->word, OS_SEQ_CST) & LP_CLOSED) != 0;
}

static bool canceled(const struct lp_side *side)
{
	for (int d = 0; d < 2; d++)
		if ((side->dirs & 1 << d) != 0 &&
		    os_load_u32(&side->slot->cancel[d], OS_SEQ_CST) != side->cancel_then[d])
			return true;
	return false;
}

/* Counts from the first look that finds a limit: a moment when the operation already waited. The
 * limit is read again before the verdict, as a deadline is. */
static bool idled(struct lp_op *op, const os_i64 *limit)
{
	int64_t ns = os_load_i64(limit, OS_SEQ_CST);

	while (ns > 0) {
		lapse_time end;

		if (op->now == LP_UNREAD)
			op->now = os_now();
		if (op->idle_from == LP_UNREAD)
			op->idle_from = op->now;
		end = lp_time_add(op->idle_from, ns);
		if (end > op->now) {
			op->earliest = lp_time_min(op->earliest, end);
			return false;
		}
		if (os_load_i64(limit, OS_SEQ_CST) == ns)
			return true;
		ns = os_load_i64(limit, OS_SEQ_CST);
	}
	return false;
}

static bool expired(struct lp_op *op, const struct lp_side *side)
{
	for (int d = 0; d < 2; d++)
		if ((side->dirs & 1 << d) != 0 &&
		    (lp_passed(&side->slot->deadline[d], &op->now, &op->earliest) ||
		     idled(op, &side->slot->idle[d])))
			return true;
	return false;
}

int lp_side_look(struct lp_op *op, const struct lp_side *side)
{
	if (closed(side))
		return -EBADF;
	if (canceled(side))
		return -ECANCELED;
	return expired(op, side) ? -LAPSE_EXPIRED : 0;
}

/* Closed, canceled, expired, in this order. */
int lp_op_look(struct lp_op *op)
{
	int scope;

	op->now = LP_UNREAD;
	op->earliest = LAPSE_NEVER;
	for (int i = 0; i < op->side_count; i++)
		if (closed(&op->sides[i]))
			return -EBADF;
	for (int i = 0; i < op->side_count; i++)
		if (canceled(&op->sides[i]))
			return -ECANCELED;
	scope = lp_scope_look(&op->now, &op->earliest);
	if (scope == -ECANCELED)
		return scope;
	for (int i = 0; i < op->side_count; i++)
		if (expired(op, &op->sides[i]))
			return -LAPSE_EXPIRED;
	return scope;
}

int lp_op_look_asleep(void *ctx, lapse_time *earliest)
{
	struct lp_op *op = ctx;
	int r = lp_op_look(op);

	*earliest = op->earliest;
	return r;
}

/* ---- Places and turns ---- */

static void note(const struct lp_op *op, struct lp_parker *p, lapse_time since)
{
	const struct lp_slot *slot = op->side_count == 0 ? NULL : op->sides[0].slot;

	lp_parker_note_at(p, op->name, slot == NULL ? 0 : (uint64_t)lp_slot_handle(slot), since);
}

void lp_op_take_places_at(struct lp_op *op, struct lp_parker *p, lapse_time since)
{
	note(op, p, since);
	for (int i = 0; i < op->side_count; i++) {
		struct lp_side *side = &op->sides[i];

		if (side->placed)
			continue;
		side->placed = true;
		if (side->has_turn) {
			os_store_ptr(&side->slot->place[lp_index(side->dirs)], p, OS_SEQ_CST);
		} else {
			side->waiter.parker = p;
			side->waiter.dirs = side->dirs;
			lp_waiter_join(side->slot, &side->waiter);
		}
	}
}

struct queued {
	struct lp_op *op;
	struct lp_waiter *waiter;
};

static int look_queued(void *ctx, lapse_time *earliest)
{
	struct queued *q = ctx;

	if (os_load_u32(&q->waiter->granted, OS_SEQ_CST) != 0)
		return 1;
	return lp_op_look_asleep(q->op, earliest);
}

int lp_op_turn(struct lp_op *op, struct lp_side *side)
{
	struct queued q = {op, &side->waiter};
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	if (lp_interrupt_holds(side->slot, side->dirs))
		return -EDEADLK; /* it would wait for itself */
	/* It was in the list as one who needs no turn; now as one who does. */
	lp_side_leave_place(side);
	side->waiter = (struct lp_waiter){.parker = p, .dirs = side->dirs, .for_turn = true};
	side->has_turn = lp_turn_queue(side->slot, &side->waiter);
	if (side->has_turn)
		return lp_op_look(op);
	side->placed = true;
	lp_op_take_places(op, p);
	r = lp_sleep(p, op->earliest, look_queued, &q, lp_park_futex, NULL);
	side->placed = false;
	side->has_turn = r > 0 || lp_turn_quit(side->slot, &side->waiter);
	return r < 0 ? r : lp_op_look(op);
}

int lp_op_pin(struct lp_op *op, lapse_fd fd, int dirs)
{
	struct lp_side *side = &op->sides[op->side_count];
	int r = lp_slot_pin(fd, &side->slot);

	if (r < 0)
		return r;
	op->side_count++;
	side->dirs = dirs;
	side->has_turn = false;
	side->placed = false;
	lp_side_sample(side, side->slot);
	return 0;
}

int lp_op_enter_queued(struct lp_op *op, lapse_fd fd, int dir)
{
	int r = lp_op_pin(op, fd, dir);

	if (r == 0)
		r = lp_op_turn(op, &op->sides[0]);
	if (r < 0)
		lp_op_end(op);
	return r < 0 ? r : 1;
}

int lp_op_begin(struct lp_op *op, struct lp_side *side, lapse_fd fd, int dir, const char *name)
{
	return lp_op_begin_fast(op, side, fd, dir, name);
}

void lp_op_end(struct lp_op *op)
{
	for (int i = op->side_count - 1; i >= 0; i--)
		lp_side_end(&op->sides[i]);
}

/* ---- Waiting ---- */

struct awaited {
	struct lp_op *op;
	struct lp_side *side;
};

static int look_for_event(void *ctx, lapse_time *earliest)
{
	struct awaited *a = ctx;
	uint32_t event = lp_slot_event(a->side->slot);
	int r = lp_op_look_asleep(a->op, earliest);

	if (r != 0 || event == a->side->event_then)
		return r;
	a->side->event_then = event;
	return 1;
}

int lp_op_wait(struct lp_op *op, struct lp_side *side, short events)
{
	struct pollfd fds[2];
	struct lp_ready ready = {fds, 1};
	struct awaited awaited = {op, side};
	struct lp_parker *p;
	int r;

	/* POLLERR for something that is not ours to fetch, such as the error queue, would have it
	 * spin: ppoll cannot be told to leave it out. */
	if (op->revents == POLLERR) {
		op->revents = 0;
		return lp_op_back_off(op);
	}
	r = lp_parker_pollable(&p);
	if (r < 0)
		return r;
	lp_op_take_places(op, p);
	if ((events & POLLIN) != 0)
		events |= POLLRDHUP;
	fds[0] = (struct pollfd){.fd = lp_sysfd(side->slot), .events = events};
	r = lp_sleep(p, op->earliest, look_for_event, &awaited, lp_ready_park, &ready);
	if (r < 0)
		return r;
	op->revents = fds[0].revents;
	op->ready = op->revents != 0 ? side : NULL;
	return 0;
}

/* Parks until the end of the pause, or of what is in force if that comes first. */
static int park_for(struct lp_parker *p, lapse_time until, void *way)
{
	const lapse_time *end = way;

	(void)lp_park_futex(p, lp_time_min(until, *end), NULL);
	return os_now() >= *end;
}

int lp_op_back_off(struct lp_op *op)
{
	struct lp_parker *p;
	lapse_time end;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	lp_op_take_places(op, p);
	if (op->back_off_us < 16000)
		op->back_off_us = op->back_off_us == 0 ? 500 : op->back_off_us * 2;
	end = os_now() + op->back_off_us * LAPSE_US;
	r = lp_sleep(p, op->earliest, lp_op_look_asleep, op, park_for, &end);
	return r < 0 ? r : 0;
}

static long call_until(struct lp_op *op, struct lp_interruptible *way, lp_look_fn *look, void *ctx)
{
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return r;
	lp_op_take_places(op, p);
	r = lp_sleep(p, op->earliest, look, ctx, lp_interrupt_park, way);
	return r < 0 ? r : way->result;
}

long lp_op_call(struct lp_op *op, struct os_call call)
{
	struct lp_interruptible way = {.call = call};

	return call_until(op, &way, lp_op_look_asleep, op);
}

/* How long what is ready may take to be fetched. */
static const int64_t grace = 5 * LAPSE_MS;

struct ready_call {
	struct lp_op *op;
	struct lp_interruptible way;
	lapse_time end; /* of the grace; LP_UNREAD, which has passed, if none was needed */
};

/* Expired before the call was made once: it is made, however long it takes to come to that, but may
 * not wait for long. */
static int look_for_ready(void *ctx, lapse_time *earliest)
{
	struct ready_call *c = ctx;
	int r;

	lp_scope_forget();
	r = lp_op_look_asleep(c->op, earliest);
	if (r != -LAPSE_EXPIRED)
		return r;
	if (c->op->now >= c->end) {
		if (c->way.begun)
			return r;
		c->end = c->op->now + grace;
	}
	*earliest = c->end;
	lp_scope_spare();
	return 0;
}

long lp_op_call_ready(struct lp_op *op, struct os_call call)
{
	struct ready_call c = {op, {.call = call}, LP_UNREAD};
	int r = lp_interrupt_start(); /* not within the grace */

	return r < 0 ? r : call_until(op, &c.way, look_for_ready, &c);
}

int lp_op_progress(struct lp_op *op)
{
	op->idle_from = LP_UNREAD;
	op->back_off_us = 0;
	op->revents = 0;
	return lp_op_look(op);
}

/* ---- The loop ---- */

/* Has poll called it ready twice at once, without cause? It knows no destination of a datagram, for one.
 * After a longer wait another reader was faster. *vain_at: when it last did. */
static bool spins(struct lp_op *op, const struct lp_side *side, lapse_time *vain_at)
{
	const int64_t at_once = 100 * LAPSE_US;
	lapse_time before = *vain_at;

	if (op->ready != side)
		return false;
	*vain_at = os_now();
	if (before > *vain_at - at_once)
		return true;
	op->back_off_us = 0;
	return false;
}

static int wait_again(struct lp_op *op, struct lp_side *side, short events, lapse_time *vain_at)
{
	if (!spins(op, side, vain_at))
		return lp_op_wait(op, side, events);
	op->ready = NULL;
	return lp_op_back_off(op);
}

long lp_op_wait_and_retry(struct lp_op *op, struct lp_side *side, short events, lp_try_fn *try,
                          void *arg, long r)
{
	lapse_time vain_at = LP_UNREAD;

	while (r == -EAGAIN || r == -EINTR) {
		int look = r == -EAGAIN ? wait_again(op, side, events, &vain_at) : lp_op_look(op);

		if (look < 0)
			return look;
		r = try(op, side, arg);
		/* Of a datagram socket that was shut down: a receive that may wait returns 0. */
		if (r == -EAGAIN && (op->revents & POLLRDHUP) != 0)
			return 0;
	}
	return r;
}

long lp_op_run(lapse_fd fd, int dirs, const char *name, lp_try_fn *try, void *arg)
{
	return lp_op_run_fast(fd, dirs, name, try, arg);
}
