/* Memory that os_map hands out. Owns the arena: each piece once in a run, so that what was given back
 * is nobody else's and shows who still looks at it. */
#include "kernel/internal.h"

#include <string.h>

enum { PAGE = 4096, ARENA = 8 << 20, GONE = 0xdb };

static char arena[ARENA] __attribute__((aligned(PAGE)));

void k_memory_start(void)
{
	x_keep(arena, sizeof arena);
}

static size_t in_pages(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* Only threads that both ask can tell that they did: which piece, which number one gets. */
static void step(const char *name, const void *counter)
{
	struct x_op op = {.name = name, .object = -1};

	op.reads = op.writes = x_only(x_object_at(counter, NULL));
	x_step(&op);
}

void *k_map(size_t size)
{
	char *p;

	step("map", &k_state.mapped);
	p = arena + k_state.mapped;
	if (x_fault(2, "map: memory, none") != 0 || size == 0 || size > ARENA)
		return NULL;
	if (in_pages(size) > ARENA - k_state.mapped)
		x_unfit("more than %d bytes mapped in a run", ARENA);
	k_state.mapped += in_pages(size);
	return p;
}

void k_unmap(void *p, size_t size)
{
	k_writes_memory(p, size);
	memset(p, GONE, size);
}

void *k_map_wiped_on_fork(void)
{
	void *p = k_map(PAGE);

	for (int i = 0; i < K_WIPED && p != NULL; i++)
		if (k_state.wiped[i] == NULL) {
			k_state.wiped[i] = p;
			return p;
		}
	if (p != NULL)
		x_unfit("more than %d pages that a child finds wiped", K_WIPED);
	return NULL;
}

/* The same numbers in each run. */
uint64_t k_random(void)
{
	uint64_t x;

	step("random", &k_state.randoms);
	x = ++k_state.randoms * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}
