/* The simulated kernel behind the doors of os.h: interrupts. Owns where each thread stands when one
 * comes, and what the handler then does to the call it stands in, as os/linux/signal.c does it.
 *
 * An interrupt is a visit of the engine's: sent in one step, it comes in another, at any moment
 * afterwards. The kernel would not leave it that long, but for a thread that has not got as far as
 * hearing of it: what holds here holds there. */
#include "engine/memory.h"
#include "kernel/internal.h"
#include "os/os.h"

#include <stdio.h>

static void (*on_interrupt)(int);

static void describe_pending(const void *key, char *buf, size_t size)
{
	const struct k_thread *t = (const struct k_thread *)((const char *)key -
	                                                     offsetof(struct k_thread, pending));

	(void)snprintf(buf, size, "signals of thread %d", (int)(t - k_state.threads));
}

static x_object pending_of(int thread)
{
	return x_object_at(&k_state.threads[thread].pending, describe_pending);
}

/* ---- Coming ---- */

static bool other_may_come(const struct k_thread *t)
{
	return t->other_pending && !t->handling && !t->other_handling;
}

static bool may_come(int thread)
{
	const struct k_thread *t = &k_state.threads[thread];

	return other_may_come(t) || (t->pending && !t->blocked && !t->handling);
}

static void comes(int thread)
{
	struct k_thread *t = &k_state.threads[thread];

	x_take_view(thread);
	t->came_other = other_may_come(t);
	if (t->came_other) {
		t->other_pending = false;
		t->other_handling = true;
	} else {
		t->pending = false;
		t->handling = true;
	}
}

static void change(const char *name, int thread)
{
	struct x_op op = {.name = name, .object = pending_of(thread)};

	op.reads = op.writes = x_only(op.object);
	(void)x_step(&op);
}

static void handle(struct k_thread *me, enum k_standing standing)
{
	enum os_break what;

	if (on_interrupt != NULL)
		on_interrupt(x_self());
	what = (enum os_break)k_state.look();
	if (what == OS_GO_ON)
		return;
	if (standing == K_GAP || standing == K_OURS ||
	    (what == OS_BREAK_WHOLE && standing == K_WAITS))
		me->broken = true;
	else
		k_state.missed();
}

static void visit(void)
{
	struct k_thread *me = k_me();
	enum k_standing standing = me->standing;
	void (*leave)(void *) = me->leave;
	bool other = me->came_other;
	int saved = errno;

	me->standing = K_ELSEWHERE;
	me->leave = NULL;
	if (leave != NULL)
		leave(me->leave_arg);
	if (other)
		k_state.other();
	else
		handle(me, standing);
	change("returns from a signal", x_self());
	if (other)
		me->other_handling = false;
	else
		me->handling = false;
	me->standing = standing;
	errno = saved;
}

static const struct x_visits visits = {pending_of, may_come, comes, visit};

void k_interrupts_start(void)
{
	x_on_visits(&visits);
}

void k_on_interrupt(void (*fn)(int thread))
{
	on_interrupt = fn;
}

bool k_is_interrupt_pending(int thread)
{
	return k_state.threads[thread].pending;
}

/* ---- Waiting ---- */

static bool always(const struct x_op *op)
{
	(void)op;
	return true;
}

static bool is_broken(const struct x_op *op)
{
	(void)op;
	return k_me()->broken;
}

bool k_enter(struct x_op *op)
{
	struct k_thread *me = k_me();

	me->broken = false;
	op->visited = is_broken;
	return x_step(op);
}

int k_wait(struct x_op *op, void (*leave)(void *arg), void *arg)
{
	struct k_thread *me = k_me();
	enum k_standing standing = me->standing;
	bool taken;

	me->broken = false;
	me->standing = standing == K_GAP ? K_OURS : K_WAITS;
	me->leave = leave;
	me->leave_arg = arg;
	op->visited = always;
	taken = x_step(op);
	me->standing = standing;
	me->leave = NULL;
	if (taken)
		return 0;
	return me->broken ? -EINTR : K_RESTART;
}

/* ---- The doors ---- */

int os_interrupt_start(enum os_break (*look)(void), void (*missed)(void))
{
	k_state.look = (int (*)(void))look;
	k_state.missed = missed;
	return 0;
}

int os_interrupt_signal(int signo)
{
	(void)signo;
	x_unfit("door not modelled: interrupt_signal");
}

/* One that is pending stays one. */
static void refine_send(struct x_op *op)
{
	int thread = *(const int *)op->arg;

	op->reads = x_only(op->object);
	op->writes = k_state.threads[thread].pending ? 0 : op->reads;
}

int os_interrupt(int id)
{
	int thread = k_thread_named(id);
	struct x_op op = {.name = "sends a signal",
	                  .object = pending_of(thread < 0 ? 0 : thread),
	                  .refine = refine_send,
	                  .arg = &thread};

	if (thread < 0)
		return -ESRCH;
	if (!x_may_be_visited(thread))
		x_unfit("a signal for thread %d, which the scenario does not list as visited",
		        thread);
	(void)x_step(&op);
	if (x_fault(2, "signal: sent, EAGAIN") != 0)
		return -EAGAIN;
	x_give_view(thread);
	k_state.threads[thread].pending = true;
	return 0;
}

void k_other_signal(int thread, void (*handler)(void))
{
	change("sends another's signal", thread);
	x_give_view(thread);
	k_state.other = handler;
	k_state.threads[thread].other_pending = true;
}

static void refine_admit(struct x_op *op)
{
	op->reads = x_only(op->object);
	op->writes = k_me()->blocked ? op->reads : 0;
}

bool os_interrupt_admit(void)
{
	struct k_thread *me = k_me();
	struct x_op op = {
		.name = "admits signals", .object = pending_of(x_self()), .refine = refine_admit};
	bool was;

	(void)x_step(&op);
	was = me->blocked;
	me->blocked = false;
	return was;
}

void os_interrupt_block(void)
{
	change("blocks signals", x_self());
	k_me()->blocked = true;
}

static void refine_drain(struct x_op *op)
{
	op->reads = x_only(op->object);
	op->writes = k_me()->pending ? op->reads : 0;
}

bool os_interrupt_drain(void)
{
	struct k_thread *me = k_me();
	struct x_op op = {
		.name = "drains signals", .object = pending_of(x_self()), .refine = refine_drain};
	bool was;

	(void)x_step(&op);
	if (x_running())
		x_take_view(x_self());
	was = me->pending;
	me->pending = false;
	return was;
}

/* Up to the first step of the call a signal finds the thread in the gap, and after that in the call
 * until it returns. */
long os_call_while(const os_u32 *word, uint32_t expected, const struct os_call *call)
{
	struct k_thread *me = k_me();
	long r = -EINTR;

	me->broken = false;
	me->standing = K_GAP;
	if (os_load_u32(word, OS_ACQUIRE) == expected && !me->broken)
		r = k_call(call->nr, call->args);
	me->standing = K_ELSEWHERE;
	return r;
}
