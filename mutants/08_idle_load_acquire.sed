# S3 reads the idle limit with acquire: one that was just set is missed, and its setter found
# nobody in the place.
# promise: 1 any time, any thread
# scenarios: idle_set
# memory: c11
# file: src/fd/op.c
s|int64_t ns = os_load_i64(limit, OS_SEQ_CST);|int64_t ns = os_load_i64(limit, OS_ACQUIRE);|
