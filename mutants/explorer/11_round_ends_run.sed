# A round that failed ends the run at once, and the races of those who would have gone on are not seen.
# promise: what is called complete is complete
# test: explore/random_programs
# argument: x*1 y=2.rlx | y.rlx x+1 | x.rlx ; x y
# file: explore/engine/memory.c
s|		x_give_up();|		x_run_leave(X_END_BLOCKED);|
