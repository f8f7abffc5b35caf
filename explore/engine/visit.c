/* Visits: what comes upon a thread wherever it stands. Owns their steps; what they are and do is the
 * part's above that says so (x_on_visits). */
#include "engine/internal.h"

#include <stdio.h>

static const struct x_visits *visits;
static struct x_op coming[X_THREADS]; /* a visit's step */

void x_on_visits(const struct x_visits *v)
{
	visits = v;
}

bool x_may_be_visited(int thread)
{
	return x_run.visitors[thread] >= 0;
}

static void describe_arrival(const void *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "thread %d", (int)((const struct x_thread *)key - x_run.threads));
}

x_object x_arrival(int thread)
{
	return x_object_at(&x_run.threads[thread], describe_arrival);
}

static int host_of(const struct x_op *op)
{
	return (int)(intptr_t)op->arg;
}

static bool may_come(const struct x_op *op)
{
	const struct x_thread *t = &x_run.threads[host_of(op)];

	return t->life == X_STARTED && t->op != NULL && visits->may_come(host_of(op));
}

/* One that cannot come waits for what lets it, and depends on nothing else. One whose thread has ended
 * could have come before that. */
static void refine_coming(struct x_op *op)
{
	op->reads = x_only(visits->pending(host_of(op)));
	op->writes = visits->may_come(host_of(op)) ? op->reads | x_only(op->object) : 0;
}

int x_take_visit(int visitor)
{
	int host = x_run.hosts[visitor];

	x_run_take(visitor, &coming[visitor]);
	x_run.threads[visitor].op = &coming[visitor];
	visits->comes(host);
	x_run.threads[host].visited = true;
	return host;
}

void x_visit(void)
{
	visits->visit();
}

void x_visits_begin_run(void)
{
	for (int i = x_run.own + x_run.spare; i < x_run.count; i++) {
		memset(&x_run.threads[i], 0, sizeof x_run.threads[i]);
		coming[i] = (struct x_op){.name = "is visited",
		                          .object = x_arrival(x_run.hosts[i]),
		                          .refine = refine_coming,
		                          .enabled = may_come,
		                          .arg = (void *)(intptr_t)x_run.hosts[i]};
		x_run.threads[i].life = X_STARTED;
		x_run.threads[i].op = &coming[i];
	}
}

void x_run_count_threads(const struct x_scenario *s)
{
	x_run.own = 0;
	while (x_run.own < X_THREADS - 1 && s->threads[x_run.own] != NULL)
		x_run.own++;
	x_run.spare = s->spare;
	x_run.count = x_run.own + x_run.spare;
	for (int i = 0; i < X_THREADS; i++) {
		x_run.visitors[i] = -1;
		if ((s->visited & 1u << i) == 0)
			continue;
		if (i >= x_run.own + x_run.spare || visits == NULL || x_run.count == X_THREADS)
			x_unfit("no such thread, or too many, to be visited");
		x_run.hosts[x_run.count] = i;
		x_run.visitors[i] = x_run.count++;
	}
	if (x_run.count >= X_THREADS)
		x_unfit("more than %d threads, visits and the clock counted", X_THREADS);
}
