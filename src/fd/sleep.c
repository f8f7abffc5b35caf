/* lapse_sleep_until: an operation on no handle. Owns nothing. */
#include "fd/op.h"
#include "time/time.h"

/* Whether the instant or a scope's end came first decides, not who looks when: the scopes are asked
 * as of the instant once that has come. */
static int look_asleep(void *ctx, lapse_time *earliest)
{
	lapse_time when = *(const lapse_time *)ctx;
	lapse_time now = os_now();
	lapse_time as_of = when < now && when != LP_UNREAD ? when : now;
	int r;

	*earliest = LAPSE_NEVER;
	r = lp_scope_look(&as_of, earliest);
	if (r < 0)
		return r;
	*earliest = lp_time_min(*earliest, when);
	return when <= now;
}

int lapse_sleep_until(lapse_time when)
{
	struct lp_parker *p;
	int r = lp_parker_mine(&p);

	if (r < 0)
		return (int)lp_ret(r);
	lp_parker_note(p, "sleep", 0);
	r = lp_sleep(p, when, look_asleep, &when, lp_park_futex, NULL);
	return (int)lp_ret(r < 0 ? r : 0);
}
