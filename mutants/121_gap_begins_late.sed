# An interrupt between the look and the branch meets nothing: it has to be sent again.
# promise: 1, a deadline is obeyed under a call that waits
# test: interrupt/single_step
# argument: flock_bare
# unfit: counts
# file: src/os/linux/signal.c
s/where >= (uintptr_t)lp_call_look/where >= (uintptr_t)lp_call_insn/
