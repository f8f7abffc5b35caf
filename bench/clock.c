/* Row "ready": how often a call reads the clock. The linker sends every clock_gettime through here
 * (-Wl,--wrap), so this is a count, not a guess from the time it takes. It sends getauxval here, too,
 * which hides the kernel's own function: without it lapse asks the C library. */
#include "bench.h"

#include <lapse.h>
#include <sys/auxv.h>
#include <time.h>

enum { CALLS = 1000 };

static int64_t reads;

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	reads++;
	return __real_clock_gettime(clock, t);
}

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
	return type == AT_SYSINFO_EHDR ? 0 : __real_getauxval(type);
}

static double reads_of_each(void (*call)(lapse_fd fd[2]), lapse_fd fd[2])
{
	int64_t before = reads;

	for (int i = 0; i < CALLS; i++)
		call(fd);
	return (double)(reads - before) / CALLS;
}

static void set(lapse_fd fd[2])
{
	must(lapse_set_deadline(fd[0], LAPSE_NEVER - 1) == 0, "lapse_set_deadline");
}

static void write_read(lapse_fd fd[2])
{
	char byte = 0;

	must(lapse_write(fd[0], &byte, 1) == 1 && lapse_read(fd[1], &byte, 1) == 1, "write, read");
}

int main(void)
{
	static const char group[] = "looks at the clock, each call";
	lapse_fd fd[2];
	double standing;

	must(lapse_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "lapse_socketpair");
	say("ready", group, "lapse, no deadline", reads_of_each(write_read, fd) / 2);
	for (int i = 0; i < 2; i++)
		lapse_set_deadline(fd[i], lapse_in(3600 * LAPSE_S));
	standing = reads_of_each(write_read, fd) / 2;
	must(standing >= 1, "a deadline was not looked at, or the clock is read past the count");
	say("ready", group, "lapse, standing deadlines", standing);
	say("ready", group, "lapse_set_deadline", reads_of_each(set, fd));
}
