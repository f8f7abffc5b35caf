/* The engine by itself: that it finds what only some orders of steps show, in each of its modes, that
 * what it found can be repeated, and that it says so where it cannot vouch for its result.
 *
 * Linked with the engine alone. Speaks TAP. */
#include "engine/engine.h"
#include "engine/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, TESTS = 24 };

/* Put back before each run; the engine wants whole pages. */
static union {
	struct {
		uint32_t x, y, lock[2], sum, seen;
		bool pending, handling;
		int64_t woken_at;
	};
	char page[PAGE];
} kept __attribute__((aligned(PAGE)));

static int count, failed;

static void result(bool good, const char *name, const struct x_report *r)
{
	count++;
	failed += !good;
	(void)printf("%sok %d - %s\n", good ? "" : "not ", count, name);
	if (!good)
		(void)printf("# verdict %d, %llu runs, %llu blocked, %llu outcomes, %s: %s\n",
		             r->verdict, (unsigned long long)r->runs,
		             (unsigned long long)r->blocked, (unsigned long long)r->outcomes,
		             r->promise, r->message);
}

static struct x_report explore(const struct x_scenario *s, struct x_options o)
{
	struct x_report r;

	x_explore(s, &o, &r);
	return r;
}

static bool breaks(const struct x_report *r, const char *promise)
{
	return r->verdict == X_BROKEN && strcmp(r->promise, promise) == 0;
}

/* ---- An update that is lost if another comes in between ---- */

static void add_one(void)
{
	uint64_t v = x_load(&kept.x, 4, __ATOMIC_SEQ_CST);

	x_store(&kept.x, 4, v + 1, __ATOMIC_SEQ_CST);
}

static void both_counted(void)
{
	if (kept.x != 2)
		x_broken("sum", "%u of 2", kept.x);
}

static const struct x_scenario lost_update = {
	.name = "lost_update",
	.threads = {add_one, add_one},
	.finish = both_counted,
};

static void add_surely(void)
{
	(void)x_add(&kept.x, 4, 1);
}

static const struct x_scenario kept_update = {
	.name = "kept_update",
	.threads = {add_surely, add_surely},
	.finish = both_counted,
};

static void finds_and_repeats(void)
{
	struct x_report r = explore(&lost_update, (struct x_options){0});
	struct x_report again = explore(&lost_update, (struct x_options){.replay = r.replay});
	/* The loads first, in the other order: not what was found, but what a wish leads to. */
	struct x_report wish = explore(&lost_update,
	                               (struct x_options){.replay = "1010", .follow = true});
	struct x_report good = explore(&lost_update, (struct x_options){.replay = "0011"});
	struct x_report bad = explore(&lost_update, (struct x_options){.replay = "00x"});

	result(breaks(&r, "sum"), "a lost update is found", &r);
	result(breaks(&again, "sum") && strcmp(again.replay, r.replay) == 0,
	       "what was found is repeated by its schedule", &again);
	result(breaks(&wish, "sum") && strcmp(wish.replay, "1010") == 0, "a wish is followed",
	       &wish);
	result(good.verdict == X_BOUND_REACHED && good.runs == 1, "a good run is no proof", &good);
	result(bad.verdict == X_UNFIT, "a schedule that does not fit is refused", &bad);
	free(r.replay);
	free(again.replay);
	free(wish.replay);
	free(good.replay);
	r = explore(&kept_update, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.runs == 2, "two adds: two orders, both good", &r);
}

static void finds_in_each_mode(void)
{
	struct x_report r = explore(&lost_update, (struct x_options){.mode = X_PLAIN});

	result(breaks(&r, "sum"), "plain search finds it", &r);
	free(r.replay);
	r = explore(&lost_update, (struct x_options){.mode = X_BOUNDED, .preemptions = 0});
	result(r.verdict == X_BOUND_REACHED && r.bound != NULL,
	       "without a preemption there is nothing to find, and no proof", &r);
	r = explore(&lost_update, (struct x_options){.mode = X_BOUNDED, .preemptions = 1});
	result(breaks(&r, "sum"), "one preemption finds it", &r);
	free(r.replay);
	r = explore(&lost_update, (struct x_options){.mode = X_RANDOM, .seed = 7, .runs = 1000});
	result(breaks(&r, "sum"), "random runs find it", &r);
	free(r.replay);
	r = explore(&lost_update,
	            (struct x_options){.mode = X_PCT, .depth = 2, .seed = 7, .runs = 1000});
	result(breaks(&r, "sum"), "random priorities find it", &r);
	free(r.replay);
	r = explore(&kept_update, (struct x_options){.mode = X_RANDOM, .runs = 50});
	result(r.verdict == X_BOUND_REACHED && r.runs == 50, "random runs prove nothing", &r);
}

