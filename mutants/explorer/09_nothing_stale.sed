# A load takes the newest value, always.
# promise: what is called complete is complete
# test: explore/litmus
# file: explore/engine/memory.c
s|if (x_run\.options->memory == X_SC \|\| oldest >= last)|if (oldest <= last)|
