/* What Go's os/timeout_test.go asks of pipes, asked of lapse: of pipes, FIFOs and terminals. And of
 * files, where Go has no deadlines. */
#include "shared.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_no_socket(const struct where *where)
{
	return (where->family->traits & FAMILY_SOCKET) == 0;
}

/* ---- Files ---- */

/* A deadline that has passed keeps a file from being read and written, until it is moved. */
static void nonpollable_deadline(void **state)
{
	lapse_fd fd = lapse_adopt(memfd_create("file", MFD_CLOEXEC));
	char byte = 0;

	(void)state;
	CHECK(fd != LAPSE_NOFD);
	CHECK(lapse_set_deadline(fd, lapse_in(10 * LAPSE_S)) == 0);
	CHECK(lapse_write(fd, "ab", 2) == 2 && lapse_seek(fd, 0, SEEK_SET) == 0);
	CHECK(lapse_set_read_deadline(fd, lapse_in(-1)) == 0);
	CHECK_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	CHECK_ERR(lapse_pread(fd, &byte, 1, 0), LAPSE_EXPIRED);
	CHECK(lapse_pwrite(fd, "A", 1, 0) == 1);
	CHECK(lapse_set_write_deadline(fd, lapse_in(-1)) == 0);
	CHECK_ERR(lapse_pwrite(fd, "x", 1, 0), LAPSE_EXPIRED);
	CHECK_ERR(lapse_write(fd, "x", 1), LAPSE_EXPIRED);
	CHECK_ERR(lapse_fsync(fd), LAPSE_EXPIRED);
	CHECK(lapse_set_deadline(fd, LAPSE_NEVER) == 0);
	CHECK(lapse_read(fd, &byte, 1) == 1 && byte == 'A');
	CHECK(lapse_read(fd, &byte, 1) == 1 && byte == 'b');
	CHECK(lapse_read(fd, &byte, 1) == 0);
	CHECK(lapse_fsync(fd) == 0);
	CHECK(lapse_close(fd) == 0);
}

/* ---- The controlling terminal ---- */

/* Closing a terminal that is being read ends the read and does not wait for a key. */
static int close_dev_tty(void *arg)
{
	const char *name = arg;
	struct call c;
	lapse_fd tty;

	/* The first terminal that a session opens is the one that controls it. */
	if (setsid() < 0 || open(name, O_RDWR | O_CLOEXEC) < 0)
		return 2;
	tty = lapse_open("/dev/tty", O_RDWR, 0);
	if (tty == LAPSE_NOFD)
		return 3;
	operation_block(&c, "read", tty);
	if (lapse_close(tty) != 0)
		return 4;
	call_join(&c);
	return c.result == -1 && c.error == EBADF ? 0 : 5;
}

static void tty_close(void **state)
{
	int master;

	(void)state;
	if (check_threads_are_watched())
		check_skip("ThreadSanitizer cannot follow threads of a child");
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	check_child(close_dev_tty, ptsname(master));
	close(master);
}

static const struct check checks[] = {
	{TEST(nonpollable_deadline)},
	{TEST_FITTING(read_timeout, is_no_socket)},
	{TEST_FITTING(read_timeout_must_not_return, is_no_socket)},
	{TEST_FITTING(write_timeout, is_no_socket)},
	{TEST_FITTING(write_timeout_must_not_return, is_no_socket)},
	{TEST_FITTING(read_timeout_fluctuation, is_no_socket)},
	{TEST_FITTING(write_timeout_fluctuation, is_no_socket)},
	{TEST_FITTING(various_deadlines, is_no_socket)},
	{TEST_FITTING(various_deadlines_1_proc, is_no_socket)},
	{TEST_FITTING(various_deadlines_4_proc, is_no_socket)},
	{TEST_FITTING(read_write_deadline_race, is_no_socket)},
	{TEST_FITTING(racy_read, is_no_socket)},
	{TEST_FITTING(racy_write, is_no_socket)},
	{TEST(tty_close)},
};
CHECK_MAIN(checks)
