#!/bin/sh
# Programs that know nothing of lapse talk to servers built on it: curl and socat to one that echoes,
# Redis's command line and its benchmark to one that speaks its protocol.
. "$(dirname "$0")/common.sh"

need curl socat redis-cli redis-benchmark
shared server "$guest/server.c"

# serve KIND MILLISECONDS: starts it; $port
serve()
{
	background ./server "$@" >port
	until_true test -s port
	port=$(cat port)
}

# curl stays until the server finds the connection idle.
serve echo 200
echo 'hello, echo' >expected
timeout 60 curl -s "telnet://127.0.0.1:$port" <expected >got || fail "curl ended with $?"
diff expected got
serve echo 30000
# More than any buffer holds, the answers read while the rest is sent.
seq 200000 >expected
timeout 60 socat -t 20 - "TCP:127.0.0.1:$port" <expected >got || fail "socat ended with $?"
cmp expected got
# Many at once.
for client in 1 2 3 4 5 6 7 8 9 10; do
	seq "$client" 20000 >"expected$client"
	timeout 60 socat -t 20 - "TCP:127.0.0.1:$port" <"expected$client" >"got$client" &
done
wait_for()
{
	cmp -s "expected$1" "got$1"
}
for client in 1 2 3 4 5 6 7 8 9 10; do
	until_true wait_for "$client"
done

serve resp 30000
[ "$(timeout 60 redis-cli -p "$port" ping)" = PONG ] || fail 'no PONG'
[ "$(timeout 60 redis-cli -p "$port" echo 'how are you?')" = 'how are you?' ] || fail 'no ECHO'
[ "$(timeout 60 redis-cli -p "$port" nonsense)" = 'ERR unknown command' ] || fail 'no error'
timeout 60 redis-benchmark -p "$port" -t ping_inline,ping_mbulk -n 20000 -c 20 -P 4 -q >said 2>&1 ||
	fail "redis-benchmark ended with $?: $(cat said)"
tr '\r' '\n' <said >lines
grep -q 'PING_INLINE: .* requests per second' lines || fail "$(cat lines)"
grep -q 'PING_MBULK: .* requests per second' lines || fail "$(cat lines)"
