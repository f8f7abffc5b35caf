/* The program `explore`: goes through the runs of scenarios and says what it found. Owns its options
 * and its exit status. The scenarios are a shared object's; lapse-explore(7) is the manual. */
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"
#include "report/report.h"

#include <dlfcn.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUICK_RUNS = 100000, RANDOM_RUNS = 100000, JOBS = 512 };

static struct {
	struct x_options options;
	bool both_memories, bound_wanted, list;
	const char *scenarios, *svg, *markdown;
} asked;

static const struct option long_options[] = {
	{"memory", required_argument, NULL, 'm'},
	{"mode", required_argument, NULL, 'M'},
	{"seed", required_argument, NULL, 's'},
	{"runs", required_argument, NULL, 'r'},
	{"seconds", required_argument, NULL, 't'},
	{"replay", required_argument, NULL, 'p'},
	{"quick", no_argument, NULL, 'q'},
	{"svg", required_argument, NULL, 'v'},
	{"markdown", required_argument, NULL, 'k'},
	{"list", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{"scenarios", required_argument, NULL, 'S'},
	{NULL, 0, NULL, 0},
};

__attribute__((noreturn)) static void usage(FILE *to, int status)
{
	(void)fputs(
		"usage: explore [option...] [scenario...]\n"
		"A scenario is a name, or the beginning of several; none: all of them, the\n"
		"large ones within two preemptions.\n"
		"  --memory c11|sc|both  the memory model (c11)\n"
		"  --mode complete       all runs that differ (the default)\n"
		"         plain          all runs, without reduction\n"
		"         bounded:N      those with at most N preemptions\n"
		"         random, pct:D  drawn by --seed\n"
		"  --runs N, --seconds S stop after so many, so long, for each scenario\n"
		"  --quick               at most 100000 runs of each\n"
		"  --seed N\n"
		"  --replay SCHEDULE     one run of one scenario, shown\n"
		"  --svg FILE            the timeline of a failure, or of the run that is "
		"replayed\n"
		"  --markdown FILE       the figures as a table\n"
		"  --scenarios FILE      a shared object that has them, in place of lapse's own\n"
		"  --list\n",
		to);
	exit(status);
}

__attribute__((noreturn)) static void wrong(const char *what, const char *which)
{
	(void)fprintf(stderr, "explore: %s: %s\n", what, which);
	usage(stderr, STATUS_USAGE);
}

static uint64_t number(const char *text, const char *option)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0')
		wrong(option, "not a number");
	return n;
}

static void set_mode(const char *mode)
{
	struct x_options *o = &asked.options;

	asked.bound_wanted = asked.bound_wanted || strcmp(mode, "complete") != 0;
	if (strcmp(mode, "complete") == 0) {
		o->mode = X_COMPLETE;
	} else if (strcmp(mode, "plain") == 0) {
		o->mode = X_PLAIN;
	} else if (strcmp(mode, "random") == 0) {
		o->mode = X_RANDOM;
	} else if (strncmp(mode, "bounded:", 8) == 0) {
		o->mode = X_BOUNDED;
		o->preemptions = (int)number(mode + 8, "--mode");
	} else if (strncmp(mode, "pct:", 4) == 0) {
		o->mode = X_PCT;
		o->depth = (int)number(mode + 4, "--mode");
	} else {
		wrong("no such mode", mode);
	}
}

static void set_memory(const char *memory)
{
	asked.both_memories = strcmp(memory, "both") == 0;
	if (strcmp(memory, "sc") == 0)
		asked.options.memory = X_SC;
	else if (strcmp(memory, "c11") != 0 && !asked.both_memories)
		wrong("no such memory model", memory);
}

static void set_bound(int option, const char *value)
{
	char *end;

	asked.bound_wanted = true;
	if (option == 'q')
		asked.options.runs = QUICK_RUNS;
	else if (option == 'r')
		asked.options.runs = number(value, "--runs");
	else if ((asked.options.seconds = strtod(value, &end)) <= 0 || *end != '\0')
		wrong("--seconds", "not a time");
}

static void read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'm':
			set_memory(optarg);
			break;
		case 'M':
			set_mode(optarg);
			break;
		case 's':
			asked.options.seed = number(optarg, "--seed");
			break;
		case 'r':
		case 't':
		case 'q':
			set_bound(option, optarg);
			break;
		case 'p':
			asked.options.replay = optarg;
			break;
		case 'v':
			asked.svg = optarg;
			break;
		case 'k':
			asked.markdown = optarg;
			break;
		case 'S':
			asked.scenarios = optarg;
			break;
		case 'l':
			asked.list = true;
			break;
		case 'h':
			usage(stdout, STATUS_GOOD);
		default:
			usage(stderr, STATUS_USAGE);
		}
	}
	if ((asked.options.mode == X_RANDOM || asked.options.mode == X_PCT) &&
	    asked.options.runs == 0 && asked.options.seconds <= 0)
		asked.options.runs = RANDOM_RUNS;
}

