/* libuv in rows "set" and "late". Its timers belong to the thread of their loop and count
 * milliseconds. With an argument: its version. */
#include "bench.h"

#include <stdio.h>
#include <uv.h>

static uv_loop_t loop;
static uv_timer_t timer;

static void fired(uv_timer_t *t)
{
	(void)t;
}

static void start(int64_t n)
{
	while (n-- > 0)
		uv_timer_start(&timer, fired, 30000 + (uint64_t)(n & 1023), 0);
}

static void until(int64_t due)
{
	uv_update_time(&loop);
	uv_timer_start(&timer, fired, (uint64_t)(due - now_ns() + 500000) / 1000000, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	static struct way way = {.name = "libuv, its own thread only", .loop = start, .n = 25000};
	static const struct waiter waiter = {"libuv", until};

	(void)argv;
	if (argc > 1)
		return puts(uv_version_string()) < 0;
	pin();
	uv_loop_init(&loop);
	uv_timer_init(&loop, &timer);
	measure(&way, 1);
	say_ways("set", "a call", &way, 1);
	uv_timer_stop(&timer);
	measure_late(&waiter, 1);
}
