/* The reduced search against the plain one: random small programs, whose outcomes have to be the same
 * whether every order of steps and every value is gone through or only what the reduction leaves. And
 * the engine's memory against a second one that knows nothing of it (random_programs_reference.c).
 * Says which program differs, and how to run it alone.
 *
 * Linked with the engine alone. Speaks TAP.
 * usage: random_programs [PROGRAMS [SEED]] | random_programs "x=1.rlx y.acq | ..." */
#include "litmus/program.h"
#include "random_programs_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 1000, PLAIN_RUNS = 200000, LIST = 8192 };

static uint64_t state = 1;

static unsigned draw(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 20) % n);
}

/* ---- Making one ---- */

static const int load_orders[] = {__ATOMIC_RELAXED, __ATOMIC_ACQUIRE, __ATOMIC_SEQ_CST};
static const int store_orders[] = {__ATOMIC_RELAXED, __ATOMIC_RELEASE, __ATOMIC_SEQ_CST};

static struct access make_access(unsigned words, bool may_wait)
{
	struct access a = {.word = (int)(1 + draw(words)), .value = 1 + draw(2)};
	unsigned kind = draw(may_wait ? 13 : 12);

	if (kind < 4) {
		a.kind = LOAD;
		a.order = load_orders[draw(3)];
	} else if (kind < 8) {
		a.kind = STORE;
		a.order = store_orders[draw(3)];
	} else if (kind == 8) {
		a.kind = SWAP;
	} else if (kind == 9) {
		a.kind = ADD;
		a.value = 1;
	} else if (kind == 10) {
		a.kind = ROUND;
	} else if (kind == 11) {
		a.kind = CAS;
		a.expected = draw(2);
		a.value = 1 + draw(2);
	} else {
		a.kind = AWAIT;
	}
	return a;
}

/* In one program of five a thread holds the lock around part of what it does. */
static void add_lock(struct program *p, int thread)
{
	int n = p->counts[thread];

	memmove(&p->accesses[thread][1], &p->accesses[thread][0],
	        (size_t)n * sizeof p->accesses[0][0]);
	p->accesses[thread][0] = (struct access){.kind = LOCK};
	p->accesses[thread][n + 1] = (struct access){.kind = UNLOCK};
	p->counts[thread] = n + 2;
}

/* Few enough steps that the plain search goes through all orders of them. */
static void make(struct program *p)
{
	unsigned words = 2 + draw(2);
	bool may_wait = draw(3) == 0;
	bool locks = draw(5) == 0;

	memset(p, 0, sizeof *p);
	p->threads = 2 + (int)draw(2);
	p->last = draw(4) == 0 ? p->threads - 1 : 0;
	for (int i = 0; i < p->threads; i++) {
		unsigned most = p->threads == 2 ? 4 : 3;

		p->counts[i] = (int)(2 + draw(most - 1));
		for (int j = 0; j < p->counts[i]; j++)
			p->accesses[i][j] = make_access(words, may_wait);
		if (locks && i < 2 && p->counts[i] < 4)
			add_lock(p, i);
	}
	p->finals = (int)words;
	for (int i = 0; i < p->finals; i++)
		p->final_words[i] = i + 1;
}

/* ---- Comparing ---- */

static struct outcomes plain, other;
static uint64_t plain_runs, reduced_runs, blocked_runs, gone_through;

static void say_set(const char *name, const struct program *p, const struct outcomes *o)
{
	static char list[LIST];

	(void)outcomes_print(p, o, list, sizeof list);
	(void)printf("#   %-20s %llu runs, %d outcomes %s %s\n#     %s\n", name,
	             (unsigned long long)o->report.runs, o->count, o->report.promise,
	             o->report.message, list);
}

static bool compare(const struct program *p, const char *name, struct x_options options)
{
	program_run(p, &options, &other);
	reduced_runs += other.report.runs;
	blocked_runs += other.report.blocked;
	if (other.report.verdict == X_COMPLETED && outcomes_equal(&plain, &other))
		return true;
	say_set("plain, unpruned", p, &plain);
	say_set(name, p, &other);
	return false;
}

/* 1: the same; 0: not; -1: too many orders for the plain search. */
static int check(const struct program *p)
{
	struct x_options options = {.mode = X_PLAIN, .stale_always = true, .runs = PLAIN_RUNS};
	bool good;

	program_run(p, &options, &plain);
	plain_runs += plain.report.runs;
	if (plain.report.verdict == X_BOUND_REACHED)
		return -1;
	gone_through++;
	good = plain.report.verdict == X_COMPLETED;
	if (!good)
		say_set("plain, unpruned", p, &plain);
	reference_run(p, &other);
	if (!outcomes_equal(&plain, &other)) {
		good = false;
		say_set("plain, unpruned", p, &plain);
		say_set("reference", p, &other);
	}
	options = (struct x_options){.mode = X_PLAIN};
	good = compare(p, "plain, pruned", options) && good;
	options = (struct x_options){.mode = X_COMPLETE, .stale_always = true};
	good = compare(p, "reduced, unpruned", options) && good;
	options = (struct x_options){.mode = X_COMPLETE};
	good = compare(p, "reduced, pruned", options) && good;
	return good;
}

static int check_given(const char *program)
{
	struct program p;
	int good;

	if (!program_parse(&p, program)) {
		(void)fprintf(stderr, "no program: %s\n", program);
		return 2;
	}
	good = check(&p);
	say_set("reduced, pruned", &p, &other);
	return good == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
	int programs = argc > 1 ? atoi(argv[1]) : PROGRAMS;
	int failed = 0;
	bool enough;

	if (argc > 1 && programs == 0)
		return check_given(argv[1]);
	state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 57115;
	(void)printf("1..2\n");
	for (int i = 0; i < programs; i++) {
		char text[PROGRAM_TEXT];
		struct program p;

		make(&p);
		if (check(&p) != 0)
			continue;
		failed++;
		program_print(&p, text, sizeof text);
		(void)printf("# differs: \"%s\"\n", text);
	}
	(void)printf("# %d programs: plain %llu runs, reduced (three ways) %llu and %llu blocked\n",
	             programs, (unsigned long long)plain_runs, (unsigned long long)reduced_runs,
	             (unsigned long long)blocked_runs);
	(void)printf("%sok 1 - %d random programs: reduced, plain and reference the same\n",
	             failed == 0 ? "" : "not ", programs);
	enough = gone_through * 10 >= (uint64_t)programs * 9;
	(void)printf("%sok 2 - plain search went through %llu of them to the end\n",
	             enough ? "" : "not ", (unsigned long long)gone_through);
	return failed == 0 && enough ? 0 : 1;
}
