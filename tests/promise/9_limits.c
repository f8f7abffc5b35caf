/* Promise 9 at the limits: with no descriptor or no memory left a call fails with that errno, leaves
 * nothing behind, loses nothing, and what existed before goes on working. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- No descriptor ---- */

/* What the calls need, made while there were descriptors; and what they make. */
struct stage {
	lapse_fd pipe[2], stream[2], file, listener, client, made[2];
	struct sockaddr_storage address;
	socklen_t address_size;
};

static int make_pipe(struct stage *s)
{
	return lapse_pipe(s->made);
}

static int make_pair(struct stage *s)
{
	return lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, s->made);
}

static int made_one(struct stage *s, lapse_fd fd)
{
	s->made[0] = fd;
	return fd == LAPSE_NOFD ? -1 : 0;
}

static int make_socket(struct stage *s)
{
	return made_one(s, lapse_socket(AF_INET, SOCK_STREAM, 0));
}

static int make_open(struct stage *s)
{
	return made_one(s, lapse_open("/dev/null", O_RDONLY, 0));
}

static int make_dup(struct stage *s)
{
	return made_one(s, lapse_dup(s->pipe[0]));
}

/* The client is in the backlog: it must still be there after a failure. */
static int make_accept(struct stage *s)
{
	return made_one(s, lapse_accept(s->listener, NULL, NULL));
}

/* A socket to a socket needs a pipe in between. */
static int make_splice(struct stage *s)
{
	CHECK(pair_drain(s->stream[0]) <= 1);
	CHECK(lapse_write(s->stream[1], "x", 1) == 1);
	return lapse_splice(s->stream[0], s->stream[0], 1) == 1 ? 0 : -1;
}

/* A thread that never slept may need something to sleep on. */
static intptr_t read_or_fail(struct call *c)
{
	ssize_t n = lapse_read(c->fd, c->buf, 1);

	return n == -1 && errno == LAPSE_EXPIRED ? 0 : -1;
}

static int make_sleeper(struct stage *s)
{
	struct call c = {.fd = s->pipe[0]};

	CHECK(lapse_set_read_deadline(s->pipe[0], lapse_in(LAPSE_MS)) == 0);
	call_start(&c, read_or_fail);
	call_join(&c);
	CHECK(lapse_set_read_deadline(s->pipe[0], LAPSE_NEVER) == 0);
	errno = c.error;
	return (int)c.result;
}

static int make_poll(struct stage *s)
{
	struct lapse_pollfd fds[2] = {{s->stream[1], LAPSE_READ, 0, 0},
	                              {s->pipe[0], LAPSE_READ, 0, 0}};
	int count;

	CHECK(lapse_set_read_deadline(s->pipe[0], lapse_in(LAPSE_MS)) == 0);
	count = lapse_poll(fds, 2);
	CHECK(lapse_set_read_deadline(s->pipe[0], LAPSE_NEVER) == 0);
	return count == 1 && fds[1].error == LAPSE_EXPIRED ? 0 : -1;
}

static void stage_open(struct stage *s)
{
	const struct family *family = check_family("tcp");

	memset(s, 0, sizeof(*s));
	pair_make("pipe", s->pipe);
	pair_make("unix_stream", s->stream);
	s->listener = listener_make(family, 4, &s->address, &s->address_size);
	s->client = lapse_socket(family->domain, family->type, 0);
	CHECK(lapse_connect(s->client, (struct sockaddr *)&s->address, s->address_size) == 0);
}

static void stage_close(struct stage *s)
{
	for (int i = 0; i < 2; i++)
		if (s->made[i] != LAPSE_NOFD)
			CHECK(lapse_close(s->made[i]) == 0);
	pair_close(s->pipe);
	pair_close(s->stream);
	CHECK(lapse_close(s->listener) == 0 && lapse_close(s->client) == 0);
}

static void limit_descriptors(rlim_t count)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = count;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Allow one descriptor more each time, until it works: each step inside has then failed once. */
static void each_step_fails(int (*make)(struct stage *))
{
	struct rlimit limit;
	struct stage s;
	bool made = false;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	stage_open(&s);
	for (int allowed = 0; !made; allowed++) {
		int before = check_descriptor_count(), free_number = dup(0), error;

		close(free_number);
		limit_descriptors((rlim_t)(free_number + allowed));
		errno = 0;
		made = make(&s) == 0;
		error = errno;
		limit_descriptors(limit.rlim_cur);
		CHECK(allowed < 50);
		CHECK(made || error == EMFILE);
		CHECK(made || check_descriptor_count() == before);
	}
	stage_close(&s);
}

static void no_descriptor_for_pipe(void **state)
{
	(void)state;
	each_step_fails(make_pipe);
}

static void no_descriptor_for_socketpair(void **state)
{
	(void)state;
	each_step_fails(make_pair);
}

static void no_descriptor_for_socket(void **state)
{
	(void)state;
	each_step_fails(make_socket);
}

static void no_descriptor_for_open(void **state)
{
	(void)state;
	each_step_fails(make_open);
}

static void no_descriptor_for_dup(void **state)
{
	(void)state;
	each_step_fails(make_dup);
}

static void no_descriptor_for_accept(void **state)
{
	(void)state;
	each_step_fails(make_accept);
}

static void no_descriptor_for_splice(void **state)
{
	(void)state;
	each_step_fails(make_splice);
}

static void no_descriptor_for_sleeper(void **state)
{
	(void)state;
	each_step_fails(make_sleeper);
}

static void no_descriptor_for_poll(void **state)
{
	(void)state;
	each_step_fails(make_poll);
}

/* ---- No memory ---- */

