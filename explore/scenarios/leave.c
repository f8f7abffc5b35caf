/* A scope's number, used while its owner leaves and shares another scope in its place.
 *
 * Raced: move and cancel by a number against leave, and against the next life of what it named: the
 * scope that came after must not be hit. Promises 1, 2, 3.
 * To catch: 21-25 where the owner of a word is a scope. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static lapse_scope scope;
static lapse_scope_id id;

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_scope_enter(&scope, LAPSE_NEVER);
	id = o_scope_share(&scope);
}

static void owner(void)
{
	(void)o_scope_leave(&scope);
	o_scope_enter(&scope, 200);
	(void)o_scope_share(&scope);
	(void)o_sleep_until(100);
	(void)o_scope_leave(&scope);
}

static void mover(void)
{
	(void)o_scope_move(id, 50);
}

static void canceler(void)
{
	(void)o_scope_cancel(id);
}

const struct x_scenario leave_move = {
	.name = "leave_move",
	.about = "a scope is left and another shared; the first is moved by its number",
	.setup = setup,
	.threads = {owner, mover},
	.instants = {50, 100},
	.outcome = o_outcome,
};

const struct x_scenario leave_cancel = {
	.name = "leave_cancel",
	.about = "a scope is left and another shared; the first is cancelled by its number",
	.setup = setup,
	.threads = {owner, canceler},
	.instants = {100},
	.outcome = o_outcome,
};
