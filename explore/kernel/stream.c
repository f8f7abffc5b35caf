/* Reading and writing: sockets, pipes, eventfds, and files, which are empty. Owns nothing: bytes lie
 * in queues, counts with their files.
 *
 * A call is one step. If it has to wait, that step has shown that there was nothing to do, and found
 * the file, which the call holds from then on, whatever its number comes to name; the wait is
 * another, taken when there is something to do. */
#include "kernel/internal.h"

#include <limits.h>
#include <string.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

struct transfer {
	const char *name;
	int number;
	bool writes;
	bool is_message_call; /* recv and send: of sockets alone */
	bool is_vector;
	bool at_offset;
	bool no_wait; /* this call does not */
	bool peeks;
	bool no_signal;
	int rwf; /* RWF_... */
	const struct iovec *iov;
	int count;
	size_t n;
	size_t done;         /* written by a call that waits to write the rest */
	struct k_file *held; /* in flight, once it waits */
	bool broken_off;     /* a signal comes */
	bool cut;            /* a fault made the count short */
};

static struct k_file *file_of(const struct transfer *t)
{
	return t->held != NULL ? t->held : k_named(t->number);
}

/* ---- What can be said without looking into the queue ---- */

static long refusal(const struct transfer *t, const struct k_file *f)
{
	if (t->is_message_call)
		return f->kind == K_SOCKET ? 0 : -ENOTSOCK;
	if (t->at_offset && f->kind != K_REGULAR)
		return -ESPIPE;
	return (t->writes ? f->may_write : f->may_read) ? 0 : -EBADF;
}

/* No bytes: of some calls the end of it, of others still a question to the file. */
static bool is_nothing(const struct transfer *t, const struct k_file *f)
{
	if (t->n > 0 || t->is_message_call)
		return false;
	if (t->is_vector)
		return true;
	return f->kind == K_SOCKET ? !t->writes : f->kind != K_EVENT;
}

static long wrong_flags(const struct transfer *t, const struct k_file *f)
{
	int known = RWF_NOWAIT | (t->writes && !k_state.is_old ? RWF_NOSIGNAL : 0);

	if ((t->rwf & ~known) != 0 || (t->no_wait && f->was_spliced))
		return -EOPNOTSUPP;
	return t->rwf != 0 && f->kind == K_EVENT && t->writes ? -EOPNOTSUPP : 0;
}

/* What is written to it. */
static uint64_t event_value(const struct transfer *t)
{
	uint64_t v = 0;

	if (t->n >= sizeof v && t->iov->iov_len >= sizeof v)
		memcpy(&v, t->iov->iov_base, sizeof v);
	return v;
}

/* Nothing to take, or no room; and no end, no error that would be the answer. */
static bool would_wait(const struct transfer *t, const struct k_file *f)
{
	const struct k_queue *q = k_queue_at(t->writes ? f->out : f->in);

	if (f->kind == K_EVENT)
		return t->writes ? event_value(t) > UINT64_MAX - 1 - f->count : f->count == 0;
	if (q == NULL)
		return false;
	if (t->writes)
		return !q->refused && k_queue_fits(q, t->n - t->done) == 0 && t->n > t->done;
	return k_queue_held(q) == 0 && !q->ended && q->error == 0;
}

static void refine_queue(struct x_op *op, const struct transfer *t, int id)
{
	const struct k_queue *q = k_queue_at(id);

	op->reads |= k_on_bytes(id) | k_on_ends(id);
	if (t->writes && !q->refused && k_queue_fits(q, t->n - t->done) > 0)
		op->writes |= k_on_bytes(id);
	if (!t->writes && !t->peeks && k_queue_held(q) > 0)
		op->writes |= k_on_bytes(id);
	if (!t->writes && q->error != 0)
		op->writes |= k_on_ends(id);
}

static void refine_transfer(struct x_op *op)
{
	const struct transfer *t = op->arg;
	const struct k_file *f = file_of(t);
	int id;

	op->reads = t->held != NULL ? 0 : k_on_number(t->number);
	op->writes = 0;
	if (f == NULL || refusal(t, f) != 0 || is_nothing(t, f))
		return;
	id = t->writes ? f->out : f->in;
	if (f->kind == K_EVENT) {
		op->reads |= k_on_count(f);
		if (!would_wait(t, f))
			op->writes |= k_on_count(f);
	} else if (id >= 0) {
		refine_queue(op, t, id);
	}
	if (t->held != NULL)
		k_on_drop(op, f);
	else if (t->rwf != 0 || !t->no_wait)
		op->reads |= k_on_file(f); /* was_spliced, O_NONBLOCK */
	if (t->held == NULL && !t->no_wait && (f->flags & O_NONBLOCK) == 0)
		op->writes |= k_on_file(f); /* it may hold it */
}

