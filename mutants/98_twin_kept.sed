# A job that was let go does not give up its duplicate of the descriptor.
# promise: close wakes all, waits for all, closes once
# scenarios: letgo_close
# memory: both
# file: src/fd/letgo.c
/^static void drop_file_job/,/^}/s|lp_twin_leave(f->twin);||
