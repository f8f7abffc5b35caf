/* Promise 9 against bad callers: numbers that are no handles, buffers that are none, sizes and flags
 * that make no sense get an errno, and touch nothing. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Every call that takes a handle ---- */

/* Good arguments for all of them but the handle. */
static char buf[64];
static struct iovec iov = {buf, 1};
static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
static struct mmsghdr msgs = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
static lapse_fd good[2]; /* a pair that stays alive through everything */

static intptr_t setting_call(int call, lapse_fd fd)
{
	struct lapse_pollfd entry = {fd, LAPSE_READ, 0, 0};

	switch (call) {
	case 35:
		return lapse_wait(fd, LAPSE_READ);
	case 36:
		return lapse_check(fd, LAPSE_READ);
	case 37:
		return lapse_cancel(fd, LAPSE_READ);
	case 38:
		return lapse_set_deadline(fd, 0);
	case 39:
		return lapse_set_read_deadline(fd, 0);
	case 40:
		return lapse_set_write_deadline(fd, 0);
	case 41:
		return lapse_set_idle(fd, LAPSE_READ, 1);
	case 42:
		return (intptr_t)lapse_dup(fd);
	case 43:
		return lapse_sysfd(fd);
	case 44:
		return lapse_close(fd);
	case 45:
		return lapse_release(fd);
	case 46:
		return lapse_read_deadline(fd) == LAPSE_NEVER ? -1 : 1;
	case 47:
		return lapse_write_deadline(fd) == LAPSE_NEVER ? -1 : 1;
	default:
		if (lapse_poll(&entry, 1) != 1 || entry.got != 0)
			return 1;
		errno = entry.error;
		return -1;
	}
}

static intptr_t file_call(int call, lapse_fd fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	struct stat st;
	off_t offset = 0, other = 0;

	switch (call) {
	case 18:
		return (intptr_t)lapse_accept(fd, NULL, NULL);
	case 19:
		return lapse_connect(fd, (struct sockaddr *)buf, sizeof(buf));
	case 20:
		return lapse_shutdown(fd, SHUT_RD);
	case 21:
		return lapse_sendfile(fd, good[0], &offset, 1);
	case 22:
		return lapse_sendfile(good[1], fd, &offset, 1);
	case 23:
		return lapse_splice(fd, good[0], 1);
	case 24:
		return lapse_splice(good[1], fd, 1);
	case 25:
		return lapse_copy_file_range(fd, &offset, good[0], &other, 1);
	case 26:
		return lapse_copy_file_range(good[1], &offset, fd, &other, 1);
	case 27:
		return lapse_fsync(fd);
	case 28:
		return lapse_fdatasync(fd);
	case 29:
		return lapse_ftruncate(fd, 0);
	case 30:
		return lapse_fallocate(fd, 0, 0, 1);
	case 31:
		return lapse_fstat(fd, &st);
	case 32:
		return lapse_seek(fd, 0, SEEK_SET);
	case 33:
		return lapse_flock(fd, LOCK_SH);
	case 34:
		return lapse_lock(fd, &lock);
	default:
		return setting_call(call, fd);
	}
}

static intptr_t with_handle(int call, lapse_fd fd)
{
	size_t done = 0;

	switch (call) {
	case 0:
		return lapse_read(fd, buf, 1);
	case 1:
		return lapse_write(fd, buf, 1);
	case 2:
		return lapse_readv(fd, &iov, 1);
	case 3:
		return lapse_writev(fd, &iov, 1);
	case 4:
		return lapse_read_full(fd, buf, 1, &done);
	case 5:
		return lapse_write_full(fd, buf, 1, &done);
	case 6:
		return lapse_pread(fd, buf, 1, 0);
	case 7:
		return lapse_pwrite(fd, buf, 1, 0);
	case 8:
		return lapse_preadv(fd, &iov, 1, 0);
	case 9:
		return lapse_pwritev(fd, &iov, 1, 0);
	case 10:
		return lapse_recv(fd, buf, 1, 0);
	case 11:
		return lapse_send(fd, buf, 1, 0);
	case 12:
		return lapse_recvfrom(fd, buf, 1, 0, NULL, NULL);
	case 13:
		return lapse_sendto(fd, buf, 1, 0, NULL, 0);
	case 14:
		return lapse_recvmsg(fd, &msg, 0);
	case 15:
		return lapse_sendmsg(fd, &msg, 0);
	case 16:
		return lapse_recvmmsg(fd, &msgs, 1, 0);
	case 17:
		return lapse_sendmmsg(fd, &msgs, 1, 0);
	default:
		return file_call(call, fd);
	}
}

