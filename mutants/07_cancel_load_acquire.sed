# S3 reads the cancel epoch with acquire: a cancel that found nobody in the place is missed by the
# look that follows.
# promise: cancel fails what is pending, nothing later
# scenarios: s7
# memory: c11
# file: src/fd/op.c
s|os_load_u32(&side->slot->cancel\[d\], OS_SEQ_CST) != side->cancel_then\[d\])|os_load_u32(\&side->slot->cancel[d], OS_ACQUIRE) != side->cancel_then[d])|
