# An idle thread is called and not told.
# promise: 1 any time, any thread
# scenarios: letgo_idle
# memory: both
# file: src/wait/pool.c
/^void lp_job_start/,/^}/s|lp_nudge(p, LP_NOBODY);|(void)p;|
