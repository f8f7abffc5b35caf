/* The stepper. The trap flag makes the processor trap after each instruction; the handler counts them
 * and, at the chosen one, has the event happen while it still holds every signal back: what is sent
 * to the thread meets it exactly there. To come near the chosen one at full speed, a breakpoint is
 * planted on the last instruction before it that the call comes to for the first time.
 *
 * Whatever runs in the handlers makes its system calls raw and is compiled without any sanitizer, and
 * the handlers are installed raw: sanitizers put those of the C library off. */
#include "stepper.h"

#include "check.h"
#include "os/os.h"
#include "park/parker.h"
#include "time/time.h"
#include "wait/watcher.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

extern const char lp_call_while[], lp_call_look[], lp_call_insn[], lp_call_abort[];

/* step_trap_on makes the instruction after its return the first one that traps. */
__asm__(".text\n"
        "step_trap_on:\n"
        "	pushfq\n"
        "	orq $0x100, (%rsp)\n"
        "	popfq\n"
        "	ret\n"
        "step_trap_off:\n"
        "	pushfq\n"
        "	andq $~0x100, (%rsp)\n"
        "	popfq\n"
        "	ret\n"
        "step_signal_return:\n"
        "	mov $15, %eax\n"
        "	syscall\n");
void step_trap_on(void);
void step_trap_off(void);
extern const char step_signal_return[];

struct raw_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	const void *restorer;
	uint64_t mask;
};

const char *const step_event_names[] = {"cancel", "expire", "unpark", "nested", "foreign"};

enum { TRAP_FLAG = 0x100, SAY_MAX_S = 20, PLACES_MAX = 1 << 17, NOT_STEPPED = -2 };

/* One run. Written by the stepped thread before it begins and in its handlers. */
static struct {
	const struct step_target *target;
	enum step_event event;
	enum step_ending ending;
	int at;
	int count;
	bool arrived;  /* in os_call_while, for the first time */
	bool happened; /* the event */
	os_u32 in_call;
	os_u32 sent;   /* how often the library's handler ran */
	os_u32 inside; /* and found us in the gap */
	int too_late;  /* it ran after the call had returned */
	lapse_scope_id scope;
} run;

/* A run without an event: where each instruction was, the last breakpoint to be had up to there (-1:
 * none), and where it came to os_call_while. By the stepped thread. */
static uintptr_t trace[PLACES_MAX];
static int anchor_of[PLACES_MAX];
static int arrival;

static int stepped_tid;
static struct lp_parker *parker; /* of the stepped thread */
static void (*library_handler)(int, siginfo_t *, void *);

/* ---- The other thread ---- */

enum { IDLE, RUNNING, WANTED, DONE_IT };

/* IDLE between runs; RUNNING: may end the call once that sleeps; WANTED: has to make the event
 * happen, then DONE_IT. A futex. ended: this run's ending has happened, or none is to
 * be had. */
static os_u32 wanted;
static os_u32 ended;

static void make_happen(enum step_event event)
{
	if (event == STEP_EXPIRE)
		(void)lapse_scope_move(run.scope, 0);
	else if (event == STEP_UNPARK)
		lp_unpark(parker);
	else
		(void)lapse_scope_cancel(run.scope);
}

static bool ends_it(enum step_event event)
{
	return event != STEP_UNPARK && event != STEP_FOREIGN;
}

/* Asleep in the very system call. */
static bool sleeps_in(long nr)
{
	char path[64];
	char text[64] = "";
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", stepped_tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		check_die("%s: %s", path, strerror(errno));
	n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 && text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) == nr;
}

static void end_if_asleep(void)
{
	uint32_t seen = 0;

	if (!sleeps_in(run.target->nr))
		return;
	/* What has happened by now ends it alone. */
	if (run.happened && ends_it(run.event))
		return;
	if (!os_cas_u32(&ended, &seen, 1))
		return;
	if (run.ending != STEP_END_CANCEL && run.target->grant != NULL)
		run.target->grant();
	if (run.ending != STEP_GRANT || run.target->grant == NULL)
		make_happen(STEP_CANCEL);
}

static void *others(void *unused)
{
	lapse_time began = lapse_now();

	for (;;) {
		uint32_t now = os_load_u32(&wanted, OS_SEQ_CST);

		if (now == WANTED) {
			make_happen(run.event);
			os_store_u32(&wanted, DONE_IT, OS_SEQ_CST);
			os_futex_wake(&wanted);
		} else if (now == IDLE) {
			(void)os_futex_wait(&wanted, now, LAPSE_NEVER);
			began = lapse_now();
		} else {
			end_if_asleep();
			(void)os_futex_wait(&wanted, now, lapse_in(100 * LAPSE_US));
		}
		if (lapse_now() - began > SAY_MAX_S * LAPSE_S)
			check_die("%s, %s at instruction %d: lost, state %u", run.target->name,
			          step_event_names[run.event], run.at, parker->state.v);
	}
	return unused;
}

