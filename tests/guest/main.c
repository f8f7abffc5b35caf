/* Runs the exercise between two snapshots, which must be the same.
 *
 * usage: main [blocked] [fork] [COMMAND...]   with all signals blocked; then in a child and at the
 *                                             same time in its parent; and become a command */
#include "exercise.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void exercise_all(void)
{
	struct snapshot *before = snapshot_take();

	for (int i = 0; i < 3; i++) {
		exercise_sockets();
		exercise_threads();
	}
	snapshot_compare(before);
}

static void exercise_in_both(void)
{
	pid_t pid = fork();
	int status;

	exercise_all();
	if (pid == 0)
		_exit(0);
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	sigset_t all;

	(void)argc;
	argv++;
	if (*argv != NULL && strcmp(*argv, "blocked") == 0) {
		argv++;
		sigfillset(&all);
		EXPECT(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	}
	exercise_all();
	if (*argv != NULL && strcmp(*argv, "fork") == 0) {
		argv++;
		exercise_in_both();
	}
	if (*argv != NULL)
		EXPECT(execvp(*argv, argv) == 0);
	return 0;
}
