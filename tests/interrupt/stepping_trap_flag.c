/* Stepping on x86-64. The trap flag makes the processor trap after each instruction; the handler counts
 * them up to the chosen one. To come near that at full speed, a breakpoint is planted on the last
 * instruction before it that the call comes to for the first time.
 *
 * A sanitizer's runtime takes locks of its own, which whoever makes the event happen needs too, and goes
 * other ways each time. So under one only instructions of the program itself count, where none is held;
 * what they call of the runtime and the C library runs at full speed, up to a breakpoint where it goes
 * back to. Without it the C library's count too.
 *
 * The handlers make their system calls raw and are compiled without any sanitizer. */
#include "stepping.h"

#include "check.h"
#include "os/os.h"
#include "stepper.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

/* step_trap_on makes the instruction after its return the first one that traps; step_trap_off makes its
 * own return the last one, and says what the flags were. */
__asm__(".text\n"
        "step_trap_on:\n"
        "	pushfq\n"
        "	orq $0x100, (%rsp)\n"
        "	popfq\n"
        "	ret\n"
        "step_trap_off:\n"
        "	pushfq\n"
        "	mov (%rsp), %rax\n"
        "	andq $~0x100, (%rsp)\n"
        "	popfq\n"
        "	ret\n"
        "step_signal_return:\n"
        "	mov $15, %eax\n"
        "	syscall\n");
void step_trap_on(void);
long step_trap_off(void);
extern const char step_signal_return[];

extern const char __executable_start[], _start[], etext[];

enum {
	TRAP_FLAG = 0x100,
	BREAKPOINT = 0xcc,
	PLACES_MAX = 1 << 17,
	OTHERS_MAX = 256,
	VDSO_SIZE = 8192
};

/* A run without an event: where each instruction was, whether the call came there for the first time,
 * and the last of these up to there that a breakpoint may be planted on (-1: none). By the stepped
 * thread. */
struct way {
	int count;
	uintptr_t where[PLACES_MAX];
	bool is_first[PLACES_MAX];
};
static struct way ways[2]; /* the last, and the one before */
static struct way *way = &ways[0];
static int anchor_of[PLACES_MAX];
static int arrival; /* where it came to os_call_while */

/* Breakpoints that another thread came to: not to be planted again. By whoever did, counted last. */
static uintptr_t others[OTHERS_MAX];
static os_u32 other_count;
static uint32_t other_count_seen;

/* The run. By the stepped thread, before it begins and in its handlers. */
static struct {
	enum stepping how;
	int place;
	int count;
	uintptr_t from; /* what comes before is the stepper's own; 0: it is there */
	bool arrives;
	bool arrived;
	bool in_handler; /* the library's */
	bool was_own;    /* the last instruction counted */
} run;

static int stepped;
static bool only_own; /* instructions count */
static uintptr_t vdso;

/* ---- Breakpoints ---- */

/* The byte that it stands in place of comes back by whoever swaps where. index: in the way. */
struct breakpoint {
	os_ptr where; /* unsigned char *; NULL: none */
	unsigned char was;
	int index;
};

/* The anchor; os_call_while if something is to be done there; where the runtime goes back to, which is
 * not stepped: one for the call, and one for the handler that it may come to meanwhile. */
enum { ANCHOR, ARRIVAL, BACK, BACK_IN_HANDLER, BREAKPOINT_COUNT };
static struct breakpoint breakpoints[BREAKPOINT_COUNT];

static void allow_breakpoints(void)
{
	uintptr_t from = (uintptr_t)__executable_start & ~UINT64_C(4095);

	if (mprotect((void *)from, (uintptr_t)etext - from, PROT_READ | PROT_WRITE | PROT_EXEC) !=
	    0)
		step_die("mprotect: %s", strerror(errno));
}

static void plant_at(struct breakpoint *b, uintptr_t address)
{
	volatile unsigned char *where = (unsigned char *)address;

	b->was = *where;
	os_store_ptr(&b->where, (void *)where, OS_SEQ_CST);
	*where = BREAKPOINT;
}

static void plant(struct breakpoint *b, int index)
{
	b->index = index;
	plant_at(b, way->where[index]);
}

