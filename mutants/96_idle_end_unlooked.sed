# A thread of the pool ends for want of work although it has just been handed some.
# promise: let go: what begins ends
# scenarios: letgo_idle
# memory: both
# unfit: counts
# file: src/wait/pool.c
/^static struct lp_job \*await_job/,/^}/s|if (os_load_ptr(&w->handed, OS_SEQ_CST) == NULL) {|if (w != NULL) {|
