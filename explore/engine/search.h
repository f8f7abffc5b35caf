/* The stack of choices that leads to the run in hand, and the ways to go through all of them.
 * Between search.c, which grows and shrinks it, and the modes. */
#ifndef X_SEARCH_H
#define X_SEARCH_H

#include "engine/internal.h"

struct x_node {
	bool is_choice;
	/* A step: */
	uint8_t thread;
	x_mask enabled;
	x_mask sleep; /* whose next step would only repeat an earlier run, as the node was made */
	x_mask done;  /* gone through already */
	x_mask backtrack; /* to be gone through */
	uint16_t index;   /* of the step among its thread's */
	x_object object;
	const char *name; /* of the step, or what is chosen */
	x_set reads, writes;
	struct x_clock clock; /* with the step */
	/* A choice: */
	int taken, n;
};

enum { X_NODES = 1 << 16 };

struct x_search {
	struct x_node nodes[X_NODES];
	size_t length; /* nodes that are fixed for this run; beyond them it finds its own way */
	size_t at;     /* the next one */
	size_t fresh;  /* steps from here on have not been taken before */
	struct x_node *last; /* the last step, or NULL */
	uint64_t random;
};
extern struct x_search x_search;

/* Races of the step that is taken with earlier ones: where another order has to be tried. `clock`:
 * of its thread, before it. */
void x_races(int thread, const struct x_clock *clock, x_set reads, x_set writes);

#endif
