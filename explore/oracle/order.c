/* Which of two calls came first, in some order that the run stands for. Owns the spans; judges
 * nothing.
 *
 * A run stands for every order of its steps that differs only in steps which do not depend on each
 * other, and the search makes no other of them. Where a call begins and returns is no step at all:
 * it could be anywhere between the steps of its thread around it. So the oracle does not ask what
 * came first in this order, which would be chance, but what could have come first, or has to have: a
 * promise that is broken in one of the orders is broken. That costs no steps and no more runs.
 *
 * A call's beginning can be put off until just before its first step, its return be had right after
 * its last one. So one call may have returned before another began unless a step of the other comes
 * before a step of it. */
#include "oracle/internal.h"

void o_span_begin(struct o_span *s)
{
	*s = (struct o_span){.thread = x_self(), .in_run = x_running(), .begin = ++o_all.marks};
	if (s->in_run)
		s->before = x_steps_before(s->thread);
}

void o_span_end(struct o_span *s)
{
	s->end = ++o_all.marks;
	for (int i = 0; s->in_run && i < X_THREADS; i++)
		s->after[i] = x_steps_before(i);
}

/* Setup's calls, and those of one thread, have one order. */
static bool as_logged(const struct o_span *a, const struct o_span *b)
{
	return !a->in_run || !b->in_run || a->thread == b->thread;
}

bool o_may_precede(const struct o_span *a, const struct o_span *b)
{
	if (a->end == 0)
		return false;
	if (b == NULL)
		return true;
	return as_logged(a, b) ? a->end < b->begin : a->after[b->thread] <= b->before;
}

bool o_surely_met(const struct o_span *a, const struct o_span *b)
{
	if (b == NULL || b->end == 0)
		return true;
	return as_logged(a, b) ? a->begin < b->end : b->after[a->thread] > a->before;
}

bool o_may_end_first(const struct o_span *a, const struct o_span *b)
{
	if (a->end == 0)
		return false;
	if (b->end == 0 || a->end < b->end || as_logged(a, b))
		return b->end == 0 || a->end < b->end;
	return a->after[b->thread] < b->after[b->thread];
}
