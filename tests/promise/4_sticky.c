/* Promise 4, sticky: once expired, every operation of that direction fails at once, without
 * touching the descriptor, until the deadline is moved; then the handle works again and no byte, no
 * message and no connection was lost. */
#include "check.h"

#include <poll.h>

static bool is_ready(lapse_fd fd, short events)
{
	struct pollfd ready = {lapse_sysfd(fd), events, 0};

	return poll(&ready, 1, -1) == 1 && (ready.revents & events) != 0;
}

/* Everything fails although it could go on, and what is there stays there. */
static void fails_until_moved(void **state)
{
	const struct where *where = *state;
	bool connects = where->operation->is_connection && where->operation->dir == LAPSE_WRITE;
	short events = where->operation->dir == LAPSE_READ ? POLLIN : POLLOUT;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	subject_feed(&s, true);
	CHECK(connects || is_ready(s.fd, events));
	for (int i = 0; i < 5; i++) {
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK_ERR(lapse_check(s.fd, where->operation->dir), LAPSE_EXPIRED);
		CHECK_ERR(lapse_wait(s.fd, where->operation->dir), LAPSE_EXPIRED);
		CHECK(lapse_check(s.fd, LAPSE_READ + LAPSE_WRITE - where->operation->dir) == 0);
	}
	CHECK(connects || is_ready(s.fd, events));
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(3600 * LAPSE_S)) == 0);
	subject_prepare(&s, &c);
	call_start(&c, where->operation->run);
	subject_finish(&s, &c);
	subject_close(&s);
}

static void other_direction_works(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(0)) == 0);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(0)) == 0);
	CHECK(lapse_write(ends[0], "x", 1) == 1);
	CHECK(lapse_read(ends[1], &byte, 1) == 1);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	CHECK_ERR(lapse_write(ends[1], "x", 1), LAPSE_EXPIRED);
	pair_close(ends);
}

