/* Promise 10, any function: what lapse_call_detached runs is let go when time is up. The slow things
 * are functions that read from a pipe which the test holds. */
#include "check.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a function is given: the test's side of it is reached through pointers and descriptors, the
 * rest is a copy. */
struct work {
	int gate; /* waits for a byte from here; -1: does not wait */
	long result;
	int error; /* set errno to this */
	atomic_int *ran;
	char data[32];
};

static struct {
	atomic_int count;
	long result;
	char data[32];
} late_seen;

static long run_work(void *arg)
{
	struct work *w = arg;
	char byte;

	atomic_fetch_add(w->ran, 1);
	if (w->gate >= 0 && read(w->gate, &byte, 1) != 1)
		check_die("the gate broke");
	strcpy(w->data, "changed");
	errno = w->error;
	return w->result;
}

static void note_late(void *arg, long result)
{
	struct work *w = arg;

	late_seen.result = result;
	memcpy(late_seen.data, w->data, sizeof w->data);
	atomic_fetch_add(&late_seen.count, 1);
}

/* For several at once. */
static void count_late(void *arg, long result)
{
	(void)arg;
	if (result != 5)
		check_die("late is told %ld", result);
	atomic_fetch_add(&late_seen.count, 1);
}

static void await_count(atomic_int *count, int n)
{
	while (atomic_load(count) < n)
		(void)lapse_sleep_until(lapse_in(LAPSE_MS));
}

static void gate_make(int gate[2])
{
	CHECK(pipe(gate) == 0);
	atomic_store(&late_seen.count, 0);
}

static void gate_close(int gate[2])
{
	close(gate[0]);
	close(gate[1]);
}

static void gate_open(int gate[2], size_t n)
{
	CHECK(write(gate[1], "xxxxxxxx", n) == (ssize_t)n);
}

/* One more in a thread of its own. */
struct caller {
	struct call call;
	struct work work;
	lapse_time deadline;
	_Atomic lapse_scope_id id;
};

static intptr_t call_work(struct call *c)
{
	struct caller *caller = (struct caller *)c;
	lapse_scope scope;
	long r;

	lapse_scope_enter(&scope, caller->deadline);
	atomic_store(&caller->id, lapse_scope_share(&scope));
	r = lapse_call_detached(run_work, &caller->work, sizeof caller->work, count_late);
	c->error = errno;
	(void)lapse_scope_leave(&scope);
	errno = c->error;
	return r;
}

static void caller_block(struct caller *c, lapse_time deadline, int gate, atomic_int *ran)
{
	*c = (struct caller){.work = {.gate = gate, .result = 5, .ran = ran}, .deadline = deadline};
	call_block(&c->call, call_work);
}

/* ---- In time ---- */

static void result_and_copy_come_back(void **state)
{
	static const long results[] = {0, 1, -2, LONG_MAX, LONG_MIN};
	atomic_int ran = 0;
	struct work w = {.gate = -1, .ran = &ran};

	(void)state;
	for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
		w.result = results[i];
		w.error = EXDEV;
		strcpy(w.data, "as it was");
		errno = ESRCH;
		CHECK(lapse_call_detached(run_work, &w, sizeof w, NULL) == results[i]);
		CHECK(errno == ESRCH);
		CHECK(strcmp(w.data, "changed") == 0);
	}
	w.result = -1;
	CHECK_ERR(lapse_call_detached(run_work, &w, sizeof w, NULL), EXDEV);
	CHECK(atomic_load(&ran) == 6);
}

static long return_arg(void *arg)
{
	return (long)arg;
}

static long invert(void *arg)
{
	size_t n = *(size_t *)arg;

	for (size_t i = sizeof n; i < n; i++)
		((char *)arg)[i] ^= 0x55;
	return (long)n;
}

