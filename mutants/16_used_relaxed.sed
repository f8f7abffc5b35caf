# The count of slots is published relaxed: lapse_dump may count a slot whose slab it does not
# find.
# promise: 9 a good guest
# scenarios: m_dump_handle
# memory: both
# file: src/fd/slot.c
s|os_store_u32(&used, i + 1, OS_RELEASE);|os_store_u32(\&used, i + 1, OS_RELAXED);|
