/* A program may end while a call that was let go is still stuck: exit(3) runs to its end, and the
 * process is gone as soon as its server answers or is. */
#include "held.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct held held;
static int report[2];

static void say_so(void)
{
	if (write(report[1], "x", 1) != 1)
		_exit(3);
}

/* In a child: be let go, and end as a program does. */
static _Noreturn void let_go_and_exit(void)
{
	held_begin(&held, held.file, held.operation);
	held_let_go(&held);
	exit(atexit(say_so) == 0 ? 0 : 1);
}

static void with_a_stuck_call(bool is_killed)
{
	int status;
	char byte;
	pid_t pid;

	/* ThreadSanitizer lets each of them wait for a second as it exits. */
	for (size_t i = 0; i < 2 * held_operation_count; i += check_is_watched() ? 7 : 1) {
		held_start(&held);
		held.file = held_files[i % 2];
		held.operation = &held_operations[i / 2];
		CHECK(pipe(report) == 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			let_go_and_exit();
		close(report[1]);
		CHECK(read(report[0], &byte, 1) == 1); /* exit has begun */
		held_is_unanswered(&held);
		if (is_killed)
			fixture_kill(&held.fixture);
		else
			fixture_release(&held.fixture);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		close(report[0]);
		held_stop(&held);
	}
}

static void answered_afterwards(void **state)
{
	(void)state;
	with_a_stuck_call(false);
}

static void killed_afterwards(void **state)
{
	(void)state;
	with_a_stuck_call(true);
}

static const struct check checks[] = {
	{TEST(answered_afterwards)},
	{TEST(killed_afterwards)},
};
CHECK_MAIN(checks)
