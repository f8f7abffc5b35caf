#!/bin/sh
# The program: the origin is found before its fix and not after it, what is found is shown and can be
# repeated, and the exit status says which; the manual's example is built and explored.
# $EXPLORE is the program, $LAPSE_SRC the source tree, $CC the compiler. TAP.
set -u
explore=${EXPLORE:?} src=${LAPSE_SRC:?} cc=${CC:-cc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=0 failed=0

# ok NAME STATUS: status 0 is good
ok()
{
	count=$((count + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $count - $1"
	else
		failed=$((failed + 1))
		echo "not ok $count - $1"
		sed 's/^/# /' "$dir/out"
	fi
}

# ends NAME STATUS ARG...: the program, run with these, ends with that
ends()
{
	name=$1 status=$2
	shift 2
	"$explore" "$@" >"$dir/out" 2>&1
	is=$?
	[ "$is" -eq "$status" ]
	ok "$name" $?
}

says()
{
	grep -Eq -- "$2" "$dir/out"
	ok "$1" $?
}

# The lines of the file $1, each found in the output after the one before.
in_order()
{
	awk 'NR == FNR { want[n++] = $0; next }
		i < n && index($0, want[i]) { i++ }
		END { exit i < n }' "$1" "$dir/out"
}

echo 1..30
ends 'the origin is found within ten runs' 0 --runs 10 origin_before
says 'as the promise it breaks' 'origin_before .* broken, as it should be: 3 no stale verdict, run [0-9]+$'
says 'with the command that repeats it' 'again: .*--replay=[0-9a-z]+ origin_before$'
says 'and under a debugger' 'in gdb: .*gdb .*--args .*--replay=[0-9a-z]+ origin_before$'

schedule=$(sed -n 's/.*again:.*--replay=\([0-9a-z]*\) .*/\1/p' "$dir/out")
ends 'the schedule repeats it' 0 "--replay=$schedule" origin_before
says 'the same promise' '^ *3 no stale verdict: '

cat >"$dir/steps" <<'END'
S  
| >> locks the mutex
| >> blocks on the mutex
| >> sets the timedout flag to false
| >> calls Stop on the timer, and fails
| >> unlocks the mutex
| >> locks the mutex
| >> sets the timedout flag to true
3 no stale verdict
END
ends 'the seven steps of the report are a run' 0 --replay=02111000111 "--svg=$dir/steps.svg" origin_before
in_order "$dir/steps"
ok 'shown one after the other' $?
awk 'length > 100 { exit 1 }' "$dir/out"
ok 'in a hundred columns' $?
for text in '<svg ' '</svg>' 'time 100' 'blocks on the mutex' '3 no stale verdict'; do
	grep -q -- "$text" "$dir/steps.svg" || break
done
ok 'and as a picture' $?

ends 'with too few runs it is not found, and that is a failure' 1 --runs 1 origin_before
says 'which says so' 'bound reached \(runs\), NOT FOUND: 3 no stale verdict$'
ends 'the fix is complete' 0 origin_after
says 'and says complete' 'origin_after .* complete$'
! grep -q bound "$dir/out"
ok 'and of no bound' $?
ends 'a moved deadline is found' 0 origin_moved
ends 'and complete with the fix' 0 --memory=both origin_moved_after
ends 'what the fix still allows is found' 0 origin_now origin_race origin_extended
says 'a deadline that is now' 'origin_now .*: 1 any time, run'
says 'a race for the pending read' 'origin_race .*: data race, run'
says 'a read that fails under its new deadline' 'origin_extended .*: stricter than 2, run'

ends 'a bound that was asked for is no failure' 0 --runs 5 origin_after
says 'and is named' 'origin_after .* bound reached \(runs\)$'
ends 'a schedule that does not fit is unfit' 3 --replay=9 origin_after
ends 'an unknown scenario is wrong usage' 2 no_such_scenario
"$explore" --markdown "$dir/table.md" origin_after >"$dir/out" 2>&1
grep -q '^| origin_after | .* | complete |$' "$dir/table.md"
ok 'the table has a row for it' $?
ends 'the list' 0 --list

sed -n '/^\.\\" not run: .*: lost\.c$/,/^\.Ed$/ { /^\./d; s/\\e/\\/g; p; }' \
	"$src/docs/man/lapse-explore.7" >"$dir/lost.c"
# shellcheck disable=SC2086 # a command and its options
{
	$cc -D_GNU_SOURCE -std=gnu11 -g -O1 -fPIC -fsanitize=thread -I"$src/include" -I"$src/src" \
		-I"$src/explore" -I"$src/explore/os" -c "$dir/lost.c" -o "$dir/lost.o" &&
		$cc -shared "$dir/lost.o" -o "$dir/lost.so"
} >"$dir/out" 2>&1
ok "the manual's example is built" $?
ends 'it loses a count' 1 "--scenarios=$dir/lost.so"
says 'as the manual shows' '^ +4 \| store count := 1 '
exit $((failed > 0))