/* ---- Faults ---- */

enum outcome { WHOLE, ONE, HALF, AGAIN, INTERRUPTED, RESET };

/* Short, though there is more: packets come one by one, and a read stops at passed descriptors, urgent
 * bytes, and in a pipe at what was one write (packet mode). Not ready, though poll said so: a packet
 * was thrown away, buffers are short. EINTR: of a call that waits by a signal, of any call by a
 * supervisor that looks at it (seccomp). */
static enum outcome fault(const struct transfer *t, const struct k_file *f, size_t most)
{
	enum outcome ways[6] = {WHOLE};
	int n = 1;

	if (most > 1)
		ways[n++] = ONE;
	if (most > 3)
		ways[n++] = HALF;
	if (f->kind == K_SOCKET && t->no_wait)
		ways[n++] = AGAIN;
	if (f->kind == K_SOCKET && !t->peeks)
		ways[n++] = RESET;
	ways[n++] = INTERRUPTED;
	return ways[x_fault(n, t->writes ? "write: whole, short, not ready, reset, EINTR"
	                                 : "read: whole, short, not ready, reset, EINTR")];
}

/* The connection is gone, both ways, with all that was under way. A step of its own: the news comes
 * from outside. */
static void refine_reset(struct x_op *op)
{
	const struct k_file *f = op->arg;

	op->reads = 0;
	op->writes = k_on_bytes(f->in) | k_on_ends(f->in) | k_on_bytes(f->out) | k_on_ends(f->out);
}

static long reset(struct k_file *f)
{
	struct x_op op = {.name = "reset", .object = -1, .refine = refine_reset, .arg = f};

	x_step(&op);
	for (int i = 0; i < 2; i++) {
		struct k_queue *q = k_queue_at(i == 0 ? f->in : f->out);

		q->ended = q->refused = true;
		k_queue_drop(q, k_queue_held(q));
	}
	if (f->out >= 0)
		k_queue_at(f->out)->error = ECONNRESET; /* the other end's reader is told too */
	return -ECONNRESET;
}

/* most bytes are to go: how many do, or -errno. */
static long with_fault(struct transfer *t, struct k_file *f, size_t most)
{
	enum outcome o = most == 0 ? WHOLE : fault(t, f, most);

	t->cut = o != WHOLE;
	switch (o) {
	case ONE:
		return 1;
	case HALF:
		return (long)(most / 2);
	case AGAIN:
		return -EAGAIN;
	case INTERRUPTED:
		return -EINTR;
	case RESET:
		return reset(f);
	default:
		return (long)most;
	}
}

/* ---- The try ---- */

static long take_bytes(struct transfer *t, struct k_file *f)
{
	struct k_queue *q = k_queue_at(f->in);
	size_t held = k_queue_held(q);
	uint64_t first = q->first;
	long r;

	if (held == 0) {
		r = -q->error;
		q->error = 0;
		return r;
	}
	r = with_fault(t, f, held < t->n ? held : t->n);
	if (r < 0)
		return r;
	k_queue_peek(q, t->iov, t->count, (size_t)r);
	if (!t->peeks && r > 0) {
		k_queue_drop(q, (size_t)r);
		k_log_bytes(K_READ, t->number, f, q, first, r);
	}
	return r;
}

static long put_bytes(struct transfer *t, struct k_file *f)
{
	struct k_queue *q = k_queue_at(f->out);
	uint64_t first = q->end;
	long r;

	if (q->refused) {
		/* Sockets tell only who has written nothing yet. */
		if (!t->no_signal && (f->kind == K_PIPE || t->done == 0))
			k_sigpipe();
		return -EPIPE;
	}
	if (t->n == t->done)
		return 0;
	r = with_fault(t, f, k_queue_fits(q, t->n - t->done));
	if (r < 0)
		return r;
	k_queue_put(q, t->iov, t->count, t->done, (size_t)r);
	k_log_bytes(K_WROTE, t->number, f, q, first, r);
	return r;
}

