/* The explorer's kernel where threads meet: calls that wait, numbers that come to name something
 * else, faults. Each test is a scenario of system calls, without lapse, and every outcome is written
 * down. The search that leaves out what would only repeat another run and the one that leaves out
 * nothing must both find just these: what the kernel says of its steps is right; and where calls
 * cannot matter to each other one run is all there is.
 *
 * Linked with the engine and the kernel. Speaks TAP. */
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What the threads of a scenario share ---- */

static union {
	struct {
		int a[2], b[2]; /* ends of pipes or pairs: read and write ends of a pipe */
		long r[3];      /* what came of it */
		uint32_t word;
		char bytes[64];
		char buf[64]; /* read into */
	};
	char page[4096];
} s __attribute__((aligned(4096)));

static const char sent[] = "abcdefghijklmnopqrstuvwxyz";

static void make_pipe(int ends[2], int flags)
{
	if (k_pipe2(ends, flags) != 0)
		x_unfit("no pipe");
}

static void make_pair(int ends[2])
{
	if (k_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		x_unfit("no pair");
}

static long put(int fd, const char *bytes, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};

	return k_pwritev2(fd, &iov, 1, -1, 0x100 /* RWF_NOSIGNAL */);
}

static long poll_one(int fd, short events, lapse_time until)
{
	struct pollfd p = {.fd = fd, .events = events};
	long r = k_poll(&p, 1, 0, until);

	return r > 0 ? p.revents : r;
}

/* Small results and errors, one digit pair each: -errno as 100 + errno. */
static uint64_t outcome(void)
{
	uint64_t sum = 0;

	for (int i = 2; i >= 0; i--)
		sum = sum * 1000 + (uint64_t)(s.r[i] < 0 ? 500 - s.r[i] : s.r[i]);
	return sum;
}

#define E(error) (500 + (error))
#define O(r0, r1) ((uint64_t)(r0) + 1000 * (uint64_t)(r1))

/* ---- Calls that cannot matter to each other ---- */

static void two_pipes(void)
{
	make_pipe(s.a, 0);
	make_pipe(s.b, 0);
	(void)put(s.a[1], sent, 2);
	(void)put(s.b[1], sent, 3);
}

static void read_a(void)
{
	s.r[0] = k_read(s.a[0], s.buf, 10);
}

static void read_b(void)
{
	s.r[1] = k_read(s.b[0], s.buf + 32, 10);
}

static void close_a(void)
{
	s.r[0] = k_close(s.a[0]);
}

static void close_b(void)
{
	s.r[1] = k_close(s.b[0]);
}

static void full_pair(void)
{
	make_pair(s.a);
	(void)put(s.a[1], sent, 4);
}

static void receive_a(void)
{
	s.r[0] = k_recvfrom(s.a[0], s.buf, 10, MSG_DONTWAIT, NULL, NULL);
}

