# Once a second thread is to be tried at a step, no third one is added.
# promise: what is called complete is complete
# test: explore/random_programs explore/litmus
# file: explore/engine/races.c
s|if ((begin & n->backtrack) != 0)|if ((begin \& n->backtrack) != 0 \|\| (n->backtrack \& (n->backtrack - 1)) != 0)|
