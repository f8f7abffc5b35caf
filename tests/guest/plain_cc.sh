#!/bin/sh
# No build system is needed: one line of cc builds the library in an empty folder, without a word,
# and the objects link into a static program that works.
#
# Reads LAPSE_SRC and CC; writes only into a temporary folder.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# The one line is given with paths from the source tree: make it see one, and nothing but sources.
ln -s "$LAPSE_SRC/include" include
ln -s "$LAPSE_SRC/src" src

set -- src/*/*.c src/os/linux/*.c
for assembly in src/os/linux/*.S; do
	[ ! -e "$assembly" ] || set -- "$@" "$assembly"
done
$CC -D_GNU_SOURCE -Iinclude -Isrc -Isrc/os/linux -c "$@" 2>said
if [ -s said ]; then
	cat said
	exit 1
fi

cat >main.c <<'END'
#include <lapse.h>
#include <stdio.h>

int main(void)
{
	lapse_fd ends[2];
	char byte = 0;

	if (lapse_pipe(ends) != 0 || lapse_set_read_deadline(ends[0], lapse_in(LAPSE_MS)) != 0)
		return 1;
	if (lapse_read(ends[0], &byte, 1) != -1 || errno != LAPSE_EXPIRED)
		return 2;
	if (lapse_set_read_deadline(ends[0], LAPSE_NEVER) != 0 || lapse_write(ends[1], "x", 1) != 1)
		return 3;
	if (lapse_read(ends[0], &byte, 1) != 1 || byte != 'x')
		return 4;
	return lapse_close(ends[0]) == 0 && lapse_close(ends[1]) == 0 ? 0 : 5;
}
END
$CC -static -Iinclude main.c ./*.o -o main
./main
