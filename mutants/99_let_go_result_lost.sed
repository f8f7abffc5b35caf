# A result that comes just as time is up is thrown away.
# promise: 5 result wins
# scenarios: letgo
# memory: both
# file: src/fd/letgo.c
s|return \*verdict > 0 ? LP_JOB_WAS_DONE : lp_job_leave(job, false);|return *verdict > 0 ? LP_JOB_WAS_DONE : (lp_job_leave(job, false), LP_JOB_GONE);|
