# In a forked child the parent's handles stay open to every call.
# promise: 9 a good guest
# test: promise/9_fork
# file: src/fd/slot.c
# unfit: counts
s|(void)os_swap_u64(&slot->word, (word & (LP_GENERATION \| LP_CLOSED)) \| LP_INHERITED);|(void)os_swap_u64(\&slot->word, word \& (LP_GENERATION \| LP_CLOSED));|
