/* What Go's sendfile_test.go, splice_test.go and readfrom_linux_test.go ask of moving bytes from one
 * descriptor to another, asked of lapse: exact counts, positions that say what was moved, and
 * deadlines that lose nothing. */
#include "shared.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Files ---- */

enum { BOOK = 567198 };

/* A file of n bytes that can be recognised, at its beginning. */
static lapse_fd book_open(size_t n)
{
	char *text = malloc(n + 1);
	lapse_fd fd = lapse_adopt(memfd_create("book", MFD_CLOEXEC));

	CHECK(text != NULL && fd != LAPSE_NOFD);
	stamp_fill(text, n, 0);
	CHECK(lapse_write(fd, text, n) == (ssize_t)n);
	CHECK(lapse_seek(fd, 0, SEEK_SET) == 0);
	free(text);
	return fd;
}

/* The file holds the bytes from `from` on, n of them, and no more. */
static void check_file(lapse_fd fd, size_t from, size_t n)
{
	char *text = malloc(n + 1);

	CHECK(text != NULL);
	CHECK(lapse_pread(fd, text, n + 1, 0) == (ssize_t)n);
	CHECK(stamp_holds(text, n, from));
	free(text);
}

static off_t position(lapse_fd fd)
{
	return lapse_seek(fd, 0, SEEK_CUR);
}

/* ---- A reader that checks what comes ---- */

struct reader {
	struct call call;
	size_t from; /* the first byte's number */
};

/* Up to the end. How many bytes, or -1. */
static intptr_t read_stamps(struct call *c)
{
	const struct reader *r = (struct reader *)c;
	char chunk[8 * CHUNK];
	size_t total = 0;
	ssize_t n;

	while ((n = lapse_read(c->fd, chunk, sizeof(chunk))) > 0) {
		if (!stamp_holds(chunk, (size_t)n, r->from + total))
			return -2;
		total += (size_t)n;
	}
	return n == 0 ? (intptr_t)total : -1;
}

static void reader_start(struct reader *r, lapse_fd fd, size_t from)
{
	*r = (struct reader){.call = {.fd = fd}, .from = from};
	call_start(&r->call, read_stamps);
}

/* The end is told to the reader, who must have seen so many. */
static void reader_end(struct reader *r, lapse_fd ends[2], size_t n)
{
	CHECK(lapse_close(ends[1]) == 0);
	CHECK_CALL(&r->call, n, 0);
	CHECK(lapse_close(ends[0]) == 0);
}

/* ---- sendfile ---- */

/* All of it, by the file's own position and by one of the caller's; asked for more than there is. */
static void sendfile_all(void **state)
{
	const struct where *where = *state;

	for (int way = 0; way < 2; way++) {
		lapse_fd book = book_open(BOOK), ends[2];
		struct reader reader;
		off_t offset = 0;

		family_make(where->family, ends);
		reader_start(&reader, ends[0], 0);
		CHECK(lapse_sendfile(ends[1], book, way == 0 ? NULL : &offset, BOOK + 1000) ==
		      BOOK);
		CHECK(position(book) == (way == 0 ? BOOK : 0) && offset == way * BOOK);
		reader_end(&reader, ends, BOOK);
		CHECK(lapse_close(book) == 0);
	}
}

static void sendfile_parts(void **state)
{
	const struct where *where = *state;
	lapse_fd book = book_open(100), ends[2];
	struct reader reader;

	family_make(where->family, ends);
	reader_start(&reader, ends[0], 0);
	for (int i = 0; i < 3; i++)
		CHECK(lapse_sendfile(ends[1], book, NULL, 3) == 3);
	CHECK(position(book) == 9);
	reader_end(&reader, ends, 9);
	CHECK(lapse_close(book) == 0);
}

