/* A breakpoint on aarch64, for breakpoints.c. */
#ifndef BREAKPOINT_H
#define BREAKPOINT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

typedef uint32_t breakpoint_unit;

#define BREAKPOINT UINT32_C(0xd4200000) /* brk #0 */

/* How many units the instruction has that begins so. */
static inline size_t breakpoint_length(breakpoint_unit unit)
{
	(void)unit;
	return 1;
}

static inline uintptr_t breakpoint_where(const void *context)
{
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
}

/* As the kernel has it. */
struct breakpoint_action {
	void (*handler)(int signo, siginfo_t *info, void *context);
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static inline void breakpoint_hold(struct breakpoint_action *action, uint64_t mask)
{
	action->mask = mask;
}

#endif
