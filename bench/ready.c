/* Row "ready": one thread writes, and reads what is there, so that only overhead counts. */
#include "bench.h"

#include <lapse.h>
#include <stdio.h>
#include <unistd.h>

static char buf[64];
static size_t size;
static int pair[2];
static lapse_fd plain[2], limited[2]; /* on the same sockets; the second have deadlines */

static void expect(ssize_t r)
{
	must(r == (ssize_t)size, "write or read");
}

static void write_read(int64_t n)
{
	while (n-- > 0) {
		expect(write(pair[0], buf, size));
		expect(read(pair[1], buf, size));
	}
}

static void send_recv(int64_t n)
{
	while (n-- > 0) {
		expect(send(pair[0], buf, size, MSG_DONTWAIT | MSG_NOSIGNAL));
		expect(recv(pair[1], buf, size, MSG_DONTWAIT));
	}
}

static void lapse_none(int64_t n)
{
	while (n-- > 0) {
		expect(lapse_write(plain[0], buf, size));
		expect(lapse_read(plain[1], buf, size));
	}
}

static void lapse_standing(int64_t n)
{
	while (n-- > 0) {
		expect(lapse_write(limited[0], buf, size));
		expect(lapse_read(limited[1], buf, size));
	}
}

static void lapse_renewed(int64_t n)
{
	while (n-- > 0) {
		lapse_set_write_deadline(limited[0], lapse_in(30 * LAPSE_S));
		expect(lapse_write(limited[0], buf, size));
		lapse_set_read_deadline(limited[1], lapse_in(30 * LAPSE_S));
		expect(lapse_read(limited[1], buf, size));
	}
}

/* Reading no bytes is all that a call does but the system call. */
static void nothing_none(int64_t n)
{
	while (n-- > 0)
		must(lapse_read(plain[1], buf, 0) == 0, "lapse_read");
}

static void nothing_standing(int64_t n)
{
	while (n-- > 0)
		must(lapse_read(limited[1], buf, 0) == 0, "lapse_read");
}

enum { WRITE_READ, SEND_RECV, NONE, STANDING, RENEWED, WAYS };

static void measure_transfers(const char *group, int64_t n)
{
	struct way ways[WAYS] = {
		[WRITE_READ] = {.name = "limit: write, read", .loop = write_read},
		[SEND_RECV] = {.name = "send, recv", .loop = send_recv},
		[NONE] = {.name = "lapse, no deadline", .loop = lapse_none},
		[STANDING] = {.name = "lapse, standing deadlines", .loop = lapse_standing},
		[RENEWED] = {.name = "lapse, renewed on each call", .loop = lapse_renewed},
	};
	char own[64];

	for (int i = 0; i < WAYS; i++)
		ways[i].n = n;
	measure(ways, WAYS);
	say_ways("ready", group, ways, WAYS);
	snprintf(own, sizeof own, "%s, beyond send and recv, each call", group);
	for (int i = NONE; i < WAYS; i++)
		say("ready", own, ways[i].name, extra_ns(&ways[i], &ways[SEND_RECV]) / 2);
}

static void measure_nothing(void)
{
	struct way ways[] = {
		{.name = "lapse, no deadline", .loop = nothing_none, .n = 25000},
		{.name = "lapse, standing deadlines", .loop = nothing_standing, .n = 25000},
	};

	measure(ways, 2);
	say_ways("ready", "a lapse_read of no bytes, without a system call", ways, 2);
}

static void open_handles(void)
{
	for (int i = 0; i < 2; i++) {
		plain[i] = lapse_adopt(dup(pair[i]));
		limited[i] = lapse_adopt(dup(pair[i]));
		lapse_set_deadline(limited[i], lapse_in(3600 * LAPSE_S));
	}
}

int main(void)
{
	pin();
	size = 1;
	make_pair(pair);
	open_handles();
	measure_transfers("socketpair, 1 byte", 250);
	measure_nothing();
	size = 64;
	make_tcp_pair(pair);
	open_handles();
	measure_transfers("TCP, 64 bytes", 150);
}
