/* Promise 5, the result wins: what the kernel has done is reported, whatever ended the operation; a
 * write that stops part way returns the short count with its cause in errno, and the next call
 * reports that cause only if it still holds. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

/* ---- A write that stops part way ---- */

/* A big stream operation on ends[1] that cannot finish, and what has come out at ends[0]. */
struct cut {
	int next; /* kind of operation */
	lapse_fd ends[2];
	struct call call;
	char *bytes;
	lapse_fd file;
};

static intptr_t write_big(struct call *c)
{
	return lapse_write(c->fd, c->buf, c->n);
}

static intptr_t writev_big(struct call *c)
{
	struct iovec iov[3] = {{c->buf, 1}, {(char *)c->buf + 1, c->n - 2}, {NULL, 1}};

	iov[2].iov_base = (char *)c->buf + c->n - 1;
	return lapse_writev(c->fd, iov, 3);
}

static intptr_t send_big(struct call *c)
{
	return lapse_send(c->fd, c->buf, c->n, 0);
}

static intptr_t write_full_big(struct call *c)
{
	size_t done = 0;
	int result = lapse_write_full(c->fd, c->buf, c->n, &done);

	return result == -1 && done > 0 ? (intptr_t)done : -1;
}

static intptr_t sendfile_big(struct call *c)
{
	off_t offset = 0;
	ssize_t n = lapse_sendfile(c->fd, c->other, &offset, c->n);

	return n >= 0 && offset != n ? -2 : n;
}

static intptr_t splice_big(struct call *c)
{
	return lapse_splice(c->fd, c->other, c->n);
}

static const struct {
	intptr_t (*run)(struct call *);
	unsigned needs;
} cuttable[] = {
	{write_big, 0},    {writev_big, 0},           {write_full_big, 0},
	{sendfile_big, 0}, {send_big, FAMILY_SOCKET}, {splice_big, 0},
};
enum { CUTTABLE_COUNT = sizeof(cuttable) / sizeof(cuttable[0]) };

/* Begin the next one that such a descriptor has. False: all had their turn. */
static bool cut_next(struct cut *cut, const struct where *where)
{
	const struct family *family = where->family;
	int sysfd;

	while (cut->next < CUTTABLE_COUNT &&
	       (family->traits & cuttable[cut->next].needs) != cuttable[cut->next].needs)
		cut->next++;
	if (cut->next == CUTTABLE_COUNT)
		return false;
	sysfd = memfd_create("big", MFD_CLOEXEC);
	CHECK(ftruncate(sysfd, BIG) == 0);
	cut->bytes = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, sysfd, 0);
	CHECK(cut->bytes != MAP_FAILED);
	stamp_fill(cut->bytes, BIG, 0);
	cut->file = lapse_adopt(sysfd);
	family_make(family, cut->ends);
	cut->call = (struct call){.fd = cut->ends[1], .other = cut->file};
	cut->call.buf = cut->bytes;
	cut->call.n = BIG;
	call_block(&cut->call, cuttable[cut->next++].run);
	return true;
}

/* It returned a short count, for that reason; exactly so many bytes have arrived, and no others. */
static void cut_check(struct cut *cut, int error)
{
	char *got = malloc(BIG);

	call_join(&cut->call);
	CHECK(cut->call.result > 0 && cut->call.result < BIG);
	CHECK(cut->call.error == error);
	CHECK(got != NULL && pair_take(cut->ends[0], got, (size_t)cut->call.result));
	CHECK(stamp_holds(got, (size_t)cut->call.result, 0));
	CHECK(pair_drain(cut->ends[0]) == 0);
	free(got);
}

static void cut_end(struct cut *cut)
{
	munmap(cut->bytes, BIG);
	CHECK(lapse_close(cut->file) == 0);
	CHECK(lapse_close(cut->ends[0]) == 0);
	if (cut->ends[1] != LAPSE_NOFD)
		CHECK(lapse_close(cut->ends[1]) == 0);
}

static void cut_by_deadline(void **state)
{
	struct cut cut = {0};

	while (cut_next(&cut, *state)) {
		CHECK(lapse_set_write_deadline(cut.ends[1], lapse_in(LAPSE_MS)) == 0);
		cut_check(&cut, LAPSE_EXPIRED);
		CHECK_ERR(lapse_write(cut.ends[1], "x", 1), LAPSE_EXPIRED);
		CHECK(pair_drain(cut.ends[0]) == 0);
		CHECK(lapse_set_write_deadline(cut.ends[1], LAPSE_NEVER) == 0);
		CHECK(lapse_write(cut.ends[1], "x", 1) == 1);
		cut_end(&cut);
	}
}

static void cut_by_cancel(void **state)
{
	struct cut cut = {0};

	while (cut_next(&cut, *state)) {
		CHECK(lapse_cancel(cut.ends[1], LAPSE_WRITE) == 0);
		cut_check(&cut, ECANCELED);
		CHECK(lapse_write(cut.ends[1], "x", 1) == 1);
		cut_end(&cut);
	}
}

