# The closer's S1 is a release store: the last user leaves, finds no closer and tells nobody,
# while the closer still counts it.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: c11
# file: src/fd/close.c
s|os_store_ptr(&slot->closer, p, OS_SEQ_CST); /\* S1 \*/|os_store_ptr(\&slot->closer, p, OS_RELEASE); /* S1 */|
