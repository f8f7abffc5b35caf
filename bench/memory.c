/* Row 5: memory for each handle with a deadline, at 100 000 handles or as many as the limit of
 * descriptors allows. */
#include "bench.h"

#include <lapse.h>
#include <string.h>
#include <sys/resource.h>

enum { WANTED = 100000 };

static lapse_fd fds[WANTED];

static double private_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	double sum = 0;
	double kib;

	must(f != NULL, "/proc/self/smaps_rollup");
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Private_Dirty: %lf", &kib) == 1 ||
		    sscanf(line, "Private_Clean: %lf", &kib) == 1)
			sum += kib;
	fclose(f);
	return sum;
}

int main(void)
{
	struct rlimit limit;
	char name[64];
	double before;
	int spare = dup(0); /* for the last look, when all others are taken */
	int count = 0;

	must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	memset(fds, 1, sizeof fds); /* its pages are the program's, and there before */
	before = private_kib();
	for (; count < WANTED; count++) {
		int sysfd = dup(0);

		if (sysfd < 0)
			break;
		fds[count] = lapse_adopt(sysfd);
		must(lapse_set_deadline(fds[count], lapse_in(LAPSE_S)) == 0, "lapse_set_deadline");
	}
	close(spare);
	snprintf(name, sizeof name, "lapse, %d handles", count);
	say("5", "bytes a handle", name, (private_kib() - before) * 1024 / count);
}
