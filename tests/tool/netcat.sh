#!/bin/sh
# lapse connect and lapse listen: both directions at once, half closes, and every limit.
. "$(dirname "$0")/common.sh"

# listen ARG...: in the background, with standard input from $input; sets $listener and $port. Nobody
# who comes within a minute: then a connect has failed, and would be waited for.
listen()
{
	: >"$work/listen.err"
	"$LAPSE" listen --connect 60s "$@" 0 <"$input" >"$work/listen.out" 2>"$work/listen.err" &
	listener=$!
	started="$started $listener"
	until_true grep -q '^listening on [0-9]*$' "$work/listen.err"
	port=$(sed -n 's/^listening on //p' "$work/listen.err")
}

sum()
{
	md5sum <"$1" | cut -d' ' -f1
}

seq 2000000 >"$work/one"
seq 5000000 -1 2500000 >"$work/other"
mkfifo "$work/quiet"
exec 3<>"$work/quiet"

input=$work/one
listen --host 127.0.0.1
run "$LAPSE" connect --connect 30s --idle 30s --total 60s 127.0.0.1 "$port" <"$work/other"
is 0 "$(status)" "connect: status"
is "$(sum "$work/one")" "$(sum "$work/out")" "from listen to connect"
wait $listener
is 0 $? "listen: status"
is "$(sum "$work/other")" "$(sum "$work/listen.out")" "from connect to listen"
is "listening on $port" "$(cat "$work/listen.err")" "listen: no other word"

input=/dev/null
listen --idle 30s
run "$LAPSE" connect 127.0.0.1 "$port" <"$work/one"
wait $listener
is "0 $? $(sum "$work/one")" "$(status) 0 $(sum "$work/listen.out")" \
	"the side that has nothing to say goes on receiving; the wildcard address takes IPv4"
input=$work/one
listen
run "$LAPSE" connect localhost "$port" </dev/null
wait $listener
is "0 $? $(sum "$work/one")" "$(status) 0 $(sum "$work/out")" "and the other way, by name"

# The answer depends on the end of the question: wc gives it when its input ends.
mkfifo "$work/answer"
rm "$work/listen.err" # it speaks of the listener before
# shellcheck disable=SC2094
"$LAPSE" listen --host 127.0.0.1 --total 60s 0 <"$work/answer" 2>"$work/listen.err" |
	wc -c >"$work/answer" &
until_true grep -q '^listening on' "$work/listen.err"
run "$LAPSE" connect 127.0.0.1 "$(sed -n 's/^listening on //p' "$work/listen.err")" <"$work/one"
is "0 $(wc -c <"$work/one")" "$(status) $(cat "$work/out")" "an answer after the half close"
wait

# The largest port; whether somebody listens there is not asked. Then another way to write 0.
run "$LAPSE" connect --total 300ms 127.0.0.1 65535 </dev/null
has '^0$\|^1$\|^124$' "$work/status" "65535 is a port"
run "$LAPSE" listen --connect 300ms 00 </dev/null
is 124 "$(status)" "port 00: status"
has '^listening on [1-9]' "$work/err" "port 00 is announced"

# Services, in a list of our own; one has the port that stands for any.
cat >"$work/named" <<'END'
mount --bind "$1" /etc/services && shift && exec "$@"
END
input=$work/one
listen --host 127.0.0.1
printf '%s/tcp\n' "one $port" "any 0" >"$work/services"
if unshare -rm sh "$work/named" "$work/services" getent services one/tcp >/dev/null 2>&1; then
	run unshare -rm sh "$work/named" "$work/services" "$LAPSE" connect 127.0.0.1 one </dev/null
	is "0 $(sum "$work/one")" "$(status) $(sum "$work/out")" "connect to a service"
	run unshare -rm sh "$work/named" "$work/services" \
		"$LAPSE" listen --connect 300ms any </dev/null
	is 124 "$(status)" "a service of port 0: status"
	has '^listening on [1-9]' "$work/err" "a service of port 0 is announced"
fi
kill $listener 2>/dev/null
wait $listener 2>/dev/null

# Limits. The peer is silent: its input is a FIFO without an end.
begin=$(now)
run "$LAPSE" listen --connect 300ms 0 </dev/null
is 124 "$(status)" "listen --connect: status"
has '^lapse listen: time was up (connect 300ms): no peer' "$work/err" "listen --connect: message"
run "$LAPSE" listen --connect 1h --total 300ms 0 </dev/null
is 124 "$(status)" "listen --total without a peer: status"
has '^lapse listen: time was up (total 300ms): no peer' "$work/err" "listen --total without a peer"
at_least 600 "$begin" "neither is early"

input=$work/quiet
echo question >"$work/question"
for limit in idle total; do
	listen
	begin=$(now)
	run "$LAPSE" connect --$limit 300ms 127.0.0.1 "$port" <"$work/question"
	is 124 "$(status)" "connect --$limit: status"
	is "lapse connect: time was up ($limit 300ms): 9 bytes sent, 0 received" \
		"$(cat "$work/err")" "connect --$limit: message"
	at_least 300 "$begin" "connect --$limit is not early"
	kill $listener
	wait $listener 2>/dev/null
	listen --$limit 2s
	run "$LAPSE" connect 127.0.0.1 "$port" <"$work/question"
	wait $listener
	is 124 $? "listen --$limit: status"
	has "^lapse listen: time was up ($limit 2s): 0 bytes sent, 9 received" \
		"$work/listen.err" "listen --$limit: message"
