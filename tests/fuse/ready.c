/* Whether a file is ready, where the server that is asked does not answer: lapse_wait and lapse_poll end
 * at their deadline, and lapse_poll tells of whatever else is ready meanwhile. */
#include "held.h"

#include <fcntl.h>
#include <string.h>

enum { BOTH = LAPSE_READ | LAPSE_WRITE };

static struct held held;

/* ---- One file ---- */

static intptr_t run_wait(struct call *c)
{
	int got = lapse_wait(c->fd, BOTH);

	return got == BOTH ? 0 : got == -1 ? -1 : -2;
}

static intptr_t run_poll(struct call *c)
{
	struct lapse_pollfd entry = {.fd = c->fd, .dirs = BOTH};
	int count = lapse_poll(&entry, 1);

	if (count == -1 || entry.error != 0) {
		if (count == 1 && entry.got == 0)
			errno = entry.error;
		return -1;
	}
	return count == 1 && entry.got == BOTH ? 0 : -2;
}

static const struct held_operation operations[] = {
	{"wait", FUSE_POLL, false, false, run_wait},
	{"poll", FUSE_POLL, false, false, run_poll},
};
enum { CASE_COUNT = 4 }; /* each on both kinds of files */

static void begin(int i)
{
	held_start(&held);
	held_begin(&held, held_files[i % 2], &operations[i / 2]);
}

static void end(void)
{
	held_end(&held);
	held_stop(&held);
}

static void at_the_handles_deadline(void **state)
{
	(void)state;
	for (int i = 0; i < CASE_COUNT; i++) {
		lapse_time deadline;

		begin(i);
		deadline = lapse_in(20 * LAPSE_MS);
		CHECK(lapse_set_deadline(held.fd, deadline) == 0);
		held_run(&held);
		held_was_let_go(&held, LAPSE_EXPIRED);
		CHECK(held.call.ended >= deadline);
		fixture_release(&held.fixture);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		held_run(&held);
		held_was_good(&held);
		end();
	}
}

static void at_the_scopes_deadline(void **state)
{
	(void)state;
	for (int i = 0; i < CASE_COUNT; i++) {
		lapse_time deadline;
		lapse_scope scope;

		begin(i);
		deadline = lapse_in(20 * LAPSE_MS);
		lapse_scope_enter(&scope, deadline);
		held_run(&held);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		held_was_let_go(&held, LAPSE_EXPIRED);
		CHECK(held.call.ended >= deadline);
		end();
	}
}

static intptr_t run_close(struct call *c)
{
	return lapse_close(c->fd);
}

static void ended_by_others(void **state)
{
	(void)state;
	for (int i = 0; i < CASE_COUNT; i++) {
		struct call closer;

		begin(i);
		held_let_go(&held);
		held_is_unanswered(&held);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		held_block(&held);
		CHECK(lapse_cancel(held.fd, LAPSE_READ) == 0);
		held_was_let_go(&held, ECANCELED);
		held_block(&held);
		closer = (struct call){.fd = held.fd};
		call_start(&closer, run_close);
		held_was_let_go(&held, EBADF);
		CHECK_CALL(&closer, 0, 0);
		held.fd = LAPSE_NOFD;
		end();
	}
}

static void answered_late(void **state)
{
	(void)state;
	for (int i = 0; i < CASE_COUNT; i++) {
		begin(i);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		held_block(&held);
		CHECK(!call_is_done(&held.call));
		fixture_answer(&held.fixture, FUSE_POLL);
		held_was_good(&held);
		end();
	}
}

/* Then it is poll(2). */
static void without_a_deadline(void **state)
{
	(void)state;
	for (int i = 0; i < CASE_COUNT; i++) {
		begin(i);
		held_block(&held);
		fixture_release(&held.fixture);
		held_was_good(&held);
		end();
	}
}

