/* What the commands of the program share: exit statuses, options, messages. Owns no state. Nothing
 * here waits for anything, except that the first call of dump_on_signal starts a thread. */
#ifndef LAPSE_TOOLS_CLI_H
#define LAPSE_TOOLS_CLI_H

#include <lapse.h>

#include <stdbool.h>

/* timeout(1)'s way: 124 when time was up; where another command's own status is passed on, 125 and
 * more for what is ours. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_TIME_UP = 124,
	STATUS_OURS = 125, /* failed or wrong usage */
	STATUS_CANNOT_EXECUTE = 126,
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL = 128, /* and the signal's number */
};

/* A limit in the words of whoever set it, for the message that says it was reached. */
struct limit {
	const char *name; /* NULL: not set */
	const char *text;
};

struct options {
	const char *command; /* "lapse pipe": what every message begins with */
	struct limit connect;
	int64_t connect_ns;
	struct limit idle;
	int64_t idle_ns; /* 0: none */
	struct limit whole;
	lapse_time
		deadline; /* of all that the command does: the earliest of --total, --by, --wait */
	int64_t grace_ns;
	const char *host;
	bool shared;
	char **operands;
	char **program; /* what is to be run, and its arguments */
	int failed;     /* exit statuses: of failures, of mistakes in the command line */
	int misused;
};

/* accepted: a letter for each option that the command takes, see options.c; "+" before them: a program
 * and its arguments follow the operands. Does not return from a mistake or from --help (status 0). */
void options_read(struct options *options, int argc, char **argv, const char *accepted,
                  int operand_count, const char *help);

/* The last of a mistake in the command line, after what say said of it. */
_Noreturn void exit_usage(const struct options *options);

/* Take over descriptor 0, 1 or 2, or say that it is not open and exit. */
lapse_fd options_adopt(const struct options *options, int sysfd);

/* Whether a limit stopped it: EINPROGRESS is what a write to a file says that was let go. */
bool is_time_up(int error);

/* Which limit that was. */
const struct limit *options_reached(const struct options *options);

/* "lapse pipe: ..." on standard error. */
void say(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on SIGUSR1 writes lapse_dump to standard error. Before any other thread is started. */
void dump_on_signal(const struct options *options);

/* What cat does when nobody reads: dies of SIGPIPE, unless that is ignored. */
void die_if_broken_pipe(int error);

/* The commands. argv[0] is "lapse COMMAND". Each returns an exit status. */
int connect_run(int argc, char **argv);
int listen_run(int argc, char **argv);
int lock_run(int argc, char **argv);
int pipe_run(int argc, char **argv);
int run_run(int argc, char **argv);
int tour_run(int argc, char **argv);

#endif
