/* A fork while another thread reads: the child may only close what it inherited, and what it makes
 * works.
 *
 * Raced: the fork against each step of a read, whose pin, turn and locks stay behind in the child's
 * memory. Promise 9 (works after fork), 6.
 * To catch: a child that believes its parent's pins, turns or eventfds. */
#include "engine/engine.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];

static void setup(void)
{
	(void)o_socketpair(ends);
	o_warm(0);
	o_warm(1);
}

static void reader(void)
{
	(void)o_read(ends[0], 4);
}

static void forks(void)
{
	o_fork();
	(void)o_read(ends[0], 4);
	(void)o_close(ends[0]);
}

static void forks_and_works(void)
{
	lapse_fd mine[2];

	o_fork();
	(void)o_close(ends[1]);
	if (o_socketpair(mine) != 0)
		return;
	(void)o_write(mine[1], 2);
	(void)o_read(mine[0], 4);
}

const struct x_scenario fork_close = {
	.name = "fork_close",
	.about = "fork under a read; the child reads and closes what it inherited",
	.setup = setup,
	.threads = {reader, forks},
	.outcome = o_outcome,
};

const struct x_scenario fork_works = {
	.name = "fork_works",
	.about = "fork under a read; the child makes handles of its own",
	.setup = setup,
	.threads = {reader, forks_and_works},
	.outcome = o_outcome,
};
