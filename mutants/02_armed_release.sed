# S2, the store of armed, is a release store. The changer's C3 may read the NOBODY from before it
# and wake nobody, while the look of S3 misses the change.
# promise: 1 any time, any thread
# scenarios: s1
# memory: c11
# file: src/park/parker.h
s|os_store_i64(&p->armed, armed, OS_SEQ_CST); /\* S2 \*/|os_store_i64(\&p->armed, armed, OS_RELEASE); /* S2 */|
