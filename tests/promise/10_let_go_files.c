/* Promise 10 on files that do not hang: under a deadline every call does what the system call does. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const folders[] = {".", "/dev/shm"};

enum { FOLDERS = 2, BIG = 1 << 20 };

static int sysfd_make(const char *folder)
{
	char path[100];
	int sysfd;

	snprintf(path, sizeof path, "%s/let_go_XXXXXX", folder);
	sysfd = mkostemp(path, O_CLOEXEC);
	CHECK(sysfd >= 0 && unlink(path) == 0);
	return sysfd;
}

static lapse_fd file_make(const char *folder)
{
	lapse_fd fd = lapse_adopt(sysfd_make(folder));

	CHECK(fd != LAPSE_NOFD && lapse_set_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0);
	return fd;
}

/* What is not in the cache has to be waited for. */
static void cool(int sysfd)
{
	CHECK(fdatasync(sysfd) == 0 && posix_fadvise(sysfd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

/* ---- The same as the system calls ---- */

struct step {
	int what;
	size_t n;
	off_t offset;
	struct iovec iov[6];
	int count;
	bool append;
};

/* Rarely much, so that a job is not enough for it. */
static size_t random_size(uint64_t *seed)
{
	size_t most = check_random(seed) % 8 == 0 ? BIG : 5000;

	return check_random(seed) % most;
}

static void step_make(struct step *s, uint64_t *seed, char *buf)
{
	size_t left;

	s->what = (int)(check_random(seed) % 12);
	s->n = left = random_size(seed);
	s->offset = (off_t)random_size(seed);
	s->append = check_random(seed) % 4 == 0;
	s->count = 1 + (int)(check_random(seed) % 6);
	for (int i = 0; i < s->count; i++) {
		size_t part = i == s->count - 1 ? left : check_random(seed) % (left + 1);

		s->iov[i] = (struct iovec){buf, part};
		buf += part;
		left -= part;
	}
}

static long step_plain(const struct step *s, int sysfd, char *buf)
{
	struct stat st;

	switch (s->what) {
	case 0:
		return read(sysfd, buf, s->n);
	case 1:
		return write(sysfd, buf, s->n);
	case 2:
		return readv(sysfd, s->iov, s->count);
	case 3:
		return writev(sysfd, s->iov, s->count);
	case 4:
		return pread(sysfd, buf, s->n, s->offset);
	case 5:
		return pwrite(sysfd, buf, s->n, s->offset);
	case 6:
		return preadv(sysfd, s->iov, s->count, s->offset);
	case 7:
		return pwritev(sysfd, s->iov, s->count, s->offset);
	case 8:
		return lseek(sysfd, s->offset, s->append ? SEEK_SET : SEEK_CUR);
	case 9:
		return ftruncate(sysfd, s->offset);
	case 10:
		return fallocate(sysfd, 0, s->offset, (off_t)s->n);
	default:
		return fstat(sysfd, &st) < 0 || fsync(sysfd) < 0 ? -1 : st.st_size;
	}
}

static long step_lapse(const struct step *s, lapse_fd fd, char *buf)
{
	struct stat st;

	switch (s->what) {
	case 0:
		return lapse_read(fd, buf, s->n);
	case 1:
		return lapse_write(fd, buf, s->n);
	case 2:
		return lapse_readv(fd, s->iov, s->count);
	case 3:
		return lapse_writev(fd, s->iov, s->count);
	case 4:
		return lapse_pread(fd, buf, s->n, s->offset);
	case 5:
		return lapse_pwrite(fd, buf, s->n, s->offset);
	case 6:
		return lapse_preadv(fd, s->iov, s->count, s->offset);
	case 7:
		return lapse_pwritev(fd, s->iov, s->count, s->offset);
	case 8:
		return lapse_seek(fd, s->offset, s->append ? SEEK_SET : SEEK_CUR);
	case 9:
		return lapse_ftruncate(fd, s->offset);
	case 10:
		return lapse_fallocate(fd, 0, s->offset, (off_t)s->n);
	default:
		return lapse_fstat(fd, &st) < 0 || lapse_fsync(fd) < 0 ? -1 : st.st_size;
	}
}

static void same_contents(int a, int b)
{
	off_t size = lseek(a, 0, SEEK_END);
	char *x = malloc((size_t)size + 1), *y = malloc((size_t)size + 1);

	CHECK(lseek(b, 0, SEEK_END) == size);
	CHECK(pread(a, x, (size_t)size, 0) == size && pread(b, y, (size_t)size, 0) == size);
	CHECK(memcmp(x, y, (size_t)size) == 0);
	free(x);
	free(y);
}

static void append_or_not(int sysfd, bool append)
{
	int flags = fcntl(sysfd, F_GETFL);

	CHECK(fcntl(sysfd, F_SETFL, append ? flags | O_APPEND : flags & ~O_APPEND) == 0);
}

static void steps_in(const char *folder, uint64_t seed, int steps)
{
	int plain = sysfd_make(folder);
	lapse_fd fd = file_make(folder);
	int own = lapse_sysfd(fd);
	char *buf = malloc(BIG), *expected = malloc(BIG);

	for (int i = 0; i < steps; i++) {
		struct step s;
		long want, got;
		int error;

		step_make(&s, &seed, buf);
		append_or_not(plain, s.append);
		append_or_not(own, s.append);
		if (check_random(&seed) % 4 == 0)
			cool(own);
		stamp_fill(buf, BIG, (size_t)i);
		errno = 0;
		want = step_plain(&s, plain, buf);
		error = errno;
		memcpy(expected, buf, BIG);
		stamp_fill(buf, BIG, (size_t)i);
		errno = 0;
		got = step_lapse(&s, fd, buf);
		if (got != want || (want < 0 && errno != error))
			check_die("step %d, %d in %s: %ld instead of %ld, errno %d", i, s.what,
			          folder, got, want, errno);
		if (memcmp(buf, expected, BIG) != 0)
			check_die("step %d, %d in %s: other bytes", i, s.what, folder);
		if (lseek(own, 0, SEEK_CUR) != lseek(plain, 0, SEEK_CUR))
			check_die("step %d, %d in %s: another position", i, s.what, folder);
	}
	same_contents(plain, own);
	free(buf);
	free(expected);
	close(plain);
	CHECK(lapse_close(fd) == 0);
}

static void same_as_system_calls(void **state)
{
	(void)state;
	for (int f = 0; f < FOLDERS; f++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			steps_in(folders[f], seed, check_count(150));
}

static void from_file_to_file(void **state)
{
	char *buf = malloc(BIG);

	(void)state;
	stamp_fill(buf, BIG, 0);
	for (int f = 0; f < FOLDERS * FOLDERS; f++) {
		lapse_fd in = file_make(folders[f / FOLDERS]),
			 out = file_make(folders[f % FOLDERS]);
		off_t at = 5, to = 3;

		CHECK(lapse_write(in, buf, BIG) == BIG && lapse_seek(in, 0, SEEK_SET) == 0);
		cool(lapse_sysfd(in));
		CHECK(lapse_copy_file_range(out, NULL, in, NULL, 700000) == 700000);
		CHECK(lapse_sendfile(out, in, NULL, BIG) == BIG - 700000);
		CHECK(lapse_seek(in, 0, SEEK_CUR) == BIG && lapse_seek(out, 0, SEEK_CUR) == BIG);
		same_contents(lapse_sysfd(in), lapse_sysfd(out));
		CHECK(lapse_copy_file_range(out, &to, in, &at, 1000) == 1000);
		CHECK(at == 1005 && to == 1003);
		at = 5;
		CHECK(lapse_sendfile(out, in, &at, 1000) == 1000 && at == 1005);
		CHECK(lapse_pread(out, buf, 1000, BIG) == 1000 && stamp_holds(buf, 1000, 5));
		CHECK(lapse_pread(out, buf, 1000, 3) == 1000 && stamp_holds(buf, 1000, 5));
		stamp_fill(buf, BIG, 0);
		CHECK(lapse_close(in) == 0 && lapse_close(out) == 0);
	}
	free(buf);
}

/* Refused where the kernel refuses it, however much is asked for; the end is where it was. */
static void within_one_file(void **state)
{
	enum { SIZE = 3 * BIG };
	char *buf = malloc(SIZE);

	(void)state;
	CHECK(buf != NULL);
	stamp_fill(buf, SIZE, 0);
	for (int i = 0; i < 2 * FOLDERS; i++) {
		lapse_fd file = file_make(folders[i / 2]);
		off_t at = 0, to = BIG + BIG / 2;

		CHECK(i % 2 == 0 || lapse_set_deadline(file, LAPSE_NEVER) == 0);
		CHECK(lapse_write(file, buf, SIZE) == SIZE);
		for (lapse_fd out = file; out != LAPSE_NOFD;) {
			CHECK_ERR(lapse_copy_file_range(out, &to, file, &at, 2 * BIG), EINVAL);
			CHECK(at == 0 && to == BIG + BIG / 2);
			if (out != file)
				CHECK(lapse_close(out) == 0);
			out = out == file ? lapse_dup(file) : LAPSE_NOFD;
		}
		at = SIZE - BIG - BIG / 2;
		to = SIZE;
		CHECK(lapse_copy_file_range(file, &to, file, &at, SIZE_MAX) == BIG + BIG / 2);
		CHECK(lapse_seek(file, 0, SEEK_END) == SIZE + BIG + BIG / 2);
		CHECK(lapse_pread(file, buf, BIG + BIG / 2, SIZE) == BIG + BIG / 2);
		CHECK(stamp_holds(buf, BIG + BIG / 2, SIZE - BIG - BIG / 2));
		stamp_fill(buf, SIZE, 0);
		CHECK(lapse_close(file) == 0);
	}
	free(buf);
}

static void through_pipes(void **state)
{
	char buf[20000];
	lapse_fd ends[2];
	lapse_fd file = file_make(".");

	(void)state;
	pair_make("pipe", ends);
	stamp_fill(buf, sizeof buf, 0);
	CHECK(lapse_write(file, buf, sizeof buf) == sizeof buf &&
	      lapse_seek(file, 0, SEEK_SET) == 0);
	for (int i = 0; i < 6; i++) {
		CHECK(lapse_splice(ends[1], file, 2000) == 2000);
		CHECK(lapse_splice(file, ends[0], 1000) == 1000); /* over what was just read */
		CHECK(lapse_read(ends[0], buf, 2000) == 1000);
	}
	CHECK(lapse_seek(file, 0, SEEK_CUR) == 18000);
	CHECK(lapse_close(file) == 0);
	pair_close(ends);
}

/* ---- Deadlines that come and go ---- */

struct changing {
	lapse_fd fd;
	atomic_bool stop;
};

static void *change_deadline(void *arg)
{
	struct changing *c = arg;

	while (!atomic_load(&c->stop)) {
		CHECK(lapse_set_write_deadline(c->fd, lapse_in(3600 * LAPSE_S)) == 0);
		CHECK(lapse_set_write_deadline(c->fd, LAPSE_NEVER) == 0);
	}
	return NULL;
}

/* A write goes one way or the other, all of it: none is cut short for no reason. */
static void all_is_written_either_way(void **state)
{
	enum { SIZE = 300000 };
	struct changing c = {file_make("."), false};
	struct iovec iov = {calloc(1, SIZE), SIZE};
	pthread_t thread;

	(void)state;
	CHECK(iov.iov_base != NULL);
	CHECK(pthread_create(&thread, NULL, change_deadline, &c) == 0);
	for (int i = 0; i < check_count(1000); i++) {
		CHECK(lapse_pwrite(c.fd, iov.iov_base, SIZE, 0) == SIZE);
		CHECK(lapse_pwritev(c.fd, &iov, 1, 0) == SIZE);
	}
	atomic_store(&c.stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(lapse_close(c.fd) == 0);
	free(iov.iov_base);
}

/* A write that does not fit says why, either way: the file may grow no further. In a child, which has
 * the limit. */
static void write_beyond(void *unused)
{
	enum { LIMIT = 50000 };
	const struct rlimit limit = {LIMIT, LIMIT};
	static char bytes[LIMIT + 1];
	struct iovec iov[2] = {{bytes, LIMIT - 1}, {bytes, 2}};

	(void)unused;
	CHILD_CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	for (int i = 0; i < 2; i++) {
		lapse_fd fd = file_make(".");

		CHILD_CHECK(i == 1 || lapse_set_deadline(fd, LAPSE_NEVER) == 0);
		errno = 0;
		CHILD_CHECK(lapse_pwrite(fd, bytes, LIMIT + 1, 0) == LIMIT && errno == EFBIG);
		errno = 0;
		CHILD_CHECK(lapse_pwritev(fd, iov, 2, 0) == LIMIT && errno == EFBIG);
		CHILD_CHECK(lapse_pwrite(fd, bytes, 1, LIMIT) == -1 && errno == EFBIG);
		iov[1].iov_base = (void *)8; /* in user space, unlike -4096 */
		errno = 0;
		CHILD_CHECK(lapse_pwritev(fd, iov, 2, 0) == LIMIT - 1 && errno == EFAULT);
		iov[1].iov_base = bytes;
		CHILD_CHECK(lapse_close(fd) == 0);
	}
}

static void a_short_write_says_why(void **state)
{
	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow a child that starts threads");
	check_child_ends(check_fork(write_beyond, NULL), 0);
}

/* ---- Bad input is an error ---- */

static void bad_addresses(void **state)
{
	void *bad = (void *)-4096;
	char buf[100];
	struct iovec iov[2] = {{buf, 10}, {bad, 10}};
	lapse_scope scope;

	(void)state;
	for (int f = 0; f < FOLDERS; f++) {
		lapse_fd fd = file_make(folders[f]);

		CHECK(lapse_pwrite(fd, "0123456789", 10, 0) == 10);
		for (int i = 0; i < 2; i++) {
			cool(lapse_sysfd(fd));
			CHECK_ERR(lapse_read(fd, i == 0 ? bad : NULL, 10), EFAULT);
			cool(lapse_sysfd(fd));
			CHECK_ERR(lapse_pread(fd, i == 0 ? bad : NULL, 10, 0), EFAULT);
			CHECK_ERR(lapse_write(fd, i == 0 ? bad : NULL, 10), EFAULT);
			CHECK_ERR(lapse_pwrite(fd, i == 0 ? bad : NULL, 10, 0), EFAULT);
		}
		CHECK_ERR(lapse_preadv(fd, bad, 2, 0), EFAULT);
		CHECK_ERR(lapse_pwritev(fd, bad, 2, 0), EFAULT);
		CHECK_ERR(lapse_readv(fd, bad, 2), EFAULT);
		CHECK_ERR(lapse_preadv(fd, iov, -1, 0), EINVAL);
		CHECK_ERR(lapse_pwritev(fd, iov, -1, 0), EINVAL);
		CHECK_ERR(lapse_preadv(fd, iov, 5000, 0), EINVAL);
		CHECK_ERR(lapse_pwritev(fd, iov, 5000, 0), EINVAL);
		CHECK_ERR(lapse_fstat(fd, bad), EFAULT);
		CHECK(lapse_seek(fd, 0, SEEK_CUR) == 0);
		CHECK(lapse_pwritev(fd, iov, 2, 0) <= 10);
		CHECK(lapse_close(fd) == 0);
	}
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	CHECK_ERR(lapse_open(bad, O_RDONLY, 0), EFAULT);
	CHECK_ERR(lapse_open(NULL, O_RDONLY, 0), EFAULT);
	CHECK_ERR(lapse_open("no such file", O_RDONLY, 0), ENOENT);
	CHECK_ERR(lapse_openat(-1, "x", O_RDONLY, 0), EBADF);
	(void)lapse_scope_leave(&scope);
}

/* The same whether or not something is in force, and in a file where it waits for nothing. */
static void absurd_sizes(void **state)
{
	static const size_t sizes[] = {SIZE_MAX, (size_t)-EAGAIN, (size_t)SSIZE_MAX + 1};
	char buf[1] = "";

	(void)state;
	for (int i = 0; i < 2 * FOLDERS; i++) {
		lapse_fd fd = file_make(folders[i / 2]);

		if (i % 2 == 0)
			CHECK(lapse_set_deadline(fd, LAPSE_NEVER) == 0);
		else if (i / 2 == 0)
			(void)fcntl(lapse_sysfd(fd), F_SETFL, O_DIRECT);
		for (int j = 0; j < 3; j++) {
			CHECK_ERR(lapse_read(fd, buf, sizes[j]), EFAULT);
			CHECK_ERR(lapse_pread(fd, buf, sizes[j], 0), EFAULT);
			CHECK_ERR(lapse_write(fd, buf, sizes[j]), EFAULT);
			CHECK_ERR(lapse_pwrite(fd, buf, sizes[j], 0), EFAULT);
		}
		CHECK(lapse_close(fd) == 0);
	}
}

static void wrong_mode(void **state)
{
	char buf[10] = "";
	lapse_scope scope;
	lapse_fd fd;
	static const int modes[] = {O_RDONLY, O_WRONLY};

	(void)state;
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	for (int i = 0; i < 2; i++) {
		close(open("let_go_mode", O_CREAT | O_CLOEXEC, 0600));
		fd = lapse_open("let_go_mode", modes[i], 0);
		CHECK(fd != LAPSE_NOFD && unlink("let_go_mode") == 0);
		if (modes[i] == O_RDONLY) {
			CHECK_ERR(lapse_write(fd, buf, 1), EBADF);
			CHECK_ERR(lapse_pwrite(fd, buf, 1, 0), EBADF);
			CHECK_ERR(lapse_ftruncate(fd, 0), EINVAL);
		} else {
			CHECK_ERR(lapse_read(fd, buf, 1), EBADF);
			CHECK_ERR(lapse_pread(fd, buf, 1, 0), EBADF);
		}
		CHECK(lapse_close(fd) == 0);
	}
	fd = lapse_open(".", O_RDONLY | O_DIRECTORY, 0);
	CHECK_ERR(lapse_read(fd, buf, 1), EISDIR);
	CHECK(lapse_close(fd) == 0);
	(void)lapse_scope_leave(&scope);
}

/* ---- Locks of the process ---- */

static bool other_process_sees_lock(int sysfd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fcntl(sysfd, F_GETLK, &lock) != 0 ? 2 : lock.l_type != F_UNLCK);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static void posix_locks_stay(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	lapse_fd fd = file_make(".");
	int another = dup(lapse_sysfd(fd));
	char buf[10];

	(void)state;
	CHECK(fcntl(lapse_sysfd(fd), F_SETLK, &lock) == 0);
	CHECK(lapse_pwrite(fd, "abc", 3, 0) == 3 && lapse_fsync(fd) == 0);
	cool(lapse_sysfd(fd));
	CHECK(lapse_pread(fd, buf, 10, 0) == 3);
	CHECK(other_process_sees_lock(another));
	CHECK(lapse_close(fd) == 0);
	CHECK(!other_process_sees_lock(another)); /* as after any close */
	close(another);
}

static const struct check checks[] = {
	{TEST(same_as_system_calls)},
	{TEST(from_file_to_file)},
	{TEST(within_one_file)},
	{TEST(through_pipes)},
	{TEST(all_is_written_either_way)},
	{TEST(a_short_write_says_why)},
	{TEST(bad_addresses)},
	{TEST(absurd_sizes)},
	{TEST(wrong_mode)},
	{TEST(posix_locks_stay)},
};
CHECK_MAIN(checks)
