# lapse_sysfd believes a stale handle.
# promise: close wakes all, waits for all, closes once
# scenarios: m_sysfd
# memory: both
# file: src/fd/handle.c
s|if ((word & (LP_GENERATION \| LP_CLOSED)) != lp_slot_generation(fd))|if ((word \& LP_CLOSED) != 0)|
