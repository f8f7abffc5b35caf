# A signal that has not come by the end of a call is left to come in the caller's own.
# promise: no stray interrupt
# scenarios: s11_deadline
# memory: both
# file: src/wait/interrupt.c
s|bool met_nothing = sent && os_interrupt_drain();|bool met_nothing = sent;|
