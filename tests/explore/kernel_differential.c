/* The explorer's kernel against Linux: the same random scripts of system calls, in one thread, with
 * nothing going wrong; every result, error and byte must be the same. What a full socket holds is
 * each kernel's own affair, so scripts never fill one; pipes are filled by whole pages.
 *
 * usage: kernel_differential [SCRIPTS [FIRST SEED]]. Prints the script that differs. Needs nothing of
 * lapse, no cmocka: its process must have no descriptors but the standard ones. */
#include "kernel_differential.h"
#include "kernel_alone.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CALLS = 30, LINES = 128 };

/* ---- The script in hand ---- */

static uint64_t seed;
static char lines[LINES][160];
static int line_count;
static int differences;
char script_path[] = "/tmp/kernel_differential.XXXXXX";

uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

bool same(long model, long real, const char *format, ...)
{
	char *line = lines[line_count++ % LINES];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof *lines, format, args);
	va_end(args);
	if (model == real) {
		(void)snprintf(line + n, sizeof *lines - (size_t)n, " = %ld", real);
		return true;
	}
	(void)snprintf(line + n, sizeof *lines - (size_t)n, ": the model says %ld, Linux %ld",
	               model, real);
	differences++;
	return false;
}

/* ---- Scripts ---- */

static void hold_sigpipe(void)
{
	uint64_t mask;
	bool pending;

	k_sigpipe_hold(&mask, &pending);
}

static void begin(uint64_t from)
{
	(void)close_range(FIRST, ~0U, 0);
	kernel_begin();
	hold_sigpipe();
	line_count = 1;
	(void)snprintf(lines[0], sizeof lines[0], "seed %" PRIu64, from);
	seed = from * UINT64_C(0x9e3779b97f4a7c15) + 1;
	(void)draw(2);
}

static void print_script(void)
{
	int first = line_count > LINES ? line_count - LINES : 0;

	for (int i = first; i < line_count; i++)
		(void)printf("# %s\n", lines[i % LINES]);
}

/* Only what a handler may call. */
static void hangs(int signal)
{
	static const char text[] = "Bail out! a call that waits; before it:\n";
	int first = line_count > LINES ? line_count - LINES : 0;

	(void)signal;
	(void)!write(STDOUT_FILENO, text, sizeof text - 1);
	for (int i = first; i < line_count; i++) {
		(void)!write(STDOUT_FILENO, lines[i % LINES], strlen(lines[i % LINES]));
		(void)!write(STDOUT_FILENO, "\n", 1);
	}
	_exit(1);
}

static bool finish(void)
{
	if (differences > 0)
		print_script();
	return differences == 0;
}

static bool is_old;

static bool script(uint64_t from)
{
	begin(from);
	k_set_capacity(1024);
	k_set_old(is_old);
	call_pair();
	call_pipe();
	for (int i = 0; i < CALLS && differences == 0; i++)
		call_any();
	return finish();
}

static bool locking(uint64_t from)
{
	begin(from);
	for (int i = 0; i < CALLS && differences == 0; i++)
		call_lock();
	return finish();
}

/* A pipe of four pages, which are 4096 bytes there and 256 here. */
enum { PAGE = 4096, SCALE = 16, PAGES = 4 };

static long scaled(long r)
{
	return r < 0 ? r : r * SCALE;
}

static bool filling(uint64_t from)
{
	static char buf[8 * PAGE];
	int model[2];
	int real[2];

	begin(from);
	k_set_capacity(PAGES * PAGE / SCALE);
	(void)same(k_pipe2(model, O_NONBLOCK), raw(pipe2(real, O_NONBLOCK)), "pipe2");
	(void)same(PAGES * PAGE, fcntl(real[1], F_SETPIPE_SZ, PAGES * PAGE), "F_SETPIPE_SZ");
	for (int i = 0; i < CALLS && differences == 0; i++) {
		size_t n = (draw(6) + 1) * PAGE;
		struct pollfd p = {.fd = model[1], .events = POLLOUT};
		struct pollfd q = p;

		if (draw(2) == 0)
			(void)same(scaled(k_write(model[1], buf, n / SCALE)),
			           raw(write(real[1], buf, n)), "write %zu", n);
		else
			(void)same(scaled(k_read(model[0], buf, n / SCALE)),
			           raw(read(real[0], buf, n)), "read %zu", n);
		(void)same(k_poll(&p, 1, 0, 0), raw(poll(&q, 1, 0)), "poll");
	}
	return finish();
}

/* Does this kernel know RWF_NOSIGNAL? */
static bool lacks_nosignal(void)
{
	struct iovec iov = {(char[]){0}, 1};
	int fds[2];
	bool old;

	if (pipe(fds) != 0)
		return true;
	old = pwritev2(fds[1], &iov, 1, -1, RWF_NOSIGNAL) < 0;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return old;
}

static void run(const char *name, int number, uint64_t count, uint64_t first,
                bool (*test)(uint64_t))
{
	bool good = true;

	for (uint64_t i = 0; i < count && good; i++) {
		(void)alarm(10);
		good = test(first + i);
	}
	differences = 0;
	(void)printf("%s %d - %s: %" PRIu64 " scripts\n", good ? "ok" : "not ok", number, name,
	             count);
}

int main(int argc, char **argv)
{
	struct rlimit limit = {NUMBERS, NUMBERS};
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	(void)close_range(FIRST, ~0U, 0);
	is_old = lacks_nosignal();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGALRM, hangs);
	(void)close(mkstemp(script_path));
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)printf("1..3\n");
	run("sockets, pipes, eventfds, files", 1, count, first, script);
	run("locks", 2, count / 10, first, locking);
	run("a pipe that fills", 3, count / 10, first, filling);
	(void)unlink(script_path);
	return 0;
}
