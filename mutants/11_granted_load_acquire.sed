# S3 of a queued operation reads granted with acquire: a grant whose giver saw NOBODY is missed.
# promise: 8 fair and serial
# scenarios: queue_turns
# memory: c11
# file: src/fd/op.c
s|if (os_load_u32(&q->waiter->granted, OS_SEQ_CST) != 0)|if (os_load_u32(\&q->waiter->granted, OS_ACQUIRE) != 0)|
