/* Socket pairs and pipes as things: made, shut down, asked what they are. Owns nothing; the bytes
 * are stream.c's. */
#include "kernel/internal.h"

#include <string.h>

/* ---- Making ---- */

long k_pipe2(int fds[2], int flags)
{
	struct k_file *ends[2];
	int numbers[2];
	struct k_queue *q;
	long r;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0)
		return -EINVAL;
	r = k_step_numbers("pipe", 2, 0, numbers);
	if (r < 0)
		return r;
	q = k_queue_make(true);
	ends[0] = k_file_make(K_PIPE, O_RDONLY | (flags & O_NONBLOCK));
	ends[1] = k_file_make(K_PIPE, O_WRONLY | (flags & O_NONBLOCK));
	ends[0]->in = ends[1]->out = (int8_t)k_queue_id(q);
	k_writes_memory(fds, 2 * sizeof *fds);
	for (int i = 0; i < 2; i++) {
		k_number_give(numbers[i], ends[i], (flags & O_CLOEXEC) != 0);
		fds[i] = numbers[i];
	}
	return 0;
}

long k_socketpair(int domain, int type, int protocol, int fds[2])
{
	struct k_file *ends[2];
	struct k_queue *queues[2];
	int numbers[2];
	long r;

	if (domain != AF_UNIX || protocol != 0)
		return -EAFNOSUPPORT;
	if ((type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM)
		x_unfit("socketpair: sockets with message boundaries are not modelled");
	r = k_step_numbers("socketpair", 2, 0, numbers);
	if (r < 0)
		return r;
	k_writes_memory(fds, 2 * sizeof *fds);
	for (int i = 0; i < 2; i++) {
		queues[i] = k_queue_make(false);
		ends[i] = k_file_make(K_SOCKET, O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	}
	for (int i = 0; i < 2; i++) {
		ends[i]->in = (int8_t)k_queue_id(queues[i]);
		ends[i]->out = (int8_t)k_queue_id(queues[!i]);
		k_number_give(numbers[i], ends[i], (type & SOCK_CLOEXEC) != 0);
		fds[i] = numbers[i];
	}
	return 0;
}

/* ---- shutdown ---- */

struct shutting {
	int number, how;
};

static void refine_shutting(struct x_op *op)
{
	const struct shutting *s = op->arg;
	const struct k_file *f = k_named(s->number);

	op->reads = k_on_number(s->number);
	op->writes = 0;
	if (f == NULL || f->kind != K_SOCKET)
		return;
	if (s->how != SHUT_WR)
		op->writes |= k_on_ends(f->in);
	if (s->how != SHUT_RD)
		op->writes |= k_on_ends(f->out);
}

/* Of unix sockets each direction ends for both, whoever shuts it. */
static void shut(struct k_queue *q)
{
	q->ended = q->refused = true;
}

long k_shutdown(int fd, int how)
{
	struct shutting s = {fd, how};
	struct x_op op = K_OP("shutdown", fd, refine_shutting, &s);
	const struct k_file *f;
	long r = 0;

	x_step(&op);
	f = k_named(fd);
	if (f == NULL)
		r = -EBADF;
	else if (f->kind != K_SOCKET)
		r = -ENOTSOCK;
	else if (how < SHUT_RD || how > SHUT_RDWR)
		r = -EINVAL;
	if (r == 0 && how != SHUT_WR)
		shut(k_queue_at(f->in));
	if (r == 0 && how != SHUT_RD)
		shut(k_queue_at(f->out));
	k_log_call(K_OTHER, fd, f, r);
	return k_returns(r);
}

/* ---- Questions ---- */

struct asking {
	int number;
	enum { ERROR, BYTES, NOTHING } about;
};

static void refine_asking(struct x_op *op)
{
	const struct asking *a = op->arg;
	const struct k_file *f = k_named(a->number);

	op->reads = k_on_number(a->number);
	op->writes = 0;
	if (f == NULL || a->about == NOTHING)
		return;
	if (a->about == BYTES) {
		op->reads |= k_on_bytes(f->in) | k_on_bytes(f->out);
		return;
	}
	op->reads |= k_on_ends(f->in);
	if (f->in >= 0 && k_queue_at(f->in)->error != 0)
		op->writes |= k_on_ends(f->in);
}

static long ask(const char *name, int fd, int about, const struct k_file **f)
{
	struct asking a = {fd, about};
	struct x_op op = K_OP(name, fd, refine_asking, &a);

	x_step(&op);
	*f = k_named(fd);
	if (*f == NULL)
		k_log_call(K_OTHER, fd, NULL, -EBADF);
	return *f == NULL ? k_returns(-EBADF) : 0;
}

long k_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	const struct k_file *f;
	long r = ask("getsockopt", fd, name == SO_ERROR ? ERROR : NOTHING, &f);
	int answer;

	if (r < 0)
		return r;
	if (f->kind != K_SOCKET)
		return k_returns(-ENOTSOCK);
	if (level != SOL_SOCKET || *size < sizeof answer)
		return k_returns(level != SOL_SOCKET ? -EOPNOTSUPP : -EINVAL);
	switch (name) {
	case SO_TYPE:
		answer = SOCK_STREAM;
		break;
	case SO_DOMAIN:
		answer = AF_UNIX;
		break;
	case SO_ACCEPTCONN:
		answer = 0;
		break;
	case SO_ERROR:
		answer = k_queue_at(f->in)->error;
		k_queue_at(f->in)->error = 0;
		break;
	default:
		return k_returns(-ENOPROTOOPT);
	}
	k_writes_memory(value, sizeof answer);
	memcpy(value, &answer, sizeof answer);
	*size = sizeof answer;
	return k_returns(0);
}

long k_getpeername(int fd, struct sockaddr *addr, socklen_t *size)
{
	const struct k_file *f;
	long r = ask("getpeername", fd, NOTHING, &f);
	sa_family_t family = AF_UNIX;

	if (r < 0)
		return r;
	if (f->kind != K_SOCKET)
		return k_returns(-ENOTSOCK);
	memcpy(addr, &family, *size < sizeof family ? *size : sizeof family);
	*size = sizeof family;
	return k_returns(0);
}

static const struct k_queue *pipe_of(const struct k_file *f)
{
	return k_queue_at(f->in >= 0 ? f->in : f->out);
}

long k_pipe_held(int fd)
{
	const struct k_file *f;
	long r = ask("FIONREAD", fd, BYTES, &f);

	if (r < 0)
		return r;
	if (f->kind != K_PIPE)
		x_unfit("FIONREAD of what is no pipe is not modelled");
	return k_returns((long)k_queue_held(pipe_of(f)));
}

long k_pipe_capacity(int fd)
{
	const struct k_file *f;
	long r = ask("F_GETPIPE_SZ", fd, NOTHING, &f);

	if (r < 0)
		return r;
	if (f->kind != K_PIPE)
		return k_returns(-EBADF);
	return k_returns((long)pipe_of(f)->capacity);
}
