/* The slow half of the small lock. */
#include "os/os.h"

void os_lock_wait(struct os_lock *lock)
{
	while (os_swap_u32(&lock->word, 2) != 0)
		(void)os_futex_wait(&lock->word, 2, LAPSE_NEVER);
}
