# The next in the queue is given the turn, and not woken.
# promise: 8 fair and serial
# scenarios: queue_turns
# memory: both
# file: src/fd/turn.c
s|lp_nudge(next, LP_NOBODY); /\* C3; the place is the waiter itself \*/|(void)next;|
