#!/bin/sh
# Processors that the developers do not have: what breaks a call off, at the instructions of the library
# that the call passes (breakpoints.c). LAPSE_STEPS=all: at each of them.
. "$(dirname "$0")/common.sh"
steps=$LAPSE_SRC/tests/interrupt

# compile TARGET ARG...
compile()
{
	compiler=$1-linux-gnu-gcc
	shift
	"$compiler" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -Werror -I"$LAPSE_SRC/include" \
		-I"$LAPSE_SRC/src" -I"$LAPSE_SRC/src/os/linux" "$@"
}

# The library's instructions get a section of their own.
build()
{
	compile "$1" -r -o "$1.o" "$LAPSE_SRC"/src/*/*.c "$LAPSE_SRC"/src/os/linux/*.c &&
		"$1-linux-gnu-objcopy" --rename-section .text=lapse_text "$1.o" &&
		compile "$1" -I"$steps" -include "$guest/breakpoint_$1.h" -static \
			-Wl,--wrap=pthread_create -o "$1" "$1.o" "$guest/cross_step.c" \
			"$guest/breakpoints.c" "$steps/stepper.c" "$steps/step_targets.c" -pthread
}

# step TARGET: builds and runs; says how that went
step()
{
	for program in "$1-linux-gnu-gcc" "$1-linux-gnu-objcopy" "qemu-$1"; do
		if ! command -v "$program" >/dev/null 2>&1; then
			echo "ok - $1 # skip no $program here"
			return
		fi
	done
	if ! echo '#include <stdio.h>' | "$1-linux-gnu-gcc" -E - >/dev/null 2>&1; then
		echo "ok - $1 # skip no C library for $1 here"
	elif build "$1" 2>said && "qemu-$1" "./$1" "${LAPSE_STEPS-}" 2>said; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		cat said
	fi
}

echo 1..2
{
	step aarch64
	step riscv64
} | tee results
! grep -q '^not ok' results
