/* splice and tee: bytes from file to file without a caller's buffer. Owns nothing. Where one would
 * wait it must have been told not to: lapse always tells it. */
#include "kernel/internal.h"

struct move {
	const char *name;
	int in, out;
	size_t n;
	bool no_wait;
	bool copies; /* tee */
	bool at_offset;
};

static bool same_pipe(const struct k_file *in, const struct k_file *out)
{
	return in->in >= 0 && in->in == out->out;
}

static long refusal(const struct move *m, const struct k_file *in, const struct k_file *out)
{
	bool pipes;

	if (in == NULL || out == NULL || !in->may_read || !out->may_write)
		return -EBADF;
	pipes = m->copies ? in->kind == K_PIPE && out->kind == K_PIPE
	                  : in->kind == K_PIPE || out->kind == K_PIPE;
	if (m->at_offset && in->kind != K_REGULAR)
		return -ESPIPE;
	if (!pipes || same_pipe(in, out))
		return -EINVAL;
	if (in->kind == K_EVENT || out->kind == K_EVENT || out->kind == K_REGULAR)
		x_unfit("%s of this kind of file is not modelled", m->name);
	return 0;
}

/* One side, whatever becomes of the other. */
static void touch(struct x_op *op, const struct move *m, const struct k_file *f, int queue)
{
	if (f == NULL)
		return;
	op->reads |= k_on_file(f) | k_on_bytes(queue) | k_on_ends(queue);
	op->writes |= k_on_bytes(queue);
	if (queue >= 0 && k_queue_at(queue)->error != 0)
		op->writes |= k_on_ends(queue);
	if (!m->copies && f->kind == K_PIPE && !f->was_spliced)
		op->writes |= k_on_file(f);
}

static void refine_move(struct x_op *op)
{
	const struct move *m = op->arg;
	const struct k_file *in = k_named(m->in);
	const struct k_file *out = k_named(m->out);

	op->reads = k_on_number(m->in) | k_on_number(m->out);
	op->writes = 0;
	touch(op, m, in, in == NULL ? -1 : in->in);
	touch(op, m, out, out == NULL ? -1 : out->out);
}

/* Linux takes RWF_NOWAIT from an end of a pipe for good once it was named in a splice, though that
 * may have failed: from then on the pipe may hold what cannot be read without waiting. */
static void mark(struct k_file *f)
{
	f->was_spliced = f->kind == K_PIPE;
}

/* The flag of the call is for pipes; of a socket its own mode alone counts, as TCP has it. */
static bool waits(const struct move *m, const struct k_file *f)
{
	return (f->flags & O_NONBLOCK) == 0 && (f->kind == K_SOCKET || !m->no_wait);
}

/* No bytes here: the end, an error, or not yet. */
static long nothing_in(const struct move *m, struct k_file *in)
{
	struct k_queue *q = k_queue_at(in->in);
	long r = -q->error;

	q->error = 0;
	if (r != 0 || q->ended)
		return r;
	if (waits(m, in))
		x_unfit("%s that waits for bytes is not modelled", m->name);
	return -EAGAIN;
}

/* No room there: nobody is left to make some, or not yet. */
static long nothing_out(const struct move *m, const struct k_file *out)
{
	if (k_queue_at(out->out)->refused) {
		k_sigpipe();
		return -EPIPE;
	}
	if (waits(m, out))
		x_unfit("%s that waits for room is not modelled", m->name);
	return -EAGAIN;
}

static size_t with_fault(size_t n)
{
	size_t ways[] = {n, 1, n / 2};

	/* As many packets as have come by now; as much as there was memory for. */
	return n < 2 ? n : ways[x_fault(n > 3 ? 3 : 2, "splice: whole, one, half")];
}

static long carry(const struct move *m, struct k_file *in, struct k_file *out)
{
	struct k_queue *from = k_queue_at(in->in);
	struct k_queue *to = k_queue_at(out->out);
	size_t room = to->capacity - k_queue_held(to); /* be it less than a page */
	size_t n = k_queue_held(from) < m->n ? k_queue_held(from) : m->n;
	uint64_t first = from->first;
	uint64_t at = to->end;

	n = with_fault(room < n ? room : n);
	k_queue_copy(from, to, n);
	if (!m->copies) {
		k_queue_drop(from, n);
		k_log_bytes(K_READ, m->in, in, from, first, (long)n);
	}
	k_log_bytes(K_WROTE, m->out, out, to, at, (long)n);
	return (long)n;
}

/* A pipe that is the source is looked at first, otherwise the room in the pipe. */
static long attempt(const struct move *m, struct k_file *in, struct k_file *out)
{
	struct k_queue *from = k_queue_at(in->in);
	struct k_queue *to = k_queue_at(out->out);
	bool no_room = to->refused || k_queue_fits(to, m->n) == 0;

	if (from == NULL)
		return no_room ? nothing_out(m, out) : 0; /* an empty file */
	if (in->kind != K_PIPE && no_room)
		return nothing_out(m, out);
	if (k_queue_held(from) == 0 && (in->kind != K_PIPE || !from->ended || out->kind != K_PIPE))
		return nothing_in(m, in);
	if (no_room)
		return nothing_out(m, out);
	return k_queue_held(from) == 0 ? 0 : carry(m, in, out);
}

static long move(struct move *m)
{
	struct x_op op = K_OP(m->name, m->in, refine_move, m);
	struct k_file *in;
	struct k_file *out;
	long r;

	if (m->n == 0)
		return 0;
	x_step(&op);
	in = k_named(m->in);
	out = k_named(m->out);
	r = refusal(m, in, out);
	if (!m->copies && in != NULL && out != NULL) {
		mark(in);
		mark(out);
	}
	if (r == 0)
		r = attempt(m, in, out);
	if (r <= 0) {
		k_log_call(K_OTHER, m->in, in, r);
		k_log_call(K_OTHER, m->out, out, r);
	}
	return k_returns(r);
}

long k_splice(int in, off_t *in_offset, int out, size_t n, unsigned flags)
{
	struct move m = {.name = "splice",
	                 .in = in,
	                 .out = out,
	                 .n = n,
	                 .no_wait = (flags & SPLICE_F_NONBLOCK) != 0};

	m.at_offset = in_offset != NULL;
	return move(&m);
}

long k_tee(int in, int out, size_t n, unsigned flags)
{
	struct move m = {.name = "tee",
	                 .in = in,
	                 .out = out,
	                 .n = n,
	                 .no_wait = (flags & SPLICE_F_NONBLOCK) != 0,
	                 .copies = true};

	return move(&m);
}
