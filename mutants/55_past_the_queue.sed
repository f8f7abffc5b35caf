# A turn is taken in one step though others queue: it passes them, and may take the turn that the
# first of them has just found free.
# promise: 8 fair and serial
# scenarios: m_again
# memory: both
# file: src/fd/turn.h
# mode: random
s|return lp_slot_enter(fd, LP_CLOSED \| LP_INHERITED, LP_LOCK(dir) \| LP_OTHERS,|return lp_slot_enter(fd, LP_CLOSED \| LP_INHERITED, LP_LOCK(dir),|