/* ---- Two locks taken in opposite order ---- */

static bool is_free(const struct x_op *op)
{
	return *(const uint32_t *)op->arg == 0;
}

static void lock_step(int i, bool take)
{
	x_object o = x_object_at(&kept.lock[i], NULL);
	struct x_op op = {.name = take ? "lock" : "unlock",
	                  .object = o,
	                  .reads = x_only(o),
	                  .writes = x_only(o),
	                  .enabled = take ? is_free : NULL,
	                  .arg = &kept.lock[i]};

	x_step(&op);
	kept.lock[i] = take;
}

static void in_order(int first)
{
	lock_step(first, true);
	lock_step(1 - first, true);
	lock_step(1 - first, false);
	lock_step(first, false);
}

static void up(void)
{
	in_order(0);
}

static void down(void)
{
	in_order(1);
}

static void finds_deadlock(void)
{
	static const struct x_scenario opposite = {.name = "opposite", .threads = {up, down}};
	static const struct x_scenario same = {.name = "same", .threads = {up, up, up}};
	struct x_report r = explore(&opposite, (struct x_options){0});

	result(breaks(&r, "deadlock"), "a deadlock is found", &r);
	free(r.replay);
	r = explore(&same, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.runs >= 6, "three in the same order: all six orders",
	       &r);
}

/* ---- Choices, faults and the clock ---- */

static void choose_twice(void)
{
	kept.x = (uint32_t)(3 * x_choose(3, "first") + x_choose(3, "second"));
}

static void fail_at_most_once(void)
{
	kept.x = (uint32_t)(4 * x_fault(3, "first") + x_fault(3, "second"));
}

static uint64_t x_is_outcome(void)
{
	return kept.x;
}

static bool time_has_come(const struct x_op *op)
{
	(void)op;
	return x_time() >= 50;
}

static void sleep_until_50(void)
{
	struct x_op op = {.name = "sleep",
	                  .object = x_clock(),
	                  .reads = x_only(x_clock()),
	                  .enabled = time_has_come};

	x_step(&op);
	kept.woken_at = x_time();
}

static uint64_t woken_is_outcome(void)
{
	return (uint64_t)kept.woken_at;
}

static void goes_through_choices(void)
{
	static const struct x_scenario choices = {
		.name = "choices", .threads = {choose_twice}, .outcome = x_is_outcome};
	static const struct x_scenario faults = {
		.name = "faults",
		.threads = {fail_at_most_once},
		.faults = 1,
		.outcome = x_is_outcome,
	};
	static const struct x_scenario sleeper = {
		.name = "sleeper",
		.threads = {sleep_until_50},
		.instants = {10, 50, 100},
		.outcome = woken_is_outcome,
	};
	struct x_report r = explore(&choices, (struct x_options){0});

	result(r.verdict == X_COMPLETED && r.outcomes == 9, "nine ways of two choices", &r);
	r = explore(&faults, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.outcomes == 5, "one fault at most: five ways", &r);
	r = explore(&sleeper, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.outcomes == 2, "woken at 50 or at 100, never at 10",
	       &r);
}

/* ---- Threads that are started in a run ---- */

static void load_x_relaxed(void *unused)
{
	(void)unused;
	kept.seen = (uint32_t)x_load(&kept.x, 4, __ATOMIC_RELAXED);
}

static void add_one_too(void *unused)
{
	(void)unused;
	add_one();
}

static void store_and_start(void)
{
	x_store(&kept.x, 4, 1, __ATOMIC_RELAXED);
	(void)x_start(load_x_relaxed, NULL);
	x_store(&kept.x, 4, 2, __ATOMIC_RELAXED);
}

static void start_and_add(void)
{
	(void)x_start(add_one_too, NULL);
	add_one();
}

static uint64_t seen_is_outcome(void)
{
	return kept.seen;
}

static void starts_threads(void)
{
	static const struct x_scenario child = {
		.name = "child",
		.threads = {store_and_start},
		.spare = 1,
		.outcome = seen_is_outcome,
	};
	static const struct x_scenario both = {
		.name = "both",
		.threads = {start_and_add},
		.finish = both_counted,
		.spare = 1,
	};
	struct x_report r = explore(&child, (struct x_options){0});

	result(r.verdict == X_COMPLETED && r.outcomes == 2,
	       "a started thread sees what came before, and may see what comes after", &r);
	r = explore(&both, (struct x_options){0});
	result(r.verdict == X_BROKEN, "who starts and who is started race", &r);
}

