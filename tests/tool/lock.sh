#!/bin/sh
# lapse lock beside flock(1): they exclude each other, and the command's status is passed on.
. "$(dirname "$0")/common.sh"
cd "$work" || exit

# hold COMMAND...: one that locks the file and says so, in the background until "release"
mkfifo released
exec 3<>released
hold()
{
	: >held
	# shellcheck disable=SC2094
	"$@" sh -c 'echo held; read -r line' <released >held &
	holder=$!
	started="$started $holder"
	until_true grep -q held held
}

release()
{
	echo >&3
	wait "$holder"
}

for status in 0 7 255; do
	run flock file sh -c "exit $status"
	is "$status" "$(status)" "flock: $status"
	run "$LAPSE" lock file sh -c "exit $status"
	is "$status" "$(status)" "lapse lock: $status"
	run "$LAPSE" lock --wait 60s other_file -- sh -c "exit $status"
	is "$status" "$(status)" "lapse lock --wait: $status"
done
is 1 "$([ -f other_file ] && echo 1)" "the file is made"
# shellcheck disable=SC2016 # the inner shell's
is 143 "$(sh -c '"$@"; echo $?' sh "$LAPSE" lock file sh -c 'kill $$' 2>err)" "a signal"
run "$LAPSE" lock file no-such-command
is "127 lapse lock: no-such-command: No such file or directory" "$(status) $(cat err)" "not found"
run "$LAPSE" lock file ./file
is "126 lapse lock: ./file: Permission denied" "$(status) $(cat err)" "not executable"
run "$LAPSE" lock no/such/file true
is "125 lapse lock: no/such/file: No such file or directory" "$(status) $(cat err)" "no such folder"
run "$LAPSE" lock . echo locked
is "0 locked" "$(status) $(cat out)" "a folder"
is data "$(echo data | "$LAPSE" lock file cat)" "standard input is the command's"
is "$(grep -E '^Sig(Blk|Ign)' /proc/self/status)" \
	"$("$LAPSE" lock file grep -E '^Sig(Blk|Ign)' /proc/self/status)" "the signals are the command's"

# Each pair of exclusive and shared, of both programs.
for first in "flock -x" "flock -s" "$LAPSE lock" "$LAPSE lock --shared"; do
	# shellcheck disable=SC2086 # words
	hold $first file
	for second in '' --shared; do
		# shellcheck disable=SC2086 # words
		run flock -n ${second:+-s} file true
		flock_says=$(status)
		begin=$(now)
		case $first$second in
		*-s*--shared) wait=60s want="0 0 locked " ;;
		*) wait=200ms want="1 124  lapse lock: time was up (wait 200ms): no lock on file" ;;
		esac
		# shellcheck disable=SC2086 # words
		run "$LAPSE" lock --wait $wait $second file echo locked
		is "$want" "$flock_says $(status) $(cat out) $(cat err)" \
			"held by $first, wanted by lapse lock $second"
		case $want in 1*) at_least 200 "$begin" "not early" ;; esac
	done
	run flock -n file true
	is 1 "$(status)" "what gave up holds nothing, what waited in vain breaks nothing"
	release
	run "$LAPSE" lock --wait 60s file true
	is 0 "$(status)" "free again"
done

# One that waits gets it as soon as it is free.
hold flock file
for wait in '' '--wait 60s'; do
	# shellcheck disable=SC2086 # words
	"$LAPSE" lock $wait file sh -c 'echo had >>had' &
	waiting="${waiting-} $!"
done
# shellcheck disable=SC2317
waiters()
{
	for pid in $waiting; do
		grep -qE "^[0-9]+: +-> FLOCK .* $pid " /proc/locks || return
	done
}
until_true waiters
is 1 "$([ ! -e had ] && echo 1)" "they wait"
release
# shellcheck disable=SC2086 # words
wait $waiting
is "had had" "$(paste -sd ' ' had)" "they get it one after the other"

# What is killed while it waits takes nothing with it; the dump says what it waits for.
hold flock file
"$LAPSE" lock file true 2>dump &
waiting=$!
until_true waiters
kill -USR1 $waiting
until_true test -s dump
has flock dump "SIGUSR1 shows the lock"
kill $waiting
wait $waiting
is 143 $? "killed while it waits"
release
run flock -n file true
is 0 "$(status)" "and holds nothing"

# With standard input closed the lock does not take its place.
run "$LAPSE" lock file sh -c 'test -e /proc/$$/fd/0; echo $?' <&-
is "0 1" "$(status) $(cat out)" "a closed standard input stays closed"

# A FIFO without a writer is not opened within the limit either.
mkfifo nobody
run "$LAPSE" lock --wait 200ms nobody true
is "124 lapse lock: time was up (wait 200ms): no lock on nobody" "$(status) $(cat err)" "a FIFO"
finish
