/* S8: an operation in two scopes; the outer one is cancelled and the handle closed, at once.
 *
 * Raced: two causes of different kinds that come together, each with its own way to the sleeper; and
 * a scope's move against the verdict. Promises 1, 2, 6; what leave says.
 * To catch: 36 (an inner scope ignores the outer), 37 (one wake-up for two causes), 38 (expiry of a
 * scope made sticky on the handle: s8_move). */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static lapse_scope outer;
static lapse_scope inner;
static lapse_scope_id id;

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(2);
	o_warm(1);
	o_warm(0);
	o_scope_enter(&outer, 200);
	id = o_scope_share(&outer);
}

static void reader(void)
{
	o_scope_enter(&inner, LAPSE_NEVER);
	(void)o_read(ends[0], 4);
	(void)o_scope_leave(&inner);
	(void)o_scope_leave(&outer);
}

static void reads_after(void)
{
	(void)o_read(ends[0], 4);
	(void)o_scope_leave(&outer);
	(void)o_check(ends[0], LAPSE_READ);
}

static void canceler(void)
{
	(void)o_scope_cancel(id);
}

static void closer(void)
{
	(void)o_close(ends[0]);
}

static void mover(void)
{
	(void)o_scope_move(id, 100);
}

static void mover_out(void)
{
	(void)o_scope_move(id, 300);
}

const struct x_scenario s8 = {
	.name = "s8",
	.about = "nested scopes, inner read; outer cancelled, handle closed",
	.setup = setup,
	.threads = {reader, canceler, closer},
	.instants = {200},
	.outcome = o_outcome,
};

const struct x_scenario s8_cancel = {
	.name = "s8_cancel",
	.about = "nested scopes, inner read; outer cancelled",
	.setup = setup,
	.threads = {reader, canceler},
	.instants = {200},
	.outcome = o_outcome,
};

const struct x_scenario s8_move = {
	.name = "s8_move",
	.about = "read in a scope whose deadline is moved earlier",
	.setup = setup,
	.threads = {reads_after, mover},
	.instants = {100, 200},
	.outcome = o_outcome,
};

const struct x_scenario s8_extend = {
	.name = "s8_extend",
	.about = "read in a scope whose deadline is moved later",
	.setup = setup,
	.threads = {reads_after, mover_out},
	.instants = {200, 300},
	.outcome = o_outcome,
};
