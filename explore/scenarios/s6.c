/* S6: a stale handle is used while its slot is closed, taken again and closed again.
 *
 * Raced: a stale handle's look at the word, pin, unpin and stores against the slot's next life.
 * Promises 6, 3; the handle that came after must not notice.
 * To catch: 21 (generation compared before the pin), 22 (not at all), 23 (a stale unpin), 24 (a free
 * slot's word stored plainly), 25 (the generation raised too late), 29 (a second close succeeds). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int spare;

static void setup(void)
{
	(void)o_socketpair(ends);
	spare = o_raw_open();
	o_warm(0);
	o_warm(1);
}

static void recycler(void)
{
	lapse_fd next;

	(void)o_close(ends[0]);
	next = o_adopt(spare);
	(void)o_check(next, LAPSE_READ);
	(void)o_close(next);
}

static void pins(void)
{
	(void)o_cancel(ends[0], LAPSE_READ);
}

static void sets(void)
{
	(void)o_set_read_deadline(ends[0], 0);
}

static void closes(void)
{
	(void)o_close(ends[0]);
}

const struct x_scenario s6 = {
	.name = "s6",
	.about = "stale handle pins while its slot is closed, used again, closed again",
	.setup = setup,
	.threads = {recycler, pins},
	.outcome = o_outcome,
};

const struct x_scenario s6_set = {
	.name = "s6_set",
	.about = "stale handle sets while its slot is closed, used again, closed again",
	.setup = setup,
	.threads = {recycler, sets},
	.outcome = o_outcome,
};

const struct x_scenario s6_close = {
	.name = "s6_close",
	.about = "stale handle closes while its slot is closed, used again, closed again",
	.setup = setup,
	.threads = {recycler, closes},
	.outcome = o_outcome,
};
