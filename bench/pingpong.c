/* Row "pingpong": two threads on one CPU hand a byte to and fro, and each waits for the other. */
#include "bench.h"

#include <lapse.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N = 100 };

/* One pair for each way. The echo goes on until its end is shut down. */
struct court {
	int pair[2];
	lapse_fd fd[2];
	bool (*get)(struct court *court, int end);
	bool (*put)(struct court *court, int end);
	pthread_t echo;
};

static char byte;

static bool read_get(struct court *c, int end)
{
	return read(c->pair[end], &byte, 1) == 1;
}

static bool poll_get(struct court *c, int end)
{
	struct pollfd fds = {c->pair[end], POLLIN, 0};
	struct timespec ts = {30, 0};

	return ppoll(&fds, 1, &ts, NULL) == 1 && read(c->pair[end], &byte, 1) == 1;
}

static bool write_put(struct court *c, int end)
{
	return write(c->pair[end], &byte, 1) == 1;
}

static bool lapse_get(struct court *c, int end)
{
	return lapse_read(c->fd[end], &byte, 1) == 1;
}

static bool lapse_put(struct court *c, int end)
{
	return lapse_write(c->fd[end], &byte, 1) == 1;
}

enum { BLOCKING, POLLED, NONE, STANDING, WAYS };

static struct court courts[WAYS] = {
	[BLOCKING] = {.get = read_get, .put = write_put},
	[POLLED] = {.get = poll_get, .put = write_put},
	[NONE] = {.get = lapse_get, .put = lapse_put},
	[STANDING] = {.get = lapse_get, .put = lapse_put},
};

static void *echo(void *arg)
{
	struct court *c = arg;

	while (c->get(c, 1))
		must(c->put(c, 1), "echo");
	return NULL;
}

static void play(struct court *c, int64_t n)
{
	while (n-- > 0) {
		must(c->put(c, 0), "put");
		must(c->get(c, 0), "get");
	}
}

static void blocking(int64_t n)
{
	play(&courts[BLOCKING], n);
}

static void polled(int64_t n)
{
	play(&courts[POLLED], n);
}

static void none(int64_t n)
{
	play(&courts[NONE], n);
}

static void standing(int64_t n)
{
	play(&courts[STANDING], n);
}

static void open_court(struct court *c, bool limited)
{
	make_pair(c->pair);
	for (int i = 0; i < 2; i++) {
		c->fd[i] = lapse_adopt(c->pair[i]);
		if (limited)
			lapse_set_deadline(c->fd[i], lapse_in(3600 * LAPSE_S));
	}
	must(pthread_create(&c->echo, NULL, echo, c) == 0, "pthread_create");
}

int main(void)
{
	static struct way ways[WAYS] = {
		[BLOCKING] = {.name = "limit: write, read", .loop = blocking, .n = N},
		[POLLED] = {.name = "write, ppoll, read", .loop = polled, .n = N},
		[NONE] = {.name = "lapse, no deadline", .loop = none, .n = N},
		[STANDING] = {.name = "lapse, standing deadlines", .loop = standing, .n = N},
	};

	pin();
	for (int i = 0; i < WAYS; i++)
		open_court(&courts[i], i == STANDING);
	measure(ways, WAYS);
	for (int i = 0; i < WAYS; i++) {
		shutdown(courts[i].pair[0], SHUT_WR);
		pthread_join(courts[i].echo, NULL);
	}
	say_ways("pingpong", "there and back", ways, WAYS);
}