/* From a handler: the other thread is waited for, which needs nothing that we may hold. */
static void have_happen(void)
{
	os_store_u32(&wanted, WANTED, OS_SEQ_CST);
	os_futex_wake(&wanted);
	while (os_load_u32(&wanted, OS_SEQ_CST) == WANTED)
		(void)os_futex_wait(&wanted, WANTED, LAPSE_NEVER);
	os_store_u32(&wanted, RUNNING, OS_SEQ_CST);
}

/* ---- Breakpoints ---- */

enum { BREAKPOINT = 0xcc };

struct breakpoint {
	volatile unsigned char *where; /* NULL: none */
	unsigned char was;
	int index; /* in the trace */
};

/* The anchor, and os_call_while if something is to be done there. */
static struct breakpoint breakpoints[2];

extern const char __executable_start[], _start[], etext[];

static bool within(uintptr_t where, const void *from, const void *to)
{
	return where >= (uintptr_t)from && where <= (uintptr_t)to;
}

/* What other threads run too, some of which have SIGTRAP blocked: roughly, and rather too much. */
static bool is_shared(uintptr_t where)
{
	const struct {
		const void *from, *to;
	} shared[] = {
		{(void *)lp_parker_each, (void *)lp_sleep},
		{(void *)lp_watch_start, (void *)lp_watch_begun},
		{(void *)lapse_scope_move, (void *)lapse_scope_cancel},
		{(void *)lapse_now, (void *)lp_time_aim},
	};

	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		uintptr_t a = (uintptr_t)shared[i].from, b = (uintptr_t)shared[i].to;

		if (where + 4096 >= (a < b ? a : b) && where <= (a > b ? a : b) + 4096)
			return where < (uintptr_t)lp_call_while || where > (uintptr_t)lp_call_abort;
	}
	return false;
}

static void breakpoints_allow(void)
{
	uintptr_t from = (uintptr_t)__executable_start & ~UINT64_C(4095);

	if (mprotect((void *)from, (uintptr_t)etext - from, PROT_READ | PROT_WRITE | PROT_EXEC) !=
	    0)
		check_die("mprotect: %s", strerror(errno));
}

static void plant(struct breakpoint *b, int index)
{
	b->index = index;
	b->where = (unsigned char *)trace[index];
	b->was = *b->where;
	*b->where = BREAKPOINT;
}

static void take_out(struct breakpoint *b)
{
	if (b->where != NULL)
		*b->where = b->was;
	b->where = NULL;
}

/* Open addressing; the trace is all that is ever put in. */
static bool is_first_at(uintptr_t where)
{
	static uintptr_t seen[PLACES_MAX * 2];
	static const struct step_target *of;
	size_t i = where * UINT64_C(0x9e3779b97f4a7c15) >> 46;

	if (of != run.target || run.count == 0)
		memset(seen, 0, sizeof seen);
	of = run.target;
	while (seen[i] != 0 && seen[i] != where)
		i = (i + 1) % (PLACES_MAX * 2);
	if (seen[i] == where)
		return false;
	seen[i] = where;
	return true;
}

/* ---- The handlers ---- */

static void keep_trace(uintptr_t where)
{
	bool is_first = is_first_at(where);

	if (run.count >= PLACES_MAX)
		check_die("%s: too long", run.target->name);
	trace[run.count] = where;
	if (is_first && where >= (uintptr_t)_start && where < (uintptr_t)etext && !is_shared(where))
		anchor_of[run.count] = run.count;
	else
		anchor_of[run.count] = run.count == 0 ? -1 : anchor_of[run.count - 1];
	if (!run.arrived && within(where, lp_call_while, lp_call_abort))
		arrival = run.count;
}

