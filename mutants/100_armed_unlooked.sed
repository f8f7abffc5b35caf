# The handler does not look again after it has armed anew.
# promise: 1 any time, any thread
# scenarios: s11_call_moved
# memory: both
# file: src/wait/interrupt.c
/^static int sleep_on/,/^}/s|} while (r == 0 && earliest != armed);|} while (r > 0);|
