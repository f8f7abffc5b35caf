# S3 reads CLOSED with acquire: a closer that found no parker in the place is missed by the look
# that follows S1 and S2. No deadline may be in force, else the loads of it bring the news.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: c11
# file: src/fd/op.c
s|return (os_load_u64(&side->slot->word, OS_SEQ_CST) & LP_CLOSED) != 0;|return (os_load_u64(\&side->slot->word, OS_ACQUIRE) \& LP_CLOSED) != 0;|
