/* lapse run: a command that is ended when time is up, or when it falls silent. Owns the decision; job.c
 * owns the command, output.c what it writes.
 *
 * One thread waits, for signals, as bytes of a descriptor: that the command has ended or stopped is
 * one of them. So whoever reaps it is who signals it. The read deadline is the next limit; output,
 * which other threads pass on, puts it off while the read waits. */
#include "job.h"
#include "output.h"

#include <fcntl.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
	"Usage: lapse run [--idle DURATION] [--total DURATION] [--by TIME] [--grace DURATION]\n"
	"                 [--] COMMAND [ARGUMENT]...\n"
	"Run COMMAND in a process group of its own, and end the group when time is up: TERM, and "
	"if\n"
	"that is not enough KILL.\n"
	"\n"
	"      --idle DURATION   when it writes nothing for so long. Its standard output and error "
	"are\n"
	"                        then pipes, and are passed on; otherwise it inherits ours\n"
	"      --total DURATION  when it is not done within so long from the start\n"
	"      --by TIME         when it is not done by then: HH:MM[:SS] or YYYY-MM-DDTHH:MM[:SS]\n"
	"      --grace DURATION  from TERM to KILL; 5s if not given\n"
	"      --help            show this\n";

/* What was sent to the group because time was up. */
enum stage {
	STAGE_NOTHING,
	STAGE_TERM,
	STAGE_KILL,
};

struct run {
	struct options options;
	struct job job;
	lapse_fd signals;
	struct output output; /* if there is an idle limit */
	enum stage stage;
	const struct limit *reached;
	bool forwarded; /* a signal that we were sent */
};

static bool is_piped(const struct run *run)
{
	return run->options.idle_ns;
}

/* The command was stopped. Without a terminal that is between it and who stopped it, and the limits
 * hold. Otherwise we stop as well, for a shell to see, which continues us. */
static void stop_too(struct run *run)
{
	struct job *job = &run->job;
	int signal = job->stopped;

	job->stopped = 0;
	if (job->terminal < 0 || run->stage != STAGE_NOTHING)
		return;
	if ((signal == SIGTTIN || signal == SIGTTOU) && job_give_terminal(job)) {
		job_signal(job, SIGCONT);
		return;
	}
	job_take_terminal(job);
	bool continued = job_stop_us(signal);
	if (is_piped(run))
		quiet_count(&run->output.quiet, 0);
	/* SIGCONT, which is read next, sees to the rest. Where a key cannot stop us, it cannot stop the
	 * command either; one that wants the terminal where it cannot have it stays as it is. */
	if (!continued && signal == SIGTSTP) {
		if (job->wants)
			job_give_terminal(job);
		job_signal(job, SIGCONT);
	}
}

static void take_signal(struct run *run, int signal)
{
	struct job *job = &run->job;

	switch (signal) {
	case SIGCHLD:
		job_reap(job);
		if (job->stopped && !job->ended)
			stop_too(run);
		break;
	case SIGCONT:
		if (job->wants)
			job_give_terminal(job);
		job_signal(job, SIGCONT);
		break;
	case SIGTSTP:
		job_signal(job, signal);
		break;
	default:
		run->forwarded = true;
		job_signal(job, signal);
		job_signal(job, SIGCONT); /* or it would not notice */
	}
}

static void set_deadline(struct run *run, lapse_time deadline)
{
	if (is_piped(run))
		quiet_end(&run->output.quiet, deadline);
	else
		lapse_set_read_deadline(run->signals, deadline);
}

static void time_is_up(struct run *run)
{
	struct job *job = &run->job;

	/* What has happened in time wins, however late we see it. */
	job_reap(job);
	if (run->stage == STAGE_NOTHING) {
		const struct limit *limit = options_reached(&run->options);
		if (job->ended)
			return;
		if (limit == &run->options.idle && !output_is_silent(&run->output))
			return;
		run->reached = limit;
		run->stage = STAGE_TERM;
		job_signal(job, SIGTERM);
		job_signal(job, SIGCONT);
		set_deadline(run, lapse_in(run->options.grace_ns));
	} else {
		run->stage = STAGE_KILL;
		job_signal(job, SIGKILL);
		set_deadline(run, LAPSE_NEVER);
	}
}

