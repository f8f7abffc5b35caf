# S3 reads the event epoch with acquire: a shutdown of which poll says nothing is missed.
# promise: 1 any time, any thread
# scenarios: m_shutdown
# memory: c11
# file: src/fd/op.h
s|return os_load_u32(&slot->learnt, OS_SEQ_CST) / LP_EVENT;|return os_load_u32(\&slot->learnt, OS_ACQUIRE) / LP_EVENT;|
