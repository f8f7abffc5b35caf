/* A small lock for a few words: held for a handful of instructions, never while its holder sleeps.
 * Knows nothing of deadlines; whoever waits here is about to run. */
#ifndef LP_LOCK_H
#define LP_LOCK_H

#include "os/os.h"

/* 0 free, 1 held, 2 held and somebody may sleep for it. Every change is a read-modify-write: taking
 * it sees all that its last holder did. */
struct lp_lock {
	os_u32 word;
};

void lp_lock_wait(struct lp_lock *lock);

OS_INLINE void lp_lock(struct lp_lock *lock)
{
	uint32_t is_free = 0;

	if (!os_cas_u32(&lock->word, &is_free, 1))
		lp_lock_wait(lock);
}

OS_INLINE void lp_unlock(struct lp_lock *lock)
{
	if (os_swap_u32(&lock->word, 0) == 2)
		os_futex_wake(&lock->word);
}

#endif
