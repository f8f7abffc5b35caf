# Between two pieces nothing is looked at: a stream that is always ready goes on past its deadline.
# promise: 7 whole operation
# scenarios: s9_short
# memory: both
# file: src/fd/op.c
/^int lp_op_progress/,/^}/ s|return lp_op_look(op);|return 0;|
