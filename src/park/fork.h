/* Is this process the one that made what lies in memory, or a forked child of it? Owns the answer;
 * what a child has to do about it is each part's own affair. */
#ifndef LP_FORK_H
#define LP_FORK_H

#include "os/os.h"

enum { LP_FORK_CHILD = 0, LP_FORK_BUSY = 1, LP_FORK_SETTLED = 2 };

/* Points at a constant until the first part starts, then at a word in a page that the kernel wipes
 * in a child. Written once, before anything is there that a child could inherit. The word: a child
 * finds CHILD; its first call swaps it to BUSY, does what has to be done, and stores SETTLED. */
extern os_ptr lp_fork_word;

/* Make the page, and have fn called in each child before anything else is done there. fn runs in
 * one thread while the others wait. 0 or -errno. Calling it again with the same fn does nothing. */
int lp_fork_start(void (*fn)(void));

void lp_fork_settle(void);

/* How many forks lie behind this process. Relaxed: a child's first call adds one before it goes on. */
extern os_u32 lp_fork_count;

/* At every door from the outside: two loads. */
OS_INLINE void lp_fork_check(void)
{
	os_u32 *word = os_load_ptr(&lp_fork_word, OS_ACQUIRE);

	if (os_unlikely(os_load_u32(word, OS_ACQUIRE) != LP_FORK_SETTLED))
		lp_fork_settle();
}

#endif