static void cut_by_close(void **state)
{
	struct cut cut = {0};
	int keep;

	while (cut_next(&cut, *state)) {
		/* The last close of a terminal may throw away what was not read yet. */
		keep = dup(lapse_sysfd(cut.ends[1]));
		CHECK(lapse_close(cut.ends[1]) == 0);
		cut.ends[1] = LAPSE_NOFD;
		cut_check(&cut, EBADF);
		close(keep);
		cut_end(&cut);
	}
}

/* The peer goes away: a count, and its reason; then the reason alone. Nobody is killed. */
static void cut_by_peer(void **state)
{
	struct cut cut = {0};

	while (cut_next(&cut, *state)) {
		CHECK(close(lapse_release(cut.ends[0])) == 0);
		call_join(&cut.call);
		CHECK(cut.call.result > 0 && cut.call.result < BIG);
		CHECK(cut.call.error == EPIPE || cut.call.error == ECONNRESET);
		CHECK(lapse_write(cut.ends[1], "x", 1) == -1);
		CHECK(errno == EPIPE || errno == ECONNRESET);
		CHECK_ERR(lapse_write(cut.ends[1], "x", 1), EPIPE);
		munmap(cut.bytes, BIG);
		CHECK(lapse_close(cut.file) == 0 && lapse_close(cut.ends[1]) == 0);
	}
}

/* ---- Partial reads and messages ---- */

static void read_full_keeps_what_came(void **state)
{
	const struct where *where = *state;
	char buf[8] = {0};
	size_t done = 99;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "abc", 3) == 3);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(20 * LAPSE_MS)) == 0);
	CHECK_ERR(lapse_read_full(ends[0], buf, sizeof(buf), &done), LAPSE_EXPIRED);
	CHECK(done == 3 && memcmp(buf, "abc", 3) == 0);
	CHECK_ERR(lapse_read_full(ends[0], buf, sizeof(buf), &done), LAPSE_EXPIRED);
	CHECK(done == 0);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	CHECK(lapse_write(ends[1], "defgh", 5) == 5);
	CHECK(lapse_read_full(ends[0], buf, 5, &done) == 0);
	CHECK(done == 5 && memcmp(buf, "defgh", 5) == 0);
	pair_close(ends);
}

static void end_of_file_is_a_result(void **state)
{
	const struct where *where = *state;
	char buf[8] = {0};
	size_t done = 99;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "abc", 3) == 3);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK(lapse_read_full(ends[0], buf, sizeof(buf), &done) == 0);
	CHECK(done == 3 && memcmp(buf, "abc", 3) == 0);
	CHECK(lapse_read(ends[0], buf, sizeof(buf)) == 0);
	CHECK(lapse_wait(ends[0], LAPSE_READ) == LAPSE_READ);
	CHECK(lapse_close(ends[0]) == 0);
}

static void some_of_the_messages(void **state)
{
	const struct where *where = *state;
	char buf[4][8];
	struct iovec iov[4];
	struct mmsghdr msgs[4];
	lapse_fd ends[2];

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "a", 1) == 1 && lapse_write(ends[1], "bb", 2) == 2);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(20 * LAPSE_MS)) == 0);
	CHECK(lapse_recvmmsg(ends[0], msgs, 4, 0) == 2);
	CHECK(errno == LAPSE_EXPIRED);
	CHECK(msgs[0].msg_len == 1 && msgs[1].msg_len == 2 && buf[1][1] == 'b');
	CHECK_ERR(lapse_recvmmsg(ends[0], msgs, 4, 0), LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	CHECK(lapse_write(ends[1], "c", 1) == 1);
	CHECK(lapse_recvmmsg(ends[0], msgs, 4, MSG_WAITFORONE) == 1);
	pair_close(ends);
}

static void some_of_the_messages_sent(void **state)
{
	enum { COUNT = 1000 };
	static char payload[4096];
	static struct mmsghdr msgs[COUNT];
	const struct where *where = *state;
	struct iovec iov = {payload, sizeof(payload)};
	lapse_fd ends[2];
	int sent, arrived = 0;

	for (int i = 0; i < COUNT; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	family_make(where->family, ends);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(5 * LAPSE_MS)) == 0);
	sent = lapse_sendmmsg(ends[1], msgs, COUNT, 0);
	CHECK(sent > 0 && sent < COUNT && errno == LAPSE_EXPIRED);
	CHECK_ERR(lapse_sendmmsg(ends[1], msgs, COUNT, 0), LAPSE_EXPIRED);
	while (lapse_recv(ends[0], payload, sizeof(payload), MSG_DONTWAIT) > 0)
		arrived++;
	CHECK(arrived == sent);
	pair_close(ends);
}

/* ---- More entries than the kernel takes at once ---- */

static intptr_t writev_many(struct call *c)
{
	return lapse_writev(c->fd, c->buf, (int)c->n);
}

