# examples/embed: an equation compiled into an object file and called from C. With the build tree, then with an installed prefix through
# pkg-config and make, CMake, Meson, and a configure script.
. "$ROOT/tests/install/common.sh"
E=$ROOT/examples/embed
expected() { "$@" >out && grep -q '^node 2: 4.5 6$' out && grep -q '^as expected$' out; }
fresh() { rm -rf "$1" && mkdir "$1" && cp "$E"/* "$1"/ && chmod -R u+w "$1" && cd "$1"; }

mkdir tree && cd tree
check "object from the build tree" "$PIGEONC" "$E/layer.pgn" -o layer.o -MD
check "the same bytes again" sh -c "cp layer.o first.o && cp layer.h first.h && '$PIGEONC' '$E/layer.pgn' -o layer.o && cmp layer.o first.o && cmp layer.h first.h"
check "depfile names the model" grep -q 'layer\.pgn' layer.d
if test -n "$SANITIZED"; then skipped "clients of the library" "it is built with sanitizers"; exit 0; fi
check "its client compiles without warnings" $CC $CFLAGS -I"$ROOT/runtime/include" -I. "$E/main.c" -c -o main.o
check "links with libpigeon.a" $CC main.o layer.o "$BUILD/libpigeon.a" $LIBS -o main
check "the build tree: the client runs" expected ./main
check "plain C in place of the object" sh -c "'$PIGEONC' '$E/layer.pgn' --emit=c -o layer.c && $CC $CFLAGS -I'$ROOT/runtime/include' -I. '$E/main.c' layer.c '$BUILD/libpigeon.a' $LIBS -o main_c"
check "runs as plain C" expected ./main_c
if have g++; then check "header in C++" g++ -Wall -Wextra -Werror -I"$ROOT/runtime/include" -fsyntax-only -xc++ layer.h; else skipped "header in C++" "no g++"; fi
cd ..

P=$PWD/prefix
install_into "$P"
export PKG_CONFIG_PATH="$P/lib/pkgconfig" LD_LIBRARY_PATH="$P/lib"
test -f "$P/lib/libpigeon.so" || { skipped "clients of the installed library" "no shared library was built"; exit 0; }
if have pkg-config; then
    fresh with_make
    check "make, by pkg-config and pigeon.mk" make -s CFLAGS="$CFLAGS"
    check "make: the client runs" expected ./main
    check "nothing is compiled the second time" sh -c 'make >log2 && ! grep -q -- " -o " log2'
    touch layer.pgn && sleep 0.05
    check "a touched model is compiled again, its unchanged header stays" sh -c 'make >log2 && grep -q -- "layer.o" log2 && ! grep -q "main.c" log2'
    sed -i 's/# One/# One more/; s/input h/input hh/; s/h\[src/hh[src/; s/sum(i) h\[v/sum(i) hh[v/' layer.pgn
    check "a changed interface reaches the client" sh -c '! make 2>log2 && grep -q "hh\|no member" log2'
    cd ..
else skipped "make by pkg-config" "no pkg-config"; fi
if have cmake; then
    fresh with_cmake
    check "CMake configures" cmake -S . -B b -DCMAKE_PREFIX_PATH="$P" -DCMAKE_C_FLAGS="$CFLAGS"
    check "CMake builds" cmake --build b
    check "CMake: the client runs" expected b/main
    touch layer.pgn
    check "CMake compiles a touched model again" sh -c 'cmake --build b | grep -q "Compiling layer.pgn"'
    sed -i 's/layer layer.pgn/layer layer.pgn STATIC FLAGS -O1/' CMakeLists.txt
    check "CMake, static library and flags" sh -c 'cmake --build b && ! ldd b/main | grep -q libpigeon'
    check "CMake, static: the client runs" expected b/main
    sed -i 's/pigeon 0.1/pigeon 9.1/' CMakeLists.txt
    check "CMake refuses another version" sh -c '! cmake -S . -B b2 -DCMAKE_PREFIX_PATH='"'$P'"
    cd ..
else skipped "CMake" "no cmake"; fi
if have meson && have ninja; then
    fresh with_meson
    check "Meson builds" sh -c 'meson setup b && ninja -C b'
    check "Meson: the client runs" expected b/main
    cd ..
else skipped "Meson" "no meson and ninja"; fi
if have autoreconf && have pkg-config; then
    fresh with_configure
    rm Makefile
    cat >configure.ac <<'END'
AC_INIT([embed], [1])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
PIGEON_CHECK([0.1])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
    cat >Makefile.am <<'END'
bin_PROGRAMS = embed
embed_SOURCES = main.c
nodist_EXTRA_embed_SOURCES = layer.h
embed_CPPFLAGS = $(PIGEON_CFLAGS)
embed_LDADD = layer.o $(PIGEON_LIBS) -lm
BUILT_SOURCES = layer.h
CLEANFILES = layer.o layer.h layer.o.d
EXTRA_DIST = layer.pgn
SUFFIXES = .pgn
@PIGEON_RULES@
END
    check "a configure script with PIGEON_CHECK" sh -c "autoreconf -fi -I '$P/share/aclocal' && ./configure && make"
    check "a configure script: the client runs" expected ./embed
    sed -i 's/\[0.1\]/[9.1]/' configure.ac
    check "PIGEON_CHECK refuses another version" sh -c "autoreconf -fi -I '$P/share/aclocal' && ! ./configure"
    cd ..
else skipped "a configure script with PIGEON_CHECK" "no autoconf, automake or pkg-config"; fi
