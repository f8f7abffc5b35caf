/* Promise 8, fair and serial: one stream read and one stream write run on a handle at a time, the
 * others queue, first come first served, and their deadlines count while they queue; a write puts
 * all its bytes together unless it returns short. What has no position runs in parallel. */
#include "check.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CALLERS = 6, BLOCK = 50000 };

/* ---- First come, first served ---- */

static void readers_are_served_in_order(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	struct call c[CALLERS];
	struct subject s;

	subject_open(&s, &reads);
	for (int i = 0; i < CALLERS; i++)
		subject_block(&s, &c[i]);
	for (int i = 0; i < CALLERS; i++) {
		CHECK(write(lapse_sysfd(s.peer), &(char){(char)('a' + i)}, 1) == 1);
		CHECK_CALL(&c[i], 1, 0);
		CHECK(c[i].own[0] == 'a' + i);
	}
	subject_close(&s);
}

static intptr_t read_some(struct call *c)
{
	return lapse_read(c->fd, c->buf, c->n);
}

/* One of those that queue gives up, by its own scope: the others keep their order. */
static void one_in_the_queue_gives_up(void **state)
{
	const struct where *where = *state;
	struct scoped_call reader[CALLERS];
	lapse_fd ends[2];

	for (int way = 0; way < 2; way++) {
		family_make(where->family, ends);
		for (int i = 0; i < CALLERS; i++) {
			reader[i] = (struct scoped_call){.call = {.fd = ends[0]}, .run = read_some};
			call_block(&reader[i].call, call_in_scope);
		}
		/* The second, in the middle, and the last. */
		for (int i = 1; i < CALLERS; i += 2) {
			if (way == 0)
				CHECK(lapse_scope_cancel(reader[i].id) == 0);
			else
				CHECK(lapse_scope_move(reader[i].id, lapse_in(LAPSE_MS)) == 0);
			CHECK_CALL(&reader[i].call, -1, way == 0 ? ECANCELED : LAPSE_EXPIRED);
		}
		for (int i = 0; i < CALLERS; i += 2) {
			CHECK(write(lapse_sysfd(ends[1]), &(char){(char)('a' + i)}, 1) == 1);
			CHECK_CALL(&reader[i].call, 1, 0);
			CHECK(reader[i].call.own[0] == 'a' + i);
		}
		pair_close(ends);
	}
}

/* The one that runs gives up: the next takes its turn. */
static void the_first_gives_up(void **state)
{
	const struct where *where = *state;
	struct scoped_call first;
	struct call second;
	lapse_fd ends[2];

	family_make(where->family, ends);
	first = (struct scoped_call){.call = {.fd = ends[0]}, .run = read_some};
	call_block(&first.call, call_in_scope);
	operation_block(&second, "read", ends[0]);
	CHECK(lapse_scope_cancel(first.id) == 0);
	CHECK_CALL(&first.call, -1, ECANCELED);
	CHECK(write(lapse_sysfd(ends[1]), "x", 1) == 1);
	CHECK_CALL(&second, 1, 0);
	pair_close(ends);
}

/* ---- Writes are whole, and in the order in which they came ---- */

static intptr_t write_block(struct call *c)
{
	return lapse_write(c->fd, c->buf, c->n);
}

/* Take so many bytes, which must all be the same letter. */
static bool take_letters(lapse_fd reader, char letter, size_t n)
{
	char *buf = malloc(n);
	bool good = buf != NULL && pair_take(reader, buf, n);

	for (size_t i = 0; good && i < n; i++)
		good = buf[i] == letter;
	free(buf);
	return good;
}

static void writers_are_served_in_order(void **state)
{
	const struct where *where = *state;
	char *block = malloc(CALLERS * BLOCK);
	struct call c[CALLERS];
	lapse_fd ends[2];
	size_t filled;

	family_make(where->family, ends);
	filled = pair_fill(ends[1], ends[0]);
	for (int i = 0; i < CALLERS; i++) {
		memset(block + i * BLOCK, 'a' + i, BLOCK);
		c[i] = (struct call){.fd = ends[1], .buf = block + i * BLOCK, .n = BLOCK};
		call_block(&c[i], write_block);
	}
	CHECK(take_letters(ends[0], 0, filled));
	for (int i = 0; i < CALLERS; i++) {
		CHECK(take_letters(ends[0], (char)('a' + i), BLOCK));
		CHECK_CALL(&c[i], BLOCK, 0);
	}
	pair_close(ends);
	free(block);
}

struct writer {
	lapse_fd fd;
	char letter;
	int count;
};

static void *write_blocks(void *arg)
{
	struct writer *w = arg;
	char *block = malloc(BLOCK);

	memset(block, w->letter, BLOCK);
	for (int i = 0; i < w->count; i++)
		if (lapse_write(w->fd, block, BLOCK) != BLOCK)
			check_die("a write of %d bytes failed: errno %d", BLOCK, errno);
	free(block);
	return NULL;
}

