# The closer takes one user beside itself for nobody.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: both
# file: src/fd/close.c
# unfit: counts
s|return (os_load_u64(&slot->word, OS_SEQ_CST) & LP_USERS) == 1;|return (os_load_u64(\&slot->word, OS_SEQ_CST) \& LP_USERS) <= 2;|
