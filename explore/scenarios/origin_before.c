/* The origin, before its fix: the seven steps that it reports, and that moving a deadline leaves the
 * old timer running. Both are kept to show that they are found. */
#include "scenarios/origin.h"

static void setup(void)
{
	origin_setup(false, 100);
}

/* The report's seven steps, in its order: --replay=02111000111. */
const struct x_scenario origin_before = {
	.name = "origin_before",
	.about = "The origin before its fix: S clears a deadline as its timer T fires; then a read",
	.setup = setup,
	.threads = {origin_clear, origin_timer},
	.finish = origin_read_cleared,
	.names = {"S", "T"},
	.instants = {100},
	.breaks = "3 no stale verdict",
};

const struct x_scenario origin_moved = {
	.name = "origin_moved",
	.about = "The origin before its fix: S moves a deadline from 100 to 200; then a read, at "
		 "100",
	.setup = setup,
	.threads = {origin_move, origin_timer},
	.finish = origin_read_moved,
	.names = {"S", "T"},
	.instants = {100},
	.breaks = "2 never early",
};
