# What the scripts of this folder share: lines `ok NAME`, `not ok NAME: WHY`, `skipped NAME: WHY` for the runner.
# $BUILD: the build folder, $ROOT: the sources, $SANITIZED: not empty when $BUILD has sanitizers.
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; }
check() { name=$1; shift; if "$@" >log 2>&1; then ok "$name"; else bad "$name: $(tail -n 8 log | tr '\n' ' ')"; fi; }
have() { command -v "$1" >/dev/null 2>&1; }
skipped() { echo "skipped $1: $2"; }
unset MAKEFLAGS MFLAGS MAKELEVEL
CC=${CC:-gcc}
CFLAGS="-std=c11 -Wall -Wextra -Wpedantic -Werror -O1"
# the libraries that libpigeon.a needs besides
LIBS=$(sed -n 's/^\(LAPACK_LIBS\|ZLIB_LIBS\|LIBS\) = //p' "$BUILD/Makefile" | tr '\n' ' ')
install_into() { check "make install into a fresh prefix" make -s -C "$BUILD" install prefix="$1"; }
