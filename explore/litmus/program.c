/* Runs programs of one line in the explorer. Owns the words that they work on, which the engine puts
 * back before each run. */
#include "litmus/program.h"

#include "engine/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

/* In a page of their own, as x_keep wants it. */
static _Alignas(PAGE) struct {
	uint32_t words[PROGRAM_WORDS];
	uint32_t lock;
	uint8_t seen[PROGRAM_THREADS][PROGRAM_ACCESSES]; /* value + 1; 0: not reached */
	char fill[PAGE - 4 * PROGRAM_WORDS - 4 - PROGRAM_THREADS * PROGRAM_ACCESSES];
} state;
_Static_assert(sizeof state % PAGE == 0, "whole pages");

static const struct program *running;
static struct outcomes *found;

static const char word_names[PROGRAM_WORDS + 1] = "wxyz";

/* ---- The notation ---- */

static const struct {
	const char *name;
	int order;
} orders[] = {
	{"rlx", __ATOMIC_RELAXED},
	{"acq", __ATOMIC_ACQUIRE},
	{"rel", __ATOMIC_RELEASE},
	{"sc", __ATOMIC_SEQ_CST},
};

static bool parse_order(const char *text, int *order)
{
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		if (strcmp(text, orders[i].name) == 0) {
			*order = orders[i].order;
			return true;
		}
	}
	return false;
}

static const char *order_name(int order)
{
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (orders[i].order == order)
			return orders[i].name;
	return "?";
}

static int word_named(char c)
{
	const char *at = c == '\0' ? NULL : strchr(word_names, c);

	return at == NULL ? -1 : (int)(at - word_names);
}

static bool is_value(char c)
{
	return c >= '0' && c <= '7';
}

static bool parse_access(struct access *a, const char *t)
{
	memset(a, 0, sizeof *a);
	if (strcmp(t, "[") == 0 || strcmp(t, "]") == 0) {
		a->kind = *t == '[' ? LOCK : UNLOCK;
		return true;
	}
	a->word = word_named(t[0]);
	if (a->word < 0)
		return false;
	if (strcmp(t + 1, "!") == 0) {
		a->kind = AWAIT;
		return true;
	}
	if (t[1] == '.') {
		a->kind = LOAD;
		return parse_order(t + 2, &a->order) && a->order != __ATOMIC_RELEASE;
	}
	if (t[1] == '\0' || !is_value(t[2]))
		return false;
	a->value = (unsigned)(t[2] - '0');
	switch (t[1]) {
	case '=':
		a->kind = STORE;
		return t[3] == '.' && parse_order(t + 4, &a->order) && a->order != __ATOMIC_ACQUIRE;
	case '<':
		a->kind = SWAP;
		return t[3] == '\0';
	case '+':
	case '*':
		a->kind = t[1] == '+' ? ADD : ROUND;
		return t[3] == '\0';
	case ':':
		a->kind = CAS;
		a->expected = a->value;
		if (t[3] != '>' || !is_value(t[4]) || t[5] != '\0')
			return false;
		a->value = (unsigned)(t[4] - '0');
		return true;
	default:
		return false;
	}
}

bool program_parse(struct program *p, const char *text)
{
	char copy[PROGRAM_TEXT];
	bool at_end = false;
	char *rest;

	memset(p, 0, sizeof *p);
	p->threads = 1;
	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
		return false;
	for (char *t = strtok_r(copy, " ", &rest); t != NULL; t = strtok_r(NULL, " ", &rest)) {
		int thread = p->threads - 1;

		if (strcmp(t, ";") == 0) {
			at_end = true;
		} else if (at_end) {
			if (p->finals == PROGRAM_WORDS || word_named(t[0]) < 0 || t[1] != '\0')
				return false;
			p->final_words[p->finals++] = word_named(t[0]);
		} else if (strcmp(t, "|") == 0) {
			if (p->threads++ == PROGRAM_THREADS)
				return false;
		} else if (strcmp(t, "~") == 0) {
			if (thread == 0 || p->last != 0)
				return false;
			p->last = thread;
		} else if (p->counts[thread] == PROGRAM_ACCESSES ||
		           !parse_access(&p->accesses[thread][p->counts[thread]++], t)) {
			return false;
		}
	}
	return true;
}

