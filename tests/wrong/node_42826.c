/* Node issue 42826: O_NONBLOCK, set on a terminal that other processes share, made their reads and
 * writes fail with EAGAIN. Here nobody ever sees it, not even while a call is pending. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

/* The other owner of the description, as the other process would have it. */
static void flags_while_pending(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	int other, flags;

	subject_open(&s, where);
	other = fcntl(lapse_sysfd(s.fd), F_DUPFD_CLOEXEC, 0);
	CHECK(other >= 0);
	flags = fcntl(other, F_GETFL);
	subject_block(&s, &c);
	for (int i = 0; i < 20; i++) {
		CHECK(fcntl(other, F_GETFL) == flags);
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(3600 * LAPSE_S + i)) == 0);
	}
	CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(0)) == 0);
	CHECK_CALL(&c, -1, LAPSE_EXPIRED);
	CHECK(fcntl(other, F_GETFL) == flags);
	CHECK(lapse_close(s.fd) == 0);
	CHECK(fcntl(other, F_GETFL) == flags);
	close(other);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

/* The other owner may set and clear it under us; that is no business of the calls on the handle. */
static void flags_may_change(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	int sysfd, flags;

	subject_open(&s, where);
	sysfd = lapse_sysfd(s.fd);
	flags = fcntl(sysfd, F_GETFL);
	for (int i = 0; i < 4; i++) {
		CHECK(fcntl(sysfd, F_SETFL, flags ^ O_NONBLOCK) == 0);
		subject_block(&s, &c);
		CHECK(fcntl(sysfd, F_SETFL, flags) == 0);
		if (i % 2 == 0)
			CHECK(fcntl(sysfd, F_SETFL, flags ^ O_NONBLOCK) == 0);
		CHECK(deadline_set(s.fd, where->operation->dir, lapse_in(LAPSE_MS)) == 0);
		CHECK_CALL(&c, -1, LAPSE_EXPIRED);
		CHECK(deadline_set(s.fd, where->operation->dir, LAPSE_NEVER) == 0);
		CHECK(fcntl(sysfd, F_SETFL, flags) == 0);
	}
	subject_close(&s);
}

static bool is_no_connection(const struct where *where)
{
	return !where->operation->is_connection;
}

static const struct check checks[] = {
	{TEST_OPERATIONS(flags_while_pending, NULL)},
	{TEST_OPERATIONS(flags_may_change, is_no_connection)},
};
CHECK_MAIN(checks)
