/* How the stepped thread is made to stop at a chosen instruction: what differs from processor to
 * processor. Beside stepper.c either stepping_trap_flag.c (x86-64) or tests/guest/breakpoints.c.
 *
 * The places where a call can be stopped are found by runs without an event, and have numbers from
 * then on. Who stands on one has every signal held back: what is sent there meets it exactly there. */
#ifndef STEPPING_H
#define STEPPING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

extern const char lp_call_while[], lp_call_look[], lp_call_insn[], lp_call_abort[];

static inline bool within(uintptr_t where, const void *from, const void *to)
{
	return where >= (uintptr_t)from && where <= (uintptr_t)to;
}

/* By the thread that will be stepped, before every other. */
void stepping_start(int thread);

enum stepping { STEPPING_OFF, STEPPING_LEARN, STEPPING_TO };

/* Around what is stepped: to STEPPING_TO belongs the place. arrives: step_arrives is to be called. */
void stepping_begin(enum stepping how, int place, bool arrives);
void stepping_end(void);

/* Forget the places; and after a run with STEPPING_LEARN: was it the way of the one before? */
void stepping_forget(void);
bool stepping_is_learnt(void);

int stepping_count(void);
uintptr_t stepping_where(int place);

/* The library's signal handler is about to run, or has returned: it is part of the call. */
void stepping_enter_handler(const void *context);
void stepping_leave_handler(void *context);

/* Called back, in the stepped thread's SIGTRAP handler: it stands on the place; it has come to
 * os_call_while for the first time. Neither may call what is stepped. */
void step_here(void);
void step_arrives(void);

/* Where the thread stood that a signal's handler interrupted. */
uintptr_t stepping_stood(const void *context);

/* The thread is asleep in that system call. */
bool stepping_sleeps_in(int thread, long nr);

/* Signal handlers, past the C library's and the sanitizers'. The mask is what they hold back. */
struct stepping_action {
	void (*handler)(int signo, siginfo_t *info, void *context);
	unsigned long flags;
	uint64_t mask;
};
struct stepping_action stepping_action(int signo);
void stepping_act(int signo, struct stepping_action action);

#endif
