/* One run: threads as stacks that take turns, the clock, and the ways in which a run ends. Owns
 * struct x_run. Who goes next is search.c's to say. */
#include "engine/internal.h"
#include "engine/switch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK = 128 * 1024, HOOKS = 8, MAX_STEPS = 20000, MAX_PRIVATE = 1000000 };

struct x_run x_run = {.current = -1, .acting = -1};
const char x_clock_key[1];

static char *stacks;
static void *main_stack;  /* while a thread runs */
static jmp_buf main_exit; /* out of whatever the main stack is in */
static enum x_end ending;
static struct x_report *report;
static void (*at_rest[HOOKS])(bool);
static struct x_op tick;
static struct x_clock tick_clocks[6]; /* of the clock, with each of its steps */

void x_at_rest(void (*fn)(bool))
{
	for (int i = 0; i < HOOKS; i++) {
		if (at_rest[i] == fn)
			return;
		if (at_rest[i] == NULL) {
			at_rest[i] = fn;
			return;
		}
	}
	x_unfit("more than %d hooks", HOOKS);
}

/* ---- The ends ---- */

void x_run_leave(enum x_end end)
{
	ending = end;
	if (x_run.current < 0)
		longjmp(main_exit, 1);
	x_run.current = -1;
	for (;;) {
		void *nowhere;

		x_switch(&nowhere, main_stack);
	}
}

/* Outside of runs there is nobody to report to. */
__attribute__((noreturn)) static void fail(enum x_end end, const char *promise, const char *format,
                                           va_list args)
{
	if (report == NULL) {
		(void)fprintf(stderr, "%s: ", promise);
		(void)vfprintf(stderr, format, args);
		(void)fprintf(stderr, " (in no run)\n");
		abort();
	}
	(void)snprintf(report->promise, sizeof report->promise, "%s", promise);
	(void)vsnprintf(report->message, sizeof report->message, format, args);
	x_run_leave(end);
}

void x_broken(const char *promise, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(X_END_BROKEN, promise, format, args);
}

void x_unfit(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(X_END_UNFIT, "unfit", format, args);
}

/* ---- What others ask ---- */

int x_self(void)
{
	return x_run.running ? x_run.current : x_run.acting;
}

bool x_running(void)
{
	return x_run.running;
}

void x_be(int thread)
{
	x_run.acting = thread;
}

int x_thread_count(void)
{
	return x_run.own;
}

uint32_t x_now_step(void)
{
	return x_run.steps;
}

uint32_t x_steps_before(int thread)
{
	return x_run.running ? x_run.threads[x_run.current].clock.of[thread] : 0;
}

bool x_was_past(int thread, uint16_t step)
{
	return x_run.threads[x_run.current].before.of[thread] >= step;
}

bool x_waits(int thread, const struct x_op **op)
{
	const struct x_thread *t = &x_run.threads[thread];

	*op = t->op;
	return t->life == X_STARTED && t->op != NULL;
}

/* ---- The clock ---- */

static int64_t instant(int ticks)
{
	return ticks == 0 ? 1 : x_run.scenario->instants[ticks - 1];
}

int64_t x_time(void)
{
	return x_run.running ? instant(x_run.ticks) : 1;
}

uint32_t x_steps_before_instant(int64_t when, int thread)
{
	for (int i = 0; i < x_run.ticks; i++)
		if (x_run.scenario->instants[i] >= when)
			return (uint32_t)tick_clocks[i].of[thread];
	return UINT32_MAX;
}

int64_t x_time_seen(void)
{
	return x_run.running ? instant(x_run.threads[x_run.current].clock.of[x_run.count]) : 1;
}

static void describe_clock(const void *key, char *buf, size_t size)
{
	(void)key;
	(void)snprintf(buf, size, "clock");
}

x_object x_clock(void)
{
	return x_object_at(x_clock_key, describe_clock);
}

static bool clock_goes_on(void)
{
	return x_run.ticks < 6 && x_run.scenario->instants[x_run.ticks] != 0;
}