static long use_count(const struct transfer *t, struct k_file *f)
{
	if (t->iov->iov_len < sizeof f->count)
		x_unfit("an eventfd's count in several pieces is not modelled");
	if (t->writes) {
		k_reads_memory(t->iov->iov_base, sizeof f->count);
		f->count += event_value(t);
	} else {
		k_writes_memory(t->iov->iov_base, sizeof f->count);
		memcpy(t->iov->iov_base, &f->count, sizeof f->count);
		f->count = 0;
	}
	return sizeof f->count;
}

static bool is_no_count(const struct transfer *t)
{
	if (t->writes)
		return t->n != sizeof(uint64_t) || event_value(t) == UINT64_MAX;
	return t->n < sizeof(uint64_t);
}

static long attempt(struct transfer *t, struct k_file *f)
{
	if (f->kind == K_EVENT && is_no_count(t))
		return -EINVAL;
	if (would_wait(t, f))
		return -EAGAIN;
	switch (f->kind) {
	case K_EVENT:
		return use_count(t, f);
	case K_REGULAR:
		return t->writes ? (long)t->n : 0;
	default:
		return t->writes ? put_bytes(t, f) : take_bytes(t, f);
	}
}

static bool may_go_on(const struct x_op *op)
{
	const struct transfer *t = op->arg;

	return t->broken_off || !would_wait(t, t->held);
}

static void refine_leaving(struct x_op *op)
{
	const struct transfer *t = op->arg;

	op->reads = op->writes = 0;
	k_on_drop(op, t->held);
}

static void leave(void *arg)
{
	struct transfer *t = arg;
	struct x_op op = K_OP("waits no more", t->number, refine_leaving, t);

	(void)x_step(&op);
	(void)k_file_drop(t->held, true);
}

/* A read waits for anything, a write until all has gone. */
static long wait_for(struct transfer *t, struct k_file *f)
{
	long r;

	t->held = f;
	f->calls++;
	do {
		struct x_op op = K_OP(t->name, t->number, refine_transfer, t);

		op.enabled = may_go_on;
		t->broken_off = x_fault(2, "waits: until it can go on, EINTR") != 0;
		r = k_wait(&op, leave, t);
		if (r != 0)
			return t->done > 0 ? (long)t->done : r;
		r = attempt(t, f);
		if (r == -EAGAIN && !t->broken_off && !t->cut)
			x_unfit("%s of %d would wait for ever in setup", t->name, t->number);
		if (r == -EAGAIN)
			r = -EINTR;
		if (r > 0)
			t->done += (size_t)r;
		k_returns(r);
	} while (t->writes && r > 0 && !t->cut && t->done < t->n);
	(void)k_file_drop(f, true);
	return t->done > 0 ? (long)t->done : r;
}

static long transfer(struct transfer *t)
{
	struct x_op op = K_OP(t->name, t->number, refine_transfer, t);
	struct k_file *f;
	long r;

	t->held = NULL;
	if (!k_enter(&op))
		return k_returns(-EINTR);
	f = k_named(t->number);
	if (f == NULL) {
		k_log_call(K_OTHER, t->number, f, -EBADF);
		return k_returns(-EBADF);
	}
	r = refusal(t, f);
	if (r == 0 && !is_nothing(t, f)) {
		r = wrong_flags(t, f);
		if (r == 0)
			r = attempt(t, f);
	}
	if ((r == -EAGAIN || (t->writes && r > 0 && (size_t)r < t->n)) && !t->cut && !t->no_wait &&
	    (f->flags & O_NONBLOCK) == 0) {
		t->done = r > 0 ? (size_t)r : 0;
		k_returns(r);
		r = wait_for(t, f);
		if (r == K_RESTART)
			return transfer(t);
	}
	if (r <= 0 || t->peeks || f->kind == K_EVENT || f->kind == K_REGULAR)
		k_log_call(K_OTHER, t->number, f, r);
	return k_returns(r);
}

/* ---- The doors ---- */

static long vector(struct transfer *t, const struct iovec *iov, int count)
{
	if (count < 0 || count > IOV_MAX)
		return -EINVAL;
	t->iov = iov;
	t->count = count;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > SSIZE_MAX)
			return -EINVAL;
		t->n += iov[i].iov_len;
	}
	return transfer(t);
}

