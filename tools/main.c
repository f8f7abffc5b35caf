/* lapse: the program. Finds the command and runs it. Owns argv[0] and the exit status. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *full_name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"connect", "lapse connect", connect_run},
	{"listen", "lapse listen", listen_run},
	{"lock", "lapse lock", lock_run},
	{"pipe", "lapse pipe", pipe_run},
	{"run", "lapse run", run_run},
	{"tour", "lapse tour", tour_run},
};

static void usage(FILE *to)
{
	fputs("Usage: lapse COMMAND [OPTION]... [OPERAND]...\n"
	      "\n"
	      "  pipe               copy standard input to standard output, within limits of time\n"
	      "  connect HOST PORT  copy to and from a TCP peer, within limits of time\n"
	      "  listen PORT        the same, with the first peer that connects\n"
	      "  run COMMAND...     run a command, and end it when time is up or it says nothing\n"
	      "  lock FILE COMMAND...\n"
	      "                     run a command while a file is locked\n"
	      "  tour               see what POSIX does and what lapse does, side by side\n"
	      "\n"
	      "      --help     show this, or with a COMMAND how it is used\n"
	      "      --version  show the version\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 124 time was up. Those of run and "
	      "lock are\n"
	      "the command's, or 124 to 127.\n",
	      to);
}

static void version(void)
{
	int number = lapse_version();

	printf("lapse %d.%d.%d\n", number / 10000, number / 100 % 100, number % 100);
}

static int run(const char *name, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (!strcmp(name, commands[i].name)) {
			argv[0] = (char *)commands[i].full_name;
			return commands[i].run(argc, argv);
		}
	}
	say("lapse", "'%s' is not a command", name);
	fputs("Try 'lapse --help'.\n", stderr);
	return STATUS_USAGE;
}

static int dispatch(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};

	argv[0] = (char *)"lapse";
	switch (getopt_long(argc, argv, "+", options, NULL)) {
	case -1:
		break;
	case 'h':
		usage(stdout);
		return STATUS_DONE;
	case 'v':
		version();
		return STATUS_DONE;
	default:
		fputs("Try 'lapse --help'.\n", stderr);
		return STATUS_USAGE;
	}
	if (optind < argc)
		return run(argv[optind], argc - optind, argv + optind);
	usage(stderr);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	if (fflush(stdout)) {
		say("lapse", "standard output: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return status;
}
