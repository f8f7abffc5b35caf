/* The log of a run: who called what, from when to when. Owns it. Judges nothing. */
#include "oracle/internal.h"

#include <stdio.h>

struct o_all o_all;

void o_start(void)
{
	x_keep(&o_all, sizeof o_all);
	x_at_rest(o_rest);
	k_on_interrupt(o_interrupted);
}

int o_acting(void)
{
	int self = x_self();

	return self < 0 ? X_THREADS - 1 : self;
}

void o_may_wait(void)
{
	o_all.may_wait |= (uint8_t)(1u << o_acting());
}

void o_fair(void)
{
	o_all.fair = true;
}

const char *o_error_name(int error)
{
	switch (error) {
	case 0:
		return "";
	case EBADF:
		return " EBADF";
	case ECANCELED:
		return " ECANCELED";
	case ETIME:
		return " ETIME";
	case ESRCH:
		return " ESRCH";
	case EAGAIN:
		return " EAGAIN";
	case EINTR:
		return " EINTR";
	default:
		return " (another error)";
	}
}

/* ---- Handles and what orders calls on them ---- */

int o_handle_of(lapse_fd fd)
{
	for (int i = 0; i < o_all.handle_count; i++)
		if (o_all.handles[i].fd == fd)
			return i;
	return -1;
}

lapse_fd o_handle_add(lapse_fd fd, int number)
{
	struct o_handle *h = &o_all.handles[o_all.handle_count];

	if (fd == LAPSE_NOFD)
		return fd;
	if (o_all.handle_count == O_HANDLES)
		x_unfit("oracle: more than %d handles", O_HANDLES);
	if (o_handle_of(fd) >= 0)
		x_broken("handles", "a new handle is one that was there before");
	*h = (struct o_handle){.fd = fd,
	                       .number = number,
	                       .description = k_description(number),
	                       .flags = k_flags(number)};
	o_all.handle_count++;
	return fd;
}

/* ---- Steps ---- */

static void describe_mark(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s", (const char *)op->arg);
}

/* The few beginnings that are steps: where more is asked than what may have come first. */
static void mark(const char *what, x_set reads, x_set writes)
{
	struct x_op op = {.name = "begins",
	                  .object = -1,
	                  .reads = reads,
	                  .writes = writes,
	                  .describe = describe_mark,
	                  .arg = what};

	x_step(&op);
}

/* ---- Operations ---- */

/* A scope that nobody has the number of is changed by nobody. */
static void add_scopes(struct o_call *c)
{
	for (int i = o_all.innermost[o_acting()]; i != 0; i = o_all.scopes[i - 1].outer + 1) {
		if (c->scope_count == O_DEEP)
			x_unfit("oracle: more than %d scopes in each other", O_DEEP);
		c->scopes[c->scope_count++] = i - 1;
		if (o_all.scopes[i - 1].shield)
			break;
	}
}

/* The call is written down where it begins, which other threads may delay: only then is a place
 * taken in the log. */
static struct o_call drafts[X_THREADS];

struct o_call *o_begin(const char *name)
{
	struct o_call *c = &drafts[o_acting()];

	memset(c, 0, sizeof *c);
	c->name = name;
	c->when = LAPSE_NEVER;
	add_scopes(c);
	return c;
}

void o_add_side(struct o_call *c, lapse_fd fd, int dirs)
{
	if (c->side_count == O_SIDES)
		x_unfit("oracle: more than %d handles in a call", O_SIDES);
	c->sides[c->side_count++] = (struct o_side){o_handle_of(fd), dirs};
}

static int first_handle(const struct o_call *c)
{
	return c->side_count == 0 ? -1 : c->sides[0].handle;
}

/* Whom it surely queues behind: those who wait in the queue, and one who sleeps with the turn. */
static void find_ahead(struct o_call *c)
{
	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *d = &o_all.calls[i];

		if (c->stream && d->stream && d->span.end == 0 &&
		    d->span.thread != c->span.thread && d->sides[0].handle == c->sides[0].handle &&
		    d->sides[0].dirs == c->sides[0].dirs &&
		    (o_stands_in_queue(d) || (d->span.thread >= 0 && k_in_poll(d->span.thread))))
			c->ahead |= UINT64_C(1) << i;
	}
}

