/* Go issue 60282: a deadline equal to now was taken for no deadline at all. */
#include "check.h"

static void now_has_passed(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	lapse_scope scope;

	subject_open(&s, where);
	for (int i = 0; i < 20; i++) {
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_now()) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK(deadline_set(s.fd, where->operation->dir, LAPSE_NEVER) == 0);
		lapse_scope_enter(&scope, lapse_now());
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
	}
	subject_close(&s);
}

static void now_ends_what_is_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_now()) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	subject_close(&s);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(now_has_passed, NULL)},
	{TEST_OPERATIONS(now_ends_what_is_pending, NULL)},
};
CHECK_MAIN(checks)