/* When time was up the whole group is to be gone, or killed; else what the command leaves behind is
 * its own affair. */
static bool is_over(const struct run *run)
{
	if (!run->job.ended)
		return false;
	return run->stage != STAGE_TERM || job_signal(&run->job, 0);
}

static int wait_for(struct run *run)
{
	struct signalfd_siginfo info;

	while (!is_over(run)) {
		if (lapse_read(run->signals, &info, sizeof info) == sizeof info) {
			take_signal(run, (int)info.ssi_signo);
			continue;
		}
		if (errno != LAPSE_EXPIRED)
			return -1;
		time_is_up(run);
	}
	return 0;
}

/* What the exec came to: 0 or its errno. One that hangs is for the limits to end. */
static int executed(const struct run *run)
{
	lapse_fd fd = lapse_adopt(run->job.failed);
	int error;

	lapse_set_read_deadline(fd, run->options.deadline);
	ssize_t n = lapse_read(fd, &error, sizeof error);
	lapse_close(fd);
	return n == sizeof error ? error : 0;
}

/* An exit status, unless it dies as the command did. */
static int report(const struct run *run)
{
	const char *command = run->options.command;
	int status = run->job.status;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (!run->reached)
		return program_end(status, run->job.typed && !run->forwarded);
	if (is_piped(run))
		say(command, "time was up (%s %s): %zu bytes of output%s", run->reached->name,
		    run->reached->text, output_moved(&run->output), killed ? ", killed" : "");
	else
		say(command, "time was up (%s %s)%s", run->reached->name, run->reached->text,
		    killed ? ": killed" : "");
	return killed ? STATUS_SIGNAL + SIGKILL : STATUS_TIME_UP;
}

/* The command has ended; what it has written last may still be on its way. From here on signals are
 * for us alone. */
static int finish(struct run *run)
{
	job_take_terminal(&run->job);
	pthread_sigmask(SIG_SETMASK, &run->job.mask, NULL);
	if (is_piped(run)) {
		lapse_time deadline = run->reached ? lapse_in(run->options.grace_ns)
		                                   : run->options.deadline;
		int error = output_finish(&run->output, deadline);
		if (error && !is_time_up(error) && !run->reached)
			return run->options.failed;
		if (error && !run->reached)
			run->reached = &run->options.whole;
	}
	return report(run);
}

static int fail(const struct run *run, const char *what)
{
	say(run->options.command, "%s: %s", what, strerror(errno));
	return run->options.failed;
}

/* Where one of ours is closed, as the command is to find it, nothing else may take its number. */
static void keep_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int run_run(int argc, char **argv)
{
	static const int watched[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGCHLD};
	struct run run = {0};
	sigset_t signals;
	int ends[2] = {-1, -1};

	options_read(&run.options, argc, argv, "+bgit", 0, help);
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
		sigaddset(&signals, watched[i]);
	if (is_piped(&run))
		output_open(&run.output, &run.options, ends);
	keep_standard_descriptors();
	job_prepare(&run.job, &signals);
	run.signals = lapse_adopt(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
	if (run.signals == LAPSE_NOFD)
		return fail(&run, "signals");
	if (job_start(&run.job, run.options.program, ends))
		return fail(&run, "cannot start a process");
	close(ends[0]);
	close(ends[1]);
	int error = executed(&run);
	if (error) {
		job_take_terminal(&run.job);
		return program_report(&run.options, error);
	}
	dump_on_signal(&run.options);
	if (is_piped(&run))
		output_start(&run.output, &run.options, run.signals);
	else
		lapse_set_read_deadline(run.signals, run.options.deadline);
	if (wait_for(&run))
		return fail(&run, "waiting");
	return finish(&run);
}
