/* All that a library could leave behind in the process; exercise.h. Owns one snapshot at a time. */
#include "exercise.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Two signals are libc's own: pthread_create takes them. */
enum { SIGNALS = 65, LIBC_FIRST = 32, LIBC_LAST = 33, NUMBERS = 64 };

struct snapshot {
	unsigned char actions[SIGNALS][32]; /* as the kernel gives them */
	sigset_t mask, pending;
	stack_t stack;
	struct rlimit limits[RLIM_NLIMITS];
	int flags[NUMBERS]; /* of the first descriptors, -1 for none */
	mode_t umask;
	int threads, priority, slack, dumpable, child_signal;
	char locale[64], folder[4096];
};

static int thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = -2;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

/* A sleeper's eventfd may stay, one for each thread that has slept, and it is no one else's. */
static int flags_of(int number)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", number);
	if (readlink(path, target, sizeof(target) - 1) > 0 &&
	    strcmp(target, "anon_inode:[eventfd]") == 0)
		return -1;
	return fcntl(number, F_GETFL);
}

struct snapshot *snapshot_take(void)
{
	static struct snapshot both[2];
	static int taken;
	struct snapshot *s = &both[taken++ % 2];

	memset(s, 0, sizeof(*s));
	s->threads = thread_count();
	for (int i = 1; i < SIGNALS; i++)
		if (i < LIBC_FIRST || i > LIBC_LAST)
			EXPECT(syscall(SYS_rt_sigaction, i, NULL, s->actions[i], 8) == 0);
	EXPECT(sigprocmask(SIG_SETMASK, NULL, &s->mask) == 0);
	EXPECT(sigpending(&s->pending) == 0);
	EXPECT(sigaltstack(NULL, &s->stack) == 0);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		EXPECT(getrlimit(i, &s->limits[i]) == 0);
	for (int i = 0; i < NUMBERS; i++)
		s->flags[i] = flags_of(i);
	s->umask = umask(0);
	umask(s->umask);
	s->priority = getpriority(PRIO_PROCESS, 0);
	s->slack = prctl(PR_GET_TIMERSLACK);
	s->dumpable = prctl(PR_GET_DUMPABLE);
	EXPECT(prctl(PR_GET_PDEATHSIG, &s->child_signal) == 0);
	snprintf(s->locale, sizeof(s->locale), "%s", setlocale(LC_ALL, NULL));
	EXPECT(getcwd(s->folder, sizeof(s->folder)) != NULL);
	return s;
}

void snapshot_compare(struct snapshot *a)
{
	const struct snapshot *b = snapshot_take();

	EXPECT(a->threads == b->threads);
	EXPECT(memcmp(a->actions, b->actions, sizeof(a->actions)) == 0);
	EXPECT(memcmp(&a->mask, &b->mask, sizeof(a->mask)) == 0);
	EXPECT(memcmp(&a->pending, &b->pending, sizeof(a->pending)) == 0);
	EXPECT(a->stack.ss_sp == b->stack.ss_sp && a->stack.ss_flags == b->stack.ss_flags);
	EXPECT(memcmp(a->limits, b->limits, sizeof(a->limits)) == 0);
	EXPECT(memcmp(a->flags, b->flags, sizeof(a->flags)) == 0);
	EXPECT(a->umask == b->umask && a->priority == b->priority && a->slack == b->slack);
	EXPECT(a->dumpable == b->dumpable && a->child_signal == b->child_signal);
	EXPECT(strcmp(a->locale, b->locale) == 0);
	EXPECT(strcmp(a->folder, b->folder) == 0);
}
