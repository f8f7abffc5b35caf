# A deadline that S3 finds below armed does not send the sleeper back to S2: its setter may have
# found NOBODY, so it sleeps on to the old one.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/park/parker.h
s|if (earliest != armed) { /\* below|if (earliest > armed) { /* below|
