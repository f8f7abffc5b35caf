#!/bin/sh
# An installed lapse is found by pkg-config, CMake and Meson, dynamic and static, and a Meson project
# can have it inside itself.
#
# Reads LAPSE_SRC and CC; writes only into a temporary folder.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >main.c <<'END'
#include <lapse.h>

int main(void)
{
	return lapse_version() == LAPSE_VERSION && lapse_now() > 0 ? 0 : 1;
}
END

quiet()
{
	"$@" >said 2>&1 || { cat said; exit 1; }
}

quiet meson setup -Doptimization=0 --prefix="$work/there" --libdir=lib "$LAPSE_SRC" build
quiet meson install -C build

# What is there, and nothing else.
find there -type f ! -path '*/man/*' | sort >found
cat >expected <<'END'
there/bin/lapse
there/include/lapse.h
there/lib/cmake/lapse/lapse-config-version.cmake
there/lib/cmake/lapse/lapse-config.cmake
there/lib/liblapse.a
there/lib/liblapse.so.0.1.0
there/lib/pkgconfig/lapse.pc
END
diff expected found
[ -f there/share/man/man7/lapse.7 ]

# The program needs libc and no liblapse.
if ldd there/bin/lapse | grep lapse; then
	exit 1
fi

export PKG_CONFIG_PATH="$work/there/lib/pkgconfig" LD_LIBRARY_PATH="$work/there/lib"
# shellcheck disable=SC2046
$CC main.c $(pkg-config --cflags --libs lapse) -o shared
./shared
unset LD_LIBRARY_PATH
# shellcheck disable=SC2046
$CC -static main.c $(pkg-config --static --cflags --libs lapse) -o static
./static

mkdir cmake
cp main.c cmake
cat >cmake/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.10)
project(user C)
find_package(lapse 0.1 REQUIRED)
add_executable(shared main.c)
target_link_libraries(shared lapse::lapse)
add_executable(static main.c)
target_link_libraries(static lapse::static)
END
quiet cmake -G Ninja -S cmake -B cmake/build -DCMAKE_PREFIX_PATH="$work/there"
quiet cmake --build cmake/build
cmake/build/shared
cmake/build/static

mkdir -p meson/subprojects
cp main.c meson
ln -s "$LAPSE_SRC" meson/subprojects/lapse
cat >meson/meson.build <<'END'
project('user', 'c')
test('user', executable('user', 'main.c', dependencies: dependency('lapse', fallback: 'lapse')))
END
quiet meson setup -Doptimization=0 --wrap-mode=forcefallback meson meson/build
quiet meson test -C meson/build
