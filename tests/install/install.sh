# Installs into a fresh prefix and builds clients with what lies there: pkg-config with the shared and the static library, C++.
. "$ROOT/tests/install/common.sh"
P=$PWD/prefix
install_into "$P"
for f in bin/pigeonc lib/libpigeon.a lib/pkgconfig/pigeon.pc lib/cmake/pigeon/pigeonConfig.cmake share/aclocal/pigeon.m4 share/pigeon/pigeon.mk \
         share/pigeon/std/nn.pgn include/pigeon/model.h share/man/man1/pigeonc.1 share/bash-completion/completions/pigeonc; do
    test -f "$P/$f" || bad "$f is not installed"
done
check "headers compile alone as C11, without warnings" sh -c "for h in pigeon model tensor graph io kernel; do echo \"#include <pigeon/\$h.h>\" | $CC -std=c11 -Wall -Wextra -Wpedantic -Werror -I'$P/include' -fsyntax-only -xc - || exit 1; done"
if have g++; then
    check "headers compile as C++" sh -c "for h in pigeon model tensor graph io kernel; do echo \"#include <pigeon/\$h.h>\" | g++ -Wall -Wextra -Werror -I'$P/include' -fsyntax-only -xc++ - || exit 1; done"
else skipped "headers as C++" "no g++"; fi

if test -f "$P/lib/libpigeon.so"; then
    nm -D --defined-only "$P/lib/libpigeon.so" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' >exported
    if grep -v '^pgn_' exported >stray; then bad "libpigeon.so exports $(head -n 3 stray | tr '\n' ' ')"; else ok "libpigeon.so exports pgn_ names only"; fi
fi
# of every object: data that can change (constants with addresses in them are .data.rel.ro)
size -A "$P/lib/libpigeon.a" | awk '/\(ex / { o = $1 } /^\.(data|bss|tdata|tbss)(\.| )/ && !/^\.data\.rel\.ro/ && $2 > 0 { print o, $1, $2 }' >state
if test -n "$SANITIZED"; then skipped "no variables in libpigeon" "sanitizers add their own"
elif test -s state; then bad "libpigeon has global variables: $(cat state)"; else ok "libpigeon keeps no global state"; fi
cat >client.c <<'END'
#include <pigeon/io.h>
#include <stdio.h>
int main(void) {
    pgn_graph g;
    pgn_error e;
    FILE *f = fopen("g.tsv", "w");
    fputs("a\tx\tb\nb\ty\tc\n", f);
    fclose(f);
    if (pgn_triples_read("g.tsv", true, &g, &e)) { puts(e.message); return 1; }
    int ok = g.nodes == 3 && g.edges == 4 && g.etypes == 4;
    pgn_graph_free(&g);
    if (pgn_triples_read("absent.tsv", false, &g, &e) != PGN_E_IO) ok = 0;
    return !ok;
}
END
if test -n "$SANITIZED"; then skipped "clients by pkg-config" "the library is built with sanitizers"
elif have pkg-config; then
    export PKG_CONFIG_PATH="$P/lib/pkgconfig"
    if test -f "$P/lib/libpigeon.so"; then
        check "client by pkg-config, shared library" $CC client.c -o shared $(pkg-config --cflags --libs pigeon)
        check "it runs" env LD_LIBRARY_PATH="$P/lib" ./shared
    fi
    mkdir -p archive && cp "$P/lib/libpigeon.a" archive
    check "client by pkg-config, static library" $CC client.c -o static -Larchive $(pkg-config --cflags --libs --static pigeon)
    check "it runs without libpigeon.so" env LD_LIBRARY_PATH= ./static
else skipped "clients by pkg-config" "no pkg-config"; fi
# pigeonc finds the library of models and the headers of generated text where they are installed, also when the prefix has moved
cat >layer.pgn <<'END'
use "std/nn.pgn"
model layer(n: dim, d: dim) {
  index k: n, i: d
  input x[n, d]
  output y[k, i] = relu(x[k, i])
}
END
check "the installed pigeonc compiles and runs" "$P/bin/pigeonc" run layer.pgn -D n=3 -D d=2 --in x=random:1 --executor=cpu,c,cuda-shim --verify
if test -n "$SANITIZED"; then skipped "an object of the installed pigeonc" "the library is built with sanitizers"
elif have pkg-config; then
    printf '#include "layer.h"\nint main(void) { return layer_model.n_output != 1; }\n' >use.c
    check "its object links with the installed library" sh -c "'$P/bin/pigeonc' layer.pgn -o layer.o && $CC use.c layer.o -o use $(pkg-config --cflags --libs --static pigeon) && LD_LIBRARY_PATH='$P/lib' ./use"
else skipped "an object of the installed pigeonc" "no pkg-config"; fi
mv "$P" moved
check "it does in another place too" ./moved/bin/pigeonc run layer.pgn -D n=3 -D d=2 --in x=random:1 --executor=c --verify
# whatever lies where it was configured to be: its prefix, in the program, becomes a folder with a broken library
mkdir -p decoy/share/pigeon/std && echo 'model broken(' >decoy/share/pigeon/std/prelude.pgn
cat >decoy.py <<'END'
import sys
program, prefix, rest = open(sys.argv[1], "rb").read(), sys.argv[2].encode(), b"/share/pigeon\0"
assert prefix + rest in program and len(prefix) >= 5
open(sys.argv[1], "wb").write(program.replace(prefix + rest, b"decoy".ljust(len(prefix), b"/") + rest))
END
check "a path for the wrong library" python3 decoy.py moved/bin/pigeonc "$(sed -n 's/^prefix = //p' "$BUILD/Makefile")"
check "the library beside the program comes first" ./moved/bin/pigeonc run layer.pgn -D n=3 -D d=2 --in x=random:1 --executor=c --verify
mv moved/share/pigeon/std moved/share/pigeon/away
check "the configured one is next" sh -c '! ./moved/bin/pigeonc check layer.pgn 2>err && grep -q "^decoy/.*prelude.pgn" err'
mv moved/share/pigeon/away moved/share/pigeon/std
mv moved "$P"
check "make uninstall" make -s -C "$BUILD" uninstall prefix="$P"
left=$(find "$P" -type f -o -type l)
if test -n "$left"; then bad "make uninstall leaves $left"; else ok "make uninstall leaves no file"; fi