struct o_call *o_begun(const struct o_call *draft)
{
	const struct k_record *records;
	struct o_call *c;

	if (o_all.fair && draft->stream && draft->sides[0].handle >= 0)
		mark(draft->name, o_turns_of(draft->sides[0].handle), 0);
	c = &o_all.calls[o_all.call_count];

	if (o_all.call_count == O_CALLS)
		x_unfit("oracle: more than %d calls in a run", O_CALLS);
	*c = *draft;
	o_all.call_count++;
	o_span_begin(&c->span);
	c->seen_begin = x_time_seen();
	c->log_begin = k_log(&records);
	find_ahead(c);
	x_say("%s on h%d begins", c->name, first_handle(c));
	errno = 0;
	return c;
}

struct o_call *o_begin_on(const char *name, lapse_fd fd, int dirs, bool stream, size_t wanted)
{
	struct o_call *c = o_begin(name);

	if (wanted > O_BYTES)
		x_unfit("oracle: more than %d bytes in a call", O_BYTES);
	o_add_side(c, fd, dirs);
	c->stream = stream;
	c->wanted = wanted;
	return o_begun(c);
}

void o_return(struct o_call *c, long r, uint64_t count)
{
	const struct k_record *records;
	int error = errno;

	c->result = r;
	c->error = error;
	c->count = count;
	c->log_end = k_log(&records);
	c->seen_end = x_time_seen();
	x_say("%s on h%d -> %ld%s", c->name, first_handle(c), r, o_error_name(error));
	o_span_end(&c->span);
	o_judge(c);
	errno = error;
}

/* ---- Changes ---- */

static const char *name_of(const struct o_change *c)
{
	static const char *const names[] = {"set",   "set idle", "cancel",
	                                    "close", "release",  "leave"};

	if (c->scope >= 0)
		return c->kind == O_SET      ? "scope move"
		       : c->kind == O_CANCEL ? "scope cancel"
		                             : "scope leave";
	return names[c->kind];
}

/* Those that a cancel has to end: not who begins meanwhile, and nobody outside can tell when that
 * is over but by what the kernel was asked for. */
static void find_met(struct o_change *c)
{
	for (int i = 0; i < o_all.call_count; i++) {
		const struct o_call *d = &o_all.calls[i];

		if (d->span.end != 0 || d->gone || d->span.thread == c->span.thread)
			continue;
		for (int s = 0; s < d->side_count; s++)
			if (d->sides[s].handle == c->handle && (d->sides[s].dirs & c->dirs) != 0 &&
			    o_under_way(d))
				c->met |= UINT64_C(1) << i;
	}
}

/* What a try on the descriptor touches, so that the order of a try and a cancel's beginning is gone
 * through as well. */
static x_set tries_of(const struct o_change *c)
{
	if (c->kind != O_CANCEL || c->handle < 0)
		return 0;
	return o_touched(c->handle);
}

struct o_change *o_change_begin(enum o_kind kind, int handle, int scope, int dirs, int64_t value)
{
	struct o_change draft = {
		.kind = kind, .handle = handle, .scope = scope, .dirs = dirs, .value = value};
	const struct k_record *records;
	struct o_change *c;
	x_set tries = tries_of(&draft);

	if (tries != 0)
		mark(name_of(&draft), 0, tries);
	if (o_all.change_count == O_CHANGES)
		x_unfit("oracle: more than %d changes in a run", O_CHANGES);
	c = &o_all.changes[o_all.change_count++];
	*c = draft;
	o_span_begin(&c->span);
	c->log_begin = k_log(&records);
	if (kind == O_CANCEL && handle >= 0)
		find_met(c);
	x_say("%s of %s%d (%lld) begins", name_of(c), scope >= 0 ? "scope " : "h",
	      scope >= 0 ? scope : handle, (long long)value);
	errno = 0;
	return c;
}

void o_change_return(struct o_change *c, long r)
{
	int error = errno;

	c->failed = r < 0;
	c->error = c->failed ? error : 0;
	x_say("%s of %s%d -> %ld%s", name_of(c), c->scope >= 0 ? "scope " : "h",
	      c->scope >= 0 ? c->scope : c->handle, r, o_error_name(c->error));
	o_span_end(&c->span);
	c->time = x_time_seen();
	o_judge_change(c, r);
	errno = error;
}
