#!/bin/sh
# A program that uses the library finds its process as it was, says nothing, and works wherever
# it is put: without standard descriptors, with few of them, with signals blocked or ignored, in a
# child and its parent at once, on one processor, without an environment, before an exec.
. "$(dirname "$0")/common.sh"

shared main "$guest/main.c" "$guest/exercise.c" "$guest/snapshot.c"

# quietly COMMAND...: it succeeds and says nothing
quietly()
{
	timeout 60 "$@" >said 2>&1 </dev/null || fail "$* ended with $?: $(cat said)"
	[ ! -s said ] || fail "$* said: $(cat said)"
}

quietly ./main
quietly ./main blocked
quietly ./main fork
quietly env -i ./main
quietly sh -c 'trap "" PIPE INT TERM USR1; ./main'
quietly sh -c 'ulimit -n 24 && ./main'
quietly sh -c 'ulimit -s 128 && ./main'
quietly sh -c './main <&-'
quietly sh -c './main <&- >&- 2>&-'
if command -v taskset >/dev/null; then
	quietly taskset -c 0 ./main
fi

# What another program inherits is what this one did.
timeout 60 ls /proc/self/fd </dev/null >without
timeout 60 ./main ls /proc/self/fd </dev/null >with
diff without with
