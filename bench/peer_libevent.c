/* libevent in row 1, without and with the locks that let another thread set a timeout. */
#include "bench.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <sys/socket.h>

static void fired(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
}

static void set(const char *name)
{
	struct event_base *base = event_base_new();
	struct timeval tv = {30, 0};
	struct event *event;
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	event = event_new(base, pair[0], EV_READ | EV_PERSIST, fired, NULL);
	MEASURE("1", "set", name, 1000000, {
		tv.tv_usec = i & 1023;
		event_add(event, &tv);
	});
	event_free(event);
	event_base_free(base);
}

int main(void)
{
	pin();
	set("libevent, no locks");
	must(evthread_use_pthreads() == 0, "evthread_use_pthreads");
	set("libevent, locks");
}
