/* Descriptors: each of lapse's own is closed once, when the last call has left it, and each call
 * meets the one that its handle was made for. Judges by the kernel's records; owns nothing. */
#include "oracle/internal.h"

static const char close_promise[] = "close";

/* Another that has closed it, or is about to. */
static bool another_closes(const struct o_change *c)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *x = &o_all.changes[i];

		if (x != c && x->handle == c->handle && o_surely_met(&x->span, &c->span) &&
		    (x->kind == O_CLOSE || x->kind == O_RELEASE) && x->error != EBADF)
			return true;
	}
	return false;
}

/* By that thread, -1: by any; or by one of the library's own. */
static int times_closed(int handle, size_t from, int thread)
{
	const struct o_handle *h = &o_all.handles[handle];
	const struct k_record *r;
	size_t count = k_log(&r);
	int times = 0;

	for (size_t i = from; i < count; i++)
		if (r[i].did == K_CLOSED && r[i].number == h->number &&
		    r[i].description == h->description &&
		    (thread < 0 || r[i].thread == thread || r[i].thread >= x_thread_count()))
			times++;
	return times;
}

/* Was it one of the library's threads that closed it, for whichever closer? */
static bool by_library(int handle, size_t from)
{
	return times_closed(handle, from, X_THREADS) != 0;
}

/* Nobody has any business on the number after it was closed or handed back. */
static void judge_left(const struct o_change *c)
{
	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *d = &o_all.calls[i];

		for (int s = 0; s < d->side_count; s++)
			if (d->span.end == 0 && !d->gone && d->sides[s].handle == c->handle &&
			    d->span.thread >= 0 && d->span.thread != c->span.thread &&
			    k_in_poll(d->span.thread))
				x_broken(close_promise,
				         "%s of h%d has returned, and a %s still waits",
				         c->kind == O_CLOSE ? "close" : "release", c->handle,
				         d->name);
	}
}

void o_judge_closed(const struct o_change *c, long r)
{
	int times;

	if (c->handle < 0) {
		if (r >= 0 || c->error != EBADF)
			x_broken(close_promise, "no handle, and it could be closed");
		return;
	}
	times = times_closed(c->handle, c->log_begin, c->span.thread);
	if (c->failed && c->error == EBADF) {
		if (!another_closes(c) || (times != 0 && !by_library(c->handle, c->log_begin)))
			x_broken(close_promise, "closing h%d fails with EBADF%s", c->handle,
			         times != 0 ? ", and closes its number"
			                    : ", nobody else closes it");
		return;
	}
	if (another_closes(c) && o_closed(c->handle, &c->span))
		x_broken(close_promise, "h%d was closed twice", c->handle);
	if (c->kind == O_CLOSE && times != 1 && !(times == 0 && c->error == EINPROGRESS))
		x_broken(close_promise, "close of h%d closed its number %d times", c->handle,
		         times);
	if (c->kind == O_RELEASE && (times != 0 || r != o_all.handles[c->handle].number))
		x_broken(close_promise, "release of h%d gave back %ld", c->handle, r);
	judge_left(c);
}

/* ---- At the end ---- */

static void judge_handle(int handle)
{
	const struct o_handle *h = &o_all.handles[handle];
	int wanted = 0;
	int winners = 0;

	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (c->handle != handle || c->error == EBADF)
			continue;
		if (c->gone) /* its parent was about to */
			return;
		if (c->span.end == 0)
			continue;
		wanted += c->kind == O_CLOSE;
		winners += c->kind == O_CLOSE || c->kind == O_RELEASE;
	}
	if (winners > 1)
		x_broken(close_promise, "h%d was closed by %d", handle, winners);
	if (times_closed(handle, 0, -1) != wanted)
		x_broken(close_promise, "the number of h%d was closed %d times, not %d", handle,
		         times_closed(handle, 0, -1), wanted);
	if (winners == 0 && k_description(h->number) != h->description)
		x_broken(close_promise, "h%d is open, and its number is another's", handle);
	if (winners == 0 && k_flags(h->number) != h->flags)
		x_broken("9 good guest", "the flags of h%d were %x and are %x", handle, h->flags,
		         k_flags(h->number));
}

/* The description that a call was to meet, and no other under that number. */
static void judge_call(const struct o_call *c)
{
	const struct o_handle *h = &o_all.handles[c->sides[0].handle];
	const struct k_record *r;
	size_t count = k_log(&r);
	bool closed = false;

	for (size_t i = c->log_begin; i < (c->span.end != 0 ? c->log_end : count); i++) {
		bool same = r[i].description == h->description;

		if (r[i].did == K_CLOSED && r[i].number == h->number && same)
			closed = true;
		if (r[i].thread != c->span.thread || r[i].did == K_OPENED || r[i].did == K_CLOSED)
			continue;
		if (r[i].number == h->number && !same)
			x_broken(close_promise, "%s of h%d met another descriptor at number %d",
			         c->name, c->sides[0].handle, h->number);
		if (r[i].queue >= 0 && !same)
			x_broken(close_promise, "%s of h%d moved bytes of another descriptor",
			         c->name, c->sides[0].handle);
		if (closed && same)
			x_broken(close_promise, "%s of h%d used its number after it was closed",
			         c->name, c->sides[0].handle);
	}
}

void o_judge_descriptors(void)
{
	for (int i = 0; i < o_all.handle_count; i++)
		judge_handle(i);
	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *c = &o_all.calls[i];

		if (c->side_count == 1 && c->sides[0].handle >= 0)
			judge_call(c);
	}
}
