/* How --idle is kept where several threads move bytes: the waits share one deadline, which is put off
 * while anybody writes and begins anew when the last has written. So what has nothing to say does not
 * end what is busy, and a slow reader is not taken for a silent writer. */
#ifndef LAPSE_TOOLS_QUIET_H
#define LAPSE_TOOLS_QUIET_H

#include "cli.h"

#include <pthread.h>
#include <stdbool.h>

struct quiet {
	const struct options *options;
	lapse_fd waits[2]; /* whose read deadline it is; the second may be LAPSE_NOFD */

	pthread_mutex_t mutex; /* what follows, and the order in which the deadlines are set */
	int writing;           /* threads that are writing */
	bool over;
};

/* Before any thread moves bytes. */
void quiet_start(struct quiet *quiet, const struct options *options, lapse_fd one, lapse_fd other);

/* 1: a write begins. -1: it has ended. 0: neither, but the silence begins anew. */
void quiet_count(struct quiet *quiet, int change);

/* The deadline has passed, and it was not put off meanwhile. */
bool quiet_has_passed(struct quiet *quiet);

/* From now on the waits have this deadline, whatever moves. False: it was over before. */
bool quiet_end(struct quiet *quiet, lapse_time deadline);

#endif
