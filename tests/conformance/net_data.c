/* What Go's net tests of UDP, TCP, unix sockets and writev ask of the data, asked of lapse: empty
 * messages and buffers, messages cut short, much of everything, vectors of any length. */
#include "shared.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* ---- Datagrams of nothing, into nothing ---- */

static bool is_datagram(const struct where *where)
{
	return where->family->type == SOCK_DGRAM;
}

/* By read if generic, else by recvfrom. */
static ssize_t receive(lapse_fd fd, void *buf, size_t n, bool generic)
{
	return generic ? lapse_read(fd, buf, n) : lapse_recvfrom(fd, buf, n, 0, NULL, NULL);
}

/* Sent to itself: an empty datagram is a datagram. */
static void udp_zero_byte_payload(void **state)
{
	static const int domains[] = {AF_INET, AF_UNIX};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sockaddr_storage address;
		socklen_t size;
		lapse_fd fd = packet_make(domains[i / 2], &address, &size);
		char byte = 'b';

		CHECK(lapse_sendto(fd, NULL, 0, 0, (struct sockaddr *)&address, size) == 0);
		CHECK(receive(fd, &byte, 1, i % 2) == 0 && byte == 'b');
		CHECK(lapse_set_read_deadline(fd, lapse_in(LAPSE_MS)) == 0);
		CHECK_ERR(receive(fd, &byte, 1, i % 2), LAPSE_EXPIRED);
		CHECK(lapse_close(fd) == 0);
	}
}

static void zero_byte_payload(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	for (int generic = 0; generic < 2; generic++) {
		char byte = 'b';

		CHECK(lapse_write(ends[1], NULL, 0) == 0);
		CHECK(receive(ends[0], &byte, 1, generic) == 0 && byte == 'b');
	}
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(lapse_read(ends[0], &(char){0}, 1), LAPSE_EXPIRED);
	pair_close(ends);
}

/* A read of nothing takes nothing; a receive into nothing takes a datagram. */
static void zero_byte_buffer(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	char buf[8];

	family_make(where->family, ends);
	CHECK(lapse_write(ends[1], "first", 5) == 5);
	CHECK(lapse_write(ends[1], "second", 6) == 6);
	CHECK(lapse_read(ends[0], NULL, 0) == 0);
	CHECK(lapse_recvfrom(ends[0], NULL, 0, 0, NULL, NULL) == 0);
	CHECK(lapse_read(ends[0], buf, sizeof(buf)) == 6 && memcmp(buf, "second", 6) == 0);
	pair_close(ends);
}

/* What does not fit is cut off, and that is no error. */
static void read_size_error(void **state)
{
	static const char text[] = "READ SIZE ERROR TEST";
	const struct where *where = *state;
	lapse_fd ends[2];
	char buf[sizeof(text)];

	family_make(where->family, ends);
	for (int generic = 0; generic < 2; generic++) {
		CHECK(lapse_write(ends[1], text, sizeof(text)) == sizeof(text));
		CHECK(receive(ends[0], buf, sizeof(text) - 1, generic) == sizeof(text) - 1);
		CHECK(memcmp(buf, text, sizeof(text) - 1) == 0);
	}
	pair_close(ends);
}

/* A deadline of now has passed; nothing is stored. */
static void udp_read_timeout(void **state)
{
	struct sockaddr_storage address, from;
	socklen_t size, from_size = sizeof(from);
	lapse_fd fd = packet_make(AF_INET, &address, &size);
	char byte = 'b';

	(void)state;
	from.ss_family = AF_UNSPEC;
	CHECK(lapse_set_deadline(fd, lapse_now()) == 0);
	CHECK_ERR(lapse_recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &from_size),
	          LAPSE_EXPIRED);
	CHECK(byte == 'b' && from.ss_family == AF_UNSPEC && from_size == sizeof(from));
	CHECK(lapse_close(fd) == 0);
}

/* ---- Much ---- */

enum { MESSAGE = 512, CLIENTS = 2 };

struct talker {
	struct call call;
	int rounds;
};

static intptr_t answer(struct call *c)
{
	const struct talker *t = (struct talker *)c;
	char message[MESSAGE];
	size_t done;

	for (int i = 0; i < t->rounds; i++)
		if (lapse_read_full(c->fd, message, MESSAGE, &done) != 0 || done != MESSAGE ||
		    lapse_write(c->fd, message, MESSAGE) != MESSAGE)
			return -1;
	return 0;
}

