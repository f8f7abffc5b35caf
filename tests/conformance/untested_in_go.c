/* What Go's deadlines get wrong, or right by luck, and no test of Go's asks; asked of lapse. */
#include "shared.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- A deadline that was moved is forgotten ---- */

/* Whether the last deadline was moved away before it had passed; if not, nothing can be said. */
static bool move_in_time(const struct family *family)
{
	struct call c;
	lapse_fd ends[2];
	lapse_time near;
	bool in_time;

	family_make(family, ends);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(3600 * LAPSE_S)) == 0);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(1800 * LAPSE_S)) == 0);
	near = lapse_in(4 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(ends[0], near) == 0);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(3600 * LAPSE_S)) == 0);
	in_time = lapse_now() < near;
	if (in_time) {
		/* Every instant there was comes and goes, and the next alarm is an hour off. */
		CHECK(lapse_sleep_until(near + LAPSE_MS) == 0);
		call_await_sleep(&c);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK_CALL(&c, 1, 0);
	} else {
		(void)lapse_cancel(ends[0], LAPSE_READ);
		call_join(&c);
	}
	pair_close(ends);
	return in_time;
}

static void moved_deadlines_are_forgotten(void **state)
{
	const struct where *where = *state;

	while (!move_in_time(where->family))
		;
}

/* ---- A pulse is no cancel; a cancel is ---- */

/* Past, then never: what was pending may have ended or not, but no byte is lost and what begins
 * afterwards knows nothing of it. */
static void pulse_leaves_no_trace(void **state)
{
	const struct where *where = *state;
	int count = check_count(25);
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	for (int i = 0; i < count; i++) {
		struct call c;

		operation_block(&c, "read", ends[0]);
		CHECK(lapse_set_read_deadline(ends[0], lapse_in(-1)) == 0);
		CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		call_join(&c);
		if (c.result == -1) {
			CHECK(c.error == LAPSE_EXPIRED);
			CHECK(lapse_read(ends[0], &byte, 1) == 1 && byte == 'x');
		} else {
			CHECK(c.result == 1);
		}
	}
	pair_close(ends);
}

static void cancel_loses_none(void **state)
{
	const struct where *where = *state;
	int count = check_count(25);
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	for (int i = 0; i < count; i++) {
		struct call c;

		operation_block(&c, "read", ends[0]);
		CHECK(lapse_cancel(ends[0], LAPSE_READ) == 0);
		CHECK_CALL(&c, -1, ECANCELED);
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK(lapse_read(ends[0], &byte, 1) == 1);
	}
	pair_close(ends);
}

/* ---- Begun just late ---- */

/* The clock has shown the deadline: data or not, the next operation is too late. In Go it is a timer
 * that has to run first. */
static void begun_just_late_expires(void **state)
{
	const struct where *where = *state;
	int count = check_count(1000);
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "x", 1) == 1);
	for (int i = 0; i < count; i++) {
		lapse_time deadline = lapse_in(5 * LAPSE_US);

		CHECK(lapse_set_deadline(ends[0], deadline) == 0);
		while (lapse_now() < deadline)
			;
		CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	}
	CHECK(lapse_set_deadline(ends[0], LAPSE_NEVER) == 0);
	CHECK(lapse_read(ends[0], &byte, 1) == 1 && byte == 'x');
	pair_close(ends);
}

/* ---- Born without deadlines ---- */

static void check_newborn(lapse_fd fd)
{
	CHECK(fd != LAPSE_NOFD);
	CHECK(lapse_read_deadline(fd) == LAPSE_NEVER);
	CHECK(lapse_write_deadline(fd) == LAPSE_NEVER);
	CHECK(lapse_check(fd, LAPSE_READ | LAPSE_WRITE) == 0);
}

static void accepted_are_born_without_deadline(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size), client, server, copy;
	lapse_time deadline = lapse_in(3600 * LAPSE_S);
	char byte;

	CHECK(lapse_set_deadline(listener, deadline) == 0);
	client = lapse_socket(where->family->domain, where->family->type, 0);
	CHECK(lapse_set_idle(listener, LAPSE_READ, 3600 * LAPSE_S) == 0);
	CHECK(lapse_set_deadline(client, deadline) == 0);
	CHECK(lapse_connect(client, (struct sockaddr *)&address, size) == 0);
	server = lapse_accept(listener, NULL, NULL);
	check_newborn(server);
	CHECK(lapse_set_deadline(client, lapse_in(-1)) == 0);
	copy = lapse_dup(client);
	check_newborn(copy);
	CHECK(lapse_write(copy, "x", 1) == 1);
	CHECK(lapse_set_deadline(listener, lapse_in(-1)) == 0);
	CHECK(lapse_read(server, &byte, 1) == 1);
	CHECK(lapse_close(copy) == 0 && lapse_close(client) == 0);
	CHECK(lapse_close(server) == 0 && lapse_close(listener) == 0);
}

