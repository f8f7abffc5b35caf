/* An engine of one thread, for testing the explorer's kernel by itself: every step is taken at once,
 * nothing goes wrong, no time passes. Owns nothing but the memory that the kernel keeps. */
#include "kernel_alone.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernel/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state is the first piece; the arena behind it stays as it is. */
static void *state;
static size_t state_size;

void kernel_begin(void)
{
	if (state != NULL)
		memset(state, 0, state_size);
	k_start();
}

void x_keep(void *start, size_t size)
{
	if (state == NULL) {
		state = start;
		state_size = size;
	}
}

x_object x_object_at(const void *key, x_describe_fn *describe)
{
	(void)key;
	(void)describe;
	return 0;
}

bool x_step(struct x_op *op)
{
	if (op->refine != NULL)
		op->refine(op);
	return true;
}

void x_note(int i, uint64_t value)
{
	(void)i;
	(void)value;
}

int x_fault(int n, const char *what)
{
	(void)n;
	(void)what;
	return 0;
}

int x_self(void)
{
	return 0;
}

bool x_running(void)
{
	return false;
}

uint32_t x_steps_before(int thread)
{
	(void)thread;
	return 0;
}

uint32_t x_now_step(void)
{
	return 0;
}

int64_t x_time(void)
{
	return 1;
}

x_object x_clock(void)
{
	return 0;
}

bool x_waits(int thread, const struct x_op **op)
{
	(void)thread;
	(void)op;
	return false;
}

void x_alone(void)
{
}

int x_start(void (*fn)(void *), void *arg)
{
	(void)fn;
	(void)arg;
	return -1;
}

void x_end_thread(void)
{
	abort();
}

void x_on_visits(const struct x_visits *visits)
{
	(void)visits;
}

bool x_may_be_visited(int thread)
{
	(void)thread;
	return false;
}

void x_give_view(int to)
{
	(void)to;
}

void x_take_view(int thread)
{
	(void)thread;
}

uint64_t x_load(const void *a, int size, int order)
{
	uint64_t v = 0;

	(void)order;
	memcpy(&v, a, (size_t)size);
	return v;
}

void x_store(void *a, int size, uint64_t v, int order)
{
	(void)order;
	memcpy(a, &v, (size_t)size);
}

void x_see_newest(const void *a, int size)
{
	(void)a;
	(void)size;
}

static _Noreturn void fail(const char *what, const char *format, va_list args)
{
	(void)printf("Bail out! %s: ", what);
	(void)vprintf(format, args);
	(void)printf("\n");
	exit(1);
}

void x_broken(const char *promise, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(promise, format, args);
}

void x_unfit(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail("unfit", format, args);
}

/* The compiler's calls for plain accesses. */
void __tsan_read_range(void *p, long n);
void __tsan_write_range(void *p, long n);

void __tsan_read_range(void *p, long n)
{
	(void)p;
	(void)n;
}

void __tsan_write_range(void *p, long n)
{
	(void)p;
	(void)n;
}
