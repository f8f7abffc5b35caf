/* A thread that goes round for ever without a step would stop the search without a word: a timer of
 * processor time looks whether there was any progress. Owns SIGVTALRM while a search is on. */
#include "engine/internal.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE = 5 }; /* seconds of processor time */

static volatile uint64_t progress;
static volatile uint64_t seen;
static volatile int idle;

void x_progress(void)
{
	progress++;
}

static void on_alarm(int signal)
{
	static const char text[] =
		"unfit: a thread has gone on for 5 seconds without a step: an endless loop?\n";

	(void)signal;
	idle = progress == seen ? idle + 1 : 0;
	seen = progress;
	if (idle < PATIENCE)
		return;
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(3); /* nothing can be said of the rest either */
}

void x_watch(bool on)
{
	struct itimerval each = {{on, 0}, {on, 0}};

	idle = 0;
	(void)sigaction(SIGVTALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &each, NULL);
}
