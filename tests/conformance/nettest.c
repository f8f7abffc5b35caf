/* What golang.org/x/net/nettest.TestConn asks of every connection, asked of lapse, for sockets and
 * for pairs of pipes. */
#include "shared.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const lapse_time long_ago = -LAPSE_S;

/* ---- Bytes ---- */

enum { MUCH = 1 << 20, ROUNDS = 1000 };

static intptr_t send_stamps(struct call *c)
{
	char chunk[CHUNK];

	for (size_t i = 0; i < c->n; i += CHUNK) {
		stamp_fill(chunk, CHUNK, i);
		if (lapse_write(c->fd, chunk, CHUNK) != CHUNK)
			return -1;
	}
	return lapse_close(c->fd);
}

static void conn_basic_io(void **state)
{
	const struct where *where = *state;
	struct call sender;
	struct conn c[2];
	char chunk[CHUNK];
	size_t total = 0;
	ssize_t n;

	conn_make(where->family, c);
	sender = (struct call){.fd = c[0].w, .buf = chunk, .n = MUCH};
	call_start(&sender, send_stamps);
	while ((n = lapse_read(c[1].r, chunk, CHUNK)) > 0) {
		CHECK(stamp_holds(chunk, (size_t)n, total));
		total += (size_t)n;
	}
	CHECK(n == 0 && total == MUCH);
	CHECK_CALL(&sender, 0, 0);
	if (c[0].r != c[0].w)
		CHECK(lapse_close(c[0].r) == 0);
	conn_close(&c[1]);
}

/* Each reads a number and sends the next, up to the last. */
struct player {
	struct call call;
	const struct conn *conn;
};

static intptr_t play(struct call *c)
{
	const struct conn *conn = ((struct player *)c)->conn;
	uint64_t value = 0, previous = 0;
	size_t done;

	for (;;) {
		if (lapse_read_full(conn->r, &value, sizeof(value), &done) != 0)
			return -1;
		if (done == 0)
			return 0;
		if (done != sizeof(value) || (previous != 0 && value != previous + 2))
			return 1;
		previous = value++;
		if (previous == ROUNDS)
			return 0;
		if (lapse_write(conn->w, &value, sizeof(value)) != sizeof(value))
			return -1;
	}
}

static void conn_ping_pong(void **state)
{
	const struct where *where = *state;
	struct player players[2];
	struct conn c[2];
	uint64_t first = 1;

	conn_make(where->family, c);
	for (int i = 0; i < 2; i++) {
		players[i] = (struct player){.conn = &c[i]};
		call_start(&players[i].call, play);
	}
	CHECK(lapse_write(c[0].w, &first, sizeof(first)) == sizeof(first));
	/* The first is sent the even numbers, so it sees the last and leaves; that ends the other. */
	CHECK_CALL(&players[0].call, 0, 0);
	conn_close(&c[0]);
	CHECK_CALL(&players[1].call, 0, 0);
	conn_close(&c[1]);
}

/* ---- One direction's deadline is not the other's ---- */

static void conn_read_timeout(void **state)
{
	const struct where *where = *state;
	static const char chunk[CHUNK];
	struct call sink;
	struct conn c[2];
	char byte;

	conn_make(where->family, c);
	sink = (struct call){.fd = c[1].r};
	call_start(&sink, discard);
	CHECK(lapse_set_read_deadline(c[0].r, long_ago) == 0);
	CHECK_ERR(lapse_read(c[0].r, &byte, 1), LAPSE_EXPIRED);
	CHECK(lapse_write(c[0].w, chunk, CHUNK) == CHUNK);
	conn_close(&c[0]);
	CHECK_CALL(&sink, 0, 0);
	conn_close(&c[1]);
}

static void conn_write_timeout(void **state)
{
	const struct where *where = *state;
	struct call source;
	struct conn c[2];
	char chunk[CHUNK];

	conn_make(where->family, c);
	source = (struct call){.fd = c[1].w};
	call_start(&source, pour);
	CHECK(lapse_set_write_deadline(c[0].w, long_ago) == 0);
	CHECK_ERR(lapse_write(c[0].w, chunk, CHUNK), LAPSE_EXPIRED);
	CHECK(lapse_read(c[0].r, chunk, CHUNK) > 0);
	conn_close(&c[1]);
	CHECK_CALL(&source, -1, EBADF);
	conn_close(&c[0]);
}

