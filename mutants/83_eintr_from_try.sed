# EINTR from the first try comes through to the caller.
# promise: 9 a good guest
# scenarios: s9_short
# memory: both
# file: src/fd/op.h
s|if (os_unlikely(r == -EAGAIN \|\| r == -EINTR))|if (os_unlikely(r == -EAGAIN))|
