/* Talks to a real Redis server through lapse: requests and answers, a server that is slow, a
 * deadline that passes, is moved and is cleared while an answer is waited for, a cancel; and never an
 * answer lost or taken for another's.
 *
 * usage: client SOCKET */
#include <lapse.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define EXPECT(condition) ((condition) ? (void)0 : give_up(__LINE__, #condition))

static void give_up(int line, const char *what)
{
	fprintf(stderr, "client.c:%d: %s: errno %d (%s)\n", line, what, errno, strerror(errno));
	exit(1);
}

static lapse_fd dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	lapse_fd fd = lapse_socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	EXPECT(lapse_set_write_deadline(fd, lapse_in(10 * LAPSE_S)) == 0);
	EXPECT(lapse_connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(lapse_set_write_deadline(fd, LAPSE_NEVER) == 0);
	return fd;
}

static void ask(lapse_fd fd, const char *request)
{
	EXPECT(lapse_write(fd, request, strlen(request)) == (ssize_t)strlen(request));
}

/* The answer is that, to the byte. */
static void expect(lapse_fd fd, const char *answer)
{
	char got[256] = "";
	size_t done;

	EXPECT(lapse_read_full(fd, got, strlen(answer), &done) == 0);
	EXPECT(done == strlen(answer) && strcmp(got, answer) == 0);
}

static void check_requests(lapse_fd fd)
{
	enum { PIPELINED = 1000 };

	ask(fd, "PING\r\n");
	expect(fd, "+PONG\r\n");
	ask(fd, "SET key value\r\n");
	expect(fd, "+OK\r\n");
	ask(fd, "GET key\r\n");
	expect(fd, "$5\r\nvalue\r\n");
	for (int i = 0; i < PIPELINED; i++)
		ask(fd, "INCR count\r\n");
	for (int i = 1; i <= PIPELINED; i++) {
		char answer[32];

		snprintf(answer, sizeof(answer), ":%d\r\n", i);
		expect(fd, answer);
	}
}

/* Waits for another client, who does not come in time, and then does. */
static void check_deadline(lapse_fd fd, lapse_fd other)
{
	lapse_time deadline = lapse_in(30 * LAPSE_MS);
	char byte;

	EXPECT(lapse_set_read_deadline(fd, deadline) == 0);
	ask(fd, "BLPOP list 0\r\n");
	EXPECT(lapse_read(fd, &byte, 1) == -1 && errno == LAPSE_EXPIRED);
	EXPECT(lapse_now() >= deadline);
	ask(other, "RPUSH list item\r\n");
	expect(other, ":1\r\n");
	EXPECT(lapse_read(fd, &byte, 1) == -1 && errno == LAPSE_EXPIRED);
	EXPECT(lapse_set_read_deadline(fd, LAPSE_NEVER) == 0);
	expect(fd, "*2\r\n$4\r\nlist\r\n$4\r\nitem\r\n");
}

struct waiter {
	pthread_t thread;
	lapse_fd fd;
	int error;
	char answer[5];
};

static void *wait_for_ok(void *arg)
{
	struct waiter *w = arg;
	size_t done;

	w->error = lapse_read_full(w->fd, w->answer, sizeof(w->answer), &done) == 0 ? 0 : errno;
	return NULL;
}

/* The server sleeps for longer than the deadline that was set, which is moved in time. */
static void check_slow(lapse_fd fd)
{
	struct waiter w = {.fd = fd};

	EXPECT(lapse_set_read_deadline(fd, lapse_in(100 * LAPSE_MS)) == 0);
	EXPECT(pthread_create(&w.thread, NULL, wait_for_ok, &w) == 0);
	ask(fd, "DEBUG SLEEP 0.2\r\n");
	EXPECT(lapse_set_read_deadline(fd, lapse_in(3600 * LAPSE_S)) == 0);
	EXPECT(pthread_join(w.thread, NULL) == 0);
	/* Or a busy machine came too late with it; then the answer is still to come. */
	EXPECT(w.error == 0 || w.error == LAPSE_EXPIRED);
	if (w.error == 0)
		EXPECT(memcmp(w.answer, "+OK\r\n", 5) == 0);
	else
		expect(fd, "+OK\r\n");
	EXPECT(lapse_set_read_deadline(fd, LAPSE_NEVER) == 0);
}

/* A subscriber waits for ever; a cancel ends that, and it can go on. */
static void check_cancel(lapse_fd fd, lapse_fd other)
{
	struct waiter w = {.fd = fd};

	ask(fd, "SUBSCRIBE news\r\n");
	expect(fd, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
	EXPECT(pthread_create(&w.thread, NULL, wait_for_ok, &w) == 0);
	do
		EXPECT(lapse_cancel(fd, LAPSE_READ) == 0);
	while (pthread_tryjoin_np(w.thread, NULL) != 0);
	EXPECT(w.error == ECANCELED);
	ask(other, "PUBLISH news hello\r\n");
	expect(other, ":1\r\n");
	expect(fd, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
}

int main(int argc, char **argv)
{
	lapse_fd fd, other;
	char byte;

	if (argc != 2)
		return 2;
	fd = dial(argv[1]);
	other = dial(argv[1]);
	check_requests(fd);
	check_deadline(fd, other);
	check_slow(fd);
	check_cancel(fd, other);
	/* The server goes away by itself. */
	ask(other, "SHUTDOWN NOSAVE\r\n");
	EXPECT(lapse_read(other, &byte, 1) <= 0);
	EXPECT(lapse_read(fd, &byte, 1) <= 0);
	EXPECT(lapse_close(fd) == 0 && lapse_close(other) == 0);
	return 0;
}