/* True: that was all for now. */
static bool at_breakpoint(ucontext_t *at)
{
	uintptr_t where = (uintptr_t)at->uc_mcontext.gregs[REG_RIP] - 1;

	for (int i = 0; i < 2; i++) {
		if (where != (uintptr_t)breakpoints[i].where)
			continue;
		if (os_thread_id() != stepped_tid)
			check_die("another thread came to the breakpoint at %#lx",
			          (unsigned long)(where - (uintptr_t)__executable_start));
		take_out(&breakpoints[i]);
		at->uc_mcontext.gregs[REG_RIP]--;
		run.count = breakpoints[i].index;
		if (run.count == breakpoints[0].index)
			at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
		return run.count != breakpoints[0].index && run.target->arrives != NULL;
	}
	return false;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	bool is_all = info->si_code == SI_KERNEL && at_breakpoint(at);
	uintptr_t where = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];

	if (run.at == -1)
		keep_trace(where);
	if (!run.arrived && within(where, lp_call_while, lp_call_abort)) {
		run.arrived = true;
		if (run.target->arrives != NULL)
			run.target->arrives();
	}
	if (is_all || run.count++ != run.at)
		return;
	at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	run.happened = true;
	if (run.event == STEP_NESTED || run.event == STEP_FOREIGN)
		(void)os_syscall(SYS_tkill, stepped_tid, SIGUSR1, 0, 0, 0, 0);
	else
		have_happen();
	(void)signo;
}

static void on_foreign(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)info;
	(void)context;
	if (run.event == STEP_NESTED)
		have_happen();
}

/* In place of the library's: counts, and passes on. */
static void on_library(int signo, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)os_add_u32(&run.sent, 1);
	if (within((uintptr_t)at->uc_mcontext.gregs[REG_RIP], lp_call_look, lp_call_insn))
		os_store_u32(&run.inside, 1, OS_RELAXED);
	if (os_load_u32(&run.in_call, OS_RELAXED) == 0)
		run.too_late++;
	library_handler(signo, info, context);
}

static void install(int signo, void (*handler)(int, siginfo_t *, void *), unsigned long flags,
                    uint64_t mask)
{
	struct raw_action action = {handler, flags | SA_SIGINFO | 0x04000000 /* SA_RESTORER */,
	                            step_signal_return, mask};

	if (os_syscall(SYS_rt_sigaction, signo, (long)&action, 0, 8, 0, 0) < 0)
		check_die("rt_sigaction");
}

static void intercept_library(void)
{
	struct raw_action was;

	for (int signo = 1; signo <= 64; signo++) {
		if (signo != SIGURG && signo < SIGRTMIN)
			continue;
		if (os_syscall(SYS_rt_sigaction, signo, 0, (long)&was, 8, 0, 0) < 0 ||
		    (uintptr_t)was.handler <= (uintptr_t)SIG_IGN)
			continue;
		library_handler = was.handler;
		/* It may come to a breakpoint too. */
		install(signo, on_library, was.flags, was.mask & ~(UINT64_C(1) << (SIGTRAP - 1)));
		return;
	}
	check_die("the library has no handler");
}

static long nothing(void *unused)
{
	(void)unused;
	return 0;
}

static long wait_for_nothing(void *unused)
{
	(void)unused;
	return pause();
}

/* While somebody is in a call the library's thread stays: it starts with signals blocked, SIGTRAP
 * too, which nobody survives who is just being stepped. */
static void *stay(void *unused)
{
	lapse_scope scope;

	lapse_scope_enter(&scope, LAPSE_NEVER);
	(void)lapse_call(wait_for_nothing, NULL);
	return unused;
}

static void start(void *(*fn)(void *))
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, fn, NULL);

	if (error != 0)
		check_die("pthread_create: %s", strerror(error));
}

void step_start(int foreign_flags)
{
	lapse_scope scope;

	/* The library's handler and its watcher are there before the first run. */
	lapse_scope_enter(&scope, lapse_in(LAPSE_S));
	if (lapse_call(nothing, NULL) != 0 || lapse_scope_leave(&scope) != 0)
		check_die("lapse_call: %s", strerror(errno));
	intercept_library();
	breakpoints_allow();
	install(SIGTRAP, on_trap, 0, UINT64_MAX);
	install(SIGUSR1, on_foreign, (unsigned long)foreign_flags, 0);
	parker = os_self()->parker;
	stepped_tid = os_thread_id();
	start(others);
	start(stay);
}

/* ---- Runs ---- */

static void say_wrong(const char *what, long result)
{
	check_die("%s, %s at instruction %d of %d: %s, result %ld (%s)", run.target->name,
	          step_event_names[run.event], run.at, run.count, what, result,
	          result < 0 ? strerror((int)-result) : "");
}

/* A foreign wait in the same thread must not be cut short. */
static void check_quiet(long result)
{
	const struct timespec moment = {0, 20000};
	uint64_t pending = 0;

	if (nanosleep(&moment, NULL) != 0)
		say_wrong("nanosleep afterwards was interrupted", result);
	if (poll(NULL, 0, 0) != 0)
		say_wrong("poll afterwards was interrupted", result);
	if (os_syscall(SYS_rt_sigpending, (long)&pending, 8, 0, 0, 0, 0) < 0 ||
	    (pending & ~(UINT64_C(1) << (SIGUSR1 - 1))) != 0)
		say_wrong("a signal is pending", result);
	if (run.too_late != 0)
		say_wrong("a signal came after the return", result);
	if (parker->state.v != LP_AWAKE && parker->state.v != LP_NOTIFIED)
		say_wrong("the parker does not stand", result);
	if (os_self()->call != NULL || os_self()->parker != parker || os_self()->aside != NULL)
		say_wrong("the call is not closed", result);
}

