# Who sleeps with the write turn stores itself in the read place, where setters of the write
# deadline do not look.
# promise: 1 any time, any thread
# scenarios: s3
# memory: sc
# file: fd/op.c
s|os_store_ptr(&side->slot->place\[lp_index(side->dirs)\], p, OS_SEQ_CST);|os_store_ptr(\&side->slot->place[0], p, OS_SEQ_CST);|
