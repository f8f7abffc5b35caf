/* What may be in force and what certainly is, by the log; what the kernel did for a call. Changes
 * nothing. */
#include "oracle/internal.h"

bool o_turns(const struct o_change *c, const struct o_dial *d)
{
	return c->kind == d->kind && c->handle == d->handle && c->scope == d->scope &&
	       (d->handle < 0 || (c->dirs & d->dir) != 0);
}

/* Did `later` begin when this one had returned? Of two at the same time either may count. */
static bool replaces(const struct o_change *later, const struct o_change *c, const struct o_dial *d)
{
	return o_turns(later, d) && !later->failed && later->end != 0 && c->end != 0 &&
	       later->begin > c->end;
}

bool o_may_count(const struct o_change *c, const struct o_dial *d, o_mark from)
{
	if (!o_turns(c, d))
		return false;
	for (int i = 0; i < o_all.change_count; i++)
		if (replaces(&o_all.changes[i], c, d) && o_all.changes[i].end < from)
			return false;
	return true;
}

/* When it was out of force for certain. */
static int64_t replaced_at(const struct o_change *c, const struct o_dial *d, o_mark before)
{
	int64_t at = LAPSE_NEVER;

	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *l = &o_all.changes[i];

		if (replaces(l, c, d) && l->end < before && l->time < at)
			at = l->time;
	}
	return at;
}

bool o_may_have_passed(const struct o_dial *d, o_mark begin, o_mark end, int64_t until)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (c->begin < end && o_may_count(c, d, begin) && c->value <= until &&
		    c->value <= replaced_at(c, d, end))
			return true;
	}
	return false;
}

bool o_ever_passed(const struct o_dial *d, o_mark end, int64_t until)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (o_turns(c, d) && c->begin < end && c->value <= until)
			return true;
	}
	return false;
}

bool o_passed(const struct o_dial *d, o_mark at, int64_t by)
{
	bool any = false;

	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (c->begin >= at || !o_may_count(c, d, at))
			continue;
		if (c->value > by)
			return false;
		any = true;
	}
	return any;
}

bool o_untouched(const struct o_dial *d, o_mark from, o_mark to)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (o_turns(c, d) && c->begin < to && (c->end == 0 || c->end > from))
			return false;
	}
	return true;
}

/* ---- Closing ---- */

static bool closes(const struct o_change *c, int handle)
{
	return c->handle == handle && (c->kind == O_CLOSE || c->kind == O_RELEASE);
}

bool o_closing(int handle, o_mark before)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (closes(c, handle) && c->begin < before && c->error != EBADF)
			return true;
	}
	return false;
}

bool o_closed(int handle, o_mark by)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (closes(c, handle) && c->end != 0 && c->end < by && c->error != EBADF)
			return true;
	}
	return false;
}

/* ---- What the kernel did for a call: its own thread's records between its two ends ---- */

static size_t records_of(const struct o_call *c, const struct k_record **records)
{
	size_t count = k_log(records);

	return c->end != 0 ? c->log_end : count;
}

uint64_t o_moved(const struct o_call *c)
{
	const struct k_record *r;
	size_t end = records_of(c, &r);
	uint64_t moved = 0;

	for (size_t i = c->log_begin; i < end; i++)
		if (r[i].thread == c->thread && r[i].queue >= 0 &&
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
		if (r[i].thread == c->thread && r[i].description == description)
			ready = r[i].did == K_POLLED;
	return ready;
}

uint64_t o_tries(const struct o_call *c, int description)
{
	const struct k_record *r;
	size_t end = records_of(c, &r);
	uint64_t tries = 0;

	for (size_t i = c->log_begin; i < end; i++)
		if (r[i].thread == c->thread && r[i].description == description)
			tries++;
	return tries;
}
