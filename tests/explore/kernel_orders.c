/* The explorer's kernel: does each call say all that it touches? Random programs of a few threads that
 * make system calls on the same pipes, pairs, eventfds and files. The search that leaves out what only
 * exchanges calls which do not touch the same must find the same outcomes as the one that leaves out
 * nothing: a call that keeps quiet about something makes it miss some.
 *
 * usage: kernel_orders [PROGRAMS [FIRST SEED]]. Linked with the engine and the kernel. Speaks TAP. */
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3, CALLS = 3, NUMBERS = 10, FIRST = 3, OUTCOMES = 1 << 16 };

/* ---- The program: drawn before, the same in all runs ---- */

struct call {
	long (*way)(const struct call *, char *);
	int fd, other; /* numbers */
	size_t n;
	short events;
	lapse_time until;
};

static struct call calls[THREADS][CALLS];
static int counts[THREADS];
static uint64_t seed;

static uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n == 0 ? 0 : (seed >> 11) % n;
}

/* ---- What the runs of it change ---- */

static union {
	struct {
		long results[THREADS][CALLS];
		char bytes[THREADS][CALLS][8];
		uint32_t word;
	};
	char page[4096];
} s __attribute__((aligned(4096)));

/* ---- The calls ---- */

static long do_read(const struct call *c, char *buf)
{
	return k_read(c->fd, buf, c->n);
}

static long do_write(const struct call *c, char *buf)
{
	return k_write(c->fd, memset(buf, 'a' + (int)c->n, 8), c->n);
}

static long do_receive(const struct call *c, char *buf)
{
	return k_recvfrom(c->fd, buf, c->n, MSG_DONTWAIT, NULL, NULL);
}

static long do_peek(const struct call *c, char *buf)
{
	return k_recvfrom(c->fd, buf, c->n, MSG_DONTWAIT | MSG_PEEK, NULL, NULL);
}

static long do_send(const struct call *c, char *buf)
{
	return k_sendto(c->fd, memset(buf, 'A' + (int)c->n, 8), c->n, MSG_DONTWAIT, NULL, 0);
}

static long do_read_at_once(const struct call *c, char *buf)
{
	struct iovec iov = {buf, 8};

	return k_preadv2(c->fd, &iov, 1, -1, 8 /* RWF_NOWAIT */);
}

static long do_poll(const struct call *c, char *buf)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = c->events},
	                      {.fd = c->other, .events = POLLIN}};
	long r = k_poll(p, 2, 0, c->until);

	memcpy(buf, &p[0].revents, 2);
	memcpy(buf + 2, &p[1].revents, 2);
	return r;
}

static long do_close(const struct call *c, char *buf)
{
	(void)buf;
	return k_close(c->fd);
}

static long do_shutdown(const struct call *c, char *buf)
{
	(void)buf;
	return k_shutdown(c->fd, (int)c->n % 3);
}

static long do_dup(const struct call *c, char *buf)
{
	(void)buf;
	return k_fcntl(c->fd, F_DUPFD, NULL);
}

static long do_event(const struct call *c, char *buf)
{
	(void)c;
	(void)buf;
	return k_eventfd();
}

static long do_get_flags(const struct call *c, char *buf)
{
	(void)buf;
	return k_fcntl(c->fd, F_GETFL, NULL);
}

static long do_set_flags(const struct call *c, char *buf)
{
	(void)buf;
	return k_fcntl(c->fd, F_SETFL, (void *)(intptr_t)(c->n % 2 == 0 ? O_NONBLOCK : 0));
}

static long do_splice(const struct call *c, char *buf)
{
	(void)buf;
	return k_splice(c->fd, NULL, c->other, c->n, 2 /* SPLICE_F_NONBLOCK */);
}

static long do_tee(const struct call *c, char *buf)
{
	(void)buf;
	return k_tee(c->fd, c->other, c->n, 2 /* SPLICE_F_NONBLOCK */);
}

