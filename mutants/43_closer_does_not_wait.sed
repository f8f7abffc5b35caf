# The closer does not wait for those inside: the number is closed under a system call, and the
# slot is used again under its users.
# promise: close wakes all, waits for all, closes once
# scenarios: s5_one
# memory: both
# file: src/fd/close.c
# unfit: counts
s|(void)lp_sleep(p, LAPSE_NEVER, look_alone, slot, lp_park_futex, NULL);|(void)look_alone;|
