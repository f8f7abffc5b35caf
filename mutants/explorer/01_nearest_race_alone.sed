# A step's race with the nearest earlier step that it depends on is reversed, those with the steps
# before that are not.
# promise: what is called complete is complete
# test: explore/random_programs explore/engine_search
# file: explore/engine/races.c
s|reverse(i, thread, clock, reads, writes);|{ reverse(i, thread, clock, reads, writes); return; }|
