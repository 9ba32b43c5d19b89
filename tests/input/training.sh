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
"$pigeonc" train m.pgn $data --batch N=0 >out 2>&1; says "an empty batch" out "a step needs at least one row"
"$pigeonc" train m.pgn $data --batch Q=5 >out 2>&1; says "a batch of no dim" out "not a dim of the model"
"$pigeonc" train m.pgn $data --resume >out 2>&1; says "resume from where" out "needs --checkpoint"
"$pigeonc" train m.pgn $data --resume --checkpoint x.npy >out 2>&1; expect "what is no checkpoint" $? 1
# a disk that is full when a checkpoint is written: files may not grow beyond nothing
cp a.safetensors g.safetensors
(trap '' XFSZ; ulimit -f 0; "$pigeonc" train m.pgn $data --epochs 9 --checkpoint g.safetensors --resume 2>&1) | cat >out
says "no room for a checkpoint: step and file are named" out "the checkpoint of step 3: \`g.safetensors\` can't be written"
if cmp -s a.safetensors g.safetensors; then ok "the one before it is as it was"; else bad "the one before it is as it was"; fi
# data that don't fit
python3 -c '
import struct
def npy(path, shape, n):
    head = "{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: (%s,), }" % ", ".join(map(str, shape))
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%df" % n, *[0.5] * n))
npy("short.npy", (50,), 50); npy("flat.npy", (120,), 120); npy("none.npy", (0, 3), 0)
npy("nan.npy", (120,), 120)'
"$pigeonc" train m.pgn --in x=x.npy --in y=short.npy >out 2>&1; says "inputs of two lengths" out "\`N\` is .* by .*, but .* by"
"$pigeonc" train m.pgn --in x=flat.npy --in y=y.npy >out 2>&1; says "an axis too few" out "\`x\` has 2 dimensions"
"$pigeonc" train m.pgn --in x=none.npy --in y=y.npy >out 2>&1; expect "no data" $? 1
"$pigeonc" train m.pgn $data --valid y=short.npy >out 2>&1; says "a validation that fits nothing" out "\`N\` is .* by .*, but .* by"
"$pigeonc" train m.pgn $data --executor interp,cpu >out 2>&1; says "two executors" out "training has one executor"
"$pigeonc" train m.pgn $data --executor cuda >out 2>&1; says "on a GPU" out "training runs on processors"
"$pigeonc" train m.pgn $data --valid x=x.npy --valid-with ema >out 2>&1; says "a state that no update has" out "no update of the model keeps a state of that name"
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
python3 -c '
d = open("label.npy", "rb").read()
open("late.npy", "wb").write(d[:-480] + d[-476:] + d[-480:-476])'
"$pigeonc" train q.pgn -D C=3 --in label=late.npy --batch N=60 --checkpoint h.safetensors >out 2>&1; expect "a label out of range in a later batch" $? 1
says "is named with the step" out "step [01]: .*label"
# what has rows of a batch otherwise than as an axis of an input
cat >w.pgn <<'END'
model by_rows(N: dim) {
  index n: N
  input y[N]
  param W[N] init one
  output loss = mean(n) (W[n] - y[n]) * (W[n] - y[n])
  optimize loss with sgd(lr = 0.1)
}
model pairs(N: dim, K: dim) {
  index n: N, k: K
  input y[N], z[(N, K)]
  param W[K] init one
  output loss = mean(n) ((sum(k) W[k] * z[(n, k)]) - y[n])
  optimize loss with sgd(lr = 0.1)
}
END
"$pigeonc" train w.pgn --model by_rows --in y=y.npy --batch N=20 >out 2>&1; says "a parameter for each row" out "parameter \`W\` has a row for each element of \`N\`"
"$pigeonc" train w.pgn --model pairs --in y=y.npy --in z=random:1 -D K=2 --batch N=20 >out 2>&1; says "an axis of pairs with rows" out "dimension 1 of input \`z\` has (N \* 2) elements"
# a checkpoint of no step
python3 -c '
d = bytearray(open("a.safetensors", "rb").read())
import json, struct
n = struct.unpack("<Q", d[:8])[0]
at = 8 + n + json.loads(d[8:8 + n])["train.step"]["data_offsets"][0]
d[at:at + 8] = struct.pack("<q", -5)
open("z.safetensors", "wb").write(d)'
"$pigeonc" train m.pgn $data --batch N=20 --checkpoint z.safetensors --resume >out 2>&1; says "a checkpoint of no step" out "is of step -5"
# parts of a graph that can't be taken
cat >r.pgn <<'END'
model r(g: graph) {
  index e: g.edges, v: g.nodes
  param q[g.edges] init one
  output loss = sum(v) (sum(e: dst(e) = v) q[e]) * (1.0 - sum(e: dst(e) = v) q[e])
  output a[e] = q[e] + 1
  optimize loss with sgd(lr = 0.1)
}
END
r="r.pgn --graph g=random:5,9,2,1"
"$pigeonc" train $r --sample g=2 >out 2>&1; says "a parameter for each edge" out "parameter \`q\` has a row for each edge of \`g\`"
"$pigeonc" train $r --sample h=2 >out 2>&1; says "no such graph" out "has no graph \`h\`"
"$pigeonc" train $r --sample g=0 >out 2>&1; says "a sample of nothing" out "not a number of edges"
"$pigeonc" train $r --sample g=2 --batch h.edges=2 >out 2>&1; says "two graphs" out "about two graphs"
