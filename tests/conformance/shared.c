/* What the files of this folder share; shared.h says what. Owns nothing but what a test opens and
 * closes again. */
#include "shared.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Connections ---- */

void conn_make(const struct family *family, struct conn c[2])
{
	lapse_fd there[2], back[2];

	family_make(family, there);
	c[0] = (struct conn){there[0], there[0]};
	c[1] = (struct conn){there[1], there[1]};
	if (family->traits & FAMILY_DUPLEX)
		return;
	family_make(family, back);
	c[0].w = back[1];
	c[1].r = back[0];
}

void conn_close(const struct conn *c)
{
	CHECK(lapse_close(c->r) == 0);
	if (c->w != c->r)
		CHECK(lapse_close(c->w) == 0);
}

void conn_set_deadline(const struct conn *c, lapse_time deadline)
{
	CHECK(lapse_set_deadline(c->r, deadline) == 0);
	CHECK(lapse_set_deadline(c->w, deadline) == 0);
}

lapse_fd packet_make(int domain, struct sockaddr_storage *address, socklen_t *address_size)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	lapse_fd fd = lapse_socket(domain, SOCK_DGRAM, 0);
	int sysfd = lapse_sysfd(fd);

	CHECK(fd != LAPSE_NOFD);
	if (domain == AF_INET)
		CHECK(bind(sysfd, (struct sockaddr *)&in, sizeof(in)) == 0);
	else
		CHECK(bind(sysfd, (struct sockaddr *)&un, sizeof(un.sun_family)) == 0);
	*address_size = sizeof(*address);
	CHECK(getsockname(sysfd, (struct sockaddr *)address, address_size) == 0);
	return fd;
}

/* ---- Traffic ---- */

intptr_t pour(struct call *c)
{
	char chunk[CHUNK];

	memset(chunk, 'w', sizeof(chunk));
	while (lapse_write(c->fd, chunk, sizeof(chunk)) == CHUNK)
		;
	return -1;
}

intptr_t discard(struct call *c)
{
	char chunk[CHUNK];
	ssize_t n;

	do
		n = lapse_read(c->fd, chunk, sizeof(chunk));
	while (n > 0);
	return n;
}

intptr_t echo(struct call *c)
{
	char chunk[CHUNK];
	ssize_t n;

	while ((n = lapse_read(c->fd, chunk, sizeof(chunk))) > 0)
		if (lapse_write(c->other, chunk, (size_t)n) != n)
			return -1;
	return n;
}

/* ---- Children ---- */

void check_child(int (*body)(void *arg), void *arg)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* An assertion that fails must not go on with the parent's tests. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		_exit(body(arg));
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("the child ended with %d", WEXITSTATUS(status));
}

/* ---- System calls that fail ---- */

int check_filter(int number, uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	bool notifies = action == SECCOMP_RET_USER_NOTIF;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                    notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
}

/* ---- Reading past a deadline ---- */

static const char text[] = "READ TIMEOUT TEST";