done

# One direction is silent all the time, the other is not: that is not idle until both are. A line
# each 0.3 s: together longer than the limit, each wait shorter.
mkfifo "$work/drip"
(for i in 0 1 2 3 4 5 6 7 8 9; do sleep 0.3 && echo $i; done) >"$work/drip" &
input=$work/drip
listen
run "$LAPSE" connect --idle 2s 127.0.0.1 "$port" <"$work/quiet"
is "124 10" "$(status) $(wc -l <"$work/out")" "one silent direction is not idle"
has '(idle 2s): 0 bytes sent, 20 received' "$work/err" "one silent direction: the count"
wait $listener

# A peer that takes nothing, and has nothing to say.
input=$work/quiet
listen --host 127.0.0.1
kill -STOP $listener
run "$LAPSE" connect --idle 300ms 127.0.0.1 "$port" </dev/zero
is 124 "$(status)" "a peer that takes nothing: status"
has '(idle 300ms): [1-9][0-9]* bytes sent, 0 received' "$work/err" "a peer that takes nothing"

# That one never accepts: sooner or later the queue of its listener is full.
# shellcheck disable=SC2317
refuses()
{
	run "$LAPSE" connect --connect 300ms --total 600ms 127.0.0.1 "$port" </dev/null
	grep -q '(connect 300ms): no peer' "$work/err"
}
until_true refuses
is 124 "$(status)" "connect --connect"

# A host with that address and another, where somebody does listen.
silent=$listener
cat >"$work/two" <<'END'
mount --bind "$1" /etc/hosts && shift && exec "$@"
END
printf '127.0.0.%d two.test\n' 1 2 >"$work/hosts"
if unshare -rm sh "$work/two" "$work/hosts" getent hosts two.test >/dev/null 2>&1; then
	"$LAPSE" listen --host 127.0.0.2 --total 60s "$port" <"$work/question" >/dev/null &
	listener=$!
	started="$started $listener"
	until_true grep -q "0200007F:$(printf %04X "$port") .* 0A " /proc/net/tcp
	run unshare -rm sh "$work/two" "$work/hosts" \
		"$LAPSE" connect --connect 4s two.test "$port" </dev/null
	is "0 question" "$(status) $(cat "$work/out")" "an address that is silent leaves time for another"
	wait $listener
fi
kill -CONT $silent
kill $silent
wait $silent 2>/dev/null

# A name server that never answers, in a network of its own.
cat >"$work/silent" <<'END'
mount --bind "$1" /etc/resolv.conf && ip link set lo up && shift || exit 99
socat -u UDP-RECV:53,bind=127.0.0.1 /dev/null &
until grep -q '0100007F:0035' /proc/net/udp; do kill -0 $! || exit 99; done
"$@"
status=$?
kill $!
exit $status
END
printf 'nameserver 127.0.0.1\noptions timeout:30 attempts:1\n' >"$work/resolv.conf"
begin=$(now)
if unshare -rmn true 2>"$work/err"; then
	run unshare -rmn sh "$work/silent" "$work/resolv.conf" \
		"$LAPSE" connect --connect 300ms nobody.test 1 </dev/null
else
	echo 99 >"$work/status"
fi
case $(status) in
99) echo "# no network of one's own: $(cat "$work/err")" ;;
*)
	is 124 "$(status)" "a name server that is silent: status"
	has '(connect 300ms): no peer' "$work/err" "a name server that is silent"
	at_least 300 "$begin" "a name server that is silent is not early"
	;;
esac

run "$LAPSE" connect 127.0.0.1 "$port" </dev/null
is 1 "$(status)" "nobody listens: status"
has '^lapse connect: 127.0.0.1: Connection refused' "$work/err" "nobody listens"
run "$LAPSE" connect no.such.host.invalid 1 </dev/null
is 1 "$(status)" "no such host: status"
has '^lapse connect: no.such.host.invalid port 1: ' "$work/err" "no such host"
run "$LAPSE" connect 127.0.0.1 1 <&-
is 1 "$(status)" "standard input is closed: status"
has '^lapse connect: standard input: Bad file descriptor' "$work/err" "standard input is closed"

input=/dev/zero
listen
run "$LAPSE" listen "$port" </dev/null
is 1 "$(status)" "the port is taken: status"
has "^lapse listen: $port: Address already in use" "$work/err" "the port is taken"
# It has told its end, and the listener has heard it and closed its output, before it dies: so that the
# listener notices that as it sends, not as it receives.
{
	timeout 60 "$LAPSE" connect 127.0.0.1 "$port" </dev/null 2>"$work/err"
	echo $? >"$work/status"
} | {
	until_true test ! -e "/proc/$listener/fd/1"
	head -c 1
} >/dev/null
is 141 "$(status)" "nobody reads: dies of SIGPIPE"
is '' "$(cat "$work/err")" "nobody reads: without a word"
wait $listener
is 1 $? "the peer has gone: status"
has '^lapse listen: sending: ' "$work/listen.err" "the peer has gone"
listen
timeout 60 "$LAPSE" connect 127.0.0.1 "$port" </dev/null >/dev/full 2>"$work/err"
is 1 $? "a full device: status"
has '^lapse connect: standard output: No space left on device' "$work/err" "a full device"
finish
