/* Row "blocking": a call that could block and does not, pread of 64 cached bytes, when it can be ended
 * from outside; and what other ways to be alarmed cost, whoever uses them. */
#include "bench.h"

#include <fcntl.h>
#include <lapse.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64 };

static int file;
static lapse_fd plain, limited; /* on the same file; the second has deadlines */
static lapse_scope scope;
static char buf[SIZE];

static void expect(ssize_t r)
{
	must(r == SIZE, "pread");
}

static void bare(int64_t n)
{
	while (n-- > 0)
		expect(pread(file, buf, SIZE, 0));
}

static void nowait(int64_t n)
{
	struct iovec iov = {buf, SIZE};

	while (n-- > 0)
		expect(preadv2(file, &iov, 1, 0, RWF_NOWAIT));
}

/* ---- lapse ---- */

static void lapse_none(int64_t n)
{
	while (n-- > 0)
		expect(lapse_pread(plain, buf, SIZE, 0));
}

static void lapse_standing(int64_t n)
{
	while (n-- > 0)
		expect(lapse_pread(limited, buf, SIZE, 0));
}

static long call(void *unused)
{
	(void)unused;
	return pread(file, buf, SIZE, 0);
}

static long call_on(int sysfd, void *unused)
{
	(void)unused;
	return pread(sysfd, buf, SIZE, 0);
}

static void enter(void)
{
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
}

static void leave(void)
{
	must(lapse_scope_leave(&scope) == 0, "lapse_scope_leave");
}

static void lapse_calls(int64_t n)
{
	enter();
	while (n-- > 0)
		expect(lapse_call(call, NULL));
	leave();
}

static void lapse_calls_on(int64_t n)
{
	while (n-- > 0)
		expect(lapse_call_on(limited, LAPSE_READ, call_on, NULL));
}

static void lapse_calls_within(int64_t n)
{
	enter();
	while (n-- > 0)
		expect(lapse_call_on(plain, LAPSE_READ, call_on, NULL));
	leave();
}

/* ---- Who else could alarm ---- */

static timer_t timer;
static const struct itimerspec armed = {.it_value = {3600, 0}};
static const struct itimerspec disarmed;

static void timer_left(int64_t n)
{
	timer_settime(timer, 0, &armed, NULL);
	while (n-- > 0) {
		must(now_ns() > 0, "clock_gettime");
		expect(pread(file, buf, SIZE, 0));
	}
	timer_settime(timer, 0, &disarmed, NULL);
}

static void timer_per_call(int64_t n)
{
	while (n-- > 0) {
		timer_settime(timer, 0, &armed, NULL);
		expect(pread(file, buf, SIZE, 0));
		timer_settime(timer, 0, &disarmed, NULL);
	}
}

/* Odd: the thread has the next call to make. The one who hands it over makes it odd, the thread even;
 * seq_cst. */
static _Atomic uint32_t turn;

static void sleep_while(uint32_t seen)
{
	syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void pass_turn(void)
{
	turn++;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve(void *unused)
{
	uint32_t seen;

	(void)unused;
	for (;;) {
		while ((seen = turn) % 2 == 0)
			sleep_while(seen);
		expect(pread(file, buf, SIZE, 0));
		pass_turn();
	}
	return NULL;
}

static void handed_over(int64_t n)
{
	uint32_t seen;

	while (n-- > 0) {
		pass_turn();
		while ((seen = turn) % 2 == 1)
			sleep_while(seen);
	}
}

static void make_others(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	pthread_t thread;

	must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create");
	must(pthread_create(&thread, NULL, serve, NULL) == 0, "pthread_create");
}

/* ---- All of it ---- */

/* Beside the program, where there is a file system of the usual kind. */
static bool make_file(void)
{
	struct iovec iov = {buf, SIZE};

	file = open_here();
	must(pwrite(file, buf, SIZE, 0) == SIZE, "pwrite");
	return preadv2(file, &iov, 1, 0, RWF_NOWAIT) == SIZE;
}

static void measure_all(void)
{
	struct way ways[] = {
		{.name = "limit: pread", .loop = bare, .n = 500},
		{.name = "preadv2, RWF_NOWAIT", .loop = nowait, .n = 500},
		{.name = "lapse_pread, no deadline", .loop = lapse_none, .n = 500},
		{.name = "lapse_pread, standing deadlines", .loop = lapse_standing, .n = 500},
		{.name = "lapse_call, in a scope", .loop = lapse_calls, .n = 500},
		{.name = "lapse_call_on, standing deadlines", .loop = lapse_calls_on, .n = 500},
		{.name = "lapse_call_on, in a scope", .loop = lapse_calls_within, .n = 500},
		{.name = "a timer left armed, a clock read", .loop = timer_left, .n = 500},
		{.name = "a timer armed and disarmed", .loop = timer_per_call, .n = 200},
		{.name = "handed to a thread on the same CPU", .loop = handed_over, .n = 100},
	};

	measure(ways, sizeof ways / sizeof *ways);
	say_ways("blocking", "", ways, sizeof ways / sizeof *ways);
}

int main(void)
{
	pin();
	if (!make_file()) {
		say_skipped("blocking", "this file system knows no RWF_NOWAIT");
		return 0;
	}
	plain = lapse_adopt(dup(file));
	limited = lapse_adopt(dup(file));
	must(lapse_set_deadline(limited, lapse_in(3600 * LAPSE_S)) == 0, "lapse_adopt");
	make_others();
	measure_all();
}
