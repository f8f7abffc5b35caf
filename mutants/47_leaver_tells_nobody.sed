# The last user that leaves a closed handle does not wake the closer.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: both
# file: src/fd/slot.c
s|if ((word & LP_CLOSED) != 0 && (word & LP_USERS) == 1) {|if ((word \& LP_CLOSED) != 0 \&\& (word \& LP_USERS) == 0) {|
