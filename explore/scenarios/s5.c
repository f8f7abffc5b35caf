/* S5: a reader that waits, one that queues behind it, close; and a foreign open that gets the number.
 *
 * Raced: close against both on their way in, asleep and on their way out; the turn's being given on
 * against close; what they still do against the number's next owner. Promises 6, 8, the rules for
 * close.
 * To catch: 5 (the second look leaves closed out), 12, 13, 26 (close(2) before the last has left), 28
 * (only readers woken: s5_writer), 29, 30 (a queued waiter is dropped), 31 (closed not looked at after
 * the turn was won). s5_three has three who wait for each other: 1.3 million runs to the end. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
	o_warm(2);
}

static void held(void)
{
	setup();
	o_hold(ends[0], LAPSE_READ);
}

static void full(void)
{
	k_set_capacity(4);
	setup();
	(void)o_raw_write(lapse_sysfd(ends[0]), 4);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void writer(void)
{
	(void)o_write(ends[0], 4);
}

static void lets_go(void)
{
	o_let_go();
}

static void closer(void)
{
	(void)o_close(ends[0]);
}

static void lets_go_and_closes(void)
{
	o_let_go();
	(void)o_close(ends[0]);
}

static void closer_and_next(void)
{
	(void)o_close(ends[0]);
	(void)o_raw_open();
}

const struct x_scenario s5_one = {
	.name = "s5_one",
	.about = "reader; close; the number is used again",
	.setup = setup,
	.threads = {reader, closer_and_next},
	.outcome = o_outcome,
};

const struct x_scenario s5_writer = {
	.name = "s5_writer",
	.about = "writer at a full socket; close; the number is used again",
	.setup = full,
	.threads = {writer, closer_and_next},
	.outcome = o_outcome,
};

const struct x_scenario s5_turn = {
	.name = "s5_turn",
	.about = "queued reader; the turn is given on, then close",
	.setup = held,
	.threads = {reader, lets_go_and_closes},
	.outcome = o_outcome,
};

const struct x_scenario s5_queued = {
	.name = "s5_queued",
	.about = "queued reader; close while another has the turn and gives it up",
	.setup = held,
	.threads = {reader, lets_go, closer},
	.outcome = o_outcome,
};

const struct x_scenario s5_three = {
	.name = "s5_three",
	.large = true,
	.about = "reader and queued reader; close",
	.setup = setup,
	.threads = {reader, reader, closer},
	.outcome = o_outcome,
};