static void writes_never_mix(void **state)
{
	enum { WRITERS = 3 };
	const struct where *where = *state;
	struct writer writer[WRITERS];
	pthread_t thread[WRITERS];
	lapse_fd ends[2];

	family_make(where->family, ends);
	for (int i = 0; i < WRITERS; i++) {
		writer[i] = (struct writer){ends[1], (char)('a' + i), check_count(20)};
		CHECK(pthread_create(&thread[i], NULL, write_blocks, &writer[i]) == 0);
	}
	for (int i = 0; i < WRITERS * writer[0].count; i++) {
		char letter;

		CHECK(pair_take(ends[0], &letter, 1));
		CHECK(take_letters(ends[0], letter, BLOCK - 1));
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	pair_close(ends);
}

/* ---- Reads are whole too: a read_full is one operation ---- */

enum { RECORD = 16 };

static void *read_records(void *arg)
{
	struct call *c = arg;
	char record[RECORD];
	size_t done;

	for (;;) {
		if (lapse_read_full(c->fd, record, RECORD, &done) != 0)
			check_die("lapse_read_full: errno %d", errno);
		if (done == 0)
			return NULL;
		for (int i = 0; i < RECORD; i++)
			if (done != RECORD || record[i] != record[0])
				check_die("a record of %zu bytes was shared out", done);
		c->n++;
	}
}

static void records_never_mix(void **state)
{
	enum { READERS = 3 };
	const struct where *where = *state;
	int count = check_count(6000);
	size_t total = 0;
	struct call reader[READERS];
	pthread_t thread[READERS];
	char *bytes = malloc((size_t)count * RECORD);
	lapse_fd ends[2];

	for (int i = 0; i < count; i++)
		memset(bytes + i * RECORD, 'a' + i % 26, RECORD);
	family_make(where->family, ends);
	for (int i = 0; i < READERS; i++) {
		reader[i] = (struct call){.fd = ends[0]};
		CHECK(pthread_create(&thread[i], NULL, read_records, &reader[i]) == 0);
	}
	for (int at = 0, size; at < count * RECORD; at += size) {
		size = 1 + at % 61 < count * RECORD - at ? 1 + at % 61 : count * RECORD - at;
		CHECK(lapse_write(ends[1], bytes + at, (size_t)size) == size);
	}
	CHECK(lapse_close(ends[1]) == 0);
	for (int i = 0; i < READERS; i++) {
		CHECK(pthread_join(thread[i], NULL) == 0);
		total += reader[i].n;
	}
	CHECK(total == (size_t)count);
	CHECK(lapse_close(ends[0]) == 0);
	free(bytes);
}

/* ---- What runs beside a stream operation ---- */

static void wait_takes_no_turn(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	struct call reader, waiter[3];
	struct subject s;

	subject_open(&s, &reads);
	subject_block(&s, &reader);
	for (int i = 0; i < 3; i++) {
		operation_block(&waiter[i], i == 0 ? "poll_read" : "wait_read", s.fd);
	}
	/* More than the reader takes: all of them get what they wait for, in whatever order. */
	subject_feed(&s, true);
	subject_feed(&s, true);
	CHECK_CALL(&reader, 1, 0);
	for (int i = 0; i < 3; i++)
		CHECK_CALL(&waiter[i], 1, 0);
	subject_close(&s);
}

static void at_an_offset_takes_no_turn(void **state)
{
	int sysfd = memfd_create("file", MFD_CLOEXEC);
	lapse_fd file = lapse_adopt(sysfd), sink[2];
	struct call c;
	char byte;

	(void)state;
	CHECK(file != LAPSE_NOFD && lapse_pwrite(file, "abc", 3, 0) == 3);
	CHECK(lapse_ftruncate(file, BLOCK * 8) == 0);
	pair_make("pipe", sink);
	/* A copy that holds the turn to read of the file, since nobody takes the bytes. */
	c = (struct call){.fd = sink[1], .other = file, .buf = &c, .n = BLOCK * 8};
	call_block(&c, check_operation("splice_out")->run);
	CHECK(lapse_pread(file, &byte, 1, 1) == 1 && byte == 'b');
	CHECK(lapse_pwrite(file, "x", 1, 2) == 1);
	CHECK(lapse_pread(file, &byte, 1, 2) == 1 && byte == 'x');
	CHECK(lapse_fsync(file) == 0);
	call_await_sleep(&c);
	CHECK(lapse_cancel(sink[1], LAPSE_WRITE) == 0);
	call_join(&c);
	CHECK(c.result > 0 && c.error == ECANCELED);
	pair_close(sink);
	CHECK(lapse_close(file) == 0);
}

static const struct check checks[] = {
	{TEST_FAMILIES(readers_are_served_in_order, 0)},
	{TEST_FAMILIES(one_in_the_queue_gives_up, 0)},
	{TEST_FAMILIES(the_first_gives_up, 0)},
	{TEST_FAMILIES(writers_are_served_in_order, FAMILY_STREAM)},
	{TEST_FAMILIES(writes_never_mix, FAMILY_STREAM)},
	{TEST_FAMILIES(records_never_mix, FAMILY_STREAM | FAMILY_ENDS)},
	{TEST_FAMILIES(wait_takes_no_turn, 0)},
	{TEST(at_an_offset_takes_no_turn)},
};
CHECK_MAIN(checks)
