# One who leaves the queue with a verdict stays in the list, with a frame that is gone.
# promise: 8 fair and serial
# scenarios: s7
# memory: sc
# file: fd/op.c
s|side->has_turn = r > 0 \|\| lp_turn_quit(side->slot, &side->waiter);|side->has_turn = r > 0;|
