/* Small programs over the memory of the explorer, written as one line of text: what its litmus tests
 * and its random programs are made of. Owns the notation and the one program that is being run.
 * Knows engine.h and memory.h, no kernel and nothing of lapse.
 *
 *   x=1.rlx y.acq | y=1.sc x.sc ; x y
 *
 * Threads stand between bars; one behind ~ goes on only when none of the rest can. Words are w, x, y and z, 0 at first, of values 0 to 7.
 *   x.acq    load, in the order rlx, acq or sc        x<1     swap, which stores 1
 *   x=1.rel  store, in the order rlx, rel or sc       x:0>1   compare with 0 and swap for 1
 *   x+1      add                                      x!      wait until the newest value is not 0
 *   x*1      add, by loads and compare-and-swaps that go round until one succeeds
 *   [ and ]  take the lock, which may have to be waited for; give it back
 * Behind a semicolon: the words whose last values belong to the outcome.
 *
 * An outcome is one digit for each value that was read (compare-and-swap gives what it found), thread
 * by thread, then the last values; "-" stands for a read that was never reached. */
#ifndef X_PROGRAM_H
#define X_PROGRAM_H

#include "engine/engine.h"

enum {
	PROGRAM_THREADS = 4,
	PROGRAM_ACCESSES = 6,
	PROGRAM_WORDS = 4,
	PROGRAM_OUTCOMES = 4096,
	PROGRAM_TEXT = 160,
	NOT_REACHED = 8, /* in place of a digit */
};

enum access_kind { LOAD, STORE, SWAP, ADD, ROUND, CAS, AWAIT, LOCK, UNLOCK };

struct access {
	enum access_kind kind;
	int word;
	int order; /* an __ATOMIC_ constant */
	unsigned expected, value;
};

bool access_reads(enum access_kind kind);

struct program {
	int threads;
	int last; /* see x_scenario */
	int counts[PROGRAM_THREADS];
	struct access accesses[PROGRAM_THREADS][PROGRAM_ACCESSES];
	int finals; /* how many words count at the end */
	int final_words[PROGRAM_WORDS];
};

/* False: that is no program. */
bool program_parse(struct program *p, const char *text);
void program_print(const struct program *p, char *buf, size_t size);

/* A set of outcomes, as program_run leaves it, in rising order. */
struct outcomes {
	int count;
	uint64_t values[PROGRAM_OUTCOMES];
	struct x_report report;
};

/* Every outcome that the engine finds with these options; `each` is set here. */
void program_run(const struct program *p, const struct x_options *options, struct outcomes *out);

/* Four bits for each digit of the outcome. */
void outcomes_add(struct outcomes *o, uint64_t value);
bool outcomes_equal(const struct outcomes *a, const struct outcomes *b);
/* "00 01 11", in rising order. Returns how many characters, at most size - 1. */
size_t outcomes_print(const struct program *p, const struct outcomes *o, char *buf, size_t size);

#endif
