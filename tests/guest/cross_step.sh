#!/bin/sh
# Processors that the developers do not have: what breaks a call off, at the instructions of the library
# that the call passes (breakpoints.c). LAPSE_STEPS=all: at each of them.
. "$(dirname "$0")/common.sh"
steps=$LAPSE_SRC/tests/interrupt

# step TARGET: builds and runs. The library's instructions get a section of their own.
step()
{
	cross_cc "$1" -r -o "$1.o" "$LAPSE_SRC"/src/*/*.c "$LAPSE_SRC"/src/os/linux/*.c &&
		"$1-linux-gnu-objcopy" --rename-section .text=lapse_text "$1.o" &&
		cross_cc "$1" -I"$steps" -include "$guest/breakpoint_$1.h" -static \
			-Wl,--wrap=pthread_create -o "$1" "$1.o" "$guest/cross_step.c" \
			"$guest/breakpoints.c" "$steps/stepper.c" "$steps/step_targets.c" -pthread &&
		"qemu-$1" "./$1" "${LAPSE_STEPS-}"
}

cross step objcopy
