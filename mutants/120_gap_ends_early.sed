# An interrupt that finds the thread on the system call instruction is not led to the abort.
# promise: 1, a deadline is obeyed under a call that waits
# test: interrupt/single_step
# argument: flock_bare
# unfit: counts
# file: src/os/linux/signal.c
s/where <= (uintptr_t)lp_call_insn)/where < (uintptr_t)lp_call_insn)/