void read_timeout(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	lapse_time deadline;
	/* A byte is a message where there are messages. */
	size_t step = where->family->traits & FAMILY_STREAM ? sizeof(text) : 1, count = 0;
	char byte;

	family_make(where->family, ends);
	for (size_t i = 0; i < sizeof(text); i += step)
		CHECK(lapse_write(ends[1], &text[i], step) == (ssize_t)step);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(-5 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	/* Now there is time, for some of the bytes at least; then there is none. */
	deadline = lapse_in(50 * LAPSE_MS);
	CHECK(lapse_set_read_deadline(ends[0], deadline) == 0);
	while (lapse_read(ends[0], &byte, 1) == 1)
		CHECK(byte == text[count++]);
	CHECK(errno == LAPSE_EXPIRED && lapse_now() >= deadline);
	CHECK_ERR(lapse_read(ends[0], &byte, 1), LAPSE_EXPIRED);
	/* None was lost. */
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	while (count < sizeof(text)) {
		CHECK(lapse_read(ends[0], &byte, 1) == 1);
		CHECK(byte == text[count++]);
	}
	pair_close(ends);
}

void read_timeout_must_not_return(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_set_deadline(ends[0], lapse_in(-5 * LAPSE_S)) == 0);
	CHECK(lapse_set_write_deadline(ends[0], lapse_in(-5 * LAPSE_S)) == 0);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	operation_block(&c, "read", ends[0]);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_CALL(&c, -1, EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}

/* ---- Writing past a deadline ---- */

/* What a reader finds is as much as was said to be written. */
static void check_taken(lapse_fd reader, size_t n)
{
	char *taken = malloc(n + 1);

	CHECK(taken != NULL);
	CHECK(pair_take(reader, taken, n));
	CHECK(pair_drain(reader) == 0);
	free(taken);
}

void write_timeout(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];
	lapse_time deadline;
	size_t total = 0;
	ssize_t n;

	family_make(where->family, ends);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(-5 * LAPSE_S)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_ERR(lapse_write(ends[1], text, sizeof(text)), LAPSE_EXPIRED);
	CHECK(pair_drain(ends[0]) == 0);
	deadline = lapse_in(10 * LAPSE_MS);
	CHECK(lapse_set_write_deadline(ends[1], deadline) == 0);
	do {
		n = lapse_write(ends[1], text, sizeof(text));
		total += n > 0 ? (size_t)n : 0;
	} while (n == sizeof(text));
	CHECK(errno == LAPSE_EXPIRED && lapse_now() >= deadline);
	CHECK_ERR(lapse_write(ends[1], text, sizeof(text)), LAPSE_EXPIRED);
	if (where->family->traits & FAMILY_FILLS)
		check_taken(ends[0], total);
	pair_close(ends);
}

void write_timeout_must_not_return(void **state)
{
	const struct where *where = *state;
	struct call c;
	lapse_fd ends[2];

	family_make(where->family, ends);
	CHECK(lapse_set_deadline(ends[1], lapse_in(-5 * LAPSE_S)) == 0);
	CHECK(lapse_set_read_deadline(ends[1], lapse_in(-5 * LAPSE_S)) == 0);
	CHECK(lapse_set_write_deadline(ends[1], LAPSE_NEVER) == 0);
	c = (struct call){.fd = ends[1]};
	call_block(&c, pour);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK_CALL(&c, -1, EBADF);
	CHECK(lapse_close(ends[0]) == 0);
}

/* ---- How exactly ---- */

static const int64_t timeout_max = 4 * LAPSE_S;

void check_fluctuation(lapse_fd fd, int dir, intptr_t (*run)(lapse_fd fd))
{
	int64_t timeout = LAPSE_MS, actual = 0;

	do {
		lapse_time began = lapse_now(), deadline = began + timeout, ended;

		CHECK(deadline_set(fd, dir, deadline) == 0);
		CHECK_ERR(run(fd), LAPSE_EXPIRED);
		ended = lapse_now();
		CHECK(ended >= deadline);
		actual = ended - began;
		if (actual <= timeout * 11 / 10)
			return;
		timeout = actual * 5 / 4 < timeout_max ? actual * 5 / 4 : timeout_max;
	} while (actual < timeout_max);
	fail_msg("4 s took %ld ns", (long)actual);
}

static intptr_t read_chunk(lapse_fd fd)
{
	char chunk[CHUNK];

	return lapse_read(fd, chunk, sizeof(chunk));
}

/* Also what fills the buffers, in the first round. */
static intptr_t write_chunks(lapse_fd fd)
{
	return pour(&(struct call){.fd = fd});
}

void read_timeout_fluctuation(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	check_fluctuation(ends[0], LAPSE_READ, read_chunk);
	pair_close(ends);
}

void write_timeout_fluctuation(void **state)
{
	const struct where *where = *state;
	lapse_fd ends[2];

	family_make(where->family, ends);
	check_fluctuation(ends[1], LAPSE_WRITE, write_chunks);
	pair_close(ends);
}

/* ---- Every length of time ---- */

static const int64_t timeouts[] = {
	1,
	2,
	5,
	50,
	100,
	200,
	500,
	750,
	LAPSE_US,
	5 * LAPSE_US,
	25 * LAPSE_US,
	250 * LAPSE_US,
	500 * LAPSE_US,
	LAPSE_MS,
	5 * LAPSE_MS,
	100 * LAPSE_MS,
	250 * LAPSE_MS,
	500 * LAPSE_MS,
	LAPSE_S,
};

