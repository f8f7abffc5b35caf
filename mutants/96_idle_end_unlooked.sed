# A thread of the pool ends for want of work although it has just been called to some.
# promise: let go: what begins ends
# scenarios: letgo_idle
# memory: both
# unfit: counts
# file: src/wait/pool.c
/^static bool await_call/,/^}/s|if (os_load_u32(&w->call, OS_SEQ_CST) == NONE) {|if (w != NULL) {|
