#!/bin/sh
# run.sh BUILD - the main job: WordNet as a typed graph; the classes of hidden synsets, from neighbours with and without edge types;
# one RGCN and one RGAT layer over the same graph, with the time of each phase.
set -eu
build=${1:-build}
here=$(dirname "$0")
data=$build/wordnet
mkdir -p "$data"
[ -s "$data/typed.npz" ] || { python3 "$here/wordnet.py" "$data/typed.tmp" && mv "$data/typed.tmp" "$data/typed.npz"; }
[ -s "$data/untyped.npz" ] || { python3 "$here/wordnet.py" --untyped "$data/untyped.tmp" >/dev/null && mv "$data/untyped.tmp" "$data/untyped.npz"; }
echo "== lexicographer file of the hidden fifth of WordNet's synsets, from typed neighbours (majority: always the commonest class)"
"$build/pigeonc" run "$here/wordnet.pgn" --model labels -D classes=45 --inputs "$data/typed.npz"
echo "== the same without edge types"
"$build/pigeonc" run "$here/wordnet.pgn" --model labels -D classes=45 --inputs "$data/untyped.npz"
for layer in rgcn rgat; do
    echo "== one $layer layer, 8 -> 8 (reference interpreter)"
    "$build/pigeonc" run "$here/wordnet.pgn" --model "${layer}_layer" -D in=8 -D out=8 --inputs "$data/typed.npz" --in h=random:1 --time
done
