/* What the parts of the explorer share: threads that take turns, steps between which another may
 * run, choices, and what is remembered of each run. A part above (memory, kernel, oracle) tells the
 * engine what a step may touch; the engine decides who takes the next one, and which runs need not
 * be made because they would only repeat another. Knows nothing of lapse.
 *
 * A run goes: the state as it was after `setup` is put back; each thread goes on to its first step;
 * then one step after another until all have ended. Everything between two steps of a thread is its
 * own affair and takes no time. */
#ifndef X_ENGINE_H
#define X_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X_LIKELY(x) __builtin_expect(!!(x), 1)

enum {
	X_THREADS = 8,   /* the clock among them */
	X_OBJECTS = 128, /* that more than one thread touches */
	X_VALUES = 3,    /* remembered of each step, for people */
};

/* ---- Objects: whatever two threads may both touch ---- */

/* An atomic word, a queue of bytes, a descriptor's number, the clock. Known by an address of the
 * part's own choosing, which means the same in each run. */
typedef int x_object;
typedef unsigned __int128 x_set;

/* The object at this address, the same each time. describe(key, buf, size) names it for people. */
typedef void x_describe_fn(const void *key, char *buf, size_t size);
x_object x_object_at(const void *key, x_describe_fn *describe);

static inline x_set x_only(x_object o)
{
	return (x_set)1 << o;
}

/* ---- Steps ---- */

struct x_op {
	const char *name; /* "load", "recv": a literal; one address for each name is not required */
	x_object object;  /* the one that people want to read about */
	x_set reads, writes;
	/* Just before the step is taken, with the state as it is by then: set reads and writes anew.
	 * Until then they are what it may touch at most. NULL: they stand. */
	void (*refine)(struct x_op *op);
	/* May it be taken now? NULL: always. Only a function of objects in reads and writes. */
	bool (*enabled)(const struct x_op *op);
	const void *arg;           /* of the two */
	uint64_t values[X_VALUES]; /* for people: what was read, written, returned */
	/* After a visit (below) to a thread that waits to take it: true: it is not taken any more. NULL:
	 * it is. */
	bool (*visited)(const struct x_op *op);
	/* Puts the step into words, after it was taken: "0 -> 1 (seq_cst)". NULL: nothing to add. */
	void (*describe)(const struct x_op *op, char *buf, size_t size);
};

/* Let others run; come back when this step is to be taken, which the caller then does at once,
 * without another x_step in between. Outside of runs (setup, finish) it comes back at once, whatever
 * `enabled` says. False: op->visited has called it off. */
bool x_step(struct x_op *op);

/* For people: values[i] of the caller's last step, known only now that it was taken. */
void x_note(int i, uint64_t value);

/* One of n ways to go on, all of them tried; 0 outside of runs. Between a step and the next one of
 * the same thread. `what` is a literal. 0 is the usual way. */
int x_choose(int n, const char *what);

/* The same for what may go wrong: 0 and no other way once the thread's budget of faults is spent. */
int x_fault(int n, const char *what);

/* ---- Threads ---- */

int x_self(void);         /* 0..; -1 outside of runs, unless x_be says otherwise */
bool x_running(void);     /* inside a run */
void x_be(int thread);    /* in setup: act for this thread from here on */
int x_thread_count(void); /* those of the scenario, started ones and the clock left out */

/* In a run: start fn(arg) as one of the scenario's spare threads, and let it go on to its first step.
 * What came before the caller's last step comes before all of its steps. Its number, or -1: there is
 * none left. Between a step and the next one of the same thread. */
int x_start(void (*fn)(void *), void *arg);
/* The calling thread ends here. Does not come back. */
__attribute__((noreturn)) void x_end_thread(void);

/* ---- Visits: what comes upon a thread wherever it stands, as signals do ----
 * To the threads that the scenario lists as visited: at any of their steps on shared objects, and
 * while they wait in one. A visit is a step of nobody's, upon which the visited thread does something
 * else first, which may take steps. */
struct x_visits {
	x_object (*pending)(int thread); /* what may_come looks at, alone */
	bool (*may_come)(int thread);
	void (*comes)(int thread); /* that step is taken */
	void (*visit)(void);       /* and what comes of it, in the thread */
};
void x_on_visits(const struct x_visits *visits);
bool x_may_be_visited(int thread);

/* All other threads are gone from here on, wherever they were: what fork does to them. A step that
 * touches everything. */
void x_alone(void);

/* ---- The order of steps, for the parts above ---- */

/* Steps of the run so far; the number of the calling thread's last step; how many steps of `thread`
 * the caller's last step comes after, in every order that this run stands for. */
uint32_t x_now_step(void);
uint32_t x_steps_before(int thread);

/* ---- The clock: a thread of its own whose steps move the time on ---- */

int64_t x_time(void);            /* as it is, without a step; for enabled() and the oracle */
extern const char x_clock_key[]; /* the clock's object is x_object_at(x_clock_key, ...) */
x_object x_clock(void);
/* How many steps of that thread came before the clock showed this instant, in every order. */
uint32_t x_steps_before_instant(int64_t when, int thread);
int64_t x_time_seen(void); /* the time that the caller's last step comes after, at least */

