/* State Threads: closing a descriptor on which a call was pending failed with EBUSY and left it
 * open. Here close never gives up half-way: no deadline and no scope of the closer's ends it. */
#include "check.h"

#include <fcntl.h>

static void close_obeys_nothing(void **state)
{
	struct subject s;
	struct call c;
	lapse_scope scope;
	int sysfd;

	subject_open(&s, *state);
	subject_block(&s, &c);
	sysfd = lapse_sysfd(s.fd);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK(lapse_scope_cancel(lapse_scope_share(&scope)) == 0);
	CHECK(lapse_close(s.fd) == 0);
	CHECK(lapse_scope_leave(&scope) == 0);
	CHECK(fcntl(sysfd, F_GETFD) == -1 && errno == EBADF);
	CHECK_CALL(&c, -1, EBADF);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

static void release_obeys_nothing(void **state)
{
	struct subject s;
	struct call c;
	lapse_scope scope;
	int sysfd;

	subject_open(&s, *state);
	CHECK(lapse_set_deadline(s.fd, LAPSE_NEVER - 1) == 0);
	subject_block(&s, &c);
	sysfd = lapse_sysfd(s.fd);
	lapse_scope_enter(&scope, lapse_in(0));
	CHECK(lapse_release(s.fd) == sysfd);
	CHECK(lapse_scope_leave(&scope) == 0);
	CHECK_CALL(&c, -1, EBADF);
	s.fd = lapse_adopt(sysfd);
	CHECK(s.fd != LAPSE_NOFD);
	subject_close(&s);
}

static const struct check checks[] = {
	{TEST_OPERATIONS(close_obeys_nothing, NULL)},
	{TEST_OPERATIONS(release_obeys_nothing, NULL)},
};
CHECK_MAIN(checks)
