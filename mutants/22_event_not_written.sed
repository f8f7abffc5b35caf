# unpark marks one who sleeps in poll, and does not write to its eventfd.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/park/parker.c
s|(void)os_write(p->event, &one, sizeof one); /\* EAGAIN: it is full of them already \*/|(void)one;|
