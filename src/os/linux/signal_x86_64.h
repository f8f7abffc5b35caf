/* x86-64: the look and the call that an interrupt finds no gap between, and where a thread stands.
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
        ".type lp_call_while, @function\n"
        ".balign 32\n"
        "lp_call_while:\n"
        "	.cfi_startproc\n"
        "	endbr64\n"
        "	mov %rdi, %r11\n"
        "	mov %esi, %ecx\n"
        "	mov 0(%rdx), %rax\n"
        "	mov 8(%rdx), %rdi\n"
        "	mov 16(%rdx), %rsi\n"
        "	mov 32(%rdx), %r10\n"
        "	mov 40(%rdx), %r8\n"
        "	mov 48(%rdx), %r9\n"
        "	mov 24(%rdx), %rdx\n"
        "lp_call_look:\n"
        "	cmp %ecx, (%r11)\n"
        "	jne lp_call_abort\n"
        "lp_call_insn:\n"
        "	syscall\n"
        "	ret\n"
        "lp_call_abort:\n"
        "	mov $-4, %rax\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size lp_call_while, .-lp_call_while\n");

/* rt_sigaction wants to be told how a handler returns. */
__asm__(".text\n"
        ".globl lp_signal_return\n"
        ".hidden lp_signal_return\n"
        ".type lp_signal_return, @function\n"
        "	nop\n" /* so that unwinders, which look one byte back, find this place */
        "lp_signal_return:\n"
        "	mov $15, %eax\n"
        "	syscall\n"
        ".size lp_signal_return, .-lp_signal_return\n");
extern const char lp_signal_return[] __attribute__((visibility("hidden")));

struct lp_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	const void *restorer;
	uint64_t mask;
};

OS_INLINE void lp_sigaction_returns(struct lp_sigaction *action)
{
	action->flags |= 0x04000000; /* SA_RESTORER */
	action->restorer = lp_signal_return;
}

OS_INLINE uintptr_t lp_where(const ucontext_t *at)
{
	return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
}

OS_INLINE void lp_move(ucontext_t *at, uintptr_t where)
{
	at->uc_mcontext.gregs[REG_RIP] = (greg_t)where;
}

/* The number of the system call that the thread is about to make, or -1. */
OS_INLINE long lp_about_to_call(const ucontext_t *at)
{
	const unsigned char *insn = (const unsigned char *)lp_where(at);

	return insn[0] == 0x0f && insn[1] == 0x05 ? (long)at->uc_mcontext.gregs[REG_RAX] : -1;
}

OS_INLINE long lp_call_argument(const ucontext_t *at, int i)
{
	static const int registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};

	return (long)at->uc_mcontext.gregs[registers[i]];
}

/* Past the system call, as if it had said that. */
OS_INLINE void lp_answer(ucontext_t *at, long result)
{
	at->uc_mcontext.gregs[REG_RAX] = result;
	at->uc_mcontext.gregs[REG_RIP] += 2;
}

#endif
