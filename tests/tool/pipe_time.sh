#!/bin/sh
# lapse pipe when time is up: status 124, never early, and a right count.
. "$(dirname "$0")/common.sh"

# A FIFO that this shell holds open: whatever has been written, its reader never sees an end.
mkfifo "$work/quiet"
exec 3<>"$work/quiet"

# time_is_up TEXT OPTION...: 1000 bytes come, then silence. Where time was up before it could even
# begin, once more.
time_is_up()
{
	text=$1
	shift
	for try in 1 2 3 4 5 6 7 8 9 10; do
		head -c 1000 /dev/zero >&3
		run "$LAPSE" pipe "$@" <"$work/quiet"
		grep -q ': 0 bytes moved' "$work/err" || break
		head -c 1000 <&3 >/dev/null
	done
	is 124 "$(status)" "$*: status, try $try"
	is "lapse pipe: time was up ($text): 1000 bytes moved" "$(cat "$work/err")" "$*: message"
	is 1000 "$(wc -c <"$work/out")" "$*: what came before is there"
}

begin=$(now)
time_is_up 'total 300ms' --total 300ms
at_least 300 "$begin" "--total is not early"
begin=$(now)
time_is_up 'idle 0.3' --idle 0.3
at_least 300 "$begin" "--idle is not early"
time_is_up 'idle 200ms' --idle 200ms --total 1h
time_is_up 'total 200ms' --idle 1h --total 200ms
time_is_up 'total 100ms' --total 1h --total 100ms
time_is_up 'total 100ms' --total 100ms --total 1h
time_is_up 'total 100ms' --by 2040-01-01T00:00 --total 100ms

target=$(($(date +%s) + 2))
text=$(date -d "@$target" +%H:%M:%S)
time_is_up "by $text" --by "$text"
is 1 "$(($(date +%s) >= target))" "--by a time of day is not early"
target=$(($(date +%s) + 2))
text=$(date -d "@$target" +%Y-%m-%dT%H:%M:%S)
time_is_up "by $text" --total 1h --by "$text"
is 1 "$(($(date +%s) >= target))" "--by a date is not early"

run "$LAPSE" pipe --by 2001-01-01T00:00 <"$work/quiet"
is 124 "$(status)" "--by a time long ago: status"
is 'lapse pipe: time was up (by 2001-01-01T00:00): 0 bytes moved' "$(cat "$work/err")" \
	"--by a time long ago: message"
echo data | run "$LAPSE" pipe --by "$(date -d '2 minutes ago' +%H:%M)"
is "0 data" "$(status) $(cat "$work/out")" "--by a time of day that is over means tomorrow"

# drip COUNT SECONDS: a line after each pause
drip()
{
	for i in $(seq "$1"); do
		sleep "$2"
		echo "$i" 2>/dev/null || break
	done
}

drip 200 0.05 | run "$LAPSE" pipe --idle 30s --total 400ms
is 124 "$(status)" "a drip does not stretch --total"
is "lapse pipe: time was up (total 400ms): $(wc -c <"$work/out") bytes moved" \
	"$(cat "$work/err")" "a drip: the count"
drip 10 0.3 | run "$LAPSE" pipe --idle 2s
is "0 10" "$(status) $(wc -l <"$work/out")" "--idle lets a drip pass that takes longer in all"

# Nobody reads from the output, which is another such FIFO.
mkfifo "$work/full"
exec 4<>"$work/full"
timeout 60 "$LAPSE" pipe --idle 200ms </dev/zero >"$work/full" 2>"$work/err"
is 124 $? "a reader that stalls: status"
has '^lapse pipe: time was up (idle 200ms): [1-9][0-9]* bytes moved' "$work/err" \
	"a reader that stalls: message"
counted=$(sed 's/.*: \([0-9]*\) bytes moved/\1/' "$work/err")
is "$counted" "$(timeout 60 head -c "$counted" <&4 | wc -c)" "a reader that stalls: the count"
printf 'x\n' >&4
read -r line <&4
is x "$line" "a reader that stalls: no byte more was written than counted"
finish
