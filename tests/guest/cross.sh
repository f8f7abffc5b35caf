#!/bin/sh
# The processors that lapse runs on and the developers do not have: cross compiled, without a word
# from the compiler, and emulated.
. "$(dirname "$0")/common.sh"

# cross TARGET: builds and runs; says how that went
cross()
{
	compiler=$1-linux-gnu-gcc
	for program in "$compiler" "qemu-$1"; do
		if ! command -v "$program" >/dev/null 2>&1; then
			echo "ok - $1 # skip no $program here"
			return
		fi
	done
	if ! echo '#include <stdio.h>' | "$compiler" -E - >/dev/null 2>&1; then
		echo "ok - $1 # skip no C library for $compiler here"
	elif "$compiler" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -Werror -I"$LAPSE_SRC/include" \
		-I"$LAPSE_SRC/src" -I"$LAPSE_SRC/src/os/linux" -static -o "$1" "$LAPSE_SRC"/src/*/*.c \
		"$LAPSE_SRC"/src/os/linux/*.c "$guest/cross.c" "$guest/exercise.c" -pthread 2>said &&
		timeout 120 "qemu-$1" "./$1" 2>said; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		cat said
	fi
}

echo 1..2
{
	cross aarch64
	cross riscv64
} | tee results
! grep -q '^not ok' results
