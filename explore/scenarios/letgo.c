/* Calls that are let go: a job that a thread of the pool runs, and a caller who leaves it.
 *
 * Raced: the job's being done against its being let go; a job that is withdrawn from the queue against the
 * thread that takes it; an idle thread that is handed a job as it ends. Promises 1, 2, 5 (a result that is
 * there wins), and that nothing of the caller's is touched once it has left: a job that was let go works on
 * its own copy, and is disposed of once. */
#include "engine/engine.h"
#include "kernel/kernel.h"
#include "oracle/oracle.h"
#include "os/os.h"

static lapse_scope scope;
static int pipe_ends[2];
static os_u32 late_count, ran_count;
static long outcome_of_call;

struct work {
	uint64_t before, after;
};

static void setup(void)
{
	(void)lapse_use_threads(1);
	(void)k_pipe2(pipe_ends, 0);
	for (int i = 0; i < 3; i++)
		o_warm(i);
	x_be(0);
	o_scope_enter(&scope, 100);
}

/* A byte in the pipe ends it. */
static long waits(void *arg)
{
	struct work *w = arg;
	char byte;

	(void)os_add_u32(&ran_count, 1);
	w->after = w->before + 1;
	(void)k_read(pipe_ends[0], &byte, 1);
	return 7;
}

static void late(void *arg, long result)
{
	const struct work *w = arg;

	if (result != 7 || w->before != 5 || w->after != 6)
		x_broken("let go", "what comes late is %ld, %llu, %llu", result,
		         (unsigned long long)w->before, (unsigned long long)w->after);
	if (os_add_u32(&late_count, 1) != 0)
		x_broken("let go", "it comes late twice");
}

static void caller(void)
{
	struct work w = {5, 0};

	outcome_of_call = o_call_detached(waits, &w, sizeof w, late);
	if (outcome_of_call == 7 && w.after != 6)
		x_broken("5 result wins", "the copy did not come back");
	if (outcome_of_call < 0 && w.after != 0)
		x_broken("let go", "the caller's own was changed");
	(void)o_scope_leave(&scope); /* it has ended nothing that has a result */
}

static void feeder(void)
{
	o_until(100);
	(void)k_write(pipe_ends[1], "", 1);
}

static void came_once(void)
{
	uint32_t ran = ran_count.v;
	uint32_t came_late = late_count.v;

	if (outcome_of_call == 7 ? came_late != 0 || ran != 1 : came_late != ran)
		x_broken("let go", "%ld, ran %u times, late %u times", outcome_of_call, ran,
		         came_late);
}

static uint64_t outcome(void)
{
	return (uint64_t)(outcome_of_call == 7) << 2 | (late_count.v & 1) << 1 | (ran_count.v & 1);
}

const struct x_scenario letgo = {
	.name = "letgo",
	.about = "detached call whose end comes just as its scope's deadline passes",
	.setup = setup,
	.threads = {caller, feeder},
	.finish = came_once,
	.instants = {100},
	.spare = 1,
	.outcome = outcome,
};

/* ---- Two, of whom one has to queue ---- */

static long results[2];
static os_u32 ran[2], came_late[2];

static void setup_two(void)
{
	(void)lapse_use_threads(1);
	(void)k_pipe2(pipe_ends, 0);
	for (int i = 0; i < 3; i++)
		o_warm(i);
	x_be(1);
	o_scope_enter(&scope, 100);
}

static long ends_at_once(void *arg)
{
	int i = *(const int *)arg;

	(void)os_add_u32(&ran[i], 1);
	return 7;
}

static long ends_unseen(void *unused)
{
	(void)unused;
	return 7;
}

static void two_late(void *arg, long result)
{
	int i = *(const int *)arg;

	if (result != 7 || os_add_u32(&came_late[i], 1) != 0)
		x_broken("let go", "it comes late twice");
}

static void call_one(int i)
{
	results[i] = o_call_detached(ends_at_once, &i, sizeof i, two_late);
}

/* By the first instant, which comes at rest, the pool's thread is there and idle. */
static void pooled(void)
{
	if (lapse_call_detached(ends_unseen, NULL, 0, NULL) != 7)
		x_unfit("no thread");
	o_until(2);
}

static long ends_when_fed(void *arg)
{
	char byte;

	(void)k_read(pipe_ends[0], &byte, 1);
	return ends_at_once(arg);
}

/* By the first instant, which comes at rest, the pool's thread is busy with this. */
static void first_caller(void)
{
	int i = 0;

	results[0] = o_call_detached(ends_when_fed, &i, sizeof i, two_late);
}

static void second_caller(void)
{
	o_until(2);
	call_one(1);
}

static void early_feeder(void)
{
	o_until(2);
	(void)k_write(pipe_ends[1], "", 1);
}

static void two_came_once(void)
{
	for (int i = 0; i < 2; i++) {
		uint32_t times = ran[i].v;
		uint32_t late_times = came_late[i].v;

		if (results[i] == 7 ? late_times != 0 || times != 1 : late_times != times)
			x_broken("let go", "%d: %ld, ran %u times, late %u times", i, results[i],
			         times, late_times);
	}
}

