# A read-modify-write does not take over what the store that it reads had seen.
# promise: what is called complete is complete
# test: explore/litmus explore/random_programs
# file: explore/engine/memory.c
s|take(op\.object, words\[op\.object\]\.count - 1, true);|take(op.object, words[op.object].count - 1, false);|