static void take_out(struct breakpoint *b)
{
	volatile unsigned char *where = os_load_ptr(&b->where, OS_SEQ_CST);

	if (where != NULL)
		*where = b->was;
	os_store_ptr(&b->where, NULL, OS_SEQ_CST);
}

static bool is_planted(const struct breakpoint *b)
{
	return os_load_ptr(&b->where, OS_SEQ_CST) != NULL;
}

/* NULL: another thread has just taken it out. */
static struct breakpoint *breakpoint_at(uintptr_t where)
{
	for (int i = 0; i < BREAKPOINT_COUNT; i++)
		if (where == (uintptr_t)os_load_ptr(&breakpoints[i].where, OS_SEQ_CST))
			return &breakpoints[i];
	return NULL;
}

static bool is_others(uintptr_t where)
{
	for (uint32_t i = 0; i < other_count_seen; i++)
		if (others[i] == where)
			return true;
	return false;
}

static bool is_own(uintptr_t where, const void *from)
{
	return where >= (uintptr_t)from && where < (uintptr_t)etext;
}

/* What begins in step_trap_off ends at once. */
static bool may_be_anchor(int i)
{
	uintptr_t where = way->where[i];

	return way->is_first[i] && is_own(where, _start) &&
	       !within(where, (void *)step_trap_on, step_signal_return) && !is_others(where);
}

/* The kernel's page that tells the time knows nothing of us, and looks again for as long as it is being
 * changed: it has no length. */
static bool counts(uintptr_t where)
{
	if (only_own)
		return is_own(where, __executable_start);
	return where < vdso || where >= vdso + VDSO_SIZE;
}

static void find_anchors(void)
{
	uint32_t count = os_load_u32(&other_count, OS_ACQUIRE);
	int last = -1;

	other_count_seen = count < OTHERS_MAX ? count : OTHERS_MAX;
	for (int i = 0; i < way->count; i++) {
		if (may_be_anchor(i))
			last = i;
		anchor_of[i] = last;
	}
}

/* Open addressing; a run is all that is ever put in. */
static uintptr_t seen[PLACES_MAX * 2];

static bool is_first_at(uintptr_t where)
{
	size_t i = where * UINT64_C(0x9e3779b97f4a7c15) >> 46;

	while (seen[i] != 0 && seen[i] != where)
		i = (i + 1) % (PLACES_MAX * 2);
	if (seen[i] == where)
		return false;
	seen[i] = where;
	return true;
}

/* ---- The handler ---- */

static void keep(uintptr_t where)
{
	int i = way->count++;

	if (i >= PLACES_MAX)
		step_die("too long");
	way->where[i] = where;
	way->is_first[i] = is_first_at(where);
}

static void arrive(void)
{
	run.arrived = true;
	if (run.how == STEPPING_LEARN)
		arrival = way->count - 1;
	if (run.arrives)
		step_arrives();
}

static void note_others(uintptr_t where)
{
	uint32_t i = os_load_u32(&other_count, OS_RELAXED);

	if (i == OTHERS_MAX)
		return;
	others[i] = where;
	os_store_u32(&other_count, i + 1, OS_RELEASE);
}

/* True: it is to be stepped from here on. */
static bool at_breakpoint(ucontext_t *at)
{
	uintptr_t where = (uintptr_t)--at->uc_mcontext.gregs[REG_RIP];
	struct breakpoint *b = breakpoint_at(where);

	if (b == NULL)
		return false;
	take_out(b);
	if ((int)os_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0) != stepped) {
		note_others(where);
		return false;
	}
	if (b == &breakpoints[ARRIVAL]) {
		arrive();
		return false;
	}
	if (b == &breakpoints[ANCHOR]) {
		run.from = 0;
		run.count = b->index;
	}
	at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
	return true;
}

