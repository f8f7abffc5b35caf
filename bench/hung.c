/* Row "breakoff", its second part: how long after its deadline a call returns that a file system holds,
 * for as long as it likes and whatever signals come. The file system is the tests' (tests/fuse). */
#include "bench.h"

#include "check.h"
#include "fuse/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static const int64_t wait_ns = 20 * LAPSE_MS;
static struct fixture fixture;
static char page[4096];

/* ---- What the fixture takes from the tests ---- */

void check_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

void check_skip(const char *reason)
{
	say_skipped("calls on a file system that hangs", reason);
	exit(0);
}

bool check_is_watched(void)
{
	return false;
}

void stamp_fill(void *buf, size_t n, size_t i)
{
	memset(buf, (int)i, n);
}

/* ---- Calls that are held ---- */

static lapse_fd handle_of(size_t i)
{
	char name[16];
	int fd;

	snprintf(name, sizeof name, "direct%zu", i);
	fd = openat(fixture.root, name, O_RDWR | O_CLOEXEC);
	must(fd >= 0, name);
	return lapse_adopt(fd);
}

static long read_page(lapse_fd fd)
{
	return lapse_pread(fd, page, sizeof page, 0);
}

static long write_page(lapse_fd fd)
{
	return lapse_pwrite(fd, page, sizeof page, 0);
}

static long sync_file(lapse_fd fd)
{
	return lapse_fsync(fd);
}

static long stat_file(lapse_fd fd)
{
	struct stat st;

	return lapse_fstat(fd, &st);
}

static long truncate_file(lapse_fd fd)
{
	return lapse_ftruncate(fd, sizeof page);
}

static long open_file(lapse_fd fd)
{
	(void)fd;
	return lapse_openat(fixture.root, "direct7", O_RDONLY, 0) == LAPSE_NOFD ? -1 : 0;
}

/* A handle of its own each time: there is none left to close afterwards. */
static long close_file(lapse_fd fd)
{
	(void)fd;
	return lapse_close(handle_of(6));
}

static const struct held {
	const char *name;
	uint32_t op;
	int error;
	long (*run)(lapse_fd fd);
} helds[] = {
	{"lapse_pread, held", FUSE_READ, LAPSE_EXPIRED, read_page},
	{"lapse_pwrite, held", FUSE_WRITE, EINPROGRESS, write_page},
	{"lapse_fsync, held", FUSE_FSYNC, LAPSE_EXPIRED, sync_file},
	{"lapse_fstat, held", FUSE_GETATTR, LAPSE_EXPIRED, stat_file},
	{"lapse_ftruncate, held", FUSE_SETATTR, EINPROGRESS, truncate_file},
	{"lapse_openat, held", FUSE_OPEN, LAPSE_EXPIRED, open_file},
	{"lapse_close, held", FUSE_FLUSH, EINPROGRESS, close_file},
};
enum { HELD = sizeof helds / sizeof *helds };

/* One sample. The file system answers afterwards, so that no thread stays with it. */
static void end_late(const struct held *h, lapse_fd fd)
{
	lapse_time due, now;
	lapse_scope scope;
	long r;

	fixture_hold(&fixture, h->op);
	due = lapse_in(wait_ns);
	lapse_scope_enter(&scope, due);
	r = h->run(fd);
	now = lapse_now();
	/* A change that no thread came to in time has not begun, and never does. */
	if (r != -1 || (errno != h->error && errno != LAPSE_EXPIRED)) {
		fprintf(stderr, "bench: %s: result %ld, ", h->name, r);
		must(false, "not what was expected");
	}
	lapse_scope_leave(&scope);
	say("breakoff", "", h->name, (double)(now - due) / 1e6);
	fixture_release(&fixture);
}

int main(void)
{
	lapse_fd fds[HELD];

	fixture_start(&fixture);
	for (size_t i = 0; i < HELD; i++)
		fds[i] = handle_of(i);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < HELD; i++)
			end_late(&helds[i], fds[i]);
	for (size_t i = 0; i < HELD; i++)
		lapse_close(fds[i]);
	fixture_stop(&fixture);
}