/* Nothing to copy: the pointer itself. */
static void any_size(void **state)
{
	static const size_t sizes[] = {sizeof(size_t), 4096, 256 << 10, (256 << 10) + 1, 9 << 20};
	long here = 0;
	char *page;

	(void)state;
	CHECK(lapse_call_detached(return_arg, NULL, 0, NULL) == 0);
	CHECK(lapse_call_detached(return_arg, &here, 0, NULL) == (long)&here);
	CHECK(lapse_call_detached(return_arg, &here, sizeof here, NULL) != (long)&here);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = malloc(sizes[i]);

		memset(block, 0x0f, sizes[i]);
		memcpy(block, &sizes[i], sizeof sizes[i]);
		CHECK(lapse_call_detached(invert, block, sizes[i], NULL) == (long)sizes[i]);
		for (size_t k = sizeof sizes[i]; k < sizes[i]; k++)
			if (block[k] != 0x5a)
				check_die("byte %zu of %zu", k, sizes[i]);
		free(block);
	}
	CHECK_ERR(lapse_call_detached(return_arg, &here, SIZE_MAX, NULL), ENOMEM);
	CHECK_ERR(lapse_call_detached(return_arg, &here, SIZE_MAX / 2, NULL), ENOMEM);
	CHECK_ERR(lapse_call_detached(return_arg, &here, (size_t)1 << 46, NULL), ENOMEM);
	CHECK_ERR(lapse_call_detached(return_arg, NULL, 1, NULL), EFAULT);
	CHECK_ERR(lapse_call_detached(return_arg, (void *)-4096, 1, NULL), EFAULT);
	CHECK_ERR(lapse_call_detached(NULL, &here, sizeof here, NULL), EFAULT);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && munmap(page + 4096, 4096) == 0);
	CHECK_ERR(lapse_call_detached(return_arg, page + 4000, 200, NULL), EFAULT);
	CHECK(munmap(page, 4096) == 0);
}

static void check_signals_blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (int signo = 1; signo < 32; signo++)
		if (signo != SIGKILL && signo != SIGSTOP && sigismember(&set, signo) != 1)
			check_die("signal %d is not blocked", signo);
}

static long look_around(void *arg)
{
	check_signals_blocked();
	return pthread_equal(*(pthread_t *)arg, pthread_self());
}

static void another_thread_without_signals(void **state)
{
	pthread_t me = pthread_self();

	(void)state;
	CHECK(lapse_call_detached(look_around, &me, sizeof me, NULL) == 0);
}

/* ---- Too late ---- */

/* Let it go while it runs: where it did not get so far it is tried with more time. */
static void let_go(struct work *w, void (*late)(void *arg, long result))
{
	int before = atomic_load(w->ran);
	int64_t time = 20 * LAPSE_MS;

	while (atomic_load(w->ran) == before) {
		lapse_time deadline = lapse_in(time);
		lapse_scope scope;

		lapse_scope_enter(&scope, deadline);
		CHECK_ERR(lapse_call_detached(run_work, w, sizeof *w, late), LAPSE_EXPIRED);
		CHECK(lapse_now() >= deadline);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		time *= 2;
	}
}

static void let_go_and_late(void **state)
{
	atomic_int ran = 0;
	int gate[2];
	struct work w;

	(void)state;
	gate_make(gate);
	w = (struct work){.gate = gate[0], .result = 77, .ran = &ran, .data = "mine"};
	let_go(&w, note_late);
	CHECK(atomic_load(&late_seen.count) == 0);
	gate_open(gate, 1);
	await_count(&late_seen.count, 1);
	CHECK(late_seen.result == 77 && strcmp(late_seen.data, "changed") == 0);
	CHECK(strcmp(w.data, "mine") == 0);
	/* Nobody to tell is fine too; and what ends in time is not late. */
	let_go(&w, NULL);
	gate_open(gate, 2);
	CHECK(lapse_call_detached(run_work, &w, sizeof w, note_late) == 77);
	CHECK(atomic_load(&late_seen.count) == 1);
	gate_close(gate);
}

static void passed_before_it_began(void **state)
{
	atomic_int ran = 0;
	struct work w = {.gate = -1, .ran = &ran};
	lapse_scope scope;

	(void)state;
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK_ERR(lapse_call_detached(run_work, &w, sizeof w, note_late), LAPSE_EXPIRED);
	(void)lapse_scope_leave(&scope);
	lapse_scope_enter(&scope, LAPSE_NEVER);
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK_ERR(lapse_call_detached(run_work, &w, sizeof w, note_late), ECANCELED);
	(void)lapse_scope_leave(&scope);
	CHECK(atomic_load(&ran) == 0);
}

