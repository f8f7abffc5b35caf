/* A call that was let go and ends at last touches nothing of its caller's: neither the buffer, nor
 * what lies around it, nor offsets; and what it was to write is what its caller gave it then. */
#include "held.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { CANARY = 0xAA, AROUND = 64, ROUNDS = 50 };

static struct held held;

static struct guarded {
	unsigned char before[AROUND], bytes[HELD_SIZE], after[AROUND];
} guarded;

static bool is_all(const void *bytes, size_t n, unsigned char value)
{
	for (size_t i = 0; i < n; i++)
		if (((const unsigned char *)bytes)[i] != value)
			return false;
	return true;
}

/* Start the operation on the guarded bytes, and be let go. */
static void let_go(const char *file, const char *operation)
{
	held_start(&held);
	held_begin(&held, file, held_operation(operation));
	memset(&guarded, CANARY, sizeof(guarded));
	held.call.buf = guarded.bytes;
	held_let_go(&held);
}

/* Let it end: when its descriptor is closed, it has. */
static void finish(void)
{
	held_end(&held);
	held_stop(&held);
}

static void reads_leave_the_buffer_alone(void **state)
{
	static const char *const reads[] = {"read", "readv", "read_full", "pread", "preadv"};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(reads) / sizeof(reads[0]); i++) {
		let_go(held_files[i % 2], reads[i / 2]);
		CHECK(is_all(&guarded, sizeof(guarded), CANARY));
		finish();
		CHECK(is_all(&guarded, sizeof(guarded), CANARY));
	}
}

/* The next read goes to the same buffer while the late one ends; it gets its own bytes, and nothing
 * comes over them. */
static void next_read_is_right(void **state)
{
	(void)state;
	for (int round = 0; round < check_count(ROUNDS); round++) {
		off_t offset = 3 * HELD_OFFSET + round;

		let_go(held_files[round % 2], round / 2 % 2 == 0 ? "pread" : "read");
		fixture_delay(&held.fixture, FUSE_READ, LAPSE_MS);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		fixture_release(&held.fixture);
		CHECK(lapse_pread(held.fd, guarded.bytes, HELD_SIZE, offset) == HELD_SIZE);
		CHECK(stamp_holds(guarded.bytes, HELD_SIZE, (size_t)offset));
		finish();
		CHECK(stamp_holds(guarded.bytes, HELD_SIZE, (size_t)offset));
		CHECK(is_all(guarded.before, AROUND, CANARY));
		CHECK(is_all(guarded.after, AROUND, CANARY));
	}
}

/* Many at once, each let go by itself, on buffers that come from nobody's stack. */
static void many_at_once(void **state)
{
	enum { MANY = 20, SIZE = 700 };
	static unsigned char bytes[MANY][SIZE];
	static struct call calls[MANY];

	(void)state;
	held_start(&held);
	held_begin(&held, "direct0", held_operation("pread"));
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < MANY; i++) {
		memset(bytes[i], i, SIZE);
		calls[i] = (struct call){.fd = held.fd, .buf = bytes[i], .n = SIZE};
		call_start(&calls[i], held.operation->run);
	}
	fixture_await(&held.fixture, FUSE_READ, MANY);
	CHECK(lapse_set_deadline(held.fd, lapse_now()) == 0);
	for (int i = 0; i < MANY; i++)
		CHECK_CALL(&calls[i], -1, LAPSE_EXPIRED);
	fixture_release(&held.fixture);
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < MANY; i += 2) {
		CHECK(lapse_pread(held.fd, bytes[i], SIZE, i * SIZE) == SIZE);
		CHECK(stamp_holds(bytes[i], SIZE, (size_t)i * SIZE));
	}
	finish();
	for (int i = 0; i < MANY; i++)
		CHECK(i % 2 == 0 ? stamp_holds(bytes[i], SIZE, (size_t)i * SIZE)
		                 : is_all(bytes[i], SIZE, (unsigned char)i));
}

