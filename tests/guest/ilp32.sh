#!/bin/sh
# Where pointers and longs are not 64 bits wide the header refuses, and says why.
. "$(dirname "$0")/common.sh"

echo '#include <lapse.h>' >user.c
# A compiler for ILP32 need not have its C library: the model alone is told.
if $CC -U__LP64__ -U_LP64 -fsyntax-only -I"$LAPSE_SRC/include" user.c 2>said; then
	fail 'it compiles'
fi
grep -q 'error.*64-bit pointers and longs' said || fail "no reason: $(cat said)"
for model in -m32 -mx32; do
	if echo 'int x;' | $CC $model -fsyntax-only -xc - 2>/dev/null &&
		echo '#include <sys/socket.h>' | $CC $model -fsyntax-only -xc - 2>/dev/null; then
		if $CC $model -fsyntax-only -I"$LAPSE_SRC/include" user.c 2>said; then
			fail "it compiles with $model"
		fi
		grep -q '64-bit pointers and longs' said || fail "no reason: $(cat said)"
	fi
done
