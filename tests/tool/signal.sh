#!/bin/sh
# SIGUSR1 shows what is being waited for, and ends nothing.
. "$(dirname "$0")/common.sh"

mkfifo "$work/in" "$work/out" "$work/in2" "$work/out2"
exec 3<>"$work/in" 4<>"$work/out" 5<>"$work/in2" 6<>"$work/out2"

# dumped PID FILE NAME: signal it; the file then has lines about what it waits for, and nothing ends
dumped()
{
	: >"$2"
	for again in 1 2; do
		kill -USR1 "$1"
		until_true test -s "$2"
		has 'read' "$2" "$3: dump $again"
		: >"$2"
	done
	kill -0 "$1"
	is 0 $? "$3: goes on"
}

# passes IN OUT NAME: a line goes from one descriptor to the other; then its process is at work
passes()
{
	echo "line of $3" >&"$1"
	read -r line <&"$2"
	is "line of $3" "$line" "$3: a line passes"
}

"$LAPSE" pipe --idle 1h --total 2h <"$work/in" >"$work/out" 2>>"$work/pipe.err" &
pipe=$!
started="$started $pipe"
passes 3 4 pipe
dumped $pipe "$work/pipe.err" pipe
passes 3 4 "pipe, after the signals"
kill $pipe
wait $pipe 2>/dev/null

"$LAPSE" listen --connect 1h --host 127.0.0.1 0 <"$work/in" >"$work/out" 2>>"$work/listen.err" &
listen=$!
started="$started $listen"
until_true grep -q '^listening on' "$work/listen.err"
port=$(sed -n 's/^listening on //p' "$work/listen.err")
dumped $listen "$work/listen.err" "listen, without a peer"
"$LAPSE" connect --idle 1h 127.0.0.1 "$port" <"$work/in2" >"$work/out2" 2>>"$work/connect.err" &
connect=$!
started="$started $connect"
passes 3 6 "listen to connect"
passes 5 4 "connect to listen"
dumped $listen "$work/listen.err" listen
dumped $connect "$work/connect.err" connect
passes 3 6 "listen to connect, after the signals"
passes 5 4 "connect to listen, after the signals"
finish
