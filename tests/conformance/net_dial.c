/* What Go's dial_test.go and tcpsock_unix_test.go ask of establishing a connection, asked of
 * lapse_connect: what a cancel ends and what it must leave alone, and no false success. */
#include "shared.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static const struct operation *connects(void)
{
	return check_operation("connect");
}

/* ---- Cancelled while it dials ---- */

static void dial_cancel(void **state)
{
	const struct where *where = *state;
	struct where place = {where->family, connects()};
	struct subject s;
	struct call c;

	subject_open(&s, &place);
	for (int i = 0; i < 3; i++) {
		subject_block(&s, &c);
		CHECK(lapse_cancel(s.fd, LAPSE_WRITE) == 0);
		CHECK_CALL(&c, -1, ECANCELED);
	}
	subject_close(&s);
}

struct scoped {
	struct call call;
	struct call inner;
	_Atomic lapse_scope_id id;
};

static intptr_t connect_in_scope(struct call *c)
{
	struct scoped *s = (struct scoped *)c;
	lapse_scope scope;
	intptr_t result;
	int error;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	atomic_store(&s->id, lapse_scope_share(&scope));
	result = s->inner.run(&s->inner);
	error = errno;
	if (lapse_scope_leave(&scope) != -1 || errno != error)
		return -2;
	return result;
}

static void dial_context_cancel(void **state)
{
	const struct where *where = *state;
	struct where place = {where->family, connects()};
	struct scoped scoped = {0};
	struct subject s;

	subject_open(&s, &place);
	subject_prepare(&s, &scoped.inner);
	call_block(&scoped.call, connect_in_scope);
	CHECK(lapse_scope_cancel(scoped.id) == 0);
	CHECK_CALL(&scoped.call, -1, ECANCELED);
	CHECK_ERR(lapse_scope_cancel(scoped.id), ESRCH);
	subject_close(&s);
}

static bool is_unix_listener(const struct where *where)
{
	return where->family->domain == AF_UNIX && (where->family->traits & FAMILY_LISTENS);
}

/* A dial that ran out of time can be taken up again. */
static void dial_again(void **state)
{
	const struct where *where = *state;
	struct where place = {where->family, connects()};
	struct subject s;
	struct call c;

	subject_open(&s, &place);
	CHECK(lapse_set_write_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	CHECK(lapse_set_write_deadline(s.fd, LAPSE_NEVER) == 0);
	subject_block(&s, &c);
	subject_finish(&s, &c);
	subject_close(&s);
}

/* ---- Cancelled after it has dialled (go#15035, go#15078, go#16523) ---- */

static void check_echo(lapse_fd client, lapse_fd server)
{
	char message[5];
	size_t done;

	CHECK(lapse_write(client, "echo!", 5) == 5);
	CHECK(lapse_read_full(server, message, 5, &done) == 0 && done == 5);
	CHECK(lapse_write(server, message, 5) == 5);
	CHECK(lapse_read_full(client, message, 5, &done) == 0 && done == 5);
	CHECK(memcmp(message, "echo!", 5) == 0);
}

static void cancel_after_dial(void **state)
{
	const struct where *where = *state;
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(where->family, 8, &address, &size);

	for (int i = 0; i < 10; i++) {
		lapse_fd client = lapse_socket(where->family->domain, where->family->type, 0);
		lapse_fd server;
		lapse_scope scope;
		lapse_scope_id id;

		lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
		id = lapse_scope_share(&scope);
		CHECK(id != 0);
		CHECK(lapse_connect(client, (struct sockaddr *)&address, size) == 0);
		CHECK(lapse_cancel(client, LAPSE_READ | LAPSE_WRITE) == 0);
		CHECK(lapse_scope_cancel(id) == 0);
		CHECK(lapse_scope_leave(&scope) == 0);
		server = lapse_accept(listener, NULL, NULL);
		CHECK(server != LAPSE_NOFD);
		check_echo(client, server);
		CHECK(lapse_close(client) == 0 && lapse_close(server) == 0);
	}
	CHECK(lapse_close(listener) == 0);
}

/* ---- No false success (go#14548, go#19289) ---- */

enum { DIALLERS = 4 };

struct dialler {
	struct call call;
	struct sockaddr_storage address;
	socklen_t size;
	int attempts;
};

/* Whatever connect says "connected" of can be written to. */
static intptr_t dial_and_write(struct call *c)
{
	struct dialler *d = (struct dialler *)c;

	for (int i = 0; i < d->attempts; i++) {
		lapse_fd fd = lapse_socket(AF_INET, SOCK_STREAM, 0);
		bool connected;

		(void)lapse_set_deadline(fd, lapse_in(50 * LAPSE_MS));
		connected = lapse_connect(fd, (struct sockaddr *)&d->address, d->size) == 0;
		if (connected && lapse_write(fd, "x", 1) == -1 && errno == ENOTCONN)
			return i + 1;
		(void)lapse_close(fd);
	}
	return 0;
}

struct acceptor {
	struct call call;
	atomic_int count;
};

static intptr_t accept_all(struct call *c)
{
	struct acceptor *a = (struct acceptor *)c;
	lapse_fd fd;

	while ((fd = lapse_accept(c->fd, NULL, NULL)) != LAPSE_NOFD) {
		atomic_fetch_add(&a->count, 1);
		(void)lapse_close(fd);
	}
	return errno == EBADF ? 0 : -1;
}

/* The listener goes away in the middle of it. */
static void tcp_spurious_conn_setup_completion(void **state)
{
	struct dialler diallers[DIALLERS] = {0};
	struct sockaddr_storage address;
	socklen_t size;
	lapse_fd listener = listener_make(check_family("tcp"), 8, &address, &size);
	struct acceptor acceptor = {.call = {.fd = listener}};

	(void)state;
	call_start(&acceptor.call, accept_all);
	for (int i = 0; i < DIALLERS; i++) {
		diallers[i].address = address;
		diallers[i].size = size;
		diallers[i].attempts = check_count(1000);
		call_start(&diallers[i].call, dial_and_write);
	}
	while (atomic_load(&acceptor.count) < check_count(500))
		sched_yield();
	CHECK(lapse_close(listener) == 0);
	CHECK_CALL(&acceptor.call, 0, 0);
	for (int i = 0; i < DIALLERS; i++)
		CHECK_CALL(&diallers[i].call, 0, 0);
}

/* A port where nobody listens: bound, and never told to listen. */
static int bind_deaf(struct sockaddr_storage *address, socklen_t *size)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	*size = sizeof(*address);
	CHECK(getsockname(fd, (struct sockaddr *)address, size) == 0);
	return fd;
}

