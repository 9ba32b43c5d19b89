#!/bin/sh
# The examples that train, on the small data that they make themselves: the losses fall, what is learnt is right, and a text is written.
. "$(dirname "$0")/../training/setup.sh"
command -v python3 >/dev/null || { echo "skipped jobs: no Python"; exit 0; }
root=$ROOT
export PIGEON_DATA=/nonexistent
mkdir build && ln -s "$pigeonc" build/pigeonc
MODELS="distmult complex" sh "$root/examples/links/run.sh" build >out 2>&1; expect "link prediction" $? 0
says "data that are missing are said" out "a small generated graph instead"
expect "ranks are far better than by chance" "$(awk '$1 == "distmult" || $1 == "complex" { n += $3 > 0.1 } END { print n }' out)" 2
sh "$root/examples/links/run.sh" build "$dir/none" >out 2>&1; expect "a folder that is not there" $? 3
TEMPERATURE=0.3 sh "$root/examples/charlm/run.sh" build >out 2>&1; expect "character language models" $? 0
expect "both learn the grammar" "$(awk '$1 == "gla" || $1 == "softmax" { n += $4 < 0.5 } END { print n }' out)" 2
# the prompt may be the middle of a sentence, so its line is left out
expect "what is written is of the grammar" "$(tail -n +7 out | head -3 | grep -Ec '^(the cat|a dog|my aunt|the old king) (sees|hears|follows) (a bird|the moon|nobody)[.]$')" 3