static uint64_t two_outcome(void)
{
	uint64_t o = 0;

	for (int i = 0; i < 2; i++)
		o = o << 3 | (uint64_t)(results[i] == 7) << 2 | (came_late[i].v & 1) << 1 |
		    (ran[i].v & 1);
	return o;
}

const struct x_scenario letgo_queued = {
	.name = "letgo_queued",
	.about = "two detached calls and one thread; the deadline of one passes",
	.setup = setup_two,
	.threads = {first_caller, second_caller, early_feeder},
	.finish = two_came_once,
	.instants = {2, 100},
	.first_at_rest = true,
	.spare = 1,
	.outcome = two_outcome,
};

/* ---- A thread that ends in one ---- */

static void setup_ends(void)
{
	(void)lapse_use_threads(1);
	for (int i = 0; i < 3; i++)
		o_warm(i);
}

static long ends_thread(void *unused)
{
	(void)unused;
	k_thread_leave();
}

static void ended_late(void *unused, long result)
{
	(void)unused;
	(void)result;
}

static void calls_and_calls(void)
{
	int one = 1;

	/* Of no cause of lapse's: the oracle is not told. */
	if (lapse_call_detached(ends_thread, NULL, 0, ended_late) != -1)
		x_broken("let go", "a thread that ended has a result");
	(void)o_call_detached(ends_at_once, &one, sizeof one, two_late);
}

const struct x_scenario letgo_ends = {
	.name = "letgo_ends",
	.about = "detached call that ends its thread; then another",
	.setup = setup_ends,
	.threads = {calls_and_calls},
	.spare = 2,
	.outcome = o_outcome,
};

/* ---- An idle thread that ends as it is wanted again ---- */

static void calls_again_later(void)
{
	int i = 0;

	results[0] = o_call_detached(ends_at_once, &i, sizeof i, two_late);
	o_until(3 * LAPSE_S + 1);
	i = 1;
	results[1] = o_call_detached(ends_at_once, &i, sizeof i, two_late);
}

static void both_ran(void)
{
	if (results[0] != 7 || results[1] != 7 || ran[0].v != 1 || ran[1].v != 1)
		x_broken("let go", "%ld and %ld", results[0], results[1]);
}

static void setup_idle(void)
{
	(void)lapse_use_threads(1);
	for (int i = 0; i < 2; i++)
		o_warm(i);
}

const struct x_scenario letgo_idle = {
	.name = "letgo_idle",
	.about = "detached call; another just as the idle thread ends",
	.setup = setup_idle,
	.threads = {calls_again_later},
	.finish = both_ran,
	.instants = {3 * LAPSE_S + 1},
	.spare = 2,
	.outcome = o_outcome,
};

/* ---- A file: closed, and its number used again, while a job still works on it ---- */

static lapse_fd file;
static int file_number, file_description;

static void setup_file(void)
{
	(void)lapse_use_threads(1);
	file_number = (int)k_openat(AT_FDCWD, "file", O_RDWR, 0);
	file_description = k_description(file_number);
	file = o_adopt(file_number);
	for (int i = 0; i < 2; i++)
		o_warm(i);
	(void)o_set_deadline(file, 100);
}

/* Closed at once: nothing ends it. */
static void syncs_and_closes(void)
{
	pooled();
	(void)o_fsync(file);
	(void)o_set_deadline(file, LAPSE_NEVER);
	(void)o_close(file);
	(void)o_raw_open();
}

/* Closed by the pool. */
static void closes(void)
{
	pooled();
	(void)o_close(file);
	(void)o_raw_open();
}

/* Whoever synced: it was that file. Nothing of it is open at the end. */
static void met_its_file(void)
{
	const struct k_record *r;
	size_t count = k_log(&r);

	for (size_t i = 0; i < count; i++)
		if (r[i].thread == 1 && r[i].did == K_OTHER && r[i].description != file_description)
			x_broken("close", "a job that was let go met number %d, which is another's",
			         r[i].number);
	for (int i = 0; i < 16; i++)
		if (k_description(i) == file_description)
			x_broken("close", "number %d still names the file", i);
}

const struct x_scenario letgo_close = {
	.name = "letgo_close",
	.about = "fsync that is let go; close, and the number is used again",
	.setup = setup_file,
	.threads = {syncs_and_closes},
	.finish = met_its_file,
	.instants = {2, 100},
	.first_at_rest = true,
	.spare = 1,
	.outcome = o_outcome,
};

const struct x_scenario letgo_closing = {
	.name = "letgo_closing",
	.about = "close that is let go, and the number is used again",
	.setup = setup_file,
	.threads = {closes},
	.finish = met_its_file,
	.instants = {2, 21 * LAPSE_MS},
	.first_at_rest = true,
	.spare = 1,
	.outcome = o_outcome,
};