static intptr_t demand(struct call *c)
{
	const struct talker *t = (struct talker *)c;
	char message[MESSAGE];
	size_t done;

	for (int i = 0; i < t->rounds; i++) {
		stamp_fill(message, MESSAGE, (size_t)i * MESSAGE);
		if (lapse_write(c->fd, message, MESSAGE) != MESSAGE)
			return -1;
		memset(message, 0, MESSAGE);
		if (lapse_read_full(c->fd, message, MESSAGE, &done) != 0 || done != MESSAGE)
			return -1;
		if (!stamp_holds(message, MESSAGE, (size_t)i * MESSAGE))
			return 1;
	}
	return 0;
}

static void tcp_stress(void **state)
{
	struct talker clients[CLIENTS], servers[CLIENTS];
	lapse_fd ends[CLIENTS][2];

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		pair_make("tcp", ends[i]);
		clients[i] = servers[i] = (struct talker){.rounds = check_count(10000)};
		clients[i].call.fd = ends[i][0];
		servers[i].call.fd = ends[i][1];
		call_start(&clients[i].call, demand);
		call_start(&servers[i].call, answer);
	}
	for (int i = 0; i < CLIENTS; i++) {
		CHECK_CALL(&clients[i].call, 0, 0);
		CHECK_CALL(&servers[i].call, 0, 0);
		pair_close(ends[i]);
	}
}

static intptr_t writev_one(struct call *c)
{
	struct iovec iov = {c->buf, c->n};

	return lapse_writev(c->fd, &iov, 1);
}

static intptr_t read_all(struct call *c)
{
	size_t done;

	return lapse_read_full(c->fd, c->buf, c->n, &done) == 0 ? (intptr_t)done : -1;
}

/* One write of a great deal arrives whole, as does one vector. */
static void tcp_big(void **state)
{
	size_t n = (size_t)check_count(32) << 20;
	char *from = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	CHECK(from != MAP_FAILED && to != MAP_FAILED);
	stamp_fill(from, n, 0);
	for (int vector = 0; vector < 2; vector++) {
		struct call reader, writer;
		lapse_fd ends[2];

		pair_make("tcp", ends);
		reader = (struct call){.fd = ends[0], .buf = to, .n = n};
		writer = (struct call){.fd = ends[1], .buf = from, .n = n};
		call_start(&reader, read_all);
		call_start(&writer, vector ? writev_one : check_operation("write")->run);
		CHECK_CALL(&writer, n, 0);
		CHECK_CALL(&reader, n, 0);
		CHECK(memcmp(from, to, n) == 0);
		memset(to, 0, n);
		pair_close(ends);
	}
	munmap(from, n);
	munmap(to, n);
}

/* More than a single system call writes (go#16266). */
static void more_than_two_gib(void **state)
{
	size_t n = (UINT64_C(2) << 30) + (1 << 20), done;
	char *buf = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	lapse_fd fd = lapse_open("/dev/null", O_WRONLY, 0);
	struct iovec iov[2] = {{buf, n / 2}, {buf, n - n / 2}};

	(void)state;
	CHECK(buf != MAP_FAILED && fd != LAPSE_NOFD);
	CHECK(lapse_write(fd, buf, n) == (ssize_t)n);
	CHECK(lapse_write_full(fd, buf, n, &done) == 0 && done == n);
	CHECK(lapse_writev(fd, iov, 2) == (ssize_t)n);
	CHECK(lapse_close(fd) == 0);
	munmap(buf, n);
}

/* Whatever goes back and forth, nothing is allocated. */
static void allocs(void **state)
{
	const struct where *where = *state;
	struct mallinfo2 before, after;
	lapse_fd ends[2];
	char byte;

	if (check_is_watched())
		check_skip("a sanitizer or Valgrind allocates in its own way");
	family_make(where->family, ends);
	before = mallinfo2();
	for (int i = 0; i < 1000; i++) {
		CHECK(lapse_write(ends[1], "x", 1) == 1);
		CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_S)) == 0);
		CHECK(lapse_read(ends[0], &byte, 1) == 1);
		CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_US)) == 0);
		CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	}
	after = mallinfo2();
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	pair_close(ends);
}

/* ---- Vectors ---- */

/* The peer is gone; there is more than any buffer takes. */
static void writev_error(void **state)
{
	enum { ENTRIES = 1024, MIB = 1 << 20 };
	struct iovec iov[ENTRIES];
	char *buf = calloc(1, MIB);
	lapse_fd ends[2];
	ssize_t n;

	(void)state;
	CHECK(buf != NULL);
	for (int i = 0; i < ENTRIES; i++)
		iov[i] = (struct iovec){buf, MIB};
	pair_make("tcp", ends);
	CHECK(lapse_close(ends[0]) == 0);
	n = lapse_writev(ends[1], iov, ENTRIES);
	CHECK(n < (ssize_t)ENTRIES * MIB);
	CHECK(errno == EPIPE || errno == ECONNRESET);
	CHECK(lapse_writev(ends[1], iov, ENTRIES) == -1);
	CHECK(lapse_close(ends[1]) == 0);
	free(buf);
}