enum { CALLS = 49 };

static void good_open(void)
{
	pair_make("unix_stream", good);
}

/* Nothing that was done to other numbers has reached these two. */
static void good_close(void)
{
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_check(good[i], LAPSE_READ | LAPSE_WRITE) == 0);
		CHECK(lapse_read_deadline(good[i]) == LAPSE_NEVER);
		CHECK(lapse_write_deadline(good[i]) == LAPSE_NEVER);
	}
	CHECK(pair_drain(good[0]) == 0 && pair_drain(good[1]) == 0);
	pair_close(good);
}

static void no_handle_at_all(void **state)
{
	(void)state;
	good_open();
	for (int i = 0; i < CALLS; i++)
		CHECK_ERR(with_handle(i, LAPSE_NOFD), EBADF);
	good_close();
}

static void closed_handle(void **state)
{
	lapse_fd ends[2];

	(void)state;
	good_open();
	pair_make("unix_stream", ends);
	pair_close(ends);
	for (int i = 0; i < CALLS; i++)
		CHECK_ERR(with_handle(i, ends[0]), EBADF);
	good_close();
}

/* Its slot and its number have a new owner, over and over; the old handle never reaches it. */
static void recycled_handle(void **state)
{
	lapse_fd old[2], fresh[2];

	(void)state;
	good_open();
	for (int round = 0; round < 300; round++) {
		pair_make("unix_stream", old);
		pair_close(old);
		pair_make("unix_stream", fresh);
		for (int i = round % 7; i < CALLS; i += 7)
			CHECK_ERR(with_handle(i, old[round % 2]), EBADF);
		for (int i = 0; i < 2; i++) {
			CHECK(lapse_check(fresh[i], LAPSE_READ | LAPSE_WRITE) == 0);
			CHECK(lapse_read_deadline(fresh[i]) == LAPSE_NEVER);
		}
		pair_close(fresh);
	}
	good_close();
}

static bool is_good(lapse_fd fd)
{
	return fd == good[0] || fd == good[1];
}

/* Real handles with one or two bits turned over. */
static void forged_from_a_real_one(void **state)
{
	(void)state;
	good_open();
	for (int a = 0; a < 64; a++) {
		for (int b = 0; b < 64; b++) {
			uint64_t bits = (UINT64_C(1) << a) | (UINT64_C(1) << b);
			lapse_fd fd = (lapse_fd)((uintptr_t)good[0] ^ bits);

			if (!is_good(fd))
				CHECK_ERR(with_handle((a * 64 + b) % CALLS, fd), EBADF);
		}
	}
	good_close();
}

static void forged_at_random(void **state)
{
	int count = check_count(1000000);
	uint64_t seed = 42;

	(void)state;
	good_open();
	for (int i = 0; i < count; i++) {
		uint64_t number = check_random(&seed);
		lapse_fd fd = (lapse_fd)(uintptr_t)(i % 2 == 0 ? number : number >> (number % 64));

		if (is_good(fd))
			continue;
		errno = 0;
		if (with_handle(i % CALLS, fd) > 0 || errno != EBADF)
			fail_msg("call %d with %p: errno %d", i % CALLS, (void *)fd, errno);
	}
	good_close();
}

/* ---- Buffers that are none ---- */

