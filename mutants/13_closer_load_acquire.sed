# C2 of the last user that leaves reads the closer's place with acquire and may find it empty.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: c11
# file: src/fd/slot.c
s|p = os_load_ptr(&slot->closer, OS_SEQ_CST); /\* C2 \*/|p = os_load_ptr(\&slot->closer, OS_ACQUIRE); /* C2 */|
