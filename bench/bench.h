/* What the benchmark programs share: clocks, pinning, slices measured in turn, and the lines that
 * bench/run reads. Owns nothing of lapse. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_SLICES = 101 };

/* One way of doing what the others of its group do, too. */
struct way {
	const char *name;
	void (*loop)(int64_t n); /* does it n times */
	int64_t n;               /* in each slice */
	double ns[BENCH_SLICES]; /* of CPU each time it is done */
};

/* Every way has a slice in turn, so that what slows one down for a while slows the others, too; a
 * first slice of each is not counted. CPU is the whole process's: other programs' turns on a shared
 * machine cost nothing. */
void measure(struct way *ways, size_t count);

/* The median of all slices, for each way. */
void say_ways(const char *row, const char *group, const struct way *ways, size_t count);

/* The median of what `way` took more than `floor` in the same turn. */
double extra_ns(const struct way *way, const struct way *floor);

/* A line for bench/run. */
void say(const char *row, const char *group, const char *name, double value);

/* On one CPU from here on, this thread and those that it starts. */
void pin(void);

/* Ends the program with errno's message if it does not hold. */
void must(bool holds, const char *what);

int64_t now_ns(void);

/* Says on standard error why a row, or a part of it, is missing. */
void say_skipped(const char *what, const char *why);

/* A file without a name, beside the program. */
int open_here(void);

void make_pair(int pair[2]);
void make_tcp_pair(int pair[2]);

/* How late a wait ends, in rows "late": the ways to wait, and for how long, how often. Each sample
 * is a line. */
struct waiter {
	const char *name;
	void (*until)(int64_t due);
};
void say_late(const struct waiter *waiter, const char *group, int64_t due);
void measure_late(const struct waiter *waiters, size_t count);

#endif
