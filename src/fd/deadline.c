/* Deadlines, idle limits, cancels: changing the causes that operations look at. Never a verdict,
 * never a timer; a wake-up only for a sleeper that would otherwise sleep too long. */
#include "fd/op.h"

static bool is_open(const struct lp_slot *slot, lapse_fd fd)
{
	uint64_t word = os_load_u64(&slot->word, OS_SEQ_CST);

	return (word & (LP_GENERATION | LP_CLOSED | LP_INHERITED)) == lp_slot_generation(fd);
}

/* No pin: each deadline is stored only while the handle owns it, in one atomic step, and the slot is
 * then only looked at. Closing takes the ownership away after CLOSED is set; the look at the word
 * makes a closed handle fail here for whoever has already seen it fail elsewhere. */
OS_INLINE int set(lapse_fd fd, int dirs, lapse_time deadline)
{
	struct lp_slot *slot = lp_slot_find(fd);

	if (slot == NULL)
		return (int)lp_ret(-EBADF);
	for (int i = 0; i < 2; i++)
		if ((dirs & 1 << i) != 0 &&
		    !os_owned_set(&slot->deadline[i], (uint64_t)fd, deadline)) /* C1 */
			return (int)lp_ret(-EBADF);
	lp_slot_nudge(slot, dirs, deadline);
	return is_open(slot, fd) ? 0 : (int)lp_ret(-EBADF);
}

int lapse_set_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_READ | LAPSE_WRITE, deadline);
}

int lapse_set_read_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_READ, deadline);
}

int lapse_set_write_deadline(lapse_fd fd, lapse_time deadline)
{
	return set(fd, LAPSE_WRITE, deadline);
}

static lapse_time get(lapse_fd fd, int i)
{
	struct lp_slot *slot = lp_slot_find(fd);
	lapse_time deadline;

	if (slot != NULL) {
		deadline = os_owned_get(&slot->deadline[i]);
		if (is_open(slot, fd))
			return deadline;
	}
	(void)lp_ret(-EBADF);
	return LAPSE_NEVER;
}

lapse_time lapse_read_deadline(lapse_fd fd)
{
	return get(fd, 0);
}

lapse_time lapse_write_deadline(lapse_fd fd)
{
	return get(fd, 1);
}

static void set_idle(struct lp_slot *slot, int i, int64_t ns)
{
	os_store_i64(&slot->idle[i], ns, OS_SEQ_CST); /* C1 */
}

static void cancel(struct lp_slot *slot, int i, int64_t unused)
{
	(void)unused;
	(void)os_add_u32(&slot->cancel[i], 1); /* C1 */
}

static int change(lapse_fd fd, int dirs, void (*cause)(struct lp_slot *slot, int i, int64_t v),
                  int64_t v)
{
	struct lp_slot *slot;
	int r = lp_slot_pin(fd, &slot);

	if (r < 0)
		return (int)lp_ret(r);
	if (!lp_directions(dirs) || v < 0) {
		r = -EINVAL;
	} else {
		for (int i = 0; i < 2; i++)
			if ((dirs & 1 << i) != 0)
				cause(slot, i, v);
		lp_slot_nudge(slot, dirs, LP_NOBODY);
	}
	lp_slot_unpin(slot);
	return (int)lp_ret(r);
}

int lapse_set_idle(lapse_fd fd, int dirs, int64_t ns)
{
	return change(fd, dirs, set_idle, ns);
}

int lapse_cancel(lapse_fd fd, int dirs)
{
	return change(fd, dirs, cancel, 0);
}

static long try_check(struct lp_op *op, struct lp_side *side, void *arg)
{
	(void)op;
	(void)arg;
	return lp_directions(side->dirs) ? 0 : -EINVAL;
}

int lapse_check(lapse_fd fd, int dirs)
{
	return (int)lp_op_run(fd, dirs, "check", try_check, NULL);
}
