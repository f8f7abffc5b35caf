/* A shield against a cancel of the scope around it: what runs inside is not ended by it, what comes
 * after is.
 *
 * Promises 1, 2, 3; what leave says.
 * To catch: 36 (the other way round: the outer scope counts where it should not), 6. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static lapse_scope outer;
static lapse_scope guard;
static lapse_scope_id id;

static void setup(void)
{
	(void)o_socketpair(ends);
	(void)o_set_read_deadline(ends[0], 100);
	o_warm(0);
	o_scope_enter(&outer, LAPSE_NEVER);
	id = o_scope_share(&outer);
}

static void reader(void)
{
	o_scope_shield(&guard);
	(void)o_read(ends[0], 4);
	(void)o_scope_leave(&guard);
	(void)o_sleep_until(200);
	(void)o_scope_leave(&outer);
}

static void canceler(void)
{
	(void)o_scope_cancel(id);
}

const struct x_scenario shield = {
	.name = "shield",
	.about = "read in a shield, then a sleep outside; the outer scope cancelled",
	.setup = setup,
	.threads = {reader, canceler},
	.instants = {100, 200},
	.outcome = o_outcome,
};