static long do_lock(const struct call *c, char *buf)
{
	static const int operations[] = {1, 2, 8}; /* LOCK_SH, LOCK_EX, LOCK_UN */

	(void)buf;
	return k_flock(c->fd, operations[c->n % 3] | (c->events == 0 ? 4 : 0) /* LOCK_NB */);
}

static long do_error(const struct call *c, char *buf)
{
	socklen_t size = 4;

	return k_getsockopt(c->fd, SOL_SOCKET, SO_ERROR, buf, &size);
}

static long do_sleep(const struct call *c, char *buf)
{
	(void)buf;
	return k_futex_wait(&s.word, (uint32_t)c->n % 2, c->until == 0 ? 10 : c->until);
}

static long do_wake(const struct call *c, char *buf)
{
	(void)buf;
	if (c->n % 2 == 0)
		x_store(&s.word, 4, c->n % 4, __ATOMIC_SEQ_CST);
	k_futex_wake(&s.word);
	return 0;
}

static long do_now(const struct call *c, char *buf)
{
	(void)c;
	(void)buf;
	return k_now();
}

static long do_bump(const struct call *c, char *buf)
{
	uint64_t v = c->n;

	(void)buf;
	return k_write(c->fd, &v, sizeof v);
}

typedef long way(const struct call *, char *);

/* What a program is about: which calls, on which numbers. Those that open come with all. */
static const struct theme {
	way *ways[16];
	int numbers[8];
	int count; /* of numbers */
} themes[] = {
	{{do_read, do_write, do_receive, do_peek, do_send, do_send, do_read_at_once, do_poll,
          do_close, do_shutdown, do_dup, do_get_flags, do_set_flags, do_error},
         {3, 4, 5, 6, 10},
         5},
	{{do_lock, do_lock, do_lock, do_close, do_dup}, {7, 8}, 2},
	{{do_poll, do_poll, do_bump, do_read, do_now, do_send, do_receive, do_close}, {3, 4, 9}, 3},
	{{do_sleep, do_sleep, do_wake, do_wake, do_now}, {9}, 1},
	{{do_close, do_close, do_dup, do_event, do_receive, do_poll, do_bump}, {3, 4, 5, 9}, 4},
	{{do_splice, do_tee, do_splice, do_read_at_once, do_write, do_receive, do_close, do_poll},
         {3, 4, 5, 6, 10},
         5},
};

static void make(int i)
{
	for (int j = 0; j < counts[i]; j++)
		s.results[i][j] = calls[i][j].way(&calls[i][j], s.bytes[i][j]);
}

static void first(void)
{
	make(0);
}

static void second(void)
{
	make(1);
}

static void third(void)
{
	make(2);
}

/* 3 and 4 a pair, 5 and 6 a pipe, 7 and 8 files of one path, 9 an eventfd, 10 a pipe's read end again:
 * closed, so that numbers are given out anew below what is open. */
static void setup(void)
{
	uint64_t mask;
	bool pending;
	int ends[2];

	for (int i = 0; i < THREADS; i++) {
		x_be(i);
		k_sigpipe_hold(&mask, &pending);
	}
	k_set_capacity(8);
	(void)k_socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
	(void)k_pipe2(ends, O_NONBLOCK);
	(void)k_openat(AT_FDCWD, "file", O_RDONLY, 0);
	(void)k_openat(AT_FDCWD, "file", O_RDONLY, 0);
	(void)k_eventfd();
	(void)k_fcntl(5, F_DUPFD, NULL);
	(void)k_write(3, "012", 3);
	(void)k_write(6, "345", 3);
}

static uint64_t outcome(void)
{
	const unsigned char *p = (const unsigned char *)&s;
	uint64_t h = 14695981039346656037U;

	for (size_t i = 0; i < sizeof s.results + sizeof s.bytes; i++)
		h = (h ^ p[i]) * 1099511628211U;
	return h;
}

