# A result that comes just as time is up is thrown away.
# promise: 5 result wins
# scenarios: letgo
# memory: both
# file: src/fd/letgo.c
s|end = lp_job_leave(job, false);|end = (lp_job_leave(job, false), LP_JOB_GONE);|
