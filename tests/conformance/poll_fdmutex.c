/* What Go's internal/poll/fd_mutex_test.go asks of the word that locks, counts and closes a
 * descriptor, asked of lapse from outside: turns, pins, close, misuse, all at once. And the reads of
 * read_test.go. */
#include "shared.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- One after the other ---- */

static void mutex_lock(void **state)
{
	const struct where *where = *state;
	struct stat st;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	for (int i = 0; i < 3; i++) {
		CHECK(lapse_fstat(ends[0], &st) == 0);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK(lapse_read(ends[0], &byte, 1) == 1);
	}
	pair_close(ends);
}

static void mutex_close(void **state)
{
	const struct where *where = *state;
	struct stat st;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_ERR(lapse_fstat(ends[0], &st), EBADF);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), EBADF);
	CHECK_ERR(lapse_write(ends[0], &byte, 1), EBADF);
	CHECK_ERR(lapse_close(ends[0]), EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* ---- Close with a queue ---- */

enum { QUEUED = 4 };

/* The one that runs, those that queue and those that only pin are all let go, and the number is
 * free, only then, when close returns. */
static void mutex_close_unblock(void **state)
{
	const struct where *where = *state;
	struct call readers[1 + QUEUED], waiters[QUEUED];
	lapse_fd ends[2];
	int sysfd;

	family_make(where->family, ends);
	sysfd = lapse_sysfd(ends[0]);
	for (int i = 0; i < 1 + QUEUED; i++) {
		operation_block(&readers[i], "read", ends[0]);
	}
	for (int i = 0; i < QUEUED; i++) {
		operation_block(&waiters[i], "wait_read", ends[0]);
	}
	CHECK(fcntl(sysfd, F_GETFD) >= 0);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK(fcntl(sysfd, F_GETFD) == -1 && errno == EBADF);
	for (int i = 0; i < 1 + QUEUED; i++)
		CHECK_CALL(&readers[i], -1, EBADF);
	for (int i = 0; i < QUEUED; i++)
		CHECK_CALL(&waiters[i], -1, EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* ---- Misuse ---- */

/* Go panics; a library reports. What is no handle is none, and what there is goes on working. */
static void mutex_panic(void **state)
{
	static const uintptr_t nonsense[] = {0, 1, 4096, 0x7fffffffffff, UINTPTR_MAX};
	lapse_fd ends[2];
	char byte;

	(void)state;
	CHECK(lapse_pipe(ends) == 0);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		lapse_fd fd = (lapse_fd)nonsense[i];

		CHECK_ERR(lapse_read(fd, &byte, 1), EBADF);
		CHECK_ERR(lapse_set_deadline(fd, 0), EBADF);
		CHECK_ERR(lapse_close(fd), EBADF);
	}
	/* One bit of a good handle wrong. */
	for (int bit = 0; bit < 64; bit++) {
		lapse_fd fd = (lapse_fd)((uintptr_t)ends[0] ^ UINT64_C(1) << bit);

		if (fd == ends[1])
			continue;
		CHECK_ERR(lapse_read(fd, &byte, 1), EBADF);
		CHECK_ERR(lapse_close(fd), EBADF);
	}
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	CHECK(lapse_read(ends[0], &byte, 1) == 1);
	pair_close(ends);
}

/* ---- Everything at once ---- */

enum { THREADS = 8, RECORD = 6000 };

struct user {
	struct call call;
	int rounds, index;
	uint64_t seed;
};

/* A record is one byte over and over: whose turn it was. It is more than a pipe takes at once, so
 * that two that overlap would be seen. */
static intptr_t use_writer(struct call *c)
{
	const struct user *u = (struct user *)c;
	char record[RECORD];

	memset(record, 'a' + u->index, sizeof(record));
	return lapse_write(c->other, record, sizeof(record)) == RECORD ? 0 : -1;
}

static intptr_t use_reader(struct call *c)
{
	char record[RECORD];
	size_t done;

	if (lapse_read_full(c->fd, record, sizeof(record), &done) != 0 || done != sizeof(record))
		return -1;
	for (int i = 1; i < RECORD; i++)
		if (record[i] != record[0])
			return 1;
	return 0;
}

/* Half of them write and half read, as much in all; between, they ask and set. */
static intptr_t use(struct call *c)
{
	struct user *u = (struct user *)c;
	struct stat st;
	intptr_t result = 0;

	for (int i = 0; i < u->rounds && result == 0; i++) {
		switch (check_random(&u->seed) % 4) {
		case 0:
			result = lapse_fstat(c->fd, &st) | lapse_fstat(c->other, &st);
			break;
		case 1:
			result = lapse_set_deadline(c->fd, lapse_in(3600 * LAPSE_S));
			break;
		case 2:
			result = lapse_check(c->other, LAPSE_WRITE);
			break;
		default:
			break;
		}
		if (result == 0)
			result = u->index % 2 ? use_reader(c) : use_writer(c);
	}
	return result;
}

static void mutex_stress(void **state)
{
	const struct where *where = *state;
	struct user users[THREADS];
	lapse_fd ends[2];

	family_make(where->family, ends);
	for (int i = 0; i < THREADS; i++) {
		users[i] = (struct user){.call = {.fd = ends[0], .other = ends[1]},
		                         .rounds = check_count(200),
		                         .index = i,
		                         .seed = (uint64_t)i + 1};
		call_start(&users[i].call, use);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_CALL(&users[i].call, 0, 0);
	pair_close(ends);
}

/* ---- What ends a stream, and what does not ---- */

static void eof_error(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK(lapse_read(ends[0], &byte, 1) == 1);
	/* Again and again; a closed handle is an error instead. */
	for (int i = 0; i < 3; i++)
		CHECK(lapse_read(ends[0], &byte, 1) == 0);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), EBADF);
}

/* ---- Files of a special kind ---- */

static intptr_t read_special(struct call *c)
{
	char buf[4096];

	for (int i = 0; i < 100; i++) {
		lapse_fd fd = lapse_open(c->buf, O_RDONLY, 0);
		ssize_t n;

		if (fd == LAPSE_NOFD)
			return -1;
		do
			n = lapse_read(fd, buf, sizeof(buf));
		while (n > 0);
		if (n < 0 || lapse_close(fd) != 0)
			return -1;
	}
	return 0;
}

static void read_special_files(void **state)
{
	static char paths[][40] = {"/dev/null", "/proc/stat", "/sys/devices/system/cpu/online"};
	enum { FILES = sizeof(paths) / sizeof(paths[0]), READERS = 4 };
	struct call readers[FILES * READERS];

	(void)state;
	for (int i = 0; i < FILES * READERS; i++) {
		readers[i] = (struct call){.buf = paths[i % FILES]};
		call_start(&readers[i], read_special);
	}
	for (int i = 0; i < FILES * READERS; i++)
		CHECK_CALL(&readers[i], 0, 0);
}

static const struct check checks[] = {
	{TEST_FAMILIES(mutex_lock, 0)},
	{TEST_FAMILIES(mutex_close, 0)},
	{TEST_FAMILIES(mutex_close_unblock, 0)},
	{TEST(mutex_panic)},
	{TEST_FAMILIES(mutex_stress, FAMILY_STREAM)},
	{TEST_FAMILIES(eof_error, FAMILY_ENDS)},
	{TEST(read_special_files)},
};
CHECK_MAIN(checks)
