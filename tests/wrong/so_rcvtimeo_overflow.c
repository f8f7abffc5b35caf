/* SO_RCVTIMEO fires seconds late, changes nothing under a pending call, and overflows where a
 * deadline is three hundred years away. And where somebody else has set it, a read of lapse's still
 * goes by its own deadline, and never fails with EAGAIN. */
#include "check.h"

#include <sys/time.h>

static void three_hundred_years(void **state)
{
	const struct where *where = *state;
	struct timespec year_2400 = {INT64_C(430) * 31556952, 0};
	lapse_time far[] = {lapse_at(CLOCK_REALTIME, &year_2400), lapse_in(INT64_MAX),
	                    lapse_in(INT64_MAX - 1), LAPSE_NEVER - 1};
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		CHECK(far[i] > lapse_in(INT64_C(200) * 31556952 * LAPSE_S));
		CHECK(deadline_set(s.fd, where->operation->dir, far[i]) == 0);
		subject_block(&s, &c);
		/* What is pending goes by a new deadline at once, not by the one it began with. */
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
		CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	}
	subject_close(&s);
}

static void timeouts_of_others_do_not_show(void **state)
{
	const struct where *where = *state;
	struct timeval tiny = {0, 1000};
	struct subject s;
	struct call c;

	subject_open(&s, where);
	CHECK(setsockopt(lapse_sysfd(s.fd), SOL_SOCKET, SO_RCVTIMEO, &tiny, sizeof(tiny)) == 0);
	CHECK(setsockopt(lapse_sysfd(s.fd), SOL_SOCKET, SO_SNDTIMEO, &tiny, sizeof(tiny)) == 0);
	subject_block(&s, &c);
	/* The others' limit of 1 ms comes and goes. */
	CHECK(lapse_sleep_until(lapse_in(4 * LAPSE_MS)) == 0);
	call_await_sleep(&c);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

static bool is_socket(const struct where *where)
{
	return (where->family->traits & FAMILY_SOCKET) != 0;
}

static const struct check checks[] = {
	{TEST_OPERATIONS(three_hundred_years, NULL)},
	{TEST_OPERATIONS(timeouts_of_others_do_not_show, is_socket)},
};
CHECK_MAIN(checks)
