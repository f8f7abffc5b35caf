/* The lock of os.h on a futex. Algorithm: Drepper, "Futexes are tricky", mutex 2. Included by os_impl.h,
 * after the doors that it stands on. */
#ifndef LP_LOCK_H
#define LP_LOCK_H

/* The word: 0 free, 1 held, 2 held and somebody may sleep for it. Every change is a read-modify-write:
 * taking it sees all that its last holder did. */
static inline void os_lock_wait(struct os_lock *lock)
{
	while (os_swap_u32(&lock->word, 2) != 0)
		(void)os_futex_wait(&lock->word, 2, LAPSE_NEVER);
}

OS_INLINE void os_lock(struct os_lock *lock)
{
	uint32_t is_free = 0;

	if (!os_cas_u32(&lock->word, &is_free, 1))
		os_lock_wait(lock);
}

OS_INLINE void os_unlock(struct os_lock *lock)
{
	if (os_swap_u32(&lock->word, 0) == 2)
		os_futex_wake(&lock->word);
}

#endif
