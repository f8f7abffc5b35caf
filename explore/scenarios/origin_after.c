/* The origin with its fix: what was wrong is so no more. And what a timer that writes the verdict
 * still allows, each kept to show that it is found: the reasons why in lapse nobody but the reader
 * draws one. */
#include "scenarios/origin.h"

/* ---- What is mended ---- */

static void setup(void)
{
	origin_setup(true, 100);
}

static const struct x_scenario origin_after = {
	.name = "origin_after",
	.about = "The origin with its fix: S clears a deadline as its timer T fires; then a read",
	.setup = setup,
	.threads = {origin_clear, origin_timer},
	.finish = origin_read_cleared,
	.names = {"S", "T"},
	.instants = {100},
};

static const struct x_scenario origin_moved_after = {
	.name = "origin_moved_after",
	.about = "The origin with its fix: S moves a deadline from 100 to 200; then a read, at 100",
	.setup = setup,
	.threads = {origin_move, origin_timer},
	.finish = origin_read_moved,
	.names = {"S", "T"},
	.instants = {100},
};

/* ---- A deadline that is now ---- */

static bool is_reading;

/* Nobody but the clock can go on. Looks at what is the reader's own, which is no race: it stands still. */
__attribute__((no_sanitize("thread"))) static void at_rest(bool ended)
{
	(void)ended;
	if (is_reading && x_time() >= 100)
		x_broken("1 any time", "at %lld a read still waits, under a deadline of 100",
		         (long long)x_time());
}

static void setup_now(void)
{
	origin_setup(true, 0);
	x_at_rest(at_rest);
}

static void set_and_read_in_vain(void)
{
	origin_set_deadline(100, &origin_timers[0]);
	is_reading = true;
	(void)origin_read(false);
	is_reading = false;
}

static const struct x_scenario origin_now = {
	.name = "origin_now",
	.about = "With the fix, a deadline that is just now neither starts a timer nor has passed",
	.setup = setup_now,
	.threads = {set_and_read_in_vain, origin_timer},
	.names = {"S", "T"},
	.instants = {100, 200},
	.breaks = "1 any time",
};

/* ---- The pointer to the pending read ---- */

static void setup_race(void)
{
	origin_setup(true, 100);
	origin_fd.clears_outside = true;
}

static void read_one(void)
{
	(void)origin_read(true);
}

static const struct x_scenario origin_race = {
	.name = "origin_race",
	.about =
		"With the fix, a reader clears the pointer to its read outside the callback's lock",
	.setup = setup_race,
	.threads = {read_one, origin_timer},
	.names = {"R", "T"},
	.instants = {100},
	.breaks = "data race",
};

/* ---- A deadline that is extended just after its timer has cancelled the read ---- */

static os_u32 extended;

/* The byte comes after that, so that the reader need not wait for ever. */
static void extend(void)
{
	origin_set_deadline(200, &origin_timers[1]);
	os_store_u32(&extended, 1, OS_RELEASE);
	x_say("the deadline is 200 now");
	origin_arrives();
}

/* The old deadline did pass while it was in force, so no promise is broken. But a reader that looked
 * once more before it said so would go on, and lapse's does. */
static void read_under_extension(void)
{
	if (origin_read(false) == -ETIME && os_load_u32(&extended, OS_ACQUIRE) != 0)
		x_broken("stricter than 2", "the read has failed, though its deadline lies ahead");
}

static const struct x_scenario origin_extended = {
	.name = "origin_extended",
	.about = "With the fix, a deadline that passed and was then extended fails the read all "
		 "the same",
	.setup = setup,
	.threads = {read_under_extension, extend, origin_timer},
	.names = {"R", "S", "T"},
	.instants = {100},
	.breaks = "stricter than 2",
};

const struct x_scenario *const origin_scenarios[] = {
	&origin_before, &origin_moved, &origin_after,    &origin_moved_after,
	&origin_now,    &origin_race,  &origin_extended, NULL,
};
