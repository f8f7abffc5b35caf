# S1, the sleeper's place, is a release store. A setter that stores its deadline and then reads
# the place may still find nobody there, while the sleeper's look that follows finds the old
# deadline.
# promise: 1 any time, any thread
# scenarios: s1
# memory: c11
# file: src/fd/op.c
s|os_store_ptr(&side->slot->place\[lp_index(side->dirs)\], p, OS_SEQ_CST);|os_store_ptr(\&side->slot->place[lp_index(side->dirs)], p, OS_RELEASE);|
