/* lapse tour: what plain POSIX calls do and what lapse does in the same situation, both run for real.
 * All sides of all scenes run at once, each in a thread of its own, since they mostly wait. Owns the
 * printing and the verdict; the scenes are in tour_deadline.c, tour_other.c and tour_call.c. */
#include "tour.h"
#include "cli.h"

#include <stdio.h>
#include <unistd.h>

enum {
	SCENE_COUNT_MAX = 32,
	SCENE_SECONDS_MAX = 10, /* more, and it hangs */
};

static const char help[] =
	"Usage: lapse tour\n"
	"Run each scene twice at once, with plain POSIX calls and with lapse, and show the times.\n"
	"\n"
	"      --help  show this\n"
	"\n"
	"kept: lapse did what it promises. It was never early, and no more than 2 s late.\n"
	"Exit status: 0 every promise was kept, 1 one was broken, 2 wrong usage.\n";

struct running {
	const struct scene *scene;
	struct side posix, lapse;
	pthread_t posix_thread, lapse_thread;
};

static void *run_posix(void *arg)
{
	struct running *running = arg;

	running->scene->posix(&running->posix);
	return NULL;
}

static void *run_lapse(void *arg)
{
	struct running *running = arg;

	running->scene->lapse(&running->lapse);
	return NULL;
}

static int start(struct running *running, const struct scene *scenes)
{
	int count = 0;

	for (; scenes[count].situation; count++) {
		struct running *at = &running[count];
		at->scene = &scenes[count];
		need(!pthread_create(&at->posix_thread, NULL, run_posix, at), "a thread");
		need(!pthread_create(&at->lapse_thread, NULL, run_lapse, at), "a thread");
	}
	return count;
}

/* False: it hangs, and its side must not be looked at. */
static bool join(pthread_t thread, const struct timespec *hanging)
{
	return !pthread_timedjoin_np(thread, NULL, hanging);
}

static void print_side(const char *name, const char *verdict, const char *colour,
                       const struct side *side)
{
	const char *plain = *colour ? "\033[0m" : "";

	printf("    %-5s  %s%-6s%s ", name, colour, verdict, plain);
	if (side)
		printf(" %7.1f ms  %s\n", (double)side->took / (double)LAPSE_MS, side->text);
	else
		printf(" hangs\n");
}

/* Whether the promise was kept. */
static bool show(struct running *running, int number, const struct timespec *hanging)
{
	bool colours = isatty(STDOUT_FILENO);

	printf("\n%2d  %s\n", number, running->scene->situation);
	bool ended = join(running->posix_thread, hanging);
	print_side("posix", "", "", ended ? &running->posix : NULL);
	ended = join(running->lapse_thread, hanging);
	bool kept = ended && running->lapse.kept;
	const char *colour = kept ? "\033[32m" : "\033[1;31m";
	print_side("lapse", kept ? "kept" : "broken", colours ? colour : "",
	           ended ? &running->lapse : NULL);
	fflush(stdout);
	return kept;
}

int tour_run(int argc, char **argv)
{
	static struct running running[SCENE_COUNT_MAX];
	struct options options;

	options_read(&options, argc, argv, "", 0, help);
	need(!access("/proc/self/task", X_OK), "out which threads sleep: /proc/self/task");
	printf("What POSIX does and what lapse does in the same situation, measured here and "
	       "now.\n");
	fflush(stdout);
	lapse_time begin = lapse_now();
	struct timespec hanging = {.tv_sec = time(NULL) + SCENE_SECONDS_MAX};
	int count = start(running, deadline_scenes);
	count += start(running + count, other_scenes);
	count += start(running + count, call_scenes);
	int kept = 0;
	for (int i = 0; i < count; i++)
		kept += show(&running[i], i + 1, &hanging);
	printf("\n%d kept, %d broken, in %.1f s.\n", kept, count - kept,
	       (double)(lapse_now() - begin) / (double)LAPSE_S);
	return kept == count ? STATUS_DONE : STATUS_FAILED;
}
