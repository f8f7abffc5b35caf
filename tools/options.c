/* The options that the commands share, read with getopt_long, and what is said about them. Owns no
 * state beyond getopt's. Exits from a mistake in the command line, so that no command has to. */
#include "cli.h"
#include "duration.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option all_options[] = {
	{"by", required_argument, NULL, 'b'},   {"connect", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},       {"host", required_argument, NULL, 'H'},
	{"idle", required_argument, NULL, 'i'}, {"total", required_argument, NULL, 't'},
};
enum {
	OPTION_COUNT = sizeof all_options / sizeof *all_options,
};

/* What is the same for every command that has limits. */
static const char limits_help[] =
	"\n"
	"DURATION: 250ms, 5s, 1m30s, 1.5h; units us, ms, s, m, h; a number alone is seconds.\n"
	"SIGUSR1 shows on standard error what is being waited for.\n"
	"Exit status: 0 end of input, 1 failed, 2 wrong usage, 124 time was up.\n";

static _Noreturn void exit_usage(const char *command)
{
	fprintf(stderr, "Try '%s --help'.\n", command);
	exit(STATUS_USAGE);
}

static void read_duration(const struct options *options, struct limit *limit, int64_t *ns)
{
	const char *wrong = duration_parse(limit->text, ns);

	if (!wrong)
		return;
	say(options->command, "--%s: '%s' is not a duration: %s", limit->name, limit->text, wrong);
	exit_usage(options->command);
}

static lapse_time read_wall_time(const struct options *options, const char *text)
{
	struct timespec when = {0};
	const char *wrong = wall_time_parse(text, time(NULL), &when.tv_sec);

	if (!wrong)
		return lapse_at(CLOCK_REALTIME, &when);
	say(options->command, "--by: '%s' is not a time: %s", text, wrong);
	exit_usage(options->command);
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
	case 'H':
		options->host = optarg;
		break;
	case 'i':
		options->idle = (struct limit){"idle", optarg};
		read_duration(options, &options->idle, &options->idle_ns);
		break;
	case 't': {
		struct limit total = {"total", optarg};
		read_duration(options, &total, &ns);
		tighten(options, lapse_in(ns), total);
		break;
	}
	default:
		exit_usage(options->command);
	}
}

void options_read(struct options *options, int argc, char **argv, const char *accepted,
                  int operand_count, const char *help)
{
	struct option table[OPTION_COUNT + 1] = {0};
	int size = 0, letter;

	for (int i = 0; i < OPTION_COUNT; i++) {
		if (all_options[i].val == 'h' || strchr(accepted, all_options[i].val))
			table[size++] = all_options[i];
	}
	*options = (struct options){.command = argv[0], .deadline = LAPSE_NEVER};
	optind = 0; /* glibc: start afresh, another command line was read before */
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help, stdout);
			fputs(*accepted ? limits_help : "", stdout);
			exit(fflush(stdout) ? STATUS_FAILED : STATUS_DONE);
		}
		read_one(options, letter);
	}
	options->operands = argv + optind;
	if (argc - optind == operand_count)
		return;
	if (argc - optind > operand_count)
		say(argv[0], "'%s' is one operand too many", options->operands[operand_count]);
	else
		say(argv[0], "an operand is missing");
	exit_usage(argv[0]);
}

lapse_fd options_adopt(const struct options *options, int sysfd)
{
	lapse_fd fd = lapse_adopt(sysfd);

	if (fd != LAPSE_NOFD)
		return fd;
	say(options->command, "standard %s: %s", sysfd == 0 ? "input" : "output", strerror(errno));
	exit(STATUS_FAILED);
}

const struct limit *options_reached(const struct options *options)
{
	return options->deadline <= lapse_now() ? &options->whole : &options->idle;
}
