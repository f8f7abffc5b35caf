/* lapse_call of what hangs on a file's server: the signal comes, the kernel tells the server, and
 * unless that heeds it the call goes on until the answer, whose result is the call's. These are the
 * last rows of the table in lapse_call(3): nothing is let go but by the calls named there. */
#include "check.h"
#include "fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;
static int file; /* "direct0", but for what opens it */
static char room[512];

static long do_read(void *unused)
{
	(void)unused;
	return pread(file, room, sizeof room, 0) == sizeof room ? 0 : -1;
}

static long do_write(void *unused)
{
	(void)unused;
	return pwrite(file, room, sizeof room, 0) == sizeof room ? 0 : -1;
}

static long do_fsync(void *unused)
{
	(void)unused;
	return fsync(file);
}

static long do_fstat(void *unused)
{
	struct stat st;

	(void)unused;
	return fstat(file, &st);
}

static long do_open(void *unused)
{
	int opened = openat(fixture.root, "direct1", O_RDWR | O_CLOEXEC);

	(void)unused;
	return opened < 0 ? -1 : close(opened);
}

static long do_close(void *unused)
{
	int closed = file;

	(void)unused;
	file = -1;
	return close(closed);
}

static long do_stat(void *unused)
{
	struct stat st;

	(void)unused;
	return fstatat(fixture.root, "direct1", &st, 0);
}

static const struct row {
	const char *name;
	uint32_t op; /* the request that it waits for */
	long (*call)(void *unused);
} rows[] = {
	{"read", FUSE_READ, do_read},    {"write", FUSE_WRITE, do_write},
	{"fsync", FUSE_FSYNC, do_fsync}, {"fstat", FUSE_GETATTR, do_fstat},
	{"open", FUSE_OPEN, do_open},    {"close", FUSE_FLUSH, do_close},
	{"stat", FUSE_LOOKUP, do_stat},
};

static intptr_t run_row(struct call *c)
{
	return lapse_call(((const struct row *)c->buf)->call, NULL);
}

static void row_goes_on(const struct row *row)
{
	struct scoped_call s = {.call = {.buf = (void *)(uintptr_t)row}, .run = run_row};
	uint64_t before;

	fixture_start(&fixture);
	file = openat(fixture.root, "direct0", O_RDWR | O_CLOEXEC);
	CHECK(file >= 0);
	fixture_hold(&fixture, row->op);
	before = fixture_count(&fixture, row->op);
	call_start(&s.call, call_in_scope);
	fixture_await(&fixture, row->op, before + 1);
	CHECK(lapse_scope_cancel(atomic_load(&s.id)) == 0);
	fixture_await(&fixture, FUSE_INTERRUPT, 1);
	CHECK(!call_is_done(&s.call));
	fixture_release(&fixture);
	call_join(&s.call);
	if (s.call.result != 0)
		fail_msg("%s: %ld (%s)", row->name, (long)s.call.result, strerror(s.call.error));
	if (file >= 0)
		CHECK(close(file) == 0);
	fixture_stop(&fixture);
}

static void files_go_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		row_goes_on(&rows[i]);
}

static const struct check checks[] = {
	{TEST(files_go_on)},
};
CHECK_MAIN(checks)
