/* A deadline moved into the past and cleared again at once, used as a cancel, interrupted nothing in
 * Go: 298 of 300 were lost, since the reader looked too late. Here that is what lapse_cancel is for:
 * it ends what is pending, all of it, and nothing that begins afterwards. */
#include "check.h"

enum { ROUNDS = 30 };

static void cancel_is_never_lost(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	int rounds = check_count(ROUNDS);
	struct subject s;
	struct call c[2];

	subject_open(&s, &reads);
	for (int i = 0; i < rounds; i++) {
		subject_block(&s, &c[0]);
		subject_block(&s, &c[1]);
		CHECK(lapse_cancel(s.fd, LAPSE_READ) == 0);
		CHECK_CALL(&c[0], -1, ECANCELED);
		CHECK_CALL(&c[1], -1, ECANCELED);
	}
	subject_feed(&s, true);
	CHECK(subject_run(&s, &c[0]) == 1);
	subject_close(&s);
}

/* A pulse may or may not end an operation; it never leaves anything behind. */
static void pulse_leaves_nothing(void **state)
{
	const struct where *where = *state;
	struct where reads = {where->family, check_operation("read")};
	int rounds = check_count(ROUNDS), ended = 0;
	struct subject s;
	struct call c;

	subject_open(&s, &reads);
	for (int i = 0; i < rounds; i++) {
		subject_block(&s, &c);
		CHECK(lapse_set_read_deadline(s.fd, lapse_in(0)) == 0);
		CHECK(lapse_set_read_deadline(s.fd, LAPSE_NEVER) == 0);
		subject_feed(&s, true);
		call_join(&c);
		if (c.result != 1) {
			CHECK(c.result == -1 && c.error == LAPSE_EXPIRED);
			CHECK(subject_run(&s, &c) == 1);
			ended++;
		}
	}
	print_message("pulses that ended an operation: %d of %d\n", ended, rounds);
	subject_close(&s);
}

static const struct check checks[] = {
	{TEST_FAMILIES(cancel_is_never_lost, 0)},
	{TEST_FAMILIES(pulse_leaves_nothing, 0)},
};
CHECK_MAIN(checks)
