/* One line of figures for each scenario, and the same as a table for the documentation. A search has
 * either gone through everything or not: no line says both. */
#include "report/report.h"

#include <string.h>

static const char *memory_name(const struct job *job)
{
	return job->options.memory == X_SC ? "sc" : "c11";
}

static void verdict(const struct job *job, const struct result *r, char *buf, size_t size)
{
	if (r->crashed != 0)
		(void)snprintf(buf, size, "UNFIT (%s)", strsignal(r->crashed));
	else if (r->verdict == X_COMPLETED)
		(void)snprintf(buf, size, "complete");
	else if (r->verdict == X_BOUND_REACHED)
		(void)snprintf(buf, size, "bound reached (%s)", r->bound);
	else if (r->verdict == X_UNFIT)
		(void)snprintf(buf, size, "UNFIT");
	else
		(void)snprintf(buf, size, "%s: %s, run %llu",
		               job_status(job, r) == STATUS_GOOD ? "broken, as it should be"
		                                                 : "BROKEN",
		               r->promise, (unsigned long long)r->found_at_run);
	/* What is kept to break a promise and does not is no good news. */
	if (job->scenario->breaks != NULL && r->verdict != X_BROKEN && r->crashed == 0 &&
	    job->options.replay == NULL)
		(void)snprintf(buf + strlen(buf), size - strlen(buf), ", NOT FOUND: %s",
		               job->scenario->breaks);
}

static double per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

void line_head(FILE *to)
{
	(void)fprintf(to, "%-20s %-6s %9s %8s %9s %7s %8s %8s %7s\n", "scenario", "memory", "runs",
	              "blocked", "steps/run", "deepest", "outcomes", "runs/s", "s");
}

void line_print(const struct job *job, const struct result *r, FILE *to)
{
	char end[160];

	verdict(job, r, end, sizeof end);
	(void)fprintf(to, "%-20s %-6s %9llu %8llu %9.1f %7u %8llu %8.0f %7.2f  %s\n",
	              job->scenario->name, memory_name(job), (unsigned long long)r->runs,
	              (unsigned long long)r->blocked, per((double)r->steps, (double)r->runs),
	              r->deepest, (unsigned long long)r->outcomes,
	              per((double)(r->runs + r->blocked), r->seconds), r->seconds, end);
	(void)fflush(to);
}

static void table_row(const struct job *job, const struct result *r, FILE *to)
{
	char end[160];

	verdict(job, r, end, sizeof end);
	(void)fprintf(to, "| %s | %s | %s | %llu | %llu | %.1f | %u | %llu | %.0f | %.2f | %s |\n",
	              job->scenario->name, job->scenario->about, memory_name(job),
	              (unsigned long long)r->runs, (unsigned long long)r->blocked,
	              per((double)r->steps, (double)r->runs), r->deepest,
	              (unsigned long long)r->outcomes,
	              per((double)(r->runs + r->blocked), r->seconds), r->seconds, end);
}

void table_print(const struct job *jobs, const struct result *results, int count, FILE *to)
{
	uint64_t runs = 0, blocked = 0, steps = 0;

	(void)fputs(
		"# What was explored\n\n"
		"Written by `explore --markdown`; lapse-explore(7) says what it means. A row is a "
		"scenario in a\nmemory model. *Runs*: each stands for all orders of its steps that "
		"differ in nothing that matters;\n*blocked*: given up, as only repeating another; "
		"*steps*: points at which another thread could have\ngone on; *outcomes*: "
		"different "
		"ones. *Complete*: no other run exists. Speeds are those of the machine that wrote "
		"this.\n\n"
		"| scenario | what happens in it | memory | runs | blocked | steps per run | "
		"deepest "
		"| outcomes | runs/s | s | |\n"
		"|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
		to);
	for (int i = 0; i < count; i++) {
		table_row(&jobs[i], &results[i], to);
		runs += results[i].runs;
		blocked += results[i].blocked;
		steps += results[i].steps;
	}
	(void)fprintf(to, "\n%d rows, %llu runs, %llu blocked, %llu steps.\n", count,
	              (unsigned long long)runs, (unsigned long long)blocked,
	              (unsigned long long)steps);
}