static void writev_of_any_length(void **state)
{
	enum { COUNT = 3000, SIZE = 37 };
	const struct where *where = *state;
	struct iovec *iov = calloc(COUNT, sizeof(*iov));
	char *bytes = malloc(COUNT * SIZE), *got = malloc(COUNT * SIZE);
	struct call c;
	size_t done = 0;
	lapse_fd ends[2];

	CHECK(iov != NULL && bytes != NULL && got != NULL);
	stamp_fill(bytes, COUNT * SIZE, 0);
	for (int i = 0; i < COUNT; i++)
		iov[i] = (struct iovec){bytes + i * SIZE, SIZE};
	family_make(where->family, ends);
	c = (struct call){.fd = ends[1], .buf = iov, .n = COUNT};
	call_start(&c, writev_many);
	CHECK(lapse_read_full(ends[0], got, COUNT * SIZE, &done) == 0);
	CHECK(done == COUNT * SIZE && memcmp(bytes, got, done) == 0);
	CHECK_CALL(&c, COUNT * SIZE, 0);
	pair_close(ends);
	free(iov);
	free(bytes);
	free(got);
}

/* ---- A byte that comes as the deadline passes is either read or still there ---- */

static void byte_at_the_last_moment(void **state)
{
	const struct where *where = *state;
	int count = check_count(300), in_time = 0;
	uint64_t seed = 13;
	lapse_fd ends[2];

	family_make(where->family, ends);
	for (int i = 0; i < count; i++) {
		struct call c = {.fd = ends[0]};
		lapse_time deadline = lapse_in(100 * LAPSE_US);
		char byte;

		CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
		call_start(&c, check_operation("read")->run);
		while (lapse_now() < deadline + (int64_t)(check_random(&seed) % 80000) - 20000)
			;
		CHECK(write(lapse_sysfd(ends[1]), &(char){(char)i}, 1) == 1);
		call_join(&c);
		CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
		if (c.result == 1) {
			in_time++;
			CHECK(c.own[0] == (char)i);
		} else {
			CHECK(c.result == -1 && c.error == LAPSE_EXPIRED);
			CHECK(lapse_read(ends[0], &byte, 1) == 1 && byte == (char)i);
		}
	}
	pair_close(ends);
	print_message("read in time: %d of %d\n", in_time, count);
}

static bool of_messages(const struct where *where)
{
	return (where->family->traits & (FAMILY_SOCKET | FAMILY_STREAM)) == FAMILY_SOCKET;
}

static bool of_queued_messages(const struct where *where)
{
	return of_messages(where) && (where->family->traits & FAMILY_FILLS) != 0;
}

/* Once all has been done no cause is looked at: neither errno nor the scope speaks of one. */
static void nothing_is_blamed_for_what_was_done(void **state)
{
	lapse_fd files[2], ends[2];
	char buf[64];

	(void)state;
	pair_make("unix_stream", ends);
	for (int i = 0; i < 2; i++)
		files[i] = lapse_adopt(memfd_create("file", MFD_CLOEXEC));
	CHECK(lapse_write(files[0], buf, sizeof buf) == sizeof buf);
	for (int i = 0; i < check_count(3000); i++) {
		struct iovec iov = {buf, 1};
		struct mmsghdr msgs[4];
		off_t at = 0;
		lapse_scope scope;
		int error, left;
		bool all;

		for (int k = 0; k < 4; k++)
			msgs[k] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
		lapse_scope_enter(&scope, lapse_in(i % 64 * 100));
		errno = 0;
		if (i % 2 == 0)
			all = lapse_sendmmsg(ends[1], msgs, 4, 0) == 4;
		else
			all = lapse_sendfile(files[1], files[0], &at, sizeof buf) == sizeof buf;
		error = errno;
		left = lapse_scope_leave(&scope);
		CHECK(left == (all ? 0 : -1) && (!all || error == 0));
		(void)pair_drain(ends[0]);
	}
	CHECK(lapse_close(files[0]) == 0 && lapse_close(files[1]) == 0);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(nothing_is_blamed_for_what_was_done)},
	{TEST_FAMILIES(cut_by_deadline, FAMILY_STREAM)},
	{TEST_FAMILIES(cut_by_cancel, FAMILY_STREAM)},
	{TEST_FAMILIES(cut_by_close, FAMILY_STREAM)},
	{TEST_FAMILIES(cut_by_peer, FAMILY_STREAM | FAMILY_ENDS)},
	{TEST_FAMILIES(read_full_keeps_what_came, FAMILY_STREAM)},
	{TEST_FAMILIES(end_of_file_is_a_result, FAMILY_STREAM | FAMILY_ENDS)},
	{TEST_FITTING(some_of_the_messages, of_messages)},
	{TEST_FITTING(some_of_the_messages_sent, of_queued_messages)},
	{TEST_FAMILIES(writev_of_any_length, FAMILY_STREAM)},
	{TEST_FAMILIES(byte_at_the_last_moment, 0)},
};
CHECK_MAIN(checks)
