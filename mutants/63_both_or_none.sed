# Of those in the list only they are told who wait in all the directions that are concerned: a
# close does not reach one who waits to read.
# promise: close wakes all, waits for all, closes once
# scenarios: wait_close
# memory: both
# file: src/fd/turn.c
s|if ((w->dirs & dirs) != 0)|if ((w->dirs \& dirs) == dirs)|
