# A seq_cst load takes values older than the last seq_cst store, as an acquire load may.
# promise: what is called complete is complete
# test: explore/litmus
# file: explore/engine/memory.c
s|if (order == __ATOMIC_SEQ_CST && oldest < w->seq_cst)|if (order == __ATOMIC_SEQ_CST \&\& w->seq_cst == 0 \&\& oldest < w->floor)|
