# Cancelling a scope tells its owner of a deadline at the end of time, for which nobody is woken.
# promise: 1 any time, any thread
# scenarios: s8_cancel sleep_cancel
# memory: both
# file: src/park/scope.c
s|lp_nudge(os_load_ptr(&s->place, OS_SEQ_CST), LP_NOBODY); /\* C2, C3 \*/|lp_nudge(os_load_ptr(\&s->place, OS_SEQ_CST), LAPSE_NEVER); /* C2, C3 */|
