# A result that beat the verdict leaves the scope with it: it says that it ended what has succeeded.
# promise: scopes
# scenarios: letgo
# memory: both
# file: src/fd/letgo.c
s|lp_scope_spare();|(void)0;|
