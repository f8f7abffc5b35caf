/* libevent in row "set", without and with the locks that let another thread set a timeout. With an
 * argument: its version. */
#include "bench.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <stdio.h>

static struct event *event;

static void fired(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
}

static void add(int64_t n)
{
	struct timeval tv = {30, 0};

	while (n-- > 0) {
		tv.tv_usec = n & 1023;
		event_add(event, &tv);
	}
}

static void play(const char *name)
{
	struct way way = {.name = name, .loop = add, .n = 25000};
	struct event_base *base = event_base_new();
	int pair[2];

	make_pair(pair);
	event = event_new(base, pair[0], EV_READ | EV_PERSIST, fired, NULL);
	measure(&way, 1);
	say_ways("set", "a call", &way, 1);
	event_free(event);
	event_base_free(base);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return puts(event_get_version()) < 0;
	pin();
	play("libevent, no locks");
	must(evthread_use_pthreads() == 0, "evthread_use_pthreads");
	play("libevent, locks");
}
