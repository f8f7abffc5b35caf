/* A message that is read into less room than it needs is cut, and the rest of it lost: so it is with
 * splice(2) and a short count, and with whoever splices through a buffer of his own. Here each is taken
 * whole, and what the destination does not get the next read of the source does. */
#include "check.h"

#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t sizes[] = {1, 100, 4097, 16384, 16385, 60000, 65507, 100000};
enum { SIZES = sizeof sizes / sizeof *sizes, LARGEST = 100000, UDP_MAX = 65507 };

static char sent[LARGEST], came[LARGEST];

enum { UDP = -1 };
static const int types[] = {SOCK_SEQPACKET, SOCK_DGRAM, UDP};

struct line {
	lapse_fd in[2];
	size_t largest;
};

static void line_open(struct line *l, int type)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;

	l->largest = type == UDP ? UDP_MAX : LARGEST;
	if (type != UDP) {
		CHECK(lapse_socketpair(AF_UNIX, type, 0, l->in) == 0);
		return;
	}
	for (int i = 0; i < 2; i++)
		l->in[i] = lapse_socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind(lapse_sysfd(l->in[0]), (struct sockaddr *)&a, size) == 0);
	CHECK(getsockname(lapse_sysfd(l->in[0]), (struct sockaddr *)&a, &size) == 0);
	CHECK(lapse_connect(l->in[1], (struct sockaddr *)&a, size) == 0);
}

/* ---- Where to ---- */

enum { TO_PIPE, TO_STREAM, TO_FILE, PLACES };

static void place_open(int place, lapse_fd out[2])
{
	out[0] = LAPSE_NOFD;
	if (place == TO_PIPE)
		CHECK(lapse_pipe(out) == 0);
	else if (place == TO_STREAM)
		CHECK(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, out) == 0);
	else
		out[1] = lapse_adopt(memfd_create("file", MFD_CLOEXEC));
}

static void takes(int place, lapse_fd out[2], size_t from, size_t n)
{
	size_t done;

	memset(came, 0, n);
	if (place == TO_FILE)
		CHECK(lapse_pread(out[1], came, n, (off_t)from) == (ssize_t)n);
	else
		CHECK(lapse_read_full(out[0], came, n, &done) == 0);
}

/* So much of a message of that size is moved, in parts that a pipe has room for; the rest is read. */
static void moves(struct line *l, int place, size_t size, size_t n)
{
	enum { PART = 16000 };
	lapse_fd out[2];
	size_t done;

	place_open(place, out);
	CHECK(lapse_send(l->in[1], sent, size, 0) == (ssize_t)size);
	CHECK(lapse_set_deadline(out[1], lapse_now()) == 0);
	CHECK_ERR(lapse_splice(out[1], l->in[0], n), LAPSE_EXPIRED);
	CHECK(lapse_set_deadline(out[1], LAPSE_NEVER) == 0);
	for (size_t moved = 0; moved < n; moved += done) {
		done = n - moved < PART ? n - moved : PART;
		CHECK(lapse_splice(out[1], l->in[0], done) == (ssize_t)done);
		takes(place, out, moved, done);
		CHECK(stamp_holds(came, done, moved));
	}
	if (n < size) {
		CHECK(lapse_read_full(l->in[0], came, size - n, &done) == 0);
		CHECK(stamp_holds(came, size - n, n));
	}
	CHECK_ERR(lapse_recv(l->in[0], came, 1, MSG_DONTWAIT), EAGAIN);
	if (out[0] != LAPSE_NOFD)
		CHECK(lapse_close(out[0]) == 0);
	CHECK(lapse_close(out[1]) == 0);
}

static void every_byte_of_a_message(void **state)
{
	(void)state;
	stamp_fill(sent, LARGEST, 0);
	for (int type = 0; type < 3; type++) {
		struct line l;

		line_open(&l, types[type]);
		for (size_t i = 0; i < (size_t)SIZES * PLACES; i++) {
			size_t size = sizes[i / PLACES];

			if (size > l.largest)
				continue;
			moves(&l, (int)(i % PLACES), size, size);
			moves(&l, (int)(i % PLACES), size, 1 + size / 3);
		}
		pair_close(l.in);
	}
}

/* All at once, as far as they are there. */
static void several_messages(void **state)
{
	lapse_fd in[2], file = lapse_adopt(memfd_create("file", MFD_CLOEXEC));
	size_t done = 0;

	(void)state;
	stamp_fill(sent, LARGEST, 0);
	CHECK(lapse_socketpair(AF_UNIX, SOCK_SEQPACKET, 0, in) == 0);
	for (size_t size = 1; done + size < LARGEST; size *= 3) {
		CHECK(lapse_send(in[1], sent + done, size, 0) == (ssize_t)size);
		done += size;
	}
	CHECK(lapse_close(in[1]) == 0);
	CHECK(lapse_splice(file, in[0], SIZE_MAX) == (ssize_t)done);
	CHECK(lapse_pread(file, came, LARGEST, 0) == (ssize_t)done && stamp_holds(came, done, 0));
	CHECK(lapse_close(in[0]) == 0 && lapse_close(file) == 0);
}

/* The end of a connection comes as a message of no bytes; of datagrams there is no end. */
static void empty_datagrams(void **state)
{
	struct line l;
	lapse_fd file = lapse_adopt(memfd_create("file", MFD_CLOEXEC));

	(void)state;
	for (int type = 1; type < 3; type++) {
		line_open(&l, types[type]);
		CHECK(lapse_send(l.in[1], "ab", 2, 0) == 2 && lapse_send(l.in[1], "", 0, 0) == 0);
		CHECK(lapse_send(l.in[1], "", 0, 0) == 0 && lapse_send(l.in[1], "cd", 2, 0) == 2);
		CHECK(lapse_splice(file, l.in[0], 4) == 4);
		CHECK(lapse_pread(file, came, 4, (type - 1) * 4) == 4 &&
		      memcmp(came, "abcd", 4) == 0);
		pair_close(l.in);
	}
	CHECK(lapse_close(file) == 0);
}

static const struct check checks[] = {
	{TEST(every_byte_of_a_message)}, {TEST(several_messages)}, {TEST(empty_datagrams)}};
CHECK_MAIN(checks)
