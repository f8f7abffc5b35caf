/* The small lock of src/park/lock.h as one step to take it and one to give it back: who finds it held
 * waits in the engine until it is free. In place of the real one, which has two files' worth of steps
 * on a futex that nobody outside of it can tell: explore/scenarios/lock.c goes through those, in all
 * orders. What holds with this lock holds with that one if each behaves as this one does:
 *   nobody but one has it; who takes it sees all that its last holder did; who waits for it gets it
 *   once it is free, whatever else its futex is woken for.
 * Its word is touched by nothing else, but for a child, which finds it held by nobody. */
#ifndef LP_LOCK_H
#define LP_LOCK_H

#include "os/os.h"

struct lp_lock {
	os_u32 word;
};

void lp_lock_wait(struct lp_lock *lock); /* of the real one: not used */

OS_INLINE void lp_lock(struct lp_lock *lock)
{
	x_lock(&lock->word.v);
}

OS_INLINE void lp_unlock(struct lp_lock *lock)
{
	(void)x_swap(&lock->word.v, 4, 0);
}

#endif
