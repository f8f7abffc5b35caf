# Moving a scope's deadline wakes nobody.
# promise: 1 any time, any thread
# scenarios: s8_move sleep_move
# memory: both
# file: src/park/scope.c
s|lp_nudge(os_load_ptr(&s->place, OS_SEQ_CST), deadline); /\* C2, C3 \*/|(void)s;|
