/* aarch64: the look and the call that an interrupt finds no gap between, and where a thread stands.
 * Included by signal.c alone. */
#ifndef LP_SIGNAL_ARCH_H
#define LP_SIGNAL_ARCH_H

/* long lp_call_while(const uint32_t *word, uint32_t expected, const struct os_call *call)
 *
 * From lp_call_look up to and including the system call instruction nothing is kept anywhere but in
 * registers, so that a thread found there can be sent to lp_call_abort. A call that was cut short,
 * and would begin again, stands on the instruction too. */
__asm__(".text\n"
        ".globl lp_call_while, lp_call_look, lp_call_insn, lp_call_abort\n"
        ".hidden lp_call_while, lp_call_look, lp_call_insn, lp_call_abort\n"
        ".type lp_call_while, %function\n"
        ".balign 32\n"
        "lp_call_while:\n"
        "	.cfi_startproc\n"
        "	hint #34\n" /* bti c */
        "	mov x9, x0\n"
        "	mov w10, w1\n"
        "	mov x11, x2\n"
        "	ldr x8, [x11]\n"
        "	ldp x0, x1, [x11, #8]\n"
        "	ldp x2, x3, [x11, #24]\n"
        "	ldp x4, x5, [x11, #40]\n"
        "lp_call_look:\n"
        "	ldr w12, [x9]\n"
        "	cmp w12, w10\n"
        "	b.ne lp_call_abort\n"
        "lp_call_insn:\n"
        "	svc #0\n"
        "	ret\n"
        "lp_call_abort:\n"
        "	mov x0, #-4\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size lp_call_while, .-lp_call_while\n");

struct lp_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

/* The kernel has a place of its own for handlers to return to. */
OS_INLINE void lp_sigaction_returns(struct lp_sigaction *action)
{
	(void)action;
}

OS_INLINE uintptr_t lp_where(const ucontext_t *at)
{
	return (uintptr_t)at->uc_mcontext.pc;
}

OS_INLINE void lp_move(ucontext_t *at, uintptr_t where)
{
	at->uc_mcontext.pc = where;
}

/* The number of the system call that the thread is about to make, or -1. */
OS_INLINE long lp_about_to_call(const ucontext_t *at)
{
	const uint32_t *insn = (const uint32_t *)lp_where(at);

	return *insn == 0xd4000001 ? (long)at->uc_mcontext.regs[8] : -1;
}

OS_INLINE long lp_call_argument(const ucontext_t *at, int i)
{
	return (long)at->uc_mcontext.regs[i];
}

/* Past the system call, as if it had said that. */
OS_INLINE void lp_answer(ucontext_t *at, long result)
{
	at->uc_mcontext.regs[0] = (uint64_t)result;
	at->uc_mcontext.pc += 4;
}

#endif
