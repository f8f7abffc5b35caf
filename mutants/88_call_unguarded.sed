# A call that a signal has to break off is made without the look and the gap: one that came before is
# not seen, and the call waits.
# promise: 1 any time, any thread
# scenarios: s11_deadline
# memory: both
# file: src/wait/interrupt.c
s|os_call_while(&p->state, LP_ASLEEP_CALL, &w->call)|os_call_now(\&w->call)|
