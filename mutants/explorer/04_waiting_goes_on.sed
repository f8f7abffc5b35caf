# A step that has to wait is taken all the same.
# promise: what is called complete is complete
# test: explore/engine_search explore/litmus
# file: explore/engine/run.c
s|if (t->life == X_STARTED && (t->op->enabled == NULL \|\| t->op->enabled(t->op)))|if (t->life == X_STARTED)|
