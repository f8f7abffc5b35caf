# A call ends although somebody is about to send it a signal, which then comes to the next one, or to
# none.
# promise: no stray interrupt
# scenarios: s11_cancel
# memory: both
# unfit: counts
# file: src/park/parker.c
s|(void)os_futex_wait(&p->state, LP_NOTIFIED, LAPSE_NEVER);|seen = LP_NOTIFIED; continue;|
