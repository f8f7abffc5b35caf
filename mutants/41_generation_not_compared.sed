# The generation is not compared: a stale handle acts on whatever has its slot now.
# promise: close wakes all, waits for all, closes once
# scenarios: s6
# memory: both
# file: src/fd/slot.h
s|if (os_unlikely((word & (LP_GENERATION \| over)) != lp_slot_generation(fd)))|if (os_unlikely((word \& over) != 0))|