static void print_access(const struct access *a, FILE *to)
{
	char word = word_names[a->word];

	switch (a->kind) {
	case LOAD:
		(void)fprintf(to, "%c.%s", word, order_name(a->order));
		break;
	case STORE:
		(void)fprintf(to, "%c=%u.%s", word, a->value, order_name(a->order));
		break;
	case SWAP:
		(void)fprintf(to, "%c<%u", word, a->value);
		break;
	case ADD:
	case ROUND:
		(void)fprintf(to, "%c%c%u", word, a->kind == ADD ? '+' : '*', a->value);
		break;
	case CAS:
		(void)fprintf(to, "%c:%u>%u", word, a->expected, a->value);
		break;
	case AWAIT:
		(void)fprintf(to, "%c!", word);
		break;
	case LOCK:
	case UNLOCK:
		(void)fputc(a->kind == LOCK ? '[' : ']', to);
		break;
	}
}

void program_print(const struct program *p, char *buf, size_t size)
{
	FILE *to = fmemopen(buf, size, "w");

	if (to == NULL)
		abort();
	for (int i = 0; i < p->threads; i++) {
		if (i > 0)
			(void)fputs(i == p->last ? " | ~" : " |", to);
		for (int j = 0; j < p->counts[i]; j++) {
			if (i > 0 || j > 0)
				(void)fputc(' ', to);
			print_access(&p->accesses[i][j], to);
		}
	}
	if (p->finals > 0)
		(void)fputs(" ;", to);
	for (int i = 0; i < p->finals; i++)
		(void)fprintf(to, " %c", word_names[p->final_words[i]]);
	(void)fclose(to);
}

/* ---- Running ---- */

static void describe_lock(const void *key, char *buf, size_t size)
{
	(void)key;
	(void)snprintf(buf, size, "lock");
}

static void name_word(const void *address, char *buf, size_t size)
{
	for (int i = 0; i < PROGRAM_WORDS; i++)
		if (address == &state.words[i])
			(void)snprintf(buf, size, "%c", word_names[i]);
}

static void describe_word(const void *key, char *buf, size_t size)
{
	name_word(key, buf, size);
}

static bool is_not_zero(const struct x_op *op)
{
	return *(const uint32_t *)op->arg != 0;
}

static bool is_zero(const struct x_op *op)
{
	return *(const uint32_t *)op->arg == 0;
}

/* Blocks without reading: it learns nothing of the word but that it was let through. */
static void await(uint32_t *word)
{
	x_object object = x_object_at(word, describe_word);
	struct x_op op = {.name = "await",
	                  .object = object,
	                  .reads = x_only(object),
	                  .enabled = is_not_zero,
	                  .arg = word};

	x_step(&op);
}

/* An object of the engine alone: orders steps, and tells the memory nothing. */
static void lock_step(bool take)
{
	x_object object = x_object_at(&state.lock, describe_lock);
	struct x_op op = {.name = take ? "take" : "give back",
	                  .object = object,
	                  .reads = x_only(object),
	                  .writes = x_only(object),
	                  .enabled = take ? is_zero : NULL,
	                  .arg = &state.lock};

	x_step(&op);
	state.lock = take;
}

static void make_access(const struct access *a, uint8_t *seen)
{
	uint32_t *word = &state.words[a->word];
	uint64_t old = a->expected;

	switch (a->kind) {
	case LOAD:
		old = x_load(word, 4, a->order);
		break;
	case STORE:
		x_store(word, 4, a->value, a->order);
		return;
	case SWAP:
		old = x_swap(word, 4, a->value);
		break;
	case ADD:
		old = x_add(word, 4, a->value);
		break;
	case ROUND:
		old = x_load(word, 4, __ATOMIC_RELAXED);
		while (!x_cas_round(word, 4, &old, old + a->value))
			;
		break;
	case CAS:
		(void)x_cas(word, 4, &old, a->value);
		break;
	case AWAIT:
		await(word);
		return;
	case LOCK:
	case UNLOCK:
		lock_step(a->kind == LOCK);
		return;
	}
	*seen = (uint8_t)((old & 7) + 1);
}

