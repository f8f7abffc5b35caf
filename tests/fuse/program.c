/* The program on a file whose server does not answer: lapse pipe says in time that time was up, and ends
 * with status 124 as soon as the kernel lets it. LAPSE is its path. */
#include "held.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const int64_t total_ns = 300 * LAPSE_MS;
static struct held held;

/* The file is one side, a pipe the other; which of its requests is held. */
static const struct side {
	bool is_out;
	uint32_t op;
	uint64_t after; /* so many that are answered: exec closes a copy */
	const char *says;
} sides[] = {
	{false, FUSE_READ, 0, "lapse pipe: time was up (total 300ms): 0 bytes moved"},
	{true, FUSE_WRITE, 0, "lapse pipe: time was up (total 300ms): 0 bytes moved"},
	{true, FUSE_FLUSH, 1, "lapse pipe: time was up (total 300ms): "},
};
enum { SIDE_COUNT = sizeof(sides) / sizeof(sides[0]) };

/* What it says on standard error comes out of *says. */
static pid_t start(int in, int out, int *says)
{
	const char *path = getenv("LAPSE");
	int ends[2];
	pid_t pid;

	CHECK(path != NULL && pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		    dup2(ends[1], STDERR_FILENO) >= 0)
			execl(path, "lapse", "pipe", "--total", "300ms", (char *)NULL);
		_exit(99);
	}
	close(ends[1]);
	*says = ends[0];
	return pid;
}

/* It has one line to say; it may not be able to end yet. */
static void read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
}

/* heeds: its server ends what it holds when the kernel says that nobody waits for it any more, as it does
 * of a process that exits. Otherwise that process is there until it is answered. */
static void runs(const struct side *side, const char *name, bool heeds)
{
	lapse_time begin;
	char line[200];
	int ends[2], file, says, status;
	pid_t pid;

	held_start(&held);
	file = openat(held.fixture.root, name, O_RDWR | O_CLOEXEC);
	CHECK(file >= 0 && pipe2(ends, O_CLOEXEC) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	fixture_hold_after(&held.fixture, side->op, side->after);
	if (heeds)
		fixture_heed(&held.fixture);
	begin = lapse_now();
	if (side->is_out)
		pid = start(ends[0], file, &says);
	else
		pid = start(file, ends[1], &says);
	close(ends[0]);
	close(ends[1]);
	read_line(says, line, sizeof(line));
	CHECK(lapse_now() - begin >= total_ns);
	if (strncmp(line, side->says, strlen(side->says)) != 0)
		fail_msg("opcode %u of %s: it says \"%s\"", side->op, name, line);
	if (!heeds)
		fixture_release(&held.fixture);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 124);
	fixture_release(&held.fixture);
	close(says);
	close(file);
	held_stop(&held);
}

static void server_heeds(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * (SIDE_COUNT - 1); i++)
		runs(&sides[i / 2], held_files[i % 2], true);
}

static void server_does_not(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * SIDE_COUNT; i++)
		runs(&sides[i / 2], held_files[i % 2], false);
}

static const struct check checks[] = {
	{TEST(server_heeds)},
	{TEST(server_does_not)},
};
CHECK_MAIN(checks)
