/* A sleep on no handle, in a scope that is moved or cancelled.
 *
 * Raced: the changer's look at the scope's place against the owner's way into its sleep, without any
 * descriptor. Promises 1, 2.
 * To catch: 1, 2, 4, 6, 7, 15, 17, 20 in scope.c and parker.c alone; the smallest of all, so the
 * first to look at. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_scope scope;
static lapse_scope_id id;

static void setup(void)
{
	o_warm(0);
	o_scope_enter(&scope, 200);
	id = o_scope_share(&scope);
}

static void sleeper(void)
{
	(void)o_sleep_until(300);
	(void)o_scope_leave(&scope);
}

static void mover(void)
{
	(void)o_scope_move(id, 100);
}

static void canceler(void)
{
	(void)o_scope_cancel(id);
}

static void lifter(void)
{
	(void)o_scope_move(id, LAPSE_NEVER);
}

const struct x_scenario sleep_move = {
	.name = "sleep_move",
	.about = "sleep in a scope whose deadline is moved earlier",
	.setup = setup,
	.threads = {sleeper, mover},
	.instants = {100, 200, 300},
	.outcome = o_outcome,
};

const struct x_scenario sleep_cancel = {
	.name = "sleep_cancel",
	.about = "sleep in a scope that is cancelled",
	.setup = setup,
	.threads = {sleeper, canceler},
	.instants = {200, 300},
	.outcome = o_outcome,
};

const struct x_scenario sleep_lift = {
	.name = "sleep_lift",
	.about = "sleep in a scope whose deadline is lifted",
	.setup = setup,
	.threads = {sleeper, lifter},
	.instants = {200, 300},
	.outcome = o_outcome,
};
