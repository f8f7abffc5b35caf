/* What a call that has returned may have said, and what it had to say. Judges by the log; owns
 * nothing. */
#include "oracle/internal.h"

/* ---- May it have failed like this? ---- */

static bool cancels_scope(const struct o_change *c, int scope)
{
	return c->kind == O_CANCEL && c->scope == scope && !c->failed;
}

/* Had a cancel begun when the call returned? */
static bool scope_canceled(int scope, const struct o_span *in)
{
	for (int i = 0; i < o_all.change_count; i++)
		if (cancels_scope(&o_all.changes[i], scope) &&
		    o_surely_met(&o_all.changes[i].span, in))
			return true;
	return false;
}

/* Had one returned when the call began? */
static bool scope_was_canceled(int scope, const struct o_span *by)
{
	for (int i = 0; i < o_all.change_count; i++)
		if (cancels_scope(&o_all.changes[i], scope) &&
		    o_may_precede(&o_all.changes[i].span, by))
			return true;
	return false;
}

static void judge_closed(const struct o_call *c, int handle)
{
	if (handle < 0 || o_all.handles[handle].inherited || o_closing(handle, &c->span))
		return;
	x_broken("close", "%s fails with EBADF on h%d, which nobody closes", c->name, handle);
}

/* -1: all handles. */
static bool may_be_canceled(const struct o_call *c, int side, bool *stale)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *x = &o_all.changes[i];

		if (x->kind != O_CANCEL || x->handle < 0 || !o_surely_met(&x->span, &c->span))
			continue;
		for (int s = 0; s < c->side_count; s++) {
			if ((side >= 0 && s != side) || c->sides[s].handle != x->handle ||
			    (c->sides[s].dirs & x->dirs) == 0)
				continue;
			if (!o_may_precede(&x->span, &c->span))
				return true;
			*stale = true;
		}
	}
	return false;
}

static void judge_canceled(const struct o_call *c, int side, bool scopes)
{
	bool stale = false;

	for (int i = 0; scopes && i < c->scope_count; i++)
		if (scope_canceled(c->scopes[i], &c->span))
			return;
	if (may_be_canceled(c, side, &stale))
		return;
	x_broken(stale ? "3 no stale verdict" : "cancel", "%s fails with ECANCELED, %s", c->name,
	         stale ? "by a cancel that had returned when it began" : "and nobody cancels");
}

struct passed {
	bool may;  /* it may have been in force and passed */
	bool ever; /* or was replaced before */
};

static void add_dial(struct passed *p, const struct o_call *c, struct o_dial d, int64_t until)
{
	p->may = p->may || o_has_passed(&d, &c->span, until);
	p->ever = p->ever || o_ever_passed(&d, &c->span, until);
}

/* Limits count from the last byte, which came not before `from`. */
static bool idle_may_have_passed(const struct o_call *c, struct o_dial d, int64_t from)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *x = &o_all.changes[i];

		if (o_surely_met(&x->span, &c->span) && o_counts(x, &d, &c->span) &&
		    x->value != LAPSE_NEVER && from + x->value <= c->seen_end &&
		    from + x->value <= o_replaced_at(x, &d, &c->span))
			return true;
	}
	return false;
}

static void add_side(struct passed *p, const struct o_call *c, const struct o_side *s)
{
	int64_t from = o_last_byte_after(c);

	for (int dir = LAPSE_READ; dir <= LAPSE_WRITE; dir++) {
		if ((s->dirs & dir) == 0)
			continue;
		add_dial(p, c, (struct o_dial){O_SET, s->handle, -1, dir}, c->seen_end);
		if (idle_may_have_passed(c, (struct o_dial){O_IDLE, s->handle, -1, dir}, from))
			p->may = true;
	}
}

static void judge_expired(const struct o_call *c, int side, bool scopes)
{
	struct passed p = {false, false};

	for (int i = 0; scopes && i < c->scope_count; i++)
		add_dial(&p, c, (struct o_dial){O_SET, -1, c->scopes[i], 0}, c->seen_end);
	for (int i = 0; i < c->side_count; i++)
		if ((side < 0 || side == i) && c->sides[i].handle >= 0)
			add_side(&p, c, &c->sides[i]);
	if (p.may)
		return;
	x_broken(p.ever ? "3 no stale verdict" : "2 never early",
	         "%s fails with ETIME, at a time from %lld on, %s", c->name, (long long)c->seen_end,
	         p.ever ? "by a deadline that was not in force any more"
	                : "and no deadline in force had passed");
}

