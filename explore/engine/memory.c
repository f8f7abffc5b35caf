/* Atomic memory as C11 has it: each word with the history of what was stored in it, each thread with
 * a view of how far it has come in each history.
 *
 * Views as in J. Kang et al., "A promising semantics for relaxed-memory concurrency", POPL 2017,
 * without the promises; histories as in CDSChecker. A load may take any message that is not older
 * than the thread's view of the word; a release store leaves the thread's view with the message, an
 * acquire load that takes the message joins it. A read-modify-write takes the newest message and
 * passes its view on (release sequences). There are no fences.
 *
 * seq_cst accesses: a load does not take a message older than the last seq_cst store or
 * read-modify-write of that word in the order of execution, on top of what its view says. So the
 * order of execution is the order S of the standard, among the accesses that are seq_cst.
 *   Too much is allowed: nothing that concerns seq_cst accesses alone; where they are mixed with
 *     weaker ones on the same word, the standard forbids some outcomes (a seq_cst load that takes a
 *     relaxed store older than another seq_cst load's choice) that are found here. What is shown to
 *     hold holds all the same.
 *   Too little: the order of modification of a word is the order of execution, so 2+2W cannot end
 *     with both first stores last; no load takes a store that has not been made (load buffering),
 *     which compilers and ARM may do with relaxed accesses; and a relaxed store is not seen before
 *     a seq_cst one that its thread made earlier, as ARM allows: x =sc 1; y =rlx 1 against
 *     y.rlx == 1; x.sc == 0. In lapse, words that several threads change change by
 *     read-modify-writes.
 *
 * Pruning: an older message than the newest is offered only if the store that came after it is in
 * the past of the loader's previous step already. Otherwise the load could have been made before
 * that store with the same result, and the search visits that order. tests/explore compares with
 * and without. A step that could not be taken earlier, at rest, has all others in its past.
 *
 * A word that one thread alone touches needs no history; nor does any outside of runs. The memory
 * itself holds the newest value, so that what was set up plainly before the word was shared counts:
 * a value found there that nobody stored through a door starts the history anew. */
#include "engine/memory.h"
#include "engine/search.h"

#include <stdio.h>
#include <stdlib.h>

enum { HISTORY = 255, MESSAGES = 1 << 14 };

/* How far a thread has come in the history of each word, by the word's object. */
struct view {
	uint8_t of[X_OBJECTS];
};

struct value {
	uint64_t low, high;
};

struct message {
	struct value value;
	struct view view;
	struct x_clock seen; /* happens-before, for plain data */
	uint8_t thread;
	uint16_t step; /* of its store; 0: it was there before */
};

struct word {
	uint32_t run;
	uint8_t count;   /* of messages */
	uint8_t floor;   /* the oldest that still is one */
	uint8_t seq_cst; /* the last that a seq_cst store or read-modify-write made */
	uint16_t messages[HISTORY];
};

static struct word words[X_OBJECTS];
static struct message messages[MESSAGES];
static uint32_t used;
static uint32_t run;
static struct view views[X_THREADS];
static struct view given[X_THREADS]; /* x_give_view */
struct x_clock x_seen[X_THREADS];
static void (*name_word)(const void *, char *, size_t);

static void join_view(struct view *a, const struct view *b)
{
	for (int i = 0; i < X_OBJECTS; i++)
		a->of[i] = a->of[i] > b->of[i] ? a->of[i] : b->of[i];
}

void x_memory_begin_run(void)
{
	run++;
	used = 0;
	memset(views, 0, sizeof views);
	memset(given, 0, sizeof given);
	memset(x_seen, 0, sizeof x_seen);
	for (int i = 0; i < X_THREADS; i++)
		x_seen[i].of[i] = 1;
}

/* A child has a copy of the memory as it was at that moment: all that anybody had done to it. */
void x_memory_alone(void)
{
	for (int i = 0; i < X_THREADS; i++)
		x_join(&x_seen[x_run.current], &x_seen[i]);
}

void x_give_view(int to)
{
	if (x_run.running)
		join_view(&given[to], &views[x_run.current]);
}

void x_take_view(int thread)
{
	join_view(&views[thread], &given[thread]);
}

void x_memory_start(int thread)
{
	int self = x_run.current;

	views[thread] = views[self];
	x_join(&x_seen[thread], &x_seen[self]);
	x_seen[self].of[self]++;
}

