/* Instants: now, in, at. No state; blocks nowhere. */
#include "time/time.h"

lapse_time lapse_now(void)
{
	return os_now();
}

lapse_time lapse_in(int64_t ns)
{
	lapse_time now = os_now();

	return ns > 0 ? lp_time_add(now, ns) : now;
}

/* In ns, at most LAPSE_NEVER; what lies further back than the clocks go has passed all the same. */
static lapse_time from_timespec(const struct timespec *ts)
{
	lapse_time t;

	if (__builtin_mul_overflow((lapse_time)ts->tv_sec, LAPSE_S, &t))
		return ts->tv_sec > 0 ? LAPSE_NEVER : 0;
	return lp_time_add(t, ts->tv_nsec);
}

lapse_time lapse_at(clockid_t clock, const struct timespec *ts)
{
	lapse_time there;
	lapse_time when;
	lapse_time ahead;
	int r = os_clock(clock, &there);

	if (r == 0 && (ts == NULL || ts->tv_nsec < 0 || ts->tv_nsec >= LAPSE_S))
		r = -EINVAL;
	if (lp_ret(r) < 0)
		return 0;
	when = from_timespec(ts);
	if (clock == CLOCK_MONOTONIC || when == LAPSE_NEVER)
		return when;
	if (__builtin_sub_overflow(when, there, &ahead))
		return 0;
	return ahead > 0 ? lp_time_add(os_now(), ahead) : os_now() + ahead;
}

lapse_time lp_time_aim(lapse_time now, lapse_time until, int64_t slack_ns)
{
	if (until == LAPSE_NEVER || until <= now)
		return until;
	return until - now > slack_ns ? until - slack_ns : now + 1;
}

int lapse_version(void)
{
	return LAPSE_VERSION;
}
