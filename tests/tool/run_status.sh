#!/bin/sh
# lapse run beside timeout(1), in the same situations: the exit status, and what the command inherits.
. "$(dirname "$0")/common.sh"

# Who is in front of us may ignore these, as a shell has the background do: what is run gets them.
# shellcheck disable=SC2016 # perl's
defaults='$SIG{$_} = "DEFAULT" for qw(HUP INT QUIT TERM);'

# how COMMAND...: how it ends, a signal being another end than the status that the shell makes of it
how()
{
	perl -e "$defaults"'system { $ARGV[0] } @ARGV; print $? & 127 ? -($? & 127) : $? >> 8' -- "$@" \
		2>"$work/err" </dev/null
}

# same STATUS COMMAND...: ends like that, by itself and under both
same()
{
	expected=$1
	shift
	is "$expected" "$(how timeout 60 "$@")" "timeout $*"
	for option in --total --idle; do
		is "$expected" "$(how "$LAPSE" run $option 60s -- "$@")" "lapse run $option: $*"
	done
}

: >"$work/not_executable"
printf 'exit 9\n' >"$work/no_interpreter"
chmod +x "$work/no_interpreter"
same 0 true
same 1 false
same 7 sh -c 'exit 7'
same 255 sh -c 'exit 255'
same 124 sh -c 'exit 124'
same 9 "$work/no_interpreter"
same 127 no-such-command
has '^lapse run: no-such-command: No such file or directory$' "$work/err" "not found: message"
same 127 ''
same 126 "$work/not_executable"
has "^lapse run: $work/not_executable: Permission denied$" "$work/err" "not executable: message"
same 126 "$work"
same 126 "$work/not_executable/x"
for signal in 1 2 3 9 11 12 13 15; do
	# shellcheck disable=SC2016 # the inner shell's
	same -$signal sh -c 'kill -"$1" $$' sh $signal
	is '' "$(cat "$work/err")" "died of $signal: nothing is said"
done
is 143 "$(sh -c '"$@"; echo $?' sh "$LAPSE" run sh -c 'kill $$' 2>"$work/err")" \
	"as the shell says it"

# over STATUS COMMAND...: time is up after 0.2 s, KILL 0.2 s later. timeout itself dies of that KILL.
over()
{
	expected=$1
	shift
	is "$expected" "$(how sh -c '"$@"; exit $?' sh timeout -k 0.2 0.2 "$@")" "timeout, over: $*"
	is "$expected" "$(how setsid -w "$LAPSE" run --total 200ms --grace 200ms "$@")" \
		"lapse run --total, over: $*"
	is "$expected" "$(how setsid -w "$LAPSE" run --idle 200ms --grace 200ms "$@")" \
		"lapse run --idle, over: $*"
}

over 124 sleep 60
over 124 sh -c 'trap "exit 3" TERM; while :; do sleep 1 & wait; done'
over 124 sh -c 'trap "exit 0" TERM; while :; do sleep 1 & wait; done'
over 137 sh -c 'trap "" TERM; while :; do sleep 1 & wait; done'
has '(idle 200ms): 0 bytes of output, killed$' "$work/err" "KILL: message"
# shellcheck disable=SC2016 # the inner shell's
over 124 sh -c 'kill -STOP $$; exit 0'

# sent STATUS SIGNAL COMMAND...: the signal is sent to timeout and to lapse run once the command has
# made the file "ready"; it is the command that gets it.
sent()
{
	expected=$1 signal=$2
	shift 2
	for runner in "timeout 60" "$LAPSE run --total 60s" "$LAPSE run --idle 60s"; do
		rm -f "$work/ready" "$work/pid"
		# shellcheck disable=SC2086 # words
		(cd "$work" && exec perl -e "$defaults"'
my $pid = fork;
exec { $ARGV[0] } @ARGV if !$pid;
open(PID, ">", "pid");
print PID "$pid\n";
close(PID);
waitpid($pid, 0);
print $? & 127 ? -($? & 127) : $? >> 8' -- $runner "$@") >"$work/how" 2>"$work/err" </dev/null &
		until_true test -e "$work/ready"
		until_true test -s "$work/pid"
		kill -"$signal" "$(cat "$work/pid")"
		wait $!
		is "$expected" "$(cat "$work/how")" "$runner: $signal is passed on: $*"
	done
}

for signal in 1 2 3 15; do
	sent -$signal "$signal" sh -c '>ready; exec sleep 60'
	sent 5 "$signal" sh -c "trap 'exit 5' $signal; >ready; while :; do sleep 1 & wait; done"
done

# What is ignored stays so, and what the command inherits is what we did.
# shellcheck disable=SC2016 # the inner shell's
inherited='grep -E "^Sig(Blk|Ign)" /proc/self/status; ls /proc/self/fd'
for ignored in USR2 HUP 'HUP INT QUIT CHLD TSTP PIPE'; do
	for option in --total --idle; do
		# shellcheck disable=SC2086 # words
		is "$(trap '' $ignored; sh -c "$inherited" 2>&1)" \
			"$(trap '' $ignored; "$LAPSE" run $option 60s sh -c "$inherited" 2>&1)" \
			"with $option the command inherits the signals (ignored: $ignored) and descriptors"
		# shellcheck disable=SC2086 # words
		is 3 "$(trap '' $ignored; "$LAPSE" run $option 60s sh -c 'exit 3'; echo $?)" \
			"ignored: $ignored: $option: status"
	done
done
is "$(env | sort)" "$("$LAPSE" run env | sort)" "the environment"
(trap '' HUP && exec "$LAPSE" run --total 60s sh -c 'echo begun; sleep 0.3; exit 6') \
	>"$work/begun" 2>"$work/err" &
until_true test -s "$work/begun"
kill -HUP $!
wait $!
is 6 $? "a signal that is ignored is not passed on"

echo data >"$work/data"
exec 3<"$work/data"
is "$work/data $work/here" "$("$LAPSE" run --total 60s python3 -c 'import os, sys
print(*(os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1)), file=sys.stderr)' <&3 2>&1 >"$work/here")" \
	"without --idle the descriptors are the command's"
is data "$("$LAPSE" run --idle 60s cat <"$work/data")" "with --idle standard input is"
is "4 4" "$("$LAPSE" run sh -c 'exec python3 -c "import os; print(int(os.getpgrp() == os.getpid()) * 4,
    int(os.getsid(0) != os.getpid()) * 4)"')" "a process group of its own, in our session"
finish
