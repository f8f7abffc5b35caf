/* Row 3: two threads on one core hand a byte back and forth. */
#include "bench.h"

#include <lapse.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { ROUNDS = 20000 };

struct way {
	const char *name;
	void (*get)(int end);
	void (*put)(int end);
};

static int raw[2], events[2];
static lapse_fd fd[2];
static char byte;

static void raw_get(int end)
{
	must(read(raw[end], &byte, 1) == 1, "read");
}

static void raw_put(int end)
{
	must(write(raw[end], &byte, 1) == 1, "write");
}

static void polled_get(int end)
{
	struct pollfd fds[2] = {{raw[end], POLLIN, 0}, {events[end], POLLIN, 0}};

	ppoll(fds, 2, NULL, NULL);
	must(recv(raw[end], &byte, 1, MSG_DONTWAIT) == 1, "recv");
}

static void lapse_get(int end)
{
	must(lapse_read(fd[end], &byte, 1) == 1, "lapse_read");
}

static void lapse_put(int end)
{
	must(lapse_write(fd[end], &byte, 1) == 1, "lapse_write");
}

static void *echo(void *arg)
{
	const struct way *way = arg;

	for (int i = 0; i < ROUNDS + ROUNDS / 10; i++) {
		way->get(1);
		way->put(1);
	}
	return NULL;
}

static void play(const struct way *way)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, echo, (void *)(uintptr_t)way) == 0, "pthread_create");
	MEASURE("3", "ping-pong", way->name, ROUNDS, {
		way->put(0);
		way->get(0);
	});
	pthread_join(thread, NULL);
}

int main(void)
{
	static const struct way ways[] = {
		{"limit: read, write", raw_get, raw_put},
		{"ppoll with an eventfd, recv", polled_get, raw_put},
		{"lapse, no deadline", lapse_get, lapse_put},
		{"lapse, standing deadlines", lapse_get, lapse_put},
	};

	pin();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, raw) == 0, "socketpair");
	must(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "lapse_socketpair");
	for (int i = 0; i < 2; i++)
		events[i] = eventfd(0, 0);
	for (int i = 0; i < 4; i++) {
		for (int k = 0; i == 3 && k < 2; k++)
			lapse_set_deadline(fd[k], lapse_in(3600 * LAPSE_S));
		play(&ways[i]);
	}
}
