/* The origin, before its fix: the seven steps that it reports, and that moving a deadline leaves the
 * old timer running. Both are kept to show that they are found. */
#include "scenarios/origin.h"

/* ---- A timer that has fired as its deadline is cleared ---- */

static void setup(void)
{
	origin_setup(false, 100);
}

static void clear_and_read(void)
{
	origin_set_deadline(0, NULL);
	if (origin_read(true) == -ETIME)
		x_broken("3 no stale verdict", "a read that began after the deadline had been "
		                               "cleared says that the time is up");
}

const struct x_scenario origin_before = {
	.name = "origin_before",
	.about = "The origin before its fix: S clears a deadline as its timer T fires, then reads",
	.setup = setup,
	.threads = {clear_and_read, origin_timer_0},
	.names = {"S", "T"},
	.instants = {100},
	.breaks = "3 no stale verdict",
};

/* ---- A deadline that is moved away from a running timer ---- */

static void move_and_read(void)
{
	origin_set_deadline(200, &origin_timers[1]);
	if (origin_read(true) == -ETIME && os_now() < 200)
		x_broken("2 never early",
		         "the old deadline's timer ended a read under the new one");
}

const struct x_scenario origin_moved = {
	.name = "origin_moved",
	.about = "The origin before its fix: S moves a deadline from 100 to 200, then reads",
	.setup = setup,
	.threads = {move_and_read, origin_timer_0, origin_timer_1},
	.names = {"S", "T", "T2"},
	.instants = {100, 200},
	.breaks = "2 never early",
};
