/* What belongs to a thread: its block, its beginning and end, its SIGPIPE. And what a fork leaves.
 * Nobody else looks at these, so nothing here is a step but starting one and the fork. */
#include "engine/memory.h"
#include "kernel/internal.h"

#include <string.h>

void *k_self(void)
{
	return k_me()->self;
}

enum { FIRST_ID = 100 };

int k_thread_id(void)
{
	return FIRST_ID + k_state.process * (X_THREADS + 1) + (int)(k_me() - k_state.threads);
}

int k_thread_named(int id)
{
	int thread = id - FIRST_ID - k_state.process * (X_THREADS + 1);

	return thread < 0 || thread >= X_THREADS ? -1 : thread;
}

int k_at_thread_exit(void (*fn)(void *), void *arg)
{
	k_me()->at_exit = fn;
	k_me()->at_exit_arg = arg;
	return 0;
}

/* What fn leaves behind anew is seen to as well, as often as pthreads does. */
void k_thread_exit(void)
{
	struct k_thread *me = k_me();

	for (int i = 0; i < 4 && me->at_exit != NULL; i++) {
		void (*fn)(void *) = me->at_exit;

		me->at_exit = NULL;
		fn(me->at_exit_arg);
	}
	memset(me->self, 0, sizeof me->self);
}

void k_thread_leave(void)
{
	struct k_thread *me = k_me();

	while (me->guard_count > 0) {
		me->guard_count--;
		me->guards[me->guard_count].exits(me->guards[me->guard_count].arg);
	}
	k_thread_exit();
	x_end_thread();
}

long k_guarded(long (*fn)(const void *), const void *fn_arg, void (*exits)(void *), void *arg)
{
	struct k_thread *me = k_me();
	long r;

	if (me->guard_count == K_GUARDS)
		x_unfit("more than %d of os_guarded in each other", K_GUARDS);
	me->guards[me->guard_count].exits = exits;
	me->guards[me->guard_count].arg = arg;
	me->guard_count++;
	r = fn(fn_arg);
	me->guard_count--;
	return r;
}

/* ---- Beginning ---- */

struct start {
	void (*fn)(void *);
	void *arg;
};

static void begin(void *arg)
{
	struct start start = *(struct start *)arg;

	k_me()->blocked = true;
	start.fn(start.arg);
	k_thread_exit();
}

/* Which of the spare ones it is hangs on who else starts one. What it is to do lies in the caller's
 * frame: it has taken that before its first step. */
int k_thread_start(void (*fn)(void *), void *arg)
{
	struct x_op op = {.name = "starts a thread", .object = -1};
	struct start start = {fn, arg};
	int thread;

	op.reads = op.writes = x_only(x_object_at(&k_state.process, NULL));
	(void)x_step(&op);
	if (x_fault(2, "thread: started, EAGAIN") != 0)
		return -EAGAIN;
	thread = x_start(begin, &start);
	if (thread < 0)
		x_unfit("the scenario has too few spare threads");
	return 0;
}

/* ---- SIGPIPE ---- */

static void killed(void)
{
	x_broken("9 a good guest", "SIGPIPE ends the process");
}

void k_sigpipe(void)
{
	if (k_me()->pipe_held)
		k_me()->pipe_pending = true;
	else
		killed();
}

void k_sigpipe_hold(uint64_t *mask, bool *pending)
{
	struct k_thread *me = k_me();

	*mask = me->pipe_held;
	*pending = me->pipe_pending;
	me->pipe_held = true;
	me->pipe_holds++;
}

void k_sigpipe_drop(uint64_t mask, bool pending)
{
	struct k_thread *me = k_me();

	if (me->pipe_holds-- == 0)
		x_broken("9 a good guest", "SIGPIPE is dropped by who did not hold it");
	if (!pending)
		me->pipe_pending = false;
	me->pipe_held = mask != 0;
	if (!me->pipe_held && me->pipe_pending)
		killed();
}

int k_sigpipe_holds(int thread)
{
	return k_state.threads[thread].pipe_holds;
}

/* ---- fork ---- */

/* Files stay the parent's too: no number that is closed here is the last. */
void k_become_child(void)
{
	x_alone();
	k_state.process++;
	for (int i = 0; i < k_state.file_count; i++)
		k_state.files[i].calls += k_state.files[i].names;
	for (int i = 0; i < X_THREADS; i++)
		if (&k_state.threads[i] != k_me())
			memset(&k_state.threads[i], 0, sizeof k_state.threads[i]);
	for (int i = 0; i < K_WIPED && k_state.wiped[i] != NULL; i++) {
		/* The word at its beginning may have a history, which goes on. */
		x_store(k_state.wiped[i], 4, 0, __ATOMIC_SEQ_CST);
		memset(k_state.wiped[i], 0, 4096);
	}
}