static void null_buffers(void **state)
{
	lapse_fd fd;

	(void)state;
	good_open();
	fd = good[0];
	CHECK(lapse_write(good[1], "abc", 3) == 3);
	CHECK_ERR(lapse_read(fd, NULL, 1), EFAULT);
	CHECK_ERR(lapse_recv(fd, NULL, 1, 0), EFAULT);
	CHECK_ERR(lapse_readv(fd, NULL, 1), EFAULT);
	CHECK_ERR(lapse_recvmsg(fd, NULL, 0), EFAULT);
	CHECK_ERR(lapse_recvmmsg(fd, NULL, 1, 0), EFAULT);
	CHECK_ERR(lapse_write(fd, NULL, 1), EFAULT);
	CHECK_ERR(lapse_send(fd, NULL, 1, 0), EFAULT);
	CHECK_ERR(lapse_writev(fd, NULL, 1), EFAULT);
	CHECK_ERR(lapse_sendmsg(fd, NULL, 0), EFAULT);
	CHECK_ERR(lapse_sendmmsg(fd, NULL, 1, 0), EFAULT);
	CHECK_ERR(lapse_fstat(fd, NULL), EFAULT);
	CHECK_ERR(lapse_lock(fd, NULL), EFAULT);
	CHECK_ERR(lapse_poll(NULL, 1), EFAULT);
	CHECK_ERR(lapse_pipe(NULL), EFAULT);
	CHECK_ERR(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL), EFAULT);
	CHECK_ERR(lapse_open(NULL, O_RDONLY, 0), EFAULT);
	CHECK(pair_drain(fd) == 3);
	good_close();
}

static void null_results(void **state)
{
	lapse_scope scope;

	(void)state;
	good_open();
	CHECK(lapse_write(good[1], "abc", 3) == 3);
	CHECK_ERR(lapse_read_full(good[0], buf, 1, NULL), EFAULT);
	CHECK_ERR(lapse_write_full(good[1], buf, 1, NULL), EFAULT);
	CHECK(pair_drain(good[0]) == 3);
	good_close();
	lapse_scope_enter(&scope, LAPSE_NEVER);
	errno = 0;
	CHECK(lapse_scope_share(NULL) == 0 && errno == EINVAL);
	CHECK_ERR(lapse_scope_leave(NULL), EINVAL);
	CHECK(lapse_scope_leave(&scope) == 0);
}

/* Of an array that takes several calls nothing is sent before all of it has been found good. */
static void array_beyond_its_pages(void **state)
{
	enum { COUNT = 4096 / sizeof(struct iovec) * 5, BAD = 4096 / sizeof(struct iovec) };
	size_t size = COUNT * sizeof(struct iovec);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec *v = (struct iovec *)page;

	(void)state;
	CHECK(page != MAP_FAILED);
	good_open();
	for (size_t i = 0; i < COUNT; i++)
		v[i] = (struct iovec){buf, 1};
	CHECK(lapse_writev(good[0], v, COUNT) == COUNT);
	CHECK(pair_drain(good[1]) == COUNT);
	CHECK(munmap(page + size - 4096, 4096) == 0);
	CHECK_ERR(lapse_writev(good[0], v, COUNT), EFAULT);
	CHECK(pair_drain(good[1]) == 0);
	CHECK(lapse_writev(good[0], v, COUNT - BAD) == COUNT - BAD);
	CHECK(pair_drain(good[1]) == COUNT - BAD);
	CHECK(munmap(page, size - 4096) == 0);
	good_close();
}

static void null_address(void **state)
{
	lapse_fd fd = lapse_socket(AF_INET, SOCK_STREAM, 0), listener, accepted;
	struct sockaddr_storage address;
	socklen_t size;

	(void)state;
	CHECK_ERR(lapse_connect(fd, NULL, 16), EFAULT);
	CHECK(lapse_close(fd) == 0);

	/* The connection is still there. */
	listener = listener_make(check_family("tcp"), 1, &address, &size);
	fd = lapse_socket(AF_INET, SOCK_STREAM, 0);
	CHECK(lapse_connect(fd, (struct sockaddr *)&address, size) == 0);
	CHECK_ERR(lapse_accept(listener, (struct sockaddr *)&address, NULL), EFAULT);
	accepted = lapse_accept(listener, NULL, NULL);
	CHECK(accepted != LAPSE_NOFD && lapse_close(accepted) == 0);
	CHECK(lapse_close(fd) == 0 && lapse_close(listener) == 0);
}

