/* Futexes: sleeping while a word has a value. Owns who sleeps on which address.
 *
 * Comparing and falling asleep is one step, waking up another. The kernel compares under the same
 * lock under which a waker looks for sleepers, so the comparison sees what was stored before a wake
 * that came too early: it looks at the newest value, whatever the thread could still see itself. */
#include "engine/memory.h"
#include "kernel/internal.h"

#include <stdio.h>

struct sleep {
	const uint32_t *word;
	uint32_t value;
	lapse_time until;
	struct k_thread *me;
	enum { SLEEPS, SPURIOUS, INTERRUPTED } way;
	bool was_woken; /* as a signal came */
};

/* The word's own object: it exists, since it was an atomic's before. */
static x_object word_object(const void *word)
{
	return x_object_at(word, NULL);
}

static void refine_compare(struct x_op *op)
{
	const struct sleep *s = op->arg;

	op->reads = x_only(word_object(s->word));
	op->writes = k_on_futex(s->word);
}

static void refine_waking(struct x_op *op)
{
	const struct sleep *s = op->arg;

	op->reads = k_on_futex(s->word);
	op->writes = s->me->woken ? 0 : op->reads;
	if (s->until != LAPSE_NEVER && s->way == SLEEPS)
		op->reads |= x_only(x_clock());
}

static bool may_wake(const struct x_op *op)
{
	const struct sleep *s = op->arg;

	return s->me->woken || s->way != SLEEPS ||
	       (s->until != LAPSE_NEVER && x_time() >= s->until);
}

static void describe_compare(const struct x_op *op, char *buf, size_t size)
{
	(void)snprintf(buf, size,
	               op->values[0] == op->values[1] ? "falls asleep on %llu" : "finds %llu",
	               (unsigned long long)op->values[0]);
}

static void describe_waking(const struct x_op *op, char *buf, size_t size)
{
	k_describe_result((long)op->values[1], buf, size);
}

/* A signal comes: it sleeps there no more. Unless it was woken just before, which then counts. */
static void refine_leaving(struct x_op *op)
{
	const struct sleep *s = op->arg;

	op->reads = k_on_futex(s->word);
	op->writes = s->me->woken ? 0 : op->reads;
}

static void leave(void *arg)
{
	struct sleep *s = arg;
	struct x_op op = {.name = "futex wakes up",
	                  .object = word_object(s->word),
	                  .refine = refine_leaving,
	                  .arg = s};

	(void)x_step(&op);
	s->was_woken = s->me->woken;
	s->me->futex = NULL;
	s->me->woken = false;
}

static int wake_up(struct sleep *s)
{
	static const int results[] = {-ETIMEDOUT, 0, -EINTR};
	struct x_op op = {.name = "futex wakes up",
	                  .object = word_object(s->word),
	                  .refine = refine_waking,
	                  .enabled = may_wake,
	                  .describe = describe_waking,
	                  .arg = s};
	int r;

	s->way = x_fault(3, "futex: sleeps, wakes for nothing, EINTR");
	if (k_wait(&op, leave, s) != 0)
		return (int)k_returns(s->was_woken ? 0 : -EINTR);
	r = s->me->woken ? 0 : results[s->way];
	if (!s->me->woken && s->way == SLEEPS && s->until == LAPSE_NEVER)
		x_unfit("futex would wait for ever in setup");
	s->me->futex = NULL;
	s->me->woken = false;
	return (int)k_returns(r);
}

int k_futex_wait(void *word, uint32_t value, lapse_time until)
{
	struct sleep s = {.word = word, .value = value, .until = until, .me = k_me()};
	struct x_op op = {.name = "futex wait",
	                  .object = word_object(word),
	                  .refine = refine_compare,
	                  .describe = describe_compare,
	                  .values = {0, value},
	                  .arg = &s};

	x_step(&op);
	x_see_newest(word, sizeof *s.word);
	x_note(0, *s.word);
	if (*s.word != value)
		return -EAGAIN;
	s.me->futex = word;
	s.me->arrival = k_state.arrivals++;
	return wake_up(&s);
}

/* ---- Waking ---- */

static struct k_thread *first_sleeper(const void *word)
{
	struct k_thread *first = NULL;

	for (int i = 0; i < X_THREADS; i++) {
		struct k_thread *t = &k_state.threads[i];

		if (t->futex == word && !t->woken && (first == NULL || t->arrival < first->arrival))
			first = t;
	}
	return first;
}

static void refine_wake(struct x_op *op)
{
	op->reads = k_on_futex(op->arg);
	op->writes = first_sleeper(op->arg) != NULL ? op->reads : 0;
}

static void describe_wake(const struct x_op *op, char *buf, size_t size)
{
	if (op->values[0] == 0)
		(void)snprintf(buf, size, "nobody sleeps");
	else
		(void)snprintf(buf, size, "thread %d", (int)op->values[0] - 1);
}

void k_futex_wake(void *word)
{
	struct x_op op = {.name = "futex wake",
	                  .object = word_object(word),
	                  .refine = refine_wake,
	                  .describe = describe_wake,
	                  .arg = word};
	struct k_thread *sleeper;

	x_step(&op);
	sleeper = first_sleeper(word);
	if (sleeper == NULL)
		return;
	sleeper->woken = true;
	x_note(0, (uint64_t)(sleeper - k_state.threads) + 1);
}
