/* libev in rows 1 and 6. Its timers belong to the thread of their loop. */
#include "bench.h"

#include <ev.h>

static int64_t due, late[400];
static size_t count;

static void fired(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	late[count++] = now_ns() - due;
}

static void lateness(struct ev_loop *loop, const char *group, double seconds, size_t n)
{
	ev_timer timer;

	ev_timer_init(&timer, fired, 0, 0);
	for (count = 0; count < n;) {
		ev_now_update(loop);
		due = now_ns() + (int64_t)(seconds * 1e9);
		ev_timer_set(&timer, seconds, 0);
		ev_timer_start(loop, &timer);
		ev_run(loop, 0);
	}
	say_late(group, "libev", late, n);
}

int main(void)
{
	struct ev_loop *loop = ev_loop_new(0);
	ev_timer timer;

	pin();
	ev_timer_init(&timer, fired, 30, 30);
	ev_timer_start(loop, &timer);
	MEASURE("1", "set", "libev, loop's thread only", 2000000, ev_timer_again(loop, &timer));
	ev_timer_stop(loop, &timer);
	lateness(loop, "1 ms", 0.001, 400);
	lateness(loop, "10 ms", 0.01, 40);
	lateness(loop, "100 ms", 0.1, 5);
}