/* What is written at last is what was to be written, not what lies in the buffer by then. */
static void writes_have_a_copy(void **state)
{
	static const char *const writes[] = {"write", "writev", "write_full", "pwrite", "pwritev"};
	unsigned char got[HELD_SIZE];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(writes) / sizeof(writes[0]); i++) {
		bool has_offset = writes[i / 2][0] == 'p';
		int fd;

		let_go(held_files[i % 2], writes[i / 2]);
		memset(&guarded, 'b', sizeof(guarded));
		held_end(&held);
		held_settle(&held);
		fd = openat(held.fixture.root, held.file, O_RDONLY | O_CLOEXEC);
		CHECK(fd >= 0);
		CHECK(pread(fd, got, HELD_SIZE, has_offset ? HELD_OFFSET : 0) == HELD_SIZE);
		CHECK(is_all(got, HELD_SIZE, CANARY));
		CHECK(close(fd) == 0);
		held_stop(&held);
	}
}

/* ---- Where a call writes more than bytes ---- */

static struct {
	struct stat st;
	off_t from, to;
} results;

static intptr_t run_fstat(struct call *c)
{
	return lapse_fstat(c->fd, &results.st);
}

static intptr_t run_sendfile(struct call *c)
{
	return lapse_sendfile(c->other, c->fd, &results.from, c->n);
}

static intptr_t run_copy(struct call *c)
{
	return lapse_copy_file_range(c->fd, &results.to, c->fd, &results.from, c->n);
}

static void results_stay_as_they_were(void **state)
{
	static const struct {
		const char *operation;
		intptr_t (*run)(struct call *);
	} calls[] = {
		{"fstat", run_fstat}, {"sendfile", run_sendfile}, {"copy_file_range", run_copy}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(calls) / sizeof(calls[0]); i++) {
		struct held_operation operation = *held_operation(calls[i / 2].operation);

		operation.run = calls[i / 2].run;
		held_start(&held);
		held_begin(&held, held_files[i % 2], &operation);
		memset(&results.st, CANARY, sizeof(results.st));
		results.from = 0;
		results.to = HELD_OFFSET;
		held_let_go(&held);
		finish();
		CHECK(is_all(&results.st, sizeof(results.st), CANARY));
		CHECK(results.from == 0 && results.to == HELD_OFFSET);
	}
}

/* Nothing that a sendfile or splice was to read comes out of the pipe later, as if it had been sent:
 * the writer said that it was not. */
static void nothing_is_sent_late(void **state)
{
	static const char *const names[] = {"sendfile", "splice"};
	unsigned char got[HELD_SIZE];

	(void)state;
	for (int i = 0; i < 4; i++) {
		lapse_fd in, out;

		let_go(held_files[i % 2], names[i / 2]);
		in = held.pipe[0];
		out = held.pipe[1];
		/* Only now is it answered; held_end waits for nothing, so the pipe outlives it. */
		held.pipe[0] = held.pipe[1] = LAPSE_NOFD;
		fixture_release(&held.fixture);
		CHECK(lapse_close(held.fd) == 0 || errno == EINPROGRESS);
		held.fd = LAPSE_NOFD;
		fixture_await(&held.fixture, FUSE_RELEASE, 1);
		CHECK(lapse_write(out, "end", 3) == 3);
		CHECK(lapse_read(in, got, sizeof(got)) == 3 && memcmp(got, "end", 3) == 0);
		CHECK(lapse_close(in) == 0 && lapse_close(out) == 0);
		held_stop(&held);
	}
}

static const struct check checks[] = {
	{TEST(reads_leave_the_buffer_alone)},
	{TEST(next_read_is_right)},
	{TEST(many_at_once)},
	{TEST(writes_have_a_copy)},
	{TEST(results_stay_as_they_were)},
	{TEST(nothing_is_sent_late)},
};
CHECK_MAIN(checks)
