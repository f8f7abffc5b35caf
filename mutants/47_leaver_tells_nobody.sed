# The last user that leaves a closed handle does not wake the closer.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: both
# file: src/fd/slot.c
s|if ((word & (LP_CLOSED . LP_USERS)) != (LP_CLOSED . 1))|if ((word \& (LP_CLOSED \| LP_USERS)) != LP_CLOSED)|
