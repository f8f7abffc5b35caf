/* The calls of kernel_differential's scripts: each made of the model and of Linux, on the same number,
 * with the same bytes. Owns nothing. */
#include "kernel_differential.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BYTES = 24 };

static bool often(void)
{
	return draw(4) != 0;
}

/* Mostly what is open, sometimes what is not. */
static int any_number(void)
{
	int open[NUMBERS];
	int n = 0;

	for (int i = FIRST; i < NUMBERS; i++)
		if (k_description(i) >= 0)
			open[n++] = i;
	if (n > 0 && draw(16) != 0)
		return open[draw((uint64_t)n)];
	return (int)(FIRST + draw(NUMBERS));
}

static mode_t kind(int fd)
{
	struct stat st;

	return k_fstat(fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

/* Neither kernel waits for anything here: a call without a flag of its own needs O_NONBLOCK. */
static bool may_wait(int fd)
{
	return k_description(fd) >= 0 && (k_flags(fd) & O_NONBLOCK) == 0 && kind(fd) != S_IFREG;
}

/* ---- Buffers: the same for both ---- */

struct buffers {
	char model[BYTES], real[BYTES];
	struct iovec model_iov[3], real_iov[3];
	int count;
	size_t n;
};

static void make_buffers(struct buffers *b)
{
	size_t at = 0;

	b->n = draw(8) == 0 ? 0 : draw(BYTES) + 1;
	if (draw(3) == 0)
		b->n = b->n < 8 ? b->n : 8;
	b->count = (int)draw(3) + 1;
	for (int i = 0; i < BYTES; i++)
		b->model[i] = b->real[i] = (char)draw(256);
	for (int i = 0; i < b->count; i++) {
		size_t n = i == b->count - 1 ? b->n - at : draw(b->n - at + 1);

		b->model_iov[i] = (struct iovec){b->model + at, n};
		b->real_iov[i] = (struct iovec){b->real + at, n};
		at += n;
	}
}

static void same_bytes(const struct buffers *b)
{
	if (memcmp(b->model, b->real, BYTES) != 0)
		(void)same(0, 1, "  the bytes");
}

/* An eventfd's count comes in one piece. */
static bool is_event(int fd)
{
	return k_description(fd) >= 0 && kind(fd) == 0;
}

/* ---- The calls ---- */

void call_pair(void)
{
	int model[2] = {-1, -1};
	int real[2] = {-1, -1};
	int type = SOCK_STREAM | SOCK_CLOEXEC | (often() ? SOCK_NONBLOCK : 0);

	(void)same(k_socketpair(AF_UNIX, type, 0, model), raw(socketpair(AF_UNIX, type, 0, real)),
	           "socketpair");
	(void)same(model[0], real[0], "  the first");
	(void)same(model[1], real[1], "  the second");
}

void call_pipe(void)
{
	int model[2] = {-1, -1};
	int real[2] = {-1, -1};
	int flags = O_CLOEXEC | (often() ? O_NONBLOCK : 0);

	(void)same(k_pipe2(model, flags), raw(pipe2(real, flags)), "pipe2");
	(void)same(model[0], real[0], "  the first");
	(void)same(model[1], real[1], "  the second");
}

static void event(void)
{
	(void)same(k_eventfd(), raw(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), "eventfd");
}

static void file(void)
{
	int flags = O_RDWR | O_CLOEXEC;

	(void)same(k_openat(AT_FDCWD, "file", flags, 0), raw(open(script_path, flags)), "open");
}

static void duplicate(void)
{
	int fd = any_number();
	long from = (long)draw(40);

	(void)same(k_fcntl(fd, F_DUPFD_CLOEXEC, (void *)from),
	           raw(fcntl(fd, F_DUPFD_CLOEXEC, from)), "dup %d from %ld", fd, from);
}

static void closes(void)
{
	int fd = any_number();

	(void)same(k_close(fd), raw(close(fd)), "close %d", fd);
}

static void shut(void)
{
	int fd = any_number();
	int how = (int)draw(4);

	(void)same(k_shutdown(fd, how), raw(shutdown(fd, how)), "shutdown %d, %d", fd, how);
}

static void reads(void)
{
	int fd = any_number();
	struct buffers b;

	make_buffers(&b);
	if (may_wait(fd))
		return;
	(void)same(k_read(fd, b.model, b.n), raw(read(fd, b.real, b.n)), "read %d, %zu", fd, b.n);
	same_bytes(&b);
}

static void writes(void)
{
	int fd = any_number();
	struct buffers b;

	make_buffers(&b);
	if (may_wait(fd) || kind(fd) == S_IFREG)
		return;
	(void)same(k_write(fd, b.model, b.n), raw(write(fd, b.real, b.n)), "write %d, %zu", fd,
	           b.n);
}

static void vector_reads(void)
{
	int fd = any_number();
	struct buffers b;

	make_buffers(&b);
	if (may_wait(fd) || is_event(fd))
		return;
	(void)same(k_readv(fd, b.model_iov, b.count), raw(readv(fd, b.real_iov, b.count)),
	           "readv %d, %zu in %d", fd, b.n, b.count);
	same_bytes(&b);
}

static void reads_at_once(void)
{
	int fd = any_number();
	off_t offset = draw(8) == 0 ? 0 : -1;
	struct buffers b;

	make_buffers(&b);
	if (is_event(fd))
		b.count = 1;
	if (kind(fd) == S_IFREG)
		return; /* file systems differ */
	(void)same(k_preadv2(fd, b.model_iov, b.count, offset, RWF_NOWAIT),
	           raw(preadv2(fd, b.real_iov, b.count, offset, RWF_NOWAIT)),
	           "preadv2 %d, %d pieces at %d", fd, b.count, (int)offset);
	same_bytes(&b);
}

static void writes_at_once(void)
{
	int fd = any_number();
	int flags = RWF_NOWAIT | (often() ? RWF_NOSIGNAL : 0);
	off_t offset = draw(8) == 0 ? 0 : -1;
	struct buffers b;

	make_buffers(&b);
	if (kind(fd) == S_IFREG)
		return;
	(void)same(k_pwritev2(fd, b.model_iov, b.count, offset, flags),
	           raw(pwritev2(fd, b.real_iov, b.count, offset, flags)),
	           "pwritev2 %d, %zu in %d at %d, flags %x", fd, b.n, b.count, (int)offset,
	           (unsigned)flags);
}

static void receives(void)
{
	int fd = any_number();
	int flags = MSG_DONTWAIT | (often() ? 0 : MSG_PEEK);
	struct buffers b;

	make_buffers(&b);
	(void)same(k_recvfrom(fd, b.model, b.n, flags, NULL, NULL),
	           raw(recv(fd, b.real, b.n, flags)), "recv %d, %zu, flags %x", fd, b.n,
	           (unsigned)flags);
	same_bytes(&b);
}

static void sends(void)
{
	int fd = any_number();
	int flags = MSG_DONTWAIT | (often() ? MSG_NOSIGNAL : 0);
	struct buffers b;

	make_buffers(&b);
	(void)same(k_sendto(fd, b.model, b.n, flags, NULL, 0), raw(send(fd, b.real, b.n, flags)),
	           "send %d, %zu, flags %x", fd, b.n, (unsigned)flags);
}

static void receives_message(void)
{
	int fd = any_number();
	int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (often() ? 0 : MSG_PEEK);
	struct msghdr model = {0};
	struct msghdr real = {0};
	struct buffers b;

	make_buffers(&b);
	model.msg_iov = b.model_iov;
	real.msg_iov = b.real_iov;
	model.msg_iovlen = real.msg_iovlen = (size_t)b.count;
	(void)same(k_recvmsg(fd, &model, flags), raw(recvmsg(fd, &real, flags)),
	           "recvmsg %d, %zu in %d", fd, b.n, b.count);
	same_bytes(&b);
	(void)same(model.msg_flags, real.msg_flags, "  its flags");
}

static void sends_message(void)
{
	int fd = any_number();
	struct msghdr model = {0};
	struct msghdr real = {0};
	struct buffers b;

	make_buffers(&b);
	model.msg_iov = b.model_iov;
	real.msg_iov = b.real_iov;
	model.msg_iovlen = real.msg_iovlen = (size_t)b.count;
	(void)same(k_sendmsg(fd, &model, MSG_DONTWAIT), raw(sendmsg(fd, &real, MSG_DONTWAIT)),
	           "sendmsg %d, %zu in %d", fd, b.n, b.count);
}

static void polls(void)
{
	static const short asked[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, 0, POLLRDHUP | POLLIN,
	                              0x7ff};
	struct pollfd model[4];
	struct pollfd real[4];
	size_t count = draw(4) + 1;

	for (size_t i = 0; i < count; i++)
		model[i] = (struct pollfd){.fd = draw(16) == 0 ? -1 : any_number(),
		                           .events = asked[draw(sizeof asked / sizeof *asked)]};
	memcpy(real, model, sizeof real);
	(void)same(k_poll(model, count, 0, 0), raw(poll(real, count, 0)), "poll %zu", count);
	for (size_t i = 0; i < count; i++)
		(void)same(model[i].revents, real[i].revents, "  %d for %x", model[i].fd,
		           (unsigned)model[i].events);
}

static void get_flags(void)
{
	int fd = any_number();
	long model = k_fcntl(fd, F_GETFL, NULL);
	long real = raw(fcntl(fd, F_GETFL));

	if (real >= 0)
		real &= ~0100000L; /* O_LARGEFILE, which the kernel sets of itself */
	(void)same(model, real, "F_GETFL %d", fd);
}

static void set_flags(void)
{
	int fd = any_number();
	long flags = often() ? O_NONBLOCK : 0;

	(void)same(k_fcntl(fd, F_SETFL, (void *)flags), raw(fcntl(fd, F_SETFL, flags)),
	           "F_SETFL %d, %lx", fd, (unsigned long)flags);
}

static void descriptor_flags(void)
{
	int fd = any_number();

	(void)same(k_fcntl(fd, F_GETFD, NULL), raw(fcntl(fd, F_GETFD)), "F_GETFD %d", fd);
}

static void status(void)
{
	int fd = any_number();
	struct stat model;
	struct stat real;
	long r = k_fstat(fd, &model);

	if (same(r, raw(fstat(fd, &real)), "fstat %d", fd) && r == 0)
		(void)same(model.st_mode & S_IFMT, real.st_mode & S_IFMT, "  its kind");
}

static void option(void)
{
	static const int names[] = {SO_TYPE, SO_ERROR, SO_ACCEPTCONN, SO_DOMAIN};
	int name = names[draw(4)];
	int fd = any_number();
	int model = -1;
	int real = -1;
	socklen_t model_size = sizeof model;
	socklen_t real_size = sizeof real;

	(void)same(k_getsockopt(fd, SOL_SOCKET, name, &model, &model_size),
	           raw(getsockopt(fd, SOL_SOCKET, name, &real, &real_size)), "getsockopt %d, %d",
	           fd, name);
	(void)same(model, real, "  the value");
}

static void peer(void)
{
	int fd = any_number();
	struct sockaddr_storage address;
	socklen_t model_size = sizeof address;
	socklen_t real_size = sizeof address;

	(void)same(k_getpeername(fd, (struct sockaddr *)&address, &model_size),
	           raw(getpeername(fd, (struct sockaddr *)&address, &real_size)), "getpeername %d",
	           fd);
	(void)same(model_size, real_size, "  its size");
}

static void held(void)
{
	int fd = any_number();
	int real = 0;
	long r;

	if (kind(fd) != S_IFIFO)
		return;
	r = raw(ioctl(fd, FIONREAD, &real));
	(void)same(k_pipe_held(fd), r < 0 ? r : real, "FIONREAD %d", fd);
}

static bool can_move(int fd)
{
	mode_t k = kind(fd);

	return k == S_IFIFO || (k == S_IFSOCK && !may_wait(fd)) || k_description(fd) < 0;
}

static void moves(void)
{
	int in = any_number();
	int out = any_number();
	size_t n = draw(BYTES);

	if (!can_move(in) || !can_move(out))
		return;
	(void)same(k_splice(in, NULL, out, n, SPLICE_F_NONBLOCK),
	           raw(splice(in, NULL, out, NULL, n, SPLICE_F_NONBLOCK)), "splice %d to %d, %zu",
	           in, out, n);
}

static void copies(void)
{
	int in = any_number();
	int out = any_number();
	size_t n = draw(BYTES);

	if (!can_move(in) || !can_move(out))
		return;
	(void)same(k_tee(in, out, n, SPLICE_F_NONBLOCK), raw(tee(in, out, n, SPLICE_F_NONBLOCK)),
	           "tee %d to %d, %zu", in, out, n);
}

static void locks(void)
{
	static const int operations[] = {LOCK_SH, LOCK_EX, LOCK_UN, LOCK_EX};
	int operation = operations[draw(4)] | LOCK_NB;
	int fd = any_number();

	if (kind(fd) != S_IFREG && k_description(fd) >= 0)
		return;
	(void)same(k_flock(fd, operation), raw(flock(fd, operation)), "flock %d, %d", fd,
	           operation);
}

static void locks_open_file(void)
{
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
	struct flock model = {.l_type = types[draw(3)], .l_whence = SEEK_SET};
	struct flock real = model;
	int fd = any_number();

	if (kind(fd) != S_IFREG)
		return;
	(void)same(k_fcntl(fd, F_OFD_SETLK, &model), raw(fcntl(fd, F_OFD_SETLK, &real)),
	           "F_OFD_SETLK %d, %d", fd, real.l_type);
}

static void seeks(void)
{
	int fd = any_number();

	(void)same(k_lseek(fd, 0, SEEK_CUR), raw(lseek(fd, 0, SEEK_CUR)), "lseek %d", fd);
}

/* Those that make bytes flow come up more often. */
static void (*const calls[])(void) = {
	call_pair,
	call_pipe,
	event,
	file,
	duplicate,
	closes,
	closes,
	shut,
	reads,
	reads,
	writes,
	writes,
	writes,
	vector_reads,
	receives,
	receives,
	sends,
	sends,
	sends,
	reads_at_once,
	reads_at_once,
	polls,
	polls,
	polls,
	get_flags,
	set_flags,
	status,
	option,
	peer,
	held,
	moves,
	moves,
	copies,
	writes_at_once,
	writes_at_once,
	get_flags,
	seeks,
	sends_message,
	descriptor_flags,
	receives_message,
};

void call_any(void)
{
	calls[draw(sizeof calls / sizeof *calls)]();
}

/* Few files, so that their locks meet. */
void call_lock(void)
{
	static void (*const few[])(void) = {
		file, closes, duplicate, locks, locks, locks, locks_open_file, locks_open_file,
	};

	few[draw(sizeof few / sizeof *few)]();
}