/* The first instruction of the runtime, which has just been called. */
static void step_over(ucontext_t *at)
{
	uintptr_t back = *(uintptr_t *)at->uc_mcontext.gregs[REG_RSP];

	if (!is_own(back, _start))
		return;
	plant_at(&breakpoints[run.in_handler ? BACK_IN_HANDLER : BACK], back);
	at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	uintptr_t where;

	(void)signo;
	if (info->si_code == SI_KERNEL && !at_breakpoint(at))
		return;
	where = stepping_stood(context);
	if (!counts(where) && only_own && run.was_own)
		step_over(at);
	run.was_own = counts(where);
	if (!run.was_own || (run.from != 0 && run.from != where))
		return;
	run.from = 0;
	if (run.how == STEPPING_LEARN)
		keep(where);
	if (!run.arrived && within(where, lp_call_while, lp_call_abort))
		arrive();
	if (run.how != STEPPING_TO || run.count++ < run.place)
		return;
	at->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (run.count == run.place + 1 && where == way->where[run.place])
		step_here();
}

/* The kernel clears the flag for a handler and restores it afterwards. What has begun in the handler
 * goes on after it, and what has ended there does not. */
void stepping_enter_handler(const void *context)
{
	const ucontext_t *at = context;

	run.in_handler = true;
	run.was_own = true;
	if ((at->uc_mcontext.gregs[REG_EFL] & TRAP_FLAG) != 0 || is_planted(&breakpoints[BACK])) {
		run.from = (uintptr_t)__builtin_return_address(0);
		step_trap_on();
	}
}

void stepping_leave_handler(void *context)
{
	ucontext_t *at = context;
	greg_t flag = step_trap_off() & TRAP_FLAG;

	run.in_handler = false;
	run.was_own = false;
	if (is_planted(&breakpoints[BACK]))
		return;
	at->uc_mcontext.gregs[REG_EFL] = (at->uc_mcontext.gregs[REG_EFL] & ~TRAP_FLAG) | flag;
}

/* ---- Runs ---- */

void stepping_start(int thread)
{
	const struct stepping_action action = {.handler = on_trap, .mask = UINT64_MAX};

	stepped = thread;
	only_own = check_is_watched();
	vdso = (uintptr_t)getauxval(AT_SYSINFO_EHDR);
	allow_breakpoints();
	stepping_act(SIGTRAP, action);
}

void stepping_begin(enum stepping how, int place, bool arrives)
{
	int from = -1;

	run.how = how;
	run.place = place;
	run.count = 0;
	run.from = (uintptr_t)__builtin_return_address(0);
	run.arrives = arrives;
	run.arrived = false;
	run.was_own = false;
	if (how == STEPPING_LEARN) {
		way = way == ways ? ways + 1 : ways;
		way->count = 0;
		memset(seen, 0, sizeof seen);
	}
	if (how == STEPPING_TO) {
		if (os_load_u32(&other_count, OS_RELAXED) != other_count_seen)
			find_anchors();
		from = anchor_of[place];
	}
	if (from >= 0) {
		plant(&breakpoints[ANCHOR], from);
		if (arrives && from > arrival)
			plant(&breakpoints[ARRIVAL], arrival);
	} else if (how != STEPPING_OFF) {
		step_trap_on();
	}
}

void stepping_end(void)
{
	(void)step_trap_off();
	for (int i = 0; i < BREAKPOINT_COUNT; i++)
		take_out(&breakpoints[i]);
}

void stepping_forget(void)
{
	ways[0].count = ways[1].count = -1;
}

bool stepping_is_learnt(void)
{
	const struct way *other = way == ways ? ways + 1 : ways;

	find_anchors();
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

uintptr_t stepping_stood(const void *context)
{
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

bool stepping_sleeps_in(int thread, long nr)
{
	char path[64];
	char text[64] = "";
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		step_die("%s: %s", path, strerror(errno));
	n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 && text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) == nr;
}

/* ---- Signal handlers, raw ---- */

struct raw_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	const void *restorer;
	uint64_t mask;
};

struct stepping_action stepping_action(int signo)
{
	struct raw_action was;

	if (os_syscall(SYS_rt_sigaction, signo, 0, (long)&was, 8, 0, 0) < 0)
		step_die("rt_sigaction");
	return (struct stepping_action){was.handler, was.flags, was.mask};
}

void stepping_act(int signo, struct stepping_action action)
{
	const struct raw_action raw = {action.handler,
	                               action.flags | SA_SIGINFO | 0x04000000 /* SA_RESTORER */,
	                               step_signal_return, action.mask};

	if (os_syscall(SYS_rt_sigaction, signo, (long)&raw, 0, 8, 0, 0) < 0)
		step_die("rt_sigaction");
}