enum {
	TIMEOUTS = sizeof(timeouts) / sizeof(timeouts[0]),
	SHORT_TIMEOUTS = 16,
	RUNS = 3,
	PROCS = 4
};

static void expire_after(const struct family *family, int64_t timeout)
{
	struct call c;
	lapse_fd ends[2];
	lapse_time deadline;

	family_make(family, ends);
	c = (struct call){.fd = ends[0]};
	deadline = lapse_in(timeout);
	CHECK(lapse_set_deadline(ends[0], deadline) == 0);
	CHECK_ERR(discard(&c), LAPSE_EXPIRED);
	CHECK(lapse_now() >= deadline);
	pair_close(ends);
}

void various_deadlines(void **state)
{
	const struct where *where = *state;

	for (int i = 0; i < SHORT_TIMEOUTS; i++)
		for (int run = 0; run < RUNS; run++)
			expire_after(where->family, timeouts[i]);
}

/* With all of the test on one processor. */
void various_deadlines_1_proc(void **state)
{
	cpu_set_t before, one;
	int cpu = 0;

	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	various_deadlines(state);
	CHECK(sched_setaffinity(0, sizeof(before), &before) == 0);
}

struct proc {
	struct call call;
	lapse_fd ends[TIMEOUTS][2];
	int first;
};

/* Every fourth timeout, on pairs that stand ready. */
static intptr_t expire_every_fourth(struct call *c)
{
	struct proc *p = (struct proc *)c;

	for (int i = p->first; i < TIMEOUTS; i += PROCS) {
		struct call reader = {.fd = p->ends[i][0]};
		lapse_time deadline = lapse_in(timeouts[i]);

		if (lapse_set_deadline(reader.fd, deadline) != 0 || discard(&reader) != -1)
			return -1;
		if (errno != LAPSE_EXPIRED || lapse_now() < deadline)
			return i;
	}
	return TIMEOUTS;
}

void various_deadlines_4_proc(void **state)
{
	const struct where *where = *state;
	struct proc procs[PROCS] = {0};

	for (int i = 0; i < TIMEOUTS; i++)
		family_make(where->family, procs[i % PROCS].ends[i]);
	for (int i = 0; i < PROCS; i++) {
		procs[i].first = i;
		call_start(&procs[i].call, expire_every_fourth);
	}
	for (int i = 0; i < PROCS; i++)
		CHECK_CALL(&procs[i].call, TIMEOUTS, 0);
	for (int i = 0; i < TIMEOUTS; i++)
		pair_close(procs[i % PROCS].ends[i]);
}

/* ---- Deadlines that race with data ---- */

struct racer {
	struct call call;
	int rounds;
	size_t moved;
};

static intptr_t race_read(struct call *c)
{
	struct racer *r = (struct racer *)c;

	for (int i = 0; i < r->rounds; i++) {
		unsigned char byte;
		ssize_t n = lapse_read(c->fd, &byte, 1);

		if (n == 1 && byte == stamp(r->moved))
			r->moved++;
		else if (n != -1 || errno != LAPSE_EXPIRED)
			return -1;
	}
	return 0;
}

static intptr_t race_write(struct call *c)
{
	struct racer *r = (struct racer *)c;

	for (int i = 0; i < r->rounds; i++) {
		unsigned char byte = stamp(r->moved);
		ssize_t n = lapse_write(c->fd, &byte, 1);

		if (n == 1)
			r->moved++;
		else if (n != -1 || errno != LAPSE_EXPIRED)
			return -1;
	}
	return 0;
}

/* What was written is what was read and what is still there. */
static void check_rest(lapse_fd reader, size_t from, size_t to)
{
	while (from < to) {
		unsigned char byte;

		CHECK(lapse_read(reader, &byte, 1) == 1 && byte == stamp(from));
		from++;
	}
	CHECK(pair_drain(reader) == 0);
}

