#!/bin/sh
# quickstart.sh - set up a fresh Debian machine and do one thing:
#   sh quickstart.sh demo     WordNet: 117,659 synsets as a typed graph; classes of hidden synsets from their neighbours'
#   sh quickstart.sh check    the whole test suite
# Installs what is missing with apt-get (as root, or through sudo), builds in ./build, then runs. A second call only runs; a check that
# passed is not run again while nothing changes.
set -eu
cd "$(dirname "$0")"
what=${1:-demo}
case $what in demo|check) ;; *) echo "usage: sh quickstart.sh demo|check" >&2; exit 2 ;; esac

packages="autoconf automake flex bison zlib1g-dev liblapack-dev llvm-19-dev wordnet-base gcc libc6-dev make python3"
[ "$what" = demo ] || packages="$packages pkg-config cmake"
missing=
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
# a compiler or python that did not come from a package is as good
for pair in gcc:gcc make:make python3:python3 pkg-config:pkg-config cmake:cmake; do
    command -v "${pair%%:*}" >/dev/null 2>&1 && missing=$(echo " $missing " | sed "s/ ${pair##*:} / /")
done
missing=$(echo $missing)
if [ -n "$missing" ]; then
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing: $missing"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
log=build/setup.log
mkdir -p build
step() { printf '%s ... ' "$1"; shift; if "$@" >>"$log" 2>&1; then echo ok; else echo failed; tail -n 40 "$log" >&2; exit 1; fi; }
[ -x configure ] && [ configure -nt configure.ac ] && [ configure -nt Makefile.am ] || step "generating configure" autoreconf -fi
[ -f build/Makefile ] || step "configuring" sh -c 'cd build && ../configure'
step "building pigeonc" make -C build -j"$(nproc)"
case $what in
demo) exec sh examples/wordnet/run.sh build ;;
check)
    # quick parts once more under sanitizers, counted in the same last line
    sanitized() {               # sanitized FOLDER SANITIZERS TARGET
        mkdir -p "$1"
        [ -f "$1/Makefile" ] || step "configuring with -fsanitize=$2" sh -c "cd $1 && ../configure --enable-sanitize=$2 --disable-shared CFLAGS='-g1 -O1'"
        step "building with -fsanitize=$2" make -C "$1" -j"$(nproc)" "$3"
    }
    sanitized build-sanitize address,undefined check-programs
    sanitized build-thread thread thread-programs
    exec make -s -C build check-all CHECK="--once --also $PWD/build-sanitize:unit,check,pass,diag,input,syntax,examples --also $PWD/build-thread:unit"
    ;;
esac
