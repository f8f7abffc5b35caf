# A scope's slot comes back with the same id: one that was left can still be moved.
# promise: 3 no stale verdict
# scenarios: leave_move leave_cancel
# memory: both
# file: src/park/scope.c
s|s->id = (s->id + generation) & (UINT64_MAX >> 1);|s->id = (s->id + generation * 0) \& (UINT64_MAX >> 1);|
