#!/bin/sh
# The processors that lapse runs on and the developers do not have: cross compiled, without a word
# from the compiler, and emulated.
. "$(dirname "$0")/common.sh"

# exercise TARGET: builds and runs
exercise()
{
	cross_cc "$1" -static -o "$1" "$LAPSE_SRC"/src/*/*.c "$LAPSE_SRC"/src/os/linux/*.c \
		"$guest/cross.c" "$guest/exercise.c" -pthread &&
		timeout 120 "qemu-$1" "./$1"
}

cross exercise
