# A thread that sleeps since its next step was gone through sleeps on over steps that depend on
# it.
# promise: what is called complete is complete
# test: explore/random_programs explore/litmus
# file: explore/engine/search.c
s|if (!x_dependent(reads, writes, last->reads, last->writes))|if (true)|
