# A deadline that is now has not passed for an operation that begins: it takes a byte.
# promise: 6 closed, cancelled, expired, then data
# scenarios: m_late
# memory: both
# file: src/fd/op.h
s|os_unlikely(earliest <= os_now())|os_unlikely(earliest < os_now())|
