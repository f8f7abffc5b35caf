# A deadline that S3 finds above armed does not send the sleeper back to S2: it sleeps until an
# instant that has passed, again and again.
# promise: 1 any time, any thread
# scenarios: s2
# memory: both
# file: src/park/parker.h
# unfit: counts
s|if (earliest != armed) { /\* below|if (earliest < armed) { /* below|
