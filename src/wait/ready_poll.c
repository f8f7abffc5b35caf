/* Waiting for what the kernel can poll, in a thread: ppoll on the descriptors and the parker's
 * eventfd. Owns nothing; gives no verdict. */
#include "time/time.h"
#include "wait/wait.h"

/* ppoll may be late by a thousandth of the wait, 100 ms at most, and by the thread's slack. */
static int64_t slack_ns(const struct lp_parker *p, int64_t wait_ns)
{
	int64_t share = wait_ns / 1000;

	if (share > 100 * LAPSE_MS)
		share = 100 * LAPSE_MS;
	return share > p->slack_ns ? share : p->slack_ns;
}

/* Even if the instant has passed it polls once: what is ready by now came in time. */
int lp_ready_park(struct lp_parker *p, lapse_time until, void *way)
{
	struct lp_ready *ready = way;
	struct pollfd *event = &ready->fds[ready->count];
	lapse_time now = 0;
	long r;

	*event = (struct pollfd){.fd = p->event, .events = POLLIN};
	if (until != LAPSE_NEVER) {
		now = os_now();
		if (until > now)
			until = lp_time_aim(now, until, slack_ns(p, until - now));
	}
	if (!lp_park_begin(p, LP_ASLEEP_POLL))
		return 0;
	r = os_poll(ready->fds, ready->count + 1, now, until);
	lp_park_end(p);
	if (r > 0 && event->revents != 0) {
		uint64_t count;

		(void)os_read(p->event, &count, sizeof count);
		r--;
	}
	return r == -EINTR ? 0 : (int)r;
}
