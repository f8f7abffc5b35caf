/* A breakpoint on riscv64, for breakpoints.c: the short form, since instructions have two bytes or
 * four. */
#ifndef BREAKPOINT_H
#define BREAKPOINT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

typedef uint16_t breakpoint_unit;

#define BREAKPOINT UINT16_C(0x9002) /* c.ebreak */

/* How many units the instruction has that begins so. */
static inline size_t breakpoint_length(breakpoint_unit unit)
{
	return (unit & 3) == 3 ? 2 : 1;
}

static inline uintptr_t breakpoint_where(const void *context)
{
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.__gregs[REG_PC];
}

/* As the kernel has it, which knows no restorer; but qemu-user 7.2 believes that there is one, and finds
 * the mask after it. */
struct breakpoint_action {
	void (*handler)(int signo, siginfo_t *info, void *context);
	unsigned long flags;
	uint64_t mask;
	uint64_t again;
};

static inline void breakpoint_hold(struct breakpoint_action *action, uint64_t mask)
{
	action->mask = action->again = mask;
}

#endif
