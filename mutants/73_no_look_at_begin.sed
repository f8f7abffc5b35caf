# An operation begins without looking at its deadline: after expiry it takes a byte.
# promise: 4 sticky
# scenarios: m_late
# memory: both
# file: src/fd/op.h
s|(earliest != LAPSE_NEVER \&\& os_unlikely(earliest <= os_now()))|false|
