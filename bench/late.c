/* Row "late": how long after its instant a wait ends. With an argument, row "early": that many short
 * deadlines, none of which may end a wait before its instant. */
#include "bench.h"

#include <lapse.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int timerfd, pair[2];
static _Thread_local lapse_fd fd; /* nothing ever comes there */

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ns / LAPSE_S, ns % LAPSE_S};
}

static void by_timerfd(int64_t due)
{
	struct itimerspec timer = {{0, 0}, timespec_of(due)};
	uint64_t count;

	timerfd_settime(timerfd, TFD_TIMER_ABSTIME, &timer, NULL);
	must(read(timerfd, &count, sizeof count) == sizeof count, "timerfd");
}

static void by_nanosleep(int64_t due)
{
	struct timespec ts = timespec_of(due);

	must(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == 0, "clock_nanosleep");
}

static void by_ppoll(int64_t due)
{
	struct pollfd fds = {pair[0], POLLIN, 0};
	struct timespec ts = timespec_of(due - now_ns());

	must(ppoll(&fds, 1, &ts, NULL) == 0, "ppoll");
}

static void by_lapse_read(int64_t due)
{
	char byte;

	lapse_set_read_deadline(fd, due);
	must(lapse_read(fd, &byte, 1) == -1 && errno == LAPSE_EXPIRED, "lapse_read");
}

static void open_handle(void)
{
	fd = lapse_adopt(dup(pair[1]));
	must(fd != LAPSE_NOFD, "lapse_adopt");
}

static void by_lapse_sleep(int64_t due)
{
	must(lapse_sleep_until(due) == 0, "lapse_sleep_until");
}

enum { TIMERFD, NANOSLEEP, PPOLL, LAPSE_READS, LAPSE_SLEEPS, WAYS };

static const struct waiter waiters[WAYS] = {
	[TIMERFD] = {"limit: timerfd, read", by_timerfd},
	[NANOSLEEP] = {"clock_nanosleep", by_nanosleep},
	[PPOLL] = {"ppoll", by_ppoll},
	[LAPSE_READS] = {"lapse_read", by_lapse_read},
	[LAPSE_SLEEPS] = {"lapse_sleep_until", by_lapse_sleep},
};

/* ---- Long waits, all at once, a little apart ---- */

static int64_t long_due[WAYS];

static void *wait_long(void *arg)
{
	const struct waiter *waiter = arg;

	open_handle();
	say_late(waiter, "3 s", long_due[waiter - waiters]);
	return NULL;
}

static void measure_long(void)
{
	pthread_t threads[WAYS];
	int64_t due = now_ns() + 3 * LAPSE_S;

	for (int i = 0; i < WAYS; i++) {
		long_due[i] = due;
		due += 20 * LAPSE_MS;
		must(pthread_create(&threads[i], NULL, wait_long, (void *)(uintptr_t)&waiters[i]) ==
		             0,
		     "pthread_create");
	}
	for (int i = 0; i < WAYS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- Many short waits, in several threads, since each sleeps most of its time ---- */

enum { THREADS = 16 };

static const struct waiter *short_waiter;
static long short_waits; /* of each thread */
static _Atomic long early;

/* Of 1 to 20 microseconds. */
static void *wait_short(void *arg)
{
	open_handle();
	for (long i = 0; i < short_waits; i++) {
		int64_t due = now_ns() + 1000 + i * 7919 % 19001;

		short_waiter->until(due);
		if (now_ns() < due)
			early++;
	}
	return arg;
}

static void count_early(const struct waiter *waiter, long n)
{
	pthread_t threads[THREADS];

	short_waiter = waiter;
	short_waits = n / THREADS;
	early = 0;
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, wait_short, NULL) == 0, "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	say("early", "ended before their instant", waiter->name, (double)early);
}

int main(int argc, char **argv)
{
	make_pair(pair);
	if (argc > 1) {
		for (int i = LAPSE_READS; i < WAYS; i++)
			count_early(&waiters[i], atol(argv[1]));
		return 0;
	}
	pin();
	open_handle();
	timerfd = timerfd_create(CLOCK_MONOTONIC, 0);
	measure_late(waiters, WAYS);
	measure_long();
}
