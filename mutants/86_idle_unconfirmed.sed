# An idle limit is not read again before the verdict: one that was lifted in between ends the call.
# promise: 2 never early
# scenarios: idle_lifted
# memory: both
# file: src/fd/op.c
s|if (os_load_i64(limit, OS_SEQ_CST) == ns)|if (true)|
