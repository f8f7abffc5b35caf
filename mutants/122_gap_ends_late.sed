# A system call that has its result is broken off too, and the result is lost.
# promise: 1, a deadline is obeyed under a call that waits
# test: interrupt/single_step
# argument: flock_bare
# unfit: counts
# file: src/os/linux/signal.c
s/where <= (uintptr_t)lp_call_insn)/where <= (uintptr_t)lp_call_insn + 2)/
