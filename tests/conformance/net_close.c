/* What Go's net tests ask of the end of things, asked of lapse: closing, shutting down, listening
 * again, and connections that die before they are accepted. */
#include "shared.h"

#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Half of a connection ---- */

/* Connections, that is: not datagrams. */
static bool is_connected(const struct where *where)
{
	unsigned both = FAMILY_SOCKET | FAMILY_ENDS;

	return (where->family->traits & both) == both;
}

/* What reads, and what will read, sees the end; as often as one likes. */
static void close_read(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	operation_block(&c, "read", ends[0]);
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_shutdown(ends[0], SHUT_RD) == 0);
		if (i == 0)
			CHECK_CALL(&c, 0, 0);
		CHECK(lapse_read(ends[0], &byte, 1) == 0);
	}
	pair_close(ends);
}

/* What writes, and what will write, fails; the peer sees the end. */
static void close_write(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	char byte;

	family_make(where->family, ends);
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_shutdown(ends[1], SHUT_WR) == 0);
		CHECK_ERR(lapse_write(ends[1], "x", 1), EPIPE);
		CHECK(lapse_read(ends[0], &byte, 1) == 0);
	}
	CHECK(lapse_write(ends[0], "x", 1) == 1);
	CHECK(lapse_read(ends[1], &byte, 1) == 1 && byte == 'x');
	CHECK(lapse_shutdown(ends[0], SHUT_WR) == 0);
	CHECK(lapse_read(ends[1], &byte, 1) == 0);
	pair_close(ends);
}

/* A write that is pending ends, as send(2) does, whose poll(2) says nothing. */
static void check_write_ends(const struct family *family, int end, int how)
{
	struct call c;
	lapse_fd ends[2];

	family_make(family, ends);
	c = (struct call){.fd = ends[1]};
	call_block(&c, pour);
	CHECK(lapse_shutdown(ends[end], how) == 0);
	CHECK_CALL(&c, -1, EPIPE);
	pair_close(ends);
}

static void close_write_ends_pending(void **state)
{
	const struct where *where = *state;

	check_write_ends(where->family, 1, SHUT_WR);
}

/* ---- The whole of it ---- */

/* Everything that may be asked of a handle that is gone. */
static void check_closed(lapse_fd fd)
{
	char byte = 0;

	CHECK_ERR(lapse_read(fd, &byte, 1), EBADF);
	CHECK_ERR(lapse_write(fd, &byte, 1), EBADF);
	CHECK_ERR(lapse_read(fd, &byte, 0), EBADF);
	CHECK_ERR(lapse_recvfrom(fd, &byte, 1, 0, NULL, NULL), EBADF);
	CHECK_ERR(lapse_accept(fd, NULL, NULL), EBADF);
	CHECK_ERR(lapse_set_deadline(fd, LAPSE_NEVER), EBADF);
	CHECK_ERR(lapse_shutdown(fd, SHUT_RDWR), EBADF);
	CHECK_ERR(lapse_sysfd(fd), EBADF);
	CHECK_ERR(lapse_dup(fd), EBADF);
}

static void conn_closed(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_close(ends[0]) == 0);
	check_closed(ends[0]);
	CHECK(lapse_close(ends[1]) == 0);
	check_closed(ends[1]);
}

static void listener_close(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 1, &address, &size);

	CHECK(lapse_close(listener) == 0);
	check_closed(listener);
}

static void packet_conn_close(void **state)
{
	static const int domains[] = {AF_INET, AF_UNIX};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sockaddr_storage address;
		socklen_t size;
		lapse_fd fd = packet_make(domains[i], &address, &size);

		CHECK(lapse_close(fd) == 0);
		check_closed(fd);
	}
}

/* Three closes, of which one counts. */
static void close_error(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	for (int i = 0; i < 2; i++) {
		CHECK(lapse_close(ends[i]) == 0);
		CHECK_ERR(lapse_close(ends[i]), EBADF);
		CHECK_ERR(lapse_close(ends[i]), EBADF);
		CHECK_ERR(lapse_release(ends[i]), EBADF);
	}
}

/* The other side's close is the end of the stream, not an error. */
static void close_unblocks_read(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];

	family_make(where->family, ends);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK_CALL(&c, 0, 0);
	CHECK(lapse_close(ends[0]) == 0);
}

