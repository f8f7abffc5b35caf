/* Looks for a shorter way to a failure that was found: the same promise broken with fewer switches
 * between threads, and with fewer old values and faults. People read what is left; the search itself
 * has no use for it.
 *
 * A schedule is a list of steps, each with the choices made right after it. To move a thread's later
 * steps forward to where it was last left, or its earlier ones back to where it goes on, takes two
 * switches away. What comes of it is found out by trying: the engine follows the new list as far as
 * it can, and says what it did instead. */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 3000 };

/* Moved as a whole: a digit and the letters behind it. */
struct steps {
	char **blocks;
	size_t count;
};

static bool is_choice(char c)
{
	return c >= 'a';
}

/* Switches weigh most; then what was not the usual way; then the length. */
static size_t cost(const char *schedule)
{
	size_t switches = 0, unusual = 0, length = 0;
	char last = '\0';

	for (; schedule[length] != '\0'; length++) {
		char c = schedule[length];

		if (is_choice(c)) {
			unusual += c != 'a';
			continue;
		}
		switches += last != '\0' && c != last;
		last = c;
	}
	return (switches + 2 * unusual) * 100000 + length;
}

/* ---- Lists of steps ---- */

static struct steps split(const char *schedule)
{
	size_t length = strlen(schedule);
	struct steps s = {.blocks = calloc(length + 1, sizeof(char *))};

	if (s.blocks == NULL)
		abort();
	while (*schedule != '\0') {
		size_t n = 1;

		while (is_choice(schedule[n]))
			n++;
		s.blocks[s.count++] = strndup(schedule, n);
		schedule += n;
	}
	return s;
}

static void forget(struct steps *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->blocks[i]);
	free(s->blocks);
}

/* Where the steps of the thread at `from` end that follow each other. */
static size_t end_of_turn(const struct steps *s, size_t from)
{
	size_t to = from;

	while (to < s->count && s->blocks[to][0] == s->blocks[from][0])
		to++;
	return to;
}

/* The schedule with the steps [from, to) moved before step `at`, which is none of them. */
static char *moved(const struct steps *s, size_t from, size_t to, size_t at)
{
	size_t length = 1;
	char *text, *end;

	for (size_t i = 0; i < s->count; i++)
		length += strlen(s->blocks[i]);
	text = end = malloc(length);
	if (text == NULL)
		abort();
	*end = '\0';
	for (size_t i = 0; i <= s->count; i++) {
		if (i == at)
			for (size_t j = from; j < to; j++)
				end = stpcpy(end, s->blocks[j]);
		if (i < s->count && (i < from || i >= to))
			end = stpcpy(end, s->blocks[i]);
	}
	return text;
}

/* ---- Trying ---- */

struct effort {
	const struct x_scenario *scenario;
	struct x_options options;
	const char *promise;
	char *best;
	int tries;
};

/* True, and it is the best now: it breaks the same promise and is shorter. Takes the text over. */
static bool try(struct effort *e, char *schedule)
{
	struct x_report r;
	bool better;

	if (strcmp(schedule, e->best) == 0 || e->tries++ >= TRIES) {
		free(schedule);
		return false;
	}
	e->options.replay = schedule;
	e->options.follow = true;
	x_explore(e->scenario, &e->options, &r);
	free(schedule);
	better = r.verdict == X_BROKEN && r.replay != NULL && strcmp(r.promise, e->promise) == 0 &&
	         cost(r.replay) < cost(e->best);
	if (better) {
		free(e->best);
		e->best = r.replay;
	} else {
		free(r.replay);
	}
	return better;
}

static bool try_moves(struct effort *e)
{
	struct steps s = split(e->best);
	bool better = false;

	for (size_t i = 0; i < s.count && !better; i = end_of_turn(&s, i)) {
		size_t end = end_of_turn(&s, i);
		size_t next = end;

		while (next < s.count && s.blocks[next][0] != s.blocks[i][0])
			next++;
		if (next == s.count)
			continue;
		better = try(e, moved(&s, next, end_of_turn(&s, next), end)) ||
		         try(e, moved(&s, i, end, next)) ||
		         /* One step more before it is left; one step less. */
		         try(e, moved(&s, next, next + 1, end)) ||
		         try(e, moved(&s, end - 1, end, next));
	}
	forget(&s);
	return better;
}

static bool try_usual_ways(struct effort *e)
{
	for (size_t i = 0; e->best[i] != '\0'; i++) {
		char *schedule;

		if (!is_choice(e->best[i]) || e->best[i] == 'a')
			continue;
		schedule = strdup(e->best);
		schedule[i] = 'a';
		if (try(e, schedule))
			return true;
	}
	return false;
}

char *shorten(const struct x_scenario *s, const struct x_options *o, const struct x_report *r)
{
	struct effort e = {
		.scenario = s, .options = *o, .promise = r->promise, .best = strdup(r->replay)};

	e.options.each = NULL;
	while (e.tries < TRIES && (try_usual_ways(&e) || try_moves(&e)))
		;
	return e.best;
}