static void sendfile_seeked(void **state)
{
	enum { SEEK_TO = 65 << 10, SEND = 10 << 10 };
	const struct where *where = *state;
	lapse_fd book = book_open(BOOK), ends[2];
	struct reader reader;

	family_make(where->family, ends);
	CHECK(lapse_seek(book, SEEK_TO, SEEK_SET) == SEEK_TO);
	reader_start(&reader, ends[0], SEEK_TO);
	CHECK(lapse_sendfile(ends[1], book, NULL, SEND) == SEND);
	CHECK(position(book) == SEEK_TO + SEND);
	reader_end(&reader, ends, SEND);
	CHECK(lapse_close(book) == 0);
}

/* The source's mode is left alone: it still has a deadline afterwards. */
static void sendfile_pipe(void **state)
{
	const struct where *where = *state;
	lapse_fd pipe[2], ends[2];
	char byte;
	int flags;

	family_make(where->family, ends);
	CHECK(lapse_pipe(pipe) == 0);
	flags = fcntl(lapse_sysfd(pipe[0]), F_GETFL);
	CHECK(lapse_write(pipe[1], "a", 1) == 1);
	CHECK(lapse_sendfile(ends[1], pipe[0], NULL, 1) == 1);
	CHECK(lapse_read(ends[0], &byte, 1) == 1 && byte == 'a');
	CHECK(fcntl(lapse_sysfd(pipe[0]), F_GETFL) == flags);
	CHECK(lapse_set_deadline(pipe[0], lapse_in(LAPSE_US)) == 0);
	CHECK_ERR(lapse_read(pipe[0], &byte, 1), LAPSE_EXPIRED);
	pair_close(pipe);
	pair_close(ends);
}

/* Past before it began: not a byte, of the one or the other's deadline (go#43822). */
static void sendfile_on_write_timeout_exceeded(void **state)
{
	const struct where *where = *state;
	lapse_fd book = book_open(BOOK), ends[2];
	off_t offset = 0;

	family_make(where->family, ends);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(-3600 * LAPSE_S)) == 0);
	CHECK_ERR(lapse_sendfile(ends[1], book, NULL, BOOK), LAPSE_EXPIRED);
	CHECK_ERR(lapse_sendfile(ends[1], book, &offset, BOOK), LAPSE_EXPIRED);
	CHECK(lapse_set_write_deadline(ends[1], LAPSE_NEVER) == 0);
	CHECK(lapse_set_read_deadline(book, lapse_in(-3600 * LAPSE_S)) == 0);
	CHECK_ERR(lapse_sendfile(ends[1], book, NULL, BOOK), LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(book, LAPSE_NEVER) == 0);
	CHECK(offset == 0 && position(book) == 0 && pair_drain(ends[0]) == 0);
	pair_close(ends);
	CHECK(lapse_close(book) == 0);
}

/* In the middle: the count, the position and what arrived are the same. */
static void sendfile_expires_half_way(void **state)
{
	const struct where *where = *state;
	lapse_fd book = book_open(BOOK), ends[2];
	struct reader reader;
	ssize_t sent;

	family_make(where->family, ends);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(LAPSE_MS)) == 0);
	sent = lapse_sendfile(ends[1], book, NULL, BOOK);
	CHECK(errno == LAPSE_EXPIRED && sent < BOOK);
	sent = sent < 0 ? 0 : sent;
	CHECK(position(book) == sent);
	CHECK(lapse_set_write_deadline(ends[1], LAPSE_NEVER) == 0);
	reader_start(&reader, ends[0], 0);
	CHECK(lapse_sendfile(ends[1], book, NULL, BOOK) == BOOK - sent);
	reader_end(&reader, ends, BOOK);
	CHECK(lapse_close(book) == 0);
}

/* ---- splice ---- */

struct flow {
	struct call call;
	size_t chunk, total;
};

