# One who leaves the queue with a verdict just as it is given the turn does not give it on: the
# handle can never be read again.
# promise: 8 fair and serial
# scenarios: queue_quit
# memory: both
# file: src/fd/op.c
s|side->has_turn = r > 0 \|\| lp_turn_quit(side->slot, &side->waiter);|side->has_turn = r > 0 \|\| (lp_turn_quit(side->slot, \&side->waiter) \&\& r == 0);|