long k_read(int fd, void *buf, size_t n)
{
	struct transfer t = {.name = "read", .number = fd};
	struct iovec iov = {buf, n};

	return vector(&t, &iov, 1);
}

long k_write(int fd, const void *buf, size_t n)
{
	struct transfer t = {.name = "write", .number = fd, .writes = true};
	struct iovec iov = {(void *)(uintptr_t)buf, n};

	return vector(&t, &iov, 1);
}

long k_readv(int fd, const struct iovec *iov, int count)
{
	struct transfer t = {.name = "readv", .number = fd, .is_vector = true};

	return vector(&t, iov, count);
}

/* What has a position here is empty, wherever one reads. */
static long at_offset(struct transfer *t, const struct iovec *iov, int count, off_t offset,
                      int flags)
{
	t->at_offset = offset != -1;
	t->is_vector = true;
	t->rwf = flags;
	t->no_wait = (flags & RWF_NOWAIT) != 0;
	t->no_signal = (flags & RWF_NOSIGNAL) != 0;
	return vector(t, iov, count);
}

long k_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	struct transfer t = {.name = "preadv2", .number = fd};

	return at_offset(&t, iov, count, offset, flags);
}

long k_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	struct transfer t = {.name = "pwritev2", .number = fd, .writes = true};

	return at_offset(&t, iov, count, offset, flags);
}

static void check_flags(const char *name, int flags)
{
	enum { KNOWN = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_PEEK | MSG_CMSG_CLOEXEC | MSG_WAITFORONE };

	if ((flags & ~KNOWN) != 0 && (flags & MSG_DONTWAIT) == 0)
		x_unfit("%s: flags %x are not modelled", name, (unsigned)flags);
	if ((flags & (MSG_OOB | MSG_ERRQUEUE)) != 0)
		x_unfit("%s: urgent bytes and error queues are not modelled", name);
}

static long receive(const char *name, int fd, const struct iovec *iov, int count, int flags)
{
	struct transfer t = {.name = name,
	                     .number = fd,
	                     .is_message_call = true,
	                     .no_wait = (flags & MSG_DONTWAIT) != 0,
	                     .peeks = (flags & MSG_PEEK) != 0};

	check_flags(name, flags);
	return vector(&t, iov, count);
}

long k_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from, socklen_t *from_size)
{
	struct iovec iov = {buf, n};
	long r = receive("recv", fd, &iov, 1, flags);

	if (r >= 0 && from != NULL)
		*from_size = 0;
	return r;
}

long k_recvmsg(int fd, struct msghdr *msg, int flags)
{
	long r = receive("recvmsg", fd, msg->msg_iov, (int)msg->msg_iovlen, flags);

	if (r >= 0) {
		msg->msg_namelen = 0;
		msg->msg_controllen = 0;
		msg->msg_flags = flags & MSG_CMSG_CLOEXEC;
	}
	return r;
}

static long send_to(const char *name, int fd, const struct iovec *iov, int count, int flags)
{
	struct transfer t = {.name = name,
	                     .number = fd,
	                     .writes = true,
	                     .is_message_call = true,
	                     .no_wait = (flags & MSG_DONTWAIT) != 0,
	                     .no_signal = (flags & MSG_NOSIGNAL) != 0};

	check_flags(name, flags);
	return vector(&t, iov, count);
}

long k_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
              socklen_t to_size)
{
	struct iovec iov = {(void *)(uintptr_t)buf, n};

	if (to != NULL && to_size > 0)
		return -EISCONN;
	return send_to("send", fd, &iov, 1, flags);
}

long k_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (msg->msg_controllen != 0)
		x_unfit("sendmsg: control data are not modelled");
	return send_to("sendmsg", fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
}

/* Each message is a call of its own, also in the kernel. */
long k_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	for (unsigned i = 0; i < count; i++) {
		long r = k_recvmsg(fd, &msgs[i].msg_hdr, flags & ~MSG_WAITFORONE);

		if (r < 0)
			return i > 0 ? (long)i : r;
		msgs[i].msg_len = (unsigned)r;
		if ((flags & MSG_WAITFORONE) != 0)
			flags |= MSG_DONTWAIT;
	}
	return count;
}

long k_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	for (unsigned i = 0; i < count; i++) {
		long r = k_sendmsg(fd, &msgs[i].msg_hdr, flags);

		if (r < 0)
			return i > 0 ? (long)i : r;
		msgs[i].msg_len = (unsigned)r;
	}
	return count;
}
