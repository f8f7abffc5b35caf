/* For strace: the exercise between two system calls that nobody else makes. The first round is for
 * what the library needs to begin with; what follows is the steady state.
 *
 * usage: syscalls sockets|threads */
#include "exercise.h"

#include <string.h>
#include <unistd.h>

enum { ROUNDS = 20 };

int main(int argc, char **argv)
{
	void (*exercise)(void) = exercise_sockets;

	if (argc > 1 && strcmp(argv[1], "threads") == 0)
		exercise = exercise_threads;
	(void)getpgid(-1001);
	exercise();
	(void)getpgid(-1002);
	for (int i = 0; i < ROUNDS; i++)
		exercise();
	(void)getpgid(-1003);
	return 0;
}
