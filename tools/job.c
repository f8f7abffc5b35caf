/* A command in a process group of its own, see job.h. Owns nothing beyond struct job. */
#include "job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/pidfd.h, Linux 6.9. */
enum {
	SIGNAL_PROCESS_GROUP = 1 << 2,
};

static bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

/* A signal that is blocked is queued even if it is ignored: those that are must not be looked for. */
void job_prepare(struct job *job, sigset_t *signals)
{
	*job = (struct job){.pid = -1, .pidfd = -1, .failed = -1};
	job->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	/* Somebody else in a pipeline may be reading keys: then only when it asks for them. */
	job->wants = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	/* Children that are ignored leave no status. */
	job->deaf = is_ignored(SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	for (int signal = 1; signal < NSIG; signal++) {
		if (sigismember(signals, signal) == 1 && is_ignored(signal))
			sigdelset(signals, signal);
	}
	pthread_sigmask(SIG_BLOCK, signals, &job->mask);
}

/* Setting the terminal's group from the background stops whoever does not hold this signal back. Only
 * here: output of a background job is to be stopped by it as ever. */
static int set_terminal(int terminal, pid_t group)
{
	sigset_t background, mask;

	sigemptyset(&background);
	sigaddset(&background, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &background, &mask);
	int result = tcsetpgrp(terminal, group);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return result;
}

static bool in_foreground(const struct job *job)
{
	return job->terminal >= 0 && tcgetpgrp(job->terminal) == getpgrp();
}

int program_execute(char **program, const sigset_t *mask)
{
	pthread_sigmask(SIG_SETMASK, mask, NULL);
	execvp(program[0], program);
	return errno;
}

/* The child's part, up to exec: system calls only, since other threads do not exist here. */
static _Noreturn void become(const struct job *job, char **program, const int output[2], int failed)
{
	setpgid(0, 0);
	if (job->given)
		set_terminal(job->terminal, getpid());
	for (int i = 0; i < 2; i++) {
		if (output[i] >= 0)
			dup2(output[i], STDOUT_FILENO + i);
	}
	if (job->deaf)
		signal(SIGCHLD, SIG_IGN);
	int error = program_execute(program, &job->mask);
	ssize_t told = write(failed, &error, sizeof error);
	_exit(told == sizeof error ? STATUS_NOT_FOUND : STATUS_OURS);
}

int job_start(struct job *job, char **program, const int output[2])
{
	int failed[2];

	if (pipe2(failed, O_CLOEXEC))
		return -1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	job->given = job->wants && in_foreground(job);
	job->pid = fork();
	if (job->pid < 0) {
		int error = errno;
		close(failed[0]);
		close(failed[1]);
		errno = error;
		return -1;
	}
	if (!job->pid)
		become(job, program, output, failed[1]);
	/* The child does it too: whoever comes first. */
	setpgid(job->pid, job->pid);
	close(failed[1]);
	job->failed = failed[0];
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	return 0;
}

/* By the pidfd where that can be done: once the command was reaped, its number may become another
 * group's. */
int job_signal(const struct job *job, int signal)
{
	if (job->pidfd >= 0) {
		if (!syscall(SYS_pidfd_send_signal, job->pidfd, signal, NULL, SIGNAL_PROCESS_GROUP))
			return 0;
		if (errno == ESRCH)
			return -1;
	}
	return kill(-job->pid, signal);
}

/* Orphans come to us too, so that we see their group become empty. */
void job_reap(struct job *job)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != job->pid)
			continue;
		if (WIFSTOPPED(status)) {
			job->stopped = WSTOPSIG(status);
			continue;
		}
		job->ended = true;
		job->status = status;
		job->typed = job->given && tcgetpgrp(job->terminal) == job->pid;
	}
}

bool job_give_terminal(struct job *job)
{
	if (!in_foreground(job) || set_terminal(job->terminal, job->pid))
		return false;
	job->given = job->wants = true;
	return true;
}

void job_take_terminal(struct job *job)
{
	if (job->given)
		set_terminal(job->terminal, getpgrp());
	job->given = false;
}

/* What continues us stays pending, if it was blocked; that tells whether we have stopped. */
bool job_stop_us(int signal)
{
	sigset_t stop, mask, pending;

	sigemptyset(&stop);
	sigaddset(&stop, signal);
	kill(0, signal);
	pthread_sigmask(SIG_UNBLOCK, &stop, &mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigpending(&pending);
	return sigismember(&pending, SIGCONT) == 1;
}

int program_report(const struct options *options, int error)
{
	say(options->command, "%s: %s", options->program[0], strerror(error));
	return error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

int program_end(int status, bool typed)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);

	static const struct rlimit none;
	sigset_t signals;
	int signal_number = WTERMSIG(status);

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(signal_number, SIG_DFL);
	/* A key at the terminal is meant for all of a pipeline or a script, not for the command alone. */
	if (typed && (signal_number == SIGINT || signal_number == SIGQUIT))
		kill(0, signal_number);
	sigemptyset(&signals);
	sigaddset(&signals, signal_number);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	raise(signal_number);
	return STATUS_SIGNAL + signal_number;
}
