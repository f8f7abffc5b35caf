/* Stepping where there is no flag that makes the processor trap after each instruction: by breakpoints
 * (stepping.h). A run with one on every instruction of the library, each of which is taken out by
 * whoever comes to it first, shows the places that a call passes; then a run for each, with a
 * breakpoint on it alone. So the event happens at every instruction, when the call comes to it for the
 * first time.
 *
 * Emulators of user programs hand a signal over between two blocks of translated instructions only. It
 * is sent while the thread stands in the breakpoint's handler with all held back, so it meets it when
 * that returns, before the next instruction: exactly on the place. What is not shown is what the
 * emulator is trusted with: that the processor and its kernel do the same.
 *
 * breakpoint_PROCESSOR.h is included from the command line. The library's instructions have a section of
 * their own, lapse_text. */
#include "stepper.h"
#include "stepping.h"

#include "os/os.h"
#include "park/parker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

extern breakpoint_unit __start_lapse_text[], __stop_lapse_text[];

enum { UNITS_MAX = 1 << 17, PLACES_MAX = 1 << 14 };

static breakpoint_unit was[UNITS_MAX]; /* the text, without breakpoints */
static size_t unit_count;

/* By the stepped thread, in its handler: the places of a run, in the order in which it came there. */
struct way {
	int count;
	uintptr_t where[PLACES_MAX];
};
static struct way ways[2]; /* the last, and the one before */
static struct way *way = &ways[0];

static struct {
	enum stepping how;
	int place;
	bool arrives;
} run;

static int stepped;

/* Others may be at it, too: both write the same. */
static void set(size_t i, breakpoint_unit unit)
{
	__atomic_store_n(&__start_lapse_text[i], unit, __ATOMIC_SEQ_CST);
}

static void flush(size_t i, size_t count)
{
	__builtin___clear_cache((char *)&__start_lapse_text[i],
	                        (char *)&__start_lapse_text[i + count]);
}

static size_t unit_of(uintptr_t where)
{
	return (where - (uintptr_t)__start_lapse_text) / sizeof(breakpoint_unit);
}

/* The instruction, all of it. */
static void take_out(size_t i)
{
	size_t count = breakpoint_length(was[i]);

	for (size_t k = 0; k < count && i + k < unit_count; k++)
		set(i + k, was[i + k]);
	flush(i, count);
}

static void take_all_out(void)
{
	for (size_t i = 0; i < unit_count; i++)
		if (__start_lapse_text[i] != was[i])
			set(i, was[i]);
	flush(0, unit_count);
}

static void plant(size_t i)
{
	set(i, BREAKPOINT);
	flush(i, 1);
}

static void plant_everywhere(void)
{
	for (size_t i = 0; i < unit_count; i++)
		set(i, BREAKPOINT);
	flush(0, unit_count);
}

static void keep(uintptr_t where)
{
	if (way->count == PLACES_MAX)
		step_die("too many places");
	way->where[way->count++] = where;
}

/* Whoever comes there: the thread goes on with the instruction itself. */
static void on_trap(int signo, siginfo_t *info, void *context)
{
	uintptr_t where = stepping_stood(context);
	size_t i = unit_of(where);

	(void)signo;
	(void)info;
	if (i >= unit_count)
		abort();
	take_out(i);
	if ((int)os_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0) != stepped)
		return;
	if (run.arrives && within(where, lp_call_while, lp_call_abort)) {
		run.arrives = false;
		step_arrives();
	}
	if (run.how == STEPPING_LEARN)
		keep(where);
	if (run.how == STEPPING_TO && where == way->where[run.place]) {
		run.how = STEPPING_OFF;
		step_here();
	}
}

void stepping_start(int thread)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)__start_lapse_text & ~(page - 1);
	const struct stepping_action action = {.handler = on_trap, .mask = UINT64_MAX};

	stepped = thread;
	unit_count = (size_t)(__stop_lapse_text - __start_lapse_text);
	if (unit_count > UNITS_MAX)
		step_die("too much text");
	memcpy(was, __start_lapse_text, unit_count * sizeof *was);
	if (mprotect((void *)from, (uintptr_t)__stop_lapse_text - from,
	             PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		step_die("mprotect: %s", strerror(errno));
	stepping_act(SIGTRAP, action);
}

void stepping_begin(enum stepping how, int place, bool arrives)
{
	run.how = how;
	run.place = place;
	run.arrives = arrives;
	if (how == STEPPING_LEARN) {
		way = way == ways ? ways + 1 : ways;
		way->count = 0;
		plant_everywhere();
	}
	if (how == STEPPING_TO)
		plant(unit_of(way->where[place]));
	if (how == STEPPING_TO && arrives)
		plant(unit_of((uintptr_t)lp_call_while));
}

void stepping_end(void)
{
	run.how = STEPPING_OFF;
	take_all_out();
}

void stepping_forget(void)
{
	ways[0].count = ways[1].count = -1;
}

bool stepping_is_learnt(void)
{
	const struct way *other = way == ways ? ways + 1 : ways;

	return way->count == other->count &&
	       memcmp(way->where, other->where, sizeof *way->where * (size_t)way->count) == 0;
}

int stepping_count(void)
{
	return way->count;
}

uintptr_t stepping_where(int place)
{
	return way->where[place];
}

/* It is the library's, as everything else. */
void stepping_enter_handler(const void *context)
{
	(void)context;
}

void stepping_leave_handler(void *context)
{
	(void)context;
}

uintptr_t stepping_stood(const void *context)
{
	return breakpoint_where(context);
}

/* A line about the thread. */
static void read_about(int thread, const char *what, char *text, size_t size)
{
	char path[64];
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		step_die("%s: %s", path, strerror(errno));
	n = read(fd, text, size - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
}

/* In which system call of the host's: -1 if it does not sleep in any, or so that no signal would wake
 * it, such as for memory that another thread changes. */
static long host_call(int thread)
{
	char text[256];
	const char *state;

	read_about(thread, "stat", text, sizeof text);
	state = strrchr(text, ')');
	if (state == NULL || strncmp(state, ") S", 3) != 0)
		return -1;
	read_about(thread, "syscall", text, sizeof text);
	return text[0] >= '0' && text[0] <= '9' ? strtol(text, NULL, 10) : -1;
}

/* The host has other numbers. But what the emulator itself waits in is a futex, and so is what the
 * library's watcher does when it is asleep. */
bool stepping_sleeps_in(int thread, long nr)
{
	static long futex = -1;
	const struct lp_parker *watcher = os_load_ptr(&lp_watcher, OS_SEQ_CST);
	long is = host_call(thread);

	(void)nr;
	if (futex == -1 && os_load_u32(&watcher->state, OS_SEQ_CST) == LP_ASLEEP_FUTEX)
		futex = host_call((int)os_load_u32(&watcher->thread, OS_RELAXED));
	return is != -1 && futex != -1 && is != futex;
}

/* ---- Signal handlers ---- */

static void act(int signo, const struct breakpoint_action *to, struct breakpoint_action *was)
{
	if (os_syscall(SYS_rt_sigaction, signo, (long)to, (long)was, 8, 0, 0) < 0)
		step_die("rt_sigaction");
}

struct stepping_action stepping_action(int signo)
{
	struct breakpoint_action was;

	act(signo, NULL, &was);
	return (struct stepping_action){was.handler, was.flags, was.mask};
}

void stepping_act(int signo, struct stepping_action action)
{
	struct breakpoint_action to = {.handler = action.handler,
	                               .flags = action.flags | SA_SIGINFO};

	breakpoint_hold(&to, action.mask);
	act(signo, &to, NULL);
}
