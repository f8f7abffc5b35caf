/* Going through all runs that differ: stateless search with source sets and sleep sets, and beside
 * it the plain, bounded and random ways. Owns the stack of choices.
 *
 * A run is made by taking the choices on the stack and then going on as comes first. After it the
 * deepest choice that has another way left is changed, and the run made again from the beginning.
 * Of the steps only those have another way that a race has shown to matter (races.c), and a thread
 * whose next step was gone through in an earlier sibling sleeps until a step that depends on it
 * wakes it: what would come before that repeats an earlier run with steps exchanged that do not
 * depend on each other. A choice of data is gone through to the end before its step's thread goes to
 * sleep.
 *
 * On the way to the changed choice each step is compared with what it was before. A difference is
 * nondeterminism outside of the choices, and ends the search: nothing could be said of it. */
#include "engine/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct x_search x_search;

static bool roaming; /* at random, whatever the mode: start_again */

static enum x_mode mode(void)
{
	return roaming ? X_RANDOM : x_run.options->mode;
}

static uint64_t draw(uint64_t n)
{
	x_search.random ^= x_search.random << 13;
	x_search.random ^= x_search.random >> 7;
	x_search.random ^= x_search.random << 17;
	return (x_search.random >> 11) % n;
}

static int lowest(x_mask m)
{
	return __builtin_ctz(m);
}

static struct x_node *push(void)
{
	struct x_node *n = &x_search.nodes[x_search.at];

	if (x_search.at == X_NODES)
		x_unfit("more than %d choices in a run", X_NODES);
	memset(n, 0, sizeof *n);
	return n;
}

/* ---- Who goes on ---- */

/* Of those that slept or were gone through at the last step, who sleeps on: it did not wake them. */
static x_mask still_asleep(void)
{
	const struct x_node *last = x_search.last;
	x_mask asleep = 0;

	if (last == NULL)
		return 0;
	for (x_mask m = (last->sleep | last->done) & (x_mask)~x_bit(last->thread); m != 0;
	     m &= m - 1) {
		int t = lowest(m);
		struct x_op *op = x_run.threads[t].op;
		x_set reads, writes;

		/* What it would touch by now: a compare-and-swap that would have failed as it was
		 * declared may succeed, and then depends on more. */
		if (op != NULL)
			x_refine(t, op);
		reads = op == NULL ? 0 : op->reads;
		writes = t == x_run.count ? x_only(x_clock()) : op == NULL ? 0 : op->writes;
		if (!x_dependent(reads, writes, last->reads, last->writes))
			asleep |= x_bit(t);
	}
	return asleep;
}

/* The one that runs if it can, the clock last: fewest switches, and time that passes when it has
 * to. */
static int first_of(x_mask m)
{
	if (x_run.current >= 0 && (m & x_bit(x_run.current)) != 0)
		return x_run.current;
	return lowest(m);
}

int x_search_last(void)
{
	return x_search.last == NULL ? -1 : x_search.last->thread;
}

/* In the bounded mode: another thread may be let in only so often while the running one could go
 * on. */
static x_mask within_bound(x_mask enabled)
{
	int last = x_search_last();
	int used = 0;
	int before = -1;

	if (last < 0 || (enabled & x_bit(last)) == 0)
		return enabled;
	for (size_t i = 0; i < x_search.at; i++) {
		const struct x_node *n = &x_search.nodes[i];

		if (n->is_choice)
			continue;
		if (before >= 0 && n->thread != before && (n->enabled & x_bit(before)) != 0)
			used++;
		before = n->thread;
	}
	return used < x_run.options->preemptions ? enabled : x_bit(last);
}

/* S. Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs",
 * ASPLOS 2010: threads by random priorities, but for depth - 1 random steps at which the running one
 * falls behind all others. */
enum { DEPTHS = 16 };
static int priorities[X_THREADS];
static size_t changes[DEPTHS];
static size_t longest = 1; /* steps of a run so far */

static int by_priority(x_mask enabled)
{
	int best = -1;

	for (int i = 0; i < x_run.options->depth - 1 && i < DEPTHS; i++)
		if (changes[i] == x_search.at && x_run.current >= 0)
			priorities[x_run.current] = -1 - i;
	for (x_mask m = enabled; m != 0; m &= m - 1)
		if (best < 0 || priorities[lowest(m)] > priorities[best])
			best = lowest(m);
	return best;
}

static void draw_priorities(void)
{
	if (x_search.at > longest)
		longest = x_search.at;
	for (int i = 0; i < X_THREADS; i++)
		priorities[i] = (int)draw(1000);
	for (int i = 0; i < DEPTHS; i++)
		changes[i] = draw(longest);
}