static void check_result(long result, bool event_first)
{
	long expected;

	if (run.ending == STEP_GRANT_AND_CANCEL) /* what the target says afterwards decides */
		expected = result < 0 ? -ECANCELED : run.target->granted;
	else if (event_first)
		expected = run.event == STEP_EXPIRE ? -LAPSE_EXPIRED : -ECANCELED;
	else if (run.ending == STEP_GRANT && run.target->grant != NULL)
		expected = run.target->granted;
	else
		expected = -ECANCELED;
	if (event_first && run.target->arrives != NULL && result == run.target->granted)
		return; /* what came in time is fetched, unless another was faster */
	if (result != expected)
		say_wrong(event_first ? "after the event" : "after the ending", result);
}

static void begin_stepping(int at)
{
	int anchor = at < 0 ? -1 : anchor_of[at];

	breakpoints[0].index = anchor;
	if (at == NOT_STEPPED)
		return;
	if (anchor < 0) {
		step_trap_on();
		return;
	}
	plant(&breakpoints[0], anchor);
	if (run.target->arrives != NULL && anchor > arrival)
		plant(&breakpoints[1], arrival);
}

/* at < 0: without an event. */
static void run_once(int at)
{
	lapse_scope scope;
	bool event_first;
	long result;

	run.at = at;
	run.count = 0;
	run.arrived = run.happened = false;
	os_store_u32(&run.sent, 0, OS_RELAXED);
	os_store_u32(&run.inside, 0, OS_RELAXED);
	run.target->ready();
	lapse_scope_enter(&scope, lapse_in(3600 * LAPSE_S));
	run.scope = lapse_scope_share(&scope);
	os_self()->asked = 0; /* always the same way: signals may be blocked */
	os_store_u32(&run.in_call, 1, OS_SEQ_CST);
	os_store_u32(&ended, 0, OS_SEQ_CST);
	os_store_u32(&wanted, RUNNING, OS_SEQ_CST);
	os_futex_wake(&wanted);
	begin_stepping(at);
	result = run.target->call();
	step_trap_off();
	take_out(&breakpoints[0]);
	take_out(&breakpoints[1]);
	os_store_u32(&run.in_call, 0, OS_SEQ_CST);
	os_store_u32(&wanted, IDLE, OS_SEQ_CST);
	(void)lapse_scope_leave(&scope);
	event_first = run.happened && ends_it(run.event) && os_swap_u32(&ended, 1) == 0;
	if (at < 0 || run.happened)
		check_result(result, event_first);
	check_quiet(result);
	if (run.target->after != NULL)
		run.target->after(result);
}

/* What the library makes the system call of is broken off by the first signal: the watcher has to send
 * again only if we were kept from running for a while, which does not happen each time. */
static void run_until_sent_once(int at)
{
	for (int i = 0; i < 20; i++) {
		run_once(at);
		if (run.target->is_foreign || run.event == STEP_NESTED || !ends_it(run.event) ||
		    os_load_u32(&run.sent, OS_RELAXED) < 2)
			return;
	}
	say_wrong("the first signal met nothing, again and again", 0);
}

/* The result and the signal come together: the result is never lost. */
void step_race(const struct step_target *target, int count)
{
	run.target = target;
	run.event = STEP_FOREIGN;
	run.ending = STEP_GRANT_AND_CANCEL;
	for (int i = 0; i < count; i++)
		run_once(NOT_STEPPED);
}

struct step_result step_through(const struct step_target *target, enum step_event event,
                                enum step_ending ending, int first, int stride)
{
	struct step_result result = {0, 0, 0, 0};

	run.target = target;
	run.event = event;
	run.ending = ending;
	run_once(-1);
	result.length = run.count;
	for (int at = 0; at < result.length; at++) {
		if (at % stride != first && !within(trace[at], lp_call_while, lp_call_abort + 16))
			continue;
		run_until_sent_once(at);
		if (!run.happened)
			continue; /* it went another way, or has returned by then */
		result.stepped++;
		result.sent += os_load_u32(&run.sent, OS_RELAXED) != 0;
		result.inside += os_load_u32(&run.inside, OS_RELAXED) != 0;
	}
	return result;
}
