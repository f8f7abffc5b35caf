/* Bytes: each that a read brings is the one that was sent in its place, none is lost, and those of
 * one call lie together. Judges by the kernel's records; owns nothing. */
#include "oracle/internal.h"

static bool moves(const struct k_record *r, enum k_did did)
{
	return r->did == did && r->queue >= 0 && r->result > 0;
}

static bool is_of(const struct o_call *c, size_t index, const struct k_record *r)
{
	return r->thread == c->span.thread && index >= c->log_begin &&
	       (c->span.end == 0 || index < c->log_end);
}

/* The call that a record belongs to, or NULL. */
static const struct o_call *call_of(size_t index, const struct k_record *r)
{
	for (int i = 0; i < o_all.call_count; i++)
		if (is_of(&o_all.calls[i], index, r))
			return &o_all.calls[i];
	return NULL;
}

/* Calls begin at different places of the same sequence. */
unsigned char o_byte(const struct o_call *c, size_t i)
{
	return k_byte((uint64_t)(c - o_all.calls) * 11 + i);
}

/* Who wrote byte `position` of this queue, before record `before`, and where in his buffer it lay. */
static const struct o_call *writer_of(int queue, uint64_t position, size_t before, uint64_t *at)
{
	const struct k_record *r;
	const struct o_call *writer = NULL;
	uint64_t earlier = 0;
	size_t found = before;

	(void)k_log(&r);
	for (size_t i = 0; i < before && found == before; i++)
		if (moves(&r[i], K_WROTE) && r[i].queue == queue && r[i].first <= position &&
		    position < r[i].first + r[i].count)
			found = i;
	if (found == before)
		return NULL;
	writer = call_of(found, &r[found]);
	if (writer == NULL)
		return NULL;
	for (size_t i = writer->log_begin; i < found; i++)
		if (is_of(writer, i, &r[i]) && moves(&r[i], K_WROTE) && r[i].queue == queue)
			earlier += r[i].count;
	*at = earlier + (position - r[found].first);
	return writer;
}

static void judge_content(const struct o_call *c, const unsigned char *buf)
{
	const struct k_record *r;
	uint64_t done = 0;

	(void)k_log(&r);
	for (size_t i = c->log_begin; i < c->log_end; i++) {
		if (!is_of(c, i, &r[i]) || !moves(&r[i], K_READ))
			continue;
		for (uint64_t j = 0; j < r[i].count && done < c->count; j++, done++) {
			uint64_t at = 0;
			const struct o_call *w = writer_of(r[i].queue, r[i].first + j, i, &at);

			if (w != NULL && buf[done] != o_byte(w, (size_t)at))
				x_broken("4 no byte lost",
				         "byte %llu that %s brought is not the one that was sent",
				         (unsigned long long)done, c->name);
		}
	}
}

/* Of calls on one handle in one direction only one has its turn. */
static void judge_together(const struct o_call *c, enum k_did did)
{
	const struct k_record *r;
	size_t count = k_log(&r);
	bool begun = false;
	int between = -1;

	for (size_t i = c->log_begin; i < count; i++) {
		const struct o_call *other;

		if (is_of(c, i, &r[i]) && moves(&r[i], did)) {
			if (between >= 0)
				x_broken("8 serial and fair",
				         "bytes of another call lie between those of a %s",
				         c->name);
			begun = true;
			continue;
		}
		if (!begun || !moves(&r[i], did))
			continue;
		other = call_of(i, &r[i]);
		if (other != NULL && other != c && other->stream &&
		    other->sides[0].handle == c->sides[0].handle)
			between = (int)i;
	}
}

static bool first_byte(const struct o_call *c, enum k_did did, size_t *at)
{
	const struct k_record *r;
	size_t count = k_log(&r);

	for (size_t i = c->log_begin; i < count; i++)
		if (is_of(c, i, &r[i]) && moves(&r[i], did)) {
			*at = i;
			return true;
		}
	return false;
}

/* Those that stood before it in the queue have moved their bytes before it moved its own, or left. */
static void judge_order(const struct o_call *c, enum k_did did)
{
	const struct k_record *r;
	size_t mine = 0;

	if (!first_byte(c, did, &mine))
		return;
	(void)k_log(&r);
	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *a = &o_all.calls[i];

		if ((c->ahead & UINT64_C(1) << i) == 0)
			continue;
		for (size_t j = mine; j < c->log_end; j++)
			if (is_of(a, j, &r[j]) && moves(&r[j], did))
				x_broken("8 serial and fair",
				         "a %s overtook one before it in the "
				         "queue",
				         c->name);
		if (a->span.end == 0 && (o_stands_in_queue(a) || k_in_poll(a->span.thread)))
			x_broken("8 serial and fair", "a %s overtook one that still waits",
			         c->name);
	}
}

void o_judge_bytes(const struct o_call *c, const void *buf)
{
	enum k_did did = buf != NULL ? K_READ : K_WROTE;
	uint64_t moved = o_moved(c);

	if (moved != c->count)
		x_broken("5 result wins", "%s reports %llu bytes, the kernel moved %llu", c->name,
		         (unsigned long long)c->count, (unsigned long long)moved);
	if (buf != NULL)
		judge_content(c, buf);
	if (!c->stream || c->sides[0].handle < 0)
		return;
	judge_together(c, did);
	judge_order(c, did);
}

int64_t o_last_byte_after(const struct o_call *c)
{
	const struct k_record *r;
	int64_t after = c->seen_begin;

	(void)k_log(&r);
	for (size_t i = c->log_begin; i < c->log_end; i++) {
		uint64_t at;
		const struct o_call *w;

		if (!is_of(c, i, &r[i]) || !moves(&r[i], K_READ))
			continue;
		w = writer_of(r[i].queue, r[i].first, i, &at);
		if (w != NULL && w->seen_begin > after)
			after = w->seen_begin;
	}
	return after;
}
