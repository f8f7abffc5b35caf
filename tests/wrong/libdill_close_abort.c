/* libdill: closing a handle on which a call was pending aborted the program. Here the call fails,
 * the close succeeds, and everything goes on. */
#include "check.h"

enum { CALLS = 4 };

static void close_under_everything(void **state)
{
	struct subject s;
	struct call c[CALLS];

	subject_open(&s, *state);
	for (int i = 0; i < CALLS; i++)
		subject_block(&s, &c[i]);
	CHECK(lapse_close(s.fd) == 0);
	for (int i = 0; i < CALLS; i++)
		CHECK_CALL(&c[i], -1, EBADF);
	CHECK_ERR(subject_run(&s, &c[0]), EBADF);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

/* Two close at the same time: one of them has done it, the other is told so. */
static intptr_t do_close(struct call *c)
{
	return lapse_close(c->fd);
}

static void two_close_at_once(void **state)
{
	int rounds = check_count(30);

	for (int i = 0; i < rounds; i++) {
		struct subject s;
		struct call pending, closer[2];

		subject_open(&s, *state);
		subject_block(&s, &pending);
		for (int k = 0; k < 2; k++) {
			closer[k] = (struct call){.fd = s.fd};
			call_start(&closer[k], do_close);
		}
		call_join(&closer[0]);
		call_join(&closer[1]);
		CHECK(closer[0].result + closer[1].result == -1);
		CHECK(closer[closer[0].result == 0].error == EBADF);
		CHECK_CALL(&pending, -1, EBADF);
		s.fd = LAPSE_NOFD;
		subject_close(&s);
	}
}

static bool is_plain_read(const struct where *where)
{
	return where->operation == check_operation("read");
}

static const struct check checks[] = {
	{TEST_OPERATIONS(close_under_everything, NULL)},
	{TEST_OPERATIONS(two_close_at_once, is_plain_read)},
};
CHECK_MAIN(checks)
