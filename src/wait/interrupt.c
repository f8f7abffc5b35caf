/* Calls under way, and what the signal handler does about them. Owns each thread's chain of them;
 * the thread that alarms is watcher.c's. */
#include "wait/interrupt.h"
#include "park/fork.h"
#include "park/scope.h"
#include "wait/watcher.h"

/* ---- In the handler ---- */

/* No cause holds: sleep on until `earliest`. The state first, so that who moves a deadline after the
 * look below sends anew. 0, or what that look says. */
static int sleep_on(struct lp_open_call *call, lapse_time earliest)
{
	struct lp_parker *p = call->parker;
	uint32_t state = LP_SENT;
	lapse_time armed;
	int r;

	if (!os_cas_u32(&p->state, &state, LP_ASLEEP_CALL))
		return 0; /* somebody is about to send: it will be looked at again */
	do {
		armed = earliest;
		os_store_i64(&p->armed, armed, OS_SEQ_CST); /* S2 */
		r = call->look(call->look_ctx, &earliest);  /* S3 */
	} while (r == 0 && earliest != armed);
	state = LP_ASLEEP_CALL;
	if (r != 0)
		(void)os_cas_u32(&p->state, &state, LP_SENT);
	lp_watch(r != 0 ? LP_NOBODY : armed);
	return r;
}

/* The scopes that count are those that enclosed the call: what fn may have entered since, or is just
 * entering, does not.
 * The sender may not have come to LP_SENT yet. It is not waited for: it may be this very thread, whose
 * fn cancels its own scope, or one that waits in its handler for us. If no cause holds then, the state
 * stays, and the watcher, who finds LP_SENT, sends again. So it does if one holds: fn may be between
 * two system calls, or go on to another. */
static enum os_break look_foreign(struct lp_open_call *call)
{
	struct os_self *self = os_self();
	struct lapse_scope *scope = self->scope;
	struct lapse_scope *blamed = self->blamed;
	int blamed_before = self->blamed_before;
	lapse_time earliest;
	uint32_t state = os_load_u32(&call->parker->state, OS_SEQ_CST);
	int r;

	if (state != LP_SENT && state != LP_NOTIFIED)
		return OS_GO_ON; /* it was for another */
	self->scope = call->scope;
	lp_scope_forget();
	r = call->look(call->look_ctx, &earliest);
	if (r == 0 && state == LP_SENT)
		r = sleep_on(call, earliest);
	self->scope = scope;
	if (r == 0) {
		call->in_vain = true;
	} else {
		call->verdict = r; /* unless fn has a result */
		call->blamed = lp_scope_blamed();
		lp_scope_spare();
	}
	self->blamed = blamed;
	self->blamed_before = blamed_before;
	return r == 0 ? OS_GO_ON : OS_BREAK_WHOLE;
}

/* From the innermost outwards: a signal for one further out breaks the inner ones off too. */
static enum os_break look(void)
{
	enum os_break what = OS_GO_ON;

	for (struct lp_open_call *call = os_self()->call; call != NULL; call = call->outer) {
		enum os_break this = call->look == NULL ? OS_BREAK_OURS : look_foreign(call);

		if (this > what)
			what = this;
	}
	return what;
}

/* Nothing was broken off. If it is for a call of our own another's handler stands on that, or it is at
 * the door. */
static void missed(void)
{
	for (struct lp_open_call *call = os_self()->call; call != NULL; call = call->outer)
		if (call->look == NULL && call->in_gap) {
			os_store_u32(&call->parker->insist, 1, OS_SEQ_CST); /* C1 */
			lp_watch(LP_NOBODY);
		}
}

/* ---- Beginning and ending ---- */

/* Was there a signal that may have met nothing of ours? Afterwards there is none. */
static bool end(struct lp_open_call *call)
{
	bool sent = lp_park_end_call(call->parker);
	bool met_nothing = sent && os_interrupt_drain();

	os_self()->call = call->outer;
	if (os_load_u32(&call->parker->insist, OS_RELAXED) != 0)
		os_store_u32(&call->parker->insist, 0, OS_RELAXED);
	return met_nothing;
}

