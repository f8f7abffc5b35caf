#!/bin/sh
# Two copies of the library, as two plugins bring them, know nothing of each other, in one namespace
# of the linker or in two; and closing a library is harmless, whoever has used it.
. "$(dirname "$0")/common.sh"

cp "$(readlink -f "$LAPSE_BUILD/liblapse.so")" copy.so
user twice "$guest/twice.c" -pthread -ldl
timeout 60 ./twice "$LAPSE_BUILD/liblapse.so" ./copy.so
# One may also be linked in.
user both "$guest/twice.c" "$guest/exercise.c" -pthread -ldl -L"$LAPSE_BUILD" \
	"-Wl,-rpath,$LAPSE_BUILD" -Wl,--no-as-needed -llapse
timeout 60 ./both ./copy.so "$LAPSE_BUILD/liblapse.so"
