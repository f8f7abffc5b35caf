/* Instants: arithmetic that saturates. No state. */
#ifndef LP_TIME_H
#define LP_TIME_H

#include "os/os.h"

/* t + ns; LAPSE_NEVER is the end of time. ns >= 0. */
OS_INLINE lapse_time lp_time_add(lapse_time t, int64_t ns)
{
	lapse_time sum;

	return __builtin_add_overflow(t, ns, &sum) ? LAPSE_NEVER : sum;
}

OS_INLINE lapse_time lp_time_min(lapse_time a, lapse_time b)
{
	return a < b ? a : b;
}

/* What to ask of the kernel so as to wake at `until`, given that it fires up to slack_ns late and on
 * an idle machine always the whole of it: too early only costs another look. */
lapse_time lp_time_aim(lapse_time now, lapse_time until, int64_t slack_ns);

#endif
