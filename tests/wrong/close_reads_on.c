/* Raw Linux, io_uring, and Go on blocking files: after close(2) the pending read goes on reading the
 * old file, and takes a byte from whoever else has it open. Here nothing is consumed any more. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

/* A duplicate keeps the file alive: what comes after the close is for the duplicate. */
static void bytes_stay_for_the_duplicate(void **state)
{
	const struct where *where = *state;
	lapse_fd other[2];
	struct subject s;
	struct call c;

	subject_open(&s, where);
	subject_block(&s, &c);
	other[0] = lapse_dup(s.fd);
	CHECK(other[0] != LAPSE_NOFD);
	CHECK(lapse_close(s.fd) == 0);
	CHECK_CALL(&c, -1, EBADF);
	CHECK(write(lapse_sysfd(s.peer), "x", 1) == 1);
	CHECK(lapse_read(other[0], c.own, 1) == 1 && c.own[0] == 'x');
	CHECK(lapse_close(other[0]) == 0);
	s.fd = LAPSE_NOFD;
	subject_close(&s);
}

/* Once the handle is closed, the last one on its file, the other side sees that nobody reads. */
static void writer_sees_the_end(void **state)
{
	const struct where *where = *state;
	struct subject s;
	struct call c;
	ssize_t n;

	subject_open(&s, where);
	subject_block(&s, &c);
	CHECK(lapse_close(s.fd) == 0);
	CHECK_CALL(&c, -1, EBADF);
	s.fd = LAPSE_NOFD;
	/* TCP learns of it only from the answer to the first bytes. */
	do
		n = lapse_write(s.peer, "x", 1);
	while (n == 1);
	CHECK(n == -1 && (errno == EPIPE || errno == ECONNRESET));
	subject_close(&s);
}

static bool is_read(const struct where *where)
{
	return where->operation->dir == LAPSE_READ && !where->operation->is_connection;
}

static bool is_read_with_an_end(const struct where *where)
{
	return is_read(where) && (where->family->traits & FAMILY_ENDS) != 0;
}

static const struct check checks[] = {
	{TEST_OPERATIONS(bytes_stay_for_the_duplicate, is_read)},
	{TEST_OPERATIONS(writer_sees_the_end, is_read_with_an_end)},
};
CHECK_MAIN(checks)
