# The pointer to the page that fork wipes is published relaxed: a thread may find the page as the
# kernel made it, take itself for a child, and forget what is everybody's.
# promise: 9 a good guest
# scenarios: first
# memory: c11
# file: park/fork.c
s|os_store_ptr(&lp_fork_word, word, OS_RELEASE);|os_store_ptr(\&lp_fork_word, word, OS_RELAXED);|
