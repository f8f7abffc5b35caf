# lapse_cancel and lapse_set_idle wake nobody.
# promise: cancel fails what is pending, nothing later
# scenarios: s7
# memory: both
# file: src/fd/deadline.c
s|lp_slot_nudge(slot, dirs, LP_NOBODY);||