/* A file that can be written, but not read. */
static void not_ready(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lapse_pollfd entry;
		lapse_time deadline;

		begin(i);
		fixture_release(&held.fixture);
		CHECK(lapse_ftruncate(held.fd, 0) == 0);
		CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
		CHECK(lapse_wait(held.fd, BOTH) == LAPSE_WRITE);
		entry = (struct lapse_pollfd){.fd = held.fd, .dirs = BOTH};
		CHECK(lapse_poll(&entry, 1) == 1 && entry.got == LAPSE_WRITE);

		deadline = lapse_in(20 * LAPSE_MS);
		CHECK(lapse_set_deadline(held.fd, deadline) == 0);
		CHECK_ERR(lapse_wait(held.fd, LAPSE_READ), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
		deadline = lapse_in(20 * LAPSE_MS);
		CHECK(lapse_set_deadline(held.fd, deadline) == 0);
		entry.dirs = LAPSE_READ;
		CHECK(lapse_poll(&entry, 1) == 1 && entry.got == 0 && entry.error == LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
		end();
	}
}

/* ---- Many ---- */

enum { MANY = 12 }; /* more than a frame holds */
enum { FILE_AT, PIPE_AT, FOLDER_AT = MANY - 1 };

static struct lapse_pollfd entries[MANY];

/* The file whose server does not answer; the pipe; a folder, which is always ready; and copies of the
 * file between them. So many of these. */
static void many_begin(int count)
{
	begin(0);
	CHECK(lapse_set_deadline(held.fd, lapse_in(3600 * LAPSE_S)) == 0);
	for (int i = 0; i < count; i++)
		entries[i] = (struct lapse_pollfd){.dirs = LAPSE_READ, .got = 77, .error = 77};
	entries[FILE_AT].fd = held.fd;
	entries[PIPE_AT].fd = held.pipe[0];
	for (int i = PIPE_AT + 1; i < count && i < FOLDER_AT; i++)
		CHECK((entries[i].fd = lapse_dup(held.fd)) != LAPSE_NOFD);
	if (count > FOLDER_AT)
		entries[FOLDER_AT].fd = lapse_adopt(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void many_end(int count)
{
	fixture_release(&held.fixture);
	for (int i = PIPE_AT + 1; i < count; i++)
		CHECK(lapse_close(entries[i].fd) == 0);
	end();
}

static void only(int count, int told)
{
	for (int i = 0; i < count; i++)
		CHECK(entries[i].error == 0 && entries[i].got == (i == told ? LAPSE_READ : 0));
}

static intptr_t run_many(struct call *c)
{
	return lapse_poll(c->buf, c->n);
}

/* Also what becomes ready while the server is asked. */
static void others_are_told(void **state)
{
	(void)state;
	for (int count = 2; count < MANY; count += MANY - 3) {
		struct call c = {.buf = entries, .n = (size_t)count};
		uint64_t asked;

		many_begin(count);
		CHECK(lapse_write(held.pipe[1], "x", 1) == 1);
		CHECK(lapse_poll(entries, (size_t)count) == 1);
		only(count, PIPE_AT);
		CHECK(lapse_read(held.pipe[0], held.bytes, 1) == 1);

		asked = fixture_count(&held.fixture, FUSE_POLL);
		call_start(&c, run_many);
		fixture_await(&held.fixture, FUSE_POLL, asked + (uint64_t)(count - 1));
		CHECK(!call_is_done(&c));
		CHECK(lapse_write(held.pipe[1], "x", 1) == 1);
		CHECK_CALL(&c, 1, 0);
		only(count, PIPE_AT);
		many_end(count);
	}
}

static void other_files_are_told(void **state)
{
	(void)state;
	many_begin(MANY);
	CHECK(lapse_poll(entries, MANY) == 1);
	only(MANY, FOLDER_AT);
	many_end(MANY);
}

/* A file that can answer is not passed over for what is ready at once: it gets a moment, in which a busy
 * machine may not do it. */
static void both_are_told(void **state)
{
	int told;

	(void)state;
	many_begin(2);
	fixture_release(&held.fixture);
	CHECK(lapse_write(held.pipe[1], "x", 1) == 1);
	do {
		told = lapse_poll(entries, 2);
		CHECK(told >= 1 && entries[PIPE_AT].got == LAPSE_READ);
	} while (told < 2);
	CHECK(entries[FILE_AT].got == LAPSE_READ && entries[FILE_AT].error == 0);
	many_end(2);
}

/* The file's own deadline ends its entry; any other ends the whole as well. */
static void entries_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		lapse_time deadline;

		many_begin(2);
		deadline = lapse_in(20 * LAPSE_MS);
		CHECK(lapse_set_deadline(held.fd, LAPSE_NEVER) == 0);
		CHECK(lapse_set_deadline(entries[i].fd, deadline) == 0);
		CHECK(lapse_poll(entries, 2) == 1);
		CHECK(lapse_now() >= deadline);
		CHECK(entries[i].error == LAPSE_EXPIRED && entries[i].got == 0);
		CHECK(entries[1 - i].error == 0 && entries[1 - i].got == 0);
		many_end(2);
	}
}

/* All threads are stuck with what was asked before: it waits for one, within its deadline. */
static void no_thread_is_free(void **state)
{
	(void)state;
	CHECK(lapse_use_threads(1) == 0);
	many_begin(3);
	CHECK(lapse_write(held.pipe[1], "x", 1) == 1);
	for (int i = 0; i < 3; i++) {
		CHECK(lapse_poll(entries, 3) == 1);
		only(3, PIPE_AT);
	}
	CHECK(fixture_count(&held.fixture, FUSE_POLL) <= 1);
	CHECK(lapse_set_deadline(held.fd, lapse_in(10 * LAPSE_MS)) == 0);
	CHECK_ERR(lapse_wait(held.fd, LAPSE_READ), LAPSE_EXPIRED);
	many_end(3);
	CHECK(lapse_use_threads(64) == 0);
}

static const struct check checks[] = {
	{TEST(at_the_handles_deadline)}, {TEST(at_the_scopes_deadline)},
	{TEST(ended_by_others)},         {TEST(answered_late)},
	{TEST(without_a_deadline)},      {TEST(not_ready)},
	{TEST(others_are_told)},         {TEST(other_files_are_told)},
	{TEST(both_are_told)},           {TEST(entries_end)},
	{TEST(no_thread_is_free)},
};
CHECK_MAIN(checks)
