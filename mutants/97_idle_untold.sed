# An idle thread is handed a job and not told.
# promise: 1 any time, any thread
# scenarios: letgo_idle
# memory: both
# file: src/wait/pool.c
s|lp_nudge(p, LP_NOBODY);                    /\* C3; the place is the worker itself \*/|(void)p;|
