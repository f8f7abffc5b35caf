/* Scopes. Owns the innermost pointer of each thread, and the half of a scope that others reach by
 * its id, which lies in memory that is never unmapped. Knows no handle. */
#include "park/scope.h"
#include "park/fork.h"
#include "park/parker.h"

/* What others may change. Its slot is used again; both words are owned by the id, so a caller with
 * an old one changes nothing.
 *   deadline, canceled   anyone who has the id, seq_cst (C1); read by the owner at S3
 *   place                the owner's parker: S1, stored once by share before the id is known; read
 *                        by movers and cancellers at C2. A slot used again has another's: a
 *                        spurious look. */
struct shared {
	struct os_owned deadline;
	struct os_owned canceled;
	os_ptr place;
	uint64_t id; /* the current one, or the next; the owner's, or the free list's */
	struct shared *next_free;
};

enum { CHUNK_COUNT = 4096, SLOT_BITS = 24, PER_CHUNK = (1 << SLOT_BITS) / CHUNK_COUNT };

static os_ptr chunks[CHUNK_COUNT]; /* struct shared *, each stored once with release */
os_u32 lp_scope_none = {1};
static struct os_lock lock; /* guards what follows */
static struct shared *free_list;
static uint32_t used; /* slots that were ever given out */

static struct shared *find(lapse_scope_id id)
{
	uint32_t i = (uint32_t)id & ((1 << SLOT_BITS) - 1);
	struct shared *chunk = os_load_ptr(&chunks[i / PER_CHUNK], OS_ACQUIRE);

	lp_fork_check();
	return chunk == NULL || id == 0 ? NULL : chunk + i % PER_CHUNK;
}

/* Ids start at random, so that those of another copy of the library are not ours; the top bit is
 * os_owned's. */
static struct shared *take_new(void)
{
	os_ptr *chunk = &chunks[used / PER_CHUNK];
	struct shared *s;

	if (used == 1 << SLOT_BITS)
		return NULL;
	if (used % PER_CHUNK == 0 && os_load_ptr(chunk, OS_RELAXED) == NULL) {
		s = os_map(PER_CHUNK * sizeof *s);
		if (s == NULL)
			return NULL;
		os_store_ptr(chunk, s, OS_RELEASE);
	}
	s = (struct shared *)os_load_ptr(chunk, OS_RELAXED) + used % PER_CHUNK;
	s->id = (os_random() >> 2 | UINT64_C(1) << SLOT_BITS) >> SLOT_BITS << SLOT_BITS | used;
	used++;
	return s;
}

static struct shared *take(void)
{
	struct shared *s;

	os_lock(&lock);
	s = free_list;
	if (s != NULL)
		free_list = s->next_free;
	else
		s = take_new();
	os_unlock(&lock);
	return s;
}

static void give_back(struct shared *s)
{
	const uint64_t generation = UINT64_C(1) << SLOT_BITS;

	lp_fork_check();
	os_owned_reset(&s->deadline, 0, LAPSE_NEVER);
	os_owned_reset(&s->canceled, 0, 0);
	s->id = (s->id + generation) & (UINT64_MAX >> 1);
	os_lock(&lock);
	s->next_free = free_list;
	free_list = s;
	os_unlock(&lock);
}

/* In a child the other threads' scopes are gone; their slots stay unused. Its own may just have been
 * moved or cancelled by one of them. */
static void forget_parents(void)
{
	os_store_u32(&lock.word, 0, OS_RELAXED);
	free_list = NULL;
	for (lapse_scope *scope = os_self()->scope; scope != NULL; scope = scope->outer_) {
		struct shared *s = scope->shared_;

		if (s != NULL) {
			os_owned_renew(&s->deadline, s->id, os_owned_get(&s->deadline));
			os_owned_renew(&s->canceled, s->id, os_owned_get(&s->canceled));
		}
	}
}

static void enter(lapse_scope *scope, lapse_time deadline, int shield)
{
	struct os_self *self = os_self();

	if (os_load_u32(&lp_scope_none, OS_RELAXED) != 0)
		os_store_u32(&lp_scope_none, 0, OS_RELAXED);
	*scope = (lapse_scope){
		.outer_ = self->scope,
		.deadline_ = deadline,
		.shield_ = shield,
	};
	self->scope = scope;
}

void lapse_scope_enter(lapse_scope *scope, lapse_time deadline)
{
	enter(scope, deadline, 0);
}

void lapse_scope_shield(lapse_scope *scope)
{
	enter(scope, LAPSE_NEVER, 1);
}

