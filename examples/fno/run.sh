#!/bin/sh
# run.sh BUILD [FOLDER] [EPOCHS] - trains Fourier neural operators on Darcy flow and Burgers' equation and prints their errors on data that they have
# not seen.  FOLDER has the files that neuraloperator ships, darcy/darcy_train_16_x.npy and so on; without it (or `-`) data.pgn makes data of the same
# kind.  What is made stays in BUILD/fno.
set -eu
build=${1:-build} folder=${2:--} epochs=${3:-50}
here=$(dirname "$0")
data=$build/fno
batch=20
mkdir -p "$data"
quietly() { "$build/pigeonc" run "$here/data.pgn" "$@" >/dev/null; }
get() {                                     # PROBLEM, names of its two arrays in data.pgn, samples, tests, sizes
    made="--model $1_made --real f64 $6"
    if [ "$folder" = - ]; then
        quietly $made -D "N=$4" --seed 1 --outputs "$data/$1_train.npz"
        quietly $made -D "N=$5" --seed 2 --out "a=$data/$1_test_a.npy" --out "y=$data/$1_test_y.npy"
    else
        from=$folder/$1/$1
        quietly --model "$1_given" --in "$2=${from}_train_16_x.npy" --in "$3=${from}_train_16_y.npy" --outputs "$data/$1_train.npz"
        quietly --model "$1_given" --in "$2=${from}_test_16_x.npy" --in "$3=${from}_test_16_y.npy" --out "a=$data/$1_test_a.npy" --out "y=$data/$1_test_y.npy"
    fi
}
learn() {                                   # PROBLEM SAMPLES WHAT
    "$build/pigeonc" train "$here/train.pgn" --model "$1" --inputs "$data/$1_train.npz" -D C=24 -D m=8 -D l=9 -D "steps=$((epochs * ($2 / batch)))" \
        --batch "N=$batch" --epochs "$epochs" --valid "a=$data/$1_test_a.npy" --valid "y=$data/$1_test_y.npy" \
        --metrics "$data/$1.jsonl" --curve "$data/$1.svg" --checkpoint "$data/$1.safetensors" >/dev/null
    sed -n 's/.*"loss": \([0-9.e-]*\), "valid": {"loss": \([0-9.e-]*\)}, "seconds": \([0-9.]*\)}.*/\1 \2 \3/p' "$data/$1.jsonl" |
        awk '{ print $1, $2, $3 - was; was = $3 }' | sort -k3n | awk -v what="$3" -v last="$(sed -n '$s/.*"loss": \([0-9.e-]*\), "valid": {"loss": \([0-9.e-]*\)}.*/\1 \2/p' "$data/$1.jsonl")" '
            { s[NR] = $3 }
            END { split(last, e, " "); printf "  %-42s %7.2f %% %7.2f %% %9.2f %9.2f\n", what, 100 * e[1], 100 * e[2], s[1], s[int((NR + 1) / 2)] }'
}
get darcy coefficient pressure 1000 50 "-D X=16 -D Z=16"
get burgers first all 800 400 "-D T=17 -D X=16"
[ "$folder" = - ] && from="data made by data.pgn" || from="neuraloperator's data"
echo "Relative L2 error after $epochs epochs, $from, four blocks of 24 channels, 16 modes per axis, Adam, batches of $batch, f32:"
echo "                                            training   unseen   s per epoch: least, median"
learn darcy 1000 "Darcy flow, 16 x 16, 1000 samples"
learn burgers 800 "Burgers' equation, 17 x 16, 800 samples"
