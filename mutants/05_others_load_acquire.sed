# C2 reads the word with acquire, so that OTHERS may be missed: one who waits in the list alone,
# as lapse_wait does, sleeps past a deadline that was set without a pin.
# promise: 1 any time, any thread
# scenarios: wait_set
# memory: c11
# file: src/fd/turn.h
s|OS_SEQ_CST) & LP_OTHERS) != 0)) /\* C2 \*/|OS_ACQUIRE) \& LP_OTHERS) != 0)) /* C2 */|
