#!/bin/sh
# The benchmarks build, all of them, and run, the quick ones: each line that the table should have is
# there, with a number. What the numbers are says nothing here.
#
# Reads LAPSE_SRC, LAPSE_BUILD and CC; builds in a temporary folder.
. "$(dirname "$0")/common.sh"

if ! command -v python3 >/dev/null || ! command -v size >/dev/null; then
	echo "skipped: needs python3 and size"
	exit 77
fi
source=$LAPSE_SRC
library=$LAPSE_BUILD/liblapse.a
LAPSE_BUILD=$work/build
export LAPSE_BUILD
mkdir -p "$LAPSE_BUILD/tools"
cp "$library" "$LAPSE_BUILD"
cp "$LAPSE" "$LAPSE_BUILD/tools"

# Of each line with a number: row and group, name.
lines()
{
	awk '/^[a-z]+: / { place = $1 }
		/^  [^ ]/ { sub(/:.*/, ":", place); place = place $0 }
		/^    [^ ]/ && substr($0, 42) ~ /^ *-?[0-9]+\.[0-9]( |$)/ {
			name = substr($0, 5, 37)
			sub(/ +$/, "", name)
			print place " | " name
		}' "$@"
}

run "$source/bench/run" text memory pingpong poll ready blocking 1
is 0 "$(status)" "the quick ones: status"
cat >"$work/expected" <<'END'
ready:  socketpair, 1 byte | limit: write, read
ready:  socketpair, 1 byte | lapse, no deadline
ready:  socketpair, 1 byte | lapse, standing deadlines
ready:  socketpair, 1 byte | lapse, renewed on each call
ready:  socketpair, 1 byte | send, recv
ready:  socketpair, 1 byte, beyond send and recv, each call | lapse, no deadline
ready:  socketpair, 1 byte, beyond send and recv, each call | lapse, standing deadlines
ready:  socketpair, 1 byte, beyond send and recv, each call | lapse, renewed on each call
ready:  a lapse_read of no bytes, without a system call | lapse, no deadline
ready:  a lapse_read of no bytes, without a system call | lapse, standing deadlines
ready:  TCP, 64 bytes | limit: write, read
ready:  TCP, 64 bytes | lapse, no deadline
ready:  TCP, 64 bytes | lapse, standing deadlines
ready:  TCP, 64 bytes | lapse, renewed on each call
ready:  TCP, 64 bytes | send, recv
ready:  TCP, 64 bytes, beyond send and recv, each call | lapse, no deadline
ready:  TCP, 64 bytes, beyond send and recv, each call | lapse, standing deadlines
ready:  TCP, 64 bytes, beyond send and recv, each call | lapse, renewed on each call
ready:  looks at the clock, each call | lapse, no deadline
ready:  looks at the clock, each call | lapse, standing deadlines
ready:  looks at the clock, each call | lapse_set_deadline
pingpong:  there and back | limit: write, read
pingpong:  there and back | lapse, no deadline
pingpong:  there and back | lapse, standing deadlines
pingpong:  there and back | write, ppoll, read
poll:  one of 1 | limit: poll
poll:  one of 1 | lapse_poll, no deadline
poll:  one of 1 | lapse_poll, standing deadlines
poll:  one of 1 | lapse_wait, no deadline
poll:  one of 16 | limit: poll
poll:  one of 16 | lapse_poll, no deadline
poll:  one of 16 | lapse_poll, standing deadlines
poll:  one of 128 | limit: poll
poll:  one of 128 | lapse_poll, no deadline
poll:  one of 128 | lapse_poll, standing deadlines
memory:  each handle | lapse, private bytes
memory:  each handle | handles
blocking: | limit: pread
blocking: | lapse_pread, no deadline
blocking: | lapse_pread, standing deadlines
blocking: | lapse_call, in a scope
blocking: | lapse_call_on, standing deadlines
blocking: | lapse_call_on, in a scope
blocking: | preadv2, RWF_NOWAIT
blocking: | a timer left armed, a clock read
blocking: | a timer armed and disarmed
blocking: | handed to a thread on the same CPU
text: | the core
text: | with interrupt and let go
END
is "$(cat "$work/expected")" "$(lines "$work/out")" "the quick ones: every line of the table"
targets=$(sed -n 's/^targets: \([0-9]*\) met, \([0-9]*\) missed$/\1 + \2/p' "$work/out")
is 17 "$((${targets:-0}))" "the quick ones: every target"
is 50 "$(wc -l <"$LAPSE_BUILD/bench/raw.csv")" "the quick ones: every sample"
[ $failed -eq 0 ] || sed 's/^/# /' "$work/err"

# The others take their time.
run "$source/bench/run" set late breakoff cold 0
is 0 "$(status)" "the others are built: status"
sed 's/^/# /' "$work/err"
for name in deadline late breakoff cold hung peer_libev peer_libuv peer_libevent; do
	said=$(sed -n "s/^bench: no $name: //p" "$work/err")
	if [ "$said" ]; then
		count=$((count + 1))
		echo "ok $count # SKIP $name: $said"
	else
		is yes "$(test -x "$LAPSE_BUILD/bench/$name" && echo yes)" "$name is built"
	fi
done

# The one whose file system is the tests': what that needs of them it has to bring itself.
if [ -x "$LAPSE_BUILD/bench/hung" ]; then
	run "$LAPSE_BUILD/bench/hung"
	is 0 "$(status)" "calls on a file system that hangs: status"
	grep -q '^bench: no' "$work/err" ||
		is 140 "$(grep -c '^breakoff.*held.*[0-9]$' "$work/out")" "and every sample"
	sed 's/^/# /' "$work/err"
fi

run "$source/bench/run" nothing
is 1 "$(status)" "a row that there is not"
finish
