# The handler finds the thread in the gap and leaves it there.
# promise: 1, a deadline is obeyed under a call that waits
# test: interrupt/single_step
# argument: flock_bare
# unfit: counts
# file: src/os/linux/signal.c
s/^\t\tlp_move(at, .*$/\t\t;/
