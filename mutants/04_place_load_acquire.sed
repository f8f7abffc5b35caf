# C2 reads the place with acquire: nobody may be found there though the sleeper has stored itself,
# looked and sleeps.
# promise: 1 any time, any thread
# scenarios: s1
# memory: c11
# file: src/fd/turn.h
s|p = os_load_ptr(&slot->place\[i\], OS_SEQ_CST); /\* C2 \*/|p = os_load_ptr(\&slot->place[i], OS_ACQUIRE); /* C2 */|
