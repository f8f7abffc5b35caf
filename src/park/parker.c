/* Parkers: their life, and those halves of the protocol of parker.h that wake, and park. Owns their
 * memory: chunks that are linked once and never unmapped. Knows no handle, no deadline, no verdict. */
#include "park/parker.h"
#include "park/fork.h"
#include "time/time.h"

/* A parker is touched by its sleeper and by those who wake it: a cache line of its own. */
struct line {
	_Alignas(64) struct lp_parker parker;
	char unused[128 - sizeof(struct lp_parker)];
};
_Static_assert(sizeof(struct line) == 128, "two lines, no more");

struct chunk {
	struct line lines[63];
	_Alignas(64) struct chunk *next; /* written before the chunk is published */
};
_Static_assert(sizeof(struct chunk) % 64 == 0, "lines stay aligned");

/* Guards both lists and `used`. */
static struct os_lock lock;
static struct lp_parker *free_list;
static os_ptr chunks; /* struct chunk *: the newest; stored with release, read by lp_parker_each */
static size_t used;   /* lines of the newest chunk that were ever given out */

os_ptr lp_watcher;

/* A child has one thread, whose parkers are still its own but for the eventfds, which the parent would
 * get to hear; the others' owners are not here. The numbers are let go, not closed: the child may
 * have closed them itself and have something else there. */
static void forget_parents(void)
{
	struct os_self *self = os_self();
	struct lp_parker *one = self->aside != NULL ? self->aside : self->parker;
	uint32_t before = one == NULL ? 0 : os_load_u32(&one->thread, OS_RELAXED);

	os_store_u32(&lock.word, 0, OS_RELAXED);
	free_list = NULL;
	os_store_ptr(&lp_watcher, NULL, OS_RELAXED);
	for (struct lp_parker *p = lp_parker_each(NULL); p != NULL; p = lp_parker_each(p)) {
		p->event = -1;
		p->is_caller = false;
		os_store_i64(&p->armed, LP_NOBODY, OS_RELAXED);
		os_store_u32(&p->state, LP_AWAKE, OS_RELAXED);
		if (before != 0 && os_load_u32(&p->thread, OS_RELAXED) == before) {
			os_store_u32(&p->thread, (uint32_t)os_thread_id(), OS_RELAXED);
			continue;
		}
		os_store_u32(&p->thread, 0, OS_RELAXED);
		p->next_free = free_list;
		free_list = p;
	}
}

struct lp_parker *lp_parker_each(struct lp_parker *last)
{
	struct chunk *c = os_load_ptr(&chunks, OS_ACQUIRE);
	struct line *line = (struct line *)last;

	if (c == NULL)
		return NULL;
	if (line == NULL)
		return &c->lines[0].parker;
	while (line < c->lines || line >= c->lines + 63)
		c = c->next;
	if (++line < c->lines + 63)
		return &line->parker;
	return c->next == NULL ? NULL : &c->next->lines[0].parker;
}

/* Under the lock. */
static struct lp_parker *take_new(void)
{
	struct chunk *c = os_load_ptr(&chunks, OS_RELAXED);
	struct lp_parker *p;

	if (c == NULL || used == 63) {
		struct chunk *more = os_map(sizeof *more);

		if (more == NULL)
			return NULL;
		for (int i = 0; i < 63; i++) {
			more->lines[i].parker.event = -1;
			more->lines[i].parker.armed.v = LP_NOBODY;
		}
		more->next = c;
		os_store_ptr(&chunks, more, OS_RELEASE);
		c = more;
		used = 0;
	}
	p = &c->lines[used++].parker;
	return p;
}

int lp_sleep(struct lp_parker *p, lapse_time guess, lp_look_fn *look, void *ctx, lp_park_fn *park,
             void *way)
{
	return lp_sleep_fast(p, guess, look, ctx, park, way);
}

/* Twice as much each time, so that who polls one more with each call does not map each time. Nobody
 * finds it while it is taken, such as a signal handler that makes the same call. */
void *lp_parker_take_room(struct lp_parker *p, size_t *size)
{
	void *room = p->room;
	size_t want = 4096;

	p->room = NULL;
	if (room != NULL && p->room_size >= *size) {
		*size = p->room_size;
		return room;
	}
	if (room != NULL)
		os_unmap(room, p->room_size);
	while (want < *size)
		want *= 2;
	*size = want;
	return os_map(want);
}

void lp_parker_leave_room(struct lp_parker *p, void *room, size_t size)
{
	if (p->room != NULL)
		os_unmap(p->room, p->room_size);
	p->room = room;
	p->room_size = size;
}

