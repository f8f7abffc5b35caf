# An acquire load does not take over what the store that it reads had seen.
# promise: what is called complete is complete
# test: explore/litmus
# file: explore/engine/memory.c
s|join_view(&views\[self\], &m->view);|(void)m;|