static void judge_error(const struct o_call *c, int side, int error, bool scopes)
{
	switch (error) {
	case EBADF:
		if (side >= 0) {
			judge_closed(c, c->sides[side].handle);
			break;
		}
		for (int i = 0; i < c->side_count; i++)
			if (c->sides[i].handle < 0 || o_closing(c->sides[i].handle, &c->span))
				return;
		judge_closed(c, c->side_count == 0 ? -1 : c->sides[0].handle);
		break;
	case ECANCELED:
		judge_canceled(c, side, scopes);
		break;
	case ETIME:
		judge_expired(c, side, scopes);
		break;
	case EINTR:
	case EAGAIN:
		x_broken("never EINTR", "%s fails with%s", c->name, o_error_name(error));
	default:
		break;
	}
}

/* ---- Did it have to fail, because a cause held all the while? ---- */

static bool held_passed(const struct o_call *c, struct o_dial d)
{
	return o_untouched(&d, &c->span) && o_passed(&d, &c->span, c->seen_begin);
}

static bool side_held_passed(const struct o_call *c, const struct o_side *s)
{
	for (int dir = LAPSE_READ; dir <= LAPSE_WRITE; dir++)
		if ((s->dirs & dir) != 0 && s->handle >= 0 &&
		    held_passed(c, (struct o_dial){O_SET, s->handle, -1, dir}))
			return true;
	return false;
}

/* Two scopes, one cancelled and one expired: either may be told. A sleep asks its scopes as of its
 * own end, so an expired one need not stop it. */
static int scopes_held(const struct o_call *c)
{
	int error = 0;

	for (int i = 0; i < c->scope_count; i++) {
		if (scope_was_canceled(c->scopes[i], &c->span))
			return ECANCELED;
		if (c->when == LAPSE_NEVER &&
		    held_passed(c, (struct o_dial){O_SET, -1, c->scopes[i], 0}))
			error = ETIME;
	}
	return error;
}

static int rank(int error)
{
	return error == EBADF ? 0 : error == ECANCELED ? 1 : error == ETIME ? 2 : 3;
}

static void untouched(const struct o_call *c, int handle, const char *promise, const char *why)
{
	if (handle >= 0 && !o_all.handles[handle].inherited &&
	    o_tries(c, o_all.handles[handle].description) != 0)
		x_broken(promise, "%s was %s throughout, and touched the descriptor", c->name, why);
}

static void must_fail(const struct o_call *c, int side, int error, const char *promise,
                      const char *why, int got)
{
	if (rank(got) > rank(error))
		x_broken(promise, "%s was %s throughout, and came to%s%s", c->name, why,
		         got == 0 ? " success" : " error", o_error_name(got));
	if (side >= 0)
		untouched(c, c->sides[side].handle, promise, why);
}

/* got: the error that this side, or the whole call, came to. */
static void judge_held(const struct o_call *c, int side, int got)
{
	const struct o_side *s = &c->sides[side];

	bool inherited = s->handle >= 0 && o_all.handles[s->handle].inherited && !c->child_may;

	if (s->handle >= 0 && (o_closed(s->handle, &c->span) || inherited))
		must_fail(c, side, EBADF, "6 order", "closed", got);
	else if (side_held_passed(c, s))
		must_fail(c, side, ETIME, "4 sticky", "expired", got);
}

static bool governed(const struct o_call *c)
{
	return c->when != LAPSE_NEVER || c->many || c->foreign ||
	       (c->side_count > 0 && c->sides[0].handle >= 0 && c->sides[0].dirs != 0);
}

/* The deadline that was in force from beginning to end, alone; LAPSE_NEVER: none, or it is not sure. */
static int64_t lasting_deadline(const struct o_call *c, struct o_dial d)
{
	int64_t value = LAPSE_NEVER;
	int count = 0;

	for (int i = 0; o_untouched(&d, &c->span) && i < o_all.change_count; i++) {
		const struct o_change *x = &o_all.changes[i];

		if (o_may_precede(&x->span, &c->span) && o_counts(x, &d, &c->span)) {
			value = x->value;
			count++;
		}
	}
	return count == 1 ? value : LAPSE_NEVER;
}

/* After each piece it looks: one may move as the deadline passes, the next one does not. Those are
 * counted that no order has before that instant. */
static void judge_pieces(const struct o_call *c)
{
	const struct o_side *s = &c->sides[0];
	const struct k_record *r;
	uint32_t before;
	int late = 0;

	if (!c->stream || s->handle < 0 || !c->span.in_run)
		return;
	before = x_steps_before_instant(
		lasting_deadline(c, (struct o_dial){O_SET, s->handle, -1, s->dirs}),
		c->span.thread);
	(void)k_log(&r);
	for (size_t i = c->log_begin; i < c->log_end; i++)
		if (r[i].thread == c->span.thread && r[i].queue >= 0 && r[i].count > 0 &&
		    r[i].own > before)
			late++;
	if (late > 1)
		x_broken("7 whole operation", "%s moved %d pieces after its deadline", c->name,
		         late);
}

