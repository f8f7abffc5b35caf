# An idle limit is armed though the deadline comes earlier: the sleeper sleeps over it.
# promise: 1 any time, any thread
# scenarios: idle_set
# memory: both
# file: src/fd/op.c
s|op->earliest = lp_time_min(op->earliest, end);|op->earliest = end;|