/* ---- Sizes, directions, flags ---- */

static void bad_directions(void **state)
{
	static const int bad[] = {0, 4, -1, LAPSE_READ | 8, INT_MAX, INT_MIN};

	(void)state;
	good_open();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lapse_pollfd entry = {good[0], bad[i], 0, 0};

		CHECK_ERR(lapse_wait(good[0], bad[i]), EINVAL);
		CHECK_ERR(lapse_check(good[0], bad[i]), EINVAL);
		CHECK_ERR(lapse_cancel(good[0], bad[i]), EINVAL);
		CHECK_ERR(lapse_set_idle(good[0], bad[i], 1), EINVAL);
		CHECK_ERR(lapse_poll(&entry, 1), EINVAL);
	}
	CHECK_ERR(lapse_set_idle(good[0], LAPSE_READ, -1), EINVAL);
	CHECK_ERR(lapse_set_idle(good[0], LAPSE_READ, INT64_MIN), EINVAL);
	good_close();
}

static void bad_counts(void **state)
{
	struct iovec too_much[2] = {{buf, 1}, {buf, SIZE_MAX}};
	lapse_fd file = lapse_adopt(memfd_create("file", MFD_CLOEXEC));
	size_t done;

	(void)state;
	good_open();
	CHECK_ERR(lapse_readv(good[0], &iov, -1), EINVAL);
	CHECK_ERR(lapse_writev(good[0], &iov, -1), EINVAL);
	CHECK_ERR(lapse_preadv(file, &iov, INT_MIN, 0), EINVAL);
	CHECK_ERR(lapse_pwritev(file, &iov, -1, 0), EINVAL);
	CHECK_ERR(lapse_writev(good[0], too_much, 2), EINVAL);
	CHECK_ERR(lapse_read(good[0], buf, SIZE_MAX), EFAULT);
	CHECK_ERR(lapse_read_full(good[0], buf, SIZE_MAX, &done), EFAULT);
	CHECK_ERR(lapse_write(good[0], buf, SIZE_MAX), EFAULT);
	CHECK(lapse_write(good[1], "abc", 3) == 3);
	CHECK_ERR(lapse_readv(good[0], too_much, 2), EINVAL);
	CHECK(lapse_read(good[0], buf, 0) == 0);
	CHECK(lapse_write(good[0], buf, 0) == 0);
	CHECK(lapse_readv(good[0], &iov, 0) == 0);
	CHECK(lapse_writev(good[0], &iov, 0) == 0);
	CHECK(lapse_splice(good[1], good[0], 0) == 0);
	CHECK(pair_drain(good[0]) == 3);
	CHECK(lapse_close(file) == 0);
	good_close();
}

