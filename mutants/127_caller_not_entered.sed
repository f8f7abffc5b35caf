# Who makes its first call while the watcher is there already does not enter its list.
# promise: 1 any time, any thread
# scenarios: s11_second
# memory: both
# file: src/wait/watcher.c
s|if (is_there && p->is_caller)|if (is_there)|