static int random_of(x_mask enabled)
{
	uint64_t skip = draw((uint64_t)__builtin_popcount(enabled));

	while (skip-- > 0)
		enabled &= enabled - 1;
	return lowest(enabled);
}

static int fill(struct x_node *n, x_mask enabled)
{
	n->enabled = enabled;
	switch (mode()) {
	case X_COMPLETE:
		n->sleep = still_asleep();
		if ((enabled & ~n->sleep) == 0)
			x_run_leave(X_END_BLOCKED);
		n->thread = (uint8_t)first_of(enabled & (x_mask)~n->sleep);
		n->backtrack = x_bit(n->thread);
		break;
	case X_PLAIN:
		n->thread = (uint8_t)first_of(enabled);
		n->backtrack = enabled;
		break;
	case X_BOUNDED:
		n->backtrack = within_bound(enabled);
		n->thread = (uint8_t)first_of(n->backtrack);
		break;
	case X_RANDOM:
		n->thread = (uint8_t)random_of(enabled);
		break;
	case X_PCT:
		n->thread = (uint8_t)by_priority(enabled);
		break;
	}
	return n->thread;
}

int x_search_next(x_mask enabled)
{
	struct x_node *n = &x_search.nodes[x_search.at];

	if (x_run.options->replay != NULL)
		return x_replay_next(enabled);
	if (x_search.at >= x_search.length)
		return fill(push(), enabled);
	if (n->is_choice || n->enabled != enabled)
		x_unfit("not deterministic: step %zu had %s threads to choose from", x_search.at,
		        n->is_choice ? "no" : "other");
	return n->thread;
}

static void check_same(const struct x_node *n, const struct x_op *op)
{
	if (n->name != NULL && (n->name != op->name || n->object != op->object))
		x_unfit("not deterministic: step %zu was %s, and is %s", x_search.at, n->name,
		        op->name);
}

void x_search_taken(int thread, const struct x_op *op)
{
	struct x_thread *t = &x_run.threads[thread];
	struct x_node *n = &x_search.nodes[x_search.at];

	if (x_run.options->replay != NULL)
		n = push();
	else if (x_search.at < x_search.fresh)
		check_same(n, op);
	else if (mode() == X_COMPLETE && !x_run.after_all)
		x_races(thread, &t->clock, op->reads, op->writes);
	n->thread = (uint8_t)thread;
	n->name = op->name;
	n->object = op->object;
	n->reads = op->reads;
	n->writes = op->writes;
	n->index = t->steps;
	t->clock.of[thread] = t->steps;
	x_objects_order(&t->clock, op->reads, op->writes);
	n->clock = t->clock;
	x_search.last = n;
	x_search.at++;
}

int x_search_choose(int n, const char *what, bool is_fault)
{
	struct x_node *node = &x_search.nodes[x_search.at];

	if (x_search.at < x_search.length && x_run.options->replay == NULL) {
		if (!node->is_choice || node->n != n || node->name != what)
			x_unfit("not deterministic: choice %zu was %s, and is %s", x_search.at,
			        node->name, what);
	} else {
		node = push();
		node->is_choice = true;
		node->n = n;
		node->name = what;
		if (x_run.options->replay != NULL)
			node->taken = x_replay_choice(n);
		else if (mode() == X_RANDOM || mode() == X_PCT)
			node->taken = is_fault && draw(8) != 0 ? 0 : (int)draw((uint64_t)n);
	}
	x_search.at++;
	if (x_show)
		x_trace_choice(x_run.current, what, node->taken, n);
	if (x_recording)
		x_record((char)('a' + node->taken));
	return node->taken;
}

/* Those that wait in vain could have gone on earlier: their steps have races too. */
void x_search_end(void)
{
	if (mode() != X_COMPLETE || x_run.options->replay != NULL)
		return;
	for (int i = 0; i < x_run.count; i++) {
		const struct x_thread *t = &x_run.threads[i];

		if (t->life == X_STARTED)
			x_races(i, &t->clock, t->op->reads, t->op->writes);
	}
}

void x_search_begin_run(void)
{
	if (mode() == X_PCT)
		draw_priorities();
	x_search.at = 0;
	x_search.last = NULL;
	x_replay_begin_run();
}

/* ---- From run to run ---- */

/* Change the deepest choice that has another way. False: there is none. */
static bool another(void)
{
	while (x_search.length > 0) {
		struct x_node *n = &x_search.nodes[x_search.length - 1];
		x_mask left;

		x_search.fresh = x_search.length;
		if (n->is_choice && ++n->taken < n->n)
			return true;
		if (!n->is_choice) {
			n->done |= x_bit(n->thread);
			left = n->backtrack & (x_mask) ~(n->done | n->sleep);
			if (left != 0) {
				n->thread = (uint8_t)lowest(left);
				n->name = NULL;
				x_search.fresh = x_search.length - 1;
				return true;
			}
		}
		x_search.length--;
	}
	return false;
}

