# A sleeper falls asleep by a swap instead of a compare-and-swap: a notification that came just
# before is overwritten.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/park/parker.c
s|if (os_cas_u32(&p->state, &seen, way))|if (os_swap_u32(\&p->state, way) <= LP_ASLEEP_POLL)|