/* The next instant waits until nobody else can go on: a step that comes after all others. */
static bool clock_waits(void)
{
	int count = 0;

	if (x_run.ticks == 0 && x_run.scenario->first_at_rest)
		return true;
	while (count < 6 && x_run.scenario->instants[count] != 0)
		count++;
	return x_run.ticks >= count - x_run.scenario->at_rest;
}

static void describe_tick(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size, "-> %lld", (long long)op->values[0]);
}

/* ---- Steps ---- */

static bool goes_last(int thread)
{
	return thread == x_run.scenario->last && thread > 0;
}

x_mask x_run_enabled(void)
{
	x_mask mask = 0;
	x_mask last = 0;

	for (int i = 0; i < x_run.count; i++) {
		const struct x_thread *t = &x_run.threads[i];

		if (t->life == X_STARTED && (t->op->enabled == NULL || t->op->enabled(t->op)))
			*(goes_last(i) ? &last : &mask) |= x_bit(i);
	}
	if (mask == 0)
		mask = last;
	if (clock_goes_on() && (mask == 0 || !clock_waits()))
		mask |= x_bit(x_run.count);
	return mask;
}

static void rest(bool ended)
{
	bool waiting = false;

	for (int i = 0; i < x_run.own; i++)
		waiting = waiting || x_run.threads[i].life == X_STARTED;
	for (int i = 0; i < HOOKS && at_rest[i] != NULL; i++)
		at_rest[i](ended);
	if (ended && waiting && at_rest[0] == NULL)
		x_broken("deadlock", "nobody can go on");
}

/* A thread that may be visited looks at its visits with each step that others can tell: so these are
 * gone through before and after it. */
void x_refine(int thread, struct x_op *op)
{
	if (op->refine != NULL)
		op->refine(op);
	if (thread < x_run.count && x_run.visitors[thread] >= 0 &&
	    (op->enabled != NULL || ((op->reads | op->writes) & x_shared) != 0))
		op->reads |= x_only(x_arrival(thread));
}

/* Nobody else could go on, so it is ordered after every step before. What goes last goes on at rest. */
static bool comes_after_all(int thread)
{
	if (thread == x_run.count)
		return clock_waits();
	return goes_last(thread) && x_search_last() != thread;
}

void x_run_take(int thread, struct x_op *op)
{
	struct x_thread *t = &x_run.threads[thread];
	uint32_t most = x_run.options->max_steps != 0 ? x_run.options->max_steps : MAX_STEPS;

	x_refine(thread, op);
	x_run.after_all = comes_after_all(thread);
	if (x_run.after_all)
		op->writes |= x_shared;
	if (x_touch(thread, op->reads, op->writes) && !x_run.all_visible)
		x_run_leave(X_END_RESTART);
	if (++x_run.steps > most)
		x_unfit("a run of more than %u steps", most);
	t->before = t->clock;
	t->steps++;
	x_search_taken(thread, op);
	if (x_run.after_all)
		t->before = t->clock;
	if (x_show)
		x_trace_step(thread, op);
	if (x_recording)
		x_record((char)('0' + thread));
	t->op = NULL;
}

static void take_tick(void)
{
	tick.writes = x_only(tick.object);
	tick.values[0] = (uint64_t)instant(x_run.ticks + 1);
	x_run_take(x_run.count, &tick);
	tick_clocks[x_run.ticks++] = x_run.threads[x_run.count].clock;
}

/* What those who wait in vain would touch is shared too, though no step of theirs was taken. */
static void touch_waiting(void)
{
	for (int i = 0; i < x_run.count; i++) {
		struct x_thread *t = &x_run.threads[i];

		if (t->life != X_STARTED)
			continue;
		x_refine(i, t->op);
		if (x_touch(i, t->op->reads, t->op->writes) && !x_run.all_visible)
			x_run_leave(X_END_RESTART);
	}
}

