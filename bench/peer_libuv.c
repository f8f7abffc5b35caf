/* libuv in rows 1 and 6. Its timers belong to the thread of their loop and count milliseconds. */
#include "bench.h"

#include <uv.h>

static int64_t due, late[400];
static size_t count;

static void fired(uv_timer_t *timer)
{
	(void)timer;
	late[count++] = now_ns() - due;
}

static void lateness(uv_loop_t *loop, const char *group, int ms, size_t n)
{
	uv_timer_t timer;

	uv_timer_init(loop, &timer);
	for (count = 0; count < n;) {
		uv_update_time(loop);
		due = now_ns() + ms * INT64_C(1000000);
		uv_timer_start(&timer, fired, (uint64_t)ms, 0);
		uv_run(loop, UV_RUN_DEFAULT);
	}
	say_late(group, "libuv", late, n);
}

int main(void)
{
	uv_loop_t loop;
	uv_timer_t timer;

	pin();
	uv_loop_init(&loop);
	uv_timer_init(&loop, &timer);
	MEASURE("1", "set", "libuv, loop's thread only", 2000000,
	        uv_timer_start(&timer, fired, 30000 + (uint64_t)(i & 1023), 0));
	uv_timer_stop(&timer);
	lateness(&loop, "1 ms", 1, 400);
	lateness(&loop, "10 ms", 10, 40);
	lateness(&loop, "100 ms", 100, 5);
}