void x_name_words(void (*name)(const void *, char *, size_t))
{
	name_word = name;
}

static void describe_word(const void *key, char *buf, size_t size)
{
	if (name_word != NULL)
		name_word(key, buf, size);
	else
		(void)snprintf(buf, size, "word %p", key);
}

/* ---- Values in real memory ---- */

enum { OWNED = 16 };

static struct value raw(const void *a, int size)
{
	struct value v = {0, 0};

	memcpy(&v, a, (size_t)size);
	return v;
}

static void set_raw(void *a, int size, struct value v)
{
	memcpy(a, &v, (size_t)size);
}

static bool same(struct value a, struct value b)
{
	return a.low == b.low && a.high == b.high;
}

/* ---- Histories ---- */

static struct message *newest(const struct word *w)
{
	return &messages[w->messages[w->count - 1]];
}

static struct message *append(x_object o, struct value v)
{
	struct word *w = &words[o];
	struct message *m = &messages[used];

	if (w->count == HISTORY || used == MESSAGES)
		x_unfit("more than %d stores to a word, or %d in all", HISTORY, MESSAGES);
	w->messages[w->count++] = (uint16_t)used++;
	memset(m, 0, sizeof *m);
	m->value = v;
	return m;
}

/* The word's history, begun at its first access in a run, or anew if it was set up plainly since. */
static struct word *history(x_object o, const void *a, int size)
{
	struct word *w = &words[o];

	if (w->run != run) {
		w->run = run;
		w->count = w->floor = w->seq_cst = 0;
		(void)append(o, raw(a, size));
	} else if (!same(newest(w)->value, raw(a, size))) {
		(void)append(o, raw(a, size));
		w->floor = (uint8_t)(w->count - 1);
	}
	return w;
}

static void take(x_object o, int index, bool acquires)
{
	int self = x_run.current;
	const struct message *m = &messages[words[o].messages[index]];

	views[self].of[o] = (uint8_t)index;
	if (!acquires)
		return;
	join_view(&views[self], &m->view);
	x_join(&x_seen[self], &m->seen);
}

static void put(x_object o, void *a, int size, struct value v, bool releases, bool is_seq_cst,
                const struct message *continued)
{
	int self = x_run.current;
	struct message *m = append(o, v);

	views[self].of[o] = (uint8_t)(words[o].count - 1);
	if (releases) {
		m->view = views[self];
		m->seen = x_seen[self];
		x_seen[self].of[self]++;
	} else {
		m->view.of[o] = views[self].of[o];
	}
	if (continued != NULL) {
		join_view(&m->view, &continued->view);
		x_join(&m->seen, &continued->seen);
	}
	if (is_seq_cst)
		words[o].seq_cst = views[self].of[o];
	m->thread = (uint8_t)self;
	m->step = x_run.threads[self].steps;
	set_raw(a, size, v);
}

/* Outside of runs, and in a forked child, which has one thread: no access is a step, and the objects
 * that there may be are left to those who need them. */
static bool nobody_else(void)
{
	return !x_run.running || x_run.alone;
}

/* ---- Going round ----
 *
 * while (!cas(word, &seen, f(seen)));  with `seen` loaded just before. A round that fails changes
 * nothing, and the run in which its load was made just before the compare-and-swap instead differs from
 * this one in nothing else: it finds the same value, with less seen of others. That run is gone through
 * as well, since the load depends on who changed the word in between. So this thread goes no further here
 * ("assume", as GenMC and Nidhugg treat such loops); the others do, whose races count. */

static struct {
	x_object object;
	uint64_t value;
	uint32_t step; /* the thread's own count, private ones included */
	uint32_t run;
} last_loads[X_THREADS];

static void remember_load(x_object o, uint64_t value)
{
	int self = x_run.current;

	last_loads[self].object = o;
	last_loads[self].value = value;
	last_loads[self].step = x_run.threads[self].all_steps;
	last_loads[self].run = run;
}

/* The compare-and-swap that was just taken is the step after that load. */
static bool goes_round(x_object o, uint64_t expected)
{
	int self = x_run.current;

	return last_loads[self].run == run && last_loads[self].object == o &&
	       last_loads[self].value == expected &&
	       last_loads[self].step + 1 == x_run.threads[self].all_steps;
}

/* ---- Loads ---- */