/* ---- A splice that expires loses nothing ---- */

struct source {
	struct call call;
	size_t total;
};

static intptr_t send_stamps(struct call *c)
{
	const struct source *s = (struct source *)c;
	char chunk[CHUNK];

	for (size_t i = 0; i < s->total; i += CHUNK) {
		stamp_fill(chunk, CHUNK, i);
		if (lapse_write(c->fd, chunk, CHUNK) != CHUNK)
			return -1;
	}
	return lapse_close(c->fd);
}

/* Reads with pauses, so that the splice expires in every state. */
static intptr_t read_slowly(struct call *c)
{
	char chunk[8 * CHUNK];
	uint64_t seed = 3;
	size_t total = 0;
	ssize_t n;

	while ((n = lapse_read(c->fd, chunk, 1 + check_random(&seed) % sizeof(chunk))) > 0) {
		if (!stamp_holds(chunk, (size_t)n, total))
			return -2;
		total += (size_t)n;
		if (check_random(&seed) % 8 == 0)
			(void)lapse_sleep_until(lapse_in(200 * LAPSE_US));
	}
	return n == 0 ? (intptr_t)total : -1;
}

/* Now the one deadline, now the other. */
static size_t splice_in_bursts(lapse_fd to, lapse_fd from, size_t total)
{
	uint64_t seed = 5;
	size_t moved = 0;

	for (;;) {
		int64_t timeout = (int64_t)(check_random(&seed) % 300) * LAPSE_US;
		ssize_t n;

		CHECK(lapse_set_read_deadline(from, LAPSE_NEVER) == 0);
		CHECK(lapse_set_write_deadline(to, LAPSE_NEVER) == 0);
		if (check_random(&seed) % 2)
			CHECK(lapse_set_write_deadline(to, lapse_in(timeout)) == 0);
		else
			CHECK(lapse_set_read_deadline(from, lapse_in(timeout)) == 0);
		n = lapse_splice(to, from, total - moved);
		moved += n > 0 ? (size_t)n : 0;
		if (moved == total)
			return moved;
		CHECK(n != 0 && errno == LAPSE_EXPIRED);
	}
}

static bool is_source(const struct where *where)
{
	unsigned both = FAMILY_STREAM | FAMILY_ENDS;

	return (where->family->traits & both) == both;
}

static void splice_loses_nothing(void **state)
{
	static const char *const downs[] = {"tcp", "unix_stream", "pipe"};
	const struct where *where = *state;

	for (int i = 0; i < 3; i++) {
		struct source source = {.total = (size_t)check_count(1000) * CHUNK};
		struct call reader;
		lapse_fd from[2], to[2];

		family_make(where->family, from);
		pair_make(downs[i], to);
		source.call.fd = from[1];
		reader = (struct call){.fd = to[0]};
		call_start(&source.call, send_stamps);
		call_start(&reader, read_slowly);
		CHECK(splice_in_bursts(to[1], from[0], source.total) == source.total);
		CHECK_CALL(&source.call, 0, 0);
		CHECK(lapse_close(to[1]) == 0);
		CHECK_CALL(&reader, source.total, 0);
		CHECK(lapse_close(to[0]) == 0 && lapse_close(from[0]) == 0);
	}
}

/* ---- Behind one who cannot be interrupted ---- */

/* The first in the queue is in a system call that waits by itself, in a socket that was made
 * elsewhere and left in blocking mode. Those behind it have their deadlines all the same. */
