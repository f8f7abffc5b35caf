# C1 of a grant is a release store: the giver reads NOBODY in armed and wakes nobody, the queued
# one looks after S2 and finds no grant.
# promise: 8 fair and serial
# scenarios: queue_turns
# memory: c11
# file: src/fd/turn.c
s|os_store_u32(&w->granted, 1, OS_SEQ_CST); /\* C1 \*/|os_store_u32(\&w->granted, 1, OS_RELEASE); /* C1 */|
