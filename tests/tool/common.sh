# shellcheck shell=sh
# What the tests of the program share; each sources it first. Owns a temporary folder, $work, and
# everything that was started with "background". LAPSE is the path of the program.
set -u
: "${LAPSE:?has to be the path of the program}"
LC_ALL=C
export LAPSE LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
count=0
failed=0
started=

end()
{
	trap '' HUP # of a terminal that this process has come to control, and that ends here
	# One that has ended long ago may have left its number to anybody.
	for pid in $started; do
		grep -q "^PPid:	$$\$" "/proc/$pid/status" 2>/dev/null && kill "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

# is EXPECTED ACTUAL NAME: one test
is()
{
	count=$((count + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $count - $3"
		return
	fi
	failed=1
	echo "not ok $count - $3"
	printf '%s\n' "expected: $1" "got:      $2" | sed 's/^/# /'
}

# has PATTERN FILE NAME: one test, a line of the file matches
has()
{
	if grep -q -e "$1" "$2"; then
		is 1 1 "$3"
	else
		is "a line like $1" "$(cat "$2")" "$3"
	fi
}

# at_least MILLISECONDS SINCE NAME: one test; SINCE is what now said
at_least()
{
	is 1 "$(($(now) - $2 >= $1))" "$3"
}

now()
{
	date +%s%3N
}

# Runs it; $work/out, $work/err and "status" have what came of it. Killed if it hangs. May stand at
# the end of a pipeline, so it sets no variable.
run()
{
	timeout -k 1 60 "$@" >"$work/out" 2>"$work/err"
	echo $? >"$work/status"
}

status()
{
	cat "$work/status"
}

# background COMMAND...: $! is its process
background()
{
	"$@" &
	started="$started $!"
}

# until_true COMMAND...: repeats it until it succeeds
until_true()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ $tries -gt 1000 ]; then
			echo "Bail out! it never happened: $*"
			exit 1
		fi
		sleep 0.01
	done
}

# on_terminal NAME COMMAND...: one test; the steps are standard input, see on_terminal.py
on_terminal()
{
	name=$1
	shift
	python3 "$here/on_terminal.py" "$@" >"$work/shown" 2>"$work/err"
	is 0 $? "$name"
	[ ! -s "$work/err" ] || sed 's/^/# /' "$work/err" "$work/shown"
}

# The last line of every test.
finish()
{
	echo "1..$count"
	[ $failed -eq 0 ]
	exit
}