/* Who goes on: the clock's steps and the visits' are taken here. */
static int next(void)
{
	for (;;) {
		x_mask enabled = x_run_enabled();
		int thread;

		if ((enabled & ~x_bit(x_run.count)) == 0 && !x_run.given_up)
			rest(enabled == 0);
		if (enabled == 0) {
			touch_waiting();
			x_search_end();
			x_run_leave(x_run.given_up ? X_END_BLOCKED : X_END_DONE);
		}
		thread = x_search_next(enabled);
		if (thread < x_run.own + x_run.spare)
			return thread;
		if (thread < x_run.count)
			return x_take_visit(thread);
		take_tick();
	}
}

static void go_to(int thread)
{
	int self = x_run.current;
	void *nowhere;

	x_run.current = thread;
	if (self == thread)
		return;
	if (self >= 0)
		x_run.threads[self].saved_errno = errno;
	errno = x_run.threads[thread].saved_errno;
	x_switch(self < 0 ? &nowhere : &x_run.threads[self].stack_pointer,
	         x_run.threads[thread].stack_pointer);
}

/* At its first step: back to who let it go that far. */
static void to_starter(void)
{
	int self = x_run.current;
	int starter = x_run.starter;

	x_run.starting = false;
	x_run.current = starter;
	x_switch(&x_run.threads[self].stack_pointer,
	         starter < 0 ? main_stack : x_run.threads[starter].stack_pointer);
}

/* Until the step is to be taken; false: it is not. */
static bool wait_for_turn(int self, struct x_op *op)
{
	for (;;) {
		x_run.threads[self].op = op;
		if (x_run.starting)
			to_starter();
		else
			go_to(next());
		if (X_LIKELY(!x_run.threads[self].visited))
			return true;
		x_run.threads[self].visited = false;
		x_run.threads[self].op = NULL;
		x_visit();
		if (op->visited != NULL && op->visited(op))
			return false;
		x_refine(self, op);
	}
}

bool x_step(struct x_op *op)
{
	int self = x_run.current;

	if (!x_run.running || self < 0) {
		if (op->refine != NULL)
			op->refine(op);
		return true;
	}
	x_refine(self, op);
	x_progress();
	x_run.threads[self].all_steps++;
	if (++x_run.all_steps > MAX_PRIVATE)
		x_unfit("a run of more than %d steps, private ones counted", MAX_PRIVATE);
	if (X_LIKELY(!x_run.all_visible) && ((op->reads | op->writes) & x_shared) == 0 &&
	    (op->enabled == NULL || op->enabled(op))) {
		if (x_touch(self, op->reads, op->writes))
			x_run_leave(X_END_RESTART);
		if (x_recording)
			x_record((char)('0' + self));
		return true;
	}
	if (!wait_for_turn(self, op))
		return false;
	x_run_take(self, op);
	return true;
}

static bool never(const struct x_op *op)
{
	(void)op;
	return false;
}

void x_give_up(void)
{
	struct x_op op = {.name = "given up", .object = -1, .enabled = never};

	x_run.given_up = true;
	x_run.threads[x_run.current].op = &op;
	go_to(next());
	abort(); /* nobody lets it go on */
}

int x_choose(int n, const char *what)
{
	if (!x_run.running || n <= 1)
		return 0;
	return x_search_choose(n, what, false);
}

int x_fault(int n, const char *what)
{
	int taken;

	if (!x_run.running || x_run.faults[x_run.current] == 0)
		return 0;
	taken = x_search_choose(n, what, true);
	if (taken != 0)
		x_run.faults[x_run.current]--;
	return taken;
}

void x_alone(void)
{
	struct x_op op = {.name = "alone", .object = -1, .writes = ~(x_set)0};

	x_step(&op);
	for (int i = 0; i < x_run.count; i++)
		if (i != x_run.current)
			x_run.threads[i].life = X_ENDED;
	x_run.alone = true;
	x_memory_alone();
}

/* ---- From beginning to end ---- */

void x_end_thread(void)
{
	struct x_thread *t = &x_run.threads[x_run.current];

	t->life = X_ENDED;
	t->op = NULL;
	if (x_run.starting)
		to_starter();
	else
		go_to(next());
	abort(); /* nobody goes on with one that has ended */
}

