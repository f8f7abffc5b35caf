# The eventfd is not read after a wake-up: from then on poll returns at once, and a sleeper goes
# round and round.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/wait/ready_poll.c
# unfit: counts
s|(void)os_read(p->event, &count, sizeof count);|(void)count;|
