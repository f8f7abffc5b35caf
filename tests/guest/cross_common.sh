# shellcheck shell=sh
# What is built for processors that the developers do not have, and emulated. After common.sh.

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
