# Generation and CLOSED are compared, and then a user is added: a stale handle adds itself to a
# slot that was closed, or opened again, in between.
# promise: 3 no stale verdict
# scenarios: s6
# memory: both
# file: src/fd/slot.h
# unfit: counts
s|} while (os_unlikely(!os_cas_u64(&slot->word, &word, word + add)));|} while ((os_add_u64(\&slot->word, add), false));|
