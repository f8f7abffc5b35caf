# One signal has to do for a foreign function, too.
# promise: 1 any time, any thread
# scenarios: s11_call_cancel
# memory: both
# file: src/wait/interrupt.c
s|os_store_u32(&p->insist, 1, OS_RELAXED);|;|
