/* Where no deadline is in force a call on a file is the system call itself: it lasts as long as the
 * server takes, in the caller's own thread, and gives what the kernel gives. */
#include "held.h"

#include <string.h>
#include <time.h>

static struct held held;

/* A thread that was joined is gone from the list only a moment later. */
static void await_threads(int count)
{
	static const struct timespec pause = {0, 100000};

	while (held_thread_count() > count)
		nanosleep(&pause, NULL); /* and no event tells of it */
}

static intptr_t do_nothing(struct call *c)
{
	(void)c;
	return 0;
}

/* How many there are between the tests: ThreadSanitizer adds one with the first. */
static int settled_threads(void)
{
	struct call c = {.n = 0};

	call_start(&c, do_nothing);
	call_join(&c);
	await_threads(check_threads_are_watched() ? 2 : 1);
	return held_thread_count();
}

static void lasts_as_long_as_it_takes(void **state)
{
	int threads = settled_threads();

	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		await_threads(threads);
		held_block(&held);
		CHECK(!call_is_done(&held.call) && held_thread_count() == threads + 1);
		fixture_release(&held.fixture);
		held_was_good(&held);
		held_end(&held);
		held_stop(&held);
	}
}

/* A scope without an end that nobody else can move is no deadline either. */
static void within_an_endless_scope(void **state)
{
	lapse_scope scope;
	int threads = settled_threads();

	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		fixture_release(&held.fixture);
		lapse_scope_enter(&scope, LAPSE_NEVER);
		held_run(&held);
		held_was_good(&held);
		CHECK(lapse_scope_leave(&scope) == 0 && held_thread_count() == threads);
		held_end(&held);
		held_stop(&held);
	}
}

static void gives_the_kernels_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * held_operation_count; i++) {
		held_start(&held);
		held_begin(&held, held_files[i % 2], &held_operations[i / 2]);
		fixture_fail(&held.fixture, held.operation->op, ENOLINK);
		fixture_release(&held.fixture);
		held_run(&held);
		/* The page cache has one error for all. */
		if (held.call.result != -1 ||
		    (held.call.error != ENOLINK && held.call.error != EIO))
			fail_msg("%s of %s: got %ld (%s)", held.operation->name, held.file,
			         (long)held.call.result, strerror(held.call.error));
		held_end(&held);
		held_stop(&held);
	}
}

static const struct check checks[] = {
	{TEST(lasts_as_long_as_it_takes)},
	{TEST(within_an_endless_scope)},
	{TEST(gives_the_kernels_error)},
};
CHECK_MAIN(checks)
