# Who waits in vain at the end of a run is not looked at: what could have come before is not
# tried.
# promise: what is called complete is complete
# test: explore/random_programs
# argument: x=1.rlx x=0.rlx | x! y.rlx
# file: explore/engine/search.c
s|if (t->life == X_STARTED)$|if (t->life == X_ABSENT)|
