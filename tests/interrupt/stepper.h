/* Stops one call of lapse at one chosen instruction of it and lets something happen there: what tests
 * that rely on chance do not hit. Owns the process's SIGTRAP and the thread that makes things happen.
 * Looks inside the library, but changes nothing there. How the thread is stopped is stepping.h's. */
#ifndef STEPPER_H
#define STEPPER_H

#include <stdbool.h>

/* A call that sleeps in one system call until something ends it. */
struct step_target {
	const char *name;
	long nr;             /* the system call */
	void (*ready)(void); /* before each run, not stepped */
	long (*call)(void);  /* what is stepped: a result or -errno */
	void (*grant)(void); /* lets it succeed, with that result; NULL: nothing does */
	long granted;
	bool is_foreign;       /* the system call is made by other code than the library's */
	void (*arrives)(void); /* at the first instruction that runs in os_call_while; or NULL */
	void (*after)(long result); /* afterwards, not stepped; or NULL */
};

/* What happens at the chosen instruction. Another thread does it, and is waited for. */
enum step_event {
	STEP_CANCEL,  /* the scope around the call is cancelled */
	STEP_EXPIRE,  /* its deadline is moved into the past */
	STEP_UNPARK,  /* a wake-up without a cause */
	STEP_NESTED,  /* a signal of the application's, in whose handler STEP_CANCEL happens */
	STEP_FOREIGN, /* a signal of the application's, and nothing else */
	STEP_EVENT_COUNT,
};

extern const char *const step_event_names[];

/* How the call ends if the event does not do that. */
enum step_ending { STEP_GRANT, STEP_END_CANCEL, STEP_GRANT_AND_CANCEL };

/* Once in each process, by the thread that will be stepped. foreign_flags: of the application's
 * signal handler. */
void step_start(int foreign_flags);

struct step_result {
	int length;  /* how many instructions the call has that can be chosen */
	int wanted;  /* how many of them were */
	int stepped; /* at how many the event happened, each in a run of its own */
	int again;   /* runs that went another way, and were made once more */
	int sent;    /* runs in which the library's signal came */
	int inside;  /* ... in the gap between the look and the system call, or on the call */
};

/* Let the event happen at each stride-th instruction, and at each within os_call_while; whatever is
 * wrong ends the process and says so. */
struct step_result step_through(const struct step_target *target, enum step_event event,
                                enum step_ending ending, int stride);

/* Of those that were chosen some are never met: the way there depends on the moment. */
bool step_met_enough(const struct step_result *r);

/* Count runs at full speed in which the call is cancelled the moment its system call succeeds. */
void step_race(const struct step_target *target, int count);

/* From any thread. */
_Noreturn void step_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
