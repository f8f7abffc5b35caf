/* What is remembered of a run: each step for people, when one is shown, and the string that repeats
 * it. Owns both; nothing is kept while runs are only made. */
#include "engine/search.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool x_show;
bool x_recording;

static struct x_event *events;
static size_t event_count, event_room;
static char recorded[X_NODES * 2 + 1];
static size_t recorded_length;

void x_trace_begin_run(void)
{
	for (size_t i = 0; i < event_count; i++)
		if (events[i].is_said)
			free((char *)(uintptr_t)events[i].op.name);
	event_count = 0;
	recorded_length = 0;
	recorded[0] = '\0';
}

static struct x_event *add(int thread)
{
	struct x_event *e;

	if (event_count == event_room) {
		event_room = event_room == 0 ? 1024 : event_room * 2;
		events = realloc(events, event_room * sizeof *events);
		if (events == NULL)
			abort();
	}
	e = &events[event_count++];
	*e = (struct x_event){.thread = (uint8_t)thread, .time = x_time()};
	return e;
}

/* A visit stands in its thread's column, the clock behind all threads. */
static int shown(int thread)
{
	int threads = x_run.own + x_run.spare;

	if (thread < threads)
		return thread;
	return thread < x_run.count ? x_run.hosts[thread] : threads;
}

void x_trace_step(int thread, const struct x_op *op)
{
	struct x_event *e;

	x_run.threads[thread].event = event_count;
	e = add(shown(thread));
	e->op = *op;
	x_object_name(op->object, e->object, sizeof e->object);
}

void x_trace_choice(int thread, const char *what, int taken, int n)
{
	struct x_event *e = add(thread);

	e->is_choice = true;
	e->op = (struct x_op){.name = what, .object = -1, .values = {(uint64_t)taken, (uint64_t)n}};
}

void x_note(int i, uint64_t value)
{
	if (x_show && x_run.running)
		events[x_run.threads[x_run.current].event].op.values[i] = value;
}

void x_say(const char *format, ...)
{
	va_list args;
	char *text;

	if (!x_show || !x_run.running)
		return;
	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0) {
		struct x_event *e = add(x_run.current);

		e->is_said = true;
		e->op = (struct x_op){.name = text, .object = -1};
	}
	va_end(args);
}

size_t x_trace(const struct x_event **out)
{
	*out = events;
	return event_count;
}

void x_record(char c)
{
	if (recorded_length + 1 < sizeof recorded) {
		recorded[recorded_length++] = c;
		recorded[recorded_length] = '\0';
	}
}

const char *x_recorded(void)
{
	return recorded;
}