void read_write_deadline_race(void **state)
{
	const struct where *where = *state;
	struct racer reader = {.rounds = check_count(2000)}, writer = reader;
	lapse_fd ends[2];

	family_make(where->family, ends);
	reader.call.fd = ends[0];
	writer.call.fd = ends[1];
	call_start(&reader.call, race_read);
	call_start(&writer.call, race_write);
	while (!call_is_done(&reader.call) || !call_is_done(&writer.call)) {
		CHECK(lapse_set_read_deadline(ends[0], lapse_in(2 * LAPSE_US)) == 0);
		CHECK(lapse_set_write_deadline(ends[1], lapse_in(2 * LAPSE_US)) == 0);
	}
	CHECK_CALL(&reader.call, 0, 0);
	CHECK_CALL(&writer.call, 0, 0);
	CHECK(lapse_set_read_deadline(ends[0], LAPSE_NEVER) == 0);
	check_rest(ends[0], reader.moved, writer.moved);
	pair_close(ends);
}

/* ---- Buffers ---- */

/* The buffer is the caller's again once the call has returned, whatever it returned: the caller
 * changes it at once, and finds it as it left it. */
enum { USERS = 10, USES = 100 };

static bool holds_only(const char *buf, size_t n, char byte)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != byte)
			return false;
	return true;
}

static intptr_t reuse_read(struct call *c)
{
	char buf[CHUNK];

	memset(buf, 'm', sizeof(buf));
	for (int i = 0; i < USES; i++) {
		ssize_t n;

		if (!holds_only(buf, sizeof(buf), 'm'))
			return 1;
		n = lapse_read(c->fd, buf, sizeof(buf));
		if (n == -1 ? errno != LAPSE_EXPIRED : !holds_only(buf, (size_t)n, 'w'))
			return -1;
		memset(buf, 'm', sizeof(buf));
		if (n == -1)
			(void)lapse_set_read_deadline(c->fd, lapse_in(LAPSE_MS));
	}
	return 0;
}

void racy_read(void **state)
{
	const struct where *where = *state;
	struct call users[USERS], source;
	lapse_fd ends[2];

	family_make(where->family, ends);
	source = (struct call){.fd = ends[1]};
	call_start(&source, pour);
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) == 0);
	for (int i = 0; i < USERS; i++) {
		users[i] = (struct call){.fd = ends[0]};
		call_start(&users[i], reuse_read);
	}
	for (int i = 0; i < USERS; i++)
		CHECK_CALL(&users[i], 0, 0);
	CHECK(lapse_close(ends[1]) == 0);
	CHECK_CALL(&source, -1, EBADF);
	CHECK(lapse_close(ends[0]) == 0);
}

static intptr_t reuse_write(struct call *c)
{
	char buf[CHUNK];

	for (int i = 0; i < USES; i++) {
		ssize_t n;

		memset(buf, 'w', sizeof(buf));
		n = lapse_write(c->fd, buf, sizeof(buf));
		if (n < CHUNK && errno != LAPSE_EXPIRED)
			return -1;
		memset(buf, 'm', sizeof(buf));
		if (n < CHUNK)
			(void)lapse_set_write_deadline(c->fd, lapse_in(LAPSE_MS));
	}
	return 0;
}

/* Nothing arrives but what the buffers held while the calls ran. */
static intptr_t receive(struct call *c)
{
	char chunk[CHUNK];
	ssize_t n;

	while ((n = lapse_read(c->fd, chunk, sizeof(chunk))) > 0)
		if (!holds_only(chunk, (size_t)n, 'w'))
			return 1;
	return n;
}

void racy_write(void **state)
{
	const struct where *where = *state;
	struct call users[USERS], sink;
	lapse_fd ends[2];

	family_make(where->family, ends);
	sink = (struct call){.fd = ends[0]};
	call_start(&sink, receive);
	CHECK(lapse_set_write_deadline(ends[1], lapse_in(LAPSE_MS)) == 0);
	for (int i = 0; i < USERS; i++) {
		users[i] = (struct call){.fd = ends[1]};
		call_start(&users[i], reuse_write);
	}
	for (int i = 0; i < USERS; i++)
		CHECK_CALL(&users[i], 0, 0);
	CHECK(lapse_close(ends[0]) == 0);
	CHECK_CALL(&sink, -1, EBADF);
	CHECK(lapse_close(ends[1]) == 0);
}