struct vector {
	struct call call;
	struct iovec *iov;
	int count;
};

static intptr_t write_vector(struct call *c)
{
	const struct vector *v = (struct vector *)c;

	return lapse_writev(c->fd, v->iov, v->count);
}

/* The vector arrives as one, whatever the reader's buffer holds. */
static void check_vector(const struct family *family, struct iovec *iov, int count, size_t n)
{
	struct vector writer = {.iov = iov, .count = count};
	lapse_fd ends[2];
	char chunk[100];
	size_t total = 0;

	family_make(family, ends);
	writer.call.fd = ends[1];
	call_start(&writer.call, write_vector);
	while (total < n) {
		ssize_t got = lapse_read(ends[0], chunk, sizeof(chunk));

		CHECK(got > 0 && stamp_holds(chunk, (size_t)got, total));
		total += (size_t)got;
	}
	CHECK_CALL(&writer.call, n, 0);
	CHECK(total == n && pair_drain(ends[0]) == 0);
	pair_close(ends);
}

/* As many entries of a byte as there are bytes, more than the kernel takes at once. */
static void buffers_write_to(void **state)
{
	static const int counts[] = {0, 1, 10, 1023, 1024, 1025, 5000};
	const struct where *where = *state;

	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		struct iovec *iov = calloc((size_t)counts[k] + 1, sizeof(*iov));
		char *bytes = malloc((size_t)counts[k] + 1);

		CHECK(iov != NULL && bytes != NULL);
		stamp_fill(bytes, (size_t)counts[k], 0);
		for (int i = 0; i < counts[k]; i++)
			iov[i] = (struct iovec){&bytes[i], 1};
		check_vector(where->family, iov, counts[k], (size_t)counts[k]);
		free(iov);
		free(bytes);
	}
}

/* A vector that goes in many steps, each of which ends somewhere in an entry; empty ones count for
 * nothing, wherever they stand. */
static void buffers_consume(void **state)
{
	enum { ENTRIES = 2000, BYTES = 300000 };
	const struct where *where = *state;
	struct iovec *iov = calloc(ENTRIES, sizeof(*iov)), *before = calloc(ENTRIES, sizeof(*iov));
	char *bytes = malloc(BYTES);
	uint64_t seed = 1;
	size_t n = 0;

	CHECK(iov != NULL && before != NULL && bytes != NULL);
	stamp_fill(bytes, BYTES, 0);
	for (int i = 0; i < ENTRIES; i++) {
		size_t length = i % 3 == 0 ? 0 : check_random(&seed) % 200;

		iov[i] = (struct iovec){length == 0 ? NULL : &bytes[n], length};
		n += length;
	}
	memcpy(before, iov, ENTRIES * sizeof(*iov));
	check_vector(where->family, iov, ENTRIES, n);
	check_vector(where->family, iov, 1, 0);
	check_vector(where->family, iov, 4, iov[1].iov_len + iov[2].iov_len);
	/* The caller's vector is his. */
	CHECK(memcmp(before, iov, ENTRIES * sizeof(*iov)) == 0);
	free(iov);
	free(before);
	free(bytes);
}

/* A peer that shut down its own side must not make the writer spin: it is asleep. */
static void endless_write(void **state)
{
	const struct where *where = *state;
	struct call writer;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_shutdown(ends[0], SHUT_WR) == 0);
	writer = (struct call){.fd = ends[1]};
	call_block(&writer, pour);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(5 * LAPSE_MS)) == 0);
	CHECK_CALL(&writer, -1, LAPSE_EXPIRED);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(udp_zero_byte_payload)},
	{TEST_FITTING(zero_byte_payload, is_datagram)},
	{TEST_FITTING(zero_byte_buffer, is_datagram)},
	{TEST_FITTING(read_size_error, is_datagram)},
	{TEST(udp_read_timeout)},
	{TEST(tcp_stress)},
	{TEST(tcp_big)},
	{TEST(more_than_two_gib)},
	{TEST_FAMILIES(allocs, 0)},
	{TEST(writev_error)},
	{TEST_FAMILIES(buffers_write_to, FAMILY_STREAM)},
	{TEST_FAMILIES(buffers_consume, FAMILY_STREAM)},
	{TEST_FAMILIES(endless_write, FAMILY_SOCKET | FAMILY_STREAM)},
};
CHECK_MAIN(checks)
