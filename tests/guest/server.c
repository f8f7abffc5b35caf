/* A small server, a thread for each connection: echoes, or speaks enough of RESP for Redis's own
 * clients. Prints its port. A connection that has begun to talk and then is idle is closed.
 *
 * usage: server echo|resp MILLISECONDS */
#include <lapse.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_resp;
static int64_t idle_ns;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- echo ---- */

static void echo(lapse_fd fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = lapse_read(fd, buf, sizeof(buf))) > 0)
		if (lapse_write(fd, buf, (size_t)n) != n)
			return;
}

/* ---- RESP ---- */

enum { WORDS_MAX = 8, WORD_MAX = 512 };

struct session {
	lapse_fd fd;
	char buf[16384];
	size_t begin, end;
	char words[WORDS_MAX][WORD_MAX];
	int count;
};

/* The next byte, or -1 at the end. */
static int next(struct session *s)
{
	if (s->begin == s->end) {
		ssize_t n = lapse_read(s->fd, s->buf, sizeof(s->buf));

		if (n <= 0)
			return -1;
		s->begin = 0;
		s->end = (size_t)n;
	}
	return (unsigned char)s->buf[s->begin++];
}

static bool read_line(struct session *s, char *line, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = next(s)) >= 0 && c != '\n')
		if (n + 1 < size)
			line[n++] = (char)c;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return c == '\n';
}

/* $5 and then hello, each with its end of line. */
static bool read_bulk(struct session *s, char word[WORD_MAX])
{
	char line[32];

	return read_line(s, line, sizeof(line)) && line[0] == '$' && read_line(s, word, WORD_MAX);
}

/* An array of bulk strings, or words on a line. */
static bool read_command(struct session *s)
{
	char line[WORD_MAX];
	char *rest = line, *word;

	if (!read_line(s, line, sizeof(line)))
		return false;
	s->count = 0;
	if (line[0] != '*') {
		while (s->count < WORDS_MAX && (word = strtok_r(rest, " ", &rest)) != NULL)
			snprintf(s->words[s->count++], WORD_MAX, "%s", word);
		return true;
	}
	for (int i = atoi(line + 1); i > 0; i--)
		if (s->count == WORDS_MAX || !read_bulk(s, s->words[s->count++]))
			return false;
	return true;
}

static void answer(const struct session *s, char *out, size_t size)
{
	const char *name = s->count == 0 ? "" : s->words[0];

	if (strcasecmp(name, "PING") == 0)
		snprintf(out, size, "+PONG\r\n");
	else if (strcasecmp(name, "ECHO") == 0 && s->count == 2)
		snprintf(out, size, "$%zu\r\n%s\r\n", strlen(s->words[1]), s->words[1]);
	else
		snprintf(out, size, "-ERR unknown command\r\n");
}

static void speak(lapse_fd fd)
{
	struct session s = {.fd = fd};
	char out[2 * WORD_MAX];

	while (read_command(&s)) {
		answer(&s, out, sizeof(out));
		if (lapse_write(fd, out, strlen(out)) != (ssize_t)strlen(out))
			return;
	}
}

/* ---- */

static void *serve(void *arg)
{
	lapse_fd fd = arg;
	int on = 1;

	(void)setsockopt(lapse_sysfd(fd), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (lapse_wait(fd, LAPSE_READ) == LAPSE_READ &&
	    lapse_set_idle(fd, LAPSE_READ, idle_ns) == 0) {
		if (is_resp)
			speak(fd);
		else
			echo(fd);
	}
	(void)lapse_close(fd);
	return NULL;
}

static lapse_fd listen_anywhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	lapse_fd fd = lapse_socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(lapse_sysfd(fd), (struct sockaddr *)&address, size) != 0 ||
	    listen(lapse_sysfd(fd), 128) != 0 ||
	    getsockname(lapse_sysfd(fd), (struct sockaddr *)&address, &size) != 0)
		die("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	lapse_fd listener, fd;
	pthread_attr_t detached;

	if (argc != 3)
		return 2;
	is_resp = strcmp(argv[1], "resp") == 0;
	idle_ns = strtoll(argv[2], NULL, 10) * LAPSE_MS;
	listener = listen_anywhere();
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while ((fd = lapse_accept(listener, NULL, NULL)) != LAPSE_NOFD) {
		pthread_t thread;

		if (pthread_create(&thread, &detached, serve, fd) != 0)
			die("pthread_create");
	}
	die("lapse_accept");
}