/* ---- State that each run starts from ---- */

/* Memory to put back before each run, as it is when setup has ended. Whole pages. Zeroed by the one
 * who calls. At most 16 of them; only before setup has ended. */
void x_keep(void *start, size_t size);
/* The same for the static memory of the shared object whose path contains this. */
void x_keep_library(const char *name);

/* ---- Failing ---- */

/* A promise is broken: the run ends here. promise: "3 no stale verdict". Does not come back. */
__attribute__((noreturn, format(printf, 2, 3))) void x_broken(const char *promise,
                                                              const char *format, ...);
/* The scenario or the explorer itself cannot go on (a door that is not modelled, too many objects):
 * never "complete". Does not come back. */
__attribute__((noreturn, format(printf, 1, 2))) void x_unfit(const char *format, ...);

/* Called whenever nobody but the clock can go on, and at the end with ended = true. */
void x_at_rest(void (*fn)(bool ended));
/* For it: is this thread waiting in a step? Then op is what it waits with. */
bool x_waits(int thread, const struct x_op **op);

/* ---- Scenarios ---- */

struct x_scenario {
	const char *name;                     /* "s1" */
	const char *about;                    /* one line */
	void (*setup)(void);                  /* makes what the threads share; NULL: nothing */
	void (*threads[X_THREADS - 1])(void); /* ended by NULL */
	void (*finish)(void); /* after each run that came to its end; NULL: nothing to add */
	int64_t instants[6];  /* the times that the clock moves to, rising; 0 ends them */
	int at_rest;          /* the last so many of them come only when nobody else can go on */
	bool first_at_rest;   /* so does the first: what comes before it is over by then */
	int faults;           /* that each thread may meet in a run */
	int spare;            /* threads that may be started in a run */
	unsigned visited;     /* threads that visits may come upon: a bit each */
	int last;   /* this thread goes on only when none of the rest can; 0: none does so */
	bool large; /* within two preemptions, unless it is asked for by its name */
	/* What a run came to, as a number, to count how many different ones there were; NULL: 0 */
	uint64_t (*outcome)(void);
	/* For people: what the threads are called; NULL: their numbers. */
	const char *names[X_THREADS - 1];
	/* The promise that it breaks, where it is kept to show that this is found; NULL: none. */
	const char *breaks;
};

enum x_memory { X_C11, X_SC };
enum x_mode { X_COMPLETE, X_PLAIN, X_BOUNDED, X_RANDOM, X_PCT };

struct x_options {
	enum x_memory memory;
	enum x_mode mode;
	int preemptions; /* X_BOUNDED: at most */
	int depth;       /* X_PCT */
	uint64_t seed;
	uint64_t runs;      /* at most; 0: as many as there are */
	double seconds;     /* at most; 0: no limit */
	uint32_t max_steps; /* of a run; 0: 20000 */
	bool stale_always;  /* leave out the pruning of stale reads (engine/memory.c) */
	/* This one run, shown in the trace; NULL: search. One character for each step: '0'.. its
	 * thread, the clock last; 'a'.. a choice. Steps on private objects count as well. */
	const char *replay;
	/* Take `replay` for a wish: at each step the first in the rest of it that can go on, when
	 * none is left the running thread, else the lowest. x_report.replay is what came of it. */
	bool follow;
	/* For the tests of the explorer itself: called after each run that came to its end. */
	void (*each)(uint64_t outcome);
};

enum x_verdict { X_COMPLETED, X_BOUND_REACHED, X_BROKEN, X_UNFIT };

struct x_report {
	enum x_verdict verdict;
	uint64_t runs, blocked; /* blocked: given up as repeating another run */
	uint64_t steps;         /* of all runs */
	uint32_t deepest;
	uint64_t outcomes; /* different ones; at most 4096 are told apart */
	double seconds;
	const char *bound;              /* which, if one was reached */
	char promise[64], message[512]; /* X_BROKEN, X_UNFIT */
	char *replay; /* X_BROKEN, or a given run: for x_options.replay; to be freed */
	uint64_t found_at_run;
};

void x_explore(const struct x_scenario *s, const struct x_options *o, struct x_report *r);

/* ---- The last run, for the report ---- */

struct x_event {
	uint8_t thread;
	bool is_choice; /* op.name is what was chosen, op.values[0] of op.values[1] */
	bool is_said;   /* op.name is what x_say was told */
	struct x_op op;
	char object[40]; /* the name of op.object as it was then */
	int64_t time;    /* when it was taken */
};
size_t x_trace(const struct x_event **events);
/* Words of the part above for people, between steps ("read -> -1 ETIME"). Costs nothing unless a run
 * is being shown. */
__attribute__((format(printf, 1, 2))) void x_say(const char *format, ...);
void x_object_name(x_object o, char *buf, size_t size);

#endif
