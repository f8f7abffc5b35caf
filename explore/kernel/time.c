/* The clocks, all of them the engine's. Owns nothing. */
#include "kernel/internal.h"

#include <stdio.h>
#include <time.h>

static void describe_now(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size, "= %lld", (long long)op->values[0]);
}

lapse_time k_now(void)
{
	struct x_op op = {.name = "now", .object = x_clock(), .describe = describe_now};

	op.reads = x_only(op.object);
	x_step(&op);
	x_note(0, (uint64_t)x_time());
	return x_time();
}

/* For people alone, and never looked at here: no step, and always the same. */
lapse_time k_now_coarse(void)
{
	return 0;
}

/* Others tick with it, from another beginning. */
int k_clock(clockid_t clock, lapse_time *now)
{
	const int64_t years = 56;

	switch (clock) {
	case CLOCK_MONOTONIC:
		*now = k_now();
		return 0;
	case CLOCK_REALTIME:
		*now = k_now() + years * 365 * 86400 * LAPSE_S;
		return 0;
	case CLOCK_BOOTTIME:
		*now = k_now();
		return 0;
	default:
		return -EINVAL;
	}
}