/* ---- Visits ---- */

static x_object pending_object(int thread)
{
	(void)thread;
	return x_object_at(&kept.pending, NULL);
}

static bool may_come(int thread)
{
	(void)thread;
	return kept.pending;
}

static void comes(int thread)
{
	(void)thread;
	kept.pending = false;
}

static void visit(void)
{
	kept.seen = 1 + (uint32_t)x_load(&kept.x, 4, __ATOMIC_SEQ_CST);
}

/* The last store is seen by no visit: when it has been made the thread has ended. */
static void store_three(void)
{
	for (uint64_t v = 1; v <= 3; v++)
		x_store(&kept.x, 4, v, __ATOMIC_SEQ_CST);
}

static void send(void)
{
	struct x_op op = {.name = "send", .object = pending_object(0)};

	(void)x_load(&kept.x, 4, __ATOMIC_SEQ_CST);
	op.reads = op.writes = x_only(op.object);
	(void)x_step(&op);
	kept.pending = true;
}

static bool never(const struct x_op *op)
{
	(void)op;
	return false;
}

static bool call_off(const struct x_op *op)
{
	(void)op;
	return true;
}

static void wait_in_vain(void)
{
	struct x_op op = {.name = "wait", .object = -1, .enabled = never, .visited = call_off};

	if (x_step(&op))
		x_broken("visits", "a step was taken that cannot be");
}

static void is_visited(void)
{
	static const struct x_visits visits = {pending_object, may_come, comes, visit};
	static const struct x_scenario stores = {
		.name = "stores",
		.threads = {store_three, send},
		.visited = 1,
		.outcome = seen_is_outcome,
	};
	static const struct x_scenario waits = {
		.name = "waits", .threads = {wait_in_vain, send}, .visited = 1};
	struct x_report r;

	x_on_visits(&visits);
	r = explore(&stores, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.outcomes == 4,
	       "a visit comes before each step, or too late", &r);
	r = explore(&waits, (struct x_options){0});
	result(r.verdict == X_COMPLETED, "a visit calls a step off that never could be taken", &r);
}

/* ---- What it cannot vouch for ---- */

static uint32_t not_kept;

static void store_x(void)
{
	x_store(&kept.x, 4, 1, __ATOMIC_SEQ_CST);
}

/* What it touches depends on how many runs there were. */
static void differ_each_time(void)
{
	uint32_t *word = not_kept++ % 2 == 0 ? &kept.x : &kept.y;

	(void)x_load(word, 4, __ATOMIC_SEQ_CST);
	(void)x_load(&kept.x, 4, __ATOMIC_SEQ_CST);
	(void)x_load(&kept.y, 4, __ATOMIC_SEQ_CST);
}

static void store_both(void)
{
	store_x();
	x_store(&kept.y, 4, 1, __ATOMIC_SEQ_CST);
}

static void store_for_ever(void)
{
	for (;;)
		store_x();
}

static void load_x(void)
{
	(void)x_load(&kept.x, 4, __ATOMIC_SEQ_CST);
}

static void refuses_to_vouch(void)
{
	static const struct x_scenario secret = {
		.name = "secret", .threads = {differ_each_time, store_both, store_both}};
	static const struct x_scenario endless = {.name = "endless",
	                                          .threads = {store_for_ever, store_x}};
	static const struct x_scenario readers = {.name = "readers",
	                                          .threads = {load_x, load_x, load_x}};
	struct x_report r = explore(&secret, (struct x_options){0});

	result(r.verdict == X_UNFIT, "hidden nondeterminism ends the search", &r);
	r = explore(&endless, (struct x_options){.max_steps = 500});
	result(r.verdict == X_UNFIT, "so does a run without end", &r);
	r = explore(&readers, (struct x_options){0});
	result(r.verdict == X_COMPLETED && r.runs == 1, "three who only read: one run", &r);
}

int main(void)
{
	x_keep(&kept, sizeof kept);
	(void)printf("1..%d\n", TESTS);
	finds_and_repeats();
	finds_in_each_mode();
	finds_deadlock();
	goes_through_choices();
	starts_threads();
	is_visited();
	refuses_to_vouch();
	return failed == 0 && count == TESTS ? 0 : 1;
}