static void send_a(void)
{
	s.r[1] = k_sendto(s.a[0], sent, 5, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

static void poll_a_in(void)
{
	s.r[0] = poll_one(s.a[0], POLLIN, 0);
}

static void empty_pair(void)
{
	make_pair(s.a);
}

static void receive_a_again(void)
{
	s.r[1] = k_recvfrom(s.a[0], s.buf, 10, MSG_DONTWAIT, NULL, NULL);
}

/* ---- Numbers ---- */

static void open_another(void)
{
	s.r[1] = k_eventfd();
}

static void two_numbers(void)
{
	make_pipe(s.a, 0);
	s.a[1] = (int)k_fcntl(s.a[0], F_DUPFD, NULL);
}

static void close_second(void)
{
	s.r[1] = k_close(s.a[1]);
}

/* Which of the two was the last to name the file. */
static uint64_t closed_last(void)
{
	const struct k_record *records;
	size_t n = k_log(&records);
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++)
		if (records[i].did == K_CLOSED && records[i].last)
			last = last * 10 + (uint64_t)records[i].thread + 1;
	return last;
}

/* ---- Calls that wait ---- */

static void empty_pipe(void)
{
	make_pipe(s.a, 0);
}

static void write_a(void)
{
	s.r[1] = put(s.a[1], sent, 1);
}

static void write_a_at_last(void)
{
	do
		s.r[1] = put(s.a[1], sent, 1);
	while (s.r[1] < 0);
}

static void poll_a_for_ever(void)
{
	s.r[0] = poll_one(s.a[0], POLLIN, LAPSE_NEVER);
}

static void poll_a_until_10(void)
{
	s.r[0] = poll_one(s.a[0], POLLIN, 10);
}

static void close_writer(void)
{
	s.r[1] = k_close(s.a[1]);
}

/* A read that waits keeps the file, though its number comes to name another. */
static void reuse_a(void)
{
	(void)k_close(s.a[0]);
	if (k_openat(AT_FDCWD, "file", O_RDONLY, 0) != s.a[0])
		x_unfit("another number");
	s.r[1] = put(s.a[1], sent, 1);
}

static void small_pipe(void)
{
	k_set_capacity(4);
	make_pipe(s.a, 0);
}

static void write_much(void)
{
	s.r[0] = k_write(s.a[1], sent, 10);
}

static void read_all(void)
{
	size_t n = 0;

	while (n < 10)
		n += (size_t)k_read(s.a[0], s.buf + n, 4);
	s.r[1] = memcmp(s.buf, sent, 10) == 0 ? (long)n : 0;
}

static void lock_setup(void)
{
	s.a[0] = (int)k_openat(AT_FDCWD, "file", O_RDONLY, 0);
	s.a[1] = (int)k_openat(AT_FDCWD, "file", O_RDONLY, 0);
	(void)k_flock(s.a[0], 2 /* LOCK_EX */);
}

static void lock_second(void)
{
	s.r[0] = k_flock(s.a[1], 2 /* LOCK_EX */);
}

static void unlock_first(void)
{
	s.r[1] = k_flock(s.a[1],
	                 2 | 4 /* LOCK_EX | LOCK_NB: the same file, so not yet or already */);
	(void)k_flock(s.a[0], 8 /* LOCK_UN */);
}

/* ---- Futexes ---- */

static void sleep_while_zero(void)
{
	while (x_load(&s.word, 4, __ATOMIC_RELAXED) == 0)
		s.r[0] = k_futex_wait(&s.word, 0, LAPSE_NEVER);
}

static void set_and_wake(void)
{
	x_store(&s.word, 4, 1, __ATOMIC_RELAXED);
	k_futex_wake(&s.word);
}

static void wake_alone(void)
{
	k_futex_wake(&s.word);
}

static void sleep_once(void)
{
	s.r[0] = k_futex_wait(&s.word, 0, LAPSE_NEVER);
}

static void sleep_until_10(void)
{
	s.r[0] = k_futex_wait(&s.word, 0, 10);
}

static void sleep_second(void)
{
	s.r[1] = k_futex_wait(&s.word, 0, 10);
}

/* ---- fork ---- */

static void become_child(void)
{
	k_become_child();
	s.r[1] = k_close(s.a[0]);
}

static uint64_t closed_any(void)
{
	return closed_last() * 100 + (uint64_t)(s.r[1] < 0 ? 500 - s.r[1] : s.r[1]);
}

/* ---- The tests ---- */

enum { OUTCOMES = 16 };

static const struct test {
	struct x_scenario scenario;
	uint64_t runs; /* 0: as many as it takes */
	int count;
	uint64_t outcomes[OUTCOMES];
	const char *broken; /* it must be found that this is */
} tests[] = {
	{{.name = "reads of two pipes", .setup = two_pipes, .threads = {read_a, read_b}},
         .runs = 1,
         .count = 1,
         .outcomes = {O(2, 3)}},
	{{.name = "closes of two numbers", .setup = two_pipes, .threads = {close_a, close_b}},
         .runs = 1,
         .count = 1,
         .outcomes = {O(0, 0)}},
	{{.name = "both directions of a socket",
          .setup = full_pair,
          .threads = {receive_a, send_a}},
         .runs = 1,
         .count = 1,
         .outcomes = {O(4, 5)}},
	{{.name = "poll for one direction, send in the other",
          .setup = full_pair,
          .threads = {poll_a_in, send_a}},
         .runs = 1,
         .count = 1,
         .outcomes = {O(POLLIN, 5)}},
	{{.name = "two reads that find nothing",
          .setup = empty_pair,
          .threads = {receive_a, receive_a_again}},
         .runs = 1,
         .count = 1,
         .outcomes = {O(E(EAGAIN), E(EAGAIN))}},
	{{.name = "two reads that find something",
          .setup = full_pair,
          .threads = {receive_a, receive_a_again}},
         .count = 2,
         .outcomes = {O(4, E(EAGAIN)), O(E(EAGAIN), 4)}},
	{{.name = "a close, and who opens", .setup = two_pipes, .threads = {close_a, open_another}},
         .count = 2,
         .outcomes = {O(0, 3), O(0, 7)}},
	{{.name = "the last of two numbers",
          .setup = two_numbers,
          .threads = {close_a, close_second},
          .outcome = closed_last},
         .count = 2,
         .outcomes = {1, 2}},
	{{.name = "a poll that looks", .setup = empty_pipe, .threads = {poll_a_in, write_a}},
         .count = 2,
         .outcomes = {O(0, 1), O(POLLIN, 1)}},
	{{.name = "a poll without a limit",
          .setup = empty_pipe,
          .threads = {poll_a_for_ever, write_a}},
         .count = 1,
         .outcomes = {O(POLLIN, 1)}},
	{{.name = "a poll with one",
          .setup = empty_pipe,
          .threads = {poll_a_until_10, write_a},
          .instants = {5, 10}},
         .count = 2,
         .outcomes = {O(0, 1), O(POLLIN, 1)}},
	{{.name = "a poll and the writer's end",
          .setup = empty_pipe,
          .threads = {poll_a_for_ever, close_writer}},
         .count = 1,
         .outcomes = {O(POLLHUP, 0)}},
	{{.name = "a poll that nobody ends", .setup = empty_pipe, .threads = {poll_a_for_ever}},
         .broken = "deadlock"},
	{{.name = "a read in flight keeps its file",
          .setup = empty_pipe,
          .threads = {read_a, reuse_a}},
         .count = 3,
         .outcomes = {O(1, 1), O(E(EBADF), E(EPIPE)), O(0, E(EPIPE))}},
	{{.name = "a write of more than fits",
          .setup = small_pipe,
          .threads = {write_much, read_all}},
         .count = 1,
         .outcomes = {O(10, 10)}},
	{{.name = "a lock that is waited for",
          .setup = lock_setup,
          .threads = {lock_second, unlock_first}},
         .count = 1,
         .outcomes = {O(0, E(EAGAIN))}},
	{{.name = "a futex: no wake is lost", .threads = {sleep_while_zero, set_and_wake}},
         .count = 2,
         .outcomes = {O(0, 0), O(E(EAGAIN), 0)}},
	{{.name = "a futex: a wake before the sleep is", .threads = {sleep_once, wake_alone}},
         .broken = "deadlock"},
	{{.name = "a futex with a limit",
          .threads = {sleep_until_10, set_and_wake},
          .instants = {5, 10}},
         .count = 3,
         .outcomes = {O(0, 0), O(E(EAGAIN), 0), O(E(ETIMEDOUT), 0)}},
	{{.name = "a wake for one of two",
          .threads = {sleep_until_10, sleep_second, wake_alone},
          .instants = {10}},
         .count = 3,
         .outcomes = {O(0, E(ETIMEDOUT)), O(E(ETIMEDOUT), 0), O(E(ETIMEDOUT), E(ETIMEDOUT))}},
	{{.name = "a child closes what its parent has too",
          .setup = empty_pipe,
          .threads = {close_a, become_child},
          .outcome = closed_any},
         .count = 2,
         .outcomes = {100 + E(EBADF), 0}},
	/* What may go wrong. */
	{{.name = "faults of recv", .setup = full_pair, .threads = {receive_a}, .faults = 1},
         .count = 6,
         .outcomes = {4, 1, 2, E(EAGAIN), E(EINTR), E(ECONNRESET)}},
	{{.name = "faults of a poll",
          .setup = empty_pipe,
          .threads = {poll_a_for_ever, write_a_at_last},
          .faults = 1},
         .count = 2,
         .outcomes = {O(POLLIN, 1), O(E(EINTR), 1)}},
	{{.name = "faults of a futex", .threads = {sleep_once, set_and_wake}, .faults = 1},
         .count = 3,
         .outcomes = {O(0, 0), O(E(EAGAIN), 0), O(E(EINTR), 0)}},
	{{.name = "faults of a close", .setup = two_pipes, .threads = {close_a}, .faults = 1},
         .count = 3,
         .outcomes = {0, E(EINTR), E(EIO)}},
	{{.name = "faults of an eventfd", .threads = {open_another}, .faults = 1},
         .count = 3,
         .outcomes = {O(0, 3), O(0, E(EMFILE)), O(0, E(ENOMEM))}},
};

static uint64_t found[OUTCOMES + 1];
static int found_count;

static void note(uint64_t o)
{
	for (int i = 0; i < found_count; i++)
		if (found[i] == o)
			return;
	if (found_count <= OUTCOMES)
		found[found_count++] = o;
}

static bool expected(const struct test *t, const struct x_report *r)
{
	if (t->broken != NULL)
		return r->verdict == X_BROKEN && strcmp(r->promise, t->broken) == 0;
	if (r->verdict != X_COMPLETED || found_count != t->count)
		return false;
	for (int i = 0; i < found_count; i++) {
		bool is_known = false;

		for (int j = 0; j < t->count; j++)
			is_known = is_known || found[i] == t->outcomes[j];
		if (!is_known)
			return false;
	}
	return true;
}

static bool passes(const struct test *t, enum x_mode mode)
{
	struct x_options o = {.mode = mode, .each = note, .seconds = 60};
	struct x_scenario scenario = t->scenario;
	struct x_report r;
	bool good;

	if (scenario.outcome == NULL)
		scenario.outcome = outcome;
	found_count = 0;
	x_explore(&scenario, &o, &r);
	good = expected(t, &r) &&
	       (t->runs == 0 || mode != X_COMPLETE || r.runs + r.blocked == t->runs);
	if (!good) {
		(void)printf("# %s: verdict %d %s %s, %d runs, outcomes",
		             mode == X_PLAIN ? "plain" : "complete", (int)r.verdict, r.promise,
		             r.message, (int)r.runs);
		for (int i = 0; i < found_count; i++)
			(void)printf(" %d", (int)found[i]);
		(void)printf("\n");
	}
	free(r.replay);
	return good;
}

int main(void)
{
	int count = (int)(sizeof tests / sizeof *tests);

	k_start();
	x_keep(&s, sizeof s);
	(void)printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		bool good = passes(&tests[i], X_COMPLETE);

		good = passes(&tests[i], X_PLAIN) && good;
		(void)printf("%s %d - %s\n", good ? "ok" : "not ok", i + 1, tests[i].scenario.name);
	}
	return 0;
}
