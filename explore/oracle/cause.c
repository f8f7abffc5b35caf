/* What may be in force and what certainly is, by the log; what the kernel did for a call. Changes
 * nothing. */
#include "oracle/internal.h"

bool o_turns(const struct o_change *c, const struct o_dial *d)
{
	return c->kind == d->kind && c->handle == d->handle && c->scope == d->scope &&
	       (d->handle < 0 || (c->dirs & d->dir) != 0);
}

/* Did `later` begin when this one had returned? */
static bool replaces(const struct o_change *later, const struct o_change *c, const struct o_dial *d)
{
	return o_turns(later, d) && !later->failed && later->span.end != 0 &&
	       o_may_precede(&c->span, &later->span);
}

bool o_counts(const struct o_change *c, const struct o_dial *d, const struct o_span *in)
{
	if (!o_turns(c, d))
		return false;
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *later = &o_all.changes[i];

		if (replaces(later, c, d) && o_may_precede(&later->span, in))
			return false;
	}
	return true;
}

int64_t o_replaced_at(const struct o_change *c, const struct o_dial *d, const struct o_span *in)
{
	int64_t at = LAPSE_NEVER;

	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *l = &o_all.changes[i];

		if (replaces(l, c, d) && o_may_end_first(&l->span, in) && l->time < at)
			at = l->time;
	}
	return at;
}

bool o_has_passed(const struct o_dial *d, const struct o_span *in, int64_t until)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (o_surely_met(&c->span, in) && o_counts(c, d, in) && c->value <= until &&
		    c->value <= o_replaced_at(c, d, in))
			return true;
	}
	return false;
}

bool o_ever_passed(const struct o_dial *d, const struct o_span *in, int64_t until)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (o_turns(c, d) && o_surely_met(&c->span, in) && c->value <= until)
			return true;
	}
	return false;
}

bool o_passed(const struct o_dial *d, const struct o_span *at, int64_t by)
{
	bool any = false;

	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if ((at != NULL && !o_may_precede(&c->span, at)) || !o_counts(c, d, at))
			continue;
		if (c->value > by)
			return false;
		any = true;
	}
	return any;
}

bool o_untouched(const struct o_dial *d, const struct o_span *in)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (o_turns(c, d) && !o_may_precede(&c->span, in) && !o_may_precede(in, &c->span))
			return false;
	}
	return true;
}

/* ---- Closing ---- */

static bool closes(const struct o_change *c, int handle)
{
	return c->handle == handle && (c->kind == O_CLOSE || c->kind == O_RELEASE) &&
	       c->error != EBADF;
}

bool o_closing(int handle, const struct o_span *in)
{
	for (int i = 0; i < o_all.change_count; i++)
		if (closes(&o_all.changes[i], handle) && o_surely_met(&o_all.changes[i].span, in))
			return true;
	return false;
}

bool o_closed(int handle, const struct o_span *by)
{
	for (int i = 0; i < o_all.change_count; i++)
		if (closes(&o_all.changes[i], handle) && o_may_precede(&o_all.changes[i].span, by))
			return true;
	return false;
}

/* ---- What the kernel did for a call: its own thread's records between its two ends ---- */

static size_t records_of(const struct o_call *c, const struct k_record **records)
{
	size_t count = k_log(records);

	return c->span.end != 0 ? c->log_end : count;
}

uint64_t o_moved(const struct o_call *c)
{
	const struct k_record *r;
	size_t end = records_of(c, &r);
	uint64_t moved = 0;

	for (size_t i = c->log_begin; i < end; i++)
		if (r[i].thread == c->span.thread && r[i].queue >= 0 &&
		    (r[i].did == K_READ || r[i].did == K_WROTE))
			moved += r[i].count;
	return moved;
}

bool o_left_untried(const struct o_call *c, int description)
{
	const struct k_record *r;
	size_t end = records_of(c, &r);
	bool ready = false;

	for (size_t i = c->log_begin; i < end; i++)
		if (r[i].thread == c->span.thread && r[i].description == description)
			ready = r[i].did == K_POLLED;
	return ready;
}

uint64_t o_tries(const struct o_call *c, int description)
{
	const struct k_record *r;
	size_t end = records_of(c, &r);
	uint64_t tries = 0;

	for (size_t i = c->log_begin; i < end; i++)
		if (r[i].thread == c->span.thread && r[i].description == description)
			tries++;
	return tries;
}
