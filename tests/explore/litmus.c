/* The memory of the explorer, by litmus tests: small programs whose every outcome is written down. A
 * set that lacks one or has one too many fails, in each of the ways to search.
 *
 * The sets are those of the model at the head of explore/engine/memory.c. Where the C standard has
 * others, the line says so: "C11 also" is what the model cannot show, "not in C11" what it shows
 * though the standard forbids it.
 *
 * Linked with the engine alone. Speaks TAP. */
#include "litmus/program.h"

#include <stdio.h>
#include <string.h>

static const struct litmus {
	const char *name, *program, *outcomes;
} tests[] = {
	/* One word: no thread sees it go back, whatever the orders. */
	{"coherence: own store", "x=1.rlx x.rlx | x=2.rlx ; x", "11 12 22"},
	{"coherence: read, then write", "x.rlx x=1.rlx | x=2.rlx ; x", "01 02 21"},
	{"coherence: two writes", "x=1.rlx x=2.rlx | x.rlx x.rlx", "00 01 02 11 12 22"},
	{"CoRR", "x=1.rlx | x.rlx x.rlx", "00 01 11"},
	{"CoRR, orders differ", "x=1.rel | x.rlx x.acq", "00 01 11"},
	{"CoRR, seq_cst last", "x=1.sc | x.rlx x.sc", "00 01 11"},
	{"CoRR, two writers and two readers", "x=1.rlx | x=2.rlx | x.rlx x.rlx | x.rlx x.rlx",
         "0000 0001 0002 0011 0012 0021 0022 0100 0101 0102 0111 0112 0121 0122 0200 0201 0202 "
         "0211 0212 0221 0222 1100 1101 1102 1111 1112 1121 1122 1200 1201 1202 1211 1212 1222 "
         "2100 2101 2102 2111 2121 2122 2200 2201 2202 2211 2212 2221 2222"},
	/* A seq_cst load may be behind a store that is not seq_cst. */
	{"seq_cst load, relaxed store after it", "x=1.sc x=2.rlx | x.sc x.sc", "00 01 02 11 12 22"},
	{"seq_cst store and load of one word", "x=1.rlx | x=2.sc x.sc ; x", "11 21 22"},

	/* Read-modify-writes take the newest value, each a different one. */
	{"two adds", "x+1 | x+1 ; x", "012 102"},
	{"two adds, read", "x+1 | x+1 | x.rlx x.rlx",
         "0100 0101 0102 0111 0112 0122 1000 1001 1002 1011 1012 1022"},
	{"two compare-and-swaps", "x:0>1 | x:0>2 ; x", "011 202"},
	/* They are seq_cst, but a relaxed load after one is not held back by it. */
	{"SB, swap and relaxed", "x<1 y.rlx | y<1 x.rlx", "0000 0001 0100 0101"},
	{"SB, swap and seq_cst", "x<1 y.sc | y<1 x.sc", "0001 0100 0101"},
	{"SB, swap and store", "x<1 y.sc | y=1.sc x.sc", "001 010 011"},

	/* Message passing: three threads. The others by all mixes of orders, below. */
	{"MP, seq_cst flag alone", "x=1.rlx y=1.sc | y.sc x.sc", "00 01 11"},
	{"MP, overwritten by relaxed", "x=1.rlx y=1.rel | y=2.rlx | y.acq x.rlx", "00 01 11 20 21"},
	{"ISA2", "x=1.rlx y=1.rel | y.acq z=1.rel | z.acq x.rlx", "000 001 010 011 100 101 111"},
	{"ISA2, first store relaxed", "x=1.rlx y=1.rlx | y.acq z=1.rel | z.acq x.rlx",
         "000 001 010 011 100 101 110 111"},
	{"ISA2, first load relaxed", "x=1.rlx y=1.rel | y.rlx z=1.rel | z.acq x.rlx",
         "000 001 010 011 100 101 110 111"},
	{"WRC, relaxed", "x=1.rlx | x.rlx y=1.rlx | y.rlx x.rlx",
         "000 001 010 011 100 101 110 111"},
	{"WRC, release and acquire", "x=1.rel | x.acq y=1.rel | y.acq x.rlx",
         "000 001 010 011 100 101 111"},
	/* What was read counts as much as what was written: coherence, not synchronisation. */
	{"WRC, first word relaxed", "x=1.rlx | x.rlx y=1.rel | y.acq x.rlx",
         "000 001 010 011 100 101 111"},
	{"WRC, seq_cst", "x=1.sc | x.sc y=1.sc | y.sc x.sc", "000 001 010 011 100 101 111"},

	/* Release sequences: read-modify-writes pass on what was released, stores do not. */
	{"release sequence", "x=1.rlx y=1.rel | y+1 | y.acq x.rlx",
         "000 001 010 011 100 101 111 121"},
	{"release sequence, compare-and-swap", "x=1.rlx y=1.rel | y:1>2 | y.acq x.rlx",
         "000 001 011 100 101 111 121"},
	{"release sequence, acquire missing", "x=1.rlx y=1.rel | y+1 | y.rlx x.rlx",
         "000 001 010 011 100 101 110 111 120 121"},
	{"release sequence, release missing", "x=1.rlx y=1.rlx | y+1 | y.acq x.rlx",
         "000 001 010 011 100 101 110 111 120 121"},
	{"release sequence, cut by another's store",
         "x=1.rlx y=1.rel | y.rlx y=2.rlx | y.acq x.rlx",
         "000 001 011 020 021 100 101 111 120 121"},
	/* 20 is not in C11, which lets the releaser's own relaxed stores go on the sequence; C++20 does
	 * not. */
	{"release sequence, cut by the releaser", "x=1.rlx y=1.rel y=2.rlx | y.acq x.rlx",
         "00 01 11 20 21"},

	/* Two readers, two writers. */
	{"IRIW, seq_cst", "x=1.sc | y=1.sc | x.sc y.sc | y.sc x.sc",
         "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"},
	{"IRIW, release and acquire", "x=1.rel | y=1.rel | x.acq y.acq | y.acq x.acq",
         "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"},
	{"IRIW, first loads acquire", "x=1.sc | y=1.sc | x.acq y.sc | y.acq x.sc",
         "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"},
	/* 1010 is in C11 as well, but not in C++20. */
	{"IRIW, stores release", "x=1.rel | y=1.rel | x.sc y.sc | y.sc x.sc",
         "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"},
	{"RWC, seq_cst", "x=1.sc | x.sc y.sc | y=1.sc x.sc", "000 001 010 011 101 110 111"},
	{"RWC, first load acquire", "x=1.sc | x.acq y.sc | y=1.sc x.sc",
         "000 001 010 011 101 110 111"},
	{"RWC, release and acquire", "x=1.rel | x.acq y.acq | y=1.rel x.acq",
         "000 001 010 011 100 101 110 111"},

	/* The order of modification is the order of execution. */
	{"2+2W, relaxed (C11 also 11)", "x=1.rlx y=2.rlx | y=1.rlx x=2.rlx ; x y", "12 21 22"},
	{"2+2W, release (C11 also 11)", "x=1.rel y=2.rel | y=1.rel x=2.rel ; x y", "12 21 22"},
	{"2+2W, seq_cst", "x=1.sc y=2.sc | y=1.sc x=2.sc ; x y", "12 21 22"},
	{"R, relaxed", "x=1.rlx y=1.rlx | y=2.rlx x.rlx ; y", "01 02 11 12"},
	{"R, release and acquire", "x=1.rel y=1.rel | y=2.rel x.acq ; y", "01 02 11 12"},
	{"R, seq_cst", "x=1.sc y=1.sc | y=2.sc x.sc ; y", "01 11 12"},
	{"S, relaxed (C11 also 12)", "x=2.rlx y=1.rlx | y.rlx x=1.rlx ; x", "01 02 11"},
	{"S, release and acquire", "x=2.rlx y=1.rel | y.acq x=1.rlx ; x", "01 02 11"},
	{"S, seq_cst", "x=2.sc y=1.sc | y.sc x=1.sc ; x", "01 02 11"},

	/* Waiting for ever is an outcome as well, and the steps that wait have their races. */
	{"lock", "[ x.rlx x=1.rlx ] | [ x.rlx x=2.rlx ] ; x", "001 002 012 201"},
	{"a lock that its holder takes again", "[ [ x=1.rlx | x.rlx", "0"},
	{"await", "x=1.rlx y=1.rlx | y! x.rlx", "0 1"},
	{"await for nothing", "x! y=1.rlx | y.rlx", "0"},
	/* What one who waits in vain would touch matters to the others. */
	{"await, too late", "x=1.rlx x=0.rlx | x! y.rlx", "0 -"},
};

