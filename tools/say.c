/* Messages, and the dump that SIGUSR1 asks for. Owns SIGUSR1 and the thread that waits for it. */
#include "cli.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void say(const char *command, const char *format, ...)
{
	va_list args;

	flockfile(stderr);
	fprintf(stderr, "%s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

static void *dump_again_and_again(void *arg)
{
	sigset_t *usr1 = arg;

	for (;;) {
		if (sigwaitinfo(usr1, NULL) == SIGUSR1)
			lapse_dump(STDERR_FILENO);
	}
	return NULL;
}

/* A thread that waits for the signal, because lapse may not be called by a handler. */
void dump_on_signal(const struct options *options)
{
	static sigset_t usr1;
	pthread_t thread;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	int error = pthread_create(&thread, NULL, dump_again_and_again, &usr1);
	if (error) {
		say(options->command, "cannot start a thread: %s", strerror(error));
		exit(options->failed);
	}
	pthread_detach(thread);
}

void die_if_broken_pipe(int error)
{
	if (error == EPIPE)
		raise(SIGPIPE);
}
