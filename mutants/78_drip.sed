# A read that has got some of its bytes goes on without looking at its deadline.
# promise: 7 the whole operation
# scenarios: s9
# memory: sc
# file: fd/stream.c
s|r = b\.n == 0 ? 0 : lp_op_progress(&op);|r = 0;|