void o_judge(const struct o_call *c)
{
	int error = c->result < 0 ? c->error : 0;
	int held = scopes_held(c);
	/* A transfer that stopped part way says why all the same. */
	bool cut = c->count > 0 && c->count < c->wanted && c->sides[0].dirs == LAPSE_WRITE;

	if (c->side_count > 0 && c->sides[0].handle < 0 && !c->many)
		return; /* the peer's */
	judge_error(c, -1, cut ? c->error : error, true);
	if (cut && c->error == 0)
		x_broken("5 result wins", "%s is short, %llu of %zu, and does not say why", c->name,
		         (unsigned long long)c->count, c->wanted);
	if (c->result >= 0 && c->stream && c->count > c->wanted)
		x_broken("5 result wins", "%s moved more than it was asked for", c->name);
	if (c->when != LAPSE_NEVER && c->result >= 0 && c->when > c->seen_end)
		x_broken("2 never early", "a sleep until %lld ended at a time from %lld on",
		         (long long)c->when, (long long)c->seen_end);
	if (held != 0 && governed(c))
		must_fail(c, c->side_count == 1 ? 0 : -1, held,
		          held == ETIME ? "4 sticky" : "cancel", "in a scope that had ended",
		          error);
	if ((error != 0 || cut) && c->stream &&
	    o_left_untried(c, o_all.handles[c->sides[0].handle].description))
		x_broken("6 order", "%s fails with%s, was told that it is ready and did not try",
		         c->name, o_error_name(c->error));
	judge_pieces(c);
	for (int i = 0; i < c->side_count && !c->many; i++)
		if (c->sides[i].handle >= 0)
			judge_held(c, i, c->count > 0 ? 0 : error);
}

void o_judge_entry(const struct o_call *c, int side, int error, int got)
{
	const struct o_side *s = &c->sides[side];

	if (s->handle < 0) {
		if (error != EBADF)
			x_broken("6 order", "poll of no handle came to%s", o_error_name(error));
		return;
	}
	judge_error(c, side, error, false);
	judge_held(c, side, error);
	if (error != 0 && got != 0)
		x_broken("6 order", "poll tells of an error and of readiness for one handle");
	if ((got & ~s->dirs) != 0)
		x_broken("readiness", "poll tells of a direction that nobody asked for");
}

/* ---- Changes ---- */

static void judge_scope_change(const struct o_change *c)
{
	bool leaving = false;
	bool left = false;

	for (int i = 0; i < o_all.change_count; i++)
		if (o_all.changes[i].kind == O_LEAVE && o_all.changes[i].scope == c->scope) {
			const struct o_span *leave = &o_all.changes[i].span;

			leaving = leaving || o_surely_met(leave, &c->span);
			left = left || o_may_precede(leave, &c->span);
		}
	if (c->failed && (c->error != ESRCH || !leaving))
		x_broken("scopes", "a scope's number is not known, and nobody leaves it");
	if (!c->failed && left)
		x_broken("scopes", "a scope that was left can still be changed");
}

/* What a scope says as it is left is what ended something inside. */
static void judge_leave(const struct o_change *c)
{
	struct o_dial d = {O_SET, -1, c->scope, 0};
	bool ended = false;

	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *in = &o_all.calls[i];

		for (int s = 0; s < in->scope_count; s++)
			ended = ended || (in->scopes[s] == c->scope && in->error == c->error);
	}
	if (!c->failed)
		return;
	if (!ended)
		x_broken("scopes", "leave tells%s, which ended nothing inside",
		         o_error_name(c->error));
	if (c->error == ECANCELED && !scope_canceled(c->scope, &c->span))
		x_broken("scopes", "leave tells ECANCELED, and nobody cancelled it");
	if (c->error == ETIME && !o_ever_passed(&d, &c->span, c->time))
		x_broken("scopes", "leave tells ETIME before its deadline");
}

void o_judge_change(const struct o_change *c, long r)
{
	bool inherited = c->handle >= 0 && o_all.handles[c->handle].inherited;

	if (c->kind == O_LEAVE) {
		judge_leave(c);
		return;
	}
	if (c->scope >= 0) {
		judge_scope_change(c);
		return;
	}
	if (c->kind == O_CLOSE || c->kind == O_RELEASE) {
		o_judge_closed(c, r);
		return;
	}
	if (c->handle < 0 || inherited || o_closed(c->handle, &c->span)) {
		if (!c->failed || c->error != EBADF)
			x_broken("6 order", "a change of a closed handle came to %ld%s", r,
			         o_error_name(c->error));
		return;
	}
	if (c->failed && !o_closing(c->handle, &c->span))
		x_broken("close", "a change of h%d fails with%s, and nobody closes it", c->handle,
		         o_error_name(c->error));
}
