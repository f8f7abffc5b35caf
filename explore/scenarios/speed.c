/* How fast the search is: 24 steps that all depend on each other, so that nothing can be left out.
 *
 * Two threads, twelve swaps of one word each. There are 24! / (12! 12!) = 2,704,156 orders, all of
 * which differ: that many runs, neither more nor fewer, is also a check of the search. */
#include "engine/engine.h"
#include "os/os.h"

static os_u64 word;

static void swaps(void)
{
	for (uint64_t i = 0; i < 12; i++)
		(void)os_swap_u64(&word, i);
}

const struct x_scenario speed = {
	.name = "speed",
	.large = true,
	.about = "two threads, twelve swaps of one word each: 2,704,156 orders",
	.threads = {swaps, swaps},
};
