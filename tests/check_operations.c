/* Every operation that blocks on a handle, in one form: -1 with errno, or 1 for the one byte,
 * message or connection that was asked for; and handles on which one blocks. Lets go of what blocks
 * with plain system calls, so that no fault of lapse hides another. */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- Operations ---- */

static intptr_t do_read(struct call *c)
{
	return lapse_read(c->fd, c->buf, c->n);
}

static intptr_t do_readv(struct call *c)
{
	struct iovec iov[2] = {{c->buf, 0}, {c->buf, c->n}};

	return lapse_readv(c->fd, iov, 2);
}

static intptr_t do_read_full(struct call *c)
{
	size_t done = 99;
	int result = lapse_read_full(c->fd, c->buf, c->n, &done);

	return result == 0 ? (intptr_t)done : result;
}

static intptr_t do_recv(struct call *c)
{
	return lapse_recv(c->fd, c->buf, c->n, 0);
}

static intptr_t do_recvfrom(struct call *c)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);

	return lapse_recvfrom(c->fd, c->buf, c->n, 0, (struct sockaddr *)&from, &size);
}

static intptr_t do_recvmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return lapse_recvmsg(c->fd, &msg, 0);
}

static intptr_t do_recvmmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct mmsghdr msgs = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return lapse_recvmmsg(c->fd, &msgs, 1, 0);
}

static intptr_t do_splice_in(struct call *c)
{
	return lapse_splice(c->other, c->fd, c->n);
}

static intptr_t do_splice_out(struct call *c)
{
	return lapse_splice(c->fd, c->other, c->n);
}

static intptr_t do_sendfile(struct call *c)
{
	off_t offset = 0;

	return lapse_sendfile(c->fd, c->other, &offset, c->n);
}

static intptr_t do_write(struct call *c)
{
	return lapse_write(c->fd, c->buf, c->n);
}

static intptr_t do_writev(struct call *c)
{
	struct iovec iov[2] = {{c->buf, 0}, {c->buf, c->n}};

	return lapse_writev(c->fd, iov, 2);
}

static intptr_t do_write_full(struct call *c)
{
	size_t done = 99;
	int result = lapse_write_full(c->fd, c->buf, c->n, &done);

	return result == 0 ? (intptr_t)done : result;
}

static intptr_t do_send(struct call *c)
{
	return lapse_send(c->fd, c->buf, c->n, 0);
}

static intptr_t do_sendto(struct call *c)
{
	return lapse_sendto(c->fd, c->buf, c->n, 0, NULL, 0);
}

static intptr_t do_sendmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return lapse_sendmsg(c->fd, &msg, 0);
}

static intptr_t do_sendmmsg(struct call *c)
{
	struct iovec iov = {c->buf, c->n};
	struct mmsghdr msgs = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return lapse_sendmmsg(c->fd, &msgs, 1, 0);
}

static intptr_t do_wait(struct call *c, int dir)
{
	int got = lapse_wait(c->fd, dir);

	return got == dir ? 1 : got;
}

static intptr_t do_wait_read(struct call *c)
{
	return do_wait(c, LAPSE_READ);
}

static intptr_t do_wait_write(struct call *c)
{
	return do_wait(c, LAPSE_WRITE);
}

static intptr_t do_poll(struct call *c, int dir)
{
	struct lapse_pollfd entry = {c->fd, dir, 0, 0};
	int count = lapse_poll(&entry, 1);

	if (count != 1 || entry.error == 0)
		return count == 1 && entry.got != dir ? 0 : count;
	errno = entry.error;
	return -1;
}

static intptr_t do_poll_read(struct call *c)
{
	return do_poll(c, LAPSE_READ);
}

static intptr_t do_poll_write(struct call *c)
{
	return do_poll(c, LAPSE_WRITE);
}

static intptr_t do_accept(struct call *c)
{
	lapse_fd fd = lapse_accept(c->fd, NULL, NULL);

	if (fd == LAPSE_NOFD)
		return -1;
	return lapse_close(fd) == 0 ? 1 : 0;
}

