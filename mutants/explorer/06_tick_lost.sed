# Time does not pass when nobody else can go on: who waits for an instant waits for ever.
# promise: what is called complete is complete
# test: explore/engine_search
# file: explore/engine/run.c
s/if (clock_goes_on() && (mask == 0 ||/if (clock_goes_on() \&\& mask != 0 \&\& (mask == 0 ||/
