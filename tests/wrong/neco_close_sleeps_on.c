/* neco: a call that was pending when its descriptor was closed slept on until its own deadline. Here
 * it returns at once, long before that, and close does not return before it. */
#include "check.h"

static void close_wakes_at_once(void **state)
{
	const struct where *where = *state;
	lapse_time deadline;
	struct subject s;
	struct call c[2];

	subject_open(&s, where);
	/* Further away than this test may take. */
	deadline = lapse_in(3600 * LAPSE_S);
	CHECK(lapse_set_deadline(s.fd, deadline) == 0);
	CHECK(lapse_set_idle(s.fd, LAPSE_READ | LAPSE_WRITE, 3600 * LAPSE_S) == 0);
	subject_block(&s, &c[0]);
	subject_block(&s, &c[1]);
	CHECK(lapse_close(s.fd) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK_CALL(&c[i], -1, EBADF);
		CHECK(c[i].ended < deadline);
	}
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(close_wakes_at_once, NULL)},
};
CHECK_MAIN(checks)
