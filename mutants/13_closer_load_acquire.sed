# C2 of the last user that leaves reads the closer's place with acquire and may find it empty.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: c11
# file: src/fd/slot.c
s|struct lp_parker \*p = os_load_ptr(&slot->closer, OS_SEQ_CST); /\* C2 \*/|struct lp_parker *p = os_load_ptr(\&slot->closer, OS_ACQUIRE); /* C2 */|
