# Closing wakes only those who read.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_writer
# memory: both
# file: src/fd/close.c
s|lp_slot_nudge(slot, LAPSE_READ \| LAPSE_WRITE, LP_NOBODY);|lp_slot_nudge(slot, LAPSE_READ, LP_NOBODY);|