static void close_unblocks_read_udp(void **state)
{
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd fd = packet_make(AF_INET, &address, &size);
	struct call c = {.fd = fd};

	(void)state;
	call_block(&c, check_operation("recvfrom")->run);
	CHECK(lapse_close(fd) == 0);
	CHECK_CALL(&c, -1, EBADF);
}

static void read_timeout_unblocks_read(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];

	family_make(where->family, ends);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_set_read_deadline(ends[0], 123 * LAPSE_US) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	pair_close(ends);
}

/* A reset is an error, not an end. */
static void not_temporary_read(void **state)
{
	struct linger linger = {.l_onoff = 1};
	struct call c;
	lapse_fd ends[2];

	(void)state;
	pair_make("tcp", ends);
	operation_block(&c, "read", ends[0]);
	CHECK(setsockopt(lapse_sysfd(ends[1]), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ==
	      0);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK_CALL(&c, -1, ECONNRESET);
	CHECK(lapse_close(ends[0]) == 0);
}

/* ---- Nothing at all ---- */

static void zero_byte_read(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_read(ends[0], NULL, 0) == 0);
	if (where->family->traits & FAMILY_DUPLEX)
		CHECK(lapse_read(ends[1], NULL, 0) == 0);
	pair_close(ends);
}

/* ---- Listening again ---- */

static void listen_again(const struct sockaddr_storage *address, socklen_t size)
{
	lapse_fd listener = lapse_socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(lapse_sysfd(listener), (const struct sockaddr *)address, size) == 0);
	CHECK(listen(lapse_sysfd(listener), 1) == 0);
	CHECK(lapse_close(listener) == 0);
}

static intptr_t accept_all(struct call *c)
{
	intptr_t count = 0;
	lapse_fd fd;

	while ((fd = lapse_accept(c->fd, NULL, NULL)) != LAPSE_NOFD) {
		count++;
		(void)lapse_close(fd);
	}
	return count;
}

/* The port is free when close returns, also if accepts were pending. */
static void closing_listener(void **state)
{
	enum { ACCEPTORS = 3 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct call acceptors[ACCEPTORS];
		struct sockaddr_storage address;
		socklen_t size;
		lapse_fd listener = listener_make(check_family("tcp"), 1, &address, &size);

		for (int k = 0; k < ACCEPTORS; k++) {
			acceptors[k] = (struct call){.fd = listener};
			call_start(&acceptors[k], accept_all);
			if (i % 2)
				call_await_sleep(&acceptors[k]);
		}
		CHECK(lapse_close(listener) == 0);
		listen_again(&address, size);
		for (int k = 0; k < ACCEPTORS; k++) {
			CHECK_CALL(&acceptors[k], 0, 0);
			CHECK(acceptors[k].error == EBADF);
		}
	}
}

static void tcp_listen_after_close(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct sockaddr_storage address;
		socklen_t size;
		lapse_fd listener = listener_make(check_family("tcp"), 1, &address, &size);

		CHECK(lapse_close(listener) == 0);
		listen_again(&address, size);
	}
}

/* Ten accept at once; each connection goes to one of them, and none is lost. */
static void tcp_concurrent_accept(void **state)
{
	enum { ACCEPTORS = 10, ATTEMPTS = 100 };
	const struct where *where = *state;
	struct call acceptors[ACCEPTORS];
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size);
	intptr_t count = 0;

	for (int i = 0; i < ACCEPTORS; i++) {
		acceptors[i] = (struct call){.fd = listener};
		call_start(&acceptors[i], accept_all);
	}
	for (int i = 0; i < ATTEMPTS; i++) {
		lapse_fd fd = lapse_socket(where->family->domain, where->family->type, 0);
		char byte;

		CHECK(lapse_connect(fd, (struct sockaddr *)&address, size) == 0);
		CHECK(lapse_read(fd, &byte, 1) == 0);
		CHECK(lapse_close(fd) == 0);
	}
	CHECK(lapse_close(listener) == 0);
	for (int i = 0; i < ACCEPTORS; i++) {
		call_join(&acceptors[i]);
		CHECK(acceptors[i].error == EBADF);
		count += acceptors[i].result;
	}
	CHECK(count == ATTEMPTS);
}