/* ---- Which scenarios ---- */

/* Ended by NULL, each: those of lapse, or of whoever explores something else; and those of where
 * lapse comes from, if they are there. */
static const struct x_scenario *const *x_list, *const *origin_list;

/* The ones beside the program. */
static void *open_own(void)
{
	char program[PATH_MAX], path[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n <= 0)
		return NULL;
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	(void)snprintf(path, sizeof path, "%s/scenarios.so", program);
	return dlopen(path, RTLD_NOW);
}

static void load_scenarios(void)
{
	void *from = RTLD_DEFAULT;
	Dl_info info;

	/* It may be linked with some already. */
	if (asked.scenarios != NULL || dlsym(RTLD_DEFAULT, "x_scenarios") == NULL) {
		from = asked.scenarios != NULL ? dlopen(asked.scenarios, RTLD_NOW) : open_own();
		if (from == NULL) {
			(void)fprintf(stderr, "explore: no scenarios: %s\n", dlerror());
			exit(STATUS_USAGE);
		}
	}
	x_list = dlsym(from, "x_scenarios");
	if (x_list == NULL || dladdr(x_list, &info) == 0) {
		(void)fprintf(stderr, "explore: no scenarios: x_scenarios is not defined\n");
		exit(STATUS_USAGE);
	}
	origin_list = dlsym(from, "origin_scenarios");
	x_keep_library("liblapse_x");
	x_keep_library(info.dli_fname);
}

static struct job jobs[JOBS];
static struct result results[JOBS];
static int job_count;

enum { LARGE_PREEMPTIONS = 2 };

static void add_job(const struct x_scenario *s, enum x_memory memory, bool by_name,
                    const char *program)
{
	struct job *job = &jobs[job_count];

	if (job_count++ == JOBS)
		wrong("too many scenarios", s->name);
	*job = (struct job){.scenario = s,
	                    .options = asked.options,
	                    .bound_wanted = asked.bound_wanted,
	                    .program = program,
	                    .scenarios = asked.scenarios,
	                    .svg = asked.svg};
	job->options.memory = memory;
	if (s->large && !by_name && asked.options.mode == X_COMPLETE) {
		job->options.mode = X_BOUNDED;
		job->options.preemptions = LARGE_PREEMPTIONS;
		job->bound_wanted = true;
	}
}

static void add(const struct x_scenario *s, bool by_name, const char *program)
{
	if (asked.list) {
		(void)printf("%-20s %s\n", s->name, s->about);
		return;
	}
	add_job(s, asked.options.memory, by_name, program);
	if (asked.both_memories)
		add_job(s, X_SC, by_name, program);
}

/* Whether there was one. */
static bool add_matching(const struct x_scenario *const *list, const char *name, bool whole,
                         const char *program)
{
	size_t length = strlen(name) + whole;
	bool any = false;

	for (; *list != NULL; list++) {
		if (strncmp((*list)->name, name, length) != 0)
			continue;
		any = true;
		add(*list, whole, program);
	}
	return any;
}

static bool add_all(const char *name, bool whole, const char *program)
{
	bool any = origin_list != NULL && add_matching(origin_list, name, whole, program);

	return add_matching(x_list, name, whole, program) || any;
}

/* The one of that name; if there is none, those whose names begin so. */
static void choose(const char *name, const char *program)
{
	if (!add_all(name, true, program) && !add_all(name, false, program))
		wrong("no such scenario", name);
}

static void write_table(void)
{
	FILE *to = fopen(asked.markdown, "w");

	if (to == NULL) {
		perror(asked.markdown);
		exit(STATUS_UNFIT);
	}
	table_print(jobs, results, job_count, to);
	if (fclose(to) != 0) {
		perror(asked.markdown);
		exit(STATUS_UNFIT);
	}
}

static int run_all(void)
{
	int status = STATUS_GOOD;

	if (asked.options.replay != NULL) {
		/* Here, where a debugger looks on. */
		job_run(&jobs[0], &results[0], stdout);
	} else {
		line_head(stdout);
		jobs_run(jobs, job_count, results);
	}
	if (asked.markdown != NULL)
		write_table();
	for (int i = 0; i < job_count; i++) {
		int one = job_status(&jobs[i], &results[i]);

		if (one == STATUS_BROKEN || status == STATUS_GOOD)
			status = one;
	}
	return status;
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	load_scenarios();
	for (int i = optind; i < argc; i++)
		choose(argv[i], argv[0]);
	if (optind == argc)
		choose("", argv[0]);
	if (asked.list)
		return STATUS_GOOD;
	if ((asked.options.replay != NULL || asked.svg != NULL) && job_count != 1)
		wrong("one scenario, in one memory model", "--replay, --svg");
	k_start();
	o_start();
	x_name_words(name_word);
	return run_all();
}
