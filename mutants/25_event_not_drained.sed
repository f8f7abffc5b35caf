# The eventfd is not read after a wake-up: from then on poll returns at once, and a sleeper goes
# round and round.
# promise: 1 any time, any thread
# scenarios: s1
# memory: sc
# file: wait/ready_poll.c
s|(void)os_read(p->event, &count, sizeof count);|(void)count;|
