# lapse_shutdown wakes those who wait, and leaves no event for them: they sleep on.
# promise: 1 any time, any thread
# test: conformance/net_close
# file: src/fd/connect.c
# unfit: counts
s|(void)os_add_u32(&slot->learnt, LP_EVENT); /\* C1 \*/|(void)slot;|
