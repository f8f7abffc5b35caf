# S3 of the closer reads the count of users with acquire: it counts one that has left and found no
# closer to wake.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: c11
# file: src/fd/close.c
s|return (os_load_u64(&slot->word, OS_SEQ_CST) & LP_USERS) == 1;|return (os_load_u64(\&slot->word, OS_ACQUIRE) \& LP_USERS) == 1;|
