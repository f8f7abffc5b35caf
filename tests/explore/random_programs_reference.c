/* The model of explore/engine/memory.c once more, written as one would write it down and not for speed:
 * the state is a value, each step copies it, and all steps are gone through. Shares the notation with
 * the engine's side, nothing else. */
#include "random_programs_reference.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 14 };

struct view {
	uint8_t at[PROGRAM_WORDS];
};

struct message {
	uint8_t value;
	bool is_seq_cst;
	struct view view; /* of whoever takes it with acquire */
};

struct state {
	uint8_t next[PROGRAM_THREADS]; /* access of each thread */
	uint8_t counts[PROGRAM_WORDS];
	struct message messages[PROGRAM_WORDS][MESSAGES];
	struct view views[PROGRAM_THREADS];
	uint8_t seen[PROGRAM_THREADS][PROGRAM_ACCESSES];
	bool is_locked;
};

static const struct program *program;
static struct outcomes *found;

static void go_on(const struct state *s);

static struct view joined(struct view a, const struct view *b)
{
	for (int i = 0; i < PROGRAM_WORDS; i++)
		if (b->at[i] > a.at[i])
			a.at[i] = b->at[i];
	return a;
}

static void see(struct state *s, int thread, unsigned value)
{
	s->seen[thread][s->next[thread]] = (uint8_t)value;
}

static void load(const struct state *s, int thread, const struct access *a)
{
	int oldest = s->views[thread].at[a->word];

	for (int i = 0; i < s->counts[a->word]; i++)
		if (a->order == __ATOMIC_SEQ_CST && s->messages[a->word][i].is_seq_cst &&
		    i > oldest)
			oldest = i;
	for (int i = oldest; i < s->counts[a->word]; i++) {
		const struct message *m = &s->messages[a->word][i];
		struct state after = *s;

		after.views[thread].at[a->word] = (uint8_t)i;
		if (a->order != __ATOMIC_RELAXED)
			after.views[thread] = joined(after.views[thread], &m->view);
		see(&after, thread, m->value);
		after.next[thread]++;
		go_on(&after);
	}
}

/* Append a message; released: with all that the thread has seen. */
static void put(struct state *s, int thread, int word, unsigned value, bool released,
                bool is_seq_cst)
{
	int i = s->counts[word]++;
	struct message *m = &s->messages[word][i];

	if (i == MESSAGES)
		abort();
	memset(m, 0, sizeof *m);
	m->value = (uint8_t)value;
	m->is_seq_cst = is_seq_cst;
	s->views[thread].at[word] = (uint8_t)i;
	m->view.at[word] = (uint8_t)i;
	if (released)
		m->view = s->views[thread];
}

static void modify(struct state *s, int thread, const struct access *a)
{
	int last = s->counts[a->word] - 1;
	const struct message *m = &s->messages[a->word][last];
	unsigned old = m->value;

	s->views[thread].at[a->word] = (uint8_t)last;
	s->views[thread] = joined(s->views[thread], &m->view);
	see(s, thread, old);
	if (a->kind == SWAP || (a->kind == CAS && old == a->expected))
		put(s, thread, a->word, a->value, true, true);
	else if (a->kind == ADD || a->kind == ROUND)
		put(s, thread, a->word, old + a->value, true, true);
}

static bool may_go_on(const struct state *s, const struct access *a)
{
	if (a->kind == LOCK)
		return !s->is_locked;
	return a->kind != AWAIT || s->messages[a->word][s->counts[a->word] - 1].value != 0;
}

static void make(const struct state *s, int thread, const struct access *a)
{
	struct state after = *s;

	switch (a->kind) {
	case LOAD:
		load(s, thread, a);
		return;
	case STORE:
		put(&after, thread, a->word, a->value, a->order != __ATOMIC_RELAXED,
		    a->order == __ATOMIC_SEQ_CST);
		break;
	case SWAP:
	case ADD:
	case ROUND:
	case CAS:
		modify(&after, thread, a);
		break;
	case LOCK:
	case UNLOCK:
		after.is_locked = a->kind == LOCK;
		break;
	case AWAIT:
		break;
	}
	after.next[thread]++;
	go_on(&after);
}

static void end(const struct state *s)
{
	uint64_t outcome = 0;

	for (int i = 0; i < program->threads; i++)
		for (int j = 0; j < program->counts[i]; j++)
			if (access_reads(program->accesses[i][j].kind))
				outcome = outcome << 4 | s->seen[i][j];
	for (int i = 0; i < program->finals; i++) {
		int word = program->final_words[i];

		outcome = outcome << 4 | s->messages[word][s->counts[word] - 1].value;
	}
	outcomes_add(found, outcome);
}

static bool try(const struct state *s, int thread)
{
	const struct access *a = &program->accesses[thread][s->next[thread]];

	if (s->next[thread] == program->counts[thread] || !may_go_on(s, a))
		return false;
	make(s, thread, a);
	return true;
}

static void go_on(const struct state *s)
{
	bool any = false;

	for (int i = 0; i < program->threads; i++)
		if (i == 0 || i != program->last)
			any = try(s, i) || any;
	if (!any && program->last != 0)
		any = try(s, program->last);
	if (!any)
		end(s);
}

void reference_run(const struct program *p, struct outcomes *out)
{
	struct state start;

	memset(&start, 0, sizeof start);
	memset(start.counts, 1, sizeof start.counts); /* the zero that each begins with */
	memset(start.seen, NOT_REACHED, sizeof start.seen);
	memset(&out->report, 0, sizeof out->report);
	out->count = 0;
	program = p;
	found = out;
	go_on(&start);
}
