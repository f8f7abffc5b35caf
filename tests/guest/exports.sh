#!/bin/sh
# The shared library exports lapse_ names and needs libc alone; the static one defines lapse_, lp_
# and os_ names. Nothing of it runs before it is called.
. "$(dirname "$0")/common.sh"

library=$LAPSE_BUILD/liblapse.so
need nm readelf ldd

names()
{
	nm "$@" | awk 'NF > 1 && $(NF - 1) != "A" { sub("@.*", "", $NF); print $NF }'
}

names -D --defined-only "$library" | grep -v '^lapse_' >others || true
[ ! -s others ] || fail "exports $(cat others)"
names -g --defined-only "$LAPSE_BUILD/liblapse.a" | grep -Ev '^(lapse|lp|os)_' >others || true
[ ! -s others ] || fail "defines $(cat others)"

readelf -d "$library" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -Ev '^(libc|ld-linux)' >others || true
[ ! -s others ] || fail "needs $(cat others)"
ldd "$library" | grep -Ev 'linux-vdso|libc\.so|ld-linux' >others || true
[ ! -s others ] || fail "loads $(cat others)"

# What runs as a library is loaded or unloaded stands in these sections.
readelf -SW "$LAPSE_BUILD/liblapse.a" | grep -E '\.(init|fini|ctors|dtors|preinit)' >others || true
[ ! -s others ] || fail "has constructors: $(cat others)"
readelf -lW "$library" | grep GNU_STACK | grep -q 'RW ' || fail 'has an executable stack'
if readelf -d "$library" | grep -q TEXTREL; then
	fail 'has text relocations'
fi