/* So many stamped bytes in chunks, then the end. */
static intptr_t send_stamps(struct call *c)
{
	const struct flow *f = (struct flow *)c;
	char *chunk = malloc(f->chunk);
	size_t n;

	for (size_t i = 0; i < f->total; i += n) {
		n = f->chunk < f->total - i ? f->chunk : f->total - i;
		stamp_fill(chunk, n, i);
		if (lapse_write(c->fd, chunk, n) != (ssize_t)n) {
			free(chunk);
			return -1;
		}
	}
	free(chunk);
	return lapse_close(c->fd);
}

struct splice_case {
	size_t chunk, total, limit;
};

/* Through a pair of each family. */
static void check_splice(const struct family *up, const struct family *down,
                         const struct splice_case *s)
{
	struct flow flow = {.chunk = s->chunk, .total = s->total};
	size_t size = s->limit < s->total ? s->limit : s->total;
	lapse_fd from[2], to[2];
	struct reader reader;

	family_make(up, from);
	family_make(down, to);
	flow.call.fd = from[1];
	call_start(&flow.call, send_stamps);
	reader_start(&reader, to[0], 0);
	CHECK(lapse_splice(to[1], from[0], s->limit) == (ssize_t)size);
	reader_end(&reader, to, size);
	/* What was not asked for is still there. */
	reader_start(&reader, from[0], size);
	CHECK_CALL(&reader.call, s->total - size, 0);
	CHECK_CALL(&flow.call, 0, 0);
	CHECK(lapse_close(from[0]) == 0);
}

static const char *const downs[] = {"tcp", "unix_stream", "pipe", "tcp_adopted", "fifo"};

enum { DOWNS = sizeof(downs) / sizeof(downs[0]) };

static void splice_each(const struct family *up, struct splice_case s)
{
	for (int i = 0; i < DOWNS; i++)
		check_splice(up, check_family(downs[i]), &s);
}

static bool is_source(const struct where *where)
{
	unsigned both = FAMILY_STREAM | FAMILY_ENDS;

	return (where->family->traits & both) == both;
}

static void splice_simple(void **state)
{
	const struct where *where = *state;

	splice_each(where->family, (struct splice_case){128, 128, SIZE_MAX});
}

static void splice_multiple_write(void **state)
{
	const struct where *where = *state;

	splice_each(where->family, (struct splice_case){4096, 1 << 20, SIZE_MAX});
}

static void splice_big(void **state)
{
	const struct where *where = *state;
	size_t total = (size_t)check_count(30) << 20;

	check_splice(where->family, check_family("tcp"),
	             &(struct splice_case){5 << 20, total, SIZE_MAX});
}

static void splice_honors_limit(void **state)
{
	const struct where *where = *state;

	splice_each(where->family, (struct splice_case){4096, 1 << 20, 1 << 10});
}

static void splice_limit_above(void **state)
{
	const struct where *where = *state;

	splice_each(where->family, (struct splice_case){1024, 4096, 4096 + 100});
}

static void splice_at_limit(void **state)
{
	const struct where *where = *state;

	splice_each(where->family, (struct splice_case){32, 128, 128});
}

static void splice_reader_at_eof(void **state)
{
	const struct where *where = *state;
	lapse_fd from[2], to[2];
	char message[3];

	for (int i = 0; i < DOWNS; i++) {
		family_make(where->family, from);
		pair_make(downs[i], to);
		CHECK(lapse_close(from[1]) == 0);
		CHECK(lapse_splice(to[1], from[0], SIZE_MAX) == 0);
		CHECK(lapse_write(to[1], "bye", 3) == 3);
		CHECK(lapse_read(to[0], message, 3) == 3 && memcmp(message, "bye", 3) == 0);
		CHECK(lapse_close(from[0]) == 0);
		pair_close(to);
	}
}

static intptr_t splice_to_end(struct call *c)
{
	return lapse_splice(c->fd, c->other, SIZE_MAX);
}

