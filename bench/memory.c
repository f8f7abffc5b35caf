/* Row "memory": bytes for each handle with deadlines, at 100 000 handles, or as many as the limit of
 * descriptors allows. */
#include "bench.h"

#include <lapse.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WANTED = 100000, SPARE = 16 };

static lapse_fd handles[WANTED];
static int sysfds[WANTED];

/* Beyond the hard limit only with the privilege. */
static void raise_limit(void)
{
	struct rlimit limit = {WANTED + 2 * SPARE, WANTED + 2 * SPARE};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

/* A few are left for what follows. All share one file, so that the kernel's memory is not what runs
 * out. */
static int open_all(void)
{
	int count = 0;

	while (count < WANTED && (sysfds[count] = dup(0)) >= 0)
		count++;
	if (count == WANTED)
		return count;
	for (int i = 1; i <= SPARE; i++)
		close(sysfds[count - i]);
	return count - SPARE;
}

static long private_dirty_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kib = -1;

	must(f != NULL, "/proc/self/smaps_rollup");
	while (kib < 0 && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Private_Dirty: %ld", &kib) != 1)
			kib = -1;
	fclose(f);
	must(kib >= 0, "Private_Dirty");
	return kib;
}

int main(void)
{
	long before;
	int count;

	raise_limit();
	count = open_all();
	memset(handles, 0xff, sizeof handles); /* these pages are ours, and there before */
	(void)private_dirty_kib();             /* the same for those of stdio */
	before = private_dirty_kib();
	for (int i = 0; i < count; i++) {
		handles[i] = lapse_adopt(sysfds[i]);
		must(lapse_set_deadline(handles[i], lapse_in(3600 * LAPSE_S)) == 0, "lapse_adopt");
	}
	say("memory", "each handle", "lapse, private bytes",
	    (double)(private_dirty_kib() - before) * 1024 / count);
	say("memory", "each handle", "handles", count);
}
