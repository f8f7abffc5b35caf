/* Row "poll": which of so many is ready? The one in the middle is, so nothing waits. */
#include "bench.h"

#include <lapse.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 128 }; /* four descriptors each */

static int count;
static struct pollfd bare[MOST];
static struct lapse_pollfd plain[MOST],
	limited[MOST]; /* on the same sockets; the second have deadlines */

static void polled(int64_t n)
{
	while (n-- > 0)
		must(poll(bare, (nfds_t)count, -1) == 1, "poll");
}

static void lapse_none(int64_t n)
{
	while (n-- > 0)
		must(lapse_poll(plain, (size_t)count) == 1, "lapse_poll");
}

static void lapse_standing(int64_t n)
{
	while (n-- > 0)
		must(lapse_poll(limited, (size_t)count) == 1, "lapse_poll");
}

static void waited(int64_t n)
{
	while (n-- > 0)
		must(lapse_wait(plain[0].fd, LAPSE_READ) == LAPSE_READ, "lapse_wait");
}

static int peers[MOST];

static void open_all(int ready)
{
	for (int i = 0; i < count; i++) {
		int pair[2];

		make_pair(pair);
		peers[i] = pair[1];
		must(i != ready || write(pair[1], "x", 1) == 1, "write");
		bare[i] = (struct pollfd){.fd = pair[0], .events = POLLIN};
		plain[i] = (struct lapse_pollfd){.fd = lapse_adopt(dup(pair[0])),
		                                 .dirs = LAPSE_READ};
		limited[i] = (struct lapse_pollfd){.fd = lapse_adopt(dup(pair[0])),
		                                   .dirs = LAPSE_READ};
		must(lapse_set_deadline(limited[i].fd, lapse_in(3600 * LAPSE_S)) == 0,
		     "lapse_adopt");
	}
}

static void close_all(void)
{
	for (int i = 0; i < count; i++) {
		close(peers[i]);
		close(bare[i].fd);
		lapse_close(plain[i].fd);
		lapse_close(limited[i].fd);
	}
}

static void measure_polls(int of)
{
	struct way ways[] = {
		{.name = "limit: poll", .loop = polled},
		{.name = "lapse_poll, no deadline", .loop = lapse_none},
		{.name = "lapse_poll, standing deadlines", .loop = lapse_standing},
		{.name = "lapse_wait, no deadline", .loop = waited},
	};
	size_t way_count = sizeof ways / sizeof *ways - (of > 1);
	char group[32];

	count = of;
	open_all(of / 2);
	for (size_t i = 0; i < way_count; i++)
		ways[i].n = 250 / (1 + of / 16);
	measure(ways, way_count);
	snprintf(group, sizeof group, "one of %d", of);
	say_ways("poll", group, ways, way_count);
	close_all();
}

int main(void)
{
	pin();
	measure_polls(1);
	measure_polls(16);
	measure_polls(MOST);
}
