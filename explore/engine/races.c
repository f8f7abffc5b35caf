/* Where another order has to be tried: source sets. Changes nothing but the backtrack sets.
 *
 * P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, "Source sets: a foundation for optimal dynamic
 * partial order reduction", Journal of the ACM 64 (2017). A step that depends on an earlier one of
 * another thread, and does not come after it anyway, could have come before it. Then some thread
 * that can begin what follows without that earlier step has to be tried in its place; which one does
 * not matter, so one is enough, and none if one of them is to be tried already.
 *
 * All earlier dependent steps are looked at, not the nearest alone: a step that waits is enabled by
 * a step that it depends on, and cannot be moved before that one, but before an earlier one. */
#include "engine/search.h"

/* v: the steps after nodes[e] that do not come after it, and then the new one. Who can begin it? A
 * thread whose first step in v comes after no other thread's in v. */
static x_mask initials(size_t e, int thread, const struct x_clock *clock, x_set reads, x_set writes)
{
	const struct x_node *earlier = &x_search.nodes[e];
	uint16_t first[X_THREADS] = {0};
	x_mask in_v = 0;
	x_mask found = 0;
	bool begins = true;

	for (size_t i = e + 1; i < x_search.at; i++) {
		const struct x_node *g = &x_search.nodes[i];
		bool initial = true;

		if (g->is_choice || g->clock.of[earlier->thread] >= earlier->index)
			continue;
		if (x_dependent(g->reads, g->writes, reads, writes))
			begins = false;
		if ((in_v & x_bit(g->thread)) != 0)
			continue;
		for (int t = 0; t < X_THREADS; t++)
			if ((in_v & x_bit(t)) != 0 && g->clock.of[t] >= first[t])
				initial = false;
		in_v |= x_bit(g->thread);
		first[g->thread] = g->index;
		if (initial)
			found |= x_bit(g->thread);
	}
	if ((in_v & x_bit(thread)) != 0)
		return found;
	for (int t = 0; t < X_THREADS; t++)
		if ((in_v & x_bit(t)) != 0 && clock->of[t] >= first[t])
			begins = false;
	return begins ? found | x_bit(thread) : found;
}

static void reverse(size_t e, int thread, const struct x_clock *clock, x_set reads, x_set writes)
{
	struct x_node *n = &x_search.nodes[e];
	x_mask begin = initials(e, thread, clock, reads, writes);
	x_mask can = begin & n->enabled;

	if ((begin & n->backtrack) != 0)
		return;
	if ((can & x_bit(thread)) != 0)
		n->backtrack |= x_bit(thread);
	else if (can != 0)
		n->backtrack |= can & (x_mask)-can;
	else
		n->backtrack |= n->enabled;
}

void x_races(int thread, const struct x_clock *clock, x_set reads, x_set writes)
{
	for (size_t i = x_search.at; i-- > 0;) {
		const struct x_node *e = &x_search.nodes[i];

		if (e->is_choice || e->thread == thread || clock->of[e->thread] >= e->index ||
		    !x_dependent(e->reads, e->writes, reads, writes))
			continue;
		reverse(i, thread, clock, reads, writes);
	}
}
