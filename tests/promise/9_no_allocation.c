/* Promise 9 in memory: once a handle and its sleepers exist, no operation on it allocates, maps or
 * leaves anything. This program's malloc and its kin count the calls that are made while a thread
 * is inside lapse. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* Volatile, or the compiler knows that malloc does not look at it. */
static _Thread_local volatile bool is_inside;
static atomic_int allocations;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static void count_allocation(void)
{
	if (is_inside)
		atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size)
{
	count_allocation();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	count_allocation();
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	count_allocation();
	return __libc_realloc(old, size);
}

/* The mappings of the process, as text: the library may map memory without asking libc. */
static size_t maps_read(char *text, size_t size)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	while ((n = read(fd, text + done, size - 1 - done)) > 0)
		done += (size_t)n;
	close(fd);
	text[done] = '\0';
	return done;
}

/* The operation again and again in a thread of its own, until it is told to stop. */
struct repeater {
	struct call call;
	atomic_bool stop;
	atomic_int count;
};

static void *repeat(void *arg)
{
	struct repeater *r = arg;

	is_inside = true;
	while (!atomic_load(&r->stop)) {
		if (r->call.run(&r->call) == -1 && errno != LAPSE_EXPIRED && errno != ECANCELED)
			check_die("errno %d", errno);
		atomic_fetch_add(&r->count, 1);
	}
	is_inside = false;
	return NULL;
}

/* Let each of the threads come round a few times, with everything that can happen on the way. */
static void disturb(lapse_fd fd, struct repeater r[2], int rounds)
{
	int until[2] = {atomic_load(&r[0].count) + rounds, atomic_load(&r[1].count) + rounds};

	is_inside = true;
	for (int i = 0; atomic_load(&r[0].count) < until[0] || atomic_load(&r[1].count) < until[1];
	     i++) {
		lapse_scope scope;

		lapse_scope_enter(&scope, lapse_in(20 * LAPSE_US));
		(void)lapse_set_deadline(fd, i % 3 == 0 ? LAPSE_NEVER : lapse_in(LAPSE_US * i));
		(void)lapse_cancel(fd, i % 4);
		(void)lapse_set_idle(fd, LAPSE_READ | LAPSE_WRITE, i % 5 * LAPSE_US);
		/* Past the scope's deadline, so that this ends by it. */
		(void)lapse_sleep_until(lapse_in(30 * LAPSE_US));
		(void)lapse_scope_leave(&scope);
	}
	is_inside = false;
}

static void operations_need_none(void **state)
{
	enum { MAPS_SIZE = 65536 };
	char *before = malloc(MAPS_SIZE), *after = malloc(MAPS_SIZE);
	pthread_t thread[2];
	struct repeater r[2];
	struct subject s;

	subject_open(&s, *state);
	for (int i = 0; i < 2; i++) {
		subject_prepare(&s, &r[i].call);
		r[i].call.buf = r[i].call.own;
		atomic_init(&r[i].stop, false);
		atomic_init(&r[i].count, 0);
		CHECK(pthread_create(&thread[i], NULL, repeat, &r[i]) == 0);
	}
	/* The first rounds make what the threads sleep on. */
	disturb(s.fd, r, 3);
	atomic_store(&allocations, 0);
	(void)maps_read(before, MAPS_SIZE);
	disturb(s.fd, r, check_count(50));
	(void)maps_read(after, MAPS_SIZE);
	CHECK(atomic_load(&allocations) == 0);
	CHECK(strcmp(before, after) == 0);
	for (int i = 0; i < 2; i++) {
		atomic_store(&r[i].stop, true);
		while (pthread_tryjoin_np(thread[i], NULL) != 0)
			(void)lapse_set_deadline(s.fd, 0);
	}
	subject_close(&s);
	free(before);
	free(after);
}

/* The counters do count. */
static void counting_works(void **state)
{
	void *volatile p;

	(void)state;
	atomic_store(&allocations, 0);
	is_inside = true;
	p = malloc(1);
	p = realloc(p, 100);
	is_inside = false;
	free(p);
	CHECK(atomic_load(&allocations) == 2);
}

static bool is_no_connection(const struct where *where)
{
	return !where->operation->is_connection;
}

static const struct check checks[] = {
	{TEST(counting_works)},
	{TEST_OPERATIONS(operations_need_none, is_no_connection)},
};
CHECK_MAIN(checks)

#else

static void cannot_count(void **state)
{
	(void)state;
	check_skip("this malloc cannot be replaced under a sanitizer or without glibc");
}

static const struct check checks[] = {{TEST(cannot_count)}};
CHECK_MAIN(checks)

#endif
