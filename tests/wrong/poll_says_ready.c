/* What poll calls ready although a call that may not wait says EAGAIN: whoever goes back to poll at once
 * burns a processor until something else happens. poll knows no destination, so an unconnected datagram
 * socket is always writable, be the receiver's queue full; and it calls a datagram socket readable that
 * was shut down for reading, of which a call that waits returns 0. */
#include "check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return t.tv_sec * LAPSE_S + t.tv_nsec;
}

struct receiver {
	lapse_fd fd, sender;
	struct sockaddr_un address;
	socklen_t size;
};

static void receiver_open(struct receiver *r)
{
	r->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	r->size = sizeof r->address;
	r->fd = lapse_socket(AF_UNIX, SOCK_DGRAM, 0);
	r->sender = lapse_socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(lapse_sysfd(r->fd), (struct sockaddr *)&r->address,
	           sizeof r->address.sun_family) == 0);
	CHECK(getsockname(lapse_sysfd(r->fd), (struct sockaddr *)&r->address, &r->size) == 0);
}

static ssize_t send_one(struct receiver *r, int flags)
{
	return lapse_sendto(r->sender, "x", 1, flags, (struct sockaddr *)&r->address, r->size);
}

static intptr_t send_it(struct call *c)
{
	return lapse_sendto(c->fd, "x", 1, 0, c->address, c->address_size);
}

static void full_queue_of_a_receiver(void **state)
{
	const int64_t timeout = 200 * LAPSE_MS;
	struct receiver r;
	struct call c;
	int64_t before;
	char byte;

	(void)state;
	receiver_open(&r);
	while (send_one(&r, MSG_DONTWAIT) == 1)
		;
	CHECK(errno == EAGAIN);
	CHECK(lapse_set_deadline(r.sender, lapse_in(timeout)) == 0);
	before = cpu_ns();
	CHECK_ERR(send_one(&r, 0), LAPSE_EXPIRED);
	CHECK(cpu_ns() - before < timeout / 2);
	CHECK(lapse_set_deadline(r.sender, LAPSE_NEVER) == 0);
	c = (struct call){
		.fd = r.sender, .address = (struct sockaddr *)&r.address, .address_size = r.size};
	call_start(&c, send_it);
	call_await_sleep(&c);
	CHECK(lapse_recv(r.fd, &byte, 1, 0) == 1);
	CHECK_CALL(&c, 1, 0);
	CHECK(lapse_close(r.fd) == 0 && lapse_close(r.sender) == 0);
}

static intptr_t receive_it(struct call *c)
{
	return lapse_recv(c->fd, c->own, 1, 0);
}

static void shut_down(lapse_fd fd)
{
	struct call c = {.fd = fd};
	char byte;

	call_start(&c, receive_it);
	call_await_sleep(&c);
	CHECK(lapse_shutdown(fd, SHUT_RD) == 0);
	CHECK_CALL(&c, 0, 0);
	CHECK(lapse_recv(fd, &byte, 1, 0) == 0);
	CHECK(lapse_read(fd, &byte, 1) == 0);
	CHECK_ERR(lapse_recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
}

static void shut_down_datagram_socket(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	lapse_fd ends[2], udp = lapse_socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size = sizeof a;

	(void)state;
	CHECK(lapse_socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	shut_down(ends[0]);
	pair_close(ends);
	CHECK(bind(lapse_sysfd(udp), (struct sockaddr *)&a, size) == 0);
	CHECK(getsockname(lapse_sysfd(udp), (struct sockaddr *)&a, &size) == 0);
	CHECK(lapse_connect(udp, (struct sockaddr *)&a, size) == 0);
	shut_down(udp);
	CHECK(lapse_close(udp) == 0);
}

static const struct check checks[] = {{TEST(full_queue_of_a_receiver)},
                                      {TEST(shut_down_datagram_socket)}};
CHECK_MAIN(checks)
