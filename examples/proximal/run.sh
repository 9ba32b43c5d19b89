#!/bin/sh
# run.sh BUILD [EPOCHS] - trains the network of proximal.pgn on 100000 numbers of Laplace density and prints how far it is from soft thresholding, the
# proximal operator of |x|.  What is made stays in BUILD/proximal.
set -eu
build=${1:-build} epochs=${2:-100}
model=$(dirname "$0")/proximal.pgn
data=$build/proximal
mkdir -p "$data"
"$build/pigeonc" run "$model" --model samples -D N=100000 -D d=1 --outputs "$data/samples.npz" >/dev/null
"$build/pigeonc" train "$model" --model learn --inputs "$data/samples.npz" -D H=32 -D "steps=$((epochs * 50))" --batch N=2000 --epochs "$epochs" \
    --metrics "$data/learn.jsonl" --curve "$data/learn.svg" --checkpoint "$data/learn.safetensors" >/dev/null
seconds=$(sed -n '$s/.*"seconds": \([0-9.]*\).*/\1/p' "$data/learn.jsonl")
"$build/pigeonc" run "$model" --model judge -D M=161 -D H=32 --inputs "$data/learn.safetensors" | awk -v s="$seconds" -v n="$epochs" '
    { v[$1] = $NF }
    END {
        printf "The gradient of a convex network with two layers of 32, %d epochs in %.1f s, between -4 and 4, root mean square:\n", n, s
        printf "  from soft thresholding at 1, the proximal operator of |x|   %.3f\n", v["from_soft:"]
        printf "  from the mean of x, the answer of least squares             %.3f\n", v["from_mean:"]
        printf "  these two from each other                                   %.3f\n", v["between:"]
        printf "  the least rise from one of 161 points to the next           %.4f\n", v["least_rise:"]
    }'