/* No mapping can grow or be made. Undone by the limit that was there before. */
static struct rlimit limit_memory(void)
{
	struct rlimit old, none;

	CHECK(getrlimit(RLIMIT_AS, &old) == 0);
	none = old;
	none.rlim_cur = 1;
	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	return old;
}

/* Handles until there is no room for another; the descriptor of that one is still the caller's. */
static void no_memory_for_handles(void **state)
{
	enum { COUNT_MAX = 15000 };
	lapse_fd *fds;
	struct rlimit files, memory;
	int count = 0, sysfd = -1, error = 0;

	(void)state;
	if (check_is_watched())
		check_skip("a sanitizer or Valgrind maps memory of its own");
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	if (files.rlim_max < COUNT_MAX + 100)
		check_skip("the hard limit of descriptors is too low");
	fds = calloc(COUNT_MAX, sizeof(*fds));
	CHECK(fds != NULL);
	limit_descriptors(COUNT_MAX + 100);
	memory = limit_memory();
	while (count < COUNT_MAX && error == 0) {
		sysfd = dup(0);
		errno = 0;
		fds[count] = lapse_adopt(sysfd);
		error = fds[count] == LAPSE_NOFD ? errno : 0;
		count += error == 0;
	}
	CHECK(setrlimit(RLIMIT_AS, &memory) == 0);
	CHECK(error == ENOMEM && count > 0);
	CHECK(fcntl(sysfd, F_GETFD) >= 0);
	/* Every one of them is good, and with memory again so is the one that failed. */
	fds[count] = lapse_adopt(sysfd);
	CHECK(fds[count] != LAPSE_NOFD && lapse_sysfd(fds[count]) == sysfd);
	for (int i = 0; i <= count; i++)
		CHECK(lapse_check(fds[i], LAPSE_READ) == 0 && lapse_close(fds[i]) == 0);
	limit_descriptors(files.rlim_cur);
	free(fds);
}

/* Without memory what exists goes on: blocks, queues, expires, closes. */
static void no_memory_needed(void **state)
{
	struct subject s;
	struct call c[2];
	struct rlimit memory;

	if (check_is_watched())
		check_skip("a sanitizer or Valgrind maps memory of its own");
	subject_open(&s, *state);
	subject_block(&s, &c[0]);
	subject_block(&s, &c[1]);
	memory = limit_memory();
	CHECK(lapse_set_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
	CHECK(lapse_set_idle(s.fd, LAPSE_READ | LAPSE_WRITE, LAPSE_MS) == 0);
	for (int i = 0; i < 2; i++)
		CHECK_CALL(&c[i], -1, LAPSE_EXPIRED);
	CHECK(lapse_close(s.fd) == 0);
	CHECK(setrlimit(RLIMIT_AS, &memory) == 0);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

/* A key of pthread_key_create is what tells of a thread's end. If the process has used them up that is no
 * EAGAIN, which would be taken for "not now". */
static void use_up_keys(void *unused)
{
	pthread_key_t key;
	lapse_scope scope;

	(void)unused;
	while (pthread_key_create(&key, NULL) == 0)
		;
	CHILD_CHECK(lapse_sleep_until(lapse_now() + LAPSE_MS) == -1 && errno == ENOMEM);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	errno = 0;
	CHILD_CHECK(lapse_scope_share(&scope) == 0 && errno == ENOMEM);
}

/* In a child that has not slept yet, nor its parent, whose key it would have. */
static void no_key_left(void **state)
{
	(void)state;
	check_child_ends(check_fork(use_up_keys, NULL), 0);
}

/* Polling more handles than a frame has room for needs memory, once. */
static void no_memory_for_poll(void **state)
{
	enum { COUNT = 64 };
	struct lapse_pollfd fds[COUNT];
	struct rlimit memory;
	lapse_fd pair[2];

	(void)state;
	if (check_is_watched())
		check_skip("a sanitizer or Valgrind maps memory of its own");
	pair_make("unix_stream", pair);
	for (int i = 0; i < COUNT; i++)
		fds[i] = (struct lapse_pollfd){pair[i % 2], LAPSE_WRITE, 0, 0};
	memory = limit_memory();
	CHECK_ERR(lapse_poll(fds, COUNT), ENOMEM);
	CHECK(setrlimit(RLIMIT_AS, &memory) == 0);
	CHECK(lapse_poll(fds, COUNT) == COUNT);
	memory = limit_memory();
	for (int count = COUNT; count > 0; count /= 2) {
		CHECK(lapse_poll(fds, (size_t)count) == count);
		CHECK(fds[count - 1].got == LAPSE_WRITE && fds[count - 1].error == 0);
	}
	CHECK(lapse_poll(fds, COUNT) == COUNT);
	CHECK(setrlimit(RLIMIT_AS, &memory) == 0);
	pair_close(pair);
}

static const struct check checks[] = {
	{TEST(no_key_left)},        /* before the thread has slept */
	{TEST(no_memory_for_poll)}, /* before it has left memory */
	{TEST(no_descriptor_for_pipe)},
	{TEST(no_descriptor_for_socketpair)},
	{TEST(no_descriptor_for_socket)},
	{TEST(no_descriptor_for_open)},
	{TEST(no_descriptor_for_dup)},
	{TEST(no_descriptor_for_accept)},
	{TEST(no_descriptor_for_splice)},
	{TEST(no_descriptor_for_sleeper)},
	{TEST(no_descriptor_for_poll)},
	{TEST_OPERATIONS(no_memory_needed, NULL)},
	{TEST(no_memory_for_handles)},
};
CHECK_MAIN(checks)
