/* Turns the engine's trace into rows: a step with its values in words, what the scenario said, the
 * times that came. Steps that no other thread can tell are drawn together. */
#include "report/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int thread_count(const struct x_scenario *s)
{
	int n = 0;

	while (n < X_THREADS - 1 && s->threads[n] != NULL)
		n++;
	return n + s->spare;
}

void thread_name(const struct x_scenario *s, int thread, char *buf, size_t size)
{
	if (thread == thread_count(s))
		(void)snprintf(buf, size, "clock");
	else if (s->names[thread] != NULL)
		(void)snprintf(buf, size, "%s", s->names[thread]);
	else
		(void)snprintf(buf, size, "thread %d", thread);
}

/* ---- What nobody else can tell ---- */

static x_set touched_by(const struct x_event *events, size_t count, int thread, bool writes)
{
	x_set all = 0;

	for (size_t i = 0; i < count; i++) {
		const struct x_event *e = &events[i];
		x_set touched = e->op.writes | (writes ? 0 : e->op.reads);

		/* A step that touches everything says nothing about any one object. */
		if (e->thread == thread && !e->is_choice && !e->is_said && ~touched != 0)
			all |= touched;
	}
	return all;
}

/* The objects that several threads touch and one of them changes, in this run. */
static x_set shared_objects(const struct x_event *events, size_t count)
{
	x_set once = 0, twice = 0, written = 0;

	for (int i = 0; i < X_THREADS; i++) {
		x_set touched = touched_by(events, count, i, false);

		twice |= once & touched;
		once |= touched;
		written |= touched_by(events, count, i, true);
	}
	return twice & written;
}

/* ---- Rows ---- */

__attribute__((format(printf, 2, 3))) static void add_text(struct row *row, const char *format, ...)
{
	size_t length = strlen(row->text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(row->text + length, sizeof row->text - length, format, args);
	va_end(args);
}

/* A word that the kernel is the first to touch has a name only from its first atomic access on. */
static const char *object_name(const struct x_event *events, size_t count, const struct x_event *e)
{
	static const char nameless[] = "object ";
	size_t length = sizeof nameless - 1;

	for (size_t i = 0; i < count && strncmp(e->object, nameless, length) == 0; i++)
		if (events[i].op.object == e->op.object &&
		    strncmp(events[i].object, nameless, length) != 0)
			return events[i].object;
	return e->object;
}

/* seq_cst goes without saying, as with what reads and modifies. */
static const char *order(const struct x_op *op)
{
	if (strcmp(op->name, "load") != 0 && strcmp(op->name, "store") != 0)
		return "";
	switch ((int)op->values[1]) {
	case __ATOMIC_RELAXED:
		return " rlx";
	case __ATOMIC_ACQUIRE:
		return " acq";
	case __ATOMIC_RELEASE:
		return " rel";
	default:
		return "";
	}
}

static void describe_step(struct row *row, const struct x_event *e, const char *object)
{
	char values[200] = "";

	add_text(row, "%s", e->op.name);
	if (object[0] != '\0' && strcmp(object, "-") != 0)
		add_text(row, " %s", object);
	if (!name_values(object, &e->op, values, sizeof values) && e->op.describe != NULL)
		e->op.describe(&e->op, values, sizeof values);
	if (values[0] != '\0')
		add_text(row, " %s", values);
	add_text(row, "%s", order(&e->op));
}

static bool joins(const struct row *last, const struct x_event *e)
{
	return last != NULL && last->kind == ROW_QUIET && last->thread == e->thread;
}

/* Where nothing else than the first way was taken there is nothing to say. */
static void add_choice(struct row *last, const struct x_event *e)
{
	if (e->op.values[0] == 0 || last == NULL || last->thread != e->thread)
		return;
	if (e->op.values[1] == 2)
		add_text(last, " (%s)", e->op.name);
	else
		add_text(last, " (%s, way %d of %d)", e->op.name, (int)e->op.values[0],
		         (int)e->op.values[1] - 1);
}

/* A quiet step on its own is as short as what would stand for it. */
static void end_quiet(struct row *row, unsigned last_number)
{
	if (row != NULL && row->kind == ROW_QUIET && last_number > row->number)
		(void)snprintf(row->text, sizeof row->text, ".. %u steps of its own",
		               last_number - row->number + 1);
}

struct rows rows_make(const struct x_scenario *s)
{
	const struct x_event *events;
	size_t count = x_trace(&events);
	x_set shared = shared_objects(events, count);
	struct rows rows = {.rows = calloc(count + 1, sizeof(struct row))};
	struct row *last = NULL;
	unsigned number = 0;

	if (rows.rows == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct x_event *e = &events[i];
		bool quiet = ((e->op.reads | e->op.writes) & shared) == 0;

		if (e->is_choice) {
			add_choice(last, e);
			if (last != NULL && last->kind == ROW_QUIET && e->op.values[0] != 0)
				last->kind = ROW_STEP;
			continue;
		}
		number += !e->is_said;
		if (!e->is_said && quiet && joins(last, e)) {
			end_quiet(last, number);
			continue;
		}
		last = &rows.rows[rows.count++];
		last->thread = e->thread;
		last->number = number;
		if (e->is_said) {
			last->kind = ROW_SAID;
			add_text(last, "%s", e->op.name);
		} else if (e->thread == thread_count(s)) {
			last->kind = ROW_TIME;
			add_text(last, "time %lld", (long long)e->op.values[0]);
		} else {
			last->kind = quiet ? ROW_QUIET : ROW_STEP;
			describe_step(last, e, object_name(events, count, e));
		}
	}
	return rows;
}

void rows_free(struct rows *rows)
{
	free(rows->rows);
	rows->rows = NULL;
}

size_t text_break(const char *text, size_t width, size_t *skip)
{
	size_t length = strcspn(text, "\n");
	size_t at;

	*skip = text[length] == '\n';
	if (length <= width)
		return length;
	for (at = width; at > width / 2; at--)
		if (text[at] == ' ')
			break;
	*skip = at > width / 2;
	return at > width / 2 ? at : width;
}
