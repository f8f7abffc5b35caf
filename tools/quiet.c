/* The shared deadline of --idle, see quiet.h. Owns the read deadlines of the handles that it is given,
 * until quiet_end. */
#include "quiet.h"

static void set_deadlines(struct quiet *quiet, lapse_time deadline)
{
	for (int i = 0; i < 2; i++) {
		if (quiet->waits[i] != LAPSE_NOFD)
			lapse_set_read_deadline(quiet->waits[i], deadline);
	}
}

void quiet_start(struct quiet *quiet, const struct options *options, lapse_fd one, lapse_fd other)
{
	*quiet = (struct quiet){
		.options = options,
		.waits = {one, other},
		.mutex = PTHREAD_MUTEX_INITIALIZER,
	};
	set_deadlines(quiet, options->deadline);
	quiet_count(quiet, 0);
}

void quiet_count(struct quiet *quiet, int change)
{
	const struct options *options = quiet->options;
	lapse_time deadline = options->deadline;

	if (!options->idle_ns)
		return; /* the deadline is as it was at the start */
	pthread_mutex_lock(&quiet->mutex);
	quiet->writing += change;
	if (!quiet->writing) {
		lapse_time silent = lapse_in(options->idle_ns);
		if (silent < deadline)
			deadline = silent;
	}
	if (!quiet->over)
		set_deadlines(quiet, deadline);
	pthread_mutex_unlock(&quiet->mutex);
}

bool quiet_has_passed(struct quiet *quiet)
{
	pthread_mutex_lock(&quiet->mutex);
	bool passed = lapse_read_deadline(quiet->waits[0]) <= lapse_now();
	pthread_mutex_unlock(&quiet->mutex);
	return passed;
}

bool quiet_end(struct quiet *quiet, lapse_time deadline)
{
	pthread_mutex_lock(&quiet->mutex);
	bool first = !quiet->over;
	quiet->over = true;
	set_deadlines(quiet, deadline);
	pthread_mutex_unlock(&quiet->mutex);
	return first;
}
