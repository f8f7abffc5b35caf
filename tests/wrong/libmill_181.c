/* libmill issue 181: a connect that timed out left its socket open. The runner counts descriptors
 * before and after each of these; here they are also compared on the way. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void connect_that_expired(void **state)
{
	const struct where *where = *state;
	int rounds = check_count(100), before;
	struct subject s;

	subject_open(&s, where);
	before = check_descriptor_count();
	for (int i = 0; i < rounds; i++) {
		lapse_fd fd = lapse_socket(where->family->domain, where->family->type, 0);
		lapse_scope scope;

		lapse_scope_enter(&scope, lapse_in((int64_t)i * 10 * LAPSE_US));
		CHECK_ERR(lapse_connect(fd, (struct sockaddr *)&s.address, s.address_size),
		          LAPSE_EXPIRED);
		CHECK_ERR(lapse_scope_leave(&scope), LAPSE_EXPIRED);
		CHECK(lapse_close(fd) == 0);
		CHECK(check_descriptor_count() == before);
	}
	subject_close(&s);
}

static void accept_that_expired(void **state)
{
	const struct where *where = *state;
	int rounds = check_count(100), before;
	struct subject s;

	subject_open(&s, where);
	before = check_descriptor_count();
	for (int i = 0; i < rounds; i++) {
		CHECK(lapse_set_read_deadline(s.fd, lapse_in((int64_t)i * 10 * LAPSE_US)) == 0);
		CHECK_ERR(lapse_accept(s.fd, NULL, NULL), LAPSE_EXPIRED);
		CHECK(check_descriptor_count() == before);
	}
	subject_close(&s);
}

/* After it has expired, it may be called again, and waits for the same attempt. */
static void connect_can_be_continued(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;

	subject_open(&s, where);
	for (int i = 0; i < 3; i++) {
		CHECK(lapse_set_write_deadline(s.fd, lapse_in(LAPSE_MS)) == 0);
		CHECK_ERR(subject_run(&s, &c), LAPSE_EXPIRED);
	}
	CHECK(lapse_set_write_deadline(s.fd, LAPSE_NEVER) == 0);
	subject_block(&s, &c);
	subject_finish(&s, &c);
	subject_close(&s);
}

static bool is_connect(const struct where *where)
{
	return where->operation == check_operation("connect");
}

static bool is_accept(const struct where *where)
{
	return where->operation == check_operation("accept");
}

static const struct check checks[] = {
	{TEST_OPERATIONS(connect_that_expired, is_connect)},
	{TEST_OPERATIONS(accept_that_expired, is_accept)},
	{TEST_OPERATIONS(connect_can_be_continued, is_connect)},
};
CHECK_MAIN(checks)