static void queued_expires_behind_whoever(void **state)
{
	struct where place = {check_family("unix_stream"), check_operation("connect")};
	struct call holder, queued[3];
	struct subject s;
	lapse_fd adopted;

	(void)state;
	subject_open(&s, &place);
	CHECK(lapse_close(s.fd) == 0);
	adopted = lapse_adopt(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	CHECK(adopted != LAPSE_NOFD);
	s.fd = adopted;
	subject_block(&s, &holder);
	for (int i = 0; i < 3; i++) {
		operation_block(&queued[i], "write", adopted);
	}
	CHECK(lapse_set_write_deadline(adopted, lapse_in(LAPSE_MS)) == 0);
	for (int i = 0; i < 3; i++)
		CHECK_CALL(&queued[i], -1, LAPSE_EXPIRED);
	while (!call_is_done(&holder))
		subject_feed(&s, false);
	call_join(&holder);
	CHECK(holder.result == 1 || holder.error == LAPSE_EXPIRED);
	subject_close(&s);
}

/* ---- The error of close(2) is close's own ---- */

struct closer {
	struct call call;
	int injected;
	bool is_filtered;
};

static intptr_t close_in_vain(struct call *c)
{
	struct closer *k = (struct closer *)c;

	k->is_filtered = check_filter(SYS_close, SECCOMP_RET_ERRNO | (uint32_t)k->injected) == 0;
	return lapse_close(c->fd);
}

/* Also when a reader was in it, and the last to leave. */
static void closes_error_is_told(void **state)
{
	static const int errors[][2] = {
		{EIO, EIO}, {ENOSPC, ENOSPC}, {EDQUOT, EDQUOT}, {EINTR, EINPROGRESS}};
	const struct where *where = *state;
	bool is_filtered = true;

	for (int i = 0; i < 4 && is_filtered; i++) {
		struct closer closer = {.injected = errors[i][0]};
		struct call reader;
		lapse_fd ends[2];
		int sysfd;

		family_make(where->family, ends);
		sysfd = lapse_sysfd(ends[0]);
		operation_block(&reader, "read", ends[0]);
		closer.call.fd = ends[0];
		call_start(&closer.call, close_in_vain);
		CHECK_CALL(&reader, -1, EBADF);
		call_join(&closer.call);
		is_filtered = closer.is_filtered;
		CHECK_ERR(lapse_close(ends[0]), EBADF);
		CHECK(lapse_close(ends[1]) == 0);
		if (is_filtered) {
			CHECK(closer.call.result == -1 && closer.call.error == errors[i][1]);
			close(sysfd);
		}
	}
	if (!is_filtered)
		check_skip("no system call filters here");
}

/* ---- Slots that are used again ---- */

/* Whatever was armed for the handle that had this slot before does not reach the next. */
static void recycled_slots_have_no_alarm(void **state)
{
	const struct where *where = *state;
	int count = check_count(20);

	for (int i = 0; i < count; i++) {
		lapse_time old = lapse_in(3 * LAPSE_MS);
		struct call c;
		lapse_fd ends[2];

		family_make(where->family, ends);
		CHECK(lapse_set_deadline(ends[0], old) == 0);
		c = (struct call){.fd = ends[0]};
		call_start(&c, check_operation("read")->run);
		if (i % 2)
			(void)lapse_wait(ends[1], LAPSE_WRITE);
		CHECK(lapse_close(ends[0]) == 0 && lapse_close(ends[1]) == 0);
		call_join(&c);
		CHECK(c.result == -1 && (c.error == EBADF || lapse_now() >= old));
		family_make(where->family, ends);
		c = (struct call){.fd = ends[0]};
		call_start(&c, check_operation("read")->run);
		/* The old handle's instant comes and goes. */
		CHECK(lapse_sleep_until(old + LAPSE_MS) == 0);
		CHECK(!call_is_done(&c));
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK_CALL(&c, 1, 0);
		pair_close(ends);
	}
}

static const struct check checks[] = {
	{TEST_FAMILIES(moved_deadlines_are_forgotten, 0)},
	{TEST_FAMILIES(pulse_leaves_no_trace, 0)},
	{TEST_FAMILIES(cancel_loses_none, 0)},
	{TEST_FAMILIES(begun_just_late_expires, 0)},
	{TEST_FAMILIES(accepted_are_born_without_deadline, FAMILY_LISTENS)},
	{TEST_FITTING(splice_loses_nothing, is_source)},
	{TEST(queued_expires_behind_whoever)},
	{TEST_FAMILIES(closes_error_is_told, FAMILY_SOCKET)},
	{TEST_FAMILIES(recycled_slots_have_no_alarm, 0)},
};
CHECK_MAIN(checks)
