# A turn is given up in one step on a closed handle too, without telling the closer.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: both
# file: src/fd/turn.h
s|if (os_unlikely((word & LP_CLOSED) != 0))|if (os_unlikely((word \& LP_INHERITED) != 0))|