/* Which message a load takes: the newest, or one of those it may still find. */
static int pick(x_object o, const struct word *w, int order)
{
	int last = w->count - 1;
	int oldest = views[x_run.current].of[o];
	int stale = last - 1;
	int index;

	if (oldest < w->floor)
		oldest = w->floor;
	if (order == __ATOMIC_SEQ_CST && oldest < w->seq_cst)
		oldest = w->seq_cst;
	if (x_run.options->memory == X_SC || oldest >= last)
		return last;
	while (!x_run.options->stale_always && stale >= oldest) {
		const struct message *next = &messages[w->messages[stale + 1]];

		if (next->step == 0 || x_was_past(next->thread, next->step))
			break;
		stale--;
	}
	if (stale < oldest)
		return last;
	index = x_choose(stale - oldest + 2, "older value");
	return index == 0 ? last : stale - (index - 1);
}

static void describe_load(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size, "= %llx", (unsigned long long)op->values[0]);
}

static struct value load(const void *a, int size, int order)
{
	struct x_op op = {.name = "load", .describe = describe_load};
	const struct word *w;
	int index;

	if (nobody_else())
		return raw(a, size);
	op.object = x_object_at(a, describe_word);
	op.reads = x_only(op.object);
	x_step(&op);
	x_plain_check(a, size, false);
	if (!x_run.all_visible && (x_shared & op.reads) == 0)
		return raw(a, size);
	w = history(op.object, a, size);
	index = pick(op.object, w, order);
	remember_load(op.object, messages[w->messages[index]].value.low);
	take(op.object, index, order == __ATOMIC_ACQUIRE || order == __ATOMIC_SEQ_CST);
	x_note(0, messages[w->messages[index]].value.low);
	x_note(1, (uint64_t)order);
	x_note(2, messages[w->messages[index]].value.high);
	return messages[w->messages[index]].value;
}

uint64_t x_load(const void *a, int size, int order)
{
	return load(a, size, order).low;
}

void x_see_newest(const void *a, int size)
{
	x_object o = x_object_at(a, describe_word);

	if (nobody_else() || (!x_run.all_visible && (x_shared & x_only(o)) == 0))
		return;
	take(o, history(o, a, size)->count - 1, false);
}

int64_t x_owned_get(const void *o)
{
	return (int64_t)load(o, OWNED, __ATOMIC_SEQ_CST).high;
}

/* ---- Stores ---- */

static void describe_store(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size, ":= %llx", (unsigned long long)op->values[0]);
}

void x_store(void *a, int size, uint64_t v, int order)
{
	struct x_op op = {.name = "store", .describe = describe_store};
	struct value value = {v, 0};

	if (nobody_else()) {
		set_raw(a, size, value);
		return;
	}
	op.object = x_object_at(a, describe_word);
	op.writes = x_only(op.object);
	x_step(&op);
	x_plain_check(a, size, true);
	x_note(0, v);
	x_note(1, (uint64_t)order);
	if (!x_run.all_visible && (x_shared & op.writes) == 0) {
		set_raw(a, size, value);
		return;
	}
	(void)history(op.object, a, size);
	put(op.object, a, size, value, order == __ATOMIC_RELEASE || order == __ATOMIC_SEQ_CST,
	    order == __ATOMIC_SEQ_CST, NULL);
}

/* ---- Read-modify-writes: on the newest value, or none ---- */

struct rmw {
	void *a;
	int size;
	/* The new value from the old one; false: it stays as it is, and this was a load. */
	bool (*change)(const struct rmw *m, struct value old, struct value *v);
	bool (*enabled)(const struct x_op *op); /* NULL: always */
	struct value expected, operand;
};

static void refine_rmw(struct x_op *op)
{
	const struct rmw *m = op->arg;
	struct value v;

	op->writes = m->change(m, raw(m->a, m->size), &v) ? op->reads : 0;
}

static void describe_rmw(const struct x_op *op, char *buf, size_t size)
{
	if (op->writes == 0)
		(void)snprintf(buf, size, "found %llx", (unsigned long long)op->values[0]);
	else
		(void)snprintf(buf, size, "%llx -> %llx", (unsigned long long)op->values[0],
		               (unsigned long long)op->values[1]);
}

/* The old value; *done: whether it was changed. */
static struct value modify(const struct rmw *m, const char *name, bool *done)
{
	struct x_op op = {.name = name, .describe = describe_rmw, .refine = refine_rmw, .arg = m};
	struct value old;
	struct value v;

