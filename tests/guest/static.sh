#!/bin/sh
# The static library links into static programs, position-independent ones too, and they work.
. "$(dirname "$0")/common.sh"

static main "$guest/main.c" "$guest/exercise.c" "$guest/snapshot.c"
if readelf -d main | grep NEEDED; then
	fail 'not static'
fi
timeout 60 ./main
user pie "$guest/main.c" "$guest/exercise.c" "$guest/snapshot.c" -static-pie -fPIE \
	"$LAPSE_BUILD/liblapse.a" -pthread
timeout 60 ./pie
# Only what is used is linked: the clock brings no descriptors with it.
cat >clock.c <<'END'
#include <lapse.h>

int main(void)
{
	return lapse_in(0) > lapse_now();
}
END
static clock clock.c
./clock
if nm clock | grep -q ' lapse_read$'; then
	fail 'the clock needs lapse_read'
fi