struct canceller {
	struct call call;
	_Atomic(lapse_fd) target;
	atomic_bool stop;
};

static intptr_t cancel_all(struct call *c)
{
	struct canceller *k = (struct canceller *)c;
	uint64_t seed = 7;

	/* At any moment of an attempt. */
	while (!atomic_load(&k->stop)) {
		(void)lapse_cancel(atomic_load(&k->target), LAPSE_WRITE);
		(void)lapse_sleep_until(lapse_in((int64_t)(check_random(&seed) % 50) * LAPSE_US));
	}
	return 0;
}

/* Refused or cancelled, never connected, and the second call on the same socket no more than the
 * first. */
static void tcp_spurious_conn_setup_completion_with_cancel(void **state)
{
	struct canceller canceller = {0};
	struct sockaddr_storage address;
	socklen_t size;
	int deaf = bind_deaf(&address, &size), count = check_count(3000);

	(void)state;
	call_start(&canceller.call, cancel_all);
	for (int i = 0; i < count; i++) {
		lapse_fd fd = lapse_socket(AF_INET, SOCK_STREAM, 0);

		atomic_store(&canceller.target, fd);
		for (int k = 0; k < 2; k++) {
			CHECK(lapse_connect(fd, (struct sockaddr *)&address, size) == -1);
			CHECK(errno == ECONNREFUSED || errno == ECANCELED ||
			      (k == 1 && errno == ECONNABORTED));
		}
		CHECK(lapse_close(fd) == 0);
	}
	atomic_store(&canceller.stop, true);
	CHECK_CALL(&canceller.call, 0, 0);
	close(deaf);
}

static const struct check checks[] = {
	{TEST_FAMILIES(dial_cancel, FAMILY_LISTENS)},
	{TEST_FAMILIES(dial_context_cancel, FAMILY_LISTENS)},
	{TEST_FITTING(dial_again, is_unix_listener)},
	{TEST_FAMILIES(cancel_after_dial, FAMILY_LISTENS)},
	{TEST(tcp_spurious_conn_setup_completion)},
	{TEST(tcp_spurious_conn_setup_completion_with_cancel)},
};
CHECK_MAIN(checks)
