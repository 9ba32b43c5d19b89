#!/bin/sh
# pigeonc train on what can't be trained: divergence, wrong batches and checkpoints, disks that are full.
. "$(dirname "$0")/../training/setup.sh"
"$pigeonc" train m.pgn $data --epochs 2 --checkpoint a.safetensors >/dev/null 2>&1

# what goes wrong
sed 's/lr = 0.05, m/lr = 100000000000000.0, m/' m.pgn >n.pgn
cp a.safetensors f.safetensors
"$pigeonc" train n.pgn $data --epochs 2000 --checkpoint f.safetensors >out 2>&1; expect "divergence is an error" $? 1
says "it names step and tensor" out "step [0-9]*: \`[a-zA-Z.]*\` is not finite \[diverged\]"
grep -o '\[[a-z-]*\]$' out | head -1
"$pigeonc" train n.pgn $data --epochs 1 --checkpoint f.safetensors --resume >out 2>&1; expect "the last checkpoint is there" $? 0
"$pigeonc" train m.pgn $data --batch N=500 >out 2>&1; says "a batch larger than the data" out "the data have 120 rows"
"$pigeonc" train m.pgn $data --batch N=0 >out 2>&1; says "an empty batch" out "not a dim of the model and a size"
"$pigeonc" train m.pgn $data --batch Q=5 >out 2>&1; says "a batch of no dim" out "not a dim of the model"
"$pigeonc" train m.pgn $data --resume >out 2>&1; says "resume from where" out "needs --checkpoint"
"$pigeonc" train m.pgn $data --resume --checkpoint x.npy >out 2>&1; expect "what is no checkpoint" $? 1
sed 's/W\[d\]/V[d]/; s/W\[i\]/V[i]/; s/"W"/"V"/' m.pgn >o.pgn
"$pigeonc" train o.pgn $data --resume --checkpoint a.safetensors >out 2>&1; says "a checkpoint of another model" out "it is of another model"
"$pigeonc" train m.pgn $data --metrics /nowhere/m.jsonl >out 2>&1; says "metrics that can't be written" out "can't be written"
if [ -e /dev/full ]; then "$pigeonc" train m.pgn $data --epochs 2 --metrics /dev/full >out 2>&1; says "a full disk" out "write-failed"; fi
grep -v optimize m.pgn >p.pgn
"$pigeonc" train p.pgn $data >out 2>&1; says "a model without a rule" out "does not say how it is trained"
cat >q.pgn <<'END'
model q(N: dim, C: dim) {
  index n: N, c: C
  map label: N -> C
  param W[C]
  z = logsumexp(c) W[c]
  output loss = mean(n) (z - W[label(n)])
  optimize loss with sgd(lr = 0.1)
}
END
"$pigeonc" train q.pgn -D C=3 --in label=label.npy >out 2>&1; expect "a label out of range" $? 1
says "it is named" out "label"
