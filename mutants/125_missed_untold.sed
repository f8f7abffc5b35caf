# The handler does not say that there was nothing to break off, and nobody sends again.
# promise: 1 any time, any thread
# scenarios: s11_other
# memory: both
# file: src/wait/interrupt.c
/^static void missed/,/^}/s|call->look == NULL && call->in_gap|false|
