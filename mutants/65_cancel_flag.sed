# A cancel is a flag that stays set, not an epoch: operations that begin later fail.
# promise: 3 no stale verdict
# scenarios: s7
# memory: both
# file: src/fd/op.c
s|os_load_u32(&side->slot->cancel\[d\], OS_SEQ_CST) != side->cancel_then\[d\])|os_load_u32(\&side->slot->cancel[d], OS_SEQ_CST) != 0)|
