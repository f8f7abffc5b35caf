# The first look after S2 is left out: what changed before S2 is found by nobody.
# promise: 1 any time, any thread
# scenarios: s1
# memory: sc
# file: park/parker.c
s|r = look(ctx, &earliest);                   /\* S3 \*/|r = armed == guess ? (guess = 0, earliest = armed, 0) : look(ctx, \&earliest); /* S3 */|
