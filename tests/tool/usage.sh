#!/bin/sh
# What the program says of its command line: help, version, and mistakes, which are status 2.
. "$(dirname "$0")/common.sh"

# wrong PATTERN ARG...: a mistake, and what is said about it
mistake=2
wrong()
{
	pattern=$1
	shift
	run "$LAPSE" "$@" </dev/null
	is $mistake "$(status)" "lapse $*: status"
	is '' "$(cat "$work/out")" "lapse $*: nothing on standard output"
	has "$pattern" "$work/err" "lapse $*: message"
}

wrong '^Usage: lapse COMMAND'
wrong "^lapse: 'sing' is not a command" sing
wrong "^lapse: unrecognized option '--sing'" --sing
wrong "^lapse pipe: unrecognized option '--sing'" pipe --sing
wrong "^lapse pipe: unrecognized option '--connect'" pipe --connect 1s
wrong "^lapse pipe: option '--idle' requires an argument" pipe --idle
wrong "^lapse pipe: 'file' is one operand too many" pipe file
wrong "^lapse connect: an operand is missing" connect localhost
wrong "^lapse connect: 'x' is one operand too many" connect localhost 1 x
wrong "^lapse connect: unrecognized option '--host'" connect --host localhost localhost 1
wrong "^lapse connect: unrecognized option '--by'" connect --by 12:00 localhost 1
wrong "^lapse listen: an operand is missing" listen --idle 1s
wrong "^lapse tour: unrecognized option '--idle'" tour --idle 1s
wrong "^lapse tour: 'paris' is one operand too many" tour paris

# Where 2 may be the status of what is run.
mistake=125
wrong "^lapse run: what to run is missing" run
wrong "^lapse run: what to run is missing" run --total 1s --
wrong "^lapse run: unrecognized option '--sing'" run --sing true
wrong "^lapse run: unrecognized option '--wait'" run --wait 1s true
wrong "^lapse run: --grace: '0' is not a duration: it must be more than zero" run --grace 0 true
wrong "^lapse run: --idle: 'x' is not a duration: " run --idle x true
wrong "^lapse lock: an operand is missing" lock
wrong "^lapse lock: what to run is missing" lock file
wrong "^lapse lock: what to run is missing" lock --wait 1s -- file --
wrong "^lapse lock: unrecognized option '--total'" lock --total 1s file true
wrong "^lapse lock: option '--shared' doesn't allow an argument" lock --shared=1 file true
mistake=2
for command in run 'run --' "lock $work/file" "lock -- $work/file" "lock $work/file --"; do
	# shellcheck disable=SC2086 # words
	run "$LAPSE" $command echo --help --total
	is "0 --help --total" "$(status) $(cat "$work/out")" "$command: what follows is the command's"
done

for text in '' ' ' s x 5x 5S 5sec 1m30 1.2.3s . .s 1h-5m ' 5s' '5s ' '5 s' 0x10 1e3 inf nan +5s; do
	wrong "^lapse pipe: --idle: '$text' is not a duration: " pipe --idle "$text"
done
for text in -1 -5s -0.5; do
	wrong ": it is negative" pipe --total "$text"
done
for text in 0 0s 0.0 0h0m0s 0.000us; do
	wrong ": it must be more than zero" pipe --total "$text"
done
for text in 9223372037 106752d 2562048h 9223372036s1s 153722868m; do
	wrong "^lapse pipe: --total: '$text' is not a duration: " pipe --total "$text"
done
wrong ": it is longer than 292 years" pipe --total 9223372037
wrong ": it has too many digits" pipe --total 99999999999999999999
wrong ": it has too many digits" pipe --total 0.00000000000000000001s
wrong "^lapse listen: --connect: 'soon' is not a duration" listen --connect soon 0

# The limit ends a listener that takes the word for a port; connect has to say it before the look-up.
for text in '' 65536 99998 4294967297 18446744073709551616 99999999999999999999 -1 -65456; do
	wrong "^lapse listen: '$text' is not a port: it is not a number from 0 to 65535" \
		listen --total 300ms -- "$text"
	wrong "^lapse connect: '$text' is not a port: it is not a number from 1 to 65535" \
		connect --total 300ms -- no.such.host.invalid "$text"
done
for text in 0 00; do
	wrong "^lapse connect: '$text' is not a port: " connect localhost $text
done
for text in ' ' 80x 0x50 no-such-service; do
	wrong "^lapse listen: '$text' is not a port: it is neither a number nor the name of a TCP" \
		listen --total 30s "$text"
	wrong "^lapse connect: '$text' is not a port: it is neither a number nor the name of a TCP" \
		connect --total 30s 127.0.0.1 "$text"
done

for text in 250ms 5s 1m30s 1h 60000000us 60 60.5 .5m 1.5h 1h1m1s1ms1us 9223372036 2562047h; do
	echo data | run "$LAPSE" pipe --total "$text"
	is "0 data" "$(status) $(cat "$work/out")" "--total $text"
done

for text in '' noon 24:00 12:60 12 12:00:62 12:00pm ' ' 2030-01-01 2030-13-01T00:00 \
	2030-01-01T00:00Z 2030-01-01T24:00 12:00:00:00; do
	wrong "^lapse pipe: --by: '$text' is not a time: it is not HH:MM" pipe --by "$text"
done
for text in 2030-02-29T12:00 2030-04-31T12:00:00; do
	wrong ": there is no such day" pipe --by "$text"
done
echo data | run "$LAPSE" pipe --by 2032-02-29T23:59:59
is "0 data" "$(status) $(cat "$work/out")" "--by on a day that only leap years have"

run "$LAPSE" --version
is 0 "$(status)" "--version: status"
has '^lapse [0-9]*\.[0-9]*\.[0-9]*$' "$work/out" "--version"
run "$LAPSE" --help
is 0 "$(status)" "--help: status"
has '^Usage: lapse COMMAND' "$work/out" "--help"
for command in pipe connect listen run lock tour; do
	case $command in run | lock) failing=125 ;; *) failing=1 ;; esac
	run "$LAPSE" $command --help
	is 0 "$(status)" "$command --help: status"
	has "lapse $command" "$work/out" "$command --help"
	is '' "$(cat "$work/err")" "$command --help: no complaint"
	is '' "$(grep '.\{101\}' "$work/out")" "$command --help: no line over 100 columns"
	timeout 60 "$LAPSE" $command --help >/dev/full 2>"$work/err"
	is $failing $? "$command --help to a full device: status"
done
timeout 60 "$LAPSE" --help >/dev/full 2>"$work/err"
is 1 $? "--help to a full device: status"
has 'No space left' "$work/err" "--help to a full device: message"
finish
