/* A given run: the string of one character for each step and each choice, as it was recorded or as
 * somebody would like it. Owns the place in the string. */
#include "engine/search.h"

static const char *rest;
static bool used[X_NODES]; /* following: characters that were taken out of turn */
static size_t length;

static bool follows(void)
{
	return x_run.options->follow;
}

void x_replay_begin_run(void)
{
	rest = x_run.options->replay;
	if (rest != NULL && follows()) {
		length = strlen(rest);
		memset(used, 0, length < X_NODES ? length : X_NODES);
	}
}

/* The first in the rest of the list that can go on, and it is not in the list any more. */
static int follow(x_mask enabled)
{
	for (size_t i = 0; i < length && i < X_NODES; i++) {
		int thread = rest[i] - '0';

		if (used[i] || thread < 0 || thread >= X_THREADS || (enabled & x_bit(thread)) == 0)
			continue;
		used[i] = true;
		return thread;
	}
	if (x_run.current >= 0 && (enabled & x_bit(x_run.current)) != 0)
		return x_run.current;
	return __builtin_ctz(enabled);
}

int x_replay_next(x_mask enabled)
{
	int thread;

	if (follows())
		return follow(enabled);
	thread = *rest - '0';
	if (*rest == '\0')
		x_unfit("the given run goes on after its last step");
	if (thread < 0 || thread >= X_THREADS || (enabled & x_bit(thread)) == 0)
		x_unfit("the given run does not fit: '%c' cannot go on at step %u", *rest,
		        x_run.steps);
	rest++;
	return thread;
}

/* Following, the choices that were made are kept in their order. */
int x_replay_choice(int n)
{
	int taken = 0;

	if (follows()) {
		for (size_t i = 0; i < length && i < X_NODES; i++)
			if (!used[i] && rest[i] >= 'a') {
				used[i] = true;
				taken = rest[i] - 'a';
				break;
			}
		return taken < n ? taken : 0;
	}
	taken = *rest - 'a';
	if (taken < 0 || taken >= n)
		x_unfit("the given run does not fit: '%c' is none of %d ways", *rest, n);
	rest++;
	return taken;
}
