# A turn is given up in one step though others queue: none of them ever gets it.
# promise: 8 fair and serial
# scenarios: queue_turns
# memory: both
# file: src/fd/turn.h
s/while (!os_unlikely((word & LP_OTHERS) != 0))/while (!os_unlikely((word \& LP_INHERITED) != 0))/
