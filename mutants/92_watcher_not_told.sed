# Who begins a call does not tell the watcher, which sleeps on.
# promise: 1 any time, any thread
# scenarios: s11_deadline
# memory: both
# file: src/wait/watcher.c
/^int lp_watch_begun/,/^}/s|lp_watch(when);|(void)when;|
