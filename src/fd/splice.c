/* lapse_splice: straight where one end is a pipe, otherwise through a pipe of its own, or through a
 * buffer where an end cannot be spliced without waiting. What the destination did not take goes back
 * to the source, or stays in the pipe with it. Of messages the bytes are kept, their bounds are not. */
#include "fd/transfer.h"

/* ---- Straight ---- */

static bool is_straight(const struct lp_transfer *t)
{
	const struct lp_slot *in = t->sides[0].slot;
	const struct lp_slot *out = t->sides[1].slot;

	return (in->kind == LP_PIPE || out->kind == LP_PIPE) && t->in_splices && t->out_splices &&
	       !lp_slot_knows(in, LP_KEPT);
}

/* -EAGAIN does not say which end was not ready: one is waited for, and the other if that did not help.
 * That is the source, or what it had to be the last time. A destination that is no pipe never comes
 * first: a socket takes bytes, and the end of the source, long before poll calls it writable. */
static long straight(struct lp_transfer *t)
{
	const bool into_pipe = t->sides[1].slot->kind == LP_PIPE;
	bool waits_in = true;
	bool waited = false;

	while (t->left > 0) {
		long r = os_splice(lp_transfer_in(t), NULL, lp_transfer_out(t),
		                   lp_transfer_most(t, LP_CHUNK),
		                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (r == 0)
			return 0;
		if (r > 0) {
			waited = false;
			waits_in = waits_in || !into_pipe;
			r = lp_transfer_moved(t, r);
		} else {
			if (waited && r == -EAGAIN)
				waits_in = !waits_in;
			waited = r == -EAGAIN;
			r = waits_in ? lp_transfer_await_in(t, r) : lp_transfer_await_out(t, r);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- The pipe, and a buffer that holds all that it keeps ---- */

/* Of a stream so little that the buffer lies in the frame; of messages as large as most can be. */
enum { ROOM = 16384, MESSAGE = 65536 };

struct pipe {
	int fds[2];
	size_t held;     /* bytes in it */
	size_t capacity; /* how much of a stream it takes when empty, at most ROOM */
	char *buf;
	size_t size;              /* of buf */
	struct lp_parker *parker; /* whose room buf is, or NULL */
};

/* The one that the source's slot keeps, or a new one. 0 or -errno. */
static long pipe_open(struct pipe *p, struct lp_slot *in, char *buf)
{
	bool kept = lp_kept_take(in, p->fds);
	long r = kept ? os_pipe_held(p->fds[0]) : os_pipe2(p->fds, O_CLOEXEC | O_NONBLOCK);

	if (r < 0)
		return r;
	p->held = kept ? (size_t)r : 0;
	r = os_pipe_capacity(p->fds[0]);
	p->capacity = r > 0 && r < ROOM ? (size_t)r : ROOM;
	p->buf = buf;
	p->size = ROOM;
	p->parker = NULL;
	return 0;
}

static void give_room_back(struct pipe *p)
{
	if (p->parker != NULL)
		lp_parker_leave_room(p->parker, p->buf, p->size);
	p->parker = NULL;
}

/* A buffer of at least that size. 0 or -errno. */
static long widen(struct pipe *p, size_t size)
{
	struct lp_parker *parker;
	long r;

	if (size <= p->size)
		return 0;
	give_room_back(p);
	p->size = 0;
	r = lp_parker_mine(&parker);
	if (r < 0)
		return r;
	p->buf = lp_parker_take_room(parker, &size);
	if (p->buf == NULL)
		return -ENOMEM;
	p->size = size;
	p->parker = parker;
	return 0;
}

/* A file can be told to begin there again; others cannot, and keep the pipe. */
static void pipe_done(struct pipe *p, struct lp_slot *in)
{
	give_room_back(p);
	if (p->held > 0 &&
	    (in->kind != LP_FILE || os_lseek(lp_sysfd(in), -(off_t)p->held, SEEK_CUR) < 0)) {
		lp_kept_put(in, p->fds);
		return;
	}
	(void)os_close(p->fds[0]);
	(void)os_close(p->fds[1]);
}

/* A datagram may be empty: look, and go on. */
static bool has_no_end(const struct lp_slot *slot)
{
	int type = 0;
	socklen_t size = sizeof type;

	return os_getsockopt(lp_sysfd(slot), SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type != SOCK_SEQPACKET;
}

/* Of a message the kernel drops what is not taken at once: all of it is, whatever is left to move, and
 * the rest stays in the pipe. */
static long take_message(struct lp_side *in, struct pipe *p)
{
	long size = os_recvfrom(lp_sysfd(in->slot), NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT,
	                        NULL, NULL);
	long r = widen(p, size < MESSAGE ? MESSAGE : (size_t)size);

	if (r < 0 || size < 0)
		return r < 0 ? r : size;
	if (size > os_pipe_capacity(p->fds[0]) &&
	    os_fcntl(p->fds[0], F_SETPIPE_SZ, (void *)size) < size)
		return -EMSGSIZE;
	r = os_recvfrom(lp_sysfd(in->slot), p->buf, p->size, MSG_DONTWAIT, NULL, NULL);
	return r == 0 && has_no_end(in->slot) ? -EINTR : r;
}

/* One read of the source. */
static long take(struct lp_transfer *t, struct pipe *p)
{
	struct lp_side *in = &t->sides[0];

	if (in->slot->kind == LP_MESSAGE)
		return take_message(in, p);
	return lp_try_read(&t->op, in, p->buf, lp_transfer_most(t, p->capacity));
}

/* ---- Through a pipe ---- */

/* Into the pipe, which is empty and has room for what is read. Bytes, 0 at the end, or -errno. */
static long fill(struct lp_transfer *t, struct pipe *p)
{
	long r = -EINVAL;

	if (t->in_splices)
		r = os_splice(lp_transfer_in(t), NULL, p->fds[1], lp_transfer_most(t, p->capacity),
		              SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (r == -EINVAL) {
		r = take(t, p);
		if (r > 0)
			r = os_write(p->fds[1], p->buf, (size_t)r);
	}
	if (r > 0)
		p->held = (size_t)r;
	return r;
}

/* -EINVAL: the destination turns out not to take splices; the bytes are in the pipe. */
static long through_pipe(struct lp_transfer *t, struct pipe *p)
{
	while (t->left > 0) {
		long r;

		if (p->held == 0) {
			r = fill(t, p);
			if (r == 0)
				return 0;
			if (r < 0 && (r = lp_transfer_await_in(t, r)) < 0)
				return r;
			continue;
		}
		r = os_splice(p->fds[0], NULL, lp_transfer_out(t), lp_transfer_most(t, p->held),
		              SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (r > 0) {
			p->held -= (size_t)r;
			r = lp_transfer_moved(t, r);
		} else {
			r = r == 0 ? -EIO : lp_transfer_await_out(t, r);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Through a buffer ---- */

/* What is in the pipe first, all of it, so that the pipe is empty and takes back what is left. */
static long load(struct lp_transfer *t, struct pipe *p)
{
	long r;

	if (p->held == 0)
		return take(t, p);
	r = widen(p, p->held);
	if (r == 0)
		r = os_read(p->fds[0], p->buf, p->size);
	if (r > 0)
		p->held -= (size_t)r;
	return r;
}

static long through_buffer(struct lp_transfer *t, struct pipe *p)
{
	long error = 0;

	while (t->left > 0 && error == 0) {
		long r = load(t, p);
		size_t went;

		if (r == 0)
			break;
		if (r < 0) {
			error = lp_transfer_await_in(t, r);
			continue;
		}
		went = lp_transfer_write(t, p->buf, lp_transfer_most(t, (size_t)r), &error);
		t->total += (long)went;
		t->left -= went;
		if (went < (size_t)r) {
			long back = os_write(p->fds[1], p->buf + went, (size_t)r - went);

			p->held += back > 0 ? (size_t)back : 0;
		} else if (error == 0 && t->left > 0) {
			error = lp_op_progress(&t->op);
		}
	}
	return error;
}

/* ---- */

/* Its bytes would go round for ever. */
static bool is_one_pipe(const struct lp_transfer *t)
{
	struct stat in;

	return t->sides[0].slot->kind == LP_PIPE && t->sides[1].slot->kind == LP_PIPE &&
	       lp_transfer_is_within(t, &in);
}

long lp_transfer_splice(struct lp_transfer *t)
{
	struct lp_slot *in = t->sides[0].slot;
	char buf[ROOM];
	struct pipe p;
	long r = -EINVAL;

	if (is_straight(t)) {
		r = straight(t);
		if (r != -EINVAL || t->total > 0)
			return r;
	}
	r = is_one_pipe(t) ? -EINVAL : pipe_open(&p, in, buf);
	if (r < 0)
		return r;
	/* What cannot be spliced in is read in any case. */
	r = t->out_splices && (t->in_splices || in->kind != LP_FILE) ? through_pipe(t, &p)
	                                                             : -EINVAL;
	if (r == -EINVAL)
		r = through_buffer(t, &p);
	pipe_done(&p, in);
	return r;
}

ssize_t lapse_splice(lapse_fd out, lapse_fd in, size_t n)
{
	struct lp_transfer t;
	long r = lp_transfer_begin(&t, out, in, n, "splice");

	if (r < 0)
		return lp_ret(r);
	return lp_transfer_end(&t, lp_transfer_splice(&t));
}