static void moved_and_canceled_meanwhile(void **state)
{
	atomic_int ran = 0;
	int gate[2];
	struct caller c;
	lapse_time deadline;

	(void)state;
	gate_make(gate);
	caller_block(&c, LAPSE_NEVER, gate[0], &ran);
	await_count(&ran, 1);
	CHECK(lapse_scope_cancel(atomic_load(&c.id)) == 0);
	CHECK_CALL(&c.call, -1, ECANCELED);
	caller_block(&c, LAPSE_NEVER, gate[0], &ran);
	await_count(&ran, 2);
	CHECK(lapse_scope_move(atomic_load(&c.id), lapse_in(0)) == 0);
	CHECK_CALL(&c.call, -1, LAPSE_EXPIRED);
	deadline = lapse_in(LAPSE_S);
	caller_block(&c, deadline, gate[0], &ran);
	await_count(&ran, 3);
	CHECK(lapse_scope_move(atomic_load(&c.id), deadline + 50 * LAPSE_MS) == 0);
	call_join(&c.call);
	CHECK_CALL(&c.call, -1, LAPSE_EXPIRED);
	CHECK(c.call.ended >= deadline + 50 * LAPSE_MS);
	caller_block(&c, lapse_in(3600 * LAPSE_S), gate[0], &ran);
	CHECK(lapse_scope_move(atomic_load(&c.id), LAPSE_NEVER) == 0);
	gate_open(gate, 4);
	CHECK_CALL(&c.call, 5, 0);
	await_count(&late_seen.count, 3);
	CHECK(atomic_load(&ran) == 4);
	gate_close(gate);
}

/* ---- The threads ---- */

static void withdrawn_while_all_are_busy(void **state)
{
	atomic_int ran = 0;
	atomic_int never = 0;
	int gate[2];
	struct caller busy;
	struct work w;
	lapse_scope scope;

	(void)state;
	CHECK(lapse_use_threads(1) == 0);
	gate_make(gate);
	caller_block(&busy, LAPSE_NEVER, gate[0], &ran);
	await_count(&ran, 1);
	w = (struct work){.gate = -1, .ran = &never};
	lapse_scope_enter(&scope, lapse_in(30 * LAPSE_MS));
	CHECK_ERR(lapse_call_detached(run_work, &w, sizeof w, note_late), LAPSE_EXPIRED);
	(void)lapse_scope_leave(&scope);
	gate_open(gate, 1);
	CHECK_CALL(&busy.call, 5, 0);
	/* First come, first served: had it been in the queue it would have run by now. */
	w.ran = &ran;
	CHECK(lapse_call_detached(run_work, &w, sizeof w, NULL) == 0);
	CHECK(atomic_load(&never) == 0 && atomic_load(&late_seen.count) == 0);
	CHECK(lapse_use_threads(64) == 0);
	gate_close(gate);
}

/* A thread that hangs in what was let go is busy; more are allowed, and whoever waits goes on. */
static void limit_is_raised(void **state)
{
	atomic_int ran = 0;
	int gate[2];
	struct caller busy;
	struct caller waiting;

	(void)state;
	CHECK(lapse_use_threads(1) == 0);
	gate_make(gate);
	caller_block(&busy, LAPSE_NEVER, gate[0], &ran);
	await_count(&ran, 1);
	CHECK(lapse_scope_cancel(atomic_load(&busy.id)) == 0);
	CHECK_CALL(&busy.call, -1, ECANCELED);
	caller_block(&waiting, LAPSE_NEVER, -1, &ran);
	CHECK(atomic_load(&ran) == 1);
	CHECK(lapse_use_threads(2) == 0);
	CHECK_CALL(&waiting.call, 5, 0);
	CHECK_ERR(lapse_use_threads(0), EINVAL);
	CHECK_ERR(lapse_use_threads(-1), EINVAL);
	gate_open(gate, 1);
	await_count(&late_seen.count, 1);
	CHECK(lapse_use_threads(64) == 0);
	gate_close(gate);
}

static struct {
	atomic_int now, most;
} at_once;

/* Stays until so many have been there together. */
static long count_at_once(void *arg)
{
	int now = atomic_fetch_add(&at_once.now, 1) + 1;
	int most = atomic_load(&at_once.most);

	while (most < now && !atomic_compare_exchange_weak(&at_once.most, &most, now))
		;
	while (atomic_load(&at_once.most) < (long)arg)
		(void)lapse_sleep_until(lapse_in(LAPSE_MS));
	(void)lapse_sleep_until(lapse_in(LAPSE_MS)); /* for more to come, if they may */
	atomic_fetch_sub(&at_once.now, 1);
	return 3;
}

enum { CALLERS = 200, THREADS = 4 };

