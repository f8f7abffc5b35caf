# A look takes a deadline that is now for one that is still to come: the sleeper wakes at its
# alarm and goes round until the clock moves.
# promise: 1 any time, any thread
# scenarios: s1
# memory: both
# file: src/park/scope.h
# unfit: counts
s|if (seen > \*now) {|if (seen >= *now) {|