static void put(struct lp_parker *p)
{
	lp_fork_check();
	lp_parker_leave_room(p, NULL, 0);
	os_store_u32(&p->thread, 0, OS_RELAXED);
	os_lock(&lock);
	p->next_free = free_list;
	free_list = p;
	os_unlock(&lock);
}

/* As the thread ends. A call in a later destructor takes another, and comes back here. */
static void give_back(void *arg)
{
	os_self()->parker = NULL;
	put(arg);
}

void lp_parker_drop(struct lp_parker *other, struct lp_parker *lasting)
{
	(void)os_at_thread_exit(give_back, lasting); /* it has its place there already */
	put(other);
}

int lp_parker_make(struct lp_parker **out)
{
	struct os_self *self = os_self();
	struct lp_parker *p;
	int r;

	if ((r = lp_fork_start(forget_parents)) < 0)
		return r;
	os_lock(&lock);
	p = free_list;
	if (p != NULL)
		free_list = p->next_free;
	else
		p = take_new();
	os_unlock(&lock);
	if (p == NULL)
		return -ENOMEM;
	p->slack_ns = os_timer_slack();
	os_store_u32(&p->thread, (uint32_t)os_thread_id(), OS_RELAXED);
	*out = self->parker = p;
	if (os_at_thread_exit(give_back, p) == 0)
		return 0;
	give_back(p);
	return -ENOMEM; /* also if the process has used up its keys, which EAGAIN would hide */
}

int lp_parker_pollable(struct lp_parker **out)
{
	int r = lp_parker_mine(out);

	if (r < 0 || (*out)->event >= 0)
		return r;
	r = (int)os_eventfd();
	if (r < 0)
		return r;
	(*out)->event = r;
	return 0;
}

/* After SENT the parker may be in its next call: what is read of it then costs a look too many. */
static void interrupt(struct lp_parker *p)
{
	struct lp_parker *watcher;
	uint32_t seen = LP_NOTIFIED;
	bool done;

	if (os_interrupt((int)os_load_u32(&p->thread, OS_RELAXED)) < 0)
		os_store_u32(&p->insist, 1, OS_SEQ_CST);
	done = os_cas_u32(&p->state, &seen, LP_SENT); /* C1 */
	lp_assert(done);
	(void)done;
	os_futex_wake(&p->state);
	if (os_load_u32(&p->insist, OS_SEQ_CST) == 0)
		return;
	watcher = os_load_ptr(&lp_watcher, OS_SEQ_CST); /* C2 */
	if (watcher != NULL && watcher != os_self()->parker)
		lp_nudge(watcher, LP_NOBODY); /* C3 */
}

void lp_unpark(struct lp_parker *p)
{
	const uint64_t one = 1;

	switch (os_swap_u32(&p->state, LP_NOTIFIED)) {
	case LP_ASLEEP_FUTEX:
		os_futex_wake(&p->state);
		break;
	case LP_ASLEEP_POLL:
		(void)os_write(p->event, &one, sizeof one); /* EAGAIN: it is full of them already */
		break;
	case LP_ASLEEP_CALL:
	case LP_SENT:
		interrupt(p);
		break;
	default: /* it will look */
		break;
	}
}

bool lp_park_begin(struct lp_parker *p, enum lp_parker_state way)
{
	uint32_t seen = LP_AWAKE;

	if (os_cas_u32(&p->state, &seen, way))
		return true;
	lp_assert(seen == LP_NOTIFIED);
	(void)os_swap_u32(&p->state, LP_AWAKE);
	return false;
}

void lp_park_end(struct lp_parker *p)
{
	(void)os_swap_u32(&p->state, LP_AWAKE);
}

bool lp_park_end_sent(struct lp_parker *p, uint32_t seen)
{
	do {
		if (seen == LP_NOTIFIED) {
			(void)os_futex_wait(&p->state, LP_NOTIFIED, LAPSE_NEVER);
			seen = LP_SENT;
		}
	} while (!os_cas_u32(&p->state, &seen, LP_AWAKE));
	return seen == LP_SENT;
}

int lp_park_futex(struct lp_parker *p, lapse_time until, void *way)
{
	(void)way;
	if (until != LAPSE_NEVER) {
		lapse_time now = os_now();

		if (until <= now)
			return 0;
		until = lp_time_aim(now, until, p->slack_ns);
	}
	if (!lp_park_begin(p, LP_ASLEEP_FUTEX))
		return 0;
	(void)os_futex_wait(&p->state, LP_ASLEEP_FUTEX, until);
	lp_park_end(p);
	return 0;
}