/* ---- Both, and an echo on the other side ---- */

static void echo_start(const struct conn *c, struct call *echoer)
{
	*echoer = (struct call){.fd = c->r, .other = c->w};
	call_start(echoer, echo);
}

/* The side that was talked to goes first: its echo ends with the close. */
static void echo_end(struct conn c[2], struct call *echoer)
{
	conn_close(&c[1]);
	CHECK_CALL(echoer, -1, EBADF);
	conn_close(&c[0]);
}

static void check_round_trip(const struct conn *c)
{
	static const char text[] = "Hello, world!";
	char back[sizeof(text)];
	size_t done;

	conn_set_deadline(c, LAPSE_NEVER);
	CHECK(lapse_write(c->w, text, sizeof(text)) == sizeof(text));
	CHECK(lapse_read_full(c->r, back, sizeof(back), &done) == 0 && done == sizeof(back));
	CHECK(memcmp(text, back, sizeof(text)) == 0);
}

static intptr_t write_mark(struct call *c)
{
	return lapse_write(c->fd, "\377", 1);
}

/* Read all that is still under way, up to a mark that nothing else contains. */
static void resync(const struct conn *c)
{
	struct call marker = {.fd = c->w};
	unsigned char chunk[CHUNK];
	ssize_t n;

	conn_set_deadline(c, LAPSE_NEVER);
	call_start(&marker, write_mark);
	do {
		n = lapse_read(c->r, chunk, CHUNK);
		CHECK(n > 0);
	} while (chunk[n - 1] != 0xff);
	CHECK_CALL(&marker, 1, 0);
}

static void conn_past_timeout(void **state)
{
	const struct where *where = *state;
	struct call echoer;
	struct conn c[2];
	char chunk[CHUNK] = {0};

	conn_make(where->family, c);
	echo_start(&c[1], &echoer);
	check_round_trip(&c[0]);
	conn_set_deadline(&c[0], long_ago);
	CHECK_ERR(lapse_write(c[0].w, chunk, CHUNK), LAPSE_EXPIRED);
	CHECK_ERR(lapse_read(c[0].r, chunk, CHUNK), LAPSE_EXPIRED);
	check_round_trip(&c[0]);
	echo_end(c, &echoer);
}

static void conn_present_timeout(void **state)
{
	const struct where *where = *state;
	struct call reader, writer;
	struct conn c[2];

	conn_make(where->family, c);
	reader = (struct call){.fd = c[0].r};
	writer = (struct call){.fd = c[0].w};
	call_block(&reader, check_operation("read")->run);
	call_block(&writer, pour);
	CHECK(lapse_set_read_deadline(c[0].r, long_ago) == 0);
	CHECK_CALL(&reader, -1, LAPSE_EXPIRED);
	call_await_sleep(&writer);
	CHECK(lapse_set_write_deadline(c[0].w, long_ago) == 0);
	CHECK_CALL(&writer, -1, LAPSE_EXPIRED);
	conn_close(&c[0]);
	conn_close(&c[1]);
}

static void conn_future_timeout(void **state)
{
	const struct where *where = *state;
	struct call reader, writer, echoer;
	lapse_time deadline = lapse_in(50 * LAPSE_MS);
	struct conn c[2];

	conn_make(where->family, c);
	conn_set_deadline(&c[0], deadline);
	reader = (struct call){.fd = c[0].r};
	writer = (struct call){.fd = c[0].w};
	call_start(&reader, check_operation("read")->run);
	call_start(&writer, pour);
	CHECK_CALL(&reader, -1, LAPSE_EXPIRED);
	CHECK_CALL(&writer, -1, LAPSE_EXPIRED);
	CHECK(reader.ended >= deadline && writer.ended >= deadline);
	echo_start(&c[1], &echoer);
	resync(&c[0]);
	check_round_trip(&c[0]);
	echo_end(c, &echoer);
}