static intptr_t do_connect(struct call *c)
{
	int result = lapse_connect(c->fd, c->address, c->address_size);

	return result == 0 ? 1 : result;
}

enum { READ = LAPSE_READ, WRITE = LAPSE_WRITE };
enum { SOCKET = FAMILY_SOCKET, STREAM = FAMILY_STREAM, FILLS = FAMILY_FILLS };

const struct operation check_operations[] = {
	{"read", READ, 0, true, false, true, do_read},
	{"readv", READ, 0, true, false, false, do_readv},
	{"read_full", READ, 0, true, false, false, do_read_full},
	{"recv", READ, SOCKET, true, false, false, do_recv},
	{"recvfrom", READ, SOCKET, true, false, false, do_recvfrom},
	{"recvmsg", READ, SOCKET, true, false, false, do_recvmsg},
	{"recvmmsg", READ, SOCKET, true, false, false, do_recvmmsg},
	{"splice_in", READ, STREAM, true, false, true, do_splice_in},
	{"wait_read", READ, 0, false, false, true, do_wait_read},
	{"poll_read", READ, 0, false, false, false, do_poll_read},
	{"write", WRITE, FILLS, true, false, true, do_write},
	{"writev", WRITE, FILLS, true, false, false, do_writev},
	{"write_full", WRITE, FILLS, true, false, false, do_write_full},
	{"send", WRITE, SOCKET | FILLS, true, false, false, do_send},
	{"sendto", WRITE, SOCKET | FILLS, true, false, false, do_sendto},
	{"sendmsg", WRITE, SOCKET | FILLS, true, false, false, do_sendmsg},
	{"sendmmsg", WRITE, SOCKET | FILLS, true, false, false, do_sendmmsg},
	{"splice_out", WRITE, STREAM | FILLS, true, false, true, do_splice_out},
	{"sendfile", WRITE, STREAM | FILLS, true, false, false, do_sendfile},
	{"wait_write", WRITE, FILLS, false, false, true, do_wait_write},
	{"poll_write", WRITE, FILLS, false, false, false, do_poll_write},
	{"accept", READ, FAMILY_LISTENS, false, true, true, do_accept},
	{"connect", WRITE, FAMILY_LISTENS, false, true, true, do_connect},
};
const size_t check_operation_count = sizeof(check_operations) / sizeof(check_operations[0]);

const struct operation *check_operation(const char *name)
{
	for (size_t i = 0; i < check_operation_count; i++)
		if (strcmp(check_operations[i].name, name) == 0)
			return &check_operations[i];
	check_die("no such operation: %s", name);
}

void operation_block(struct call *c, const char *name, lapse_fd fd)
{
	*c = (struct call){.fd = fd};
	call_block(c, check_operation(name)->run);
}

bool finishes_soon(const struct where *where)
{
	return where->operation->run != do_connect || where->family->domain != AF_INET;
}

int deadline_set(lapse_fd fd, int dir, lapse_time deadline)
{
	return dir == READ ? lapse_set_read_deadline(fd, deadline)
	                   : lapse_set_write_deadline(fd, deadline);
}

/* ---- Subjects ---- */

