/* The end of a handle: lapse_close and lapse_release. Owns the CLOSED bit. Obeys no deadline and no
 * scope: half-way there is no handle. */
#include "fd/op.h"
#include "fd/try.h"
#include "wait/interrupt.h"

static int look_alone(void *ctx, lapse_time *earliest)
{
	const struct lp_slot *slot = ctx;

	*earliest = LAPSE_NEVER;
	return (os_load_u64(&slot->word, OS_SEQ_CST) & LP_USERS) == 1;
}

/* Is this called by a function that runs in lapse_call_on of the same handle? It would wait for
 * itself. A child that was forked there holds nothing. */
static bool held_here(lapse_fd fd)
{
	const struct lp_slot *slot = lp_slot_find(fd);

	return os_self()->call != NULL && lp_interrupt_holds(slot, 0) &&
	       (os_load_u64(&slot->word, OS_RELAXED) & (LP_GENERATION | LP_INHERITED)) ==
	               lp_slot_generation(fd);
}

/* All but the last step: the handle is gone and nobody is in it. The system's number, or -errno and
 * nothing was done: the parker, the one thing that cannot always be had, comes first. */
static int retire(lapse_fd fd, const char *name, struct lp_slot **out)
{
	struct lp_parker *p;
	struct lp_slot *slot;
	int r;

	if (lp_slot_find(fd) == NULL)
		return -EBADF;
	if ((r = lp_parker_mine(&p)) < 0)
		return r;
	if (held_here(fd))
		return -EDEADLK;
	/* What a child inherited may be closed too. */
	if ((r = lp_slot_enter(fd, LP_CLOSED, 0, LP_CLOSED + 1, &slot)) < 0) /* C1 */
		return r;
	os_owned_reset(&slot->deadline[0], 0, LAPSE_NEVER);
	os_owned_reset(&slot->deadline[1], 0, LAPSE_NEVER);
	lp_slot_nudge(slot, LAPSE_READ | LAPSE_WRITE, LP_NOBODY);
	lp_parker_note(p, name, (uint64_t)fd);
	os_store_ptr(&slot->closer, p, OS_SEQ_CST); /* S1 */
	(void)lp_sleep(p, LAPSE_NEVER, look_alone, slot, lp_park_futex, NULL);
	lp_kept_close(slot);
	*out = slot;
	return lp_sysfd(slot);
}

int lapse_close(lapse_fd fd)
{
	struct lp_slot *slot;
	long r = retire(fd, "close", &slot);

	if (r < 0)
		return (int)lp_ret(r);
	r = os_close((int)r);
	lp_slot_give_back(slot);
	return (int)lp_ret(r == -EINTR ? -EINPROGRESS : r); /* Linux has freed the number by then */
}

int lapse_release(lapse_fd fd)
{
	struct lp_slot *slot;
	int r = retire(fd, "release", &slot);

	if (r >= 0)
		lp_slot_give_back(slot);
	return (int)lp_ret(r);
}