	if (nobody_else()) {
		old = raw(m->a, m->size);
		if ((*done = m->change(m, old, &v)))
			set_raw(m->a, m->size, v);
		return old;
	}
	op.object = x_object_at(m->a, describe_word);
	op.reads = x_only(op.object);
	op.enabled = m->enabled;
	x_step(&op);
	x_plain_check(m->a, m->size, true);
	old = raw(m->a, m->size);
	*done = m->change(m, old, &v);
	x_note(0, m->size == OWNED ? old.high : old.low);
	x_note(1, m->size == OWNED ? v.high : v.low);
	if (!x_run.all_visible && (x_shared & op.reads) == 0) {
		if (*done)
			set_raw(m->a, m->size, v);
		return old;
	}
	(void)history(op.object, m->a, m->size);
	take(op.object, words[op.object].count - 1, true);
	if (*done)
		put(op.object, m->a, m->size, v, true, true, newest(&words[op.object]));
	return old;
}

static bool change_swap(const struct rmw *m, struct value old, struct value *v)
{
	(void)old;
	*v = m->operand;
	return true;
}

static bool change_add(const struct rmw *m, struct value old, struct value *v)
{
	*v = (struct value){old.low + m->operand.low, 0};
	if (m->size == 4)
		v->low = (uint32_t)v->low;
	return true;
}

static bool change_or(const struct rmw *m, struct value old, struct value *v)
{
	*v = (struct value){old.low | m->operand.low, 0};
	return true;
}

static bool change_if_expected(const struct rmw *m, struct value old, struct value *v)
{
	*v = m->operand;
	return same(old, m->expected);
}

static bool change_if_owner(const struct rmw *m, struct value old, struct value *v)
{
	*v = m->operand;
	return old.low == m->expected.low;
}

uint64_t x_swap(void *a, int size, uint64_t v)
{
	struct rmw m = {.a = a, .size = size, .change = change_swap, .operand = {v, 0}};
	bool done;

	return modify(&m, "swap", &done).low;
}

static bool is_free(const struct x_op *op)
{
	const struct rmw *m = op->arg;

	return raw(m->a, m->size).low == 0;
}

void x_lock(uint32_t *a)
{
	struct rmw m = {.a = a,
	                .size = sizeof *a,
	                .change = change_swap,
	                .enabled = is_free,
	                .operand = {1, 0}};
	bool done;

	if (modify(&m, "lock", &done).low != 0)
		x_unfit("a lock would be waited for for ever, alone or in setup");
}

uint64_t x_add(void *a, int size, uint64_t v)
{
	struct rmw m = {.a = a, .size = size, .change = change_add, .operand = {v, 0}};
	bool done;

	return modify(&m, "add", &done).low;
}

uint64_t x_or(void *a, int size, uint64_t v)
{
	struct rmw m = {.a = a, .size = size, .change = change_or, .operand = {v, 0}};
	bool done;

	return modify(&m, "or", &done).low;
}

bool x_cas(void *a, int size, uint64_t *expected, uint64_t v)
{
	struct rmw m = {.a = a,
	                .size = size,
	                .change = change_if_expected,
	                .expected = {*expected, 0},
	                .operand = {v, 0}};
	bool done;

	*expected = modify(&m, "cas", &done).low;
	return done;
}

bool x_cas_round(void *a, int size, uint64_t *expected, uint64_t v)
{
	uint64_t loaded = *expected;

	if (x_cas(a, size, expected, v))
		return true;
	if (!nobody_else() && x_run.options->mode == X_COMPLETE && !x_run.all_visible &&
	    goes_round(x_object_at(a, describe_word), loaded))
		x_give_up();
	return false;
}

bool x_owned_set(void *o, uint64_t owner, int64_t v)
{
	struct rmw m = {.a = o,
	                .size = OWNED,
	                .change = change_if_owner,
	                .expected = {owner, 0},
	                .operand = {owner, (uint64_t)v}};
	bool done;

	(void)modify(&m, "set", &done);
	return done;
}

void x_owned_reset(void *o, uint64_t owner, int64_t v)
{
	struct rmw m = {
		.a = o, .size = OWNED, .change = change_swap, .operand = {owner, (uint64_t)v}};
	bool done;

	(void)modify(&m, "reset", &done);
}
