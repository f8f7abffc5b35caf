/* A command in a process group of its own, to which the terminal is handed if we had it. Owns the
 * process until it is reaped, and who has the terminal meanwhile; says nothing, waits for nothing. */
#ifndef LAPSE_TOOLS_JOB_H
#define LAPSE_TOOLS_JOB_H

#include "cli.h"

#include <signal.h>

struct job {
	pid_t pid; /* of the command, and of the group */
	int pidfd; /* -1: the kernel has none */
	int status;
	bool ended;   /* it was reaped, with that status */
	int stopped;  /* the signal that stopped it, or 0 */
	int terminal; /* -1: we have none */
	bool wants;   /* the terminal, whenever we are in the foreground */
	bool given;   /* it has it */
	bool typed;   /* it had it when it ended */
	int failed; /* sysfd on which the child tells the errno of its exec; ends when it succeeds */
	sigset_t mask; /* with which we were started, and the command is */
	bool deaf;     /* we were started with SIGCHLD ignored, and the command is */
};

/* First of all, and before any thread is started: what the command is to inherit. Blocks those of
 * signals that are not ignored, so that they can be read. */
void job_prepare(struct job *job, sigset_t *signals);

/* Start it; output: what is to be its standard output and error, or both -1. 0, or -1 with errno. */
int job_start(struct job *job, char **program, const int output[2]);

/* To the whole group, -1 with ESRCH if it is gone. Signal 0 only looks. */
int job_signal(const struct job *job, int signal);

/* Take what wait(2) has to say, without waiting: sets ended and status, or stopped. */
void job_reap(struct job *job);

/* Hand it the terminal if we have that; whether it was handed over. A shell may give it to us again when
 * we already have handed it on: each process of a pipeline does so as it starts. */
bool job_give_terminal(struct job *job);

/* Take the terminal back, if it has it. */
void job_take_terminal(struct job *job);

/* Stop with our whole group as a terminal's stop key would. False: nobody could have continued us, and
 * we have not stopped. */
bool job_stop_us(int signal);

/* Execute in our place, with the signal mask; returns only if it cannot, with the errno. */
int program_execute(char **program, const sigset_t *mask);

/* Say why it cannot be executed; the exit status, as of the shell. */
int program_report(const struct options *options, int error);

/* End as the command did: die of a signal if it did, without a core of ours. An exit status. */
int program_end(int status, bool typed);

#endif
