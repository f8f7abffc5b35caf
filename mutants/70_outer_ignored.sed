# An inner scope keeps the outer ones from counting, as only a shield may.
# promise: 1 any time, any thread
# scenarios: s8_cancel
# memory: both
# file: src/park/scope.c
s|if (scope->shield_)|if (scope->shield_ == 0)|
