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

/* One byte of the first two for each thread: which of the eight bytes it touched. */
struct cell {
	uint64_t written_bytes, read_bytes;
	int16_t written[X_THREADS], read[X_THREADS]; /* its own count then */
	uint32_t run;
};
_Static_assert(X_THREADS == 8, "a byte for each thread in 64 bits");

enum { REGIONS = 24 };
static struct {
	uintptr_t start;
	size_t size;
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
	regions[region_count].size = size;
	regions[region_count].cells = cells;
	region_count++;
}

void x_plain_begin_run(void)
{
	run++;
}

/* Most often in the same region as the time before. */
static struct cell *cell_at(uintptr_t a)
{
	static int last;

	for (int n = 0, i = last; n <= region_count; i = n++)
		if (a - regions[i].start < regions[i].size) {
			struct cell *c = &regions[i].cells[(a - regions[i].start) / 8];

			last = i;
			if (c->run != run) {
				c->written_bytes = c->read_bytes = 0;
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

static void check_each(uint64_t touched, const int16_t *when, uintptr_t a, int self, bool writes,
                       bool other_wrote)
{
	const struct x_clock *before = x_memory_seen(self);

	for (; touched != 0; touched &= touched - 1) {
		int t = __builtin_ctzll(touched) / 8;

		if (when[t] > before->of[t])
			race(a, self, t, writes, other_wrote);
	}
}

/* Seldom has anybody else touched the same bytes: one look at all threads at once tells. */
static inline void check(const struct cell *c, uintptr_t a, uint64_t bytes, int self, bool writes)
{
	uint64_t others = bytes * UINT64_C(0x0101010101010101) & ~(UINT64_C(0xff) << 8 * self);

	if ((c->written_bytes & others) != 0)
		check_each(c->written_bytes & others, c->written, a, self, writes, true);
	if (writes && (c->read_bytes & others) != 0)
		check_each(c->read_bytes & others, c->read, a, self, writes, false);
}

static inline uint64_t bytes_of(uintptr_t a, unsigned size)
{
	return (((1u << size) - 1) << a % 8) & 0xff;
}

static void access_within(uintptr_t a, unsigned size, bool writes)
{
	uint64_t bytes = bytes_of(a, size);
	int self = x_run.current;
	struct cell *c = cell_at(a);
	uint64_t mine = UINT64_C(0xff) << 8 * self;

	if (c == NULL)
		return;
	check(c, a, bytes, self, writes);
	if (writes) {
		c->written_bytes = (c->written_bytes & ~mine) | bytes << 8 * self;
		c->written[self] = x_memory_seen(self)->of[self];
	} else {
		c->read_bytes = (c->read_bytes & ~mine) | bytes << 8 * self;
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
			check(c, a, bytes_of(a, size < 8 ? (unsigned)size : 8), x_run.current,
			      writes);
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
