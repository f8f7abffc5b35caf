/* Switching from one stack to another: the registers that a call keeps, and nothing else. About as
 * fast as can be; swapcontext makes a system call each time. x86-64 alone: the explorer is a tool of
 * development, the sources it explores are the same everywhere. */
#ifndef X_SWITCH_H
#define X_SWITCH_H

/* Leave the running stack, whose pointer goes to *from, for the one at `to`. */
void x_switch(void **from, void *to);

__asm__(".text\n"
        ".globl x_switch\n"
        ".hidden x_switch\n"
        ".type x_switch, @function\n"
        "x_switch:\n"
        "	push %rbp\n"
        "	push %rbx\n"
        "	push %r12\n"
        "	push %r13\n"
        "	push %r14\n"
        "	push %r15\n"
        "	mov %rsp, (%rdi)\n"
        "	mov %rsi, %rsp\n"
        "	pop %r15\n"
        "	pop %r14\n"
        "	pop %r13\n"
        "	pop %r12\n"
        "	pop %rbx\n"
        "	pop %rbp\n"
        "	ret\n"
        ".size x_switch, .-x_switch\n");

#endif
