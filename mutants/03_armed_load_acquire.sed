# C3 reads armed with acquire: an older value, NOBODY, may be found though the sleeper has looked
# and sleeps.
# promise: 1 any time, any thread
# scenarios: s1
# memory: c11
# file: src/park/parker.h
s|if (os_load_i64(&p->armed, OS_SEQ_CST) > when)|if (os_load_i64(\&p->armed, OS_ACQUIRE) > when)|