static void run_thread(int i)
{
	for (int j = 0; j < running->counts[i]; j++)
		make_access(&running->accesses[i][j], &state.seen[i][j]);
}

static void thread_0(void)
{
	run_thread(0);
}

static void thread_1(void)
{
	run_thread(1);
}

static void thread_2(void)
{
	run_thread(2);
}

static void thread_3(void)
{
	run_thread(3);
}

bool access_reads(enum access_kind kind)
{
	return kind == LOAD || kind == SWAP || kind == ADD || kind == ROUND || kind == CAS;
}

static uint64_t outcome(void)
{
	uint64_t o = 0;

	for (int i = 0; i < running->threads; i++) {
		for (int j = 0; j < running->counts[i]; j++) {
			unsigned seen = state.seen[i][j];

			if (access_reads(running->accesses[i][j].kind))
				o = o << 4 | (seen == 0 ? NOT_REACHED : seen - 1);
		}
	}
	for (int i = 0; i < running->finals; i++)
		o = o << 4 | state.words[running->final_words[i]];
	return o;
}

static void collect(uint64_t value)
{
	outcomes_add(found, value);
}

/* To wait for ever is an outcome here, not a fault. */
static void at_rest(bool ended)
{
	(void)ended;
}

static void setup(void)
{
	x_at_rest(at_rest);
	x_name_words(name_word);
}

void program_run(const struct program *p, const struct x_options *options, struct outcomes *out)
{
	static void (*const bodies[PROGRAM_THREADS])(void) = {thread_0, thread_1, thread_2,
	                                                      thread_3};
	static bool kept;
	struct x_scenario s = {.name = "program", .about = "", .setup = setup, .outcome = outcome};
	struct x_options o = *options;

	for (int i = 0; i < p->threads; i++)
		s.threads[i] = bodies[i];
	s.last = p->last;
	if (!kept)
		x_keep(&state, sizeof state);
	kept = true;
	running = p;
	found = out;
	out->count = 0;
	o.each = collect;
	x_explore(&s, &o, &out->report);
}

/* ---- Sets ---- */

void outcomes_add(struct outcomes *o, uint64_t value)
{
	int low = 0, high = o->count;

	while (low < high) {
		int middle = (low + high) / 2;

		if (o->values[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < o->count && o->values[low] == value)
		return;
	if (o->count == PROGRAM_OUTCOMES)
		abort();
	memmove(&o->values[low + 1], &o->values[low], (size_t)(o->count - low) * sizeof *o->values);
	o->values[low] = value;
	o->count++;
}

bool outcomes_equal(const struct outcomes *a, const struct outcomes *b)
{
	return a->count == b->count &&
	       memcmp(a->values, b->values, (size_t)a->count * sizeof *a->values) == 0;
}

static int digits(const struct program *p)
{
	int n = p->finals;

	for (int i = 0; i < p->threads; i++)
		for (int j = 0; j < p->counts[i]; j++)
			n += access_reads(p->accesses[i][j].kind);
	return n;
}

size_t outcomes_print(const struct program *p, const struct outcomes *o, char *buf, size_t size)
{
	int n = digits(p);
	size_t length = 0;

	buf[0] = '\0';
	for (int i = 0; i < o->count && length + (size_t)n + 2 < size; i++) {
		if (i > 0)
			buf[length++] = ' ';
		for (int j = n - 1; j >= 0; j--) {
			unsigned digit = o->values[i] >> (4 * j) & 15;

			buf[length++] = digit == NOT_REACHED ? '-' : (char)('0' + digit);
		}
		buf[length] = '\0';
	}
	return length;
}
