/* Tables sized once by RLIMIT_NOFILE: a limit that is raised later gives numbers beyond their end,
 * one that is lowered leaves numbers above it in use, and an unlimited one asks for gigabytes. Here
 * no table knows of the limit. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static rlim_t limit_set(rlim_t count)
{
	struct rlimit limit;
	rlim_t old;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	old = limit.rlim_cur;
	limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	return old;
}

/* All that a handle can do, at a number. */
static void use_number(lapse_fd writer, int sysfd)
{
	lapse_fd fd = lapse_adopt(sysfd);
	struct call c = {.fd = fd};
	char byte;

	CHECK(fd != LAPSE_NOFD && lapse_sysfd(fd) == sysfd);
	CHECK(lapse_set_read_deadline(fd, lapse_in(LAPSE_MS)) == 0);
	CHECK_ERR(lapse_read(fd, &byte, 1), LAPSE_EXPIRED);
	CHECK(lapse_set_read_deadline(fd, LAPSE_NEVER) == 0);
	call_block(&c, check_operation("wait_read")->run);
	CHECK(lapse_write(writer, "x", 1) == 1);
	CHECK_CALL(&c, 1, 0);
	CHECK(lapse_read(fd, &byte, 1) == 1);
	CHECK(lapse_close(fd) == 0);
}

static void limit_raised_and_lowered(void **state)
{
	struct rlimit all;
	lapse_fd ends[2];
	rlim_t old;
	int high;

	(void)state;
	CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
	/* The handles before the others live under a low limit. */
	old = limit_set(64);
	pair_make("pipe", ends);
	use_number(ends[1], dup(lapse_sysfd(ends[0])));
	limit_set(all.rlim_max);
	high = fcntl(lapse_sysfd(ends[0]), F_DUPFD_CLOEXEC, (int)all.rlim_max - 1);
	CHECK(high == (int)all.rlim_max - 1);
	use_number(ends[1], high);
	high = fcntl(lapse_sysfd(ends[0]), F_DUPFD_CLOEXEC, (int)all.rlim_max - 1);
	limit_set(64);
	use_number(ends[1], high);
	limit_set(old);
	pair_close(ends);
}

/* poll(2) refuses more entries than the limit, and lapse_poll says so as it does. */
static void more_entries_than_the_limit(void **state)
{
	enum { COUNT = 100 };
	struct lapse_pollfd fds[COUNT];
	lapse_fd ends[2];
	rlim_t old;
	int count;

	(void)state;
	pair_make("pipe", ends);
	for (int i = 0; i < COUNT; i++)
		fds[i] = (struct lapse_pollfd){ends[0], LAPSE_READ, 0, 0};
	CHECK(lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) == 0);
	old = limit_set(COUNT / 2);
	CHECK_ERR(lapse_poll(fds, COUNT), EINVAL);
	limit_set(old);
	count = lapse_poll(fds, COUNT);
	CHECK(count == COUNT && fds[COUNT - 1].error == LAPSE_EXPIRED);
	pair_close(ends);
}

static const struct check checks[] = {
	{TEST(limit_raised_and_lowered)},
	{TEST(more_entries_than_the_limit)},
};
CHECK_MAIN(checks)
