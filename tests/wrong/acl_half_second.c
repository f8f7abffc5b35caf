/* acl: half a second was cut to zero seconds, and zero meant "no timeout". Here there are no units
 * to get wrong: each of these durations is waited for, to the nanosecond and not much longer. */
#include "check.h"

static const int64_t durations[] = {1,
                                    999,
                                    LAPSE_US,
                                    LAPSE_MS - 1,
                                    LAPSE_MS,
                                    LAPSE_MS + 1,
                                    30 * LAPSE_MS,
                                    LAPSE_S / 2,
                                    LAPSE_S / 2 + 1};

static void every_fraction_counts(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	struct subject s;
	struct call c;

	subject_open(&s, &reads);
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		lapse_time began = lapse_now();

		CHECK(lapse_set_read_deadline(s.fd, lapse_in(durations[i])) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(lapse_now() >= began + durations[i]);
	}
	subject_close(&s);
}

static void every_fraction_of_a_sleep_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		lapse_time when = lapse_in(durations[i]);

		CHECK(lapse_sleep_until(when) == 0);
		CHECK(lapse_now() >= when);
	}
}

static bool is_one_of_three(const struct where *where)
{
	return where->family == check_family("pipe") || where->family == check_family("tcp") ||
	       where->family == check_family("pty_master");
}

static const struct check checks[] = {
	{TEST_FITTING(every_fraction_counts, is_one_of_three)},
	{TEST(every_fraction_of_a_sleep_counts)},
};
CHECK_MAIN(checks)
