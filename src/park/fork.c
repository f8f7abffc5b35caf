/* Finding out that this is a child. Owns the page that the kernel wipes, and the list of those who
 * have to know; touches nothing of theirs. */
#include "park/fork.h"

static os_u32 never_started = {LP_FORK_SETTLED};
os_ptr lp_fork_word = {&never_started};
os_u32 lp_fork_count;

/* Guards the list below. Nobody holds it while making a child settle. */
static struct os_lock lock;
static os_ptr parts[8]; /* void (*)(void), filled from the front, never emptied */

static int make_page(void)
{
	os_u32 *word;

	if (os_load_ptr(&lp_fork_word, OS_ACQUIRE) != &never_started)
		return 0;
	word = os_map_wiped_on_fork();
	if (word == NULL)
		return -ENOMEM;
	os_store_u32(word, LP_FORK_SETTLED, OS_RELAXED);
	os_store_ptr(&lp_fork_word, word, OS_RELEASE);
	return 0;
}

int lp_fork_start(void (*fn)(void))
{
	size_t i = 0;
	int r;

	os_lock(&lock);
	r = make_page();
	if (r == 0) {
		while (os_load_ptr(&parts[i], OS_RELAXED) != NULL &&
		       os_load_ptr(&parts[i], OS_RELAXED) != (void *)fn)
			i++;
		lp_assert(i < sizeof parts / sizeof *parts);
		os_store_ptr(&parts[i], (void *)fn, OS_RELEASE);
	}
	os_unlock(&lock);
	return r;
}

/* The thread that forked may not have held the lock, but another may have: it is not here. */
static void settle_all(void)
{
	os_store_u32(&lock.word, 0, OS_RELAXED);
	(void)os_add_u32(&lp_fork_count, 1);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		void (*fn)(void) = (void (*)(void))os_load_ptr(&parts[i], OS_ACQUIRE);

		if (fn != NULL)
			fn();
	}
}

void lp_fork_settle(void)
{
	os_u32 *word = os_load_ptr(&lp_fork_word, OS_ACQUIRE);
	uint32_t seen = LP_FORK_CHILD;

	if (os_cas_u32(word, &seen, LP_FORK_BUSY)) {
		settle_all();
		os_store_u32(word, LP_FORK_SETTLED, OS_SEQ_CST);
		os_futex_wake(word);
		return;
	}
	while (os_load_u32(word, OS_SEQ_CST) == LP_FORK_BUSY)
		(void)os_futex_wait(word, LP_FORK_BUSY, LAPSE_NEVER);
	os_futex_wake(word); /* one wakes one: each wakes the next */
}