static intptr_t count_in_pool(struct call *c)
{
	(void)c;
	return lapse_call_detached(count_at_once, (void *)THREADS, 0, NULL);
}

static void bound_is_kept(void **state)
{
	static struct call calls[CALLERS];

	(void)state;
	CHECK(lapse_use_threads(THREADS) == 0);
	atomic_store(&at_once.most, 0);
	memset(calls, 0, sizeof calls);
	for (int i = 0; i < CALLERS; i++)
		call_start(&calls[i], count_in_pool);
	for (int i = 0; i < CALLERS; i++)
		CHECK_CALL(&calls[i], 3, 0);
	CHECK(atomic_load(&at_once.most) == THREADS);
	CHECK(lapse_use_threads(64) == 0);
}

static int thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int threads_before;

static void idle_threads_end(void **state)
{
	(void)state;
	CHECK(lapse_call_detached(count_at_once, NULL, 0, NULL) == 3);
	CHECK(thread_count() > threads_before);
	while (thread_count() > threads_before)
		(void)lapse_sleep_until(lapse_in(10 * LAPSE_MS));
	CHECK(lapse_call_detached(count_at_once, NULL, 0, NULL) == 3);
	CHECK(lapse_use_threads(1) == 0); /* those above the limit at once */
	CHECK(lapse_use_threads(64) == 0);
}

/* ---- What fn may do ---- */

static long use_lapse(void *arg)
{
	lapse_fd *ends = arg;
	lapse_scope scope;
	char byte;

	lapse_scope_enter(&scope, lapse_in(20 * LAPSE_MS));
	if (lapse_read(ends[0], &byte, 1) != -1 || errno != LAPSE_EXPIRED)
		check_die("the read did not expire");
	/* Not left: the frame it lies in is gone soon. */
	return lapse_write(ends[1], "x", 1) == -1 && errno == LAPSE_EXPIRED ? 1 : 0;
}

static long nest(void *arg)
{
	return arg == NULL ? 11 : lapse_call_detached(nest, NULL, 0, NULL);
}

static void fn_may_use_lapse(void **state)
{
	lapse_fd ends[2];

	(void)state;
	CHECK(lapse_use_threads(1) == 0); /* the same thread again */
	pair_make("pipe", ends);
	CHECK(lapse_call_detached(use_lapse, ends, sizeof ends, NULL) == 1);
	CHECK(lapse_call_detached(use_lapse, ends, sizeof ends, NULL) == 1);
	pair_close(ends);
	CHECK(lapse_use_threads(64) == 0);
	CHECK(lapse_call_detached(nest, &ends, 0, NULL) == 11);
}

static long end_thread(void *arg)
{
	(void)arg;
	pthread_exit(NULL);
}

static void late_ends_thread(void *arg, long result)
{
	note_late(arg, result);
	pthread_exit(NULL);
}

static void fn_may_end_its_thread(void **state)
{
	atomic_int ran = 0;
	int gate[2];
	struct work w;

	(void)state;
	CHECK(lapse_use_threads(1) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK_ERR(lapse_call_detached(end_thread, NULL, 0, NULL), ECANCELED);
		CHECK(lapse_call_detached(return_arg, NULL, 0, NULL) == 0);
	}
	gate_make(gate);
	w = (struct work){.gate = gate[0], .result = 1, .ran = &ran};
	let_go(&w, late_ends_thread);
	gate_open(gate, 1);
	CHECK(lapse_call_detached(return_arg, NULL, 0, NULL) == 0);
	CHECK(atomic_load(&late_seen.count) == 1);
	CHECK(lapse_use_threads(64) == 0);
	gate_close(gate);
}

static const struct check checks[] = {
	{TEST(result_and_copy_come_back)},
	{TEST(any_size)},
	{TEST(another_thread_without_signals)},
	{TEST(let_go_and_late)},
	{TEST(passed_before_it_began)},
	{TEST(moved_and_canceled_meanwhile)},
	{TEST(withdrawn_while_all_are_busy)},
	{TEST(limit_is_raised)},
	{TEST(bound_is_kept)},
	{TEST(fn_may_use_lapse)},
	{TEST(fn_may_end_its_thread)},
	{TEST(idle_threads_end)},
};

int main(int argc, char **argv)
{
	/* ThreadSanitizer has one of its own, from the first that is made. */
	threads_before = thread_count() + check_threads_are_watched();
	return check_main(argc, argv, checks, sizeof checks / sizeof *checks);
}
