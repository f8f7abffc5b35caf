/* What Go's net/timeout_test.go asks of sockets, asked of lapse: deadlines of accept, connect and
 * every kind of receive and send. Dialling here is lapse_connect. */
#include "shared.h"

#include <netinet/in.h>
#include <unistd.h>

/* ---- Connecting ---- */

/* A peer whose backlog is full never answers. */
static const int64_t connect_timeouts[] = {
	-5 * LAPSE_S, 0, 1, LAPSE_US, LAPSE_MS, 10 * LAPSE_MS,
};

enum { CONNECT_TIMEOUTS = sizeof(connect_timeouts) / sizeof(connect_timeouts[0]) };

static void dial_timeout(void **state)
{
	const struct where *where = *state;
	struct where connects = {where->family, check_operation("connect")};
	struct subject s;
	struct call c;

	subject_open(&s, &connects);
	for (int i = 0; i < CONNECT_TIMEOUTS; i++) {
		lapse_time deadline = lapse_in(connect_timeouts[i]);

		CHECK(lapse_set_write_deadline(s.fd, deadline) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
	}
	subject_close(&s);
}

/* The longest of all is none. */
static void dial_timeout_max_duration(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size);
	const int64_t longest[] = {INT64_MAX, INT64_MAX - 1};
	struct call c;

	for (int i = 0; i < 2; i++) {
		lapse_fd fd = lapse_socket(where->family->domain, where->family->type, 0), peer;

		CHECK(lapse_in(longest[i]) == LAPSE_NEVER);
		CHECK(lapse_set_deadline(fd, longest[i]) == 0);
		CHECK(lapse_connect(fd, (struct sockaddr *)&address, size) == 0);
		peer = lapse_accept(listener, NULL, NULL);
		CHECK(peer != LAPSE_NOFD);
		operation_block(&c, "read", fd);
		CHECK(lapse_write(peer, "x", 1) == 1);
		CHECK_CALL(&c, 1, 0);
		CHECK(lapse_close(fd) == 0 && lapse_close(peer) == 0);
	}
	CHECK(lapse_close(listener) == 0);
}

/* ---- Accepting ---- */

static int connect_plainly(const struct family *family, const struct sockaddr_storage *address,
                           socklen_t size)
{
	int fd = socket(family->domain, family->type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)address, size) == 0);
	return fd;
}

