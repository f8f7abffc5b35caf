#!/bin/sh
# lapse run when time is up: who is ended, never early, and what became of the output.
. "$(dirname "$0")/common.sh"

# is_gone PID: it has ended, if perhaps nobody has fetched its status
# shellcheck disable=SC2317
is_gone()
{
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

begin=$(now)
run "$LAPSE" run --total 300ms sleep 60
is "124 lapse run: time was up (total 300ms)" "$(status) $(cat "$work/err")" "--total"
at_least 300 "$begin" "--total is not early"
begin=$(now)
run "$LAPSE" run --idle 1.0 -- sh -c 'echo a few words; exec sleep 60'
is "124 a few words" "$(status) $(cat "$work/out")" "--idle"
is "lapse run: time was up (idle 1.0): 12 bytes of output" "$(cat "$work/err")" "--idle: message"
at_least 1000 "$begin" "--idle is not early"
run "$LAPSE" run --idle 60s --total 2s -- sh -c 'echo out; echo err >&2; exec sleep 60'
is "124 out" "$(status) $(cat "$work/out")" "--total before --idle"
is "err
lapse run: time was up (total 2s): 8 bytes of output" "$(cat "$work/err")" \
	"standard error is output too"
run "$LAPSE" run --by 2001-01-01T00:00 sleep 60
is "124 lapse run: time was up (by 2001-01-01T00:00)" "$(status) $(cat "$work/err")" "--by"
begin=$(now)
run "$LAPSE" run --total 200ms --grace 300ms sh -c 'trap "" TERM; while :; do sleep 1 & wait; done'
is "137 lapse run: time was up (total 200ms): killed" "$(status) $(cat "$work/err")" "KILL"
at_least 500 "$begin" "KILL is not early"

# The group: children, an orphan, and one that ignores TERM.
cat >"$work/family" <<'END'
sleep 60 &
echo $! >"$1/pids"
(sleep 60 & echo $! >>"$1/pids")
sh -c 'trap "" TERM; echo $$ >>"$1/pids"; while :; do sleep 1 & wait; done' sh "$1" &
until [ "$(wc -l <"$1/pids")" -eq 3 ]; do sleep 0.01; done
echo "$2"
wait
END
for option in --total --idle; do
	run "$LAPSE" run $option 3s --grace 300ms sh "$work/family" "$work" begun
	is "124 begun" "$(status) $(cat "$work/out")" "$option, a group: status"
	while read -r pid; do
		until_true is_gone "$pid"
	done <"$work/pids"
	is 0 $? "$option: nobody of the group is left"
done
# Once TERM was enough for all, nobody waits for the grace to be over.
begin=$(now)
run "$LAPSE" run --total 200ms --grace 50s sh -c '(sleep 60 &); sleep 60 & sleep 60'
is "124 1" "$(status) $(($(now) - begin < 40000))" "a group that obeys is not waited for longer"

# On a kernel that knows no signals to a group by pidfd.
ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" run strace -f -o "$work/trace" \
	-e inject=pidfd_send_signal:error=EINVAL "$LAPSE" run --total 1s --grace 50s \
	sh -c 'sleep 60 & sleep 60'
is "124 1" "$(status) $((0 < $(grep -c 'pidfd_send_signal.*INJECTED' "$work/trace")))" "by kill(2) alone"

# What is left behind in time is left alone, and not waited for though it has our pipes.
begin=$(now)
run "$LAPSE" run --idle 50s sh -c 'echo early; sleep 60 & echo $!; exit 4'
is "4 early" "$(status) $(head -n 1 "$work/out")" "the command ends, a child of it does not"
is 1 $(($(now) - begin < 40000)) "it is not waited for"
left=$(tail -n 1 "$work/out")
kill "$left"
is 0 $? "it is alive"

# All that was written is passed on, and to where it was written.
for i in 1 2 3 4 5 6 7 8 9 10; do
	run "$LAPSE" run --idle 30s sh -c 'seq 20000; seq 20000 -1 1 >&2'
	is "0 $(seq 20000 | cksum) $(seq 20000 -1 1 | cksum)" \
		"$(status) $(cksum <"$work/out") $(cksum <"$work/err")" "the last word arrives ($i)"
done
is "$(seq 3000000 | md5sum)" \
	"$(timeout 60 "$LAPSE" run --idle 30s --total 60s seq 3000000 | timeout 60 "$LAPSE" pipe | md5sum)" "much output"

# COUNT lines, each after a pause of SECONDS
# shellcheck disable=SC2016 # the inner shell's
drip='for i in $(seq "$1"); do sleep "$2"; echo "$i"; done'
run "$LAPSE" run --idle 2s sh -c "$drip" sh 10 0.3
is "0 10" "$(status) $(wc -l <"$work/out")" "--idle lets a drip pass that takes longer in all"
run "$LAPSE" run --idle 30s --total 400ms sh -c "$drip" sh 100 0.05
is "124 lapse run: time was up (total 400ms): $(wc -c <"$work/out") bytes of output" \
	"$(status) $(cat "$work/err")" "a drip does not stretch --total"

# A slow reader is not a silent command: the FIFO is full for longer than the limit.
mkfifo "$work/full"
exec 4<>"$work/full"
"$LAPSE" run --idle 300ms head -c 300000 /dev/zero >"$work/full" 2>"$work/err" &
slow=$!
started="$started $slow"
sleep 1
is 300000 "$(timeout 60 head -c 300000 <&4 | wc -c)" "a reader that is slow gets all"
wait $slow
is "0 " "$? $(cat "$work/err")" "a reader that is slow: status"
# But nothing stretches --total; nor does it, when time is up, make us wait longer than the grace.
"$LAPSE" run --idle 30s --total 300ms --grace 300ms cat /dev/zero >"$work/full" 2>"$work/err"
is 124 $? "a reader that stalls: status"
counted=$(sed -n 's/.*(total 300ms): \([0-9]*\) bytes of output$/\1/p' "$work/err")
is "$counted" "$(timeout 60 head -c "$counted" <&4 | wc -c)" "a reader that stalls: the count"
printf 'x\n' >&4
read -r line <&4
is x "$line" "a reader that stalls: no byte more was written than counted"

# We are stopped for longer than the limit; what the command wrote meanwhile counts. The limit leaves a
# busy machine time for what comes before and after.
mkfifo "$work/go"
exec 5<>"$work/go"
"$LAPSE" run --idle 4s sh -c 'echo $$; read x; echo one; read x; echo two' \
	<"$work/go" >"$work/out" 2>"$work/err" &
stopped=$!
started="$started $stopped"
until_true test -s "$work/out"
kill -STOP $stopped
echo >&5
sleep 4.5
kill -CONT $stopped
until_true grep -q one "$work/out"
echo >&5
wait $stopped
is "0 two" "$? $(tail -n 1 "$work/out")" "stopped beyond the limit: output that came in time counts"

# The ends of the pipes.
{
	timeout 60 "$LAPSE" run --idle 30s yes 2>"$work/err"
	echo $? >"$work/status"
} | head -n 1 >/dev/null
is "141 " "$(status) $(cat "$work/err")" "nobody reads: the command dies of SIGPIPE, and so do we"
timeout 60 "$LAPSE" run --idle 30s yes >/dev/full 2>"$work/err"
is "125 lapse run: standard output: No space left on device" "$? $(cat "$work/err")" "a full device"
timeout 60 "$LAPSE" run --idle 30s true >&- 2>"$work/err"
is "125 lapse run: standard output: Bad file descriptor" "$? $(cat "$work/err")" \
	"standard output is closed"
timeout 60 "$LAPSE" run --total 30s sh -c 'exit 3' >&- 2>"$work/err"
is "3 " "$? $(cat "$work/err")" "standard output is closed, without --idle"
# shellcheck disable=SC2016 # the inner shell's
"$LAPSE" run --idle 30s sh -c 'exec >&-; read x' <"$work/go" 2>"$work/err" |
	(cat && echo >&5)
is '' "$(cat "$work/err")" "the command closes its output: its reader sees the end at once"
finish