/* 0, or -errno; > 0: do not begin, look again. */
static int begin(struct lp_open_call *call, struct lp_parker *p, lapse_time until)
{
	struct os_self *self = os_self();
	int r = lp_watch_start(p, look, missed);

	if (r < 0)
		return r;
	call->parker = p;
	call->scope = self->scope;
	call->outer = self->call;
	call->verdict = 0;
	call->in_vain = false;
	self->call = call; /* before the state: who is signalled by then finds it */
	if (call->look != NULL || os_interrupt_may_be_deaf())
		os_store_u32(&p->insist, 1, OS_RELAXED); /* the state publishes it */
	if (!lp_park_begin(p, LP_ASLEEP_CALL)) {
		os_store_u32(&p->insist, 0, OS_RELAXED);
		self->call = call->outer;
		return 1;
	}
	r = lp_watch_begun(until);
	if (r < 0)
		(void)end(call);
	return r;
}

int lp_interrupt_start(void)
{
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	return r < 0 ? r : lp_watch_start(p, look, missed);
}

bool lp_interrupt_holds(const void *on, int dirs)
{
	for (struct lp_open_call *call = os_self()->call; call != NULL; call = call->outer)
		if (call->on == on && (dirs == 0 || (call->dirs & dirs) != 0))
			return true;
	return false;
}

/* ---- Our own ---- */

int lp_interrupt_park(struct lp_parker *p, lapse_time until, void *way)
{
	struct lp_interruptible *w = way;
	struct lp_open_call call = {.on = NULL};
	bool blocked;
	int r = begin(&call, p, until);

	if (r != 0)
		return r < 0 ? r : 0;
	w->begun = true;
	blocked = os_interrupt_admit();
	call.in_gap = true;
	w->result = os_call_while(&p->state, LP_ASLEEP_CALL, &w->call);
	call.in_gap = false;
	(void)end(&call);
	if (blocked)
		os_interrupt_block();
	return w->result == -EINTR ? 0 : 1;
}

/* ---- Foreign ones ---- */

/* Asking whether interrupts are blocked costs a system call, more than all the rest of a call that does
 * not block. So a thread that makes one call after the other asks from time to time: what blocks them
 * in between is seen by the next call that comes so much later. While they are, each call asks. */
static const int64_t ask_ns = 100 * LAPSE_US;

static bool admit_at_times(lapse_time now)
{
	struct os_self *self = os_self();

	if (self->blocks || now - self->asked >= ask_ns) {
		self->asked = now;
		self->blocks = os_interrupt_admit();
	}
	return self->blocks;
}

int lp_foreign_begin(struct lp_foreign *f, struct lp_parker *p, lapse_time until)
{
	lapse_time now = *f->now == LP_UNREAD ? os_now() : *f->now;
	int r;

	f->forks = os_load_u32(&lp_fork_count, OS_RELAXED);
	if (os_load_i64(&p->since, OS_RELAXED) == LAPSE_NEVER) /* not if fn is called once more */
		os_store_i64(&p->since, now, OS_RELAXED);
	r = begin(&f->open, p, until);
	if (r == 0) {
		f->blocks = admit_at_times(now);
		lp_parker_aside();
	}
	return r;
}

static void foreign_end(struct lp_foreign *f)
{
	if (end(&f->open))
		os_self()->asked = 0; /* it may have been blocked meanwhile: ask */
	if (f->blocks)
		os_interrupt_block();
	lp_parker_back(f->open.parker);
}

/* A result of -1 with EINTR is the interruption's doing only if there was one; in a child it is fn's. */
bool lp_foreign_end(struct lp_foreign *f)
{
	lp_fork_check();
	f->child = f->forks != os_load_u32(&lp_fork_count, OS_RELAXED);
	foreign_end(f);
	return !f->child && f->result == -1 && errno == EINTR && f->open.in_vain &&
	       f->open.verdict == 0;
}

void lp_foreign_abandon(void *foreign)
{
	struct lp_foreign *f = foreign;

	foreign_end(f);
	os_store_i64(&f->open.parker->armed, LP_NOBODY, OS_RELAXED);
	f->leave(f->leave_arg);
}
