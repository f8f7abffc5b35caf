#!/bin/sh
# lapse pipe, with whatever at its ends: nothing is lost, and it says what went wrong.
. "$(dirname "$0")/common.sh"

numbers()
{
	seq 3000000
}

sum()
{
	md5sum | cut -d' ' -f1
}

sum=$(numbers | sum)
numbers >"$work/numbers"

is "$sum" "$(numbers | timeout 60 "$LAPSE" pipe --total 60s | sum)" "pipe to pipe"
is 10000000 "$(seq 10000000 | timeout 60 "$LAPSE" pipe --total 60s | wc -l)" "ten million lines"
is "$sum" "$(timeout 60 "$LAPSE" pipe --idle 30s <"$work/numbers" | sum)" "file to pipe"
run "$LAPSE" pipe <"$work/numbers"
is "$sum $(status)" "$(sum <"$work/out") 0" "file to file"
numbers | run "$LAPSE" pipe --idle 30s --total 60s
is "$sum $(status)" "$(sum <"$work/out") 0" "pipe to file"
is '' "$(cat "$work/err")" "no word when all went well"

echo first >"$work/appended"
timeout 60 "$LAPSE" pipe <"$work/numbers" >>"$work/appended"
is "0 first $sum" "$? $(head -n 1 "$work/appended") $(tail -n +2 "$work/appended" | sum)" \
	"file to the end of a file"

mkfifo "$work/from" "$work/to"
numbers >"$work/from" &
timeout 60 "$LAPSE" pipe <"$work/from" >"$work/to" &
is "$sum" "$(sum <"$work/to")" "FIFO to FIFO"
wait $!
is 0 $? "FIFO to FIFO: status"

run "$LAPSE" pipe </dev/null
is "0 0" "$(status) $(wc -c <"$work/out")" "/dev/null to file"
numbers | timeout 60 "$LAPSE" pipe >/dev/null
is 0 $? "pipe to /dev/null"
timeout 60 "$LAPSE" pipe <"$work/numbers" >/dev/null
is 0 $? "file to /dev/null"
timeout 60 "$LAPSE" pipe </dev/zero 2>"$work/err" | head -c 300000 | tr -d '\0' >"$work/out"
is 0 "$(wc -c <"$work/out")" "/dev/zero to a pipe"
timeout 60 "$LAPSE" pipe </dev/null 2>"$work/err" >"$work/out"
is "0 0" "$? $(wc -c <"$work/out")" "nothing at all"

run "$LAPSE" pipe <&-
is 1 "$(status)" "standard input is closed: status"
has '^lapse pipe: standard input: Bad file descriptor' "$work/err" "standard input is closed"
timeout 60 "$LAPSE" pipe </dev/null >&- 2>"$work/err"
is 1 $? "standard output is closed: status"
has '^lapse pipe: standard output: Bad file descriptor' "$work/err" "standard output is closed"
run "$LAPSE" pipe <"$work"
is 1 "$(status)" "a folder as input: status"
has '^lapse pipe: Is a directory' "$work/err" "a folder as input"
numbers | timeout 60 "$LAPSE" pipe >/dev/full 2>"$work/err"
is 1 $? "a full device: status"
has '^lapse pipe: No space left on device: 0 bytes moved' "$work/err" "a full device"
timeout 60 "$LAPSE" pipe </dev/null 1</dev/null 2>"$work/err"
is 0 $? "an output that cannot be written, but need not be"
echo x | timeout 60 "$LAPSE" pipe 1</dev/null 2>"$work/err"
is 1 $? "an output that cannot be written: status"

# As cat: killed by SIGPIPE without a word, or if that is ignored, a message.
{
	timeout 60 "$LAPSE" pipe </dev/zero 2>"$work/err"
	echo $? >"$work/status"
} | head -c 1 >/dev/null
is 141 "$(cat "$work/status")" "nobody reads: dies of SIGPIPE"
is '' "$(cat "$work/err")" "nobody reads: without a word"
{
	trap '' PIPE
	timeout 60 "$LAPSE" pipe </dev/zero 2>"$work/err"
	echo $? >"$work/status"
} | head -c 1 >/dev/null
is 1 "$(cat "$work/status")" "nobody reads, SIGPIPE is ignored: status"
has '^lapse pipe: Broken pipe: [0-9]* bytes moved' "$work/err" "nobody reads, SIGPIPE is ignored"
finish
