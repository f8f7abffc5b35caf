# shellcheck shell=sh
# What the guests share; each sources it first. LAPSE_SRC is the source tree, LAPSE_BUILD the build
# folder, CC the compiler. Owns a temporary folder, which is where the guest is from then on, and
# everything that was started with "background".
set -eu
: "${LAPSE_SRC:?}" "${LAPSE_BUILD:?}" "${CC:?}"
LC_ALL=C
export LC_ALL
guest=$LAPSE_SRC/tests/guest
work=$(mktemp -d)
started=

end()
{
	for pid in $started; do
		kill "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

fail()
{
	echo "$*"
	exit 1
}

# Meson and the tally know 77 for "skipped".
skip()
{
	echo "$*"
	exit 77
}

# need PROGRAM...
need()
{
	for program; do
		command -v "$program" >/dev/null 2>&1 || skip "no $program here"
	done
}

# user OUTPUT ARG...: compile a program that uses the library
user()
{
	output=$1
	shift
	$CC -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra -Werror -I"$LAPSE_SRC/include" -I"$guest" \
		-o "$output" "$@"
}

# The same with the shared or the static library.
shared()
{
	user "$@" -L"$LAPSE_BUILD" "-Wl,-rpath,$LAPSE_BUILD" -llapse -pthread
}

static()
{
	user "$@" -static "$LAPSE_BUILD/liblapse.a" -pthread
}

# until_true COMMAND...: repeats it until it succeeds
until_true()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -le 1000 ] || fail "it never happened: $*"
		sleep 0.01
	done
}

# background COMMAND...: $! is its process
background()
{
	"$@" &
	started="$started $!"
}

# ---- Processors that the developers do not have: cross compiled, and emulated ----

# cross_cc TARGET ARG...: compiles for it, without a word
cross_cc()
{
	compiler=$1-linux-gnu-gcc
	shift
	"$compiler" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -Werror -I"$LAPSE_SRC/include" \
		-I"$LAPSE_SRC/src" -I"$LAPSE_SRC/src/os/linux" "$@"
}

# cross_lacks TARGET TOOL...: what is missing here, if anything is
cross_lacks()
{
	target=$1
	shift
	for program in "$target-linux-gnu-gcc" "qemu-$target" "$@"; do
		if ! command -v "$program" >/dev/null 2>&1; then
			echo "$program"
			return
		fi
	done
	echo '#include <stdio.h>' | "$target-linux-gnu-gcc" -E - >/dev/null 2>&1 ||
		echo "C library for $target"
}

# cross_one TRY TARGET MISSING: says how that went
cross_one()
{
	if [ "$3" ]; then
		echo "ok - $2 # skip no $3 here"
	elif "$1" "$2" 2>said; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		cat said
	fi
}

# cross TRY [TOOL]: TRY TARGET for each processor; TOOL: what it needs of the binutils beside gcc
cross()
{
	echo 1..2
	for target in aarch64 riscv64; do
		cross_one "$1" $target "$(cross_lacks $target ${2:+"$target-linux-gnu-$2"})"
	done | tee results
	! grep -q '^not ok' results
}
