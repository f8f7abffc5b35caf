# A job that was let go is done all the same, and nobody disposes of it.
# promise: let go: disposed of once
# scenarios: letgo
# memory: both
# file: src/wait/pool.c
s|if (os_cas_u32(&job->state, &seen, LP_JOB_DONE)) { /\* C1 \*/|(void)seen; if (os_swap_u32(\&job->state, LP_JOB_DONE) != 99) {|
