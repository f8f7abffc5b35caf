/* What tests/interrupt/single_step does, where there are breakpoints only (breakpoints.c): what ends a
 * call, or only wakes it, at the instructions of the library that the call passes.
 *
 * usage: cross_step [all]    all: at each, not one in a few where the way leads past the handler */
#include "step_targets.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct row {
	const struct step_target *(*make)(void);
	enum step_event event;
	enum step_ending ending;
	int stride; /* 1 where the way leads through the handler */
};

enum { FEW = 23 };

static const struct row rows[] = {
	{target_flock, STEP_CANCEL, STEP_GRANT, FEW},
	{target_flock, STEP_EXPIRE, STEP_GRANT, FEW},
	{target_flock, STEP_UNPARK, STEP_END_CANCEL, 1},
	{target_flock, STEP_NESTED, STEP_GRANT, FEW},
	{target_flock, STEP_FOREIGN, STEP_GRANT, FEW},
	{target_waitpid, STEP_CANCEL, STEP_GRANT, FEW},
	{target_waitpid, STEP_EXPIRE, STEP_GRANT, FEW},
	{target_waitpid, STEP_UNPARK, STEP_END_CANCEL, FEW},
	{target_call_nanosleep, STEP_CANCEL, STEP_END_CANCEL, FEW},
	{target_call_nanosleep, STEP_EXPIRE, STEP_END_CANCEL, FEW},
	{target_call_read, STEP_CANCEL, STEP_GRANT, FEW},
	{target_call_read, STEP_EXPIRE, STEP_GRANT, FEW},
	{target_call_read, STEP_UNPARK, STEP_END_CANCEL, 1},
	{target_call_read, STEP_NESTED, STEP_GRANT, FEW},
};

static void run(const struct row *row, bool is_all)
{
	const struct step_target *target = row->make();
	struct step_result r;

	step_start(SA_RESTART);
	r = step_through(target, row->event, row->ending, is_all ? 1 : row->stride);
	printf("# %s, %s: %d of %d chosen of %d instructions, %d runs once more; the signal came "
	       "in %d, %d times into the gap\n",
	       target->name, step_event_names[row->event], r.stepped, r.wanted, r.length, r.again,
	       r.sent, r.inside);
	(void)fflush(stdout);
	if (!step_met_enough(&r))
		step_die("only %d of %d instructions", r.stepped, r.wanted);
	if (row->event != STEP_FOREIGN && r.sent == 0)
		step_die("no signal ever came");
}

/* Each in a process of its own. */
int main(int argc, char **argv)
{
	bool is_all = argc > 1 && strcmp(argv[1], "all") == 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			run(&rows[i], is_all);
			exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			step_die("row %zu: status %#x", i, (unsigned)status);
	}
	return 0;
}
