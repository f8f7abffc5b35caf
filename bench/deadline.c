/* Row "set": what it costs to set, move and clear a deadline, beside the least that it can cost and
 * what the kernel asks for its own. */
#include "bench.h"

#include <lapse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CHEAP = 25000, DEAR = 250 };

static _Atomic int64_t word, armed = INT64_MAX;
static volatile bool sink;
static int sockets[2], timerfd;
static lapse_fd idle, busy;     /* a read waits on the second */
static lapse_time far, farther; /* the second grows */

static void store_and_look(int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		atomic_store(&word, i);
		sink = atomic_load(&armed) > i;
	}
}

static void clock_store_and_look(int64_t n)
{
	while (n-- > 0) {
		int64_t then = now_ns() + 1000;

		atomic_store(&word, then);
		sink = atomic_load(&armed) > then;
	}
}

static void lapse_idle(int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		lapse_set_read_deadline(idle, far + i);
}

static void lapse_later(int64_t n)
{
	while (n-- > 0)
		lapse_set_read_deadline(busy, farther++);
}

static void lapse_cleared(int64_t n)
{
	for (; n > 0; n -= 2) {
		lapse_set_read_deadline(busy, LAPSE_NEVER);
		lapse_set_read_deadline(busy, farther++);
	}
}

static void lapse_both(int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		lapse_set_deadline(idle, far + i);
}

static void lapse_with_clock(int64_t n)
{
	while (n-- > 0)
		lapse_set_read_deadline(idle, lapse_in(30 * LAPSE_S));
}

static void rcvtimeo(int64_t n)
{
	struct timeval tv = {30, 0};

	while (n-- > 0) {
		tv.tv_usec = n * 900;
		setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	}
}

static void timerfd_set(int64_t n)
{
	struct itimerspec timer = {{0, 0}, {30, 0}};

	while (n-- > 0) {
		timer.it_value.tv_nsec = n;
		timerfd_settime(timerfd, 0, &timer, NULL);
	}
}

/* ---- A read that waits all the while ---- */

static _Atomic int reader_tid;

static void *wait_for_end(void *unused)
{
	char byte;

	reader_tid = gettid();
	must(lapse_read(busy, &byte, 1) == -1 && errno == LAPSE_EXPIRED, "the waiting read");
	return unused;
}

static bool is_asleep(int tid)
{
	char path[64];
	char stat[256] = "";
	const char *state;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	must(f != NULL && fgets(stat, sizeof stat, f) != NULL, path);
	fclose(f);
	state = strrchr(stat, ')');
	return state != NULL && state[2] == 'S';
}

static pthread_t start_reader(void)
{
	pthread_t thread;

	lapse_set_read_deadline(busy, far);
	must(pthread_create(&thread, NULL, wait_for_end, NULL) == 0, "pthread_create");
	while (reader_tid == 0 || !is_asleep(reader_tid))
		lapse_sleep_until(lapse_in(LAPSE_MS));
	return thread;
}

int main(void)
{
	static struct way ways[] = {
		{.name = "limit: store, look", .loop = store_and_look, .n = CHEAP},
		{.name = "lapse, nobody waits", .loop = lapse_idle, .n = CHEAP},
		{.name = "lapse, later, under a waiting read", .loop = lapse_later, .n = CHEAP},
		{.name = "lapse, cleared or set, likewise", .loop = lapse_cleared, .n = CHEAP},
		{.name = "lapse, both directions", .loop = lapse_both, .n = CHEAP},
		{.name = "lapse, to lapse_in(...)", .loop = lapse_with_clock, .n = CHEAP},
		{.name = "read the clock, store, look", .loop = clock_store_and_look, .n = CHEAP},
		{.name = "SO_RCVTIMEO", .loop = rcvtimeo, .n = DEAR},
		{.name = "timerfd_settime", .loop = timerfd_set, .n = DEAR},
	};
	const size_t count = sizeof ways / sizeof *ways;
	pthread_t reader;

	pin();
	make_pair(sockets);
	timerfd = timerfd_create(CLOCK_MONOTONIC, 0);
	idle = lapse_adopt(sockets[0]);
	busy = lapse_adopt(sockets[1]);
	far = lapse_in(3600 * LAPSE_S);
	farther = far + 1;
	reader = start_reader();
	measure(ways, count);
	lapse_set_read_deadline(busy, lapse_now());
	pthread_join(reader, NULL);
	say_ways("set", "a call", ways, count);
}