/* Under X_SC the orders count for nothing: what differs from the above. */
static const struct litmus sc_tests[] = {
	{"SC: SB", "x=1.rlx y.rlx | y=1.rlx x.rlx", "01 10 11"},
	{"SC: MP", "x=1.rlx y=1.rlx | y.rlx x.rlx", "00 01 11"},
	{"SC: CoRR", "x=1.rlx | x.rlx x.rlx", "00 01 11"},
	{"SC: R", "x=1.rlx y=1.rlx | y=2.rlx x.rlx ; y", "01 11 12"},
	{"SC: IRIW", "x=1.rlx | y=1.rlx | x.rlx y.rlx | y.rlx x.rlx",
         "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"},
};

/* The ways to search, all of which have to find the same. */
static const struct way {
	const char *name;
	enum x_mode mode;
	bool stale_always;
} ways[] = {
	{"pruned", X_COMPLETE, false},
	{"unpruned", X_COMPLETE, true},
	{"plain", X_PLAIN, false},
	{"plain, unpruned", X_PLAIN, true},
};
enum { WAYS = sizeof ways / sizeof *ways, PLAIN_RUNS = 300000 };

static int count, failed;
static uint64_t runs[WAYS];
static struct outcomes found;

static void result(bool good, const char *name)
{
	count++;
	failed += !good;
	(void)printf("%sok %d - %s\n", good ? "" : "not ", count, name);
}

