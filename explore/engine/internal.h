/* Between the engine's own files: threads, the stack of choices, and the run in hand. Not for the
 * parts above. */
#ifndef X_INTERNAL_H
#define X_INTERNAL_H

#include "engine/engine.h"

#include <string.h>

typedef uint8_t x_mask; /* of threads */

/* How many steps of each thread come before, in every order that the run stands for. */
struct x_clock {
	int16_t of[X_THREADS]; /* signed: processors take the greater of eight of these at once */
};

static inline void x_join(struct x_clock *a, const struct x_clock *b)
{
	for (int i = 0; i < X_THREADS; i++)
		if (b->of[i] > a->of[i])
			a->of[i] = b->of[i];
}

static inline x_mask x_bit(int thread)
{
	return (x_mask)(1u << thread);
}

static inline x_object x_lowest(x_set s)
{
	uint64_t low = (uint64_t)s;

	return low != 0 ? __builtin_ctzll(low) : 64 + __builtin_ctzll((uint64_t)(s >> 64));
}

static inline bool x_dependent(x_set reads_a, x_set writes_a, x_set reads_b, x_set writes_b)
{
	return (writes_a & (reads_b | writes_b)) != 0 || (reads_a & writes_b) != 0;
}

/* ---- Threads (run.c) ---- */

enum x_life { X_ABSENT, X_STARTED, X_ENDED };

struct x_thread {
	void *stack_pointer; /* while it is switched away from */
	void (*fn)(void *);  /* a started one's */
	void *arg;
	bool visited;    /* a visit has come, and what it does is not begun */
	struct x_op *op; /* the step it waits to take; NULL: none */
	enum x_life life;
	int saved_errno;
	uint16_t steps;
	uint32_t all_steps;    /* private ones too */
	struct x_clock clock;  /* after its last step */
	struct x_clock before; /* that clock before it */
	size_t event;          /* of its last step, when showing */
};

struct x_run {
	const struct x_scenario *scenario;
	const struct x_options *options;
	struct x_thread threads[X_THREADS];
	int own;   /* threads of the scenario */
	int spare; /* those after them, which may be started */
	int count; /* and the visits, one for each visited thread; the clock is number `count` */
	int hosts[X_THREADS];    /* a visit's thread */
	int visitors[X_THREADS]; /* a thread's visit, or -1 */
	int current;             /* whose steps these are; -1: nobody's */
	int acting;              /* outside of runs: whom setup acts for */
	bool running;            /* inside a run */
	bool alone;              /* after x_alone */
	bool given_up;           /* a thread was: the run counts for nothing */
	bool starting; /* a thread goes on to its first step, and then back to `starter`, -1: main */
	int starter;
	int ticks;             /* instants that have come */
	bool after_all;        /* the step that is being taken could not have come earlier */
	int faults[X_THREADS]; /* left */
	uint32_t steps;
	uint32_t all_steps; /* private ones too */
	bool all_visible;
};
extern struct x_run x_run;

enum x_end { X_END_DONE, X_END_BLOCKED, X_END_RESTART, X_END_BROKEN, X_END_UNFIT };

void x_run_count_threads(const struct x_scenario *s);
/* Make one run. The search decides (below). */
enum x_end x_run_once(struct x_report *r);
/* The run ends here. Does not come back. */
__attribute__((noreturn)) void x_run_leave(enum x_end end);
/* The calling thread goes no further: another run stands for what it would do. The others go on, so that
 * their races are seen. Does not come back. */
__attribute__((noreturn)) void x_give_up(void);
/* What a thread's step touches, as the state is now. */
void x_refine(int thread, struct x_op *op);
/* A step is taken. */
void x_run_take(int thread, struct x_op *op);
/* Those that wait in a step that may be taken now; the clock, if it has an instant left. */
x_mask x_run_enabled(void);

/* ---- The search (search.c): asked by the run ---- */

void x_search_begin_run(void);
/* Who takes the next step, of those in the mask, which is not empty. */
int x_search_next(x_mask enabled);
/* The step that was asked for last is being taken, with what it touches. */
void x_search_taken(int thread, const struct x_op *op);
/* Who took the last step; -1: nobody yet. */
int x_search_last(void);
int x_search_choose(int n, const char *what, bool is_fault);
/* Nobody can go on; some may wait for ever. */
void x_search_end(void);

/* ---- A given run (replay.c) ---- */

void x_replay_begin_run(void);
int x_replay_next(x_mask enabled);
int x_replay_choice(int n);

/* ---- Visits (visit.c) ---- */

void x_visits_begin_run(void);
x_object x_arrival(int thread); /* which its steps read and a visit to it writes */
int x_take_visit(int visitor); /* whose step it is that was chosen: who does something else first */
void x_visit(void);            /* what that is, in the thread */

/* ---- Objects (object.c) ---- */

/* Those that two threads touch and one of them changes: only steps on these can matter to another
 * thread. Grows while runs are made; a search starts again when it does. */
extern x_set x_shared;
/* `thread` touches these. True: something became shared by it. */
bool x_touch(int thread, x_set reads, x_set writes);
void x_objects_forget(void);
void x_objects_begin_run(void);
/* The clock of a step by one whose clock was c, and remember it. */
void x_objects_order(struct x_clock *c, x_set reads, x_set writes);

/* ---- Kept memory (state.c) ---- */

void x_state_begin(void);   /* before setup */
void x_state_freeze(void);  /* after it: this is what each run starts from */
void x_state_restore(void); /* before each run */
void x_state_end(void);     /* as it was before setup */

/* ---- Endless loops (watch.c) ---- */

void x_watch(bool on);
void x_progress(void); /* at each step, private ones too */

/* ---- Memory and plain data ---- */

void x_memory_begin_run(void);
void x_memory_alone(void);
void x_memory_start(int thread); /* by the caller */
/* Was this step of that thread before the caller's last step but one, in every order? */
bool x_was_past(int thread, uint16_t step);
/* Happens-before, for the detector of races in plain data. */
extern struct x_clock x_seen[X_THREADS];
static inline const struct x_clock *x_memory_seen(int thread)
{
	return &x_seen[thread];
}
void x_plain_begin_run(void);
/* An atomic access: does a plain one of another thread race with it? */
void x_plain_check(const void *a, int size, bool writes);
void x_plain_watch(const void *start, size_t size);

/* ---- The trace (trace.c) ---- */

extern bool x_show;
void x_trace_begin_run(void);
void x_trace_step(int thread, const struct x_op *op);
void x_trace_choice(int thread, const char *what, int taken, int n);
/* One character for each step and each choice. */
extern bool x_recording;
void x_record(char c);
const char *x_recorded(void);

#endif
