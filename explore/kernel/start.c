/* The kernel's state and its beginning. Owns k_state: the one piece of memory that runs change, the
 * arena of memory.c apart. */
#include "kernel/internal.h"

struct k_all k_state __attribute__((aligned(4096)));

_Static_assert(sizeof k_state % 4096 == 0, "the engine keeps whole pages");

enum { CAPACITY = 64 };

void k_start(void)
{
	x_keep(&k_state, sizeof k_state);
	k_memory_start();
	k_interrupts_start();
	k_state.capacity = CAPACITY;
}

struct k_thread *k_me(void)
{
	int self = x_self();

	return &k_state.threads[self < 0 || self >= X_THREADS ? X_THREADS : self];
}

void k_set_capacity(size_t bytes)
{
	if (bytes == 0 || bytes > K_ROOM)
		x_unfit("k_set_capacity: from 1 to %d bytes", K_ROOM);
	k_state.capacity = (uint32_t)bytes;
}

void k_set_old(bool is_old)
{
	k_state.is_old = is_old;
}