/* Neither an idle limit nor a scope sticks. */
static void idle_limit_does_not_stick(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(lapse_set_idle(s.fd, where->operation->dir, LAPSE_MS) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK(lapse_check(s.fd, LAPSE_READ | LAPSE_WRITE) == 0);
	if (where->operation->is_stream) {
		subject_feed(&s, true);
		while (subject_run(&s, &c) != 1)
			CHECK(c.error == LAPSE_EXPIRED);
	}
	subject_close(&s);
}

/* ---- Nothing is lost ---- */

enum { STREAM_SIZE = 300000, CHUNK_MAX = 4000 };

/* Move the deadlines of both directions to a moment about now, again and again. */
struct disturber {
	lapse_fd fd;
	atomic_bool stop;
	uint64_t seed;
};

static void *disturb(void *arg)
{
	struct disturber *d = arg;

	while (!atomic_load(&d->stop)) {
		uint64_t choice = check_random(&d->seed);
		int64_t ns = (int64_t)(choice % 60000) - 20000;

		if (choice >> 60 == 0)
			(void)lapse_cancel(d->fd, LAPSE_READ | LAPSE_WRITE);
		else
			(void)lapse_set_deadline(d->fd, lapse_in(ns));
		/* Or nothing would ever get done in between. */
		if (choice >> 62 == 0)
			(void)lapse_sleep_until(lapse_in(100 * LAPSE_US));
	}
	(void)lapse_set_deadline(d->fd, LAPSE_NEVER);
	return NULL;
}

/* One for each end, in threads of their own. */
static void disturb_start(struct disturber d[2], pthread_t thread[2], lapse_fd a, lapse_fd b)
{
	for (int i = 0; i < 2; i++) {
		d[i].fd = i == 0 ? a : b;
		d[i].seed = (uint64_t)i + 1;
		atomic_init(&d[i].stop, false);
		CHECK(pthread_create(&thread[i], NULL, disturb, &d[i]) == 0);
	}
}

static void disturb_stop(struct disturber d[2], pthread_t thread[2])
{
	for (int i = 0; i < 2; i++) {
		atomic_store(&d[i].stop, true);
		CHECK(pthread_join(thread[i], NULL) == 0);
	}
}

/* Clear the deadline, and try. What the disturber does in between may end it. */
static bool may_go_on(intptr_t result, int error, lapse_fd fd)
{
	if (result >= 0)
		return true;
	if (error != LAPSE_EXPIRED && error != ECANCELED)
		return false;
	return lapse_set_deadline(fd, LAPSE_NEVER) == 0;
}

static intptr_t read_stream(struct call *c)
{
	uint64_t seed = 5;
	size_t got = 0;
	char chunk[CHUNK_MAX];

	while (got < c->n) {
		ssize_t n = lapse_read(c->fd, chunk, 1 + check_random(&seed) % CHUNK_MAX);

		if (!may_go_on(n, errno, c->fd) || n == 0)
			return -1;
		if (n > 0 && !stamp_holds(chunk, (size_t)n, got))
			return -2;
		got += n > 0 ? (size_t)n : 0;
	}
	return (intptr_t)got;
}

static intptr_t write_stream(struct call *c)
{
	uint64_t seed = 9;
	size_t put = 0;
	char chunk[CHUNK_MAX];

	while (put < c->n) {
		size_t size = 1 + check_random(&seed) % CHUNK_MAX;
		ssize_t n;

		size = size < c->n - put ? size : c->n - put;
		stamp_fill(chunk, size, put);
		n = lapse_write(c->fd, chunk, size);
		if (!may_go_on(n, errno, c->fd))
			return -1;
		put += n > 0 ? (size_t)n : 0;
	}
	return (intptr_t)put;
}

/* Both ends at work under disturbance, until each has moved n of what it moves. */
static void transfer(const struct family *family, size_t n, intptr_t (*write_all)(struct call *),
                     intptr_t (*read_all)(struct call *))
{
	struct call reader, writer;
	struct disturber disturber[2];
	pthread_t thread[2];
	lapse_fd ends[2];

	family_make(family, ends);
	disturb_start(disturber, thread, ends[0], ends[1]);
	reader = (struct call){.fd = ends[0], .buf = &reader, .n = n};
	writer = (struct call){.fd = ends[1], .buf = &writer, .n = n};
	call_start(&reader, read_all);
	call_start(&writer, write_all);
	CHECK_CALL(&writer, n, 0);
	CHECK_CALL(&reader, n, 0);
	disturb_stop(disturber, thread);
	pair_close(ends);
}

static void stream_stays_whole(void **state)
{
	const struct where *where = *state;

	transfer(where->family, (size_t)check_count(STREAM_SIZE), write_stream, read_stream);
}

/* Messages of different lengths, each with its number: all of them arrive, in order, whole. */
static intptr_t write_messages(struct call *c)
{
	char message[64];

	for (size_t i = 0; i < c->n;) {
		size_t size = 1 + i % sizeof(message);
		ssize_t n;

		stamp_fill(message, size, i);
		n = lapse_write(c->fd, message, size);
		if (!may_go_on(n, errno, c->fd) || (n >= 0 && (size_t)n != size))
			return -1;
		i += n >= 0;
	}
	return (intptr_t)c->n;
}

static intptr_t read_messages(struct call *c)
{
	char message[64];

	for (size_t i = 0; i < c->n;) {
		ssize_t n = lapse_read(c->fd, message, sizeof(message));

		if (!may_go_on(n, errno, c->fd))
			return -1;
		if (n < 0)
			continue;
		if ((size_t)n != 1 + i % sizeof(message) || !stamp_holds(message, (size_t)n, i))
			return -2;
		i++;
	}
	return (intptr_t)c->n;
}

static void messages_stay_whole(void **state)
{
	const struct where *where = *state;

	transfer(where->family, (size_t)check_count(5000), write_messages, read_messages);
}

static intptr_t connect_many(struct call *c)
{
	for (size_t i = 0; i < c->n; i++) {
		lapse_fd fd = lapse_socket(c->address->sa_family, SOCK_STREAM, 0);
		char byte;

		/* The listener answers with a byte, so each connection must have been accepted. */
		if (lapse_connect(fd, c->address, c->address_size) != 0 ||
		    lapse_read(fd, &byte, 1) != 1 || lapse_close(fd) != 0)
			return -1;
	}
	return (intptr_t)c->n;
}

static void connections_are_not_lost(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 1, &address, &size), fd;
	struct disturber disturber[2];
	struct call c = {.address = (struct sockaddr *)&address, .address_size = size};
	pthread_t thread[2];
	int count = check_count(500);

	c.buf = &c;
	c.n = (size_t)count;
	disturb_start(disturber, thread, listener, listener);
	call_start(&c, connect_many);
	for (int i = 0; i < count;) {
		fd = lapse_accept(listener, NULL, NULL);
		CHECK(may_go_on(fd == LAPSE_NOFD ? -1 : 0, errno, listener));
		if (fd == LAPSE_NOFD)
			continue;
		CHECK(lapse_write(fd, "x", 1) == 1);
		CHECK(lapse_close(fd) == 0);
		i++;
	}
	CHECK_CALL(&c, count, 0);
	disturb_stop(disturber, thread);
	CHECK(lapse_close(listener) == 0);
}

static bool of_messages(const struct where *where)
{
	return (where->family->traits & (FAMILY_FILLS | FAMILY_STREAM)) == FAMILY_FILLS;
}

static bool of_stream_listeners(const struct where *where)
{
	return where->family->type == SOCK_STREAM && (where->family->traits & FAMILY_LISTENS) != 0;
}

static const struct check checks[] = {
	{TEST_OPERATIONS(fails_until_moved, NULL)},
	{TEST_OPERATIONS(idle_limit_does_not_stick, NULL)},
	{TEST_FAMILIES(other_direction_works, FAMILY_DUPLEX)},
	{TEST_FAMILIES(stream_stays_whole, FAMILY_STREAM)},
	{TEST_FITTING(messages_stay_whole, of_messages)},
	{TEST_FITTING(connections_are_not_lost, of_stream_listeners)},
};
CHECK_MAIN(checks)
