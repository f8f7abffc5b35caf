# A job is let go by a load and a store: a result that comes in between is lost, and nobody disposes of it.
# promise: 5 result wins
# scenarios: letgo
# memory: both
# file: src/wait/pool.c
/^enum lp_job_end lp_job_leave/,/^}/s|if (!os_cas_u32(&job->state, &seen, LP_JOB_LET_GO)) /\* C1 \*/|if (os_load_u32(\&job->state, OS_SEQ_CST) != seen \|\| (os_store_u32(\&job->state, LP_JOB_LET_GO, OS_SEQ_CST), false))|