static void what_the_kernel_refuses(void **state)
{
	lapse_fd file = lapse_adopt(memfd_create("file", MFD_CLOEXEC)), pipe[2];
	lapse_fd named, socket = lapse_socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	(void)state;
	snprintf(name.sun_path, sizeof name.sun_path, "socket.%d", (int)getpid());
	good_open();
	pair_make("pipe", pipe);
	CHECK_ERR(lapse_shutdown(good[0], 99), EINVAL);
	CHECK_ERR(lapse_shutdown(pipe[0], SHUT_RD), ENOTSOCK);
	CHECK_ERR(lapse_accept(pipe[0], NULL, NULL), ENOTSOCK);
	CHECK_ERR(lapse_recv(pipe[0], buf, 1, 0), ENOTSOCK);
	CHECK_ERR(lapse_send(pipe[1], buf, 1, 0), ENOTSOCK);
	CHECK_ERR(lapse_connect(pipe[1], (struct sockaddr *)buf, sizeof(buf)), ENOTSOCK);
	CHECK_ERR(lapse_splice(pipe[1], pipe[0], SIZE_MAX), EINVAL);
	CHECK_ERR(lapse_seek(pipe[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(lapse_pread(pipe[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(lapse_read(pipe[1], buf, 1), EBADF);
	CHECK_ERR(lapse_write(pipe[0], buf, 1), EBADF);
	CHECK_ERR(lapse_flock(file, 16), EINVAL);
	CHECK_ERR(lapse_ftruncate(file, -1), EINVAL);
	CHECK_ERR(lapse_fallocate(file, 0, 0, 0), EINVAL);
	CHECK_ERR(lapse_seek(file, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lapse_pread(file, buf, 1, -1), EINVAL);
	CHECK_ERR(lapse_open("/nonexistent/file", O_RDONLY, 0), ENOENT);
	CHECK_ERR(lapse_openat(-1, "file", O_RDONLY, 0), EBADF);
	CHECK_ERR(lapse_socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(lapse_adopt(-1), EBADF);
	CHECK_ERR(lapse_adopt(INT_MAX), EBADF);
	/* The name of a socket is no socket. */
	CHECK(bind(lapse_sysfd(socket), (struct sockaddr *)&name, sizeof name) == 0);
	named = lapse_open(name.sun_path, O_PATH, 0);
	CHECK(named != LAPSE_NOFD && unlink(name.sun_path) == 0);
	CHECK_ERR(lapse_recv(named, buf, 1, 0), EBADF);
	CHECK(lapse_close(named) == 0 && lapse_close(socket) == 0);
	pair_close(pipe);
	CHECK(lapse_close(file) == 0);
	good_close();
}

static void accept_where_nobody_listens(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK_ERR(lapse_accept(ends[0], NULL, NULL),
	          where->family->type == SOCK_DGRAM ? EOPNOTSUPP : EINVAL);
	pair_close(ends);
}

/* Only this asks for EAGAIN, and nothing else of the flags is swallowed. */
static void dontwait_is_the_callers(void **state)
{
	(void)state;
	good_open();
	CHECK_ERR(lapse_recv(good[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(lapse_recvfrom(good[0], buf, 1, MSG_DONTWAIT, NULL, NULL), EAGAIN);
	CHECK_ERR(lapse_recvmsg(good[0], &msg, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(lapse_recvmmsg(good[0], &msgs, 1, MSG_DONTWAIT), EAGAIN);
	(void)pair_fill(good[0], good[1]);
	CHECK_ERR(lapse_send(good[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(lapse_sendto(good[0], buf, 1, MSG_DONTWAIT, NULL, 0), EAGAIN);
	CHECK_ERR(lapse_sendmsg(good[0], &msg, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(lapse_sendmmsg(good[0], &msgs, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(pair_drain(good[1]) > 0);
	CHECK(lapse_write(good[1], "ab", 2) == 2);
	CHECK(lapse_recv(good[0], buf, 2, MSG_PEEK) == 2 && memcmp(buf, "ab", 2) == 0);
	CHECK(lapse_recv(good[0], buf, 2, 0) == 2);
	good_close();
}

static const struct check checks[] = {
	{TEST(no_handle_at_all)},
	{TEST(closed_handle)},
	{TEST(recycled_handle)},
	{TEST(forged_from_a_real_one)},
	{TEST(forged_at_random)},
	{TEST(null_buffers)},
	{TEST(null_results)},
	{TEST(array_beyond_its_pages)},
	{TEST(null_address)},
	{TEST(bad_directions)},
	{TEST(bad_counts)},
	{TEST(what_the_kernel_refuses)},
	{TEST(dontwait_is_the_callers)},
	{TEST_FAMILIES(accept_where_nobody_listens, FAMILY_SOCKET)},
};
CHECK_MAIN(checks)