/* A proxy in both directions; the client sends and leaves at once (go#25985). */
static void splice_proxy(void **state)
{
	lapse_fd front[2], back[2];
	struct call there, here;
	char message[3];
	size_t done;

	(void)state;
	pair_make("tcp", front);
	pair_make("tcp", back);
	there = (struct call){.fd = back[0], .other = front[0]};
	here = (struct call){.fd = front[0], .other = back[0]};
	call_start(&here, splice_to_end);
	CHECK(lapse_write(front[1], "foo", 3) == 3);
	CHECK(lapse_close(front[1]) == 0);
	call_start(&there, splice_to_end);
	CHECK(lapse_read_full(back[1], message, 3, &done) == 0 && done == 3);
	CHECK(memcmp(message, "foo", 3) == 0);
	CHECK_CALL(&there, 3, 0);
	CHECK(lapse_close(back[1]) == 0);
	CHECK_CALL(&here, 0, 0);
	CHECK(lapse_close(front[0]) == 0 && lapse_close(back[0]) == 0);
}

/* Messages have boundaries, which no splice keeps; their bytes all arrive all the same. */
static void splice_no_unixpacket(void **state)
{
	struct splice_case s = {128, 1280, SIZE_MAX};

	(void)state;
	check_splice(check_family("unix_packet"), check_family("tcp"), &s);
}

/* The destination is full: asleep, not spinning on the pipe in between (go#75304). */
static void splice_waits_asleep(void **state)
{
	const struct where *where = *state;
	struct call source, splicer;
	lapse_fd from[2], to[2];

	for (int i = 0; i < DOWNS; i++) {
		family_make(where->family, from);
		pair_make(downs[i], to);
		source = (struct call){.fd = from[1]};
		splicer = (struct call){.fd = to[1], .other = from[0]};
		call_start(&source, pour);
		call_start(&splicer, splice_to_end);
		/* Each may wake the other a few times more. */
		for (int k = 0; k < 4; k++)
			call_await_sleep(k % 2 ? &splicer : &source);
		CHECK(lapse_close(to[1]) == 0);
		call_join(&splicer);
		CHECK(splicer.result != 0 && splicer.error == EBADF);
		CHECK(lapse_close(from[1]) == 0);
		CHECK_CALL(&source, -1, EBADF);
		CHECK(lapse_close(from[0]) == 0 && lapse_close(to[0]) == 0);
	}
}

/* Bytes that are kept, in a pipe of the library's, go with the handle: nothing is left open. */
static void splice_pipe_pool(void **state)
{
	const struct where *where = *state;
	lapse_fd from[2], to[2];
	char byte;

	for (int i = 0; i < 64; i++) {
		family_make(where->family, from);
		pair_make("unix_stream", to);
		CHECK(pair_fill(to[1], to[0]) > 0);
		CHECK(lapse_write(from[1], "kept", 4) == 4);
		CHECK(lapse_set_write_deadline(to[1], lapse_in(LAPSE_MS)) == 0);
		CHECK_ERR(lapse_splice(to[1], from[0], 4), LAPSE_EXPIRED);
		if (i % 2)
			CHECK(lapse_read(from[0], &byte, 1) == 1 && byte == 'k');
		pair_close(from);
		pair_close(to);
	}
}

static void copy_pipe_into_tcp(void **state)
{
	lapse_fd pipe[2], ends[2];
	struct call copier;
	char bytes[100];
	size_t done;

	(void)state;
	CHECK(lapse_pipe(pipe) == 0);
	pair_make("tcp", ends);
	copier = (struct call){.fd = ends[1], .other = pipe[0]};
	call_block(&copier, splice_to_end);
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_write(pipe[1], "p", 1) == 1);
		CHECK(lapse_read(ends[0], bytes, sizeof(bytes)) == 1);
		call_await_sleep(&copier);
	}
	CHECK(lapse_close(pipe[1]) == 0);
	CHECK_CALL(&copier, 2, 0);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK(lapse_read_full(ends[0], bytes, sizeof(bytes), &done) == 0 && done == 0);
	CHECK(lapse_close(ends[0]) == 0 && lapse_close(pipe[0]) == 0);
}

