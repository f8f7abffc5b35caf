/* The options that the commands share, read with getopt_long, and what is said about them. Owns no
 * state beyond getopt's. Exits from a mistake in the command line, so that no command has to. */
#include "cli.h"
#include "duration.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option all_options[] = {
	{"by", required_argument, NULL, 'b'},    {"connect", required_argument, NULL, 'c'},
	{"grace", required_argument, NULL, 'g'}, {"help", no_argument, NULL, 'h'},
	{"host", required_argument, NULL, 'H'},  {"idle", required_argument, NULL, 'i'},
	{"shared", no_argument, NULL, 's'},      {"total", required_argument, NULL, 't'},
	{"wait", required_argument, NULL, 'w'},
};
enum {
	OPTION_COUNT = sizeof all_options / sizeof *all_options,
};

static const int64_t grace_ns = 5 * LAPSE_S;

/* What is the same for every command that has limits. */
static const char limits_help[] =
	"\n"
	"DURATION: 250ms, 5s, 1m30s, 1.5h; units us, ms, s, m, h; a number alone is seconds.\n"
	"SIGUSR1 shows on standard error what is being waited for.\n";
static const char own_status_help[] =
	"Exit status: 0 end of input, 1 failed, 2 wrong usage, 124 time was up.\n";
static const char program_status_help[] = "Exit status: COMMAND's own; 124 time was up, 125 failed "
					  "or wrong usage, 126 COMMAND cannot\n"
					  "be executed, 127 it is not found.\n";

_Noreturn void exit_usage(const struct options *options)
{
	fprintf(stderr, "Try '%s --help'.\n", options->command);
	exit(options->misused);
}

static void read_duration(const struct options *options, struct limit *limit, int64_t *ns)
{
	const char *wrong = duration_parse(limit->text, ns);

	if (!wrong)
		return;
	say(options->command, "--%s: '%s' is not a duration: %s", limit->name, limit->text, wrong);
	exit_usage(options);
}

static lapse_time read_wall_time(const struct options *options, const char *text)
{
	struct timespec when = {0};
	const char *wrong = wall_time_parse(text, time(NULL), &when.tv_sec);

	if (!wrong)
		return lapse_at(CLOCK_REALTIME, &when);
	say(options->command, "--by: '%s' is not a time: %s", text, wrong);
	exit_usage(options);
}

/* The earliest of all that were given is the one. */
static void tighten(struct options *options, lapse_time deadline, struct limit limit)
{
	if (deadline > options->deadline && options->whole.name)
		return;
	options->deadline = deadline;
	options->whole = limit;
}

static void read_one(struct options *options, int letter)
{
	int64_t ns;

	switch (letter) {
	case 'b':
		tighten(options, read_wall_time(options, optarg), (struct limit){"by", optarg});
		break;
	case 'c':
		options->connect = (struct limit){"connect", optarg};
		read_duration(options, &options->connect, &options->connect_ns);
		break;
	case 'g':
		read_duration(options, &(struct limit){"grace", optarg}, &options->grace_ns);
		break;
	case 'H':
		options->host = optarg;
		break;
	case 'i':
		options->idle = (struct limit){"idle", optarg};
		read_duration(options, &options->idle, &options->idle_ns);
		break;
	case 's':
		options->shared = true;
		break;
	case 't':
	case 'w': {
		struct limit whole = {letter == 't' ? "total" : "wait", optarg};
		read_duration(options, &whole, &ns);
		tighten(options, lapse_in(ns), whole);
		break;
	}
	default:
		exit_usage(options);
	}
}

static _Noreturn void exit_help(const struct options *options, const char *help,
                                const char *accepted)
{
	fputs(help, stdout);
	if (*accepted) {
		fputs(limits_help, stdout);
		fputs(*accepted == '+' ? program_status_help : own_status_help, stdout);
	}
	exit(fflush(stdout) ? options->failed : STATUS_DONE);
}

/* What the options left over: so many operands, and behind them a program if one is to follow. */
static void read_operands(struct options *options, int argc, char **argv, int count, bool program)
{
	int given = argc - optind;
	char **behind = argv + optind + count;

	options->operands = argv + optind;
	if (given < count) {
		say(options->command, "an operand is missing");
	} else if (!program && given > count) {
		say(options->command, "'%s' is one operand too many", *behind);
	} else {
		if (program && count && *behind && !strcmp(*behind, "--"))
			behind++;
		options->program = behind;
		if (!program || *behind)
			return;
		say(options->command, "what to run is missing");
	}
	exit_usage(options);
}

void options_read(struct options *options, int argc, char **argv, const char *accepted,
                  int operand_count, const char *help)
{
	struct option table[OPTION_COUNT + 1] = {0};
	bool program = *accepted == '+';
	int size = 0, letter;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (all_options[i].val == 'h' || strchr(accepted, all_options[i].val))
			table[size++] = all_options[i];
	}
	*options = (struct options){
		.command = argv[0],
		.deadline = LAPSE_NEVER,
		.grace_ns = grace_ns,
		.failed = program ? STATUS_OURS : STATUS_FAILED,
		.misused = program ? STATUS_OURS : STATUS_USAGE,
	};
	optind = 0; /* glibc: start afresh, another command line was read before */
	while ((letter = getopt_long(argc, argv, program ? "+" : "", table, NULL)) != -1) {
		if (letter == 'h')
			exit_help(options, help, accepted);
		read_one(options, letter);
	}
	read_operands(options, argc, argv, operand_count, program);
}

lapse_fd options_adopt(const struct options *options, int sysfd)
{
	static const char *const names[] = {"input", "output", "error"};
	lapse_fd fd = lapse_adopt(sysfd);

	if (fd != LAPSE_NOFD)
		return fd;
	say(options->command, "standard %s: %s", names[sysfd], strerror(errno));
	exit(options->failed);
}

bool is_time_up(int error)
{
	return error == LAPSE_EXPIRED || error == EINPROGRESS;
}

const struct limit *options_reached(const struct options *options)
{
	return options->deadline <= lapse_now() ? &options->whole : &options->idle;
}
