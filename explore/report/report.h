/* What people get to see of an exploration. Reads the engine's reports and traces; decides nothing
 * about the search. */
#ifndef X_REPORT_H
#define X_REPORT_H

#include "engine/engine.h"

#include <stdio.h>

/* ---- One scenario in one memory model (jobs.c) ---- */

struct job {
	const struct x_scenario *scenario;
	struct x_options options;
	bool bound_wanted;     /* that the search stops short is what was asked for */
	const char *program;   /* as it was started, and */
	const char *scenarios; /* with which, or NULL: for the commands that are shown */
	const char *svg;       /* where the timeline of a failure goes as well; NULL: nowhere */
};

struct result {
	enum x_verdict verdict;
	uint64_t runs, blocked, steps, outcomes, found_at_run;
	uint32_t deepest;
	double seconds;
	char bound[32], promise[64];
	int crashed; /* the signal that ended its process; 0: none */
};

enum { STATUS_GOOD = 0, STATUS_BROKEN = 1, STATUS_USAGE = 2, STATUS_UNFIT = 3 };

/* In this process: explore or replay, and say to `to` what was found, the line of figures apart. */
void job_run(const struct job *job, struct result *r, FILE *to);
/* Each in a process of its own, as many at once as there are processors. Prints the results in order
 * as they come. */
void jobs_run(const struct job *jobs, int count, struct result *results);
/* Of one: broken goes before unfit. */
int job_status(const struct job *job, const struct result *r);

/* ---- The line of figures, and the table of them (line.c) ---- */

void line_head(FILE *to);
void line_print(const struct job *job, const struct result *r, FILE *to);
void table_print(const struct job *jobs, const struct result *results, int count, FILE *to);

/* ---- A shorter way to the same failure (shorten.c) ---- */

/* The schedule of a run that breaks the same promise with fewer switches between threads, or the one
 * given. To be freed. */
char *shorten(const struct x_scenario *s, const struct x_options *o, const struct x_report *r);

/* ---- The last run as rows: one for each step that people want to see (rows.c) ---- */

enum row_kind {
	ROW_STEP,
	ROW_SAID,  /* by the scenario, between steps */
	ROW_QUIET, /* steps that touch nothing that another thread can tell */
	ROW_TIME,  /* the clock moved */
};

struct row {
	enum row_kind kind;
	int thread;
	unsigned number; /* of the step, or the first of the quiet ones; from 1 */
	char text[400];
};

struct rows {
	struct row *rows;
	size_t count;
};

/* What x_trace has; to be given back with rows_free. */
struct rows rows_make(const struct x_scenario *s);
void rows_free(struct rows *rows);
int thread_count(const struct x_scenario *s);
void thread_name(const struct x_scenario *s, int thread, char *buf, size_t size);
/* How much of the text, which is not empty, goes into the next line of that width; *skip: and how
 * much blank follows it. */
size_t text_break(const char *text, size_t width, size_t *skip);

void timeline_print(const struct x_scenario *s, const struct rows *rows, const char *end, FILE *to);
void svg_print(const struct x_scenario *s, const struct rows *rows, const char *end, FILE *to);

/* ---- Names for the library's words (names.c) ---- */

void name_word(const void *address, char *buf, size_t size);
/* The values of a step on the word of that name, in words. False: nothing better is known than what
 * the step says itself. */
bool name_values(const char *word, const struct x_op *op, char *buf, size_t size);

#endif
