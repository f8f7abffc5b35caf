/* ppoll, level-triggered: what each file has to say, and the wait for it. Owns nothing.
 *
 * A call is one step that waits until something is ready or the time has come; its numbers are looked
 * up as it is taken. The kernel looks them up at the beginning and again each time it wakes, and does
 * not hear of a number that is closed meanwhile; here such a poll says POLLNVAL, or speaks of what
 * has the number by then. So whoever closes a number under a poll is found, not left to chance. */
#include "kernel/internal.h"

#include <stdio.h>

static const char poll_name[] = "poll";

/* ---- What a file has to say ---- */

static short pipe_events(const struct k_file *f)
{
	const struct k_queue *in = k_queue_at(f->in);
	const struct k_queue *out = k_queue_at(f->out);
	short e = 0;

	if (in != NULL && k_queue_held(in) > 0)
		e |= POLLIN | POLLRDNORM;
	if (in != NULL && in->ended)
		e |= POLLHUP;
	if (out != NULL && k_queue_fits(out, SIZE_MAX) > 0)
		e |= POLLOUT | POLLWRNORM;
	if (out != NULL && out->refused)
		e |= POLLERR;
	return e;
}

/* Whether there is room to write says nothing of whether somebody will read it. */
static short socket_events(const struct k_file *f)
{
	const struct k_queue *in = k_queue_at(f->in);
	const struct k_queue *out = k_queue_at(f->out);
	short e = 0;

	if (in->error != 0)
		e |= POLLERR;
	if (in->ended && out->refused)
		e |= POLLHUP;
	if (in->ended)
		e |= POLLRDHUP;
	if (in->ended || k_queue_held(in) > 0)
		e |= POLLIN | POLLRDNORM;
	if (k_queue_fits(out, SIZE_MAX) > 0)
		e |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return e;
}

static short event_events(const struct k_file *f)
{
	return (short)((f->count > 0 ? POLLIN : 0) | (f->count == UINT64_MAX ? POLLERR : 0) |
	               (f->count < UINT64_MAX - 1 ? POLLOUT : 0));
}

short k_events(const struct k_file *f)
{
	switch (f->kind) {
	case K_SOCKET:
		return socket_events(f);
	case K_PIPE:
		return pipe_events(f);
	case K_EVENT:
		return event_events(f);
	default:
		return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	}
}

x_set k_on_events(const struct k_file *f, short events)
{
	enum { OUT = POLLOUT | POLLWRNORM | POLLWRBAND, IN = POLLIN | POLLRDNORM };
	x_set set = k_on_ends(f->in) | k_on_ends(f->out);

	if (f->kind == K_EVENT)
		return k_on_count(f);
	if ((events & IN) != 0)
		set |= k_on_bytes(f->in);
	if ((events & OUT) != 0)
		set |= k_on_bytes(f->out);
	return set;
}

/* ---- The call ---- */

struct polling {
	struct pollfd *fds;
	size_t count;
	lapse_time until; /* INT64_MIN: look only */
	bool broken_off;  /* a signal comes */
};

static short answer(const struct pollfd *p)
{
	const struct k_file *f = p->fd < 0 ? NULL : k_named(p->fd);

	if (p->fd < 0)
		return 0;
	if (f == NULL)
		return POLLNVAL;
	return (short)(k_events(f) & (p->events | POLLERR | POLLHUP));
}

static int count_ready(const struct polling *p)
{
	int n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += answer(&p->fds[i]) != 0;
	return n;
}

static bool is_timed(const struct polling *p)
{
	return p->until != LAPSE_NEVER && p->until != INT64_MIN;
}

static void refine_polling(struct x_op *op)
{
	const struct polling *p = op->arg;

	op->reads = op->writes = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct pollfd *e = &p->fds[i];
		const struct k_file *f = k_named(e->fd);

		op->reads |= k_on_number(e->fd);
		if (f != NULL)
			op->reads |= k_on_events(f, e->events);
	}
	if (is_timed(p) && !p->broken_off)
		op->reads |= x_only(x_clock());
}

static bool may_go_on(const struct x_op *op)
{
	const struct polling *p = op->arg;

	return p->broken_off || p->until == INT64_MIN || (is_timed(p) && x_time() >= p->until) ||
	       count_ready(p) > 0;
}

static void describe_polling(const struct x_op *op, char *buf, size_t size)
{
	long r = (long)op->values[1];
	char result[32];

	k_describe_result(r, result, sizeof result);
	if (r > 0)
		(void)snprintf(buf, size, "= %ld, the first says %x", r, (unsigned)op->values[2]);
	else
		(void)snprintf(buf, size, "%s", result);
}

static int tell(struct polling *p)
{
	int ready = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct pollfd *e = &p->fds[i];

		k_reads_memory(e, sizeof *e);
		k_writes_memory(&e->revents, sizeof e->revents);
		e->revents = answer(e);
		if (e->revents != 0 && ready++ == 0)
			x_note(2, (uint64_t)e->revents);
		if (e->fd >= 0)
			k_log_call(e->revents != 0 ? K_POLLED : K_OTHER, e->fd, k_named(e->fd),
			           e->revents);
	}
	return ready;
}

/* The object that people want to read about: the last number, the first being the waker's. */
static x_object subject(const struct polling *p)
{
	return p->count == 0 ? -1 : k_number_object(p->fds[p->count - 1].fd);
}

long k_poll(struct pollfd *fds, size_t count, lapse_time now, lapse_time until)
{
	struct polling p = {.fds = fds, .count = count, .until = until};
	struct x_op op = {.name = poll_name,
	                  .object = subject(&p),
	                  .refine = refine_polling,
	                  .enabled = may_go_on,
	                  .arg = &p,
	                  .describe = describe_polling};
	long r;

	if (until != LAPSE_NEVER && until <= now) {
		p.until = INT64_MIN;
		op.enabled = NULL;
	} else {
		p.broken_off = x_fault(2, "poll: waits, EINTR") != 0;
	}
	if (k_wait(&op, NULL, NULL) != 0)
		return k_returns(-EINTR); /* it does not begin again */
	r = tell(&p);
	if (r == 0 && p.broken_off)
		r = -EINTR;
	if (r == 0 && p.until == LAPSE_NEVER)
		x_unfit("poll would wait for ever in setup");
	x_note(0, count > 0 ? (uint64_t)fds[count - 1].fd : 0);
	return k_returns(r);
}

bool k_in_poll(int thread)
{
	const struct x_op *op;

	return x_waits(thread, &op) && op->name == poll_name;
}
