/* lapse pipe: standard input to standard output within limits of time. Owns descriptors 0 and 1, whose
 * flags it leaves alone: they are shared with others. */
#include "cli.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: lapse pipe [--idle DURATION] [--total DURATION] [--by TIME]\n"
	"Copy standard input to standard output, without limits if none are given.\n"
	"\n"
	"      --idle DURATION   give up when no byte moves for so long\n"
	"      --total DURATION  be done within so long from the start\n"
	"      --by TIME         be done by then: HH:MM[:SS], the next time the clock shows it, "
	"or\n"
	"                        YYYY-MM-DDTHH:MM[:SS]; a clock that is set later changes nothing\n"
	"      --help            show this\n";

static int report(const struct options *options, int error, ssize_t moved)
{
	if (is_time_up(error)) {
		const struct limit *limit = options_reached(options);
		say(options->command, "time was up (%s %s): %zd bytes moved%s", limit->name,
		    limit->text, moved, error == EINPROGRESS ? ", the next ones perhaps" : "");
		return STATUS_TIME_UP;
	}
	die_if_broken_pipe(error);
	say(options->command, "%s: %zd bytes moved", strerror(error), moved);
	return STATUS_FAILED;
}

int pipe_run(int argc, char **argv)
{
	struct options options;

	options_read(&options, argc, argv, "bit", 0, help);
	lapse_fd in = options_adopt(&options, STDIN_FILENO);
	lapse_fd out = options_adopt(&options, STDOUT_FILENO);
	dump_on_signal(&options);
	lapse_set_read_deadline(in, options.deadline);
	lapse_set_write_deadline(out, options.deadline);
	lapse_set_idle(in, LAPSE_READ, options.idle_ns);
	lapse_set_idle(out, LAPSE_WRITE, options.idle_ns);

	errno = 0;
	ssize_t moved = lapse_splice(out, in, SSIZE_MAX);
	if (errno)
		return report(&options, errno, moved < 0 ? 0 : moved);
	if (lapse_close(out) == 0)
		return STATUS_DONE;
	return report(&options, errno, moved);
}
