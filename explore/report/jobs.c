/* Explores one scenario and tells what was found; or many, each in a process of its own. Owns the
 * processes and what is between them. */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int job_status(const struct job *job, const struct result *r)
{
	const char *breaks = job->scenario->breaks;

	if (r->crashed != 0 || r->verdict == X_UNFIT)
		return STATUS_UNFIT;
	if (r->verdict == X_BROKEN)
		return breaks != NULL && strcmp(r->promise, breaks) == 0 ? STATUS_GOOD
		                                                         : STATUS_BROKEN;
	if (job->options.replay != NULL)
		return STATUS_GOOD;
	if (breaks != NULL)
		return STATUS_BROKEN;
	return r->verdict == X_COMPLETED || job->bound_wanted ? STATUS_GOOD : STATUS_UNFIT;
}

/* ---- One ---- */

static void say_commands(const struct job *job, const char *schedule, FILE *to)
{
	static const char gdb[] = "gdb -ex 'handle SIGSEGV nostop noprint' -ex 'break x_broken' "
				  "-ex run --args ";

	for (int i = 0; i < 2; i++) {
		(void)fprintf(to, "     %s%s",
		              i == 0 ? "again:   " : "in gdb:  ", i == 0 ? "" : gdb);
		(void)fprintf(to, "%s ", job->program);
		if (job->scenarios != NULL)
			(void)fprintf(to, "--scenarios=%s ", job->scenarios);
		if (job->options.memory == X_SC)
			(void)fputs("--memory=sc ", to);
		(void)fprintf(to, "--replay=%s %s\n", schedule, job->scenario->name);
	}
	(void)fputc('\n', to);
}

/* The last run that was shown. */
static void show(const struct job *job, const struct x_report *r, FILE *to)
{
	struct rows rows = rows_make(job->scenario);
	char end[sizeof r->promise + sizeof r->message + 16];
	FILE *svg = job->svg == NULL ? NULL : fopen(job->svg, "w");

	if (r->promise[0] != '\0')
		(void)snprintf(end, sizeof end, "%s: %s", r->promise, r->message);
	else
		(void)snprintf(end, sizeof end, "no promise broken");
	timeline_print(job->scenario, &rows, end, to);
	if (svg != NULL) {
		svg_print(job->scenario, &rows, end, svg);
		(void)fclose(svg);
	} else if (job->svg != NULL) {
		(void)fprintf(to, "cannot write %s\n", job->svg);
	}
	rows_free(&rows);
}

static void explain(const struct job *job, const struct x_report *r, FILE *to)
{
	struct x_options o = job->options;
	struct x_report shown;
	char *schedule = shorten(job->scenario, &o, r);

	o.replay = schedule;
	o.each = NULL;
	x_explore(job->scenario, &o, &shown);
	(void)fprintf(to, "\n%s: %s\nbroken: %s: %s\n\n", job->scenario->name, job->scenario->about,
	              r->promise, r->message);
	/* Should never be, but a wrong timeline would be worse than none. */
	if (shown.verdict == X_BROKEN && strcmp(shown.promise, r->promise) == 0) {
		show(job, &shown, to);
		say_commands(job, schedule, to);
	} else {
		(void)fprintf(to, "the schedule does not repeat it: %s %s\n", shown.promise,
		              shown.message);
		say_commands(job, r->replay, to);
	}
	free(shown.replay);
	free(schedule);
}

void job_run(const struct job *job, struct result *r, FILE *to)
{
	struct x_report report;

	x_explore(job->scenario, &job->options, &report);
	*r = (struct result){
		.verdict = report.verdict,
		.runs = report.runs,
		.blocked = report.blocked,
		.steps = report.steps,
		.outcomes = report.outcomes,
		.found_at_run = report.found_at_run,
		.deepest = report.deepest,
		.seconds = report.seconds,
	};
	(void)snprintf(r->bound, sizeof r->bound, "%s", report.bound == NULL ? "" : report.bound);
	(void)snprintf(r->promise, sizeof r->promise, "%s", report.promise);
	if (job->options.replay != NULL && report.verdict != X_UNFIT) {
		(void)fprintf(to, "%s: %s\n\n", job->scenario->name, job->scenario->about);
		show(job, &report, to);
	}
	if (job->options.replay == NULL && report.verdict == X_BROKEN && report.replay != NULL)
		explain(job, &report, to);
	if (report.verdict == X_UNFIT)
		(void)fprintf(to, "%s: unfit: %s\n", job->scenario->name, report.message);
	free(report.replay);
	(void)fflush(to);
}

/* ---- Many ---- */

struct worker {
	pid_t pid; /* 0: not started; -1: has ended */
	FILE *text;
};

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(STATUS_UNFIT);
	}
	return p;
}

static void start(struct worker *w, const struct job *job, struct result *r)
{
	w->text = tmpfile();
	(void)fflush(NULL);
	w->pid = w->text == NULL ? -1 : fork();
	if (w->pid < 0) {
		perror("explore");
		exit(STATUS_UNFIT);
	}
	if (w->pid > 0)
		return;
	/* What a scenario prints belongs to it, too. */
	(void)dup2(fileno(w->text), STDOUT_FILENO);
	(void)dup2(fileno(w->text), STDERR_FILENO);
	job_run(job, r, stdout);
	(void)fflush(NULL);
	_exit(0);
}

static void end_of(struct worker *workers, int count, struct result *results, pid_t pid, int status)
{
	for (int i = 0; i < count; i++) {
		if (workers[i].pid != pid)
			continue;
		workers[i].pid = -1;
		if (WIFSIGNALED(status))
			results[i].crashed = WTERMSIG(status);
		else if (WEXITSTATUS(status) != 0)
			results[i].verdict = X_UNFIT;
	}
}

static void print(const struct job *job, const struct result *r, struct worker *w)
{
	int c;

	line_print(job, r, stdout);
	rewind(w->text);
	while ((c = fgetc(w->text)) != EOF)
		(void)putchar(c);
	(void)fclose(w->text);
	(void)fflush(stdout);
}

void jobs_run(const struct job *jobs, int count, struct result *results)
{
	int most = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct worker *workers = calloc((size_t)count, sizeof *workers);
	struct result *theirs = shared((size_t)count * sizeof *theirs);
	int started = 0, running = 0, printed = 0;

	if (workers == NULL)
		abort();
	while (printed < count) {
		int status;
		pid_t pid;

		while (started < count && running < (most > 0 ? most : 1)) {
			start(&workers[started], &jobs[started], &theirs[started]);
			started++;
			running++;
		}
		pid = wait(&status);
		if (pid < 0) {
			perror("wait");
			exit(STATUS_UNFIT);
		}
		running--;
		end_of(workers, count, theirs, pid, status);
		for (; printed < count && workers[printed].pid == -1; printed++)
			print(&jobs[printed], &theirs[printed], &workers[printed]);
	}
	memcpy(results, theirs, (size_t)count * sizeof *results);
	(void)munmap(theirs, (size_t)count * sizeof *theirs);
	free(workers);
}
