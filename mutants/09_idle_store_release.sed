# C1 of lapse_set_idle is a release store: the setter goes on to read an empty place, the sleeper
# that comes there looks and still finds no limit.
# promise: 1 any time, any thread
# scenarios: idle_set
# memory: c11
# file: src/fd/deadline.c
s|os_store_i64(&slot->idle\[i\], ns, OS_SEQ_CST); /\* C1 \*/|os_store_i64(\&slot->idle[i], ns, OS_RELEASE); /* C1 */|