static bool systematic(void)
{
	return mode() <= X_BOUNDED;
}

static double seconds_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

enum { OUTCOMES = 4096 };
static uint64_t outcomes[OUTCOMES];

static void count_outcome(struct x_report *r, uint64_t outcome)
{
	for (uint64_t i = 0; i < r->outcomes; i++)
		if (outcomes[i] == outcome)
			return;
	if (r->outcomes < OUTCOMES)
		outcomes[r->outcomes++] = outcome;
}

/* A run came to its end in one of the good ways. */
static void count(struct x_report *r, enum x_end end)
{
	const struct x_scenario *s = x_run.scenario;
	uint64_t outcome;

	r->steps += x_run.steps;
	if (x_run.steps > r->deepest)
		r->deepest = x_run.steps;
	if (end == X_END_BLOCKED) {
		r->blocked++;
		return;
	}
	r->runs++;
	outcome = s->outcome == NULL ? 0 : s->outcome();
	count_outcome(r, outcome);
	if (x_run.options->each != NULL)
		x_run.options->each(outcome);
}

/* The run that failed once more, taking down each step, those on private objects too: the string
 * then means the same to whoever has not made the runs before it. */
static void record_failure(struct x_report *r)
{
	struct x_report again = {0};

	r->found_at_run = r->runs + r->blocked + 1;
	x_search.length = x_search.fresh = x_search.at;
	x_recording = true;
	(void)x_run_once(&again);
	x_recording = false;
	r->replay = strdup(x_recorded());
}

static bool out_of_bounds(struct x_report *r, double began)
{
	const struct x_options *o = x_run.options;
	uint64_t made = r->runs + r->blocked;

	if (o->runs != 0 && made >= o->runs)
		r->bound = "runs";
	else if (o->seconds > 0 && made % 256 == 0 && seconds_now() - began >= o->seconds)
		r->bound = "seconds";
	return r->bound != NULL;
}

/* The one that was asked for. */
static enum x_verdict replay(struct x_report *r)
{
	enum x_end end;

	x_recording = x_show = true;
	end = x_run_once(r);
	x_recording = x_show = false;
	r->replay = strdup(x_recorded());
	if (end == X_END_BROKEN)
		return X_BROKEN;
	if (end == X_END_UNFIT)
		return X_UNFIT;
	count(r, end);
	r->bound = "one run";
	return X_BOUND_REACHED;
}

/* Something turned out to be shared: nothing that was found so far counts. Random runs, as many as are
 * lost, find out cheaply what else is: late in a search it is dear. What they break, the search will. */
static void start_again(struct x_report *r)
{
	struct x_report aside = {0};

	roaming = true;
	for (uint64_t left = r->runs + r->blocked + 64; left > 0; left--) {
		x_search.length = x_search.fresh = 0;
		(void)x_run_once(&aside);
	}
	roaming = false;
	x_search.length = x_search.fresh = 0;
	r->runs = r->blocked = r->steps = r->outcomes = r->deepest = 0;
}

static enum x_verdict search(struct x_report *r, double began)
{
	for (;;) {
		enum x_end end = x_run_once(r);

		if (end == X_END_RESTART) {
			start_again(r);
			continue;
		}
		if (end == X_END_UNFIT)
			return X_UNFIT;
		if (end == X_END_BROKEN) {
			record_failure(r);
			return X_BROKEN;
		}
		count(r, end);
		x_search.length = systematic() ? x_search.at : 0;
		if (systematic() && !another())
			break;
		if (out_of_bounds(r, began))
			return X_BOUND_REACHED;
	}
	if (mode() == X_BOUNDED)
		r->bound = "preemptions";
	return r->bound == NULL ? X_COMPLETED : X_BOUND_REACHED;
}

void x_explore(const struct x_scenario *s, const struct x_options *o, struct x_report *r)
{
	double began = seconds_now();

	memset(r, 0, sizeof *r);
	x_run.scenario = s;
	x_run.options = o;
	x_run.all_visible = o->replay != NULL;
	x_run_count_threads(s);
	x_objects_forget();
	x_search.length = x_search.fresh = 0;
	x_search.random = o->seed * 2 + 88172645463325252U;
	x_state_begin();
	x_run.acting = -1;
	if (s->setup != NULL)
		s->setup();
	x_run.acting = -1;
	x_state_freeze();
	x_watch(true);
	r->verdict = o->replay != NULL ? replay(r) : search(r, began);
	x_watch(false);
	x_state_end();
	r->seconds = seconds_now() - began;
}
