/* Uses the library: exercise.h. Owns what it opens until it returns. */
#include "exercise.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

void give_up(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: errno %d (%s)\n", file, line, what, errno, strerror(errno));
	_exit(1);
}

/* ---- Sockets ---- */

static void dial(lapse_fd ends[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct sockaddr *name = (struct sockaddr *)&address;
	socklen_t size = sizeof(address);
	lapse_fd listener = lapse_socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(bind(lapse_sysfd(listener), name, size) == 0);
	EXPECT(listen(lapse_sysfd(listener), 1) == 0);
	EXPECT(getsockname(lapse_sysfd(listener), name, &size) == 0);
	ends[0] = lapse_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(lapse_connect(ends[0], name, size) == 0);
	ends[1] = lapse_accept(listener, NULL, NULL);
	EXPECT(ends[1] != LAPSE_NOFD);
	EXPECT(lapse_set_read_deadline(listener, lapse_in(LAPSE_MS)) == 0);
	EXPECT(lapse_accept(listener, NULL, NULL) == LAPSE_NOFD && errno == LAPSE_EXPIRED);
	EXPECT(lapse_close(listener) == 0);
}

static void send_and_receive(lapse_fd from, lapse_fd to)
{
	struct iovec iov[2] = {{(void *)(uintptr_t) "ab", 2}, {(void *)(uintptr_t) "cd", 2}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	char buf[8] = "";

	EXPECT(lapse_sendmsg(from, &msg, 0) == 4);
	EXPECT(lapse_wait(to, LAPSE_READ) == LAPSE_READ);
	EXPECT(lapse_recv(to, buf, 4, MSG_WAITALL) == 4 && memcmp(buf, "abcd", 4) == 0);
	EXPECT(lapse_writev(from, iov, 2) == 4);
	EXPECT(lapse_read(to, buf, 4) == 4);
	EXPECT_ERR(lapse_recv(to, buf, 1, MSG_DONTWAIT), EAGAIN);
}

static void expire(lapse_fd fd)
{
	struct lapse_pollfd entry = {fd, LAPSE_READ, 0, 0};
	lapse_scope scope;
	char byte;

	EXPECT(lapse_set_read_deadline(fd, lapse_in(LAPSE_MS)) == 0);
	EXPECT_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	EXPECT(lapse_poll(&entry, 1) == 1 && entry.error == LAPSE_EXPIRED);
	EXPECT(lapse_set_read_deadline(fd, LAPSE_NEVER) == 0);
	EXPECT(lapse_set_idle(fd, LAPSE_READ, LAPSE_MS) == 0);
	EXPECT_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	EXPECT(lapse_set_idle(fd, LAPSE_READ, 0) == 0);
	lapse_scope_enter(&scope, lapse_in(LAPSE_MS));
	EXPECT_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	EXPECT_ERR(lapse_sleep_until(LAPSE_NEVER), LAPSE_EXPIRED);
	EXPECT_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	EXPECT(lapse_cancel(fd, LAPSE_READ) == 0 && lapse_check(fd, LAPSE_READ) == 0);
	EXPECT(lapse_sleep_until(lapse_in(LAPSE_MS)) == 0);
}

void exercise_sockets(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	for (int i = 0; i < 4; i++) {
		lapse_fd ends[2];

		if (i < 3)
			EXPECT(lapse_socketpair(AF_UNIX, types[i], 0, ends) == 0);
		else
			dial(ends);
		if (i == 0 || i == 3)
			send_and_receive(ends[0], ends[1]);
		expire(ends[1]);
		EXPECT(lapse_close(ends[0]) == 0 && lapse_close(ends[1]) == 0);
		EXPECT_ERR(lapse_close(ends[1]), EBADF);
	}
}

/* ---- Threads ---- */

struct reader {
	pthread_t thread;
	lapse_fd fd;
	int error; /* how the read ended */
};

static void *read_one(void *arg)
{
	struct reader *r = arg;
	char byte;

	r->error = lapse_read(r->fd, &byte, 1) == 1 ? 0 : errno;
	return NULL;
}

static void reader_start(struct reader *r, lapse_fd fd)
{
	r->fd = fd;
	EXPECT(pthread_create(&r->thread, NULL, read_one, r) == 0);
}

static void reader_end(struct reader *r, int error)
{
	EXPECT(pthread_join(r->thread, NULL) == 0);
	EXPECT(r->error == error);
}

/* Two read, one after the other; what ends them comes from here, whenever it comes. */
static void let_go(lapse_fd ends[2])
{
	struct reader readers[2];

	for (int i = 0; i < 2; i++)
		reader_start(&readers[i], ends[0]);
	EXPECT(lapse_write(ends[1], "xy", 2) == 2);
	for (int i = 0; i < 2; i++)
		reader_end(&readers[i], 0);
	EXPECT(lapse_set_read_deadline(ends[0], lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		reader_start(&readers[i], ends[0]);
	EXPECT(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) == 0);
	for (int i = 0; i < 2; i++)
		reader_end(&readers[i], LAPSE_EXPIRED);
	EXPECT(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	for (int i = 0; i < 2; i++)
		reader_start(&readers[i], ends[0]);
	EXPECT(lapse_close(ends[0]) == 0);
	for (int i = 0; i < 2; i++)
		reader_end(&readers[i], EBADF);
	EXPECT_ERR(lapse_write(ends[1], "x", 1), EPIPE);
	EXPECT(lapse_close(ends[1]) == 0);
}

static void move_bytes(void)
{
	lapse_fd file = lapse_open("/proc/self/exe", O_RDONLY, 0), pipe[2], ends[2];
	off_t offset = 0;
	char magic[4];
	struct stat st;

	EXPECT(file != LAPSE_NOFD);
	EXPECT(lapse_fstat(file, &st) == 0 && st.st_size > 0);
	EXPECT(lapse_pipe(pipe) == 0);
	EXPECT(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	EXPECT(lapse_sendfile(pipe[1], file, &offset, 4) == 4);
	EXPECT(lapse_splice(ends[1], pipe[0], 4) == 4);
	EXPECT(lapse_read(ends[0], magic, 4) == 4 && memcmp(magic, "\177ELF", 4) == 0);
	EXPECT(lapse_close(file) == 0);
	for (int i = 0; i < 2; i++)
		EXPECT(lapse_close(pipe[i]) == 0 && lapse_close(ends[i]) == 0);
}

void exercise_streams(void)
{
	lapse_fd ends[2];

	EXPECT(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	let_go(ends);
	dial(ends);
	EXPECT(lapse_close(ends[0]) == 0 && lapse_close(ends[1]) == 0);
}

void exercise_threads(void)
{
	lapse_fd ends[2];
	int fds[2];

	EXPECT(lapse_pipe(ends) == 0);
	let_go(ends);
	EXPECT(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	ends[0] = lapse_adopt(fds[0]);
	ends[1] = lapse_adopt(fds[1]);
	let_go(ends);
	exercise_streams();
	move_bytes();
}
