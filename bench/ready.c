/* Row 2: one thread writes and reads back what is already there, so that only overhead counts. */
#include "bench.h"

#include <arpa/inet.h>
#include <lapse.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static const char row[] = "2";
static char buf[64];

static void tcp_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
	             getsockname(listener, (struct sockaddr *)&address, &size) == 0,
	     "listen");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(pair[0], (struct sockaddr *)&address, size) == 0, "connect");
	pair[1] = accept(listener, NULL, NULL);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
}

static void expect(ssize_t r, size_t n)
{
	must(r == (ssize_t)n, "ready");
}

static void system_calls(const char *group, const int pair[2], size_t size, int64_t n)
{
	MEASURE(row, group, "limit: write, read", n, {
		expect(write(pair[0], buf, size), size);
		expect(read(pair[1], buf, size), size);
	});
	MEASURE(row, group, "send, recv, MSG_DONTWAIT", n, {
		expect(send(pair[0], buf, size, MSG_DONTWAIT | MSG_NOSIGNAL), size);
		expect(recv(pair[1], buf, size, MSG_DONTWAIT), size);
	});
}

static void handles(const char *group, const int pair[2], size_t size, int64_t n)
{
	lapse_fd fd[2] = {lapse_adopt(dup(pair[0])), lapse_adopt(dup(pair[1]))};

	MEASURE(row, group, "lapse, no deadline", n, {
		expect(lapse_write(fd[0], buf, size), size);
		expect(lapse_read(fd[1], buf, size), size);
	});
	for (int i = 0; i < 2; i++)
		lapse_set_deadline(fd[i], lapse_in(3600 * LAPSE_S));
	MEASURE(row, group, "lapse, standing deadlines", n, {
		expect(lapse_write(fd[0], buf, size), size);
		expect(lapse_read(fd[1], buf, size), size);
	});
	MEASURE(row, group, "lapse, deadlines renewed", n, {
		lapse_set_write_deadline(fd[0], lapse_in(30 * LAPSE_S));
		expect(lapse_write(fd[0], buf, size), size);
		lapse_set_read_deadline(fd[1], lapse_in(30 * LAPSE_S));
		expect(lapse_read(fd[1], buf, size), size);
	});
	for (int i = 0; i < 2; i++)
		lapse_close(fd[i]);
}

int main(void)
{
	int pair[2];

	pin();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	system_calls("pair, 1 B", pair, 1, 60000);
	handles("pair, 1 B", pair, 1, 60000);
	tcp_pair(pair);
	system_calls("TCP, 64 B", pair, 64, 30000);
	handles("TCP, 64 B", pair, 64, 30000);
}
