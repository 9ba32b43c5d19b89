#!/bin/sh
# run.sh BUILD [EPOCHS] - trains the solver of burgers.pgn on 32768 random points and prints how far it is from the solution at 4096 others.  What is
# made stays in BUILD/pinn.
set -eu
build=${1:-build} epochs=${2:-60}
model=$(dirname "$0")/burgers.pgn
data=$build/pinn
mkdir -p "$data"
"$build/pigeonc" run "$model" --model points -D N=32768 -D X=128 --real f64 --seed 1 --outputs "$data/points.npz" >/dev/null
"$build/pigeonc" run "$model" --model points -D N=4096 -D X=128 --real f64 --seed 2 --out "x=$data/x.npy" --out "t=$data/t.npy" --out "u=$data/u.npy" >/dev/null
"$build/pigeonc" train "$model" --model solver --inputs "$data/points.npz" -D H=32 -D "steps=$((epochs * 64))" --batch N=512 --epochs "$epochs" \
    --valid "x=$data/x.npy" --valid "t=$data/t.npy" --valid "u=$data/u.npy" \
    --metrics "$data/solver.jsonl" --curve "$data/solver.svg" --checkpoint "$data/solver.safetensors" >/dev/null
echo "Burgers' equation, nu = 0.02, up to time 1/2: a network of three hidden layers of 32, trained on the equation alone"
sed -n 's/.*"epoch": \([0-9]*\), "step": \([0-9]*\).*"valid": {"loss": \([-0-9.e]*\), "error": \([-0-9.e]*\)}, "seconds": \([0-9.]*\)}.*/\1 \2 \3 \4 \5/p' "$data/solver.jsonl" |
    awk '{ line[NR] = sprintf("  epoch %3d, step %5d: mean square of the residual %.1e, relative L2 error of the solution %.3f %%, %.1f s", $1, $2, $3, 100 * $4, $5) }
         END { print line[1]; if (NR > 5) print line[int(NR / 4)]; if (NR > 1) print line[NR] }'
