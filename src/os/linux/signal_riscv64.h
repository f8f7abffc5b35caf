/* riscv64: the look and the call that an interrupt finds no gap between, and where a thread stands.
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
        "	mv t0, a0\n"
        "	sext.w t1, a1\n"
        "	mv t2, a2\n"
        "	ld a7, 0(t2)\n"
        "	ld a0, 8(t2)\n"
        "	ld a1, 16(t2)\n"
        "	ld a2, 24(t2)\n"
        "	ld a3, 32(t2)\n"
        "	ld a4, 40(t2)\n"
        "	ld a5, 48(t2)\n"
        "lp_call_look:\n"
        "	lw t3, 0(t0)\n"
        "	bne t3, t1, lp_call_abort\n"
        "lp_call_insn:\n"
        "	ecall\n"
        "	ret\n"
        "lp_call_abort:\n"
        "	li a0, -4\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size lp_call_while, .-lp_call_while\n");

struct lp_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	uint64_t mask;
	uint64_t spare; /* qemu-user 7.2 writes so much */
};

/* The kernel has a place of its own for handlers to return to. */
OS_INLINE void lp_sigaction_returns(struct lp_sigaction *action)
{
	(void)action;
}

enum { LP_A0 = 10, LP_A7 = 17 };

OS_INLINE uintptr_t lp_where(const ucontext_t *at)
{
	return (uintptr_t)at->uc_mcontext.__gregs[REG_PC];
}

OS_INLINE void lp_move(ucontext_t *at, uintptr_t where)
{
	at->uc_mcontext.__gregs[REG_PC] = where;
}

/* The number of the system call that the thread is about to make, or -1. Instructions may begin at
 * any even address. */
OS_INLINE long lp_about_to_call(const ucontext_t *at)
{
	const uint16_t *insn = (const uint16_t *)lp_where(at);

	return insn[0] == 0x0073 && insn[1] == 0 ? (long)at->uc_mcontext.__gregs[LP_A7] : -1;
}

OS_INLINE long lp_call_argument(const ucontext_t *at, int i)
{
	return (long)at->uc_mcontext.__gregs[LP_A0 + i];
}

/* Past the system call, as if it had said that. */
OS_INLINE void lp_answer(ucontext_t *at, long result)
{
	at->uc_mcontext.__gregs[LP_A0] = (unsigned long)result;
	at->uc_mcontext.__gregs[REG_PC] += 4;
}

#endif
