#!/bin/sh
# run.sh BUILD - the main job: WordNet as a typed graph; classes of hidden synsets, from neighbours with and without edge types; the same learnt from
# the words of the glosses; one RGCN, RGAT and HGT layer each over the same graph, compiled, with times.  What is read and made stays in BUILD/wordnet.
set -eu
build=${1:-build}
here=$(dirname "$0")
data=$build/wordnet
mkdir -p "$data"
[ -s "$data/typed.npz" ] || { python3 "$here/wordnet.py" "$data/typed.tmp" && mv "$data/typed.tmp" "$data/typed.npz"; }
[ -s "$data/untyped.npz" ] || { python3 "$here/wordnet.py" --untyped "$data/untyped.tmp" >/dev/null && mv "$data/untyped.tmp" "$data/untyped.npz"; }
[ -s "$data/words.npz" ] || { python3 "$here/wordnet.py" --words 16384 "$data/words.tmp" >/dev/null && mv "$data/words.tmp" "$data/words.npz"; }
exec python3 "$here/report.py" "$build" "$data"
