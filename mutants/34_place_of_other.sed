# Who sleeps with a turn stores itself in the place of the other direction, where those who change
# causes of this one do not look.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/fd/op.c
s|os_store_ptr(&side->slot->place\[lp_index(side->dirs)\], p, OS_SEQ_CST);|os_store_ptr(\&side->slot->place[!lp_index(side->dirs)], p, OS_SEQ_CST);|
