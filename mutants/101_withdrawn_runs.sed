# A job that its caller withdraws stays in the queue, and runs with what is another's by then.
# promise: let go: disposed of once
# scenarios: letgo_queued
# memory: both
# unfit: counts
# file: src/wait/pool.c
/^enum lp_job_end lp_job_leave/,/^}/s|queue_remove(job);|(void)job;|
