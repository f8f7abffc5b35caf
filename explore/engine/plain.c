/* Races in plain data: accesses that are not atomic and that nothing orders. Owns a shadow of the
 * kept memory and of the threads' stacks: for each eight bytes and thread, its last write and read.
 *
 * The compiler calls the __tsan_ functions below at each plain access of the sources under
 * exploration (-fsanitize=thread, without its run-time library). Happens-before is memory.c's: what
 * acquire loads took from release stores; the kernel orders nothing. Of several accesses of one
 * thread to the same eight bytes the last of each kind counts: a race may be missed in one run, none
 * is reported that is not there. */
#include "engine/internal.h"

#include <stdlib.h>
#include <sys/mman.h>

struct cell {
	uint32_t run;
	uint8_t written_bytes[X_THREADS], read_bytes[X_THREADS];
	uint16_t written[X_THREADS], read[X_THREADS]; /* its own count then; 0: never */
};

enum { REGIONS = 24 };
static struct {
	uintptr_t start, end;
	struct cell *cells;
} regions[REGIONS];
static int region_count;
static uint32_t run;

void x_plain_watch(const void *start, size_t size)
{
	void *cells = mmap(NULL, size / 8 * sizeof(struct cell), PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (region_count == REGIONS || cells == MAP_FAILED)
		abort();
	regions[region_count].start = (uintptr_t)start;
	regions[region_count].end = (uintptr_t)start + size;
	regions[region_count].cells = cells;
	region_count++;
}

void x_plain_begin_run(void)
{
	run++;
}

static struct cell *cell_at(uintptr_t a)
{
	for (int i = 0; i < region_count; i++)
		if (a >= regions[i].start && a < regions[i].end) {
			struct cell *c = &regions[i].cells[(a - regions[i].start) / 8];

			if (c->run != run) {
				memset(c, 0, sizeof *c);
				c->run = run;
			}
			return c;
		}
	return NULL;
}

__attribute__((noreturn)) static void race(uintptr_t a, int self, int other, bool writes,
                                           bool other_wrote)
{
	x_broken("data race", "%s of %p by thread %d and %s by thread %d, which nothing orders",
	         writes ? "write" : "read", (void *)a, self, other_wrote ? "write" : "read", other);
}

static void check(struct cell *c, uintptr_t a, uint8_t bytes, int self, bool writes)
{
	const struct x_clock *before = x_memory_seen(self);

	for (int t = 0; t < x_run.count; t++) {
		if (t == self)
			continue;
		if ((c->written_bytes[t] & bytes) != 0 && c->written[t] > before->of[t])
			race(a, self, t, writes, true);
		if (writes && (c->read_bytes[t] & bytes) != 0 && c->read[t] > before->of[t])
			race(a, self, t, writes, false);
	}
}

static void access_within(uintptr_t a, unsigned size, bool writes)
{
	uint8_t bytes = (uint8_t)(((1u << size) - 1) << a % 8);
	int self = x_run.current;
	struct cell *c = cell_at(a);

	if (c == NULL)
		return;
	check(c, a, bytes, self, writes);
	if (writes) {
		c->written_bytes[self] = bytes;
		c->written[self] = x_memory_seen(self)->of[self];
	} else {
		c->read_bytes[self] = bytes;
		c->read[self] = x_memory_seen(self)->of[self];
	}
}

static void access(const void *p, size_t size, bool writes)
{
	uintptr_t a = (uintptr_t)p;

	if (!x_run.running || x_run.current < 0)
		return;
	while (size > 0) {
		unsigned here = 8 - a % 8 < size ? (unsigned)(8 - a % 8) : (unsigned)size;

		access_within(a, here, writes);
		a += here;
		size -= here;
	}
}

/* Atomic accesses race with plain ones only. They are not noted: a plain write that follows one
 * without order is found in the runs where it comes first. */
void x_plain_check(const void *p, int size, bool writes)
{
	uintptr_t a = (uintptr_t)p;

	for (; size > 0; size -= 8, a += 8) {
		struct cell *c = cell_at(a);

		if (c != NULL)
			check(c, a, (uint8_t)(((1u << (size < 8 ? size : 8)) - 1) << a % 8),
			      x_run.current, writes);
	}
}

/* ---- What the compiler calls ---- */

#define ACCESS(n)                                \
	void __tsan_read##n(void *a);            \
	void __tsan_write##n(void *a);           \
	void __tsan_unaligned_read##n(void *a);  \
	void __tsan_unaligned_write##n(void *a); \
	void __tsan_read##n(void *a)             \
	{                                        \
		access(a, n, false);             \
	}                                        \
	void __tsan_write##n(void *a)            \
	{                                        \
		access(a, n, true);              \
	}                                        \
	void __tsan_unaligned_read##n(void *a)   \
	{                                        \
		access(a, n, false);             \
	}                                        \
	void __tsan_unaligned_write##n(void *a)  \
	{                                        \
		access(a, n, true);              \
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(void *a, size_t size);
void __tsan_write_range(void *a, size_t size);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *a, size_t size)
{
	access(a, size, false);
}

void __tsan_write_range(void *a, size_t size)
{
	access(a, size, true);
}