static int plain_socket(const struct family *family)
{
	int fd = socket(family->domain, family->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail_msg("socket: %s", strerror(errno));
	return fd;
}

/* The kernel tells of a listener how many wait in its backlog, and how many may. */
static bool backlog_is_full(lapse_fd listener)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	CHECK(getsockopt(lapse_sysfd(listener), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
	return info.tcpi_unacked > info.tcpi_sacked;
}

/* Connect until the next attempt would be left hanging. */
static void backlog_fill(struct subject *s)
{
	bool is_full = false;

	while (!is_full && s->filler_count < FILLER_MAX) {
		int fd = plain_socket(s->family);
		struct pollfd ready = {fd, POLLOUT, 0};

		s->filler[s->filler_count++] = fd;
		if (connect(fd, (struct sockaddr *)&s->address, s->address_size) == 0)
			continue;
		is_full = errno == EAGAIN;
		CHECK(is_full || errno == EINPROGRESS);
		/* TCP: no event tells that there is no room, so it is looked for again and again. */
		for (int got_through = 0; !is_full && !got_through;) {
			got_through = poll(&ready, 1, 1);
			is_full = backlog_is_full(s->peer);
		}
	}
	CHECK(is_full);
}

static void subject_listen(struct subject *s)
{
	bool connects = s->operation->dir == WRITE;
	lapse_fd listener = listener_make(s->family, connects ? 0 : 8, &s->address,
	                                  &s->address_size);

	if (!connects) {
		s->fd = listener;
		return;
	}
	s->peer = listener;
	backlog_fill(s);
	s->fd = lapse_socket(s->family->domain, s->family->type, 0);
	CHECK(s->fd != LAPSE_NOFD);
}

/* What splice and sendfile take from or give to: never the end that blocks. */
static void subject_source(struct subject *s)
{
	char some[256];
	int sysfd = memfd_create("source", MFD_CLOEXEC);

	memset(some, 's', sizeof(some));
	CHECK(sysfd >= 0 && write(sysfd, some, sizeof(some)) == (ssize_t)sizeof(some));
	CHECK(lseek(sysfd, 0, SEEK_SET) == 0);
	s->source = lapse_adopt(sysfd);
	CHECK(s->source != LAPSE_NOFD);
}

void subject_open(struct subject *s, const struct where *where)
{
	lapse_fd ends[2];

	*s = (struct subject){.family = where->family, .operation = where->operation};
	if (where->operation->is_connection) {
		subject_listen(s);
		return;
	}
	family_make(where->family, ends);
	s->fd = ends[where->operation->dir == WRITE];
	s->peer = ends[where->operation->dir == READ];
	if (where->operation->dir == WRITE)
		CHECK(pair_fill(s->fd, s->peer) > 0);
	subject_source(s);
}

void subject_close(struct subject *s)
{
	lapse_fd all[] = {s->fd, s->peer, s->source};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != LAPSE_NOFD)
			CHECK(lapse_close(all[i]) == 0);
	for (int i = 0; i < s->filler_count; i++)
		close(s->filler[i]);
}

void subject_prepare(struct subject *s, struct call *c)
{
	*c = (struct call){.fd = s->fd, .other = s->source, .operation = s->operation};
	c->run = s->operation->run;
	c->address = (struct sockaddr *)&s->address;
	c->address_size = s->address_size;
	c->buf = c->own;
	c->n = 1;
}

void subject_block(struct subject *s, struct call *c)
{
	subject_prepare(s, c);
	call_block(c, s->operation->run);
}

intptr_t subject_run(struct subject *s, struct call *c)
{
	subject_prepare(s, c);
	errno = 0;
	c->result = c->run(c);
	c->error = errno;
	return c->result;
}

/* Take one connection, or let one come. */
static void connection_feed(struct subject *s, bool is_first)
{
	int fd;

	if (s->operation->dir == WRITE) {
		fd = accept4(lapse_sysfd(s->peer), NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
	} else if (is_first) {
		CHECK(s->filler_count < FILLER_MAX);
		fd = plain_socket(s->family);
		s->filler[s->filler_count++] = fd;
		CHECK(connect(fd, (struct sockaddr *)&s->address, s->address_size) == 0 ||
		      errno == EINPROGRESS);
	}
}

void subject_feed(struct subject *s, bool is_first)
{
	if (s->operation->is_connection)
		connection_feed(s, is_first);
	else if (s->operation->dir == WRITE)
		(void)pair_drain(s->peer);
	else if (is_first)
		CHECK(write(lapse_sysfd(s->peer), "x", 1) == 1);
}

void subject_finish(struct subject *s, struct call *c)
{
	static const struct timespec pause = {0, 100000};

	for (bool is_first = true; !call_is_done(c); is_first = false) {
		subject_feed(s, is_first);
		nanosleep(&pause, NULL); /* until it is seen; there may be more to feed */
	}
	CHECK_CALL(c, 1, 0);
}
