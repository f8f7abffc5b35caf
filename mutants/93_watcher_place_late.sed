# The watcher says that it is there before it can be found.
# promise: 1 any time, any thread
# scenarios: s11_deadline
# memory: both
# unfit: counts
# file: src/wait/watcher.c
/os_store_ptr(&lp_watcher, p, OS_SEQ_CST);/d
s|answer(ALIVE);|answer(ALIVE); os_store_ptr(\&lp_watcher, p, OS_SEQ_CST);|
