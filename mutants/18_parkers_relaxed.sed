# A chunk of parkers is published relaxed: lapse_dump may read one before it was filled in.
# promise: 9 a good guest
# scenarios: dump
# memory: c11
# file: park/parker.c
s|os_store_ptr(&chunks, more, OS_RELEASE);|os_store_ptr(\&chunks, more, OS_RELAXED);|