/* ---- Both searches ---- */

static uint64_t found[2][OUTCOMES];
static int found_count[2];
static int which;

static void note(uint64_t o)
{
	for (int i = 0; i < found_count[which]; i++)
		if (found[which][i] == o)
			return;
	if (found_count[which] < OUTCOMES)
		found[which][found_count[which]++] = o;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Somebody may wait for ever: that is an outcome like others. */
static void at_rest(bool ended)
{
	(void)ended;
}

static int draw_number(const struct theme *t)
{
	return draw(8) == 0 ? FIRST + (int)draw(NUMBERS) : t->numbers[draw((uint64_t)t->count)];
}

static void draw_call(struct call *c, const struct theme *t)
{
	static const lapse_time limits[] = {0, 10, 10, LAPSE_NEVER};
	static const short asked[] = {POLLIN, POLLOUT, 0, POLLIN};
	int ways = 0;

	while (ways < 16 && t->ways[ways] != NULL)
		ways++;
	*c = (struct call){.way = t->ways[draw((uint64_t)ways)],
	                   .fd = draw_number(t),
	                   .other = draw(2) == 0 ? -1 : draw_number(t),
	                   .n = draw(8) + 1,
	                   .events = asked[draw(4)],
	                   .until = limits[draw(4)]};
}

static void draw_program(uint64_t from)
{
	const struct theme *t;
	int threads;

	seed = from * UINT64_C(0x9e3779b97f4a7c15) + 1;
	(void)draw(2);
	t = &themes[draw(sizeof themes / sizeof *themes)];
	threads = 2 + (int)draw(2);
	memset(counts, 0, sizeof counts);
	for (int i = 0; i < threads; i++) {
		counts[i] = threads == 2 ? 3 : 1 + (i < 2);
		for (int j = 0; j < counts[i]; j++)
			draw_call(&calls[i][j], t);
	}
}

static bool agree(uint64_t from, uint64_t *runs)
{
	struct x_scenario scenario = {.name = "random",
	                              .setup = setup,
	                              .threads = {first, second, third},
	                              .instants = {10},
	                              .faults = from % 4 == 0,
	                              .outcome = outcome};

	draw_program(from);
	for (which = 0; which < 2; which++) {
		struct x_options o = {
			.mode = which == 0 ? X_COMPLETE : X_PLAIN, .each = note, .seconds = 20};
		struct x_report r;

		found_count[which] = 0;
		x_explore(&scenario, &o, &r);
		runs[which] += r.runs + r.blocked;
		free(r.replay);
		if (r.verdict == X_UNFIT && strstr(r.message, "not modelled") != NULL)
			return true;
		if (r.verdict == X_BOUND_REACHED)
			return true;
		if (r.verdict != X_COMPLETED) {
			(void)printf("# seed %" PRIu64 ": %s: %s\n", from, r.promise, r.message);
			return false;
		}
		qsort(found[which], (size_t)found_count[which], sizeof **found, by_value);
	}
	if (found_count[0] == found_count[1] &&
	    memcmp(found[0], found[1], (size_t)found_count[0] * sizeof **found) == 0)
		return true;
	(void)printf("# seed %" PRIu64 ": %d outcomes, without reduction %d\n", from,
	             found_count[0], found_count[1]);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 500;
	uint64_t from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t runs[2] = {0, 0};
	bool good = true;

	k_start();
	x_keep(&s, sizeof s);
	x_at_rest(at_rest);
	(void)printf("1..1\n");
	for (uint64_t i = 0; i < count; i++)
		good = agree(from + i, runs) && good;
	(void)printf("# %" PRIu64 " programs, %" PRIu64 " runs, without reduction %" PRIu64 "\n",
	             count, runs[0], runs[1]);
	(void)printf("%s 1 - all outcomes of random programs are found\n", good ? "ok" : "not ok");
	return 0;
}
