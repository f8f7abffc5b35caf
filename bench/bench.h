/* What the benchmark programs share: clocks, pinning, percentiles, and lines of "row group name
 * value" for bench/run to read. Owns nothing. */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Of the process: other programs' turns on a shared machine do not count. */
static inline int64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static inline void must(int holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static inline void say(const char *row, const char *group, const char *name, double value)
{
	printf("%s\t%s\t%s\t%.3f\n", row, group, name, value);
	fflush(stdout);
}

/* Nanoseconds of CPU for each of n rounds of body, which may use i; a tenth more to warm up. */
#define MEASURE(row, group, name, n, body)                                        \
	do {                                                                      \
		int64_t begin_ = 0;                                               \
		for (int64_t i = -(int64_t)(n) / 10; i < (int64_t)(n); i++) {     \
			if (i == 0)                                               \
				begin_ = cpu_ns();                                \
			body;                                                     \
		}                                                                 \
		say(row, group, name, (double)(cpu_ns() - begin_) / (double)(n)); \
	} while (0)

static inline int compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Of lateness in ns: the median and the 99th percentile in microseconds. */
static inline void say_late(const char *group, const char *name, int64_t *v, size_t n)
{
	char p99[64];

	qsort(v, n, sizeof *v, compare_i64);
	say("6", group, name, (double)v[n / 2] / 1e3);
	snprintf(p99, sizeof p99, "%s, p99", name);
	say("6", group, p99, (double)v[n * 99 / 100] / 1e3);
}

#endif