/* What plain search cannot go through in reasonable time must at least find nothing else. */
static bool is_subset(const char *part, const char *whole)
{
	char copy[8192];
	char *rest;

	(void)snprintf(copy, sizeof copy, "%s", part);
	for (char *o = strtok_r(copy, " ", &rest); o != NULL; o = strtok_r(NULL, " ", &rest))
		if (strstr(whole, o) == NULL)
			return false;
	return true;
}

static bool check(const char *text, const char *expected, enum x_memory memory)
{
	struct program p;
	bool good = true;

	if (!program_parse(&p, text)) {
		(void)printf("# no program: %s\n", text);
		return false;
	}
	for (int i = 0; i < WAYS; i++) {
		const struct way *w = &ways[i];
		struct x_options options = {
			.memory = memory, .mode = w->mode, .stale_always = w->stale_always};
		char list[8192];
		bool bounded, fits;

		options.runs = w->mode == X_PLAIN ? PLAIN_RUNS : 0;
		program_run(&p, &options, &found);
		runs[i] += found.report.runs;
		(void)outcomes_print(&p, &found, list, sizeof list);
		bounded = w->mode == X_PLAIN && found.report.verdict == X_BOUND_REACHED;
		fits = bounded ? is_subset(list, expected)
		               : found.report.verdict == X_COMPLETED && strcmp(list, expected) == 0;
		if (fits)
			continue;
		good = false;
		(void)printf("# %s\n#   %s: %s %s\n#   expected: %s\n#   found:    %s\n", text,
		             w->name, found.report.promise, found.report.message, expected, list);
	}
	return good;
}

/* ---- Mixes of orders ---- */

static const char *const store_orders[] = {"rlx", "rel", "sc"};
static const char *const load_orders[] = {"rlx", "acq", "sc"};

/* Both first, for SB: only all four seq_cst keep both loads from missing the other's store. */
static void store_buffering(void)
{
	for (int mix = 0; mix < 81; mix++) {
		int o[4] = {mix % 3, mix / 3 % 3, mix / 9 % 3, mix / 27};
		bool strong = o[0] == 2 && o[1] == 2 && o[2] == 2 && o[3] == 2;
		char text[PROGRAM_TEXT], name[PROGRAM_TEXT + 8];

		(void)snprintf(text, sizeof text, "x=1.%s y.%s | y=1.%s x.%s", store_orders[o[0]],
		               load_orders[o[1]], store_orders[o[2]], load_orders[o[3]]);
		(void)snprintf(name, sizeof name, "SB: %s", text);
		result(check(text, strong ? "01 10 11" : "00 01 10 11", X_C11), name);
	}
}

/* The flag's store has to release, its load to acquire. */
static void message_passing(void)
{
	for (int mix = 0; mix < 9; mix++) {
		bool strong = mix % 3 > 0 && mix / 3 > 0;
		char text[PROGRAM_TEXT], name[PROGRAM_TEXT + 8];

		(void)snprintf(text, sizeof text, "x=1.rlx y=1.%s | y.%s x.rlx",
		               store_orders[mix % 3], load_orders[mix / 3]);
		(void)snprintf(name, sizeof name, "MP: %s", text);
		result(check(text, strong ? "00 01 11" : "00 01 10 11", X_C11), name);
	}
}

/* Never 11: no load takes what has not been stored. C11 also 11, unless both loads acquire, both
 * stores release, or one thread has the one and the other the other. */
static void load_buffering(void)
{
	for (int mix = 0; mix < 81; mix++) {
		char text[PROGRAM_TEXT], name[PROGRAM_TEXT + 8];

		(void)snprintf(text, sizeof text, "x.%s y=1.%s | y.%s x=1.%s", load_orders[mix % 3],
		               store_orders[mix / 3 % 3], load_orders[mix / 9 % 3],
		               store_orders[mix / 27]);
		(void)snprintf(name, sizeof name, "LB: %s", text);
		result(check(text, "00 01 10", X_C11), name);
	}
}

int main(void)
{
	size_t n = sizeof tests / sizeof *tests;
	size_t sc_n = sizeof sc_tests / sizeof *sc_tests;

	(void)printf("1..%zu\n", n + sc_n + 81 + 9 + 81);
	for (size_t i = 0; i < n; i++)
		result(check(tests[i].program, tests[i].outcomes, X_C11), tests[i].name);
	for (size_t i = 0; i < sc_n; i++)
		result(check(sc_tests[i].program, sc_tests[i].outcomes, X_SC), sc_tests[i].name);
	store_buffering();
	message_passing();
	load_buffering();
	for (int i = 0; i < WAYS; i++)
		(void)printf("# %s: %llu runs\n", ways[i].name, (unsigned long long)runs[i]);
	return failed == 0 ? 0 : 1;
}
