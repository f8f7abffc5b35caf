/* libev in rows "set" and "late". Its timers belong to the thread of their loop. With an argument:
 * its version. */
#include "bench.h"

#include <ev.h>
#include <stdio.h>

static struct ev_loop *loop;
static ev_timer timer;

static void fired(struct ev_loop *l, ev_timer *t, int events)
{
	(void)l;
	(void)t;
	(void)events;
}

static void again(int64_t n)
{
	while (n-- > 0)
		ev_timer_again(loop, &timer);
}

static void until(int64_t due)
{
	ev_now_update(loop);
	ev_timer_set(&timer, (double)(due - now_ns()) / 1e9, 0);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
}

int main(int argc, char **argv)
{
	static struct way way = {.name = "libev, its own thread only", .loop = again, .n = 25000};
	static const struct waiter waiter = {"libev", until};

	(void)argv;
	if (argc > 1)
		return printf("%d.%d\n", ev_version_major(), ev_version_minor()) < 0;
	pin();
	loop = ev_loop_new(0);
	ev_timer_init(&timer, fired, 30, 30);
	ev_timer_start(loop, &timer);
	measure(&way, 1);
	say_ways("set", "a call", &way, 1);
	ev_timer_stop(loop, &timer);
	measure_late(&waiter, 1);
}
