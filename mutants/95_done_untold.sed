# A job is done, and its caller not told.
# promise: 1 any time, any thread
# scenarios: letgo_idle
# memory: both
# file: src/wait/pool.c
/^static void finish/,/^}/s|lp_nudge(caller, LP_NOBODY);|(void)caller;|
