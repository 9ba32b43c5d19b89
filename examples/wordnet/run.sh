#!/bin/sh
# run.sh BUILD - the main job: WordNet into a typed graph, label propagation with and without types, one RGCN and one RGAT layer.
set -eu
build=${1:-build}
here=$(dirname "$0")
data=$build/wordnet
mkdir -p "$data"
[ -s "$data/typed.npz" ] || python3 "$here/wordnet.py" "$data/typed.npz"
[ -s "$data/untyped.npz" ] || python3 "$here/wordnet.py" --untyped "$data/untyped.npz" >/dev/null
echo "== lexicographer file of hidden synsets: typed propagation (accuracy), and always the commonest class (majority)"
"$build/pigeonc" run "$here/wordnet.pgn" --model labels -D classes=45 --inputs "$data/typed.npz"
echo "== the same without edge types"
"$build/pigeonc" run "$here/wordnet.pgn" --model labels -D classes=45 --inputs "$data/untyped.npz"
for layer in rgcn rgat; do
    echo "== one $layer layer, 64 -> 64"
    "$build/pigeonc" run "$here/wordnet.pgn" --model "${layer}_layer" -D in=64 -D out=64 --inputs "$data/typed.npz" --in h=random:1 --bench
done
