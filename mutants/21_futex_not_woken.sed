# unpark marks one who sleeps in a futex, and does not wake it.
# promise: 8 fair and serial
# scenarios: queue_turns
# memory: both
# file: src/park/parker.c
s|os_futex_wake(&p->state);|(void)p;|
