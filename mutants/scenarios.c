/* Scenarios that the mutants need beside those of explore/scenarios: each is here for one or two of
 * them, named in front. scripts/mutants builds them, and first sees that the library as it is passes
 * them all. Owns nothing but what each sets up. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"

static lapse_fd ends[2];
static int peer;
static int spare;

static void pair(void)
{
	(void)o_socketpair(ends);
	peer = lapse_sysfd(ends[1]);
	for (int i = 0; i < 3; i++)
		o_warm(i);
}

static void read_one(void)
{
	(void)o_read(ends[0], 1);
}

static void let_go(void)
{
	o_let_go();
}

/* place_cleared_late: the first leaves with its byte while the second goes to sleep in its place, and
 * then has to be found there. The second may have the byte, and the first then waits on. */
static void first_may_wait(void)
{
	pair();
	o_warm(0);
	o_may_wait();
}

static void read_and_set(void)
{
	(void)o_read(ends[0], 1);
	(void)o_set_read_deadline(ends[0], 100);
}

static void send_and_read(void)
{
	(void)o_raw_write(peer, 1);
	(void)o_read(ends[0], 1);
}

static const struct x_scenario handover = {
	.name = "m_handover",
	.about = "a read that ends as another queues, and sets a deadline for it",
	.setup = first_may_wait,
	.threads = {read_and_set, send_and_read},
	.instants = {100},
	.outcome = o_outcome,
};

/* past_the_queue: who has just given up the turn wants it again. */
static void held(void)
{
	pair();
	o_hold(ends[0], LAPSE_WRITE);
}

static void write_one(void)
{
	(void)o_write(ends[0], 1);
}

static void let_go_and_write(void)
{
	o_let_go();
	(void)o_write(ends[0], 1);
}

static const struct x_scenario again = {
	.name = "m_again",
	.about = "queued write; the turn is given up and wanted again",
	.setup = held,
	.threads = {write_one, let_go_and_write},
	.outcome = o_outcome,
};

/* grant_before_parker: once it was given the turn, it uses its stack for something else. */
__attribute__((noinline)) static void use_stack(void)
{
	uint64_t room[256];

	/* Somebody may look: then the writes are real, and are watched. */
	__asm__ volatile("" ::"r"(room) : "memory");
	for (size_t i = 0; i < sizeof room / sizeof *room; i++)
		room[i] = i;
	__asm__ volatile("" ::"r"(room) : "memory");
}

static void write_and_go_on(void)
{
	(void)o_write(ends[0], 1);
	use_stack();
}

static const struct x_scenario granted = {
	.name = "m_granted",
	.about = "queued write, which ends; the turn is given up",
	.setup = held,
	.threads = {write_and_go_on, let_go},
	.outcome = o_outcome,
};

/* parkers_unlocked: the first calls that the library sees. */
static void sleep_none(void)
{
	(void)o_sleep_until(0);
}

static const struct x_scenario first = {
	.name = "m_first",
	.about = "two threads make the first call of all",
	.threads = {sleep_none, sleep_none},
	.outcome = o_outcome,
};

/* sysfd_not_compared */
static void reuse(void)
{
	(void)o_socketpair(ends);
	spare = o_raw_open();
	o_warm(0);
	o_warm(1);
}

static void recycle(void)
{
	(void)o_close(ends[0]);
	(void)o_adopt(spare);
}

static void ask(void)
{
	(void)o_sysfd(ends[0]);
}

static const struct x_scenario sysfd = {
	.name = "m_sysfd",
	.about = "sysfd of a handle whose slot is used again",
	.setup = reuse,
	.threads = {recycle, ask},
	.outcome = o_outcome,
};

/* waiter_given_turn: one in the list who wants no turn, as a turn is given up. */
static void one_byte_there(void)
{
	pair();
	(void)o_raw_write(peer, 1);
	o_warm(0);
	o_may_wait(); /* the other may have had the byte */
}

static void await_data(void)
{
	(void)o_wait(ends[0], LAPSE_READ);
}

static const struct x_scenario beside = {
	.name = "m_beside",
	.about = "wait for readiness beside a read",
	.setup = one_byte_there,
	.threads = {await_data, read_one},
	.outcome = o_outcome,
};

/* now_has_not_passed, no_look_at_begin: it begins at the very instant, with data there. */
static void data_and_deadline(void)
{
	pair();
	(void)o_raw_write(peer, 2);
	(void)o_set_read_deadline(ends[0], 100);
}

static void read_late(void)
{
	o_until(100);
	(void)o_read(ends[0], 1);
}

static const struct x_scenario late = {
	.name = "m_late",
	.about = "a read with data there that begins as its deadline has come",
	.setup = data_and_deadline,
	.threads = {read_late},
	.instants = {100, 200},
	.outcome = o_outcome,
};

/* no_look_with_turn: expired before it began, it queues, and the turn comes with data there. */
static void held_late(void)
{
	data_and_deadline();
	o_hold(ends[0], LAPSE_READ);
}

static const struct x_scenario late_turn = {
	.name = "m_late_turn",
	.about = "a read that begins after its deadline, and is given the turn",
	.setup = held_late,
	.threads = {read_late, let_go},
	.instants = {100, 200},
	.outcome = o_outcome,
};

/* event_load_acquire, event_sampled_late: poll says nothing of the end of a full unix socket. */
static void full(void)
{
	k_set_capacity(2);
	pair();
	(void)o_raw_write(lapse_sysfd(ends[0]), 2);
}

static void shut_down(void)
{
	(void)lapse_shutdown(ends[0], SHUT_WR);
}

static const struct x_scenario shutdown_under_write = {
	.name = "m_shutdown",
	.about = "writer at a full socket; shutdown",
	.setup = full,
	.threads = {write_one, shut_down},
	.outcome = o_outcome,
};

/* used_relaxed: what is there for the first time, seen by lapse_dump. */
static void nothing_yet(void)
{
	spare = o_raw_open();
}

static void make_handle(void)
{
	(void)o_adopt(spare);
}

static void dump(void)
{
	(void)lapse_dump(spare);
}

static const struct x_scenario dump_handle = {
	.name = "m_dump_handle",
	.about = "the first handle of all; dump",
	.setup = nothing_yet,
	.threads = {make_handle, dump},
	.outcome = o_outcome,
};

extern const struct x_scenario *const x_scenarios[];
const struct x_scenario *const x_scenarios[] = {
	&handover,    &again,     &granted,
	&first,       &sysfd,     &beside,
	&late,        &late_turn, &shutdown_under_write,
	&dump_handle, NULL,
};