int lapse_scope_leave(lapse_scope *scope)
{
	struct os_self *self = os_self();

	if (scope == NULL || self->scope != scope)
		return (int)lp_ret(-EINVAL);
	if (scope->shared_ != NULL)
		give_back(scope->shared_); /* a child still finds it among its own there */
	scope->shared_ = NULL;
	self->scope = scope->outer_;
	return (int)lp_ret(-scope->ended_);
}

lapse_scope_id lapse_scope_share(lapse_scope *scope)
{
	struct lp_parker *p;
	struct shared *s;
	int r;

	if (scope == NULL) {
		errno = EINVAL;
		return 0;
	}
	s = scope->shared_;
	if (s != NULL)
		return s->id;
	if ((r = lp_parker_mine(&p)) < 0 || (r = lp_fork_start(forget_parents)) < 0) {
		errno = -r;
		return 0;
	}
	s = take();
	if (s == NULL) {
		errno = ENOMEM;
		return 0;
	}
	os_store_ptr(&s->place, lp_parker_lasting(p), OS_SEQ_CST); /* S1 */
	os_owned_reset(&s->canceled, s->id, 0);
	os_owned_reset(&s->deadline, s->id, scope->deadline_);
	scope->shared_ = s;
	return s->id;
}

int lapse_scope_move(lapse_scope_id id, lapse_time deadline)
{
	struct shared *s = find(id);

	if (s == NULL || !os_owned_set(&s->deadline, id, deadline)) /* C1 */
		return (int)lp_ret(-ESRCH);
	lp_nudge(os_load_ptr(&s->place, OS_SEQ_CST), deadline); /* C2, C3 */
	return 0;
}

int lapse_scope_cancel(lapse_scope_id id)
{
	struct shared *s = find(id);

	if (s == NULL || !os_owned_set(&s->canceled, id, 1)) /* C1 */
		return (int)lp_ret(-ESRCH);
	lp_nudge(os_load_ptr(&s->place, OS_SEQ_CST), LP_NOBODY); /* C2, C3 */
	return 0;
}

lapse_time lp_scope_guess(void)
{
	lapse_time guess = LAPSE_NEVER;

	for (lapse_scope *scope = os_self()->scope; scope != NULL; scope = scope->outer_) {
		struct shared *s = scope->shared_;
		lapse_time deadline = s != NULL ? os_owned_get(&s->deadline) : scope->deadline_;

		if (deadline < guess)
			guess = deadline;
		if (scope->shield_)
			break;
	}
	return guess;
}

bool lp_scope_in_force(void)
{
	for (lapse_scope *scope = os_self()->scope; scope != NULL; scope = scope->outer_) {
		if (scope->shared_ != NULL || scope->deadline_ != LAPSE_NEVER)
			return true;
		if (scope->shield_)
			break;
	}
	return false;
}

static bool passed(lapse_scope *scope, lapse_time *now, lapse_time *earliest)
{
	struct shared *s = scope->shared_;

	if (s != NULL)
		return lp_passed(&s->deadline, now, earliest);
	if (scope->deadline_ == LAPSE_NEVER)
		return false;
	if (*now == LP_UNREAD)
		*now = os_now();
	if (scope->deadline_ <= *now)
		return true;
	if (scope->deadline_ < *earliest)
		*earliest = scope->deadline_;
	return false;
}

void lp_scope_blame(struct lapse_scope *scope, int error)
{
	struct os_self *self = os_self();

	self->blamed = scope;
	self->blamed_before = scope->ended_;
	scope->ended_ = error;
}

void lp_scope_spare(void)
{
	struct os_self *self = os_self();

	if (self->blamed != NULL)
		self->blamed->ended_ = self->blamed_before;
	self->blamed = NULL;
}

int lp_scope_look(lapse_time *now, lapse_time *earliest)
{
	lapse_scope *expired = NULL;

	for (lapse_scope *scope = os_self()->scope; scope != NULL; scope = scope->outer_) {
		struct shared *s = scope->shared_;

		if (s != NULL && os_owned_get(&s->canceled) != 0) {
			lp_scope_blame(scope, ECANCELED);
			return -ECANCELED;
		}
		if (expired == NULL && passed(scope, now, earliest))
			expired = scope;
		if (scope->shield_)
			break;
	}
	if (expired == NULL)
		return 0;
	lp_scope_blame(expired, LAPSE_EXPIRED);
	return -LAPSE_EXPIRED;
}
