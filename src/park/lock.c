/* The slow half of the small lock. Algorithm: Drepper, "Futexes are tricky", mutex 2. */
#include "park/lock.h"

void lp_lock_wait(struct lp_lock *lock)
{
	while (os_swap_u32(&lock->word, 2) != 0)
		(void)os_futex_wait(&lock->word, 2, LAPSE_NEVER);
}