/* Whoever makes a second handle while the first is closed gets one that works, or EBADF. */
static intptr_t dup_and_close(struct call *c)
{
	lapse_fd copy = lapse_dup(c->fd);

	if (copy == LAPSE_NOFD)
		return errno == EBADF ? 0 : -1;
	if (lapse_check(copy, LAPSE_READ | LAPSE_WRITE) != 0 || lapse_sysfd(copy) < 0)
		return -1;
	return lapse_close(copy);
}

static void file_close_race(void **state)
{
	const struct where *where = *state;
	int count = check_count(100);

	for (int i = 0; i < count; i++) {
		struct call c;
		lapse_fd ends[2];

		family_make(where->family, ends);
		c = (struct call){.fd = ends[0]};
		call_start(&c, dup_and_close);
		CHECK(lapse_close(ends[0]) == 0);
		CHECK_CALL(&c, 0, 0);
		CHECK(lapse_close(ends[1]) == 0);
	}
}

/* ---- Connections that die before they are accepted (go#6163) ---- */

/* Linux hands such a connection out, so the errors of other systems and of other protocols have to
 * come from a filter, whose notices of accept4 the test answers. */
struct filtered {
	struct call call;
	_Atomic int notices; /* the descriptor, -1 if there can be none, 0 not yet */
};

static intptr_t accept_filtered(struct call *c)
{
	struct filtered *f = (struct filtered *)c;
	int notices = check_filter(SYS_accept4, SECCOMP_RET_USER_NOTIF);

	atomic_store(&f->notices, notices);
	return notices < 0 ? 0 : (intptr_t)lapse_accept(c->fd, NULL, NULL);
}

/* Fail the accept4 that is under way, or let it go on if error is 0. */
static void answer(int notices, int error)
{
	struct seccomp_notif notice = {0};
	struct seccomp_notif_resp response = {0};

	CHECK(ioctl(notices, SECCOMP_IOCTL_NOTIF_RECV, &notice) == 0);
	response.id = notice.id;
	response.error = -error;
	response.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	CHECK(ioctl(notices, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0);
}

static void accept_ignore_aborted_conn_request(void **state)
{
	static const int errors[] = {ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, EINTR};
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(check_family("tcp"), 1, &address, &size), client;
	struct filtered f = {.call = {.fd = listener}};

	(void)state;
	client = lapse_socket(AF_INET, SOCK_STREAM, 0);
	CHECK(lapse_connect(client, (struct sockaddr *)&address, size) == 0);
	call_start(&f.call, accept_filtered);
	while (atomic_load(&f.notices) == 0)
		sched_yield();
	if (f.notices > 0) {
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			answer(f.notices, errors[i]);
		answer(f.notices, 0);
	}
	call_join(&f.call);
	CHECK(lapse_close(listener) == 0 && lapse_close(client) == 0);
	if (f.notices < 0)
		check_skip("no system call filters here");
	close(f.notices);
	CHECK(lapse_close((lapse_fd)f.call.result) == 0);
}

static const struct check checks[] = {
	{TEST_FITTING(close_read, is_connected)},
	{TEST_FITTING(close_write, is_connected)},
	{TEST_FAMILIES(conn_closed, 0)},
	{TEST_FAMILIES(listener_close, FAMILY_LISTENS)},
	{TEST(packet_conn_close)},
	{TEST_FAMILIES(close_error, 0)},
	{TEST_FITTING(close_unblocks_read, is_connected)},
	{TEST(close_unblocks_read_udp)},
	{TEST_FAMILIES(read_timeout_unblocks_read, 0)},
	{TEST(not_temporary_read)},
	{TEST_FAMILIES(zero_byte_read, 0)},
	{TEST(closing_listener)},
	{TEST(tcp_listen_after_close)},
	{TEST_FAMILIES(tcp_concurrent_accept, FAMILY_LISTENS)},
	{TEST_FAMILIES(file_close_race, 0)},
	{TEST(accept_ignore_aborted_conn_request)},
	{TEST_FITTING(close_write_ends_pending, is_connected)},
};
CHECK_MAIN(checks)
