# The small lock is given back without waking who sleeps for it.
# promise: 8 fair and serial
# scenarios: lock_two
# memory: both
# file: src/os/linux/lock.h
s|if (os_swap_u32(&lock->word, 0) == 2)|if (os_swap_u32(\&lock->word, 0) == 3)|
