/* Drives fetch() of lapse_scope(3): a server that answers, and one that never does.
 * Owns the server; the example comes from the page. */
#include "fetch.c"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

static void *serve_one(void *listener)
{
	lapse_fd connection = lapse_accept(listener, NULL, NULL);
	char request[4];
	size_t done;

	assert(connection != LAPSE_NOFD);
	assert(lapse_read_full(connection, request, 4, &done) == 0 && done == 4);
	assert(lapse_write(connection, "answer", 6) == 6);
	assert(lapse_close(connection) == 0);
	return NULL;
}

int main(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *address = (struct sockaddr *)&at;
	socklen_t size = sizeof at;
	lapse_fd listener = lapse_socket(AF_INET, SOCK_STREAM, 0);
	lapse_time start;
	pthread_t server;
	char reply[6];

	assert(listener != LAPSE_NOFD);
	assert(bind(lapse_sysfd(listener), address, size) == 0);
	assert(listen(lapse_sysfd(listener), 8) == 0);
	assert(getsockname(lapse_sysfd(listener), address, &size) == 0);

	assert(pthread_create(&server, NULL, serve_one, listener) == 0);
	assert(fetch(address, size, "ask", 4, reply, sizeof reply, 10 * LAPSE_S) == 0);
	assert(memcmp(reply, "answer", 6) == 0);
	assert(pthread_join(server, NULL) == 0);

	/* Nobody accepts: the kernel connects and takes the request, and the reply never comes. */
	start = lapse_now();
	assert(fetch(address, size, "ask", 4, reply, sizeof reply, 50 * LAPSE_MS) == -1);
	assert(errno == LAPSE_EXPIRED);
	assert(lapse_now() - start >= 50 * LAPSE_MS);
	return 0;
}
