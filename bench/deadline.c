/* Row 1: what it costs to set, move and clear a deadline, beside the least that it can cost and what
 * the kernel asks for its own. */
#include "bench.h"

#include <lapse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum { CHEAP = 2000000, DEAR = 100000 };

static const char row[] = "1", group[] = "set";
static _Atomic int64_t deadline, armed = INT64_MAX;
static volatile int64_t sink;

static void *reader(void *fd)
{
	char byte;

	sink = lapse_read(fd, &byte, 1);
	return NULL;
}

static void limits(void)
{
	struct timeval tv = {30, 0};
	struct itimerspec timer = {{0, 0}, {30, 0}};
	int pair[2];
	int timerfd = timerfd_create(CLOCK_MONOTONIC, 0);

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	MEASURE(row, group, "limit: store and look", CHEAP, {
		atomic_store(&deadline, i);
		sink = atomic_load(&armed) > i;
	});
	MEASURE(row, group, "clock, store and look", CHEAP, {
		int64_t then = now_ns() + 1000;

		atomic_store(&deadline, then);
		sink = atomic_load(&armed) > then;
	});
	MEASURE(row, group, "SO_RCVTIMEO", DEAR, {
		tv.tv_usec = (i & 1023) * 900;
		setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	});
	MEASURE(row, group, "timerfd_settime", DEAR, {
		timer.it_value.tv_nsec = i & 1023;
		timerfd_settime(timerfd, 0, &timer, NULL);
	});
}

int main(void)
{
	lapse_time far = lapse_in(3600 * LAPSE_S);
	lapse_fd pair[2];
	pthread_t thread;

	pin();
	limits();
	must(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "lapse_socketpair");
	MEASURE(row, group, "lapse idle", CHEAP, lapse_set_read_deadline(pair[0], far + i));
	MEASURE(row, group, "lapse cleared", CHEAP, lapse_set_read_deadline(pair[0], LAPSE_NEVER));
	MEASURE(row, group, "lapse both directions", CHEAP, lapse_set_deadline(pair[0], far + i));
	MEASURE(row, group, "lapse with lapse_in", CHEAP,
	        lapse_set_read_deadline(pair[0], lapse_in(30 * LAPSE_S)));
	lapse_set_deadline(pair[0], far);
	must(pthread_create(&thread, NULL, reader, pair[0]) == 0, "pthread_create");
	lapse_sleep_until(lapse_in(20 * LAPSE_MS)); /* the reader gets to sleep */
	MEASURE(row, group, "lapse later, read pending", CHEAP,
	        lapse_set_read_deadline(pair[0], far + CHEAP + i));
	lapse_close(pair[0]);
	pthread_join(thread, NULL);
}