static void accept_timeout(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size), accepted;
	int client = connect_plainly(where->family, &address, size);
	lapse_time deadline;

	/* The past beats a peer that waits. */
	CHECK(lapse_set_read_deadline(listener, lapse_in(-5 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_ERR(lapse_accept(listener, NULL, NULL), LAPSE_EXPIRED);
	deadline = lapse_in(50 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(listener, deadline) == 0);
	accepted = lapse_accept(listener, NULL, NULL);
	if (accepted != LAPSE_NOFD)
		CHECK_ERR(lapse_accept(listener, NULL, NULL), LAPSE_EXPIRED);
	CHECK(errno == LAPSE_EXPIRED && lapse_now() >= deadline);
	CHECK_ERR(lapse_accept(listener, NULL, NULL), LAPSE_EXPIRED);
	/* A machine that was busy all that time must not have lost it. */
	CHECK(lapse_set_read_deadline(listener, LAPSE_NEVER) == 0);
	if (accepted == LAPSE_NOFD)
		accepted = lapse_accept(listener, NULL, NULL);
	CHECK(lapse_close(accepted) == 0);
	CHECK(lapse_close(listener) == 0);
	close(client);
}

static intptr_t accept_one(struct call *c)
{
	return (intptr_t)lapse_accept(c->fd, NULL, NULL);
}

static void accept_timeout_must_return(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size);
	lapse_time deadline;

	CHECK(lapse_set_deadline(listener, LAPSE_NEVER) == 0);
	deadline = lapse_in(10 * LAPSE_MS);
	CHECK(lapse_set_deadline(listener, deadline) == 0);
	CHECK_ERR(lapse_accept(listener, NULL, NULL), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	CHECK(lapse_close(listener) == 0);
}

static void accept_timeout_must_not_return(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size);
	struct call c = {.fd = listener};

	CHECK(lapse_set_deadline(listener, lapse_in(-5 * LAPSE_S)) == 0);
	CHECK(lapse_set_deadline(listener, LAPSE_NEVER) == 0);
	call_block(&c, accept_one);
	CHECK(lapse_close(listener) == 0);
	CHECK_CALL(&c, 0, EBADF);
	CHECK(c.error == EBADF);
}

/* ---- Datagrams to and from anybody ---- */

struct packets {
	lapse_fd fd[2];
	struct sockaddr_storage address[2];
	socklen_t size[2];
};

static void packets_make(struct packets *p)
{
	for (int i = 0; i < 2; i++)
		p->fd[i] = packet_make(AF_INET, &p->address[i], &p->size[i]);
}

/* ENOBUFS says that the machine has no room at the moment, whatever the deadline. */
static ssize_t send_to(const struct packets *p, const void *buf, size_t n)
{
	static const struct timespec pause = {0, 1000000};
	ssize_t sent;

	while ((sent = lapse_sendto(p->fd[1], buf, n, 0, (const struct sockaddr *)&p->address[0],
	                            p->size[0])) < 0 &&
	       errno == ENOBUFS)
		nanosleep(&pause, NULL); /* no event tells of room */
	return sent;
}

static void read_from_timeout(void **state)
{
	struct packets p;
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	lapse_time deadline;
	bool is_received;
	char byte;

	(void)state;
	packets_make(&p);
	CHECK(send_to(&p, "r", 1) == 1);
	CHECK(lapse_set_read_deadline(p.fd[0], lapse_in(-5 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_ERR(lapse_recvfrom(p.fd[0], &byte, 1, 0, NULL, NULL), LAPSE_EXPIRED);
	deadline = lapse_in(50 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(p.fd[0], deadline) == 0);
	is_received = lapse_recvfrom(p.fd[0], &byte, 1, 0, (struct sockaddr *)&from, &size) == 1;
	CHECK(!is_received || (from.ss_family == AF_INET && size == p.size[1]));
	for (int i = 0; i < 2; i++)
		CHECK_ERR(lapse_recvfrom(p.fd[0], &byte, 1, 0, NULL, NULL), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	CHECK(lapse_set_read_deadline(p.fd[0], LAPSE_NEVER) == 0);
	if (!is_received)
		CHECK(lapse_recvfrom(p.fd[0], &byte, 1, 0, NULL, NULL) == 1);
	pair_close(p.fd);
}

static void write_to_timeout(void **state)
{
	static const char text[] = "WRITETO TIMEOUT TEST";
	struct packets p;
	lapse_time deadline;

	(void)state;
	packets_make(&p);
	CHECK(lapse_set_write_deadline(p.fd[1], lapse_in(-5 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_ERR(send_to(&p, text, sizeof(text)), LAPSE_EXPIRED);
	CHECK(pair_drain(p.fd[0]) == 0);
	deadline = lapse_in(10 * LAPSE_MS);
	CHECK(lapse_set_write_deadline(p.fd[1], deadline) == 0);
	while (send_to(&p, text, sizeof(text)) == sizeof(text))
		;
	CHECK(errno == LAPSE_EXPIRED && lapse_now() >= deadline);
	CHECK_ERR(send_to(&p, text, sizeof(text)), LAPSE_EXPIRED);
	pair_close(p.fd);
}

static intptr_t receive_from(lapse_fd fd)
{
	char buf[256];

	return lapse_recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL);
}

static void read_from_timeout_fluctuation(void **state)
{
	struct packets p;

	(void)state;
	packets_make(&p);
	check_fluctuation(p.fd[0], LAPSE_READ, receive_from);
	pair_close(p.fd);
}

/* ---- Deadlines that move all the time ---- */

static intptr_t read_prolonged(struct call *c)
{
	char byte;
	ssize_t n;

	do {
		if (lapse_set_read_deadline(c->fd, lapse_in(3600 * LAPSE_S)) != 0)
			return -2;
		n = lapse_read(c->fd, &byte, 1);
	} while (n == 1);
	return n;
}

static intptr_t write_prolonged(struct call *c)
{
	do
		if (lapse_set_write_deadline(c->fd, lapse_in(3600 * LAPSE_S)) != 0)
			return -2;
	while (lapse_write(c->fd, "x", 1) == 1);
	return -1;
}

static bool is_parting(const struct call *c)
{
	return c->result == 0 || (c->result == -1 && (c->error == ECONNRESET || c->error == EPIPE));
}

static void read_write_prolonged_timeout(void **state)
{
	const struct where *where = *state;
	struct call reader, writer;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	reader = writer = (struct call){.fd = ends[0]};
	call_start(&reader, read_prolonged);
	call_start(&writer, write_prolonged);
	for (int i = 0; i < 1000; i++) {
		CHECK(lapse_write(ends[1], "y", 1) == 1);
		CHECK(lapse_read(ends[1], &byte, 1) == 1 && byte == 'x');
	}
	CHECK(lapse_close(ends[1]) == 0);
	call_join(&reader);
	call_join(&writer);
	CHECK(is_parting(&reader) && is_parting(&writer));
	CHECK(lapse_close(ends[0]) == 0);
}

enum { SETTERS = 8, CONNS = 10, TRIES = 100 };

struct setter {
	struct call call;
	const struct call *readers;
	lapse_time now;
	int index;
};

/* Ever earlier, though never near. */
static intptr_t set_earlier(struct call *c)
{
	const struct setter *s = (struct setter *)c;
	intptr_t failed = 0;

	for (int j = TRIES; j > 0; j--)
		for (int k = 0; k < CONNS; k++) {
			lapse_time more = (lapse_time)s->index * j * k * LAPSE_S;
			lapse_fd fd = s->readers[k].fd;

			failed += lapse_set_read_deadline(fd, s->now + 7200 * LAPSE_S + more) != 0;
			failed += lapse_set_write_deadline(fd, s->now + 3600 * LAPSE_S + more) != 0;
		}
	return failed;
}

/* Each has a reader asleep, which none of it may end, and the last one must. */
static void concurrent_set_deadline(void **state)
{
	const struct where *where = *state;
	struct setter setters[SETTERS];
	struct call readers[CONNS];
	lapse_fd ends[CONNS][2];
	lapse_time now = lapse_now();

	for (int i = 0; i < CONNS; i++) {
		family_make(where->family, ends[i]);
		operation_block(&readers[i], "read", ends[i][0]);
	}
	for (int i = 0; i < SETTERS; i++) {
		setters[i] = (struct setter){.readers = readers, .now = now, .index = i};
		call_start(&setters[i].call, set_earlier);
	}
	for (int i = 0; i < SETTERS; i++)
		CHECK_CALL(&setters[i].call, 0, 0);
	for (int i = 0; i < CONNS; i++) {
		lapse_time deadline;

		call_await_sleep(&readers[i]);
		deadline = lapse_in(LAPSE_MS);
		CHECK(lapse_set_read_deadline(ends[i][0], deadline) == 0);
		CHECK_CALL(&readers[i], -1, LAPSE_EXPIRED);
		CHECK(readers[i].ended >= deadline);
		pair_close(ends[i]);
	}
}

static const struct check checks[] = {
	{TEST_FAMILIES(dial_timeout, FAMILY_LISTENS)},
	{TEST_FAMILIES(dial_timeout_max_duration, FAMILY_LISTENS)},
	{TEST_FAMILIES(accept_timeout, FAMILY_LISTENS)},
	{TEST_FAMILIES(accept_timeout_must_return, FAMILY_LISTENS)},
	{TEST_FAMILIES(accept_timeout_must_not_return, FAMILY_LISTENS)},
	{TEST_FAMILIES(read_timeout, FAMILY_SOCKET)},
	{TEST_FAMILIES(read_timeout_must_not_return, FAMILY_SOCKET)},
	{TEST(read_from_timeout)},
	{TEST_FAMILIES(write_timeout, FAMILY_SOCKET)},
	{TEST_FAMILIES(write_timeout_must_not_return, FAMILY_SOCKET | FAMILY_FILLS)},
	{TEST(write_to_timeout)},
	{TEST_FAMILIES(read_timeout_fluctuation, FAMILY_SOCKET)},
	{TEST(read_from_timeout_fluctuation)},
	{TEST_FAMILIES(write_timeout_fluctuation, FAMILY_SOCKET | FAMILY_FILLS)},
	{TEST_FAMILIES(various_deadlines, FAMILY_SOCKET)},
	{TEST_FAMILIES(various_deadlines_1_proc, FAMILY_SOCKET)},
	{TEST_FAMILIES(various_deadlines_4_proc, FAMILY_SOCKET)},
	{TEST_FAMILIES(read_write_prolonged_timeout, FAMILY_SOCKET | FAMILY_ENDS)},
	{TEST_FAMILIES(read_write_deadline_race, FAMILY_SOCKET | FAMILY_FILLS)},
	{TEST_FAMILIES(concurrent_set_deadline, FAMILY_SOCKET)},
};
CHECK_MAIN(checks)
