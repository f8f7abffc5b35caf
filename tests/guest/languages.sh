#!/bin/sh
# The header is C99, C11, C17 and C++ to the letter, alone and before and after any other, and every
# function that it declares can be had and called from each of them.
. "$(dirname "$0")/common.sh"

header=$LAPSE_SRC/include/lapse.h
sed -nE 's/^[a-z][a-z0-9_ ]*[ *](lapse_[a-z_]+)\(.*/\1/p' "$header" | sort -u >functions
[ "$(wc -l <functions)" -gt 50 ] || fail 'where are the functions?'

# program FILE: a program that takes the address of each, and calls one
program()
{
	printf '#include <lapse.h>\n#include <lapse.h>\n\ntypedef void function(void);\n'
	printf 'static function *const functions[] = {\n'
	sed 's/.*/\t(function *)&,/' functions
	printf '};\n\nint main(void)\n{\n\tunsigned i;\n\n'
	printf '\tfor (i = 0; i < sizeof functions / sizeof functions[0]; i++)\n'
	printf '\t\tif (!functions[i])\n\t\t\treturn 1;\n'
	printf '\treturn lapse_version() == LAPSE_VERSION && LAPSE_NOFD == (lapse_fd)0 ? 0 : 2;\n}\n'
}
program >user.c
cp user.c user.cc

strict='-pedantic -Wall -Wextra -Wno-cast-function-type -Werror'
link="-I$LAPSE_SRC/include -L$LAPSE_BUILD -Wl,-rpath,$LAPSE_BUILD -llapse -pthread"
tried=0

# standard COMPILER STANDARD FILE
standard()
{
	command -v "$1" >/dev/null || return 0
	# shellcheck disable=SC2086 # lists
	"$1" -std="$2" $strict "$3" -o user $link
	./user || fail "$1 -std=$2: ended with $?"
	tried=$((tried + 1))
}

for compiler in gcc clang; do
	for language in c99 c11 c17 gnu11; do
		standard $compiler $language user.c
	done
done
for compiler in g++ clang++; do
	for language in c++11 c++17 c++20; do
		standard $compiler $language user.cc
	done
done
[ $tried -gt 0 ] || skip 'neither gcc nor clang here'
