# One who leaves the queue with a verdict stays in the list, with a frame that is gone.
# promise: 8 fair and serial
# scenarios: queue_quit
# memory: both
# file: src/fd/op.c
# unfit: counts
s|side->has_turn = r > 0 \|\| lp_turn_quit(side->slot, &side->waiter);|side->has_turn = r > 0;|