/* ---- copy_file_range ---- */

static void check_copy(size_t size, size_t limit)
{
	size_t n = limit < size ? limit : size;

	for (int way = 0; way < 2; way++) {
		lapse_fd from = book_open(size), to = book_open(0);
		off_t in = 0, out = 0;
		off_t moved = way == 0 ? (off_t)n : 0;

		CHECK(lapse_copy_file_range(to, way == 0 ? NULL : &out, from, way == 0 ? NULL : &in,
		                            limit) == (ssize_t)n);
		CHECK(position(from) == moved && position(to) == moved);
		CHECK(in == (off_t)n - moved && out == (off_t)n - moved);
		check_file(to, 0, n);
		CHECK(lapse_close(from) == 0 && lapse_close(to) == 0);
	}
}

static void copy_file_range_sizes(void **state)
{
	static const size_t sizes[] = {1, 42, 1025, 4097, 32769, BOOK};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_copy(sizes[i], sizes[i]);
		check_copy(sizes[i], sizes[i] - 1);
		check_copy(sizes[i], sizes[i] / 2);
		check_copy(sizes[i], sizes[i] + 7);
		check_copy(sizes[i], SIZE_MAX);
	}
}

/* As copy_file_range(2) has it: an append is refused, and nothing has happened. */
static void copy_file_range_append(void **state)
{
	lapse_fd from = book_open(42), to = book_open(0);

	(void)state;
	CHECK(fcntl(lapse_sysfd(to), F_SETFL, O_APPEND) == 0);
	CHECK_ERR(lapse_copy_file_range(to, NULL, from, NULL, 42), EBADF);
	CHECK(position(from) == 0);
	check_file(to, 0, 0);
	CHECK(lapse_close(from) == 0 && lapse_close(to) == 0);
}

/* Files that the kernel makes up as they are read have no size, but bytes. */
static void proc_copy(void **state)
{
	lapse_fd from = lapse_open("/proc/self/cmdline", O_RDONLY, 0), to = book_open(0);
	char there[4096], copied[4096];
	ssize_t n;

	(void)state;
	n = lapse_pread(from, there, sizeof(there), 0);
	CHECK(n > 0 && n < (ssize_t)sizeof(there));
	CHECK(lapse_copy_file_range(to, NULL, from, NULL, SIZE_MAX) == n);
	CHECK(lapse_pread(to, copied, sizeof(copied), 0) == n);
	CHECK(memcmp(there, copied, (size_t)n) == 0);
	CHECK(lapse_close(from) == 0 && lapse_close(to) == 0);
}

static const struct check checks[] = {
	{TEST_FITTING(sendfile_all, is_source)},
	{TEST_FITTING(sendfile_parts, is_source)},
	{TEST_FITTING(sendfile_seeked, is_source)},
	{TEST_FITTING(sendfile_pipe, is_source)},
	{TEST_FITTING(sendfile_on_write_timeout_exceeded, is_source)},
	{TEST_FITTING(sendfile_expires_half_way, is_source)},
	{TEST_FITTING(splice_simple, is_source)},
	{TEST_FITTING(splice_multiple_write, is_source)},
	{TEST_FITTING(splice_big, is_source)},
	{TEST_FITTING(splice_honors_limit, is_source)},
	{TEST_FITTING(splice_limit_above, is_source)},
	{TEST_FITTING(splice_at_limit, is_source)},
	{TEST_FITTING(splice_reader_at_eof, is_source)},
	{TEST(splice_proxy)},
	{TEST(splice_no_unixpacket)},
	{TEST_FITTING(splice_waits_asleep, is_source)},
	{TEST_FITTING(splice_pipe_pool, is_source)},
	{TEST(copy_pipe_into_tcp)},
	{TEST(copy_file_range_sizes)},
	{TEST(copy_file_range_append)},
	{TEST(proc_copy)},
};
CHECK_MAIN(checks)
