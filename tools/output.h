/* What a command writes, on its way through two pipes to our standard output and error, so that it is
 * seen when it falls silent. Owns the pipes, two threads, and descriptor 1, which is closed when the
 * command closes its own. */
#ifndef LAPSE_TOOLS_OUTPUT_H
#define LAPSE_TOOLS_OUTPUT_H

#include "quiet.h"

struct pump {
	struct quiet *quiet;
	const struct options *options;
	lapse_fd from, to;
	int sysfd; /* of to: 1 or 2 */
	size_t moved;
	int error; /* with which writing failed, or 0 */
	pthread_t thread;
};

struct output {
	struct quiet quiet;
	struct pump pumps[2];
};

/* Make the pipes; ends: for the command to write to, to be closed once it has them. Exits if it cannot
 * be done. */
void output_open(struct output *output, const struct options *options, int ends[2]);

/* Begin to pass on. The silence ends the wait of wait, by its read deadline. */
void output_start(struct output *output, const struct options *options, lapse_fd wait);

/* After the wait has expired: it was silent for so long indeed. False: something has been written, late
 * as we may have been to see it, and the wait has a new deadline. */
bool output_is_silent(struct output *output);

/* Pass on what had been written when this began, until the deadline. 0, or the errno with which some
 * of it could not be, see is_time_up; that nobody reads is no error. */
int output_finish(struct output *output, lapse_time deadline);

/* How much has been passed on; after output_finish. */
size_t output_moved(const struct output *output);

#endif
