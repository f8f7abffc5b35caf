/* When nobody but the clock can go on, and at the end: does anybody wait who should not? This is
 * where a wake-up that was missed shows, even if another would come later. */
#include "oracle/internal.h"

static bool in_force_has_passed(struct o_dial d)
{
	return o_passed(&d, NULL, x_time() - o_all.grace);
}

static const char *promise_of(const struct o_call *c)
{
	return o_moved(c) > 0 ? "7 whole operation" : "1 any time";
}

__attribute__((noreturn)) static void waits_on(const char *promise, const struct o_call *c,
                                               const char *cause)
{
	x_broken(promise, "at %lld %s of thread %d waits on, though %s", (long long)x_time(),
	         c->name, c->span.thread, cause);
}

/* Since when it has certainly waited without a byte and under the same limits. */
static int64_t idle_since(struct o_call *c)
{
	uint32_t now = (uint32_t)o_moved(c) + 1;

	for (int i = 0; i < o_all.change_count; i++)
		if (o_all.changes[i].kind == O_IDLE)
			now += 4096;
	if (c->rest_of != now) {
		c->rest_of = now;
		c->rest_since = x_time();
	}
	return c->rest_since;
}

static bool has_idled(struct o_call *c, struct o_dial d)
{
	return o_passed(&d, NULL, x_time() - idle_since(c));
}

static bool was_canceled(const struct o_call *c, const struct o_change *x)
{
	if (x->kind != O_CANCEL || x->span.end == 0 || x->failed ||
	    x_time() < x->time + o_all.grace)
		return false;
	for (int i = 0; x->scope >= 0 && i < c->scope_count; i++)
		if (c->scopes[i] == x->scope)
			return true;
	return x->scope < 0 && (x->met & UINT64_C(1) << (c - o_all.calls)) != 0;
}

static bool is_closed(int handle)
{
	return handle >= 0 && o_closing(handle, NULL);
}

static void judge_side(struct o_call *c, const struct o_side *s)
{
	if (is_closed(s->handle))
		waits_on("close", c, "its handle is closed");
	for (int dir = LAPSE_READ; dir <= LAPSE_WRITE; dir++) {
		if ((s->dirs & dir) == 0 || s->handle < 0)
			continue;
		if (in_force_has_passed((struct o_dial){O_SET, s->handle, -1, dir}))
			waits_on(promise_of(c), c, "its deadline has passed");
		if (has_idled(c, (struct o_dial){O_IDLE, s->handle, -1, dir}))
			waits_on("1 any time", c, "its idle limit has passed");
	}
}

static void judge_waiting(struct o_call *c)
{
	if (c->when != LAPSE_NEVER && c->when <= x_time())
		waits_on("1 any time", c, "its instant has come");
	for (int i = 0; i < o_all.change_count; i++)
		if (was_canceled(c, &o_all.changes[i]))
			waits_on("cancel", c, "it was cancelled");
	for (int i = 0; i < c->scope_count; i++)
		if (in_force_has_passed((struct o_dial){O_SET, -1, c->scopes[i], 0}))
			waits_on(promise_of(c), c, "a scope's deadline has passed");
	for (int i = 0; i < c->side_count; i++)
		judge_side(c, &c->sides[i]);
}

/* Nothing that makes a change waits for more than a few steps of others; closing waits for those
 * inside, who have all been told to leave. */
static void judge_changes(void)
{
	for (int i = 0; i < o_all.change_count; i++) {
		const struct o_change *c = &o_all.changes[i];

		if (c->gone)
			continue;
		if (c->span.end == 0 && (c->kind == O_CLOSE || c->kind == O_RELEASE))
			x_broken("close",
			         "at %lld the closing of h%d waits on, and nobody is inside",
			         (long long)x_time(), c->handle);
		if (c->span.end == 0)
			x_broken("sleeper", "at %lld a change by thread %d waits",
			         (long long)x_time(), c->span.thread);
	}
}

static bool anybody_waits(void)
{
	const struct x_op *op;
	bool any = false;

	for (int i = 0; i < x_thread_count(); i++) {
		if (!x_waits(i, &op))
			continue;
		any = true;
		if ((o_all.may_wait & 1u << i) == 0)
			x_broken("at the end", "thread %d waits for ever, in %s", i, op->name);
	}
	return any;
}

void o_rest(bool ended)
{
	for (int i = 0; i < o_all.call_count; i++)
		if (o_all.calls[i].span.end == 0 && !o_all.calls[i].gone)
			judge_waiting(&o_all.calls[i]);
	judge_changes();
	if (!ended)
		return;
	for (int i = 0; i < x_thread_count(); i++)
		if (k_sigpipe_holds(i) != 0)
			x_broken("9 good guest", "thread %d holds SIGPIPE back", i);
	o_judge_descriptors();
	if (!anybody_waits() && !o_all.forked)
		o_judge_words();
}

/* ---- For counting how many ways a scenario can end ---- */

uint64_t o_outcome(void)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (int t = 0; t < x_thread_count(); t++)
		for (int i = 0; i < o_all.call_count; i++) {
			const struct o_call *c = &o_all.calls[i];

			if (c->span.thread != t)
				continue;
			h = (h ^ (uint64_t)(unsigned)t) * UINT64_C(1099511628211);
			h = (h ^ (uint64_t)c->result) * UINT64_C(1099511628211);
			h = (h ^ (c->result < 0 ? (uint64_t)c->error : 0)) *
			    UINT64_C(1099511628211);
			h = (h ^ c->count) * UINT64_C(1099511628211);
		}
	return h;
}
