/* See bench.h. */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

/* The last one that is allowed: the first has the machine's interrupts. */
void pin(void)
{
	cpu_set_t set;
	int cpu = CPU_SETSIZE - 1;

	must(sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
	while (!CPU_ISSET(cpu, &set))
		cpu--;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

void say(const char *row, const char *group, const char *name, double value)
{
	printf("%s\t%s\t%s\t%.3f\n", row, group, name, value);
}

void say_skipped(const char *what, const char *why)
{
	fprintf(stderr, "bench: no %s: %s\n", what, why);
}

/* ---- Slices ---- */

void measure(struct way *ways, size_t count)
{
	for (int slice = -1; slice < BENCH_SLICES; slice++)
		for (struct way *w = ways; w < ways + count; w++) {
			int64_t begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
			int64_t ns;

			w->loop(w->n);
			ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin;
			if (slice >= 0)
				w->ns[slice] = (double)ns / (double)w->n;
		}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double slices[BENCH_SLICES])
{
	double sorted[BENCH_SLICES];

	memcpy(sorted, slices, sizeof sorted);
	qsort(sorted, BENCH_SLICES, sizeof *sorted, compare);
	return sorted[BENCH_SLICES / 2];
}

void say_ways(const char *row, const char *group, const struct way *ways, size_t count)
{
	for (size_t i = 0; i < count; i++)
		say(row, group, ways[i].name, median(ways[i].ns));
}

double extra_ns(const struct way *way, const struct way *floor)
{
	double extra[BENCH_SLICES];

	for (int i = 0; i < BENCH_SLICES; i++)
		extra[i] = way->ns[i] - floor->ns[i];
	return median(extra);
}

/* ---- Lateness ---- */

void say_late(const struct waiter *waiter, const char *group, int64_t due)
{
	waiter->until(due);
	say("late", group, waiter->name, (double)(now_ns() - due) / 1e3);
}

void measure_late(const struct waiter *waiters, size_t count)
{
	static const struct {
		const char *group;
		int64_t ns;
		int samples;
	} waits[] = {
		{"1 ms", 1000000, 200},
		{"10 ms", 10000000, 20},
		{"100 ms", 100000000, 4},
	};

	for (size_t k = 0; k < sizeof waits / sizeof *waits; k++)
		for (int i = 0; i < waits[k].samples; i++)
			for (size_t j = 0; j < count; j++)
				say_late(&waiters[j], waits[k].group, now_ns() + waits[k].ns);
}

/* ---- Descriptors ---- */

int open_here(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	int fd;

	must(n > 0, "/proc/self/exe");
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	must(fd >= 0, path);
	return fd;
}

void make_pair(int pair[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
}

void make_tcp_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
	             getsockname(listener, (struct sockaddr *)&address, &size) == 0,
	     "listen");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(pair[0], (struct sockaddr *)&address, size) == 0, "connect");
	pair[1] = accept(listener, NULL, NULL);
	must(pair[1] >= 0, "accept");
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
}
