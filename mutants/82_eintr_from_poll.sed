# EINTR from poll comes through to the caller.
# promise: 9 a good guest
# scenarios: faults_set
# memory: both
# file: src/wait/ready_poll.c
s|return r == -EINTR ? 0 : (int)r;|return (int)r;|