/* While bytes go round, after a longer while each time. */
static void close_after(const struct family *family, int64_t ns)
{
	struct call reader, writer, echoer;
	struct conn c[2];

	conn_make(family, c);
	echo_start(&c[1], &echoer);
	conn_set_deadline(&c[0], LAPSE_NEVER);
	reader = (struct call){.fd = c[0].r};
	writer = (struct call){.fd = c[0].w};
	call_start(&reader, discard);
	call_start(&writer, pour);
	CHECK(lapse_sleep_until(lapse_in(ns)) == 0);
	conn_close(&c[0]);
	CHECK_CALL(&reader, -1, EBADF);
	CHECK_CALL(&writer, -1, EBADF);
	conn_close(&c[1]);
	call_join(&echoer);
	CHECK(echoer.result <= 0);
}

static void conn_close_timeout(void **state)
{
	const struct where *where = *state;
	int count = check_count(50);

	for (int i = 0; i < count; i++)
		close_after(where->family, i * 20 * LAPSE_US);
}

/* ---- All at once ---- */

enum { MANY = 100, METHODS = 7 };

static intptr_t read_chunk(struct call *c)
{
	char chunk[CHUNK];

	return lapse_read(c->fd, chunk, CHUNK);
}

static intptr_t write_chunk(struct call *c)
{
	static const char chunk[CHUNK];

	return lapse_write(c->other, chunk, CHUNK);
}

static intptr_t set_soon(struct call *c)
{
	return lapse_set_deadline(c->fd, lapse_in(10 * LAPSE_MS)) |
	       lapse_set_deadline(c->other, lapse_in(10 * LAPSE_MS));
}

static intptr_t set_read_past(struct call *c)
{
	return lapse_set_read_deadline(c->fd, long_ago);
}

static intptr_t set_write_past(struct call *c)
{
	return lapse_set_write_deadline(c->other, long_ago);
}

static intptr_t ask_name(struct call *c)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);

	return getsockname(lapse_sysfd(c->fd), (struct sockaddr *)&name, &size);
}

static intptr_t ask_peer(struct call *c)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);

	return getpeername(lapse_sysfd(c->other), (struct sockaddr *)&name, &size);
}

static bool is_sensible(const struct call *c, int method)
{
	if (method == 0 || method == 1)
		return c->result > 0 || (c->result == -1 && c->error == LAPSE_EXPIRED);
	if (method >= 5)
		return c->result == 0 || c->error == ENOTSOCK;
	return c->result == 0;
}

/* What each comes to may be this or that. That the connection lives on is what counts. */
static void conn_concurrent_methods(void **state)
{
	static intptr_t (*const methods[METHODS])(struct call *) = {
		read_chunk,     write_chunk, set_soon, set_read_past,
		set_write_past, ask_name,    ask_peer,
	};
	const struct where *where = *state;
	int count = check_count(MANY) * METHODS;
	struct call *calls = calloc((size_t)count, sizeof(*calls)), echoer;
	struct conn c[2];

	CHECK(calls != NULL);
	conn_make(where->family, c);
	echo_start(&c[1], &echoer);
	for (int i = 0; i < count; i++) {
		calls[i] = (struct call){.fd = c[0].r, .other = c[0].w};
		call_start(&calls[i], methods[i % METHODS]);
	}
	for (int i = 0; i < count; i++) {
		call_join(&calls[i]);
		CHECK(is_sensible(&calls[i], i % METHODS));
	}
	resync(&c[0]);
	check_round_trip(&c[0]);
	echo_end(c, &echoer);
	free(calls);
}

static const struct check checks[] = {
	{TEST_FAMILIES(conn_basic_io, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_ping_pong, FAMILY_ENDS)},
	{TEST_FAMILIES(racy_read, FAMILY_ENDS)},
	{TEST_FAMILIES(racy_write, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_read_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_write_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_past_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_present_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_future_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_close_timeout, FAMILY_ENDS)},
	{TEST_FAMILIES(conn_concurrent_methods, FAMILY_ENDS)},
};
CHECK_MAIN(checks)