static void body(void)
{
	const struct x_thread *t = &x_run.threads[x_run.current];

	errno = 0;
	if (t->fn != NULL)
		t->fn(t->arg);
	else
		x_run.scenario->threads[x_run.current]();
	x_end_thread();
}

/* As if body had been called by nobody, which keeps the stack as the ABI wants it. */
static void prepare(int i)
{
	struct x_thread *t = &x_run.threads[i];
	void **top = (void **)(stacks + (size_t)(i + 1) * STACK);

	memset(t, 0, sizeof *t);
	t->life = X_STARTED;
	*--top = NULL;
	*--top = (void *)(uintptr_t)body;
	top -= 6;
	t->stack_pointer = top;
}

static void start_all(void)
{
	for (int i = 0; i < x_run.own; i++) {
		x_run.starting = true;
		x_run.starter = -1;
		x_run.current = i;
		x_switch(&main_stack, x_run.threads[i].stack_pointer);
		if (ending != X_END_BLOCKED)
			longjmp(main_exit, 1);
	}
}

int x_start(void (*fn)(void *), void *arg)
{
	int self = x_run.current;
	int i = x_run.own;

	if (!x_run.running)
		x_unfit("threads are started in runs alone");
	while (i < x_run.own + x_run.spare && x_run.threads[i].life != X_ABSENT)
		i++;
	if (i == x_run.own + x_run.spare)
		return -1;
	prepare(i);
	x_run.threads[i].fn = fn;
	x_run.threads[i].arg = arg;
	x_run.threads[i].clock = x_run.threads[self].clock;
	x_run.faults[i] = x_run.scenario->faults;
	x_memory_start(i);
	x_run.starting = true;
	x_run.starter = self;
	x_run.current = i;
	x_run.threads[self].saved_errno = errno;
	x_switch(&x_run.threads[self].stack_pointer, x_run.threads[i].stack_pointer);
	errno = x_run.threads[self].saved_errno;
	return i;
}

static void make_stacks(void)
{
	if (stacks != NULL)
		return;
	stacks = mmap(NULL, (size_t)X_THREADS * STACK, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stacks == MAP_FAILED)
		abort();
	x_plain_watch(stacks, (size_t)X_THREADS * STACK);
}

static void begin(void)
{
	x_run.ticks = 0;
	x_run.alone = x_run.given_up = false;
	x_run.steps = x_run.all_steps = 0;
	memset(&x_run.threads[x_run.count], 0, sizeof *x_run.threads);
	for (int i = 0; i < x_run.own; i++) {
		prepare(i);
		x_run.faults[i] = x_run.scenario->faults;
	}
	for (int i = x_run.own; i < x_run.own + x_run.spare; i++)
		memset(&x_run.threads[i], 0, sizeof x_run.threads[i]);
	x_state_restore();
	x_objects_begin_run();
	x_memory_begin_run();
	x_plain_begin_run();
	x_visits_begin_run();
	x_trace_begin_run();
	x_search_begin_run();
	tick = (struct x_op){.name = "tick", .object = x_clock(), .describe = describe_tick};
}

static void whole_run(void)
{
	int first;

	x_run.running = true;
	start_all();
	first = next();
	x_run.current = first;
	errno = x_run.threads[first].saved_errno;
	x_switch(&main_stack, x_run.threads[first].stack_pointer);
}

/* `ending` stays BLOCKED while nobody has said how it ends. */
enum x_end x_run_once(struct x_report *r)
{
	report = r;
	ending = X_END_BLOCKED;
	make_stacks();
	begin();
	x_run.current = -1;
	if (setjmp(main_exit) == 0)
		whole_run();
	x_run.running = false;
	x_run.current = -1;
	if (ending == X_END_DONE && x_run.scenario->finish != NULL && setjmp(main_exit) == 0)
		x_run.scenario->finish();
	report = NULL;
	return ending;
}
