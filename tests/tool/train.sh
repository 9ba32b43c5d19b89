#!/bin/sh
# pigeonc train: what it computes, checkpoints, going on, interruptions, and what stops it.
. "$(dirname "$0")/../training/setup.sh"
number() { sed -n "s/.*$1 \([-0-9.e+]*\).*/\1/p" "$2"; }

# one step is the program that `training` makes, from the numbers that run begins with
"$pigeonc" train m.pgn $data --checkpoint one.safetensors >out 2>&1; expect "a step ends well" $? 0
"$pigeonc" run m.pgn $data --executor interp -D training=1 --outputs step.npz >out2 2>&1
says "the loss of the first step" out "loss $(sed -n 's/^loss: .* = \([0-9]*\.[0-9][0-9][0-9]\).*/\1/p' out2)"

"$pigeonc" train m.pgn $data --epochs 40 --batch N=20 --checkpoint a.safetensors --metrics a.jsonl --curve a.svg >out 2>&1; expect "forty epochs" $? 0
loss=$(number loss out)
if [ "$(echo "$loss" | awk '{print ($1 < 0.05)}')" = 1 ]; then ok "the loss falls"; else bad "the loss falls" "$loss"; fi
expect "a line of metrics for each epoch" "$(python3 -c "
import json
rows = [json.loads(l) for l in open('a.jsonl')]
print(len(rows), rows[-1]['epoch'], rows[-1]['step'], rows[0]['loss'] > rows[-1]['loss'])" 2>&1)" "40 40 240 True"
says "the curve is an image" a.svg "<polyline"

"$pigeonc" train m.pgn $data --epochs 2 --profile --checkpoint p.safetensors >out 2>&1; expect "a profiled step ends well" $? 0
says "the kernels of a step are timed" out "a run of \`m_step\` takes .*(2 runs)"

# maps in batches: each batch has a plan of its own, the first one too
cat >rows.pgn <<'EOF'
model rows(N: dim, V: dim) {
  index n: N
  input y[N]
  map row: N -> V
  param E[V] init zero
  output loss = mean(n) square(E[row(n)] - y[n])
  optimize loss with sgd(lr = 1)
}
EOF
python3 -c "
import struct
head = \"{'descr': '<i4', 'fortran_order': False, 'shape': (120,), }\".ljust(117) + '\n'
open('row.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + struct.pack('<120i', *[k * 7 % 5 for k in range(120)]))"
"$pigeonc" train rows.pgn -D V=5 --in row=row.npy --in y=y.npy --epochs 40 --batch N=24 >out 2>&1; expect "batches of maps" $? 0

# an input whose two axes are both rows: those of the batch on both sides
cat >square.pgn <<'EOF'
model square(N: dim) {
  index n: N, m: N
  input A[N, N]
  param w init one
  output loss = w * sum(n, m) A[n, m]
  output diagonal = sum(n) A[n, n]
  optimize loss with sgd(lr = 0)
}
EOF
python3 -c "
import struct
head = \"{'descr': '<f4', 'fortran_order': False, 'shape': (6, 6), }\".ljust(117) + '\n'
open('square.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + struct.pack('<36f', *[1.0 if r == c else 0.0 for r in range(6) for c in range(6)]))"
"$pigeonc" train square.pgn --in A=square.npy --batch N=3 --seed 2 >out 2>&1; says "rows on both sides of a matrix" out "^step 2 .*diagonal 3$"

# stopped and going on, with another number of threads: the same bits
"$pigeonc" train m.pgn $data --epochs 15 --batch N=20 --checkpoint b.safetensors --threads 1 >/dev/null 2>&1
"$pigeonc" train m.pgn $data --epochs 40 --batch N=20 --checkpoint b.safetensors --resume --threads 2 >/dev/null 2>&1
if cmp -s a.safetensors b.safetensors; then ok "going on gives the same bits"; else bad "going on gives the same bits"; fi

# killed at any moment, the checkpoint is complete, and what follows gives the same bits
rm -f c.safetensors
for k in 1 2 3 4 5 6; do
    "$pigeonc" train m.pgn $data --epochs 600 --batch N=20 --checkpoint c.safetensors --resume >/dev/null 2>&1 & job=$!
    sleep "0.$((k % 3))$((k * 7 % 10))"
    kill -9 $job 2>/dev/null; wait $job 2>/dev/null
    [ -f c.safetensors ] || continue
    "$pigeonc" train m.pgn $data --epochs 1 --batch N=20 --checkpoint c.safetensors --resume >out 2>&1 || bad "killed $k times" "$(cat out)"
done
"$pigeonc" train m.pgn $data --epochs 600 --batch N=20 --checkpoint c.safetensors --resume >/dev/null 2>&1
"$pigeonc" train m.pgn $data --epochs 600 --batch N=20 --checkpoint d.safetensors >/dev/null 2>&1
if cmp -s c.safetensors d.safetensors; then ok "killed six times, the same bits"; else bad "killed six times, the same bits"; fi

# interrupted: it stops between steps and saves
python3 - "$pigeonc" <<'END' >out 2>&1
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "train", "m.pgn", "--in", "x=x.npy", "--in", "y=y.npy", "--epochs", "100000000", "--batch", "N=20", "--checkpoint", "e.safetensors"], stderr=subprocess.PIPE)
for k in range(1200):                    # until an epoch is over
    if os.path.exists("e.safetensors"):
        break
    time.sleep(0.05)
p.send_signal(signal.SIGINT)
print(p.communicate(timeout=60)[1].decode(), p.returncode)
END
says "an interruption is said" out "interrupted after step [1-9]"
says "and ends well" out " 0$"
"$pigeonc" train m.pgn --in x=x.npy --in y=y.npy --epochs 1 --batch N=20 --checkpoint e.safetensors --resume >out 2>&1; expect "and can be gone on from" $? 0

"$pigeonc" train m.pgn $data --epochs 1000 --patience 3 --valid x=x.npy --valid y=y.npy >out 2>&1
says "patience ends it" out "no better for 3 epochs"

# an epoch that is interrupted and gone on with has the metrics of all its steps
"$pigeonc" train m.pgn $data --epochs 3 --batch N=20 --checkpoint i.safetensors --metrics i.jsonl >/dev/null 2>&1
python3 - "$pigeonc" <<'END' >out 2>&1
import json, os, signal, subprocess, sys, time
words = [sys.argv[1], "train", "m.pgn", "--in", "x=x.npy", "--in", "y=y.npy", "--seed", "5", "--batch", "N=1", "--metrics"]
subprocess.run(words + ["w.jsonl", "--epochs", "2000", "--checkpoint", "w.safetensors"], check=True)
p = subprocess.Popen(words + ["v.jsonl", "--epochs", "2000", "--checkpoint", "v.safetensors"], stderr=subprocess.DEVNULL)
for k in range(8):
    time.sleep(0.15)
    p.send_signal(signal.SIGINT)
    p.wait()
    p = subprocess.Popen(words + ["v.jsonl", "--epochs", "2000", "--checkpoint", "v.safetensors", "--resume"], stderr=subprocess.DEVNULL)
p.wait()
rows = [[{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in open(name)] for name in ("w.jsonl", "v.jsonl")]
print(len(rows[0]), len(rows[1]), rows[0] == rows[1])
END
expect "and metrics of whole epochs" "$(tail -n 1 out)" "2000 2000 True"

# judged by a running mean of the parameters
sed 's/adam(lr = 0.05) over "W"/adamw_ema(lr = 0.05, decay = 0.9)/; /sgd/d' m.pgn >k.pgn
"$pigeonc" train k.pgn $data --epochs 30 --valid x=x.npy --valid-with ema --metrics k.jsonl --checkpoint k.safetensors >out 2>&1; expect "validation with a running mean" $? 0
python3 - <<'END' >out 2>&1
import json, struct
with open("k.safetensors", "rb") as f: data = f.read()
n, = struct.unpack("<Q", data[:8])
head = json.loads(data[8:8 + n])
def get(name, kind="f"):
    lo, hi = head[name]["data_offsets"]
    return struct.unpack("<%d%s" % ((hi - lo) // struct.calcsize(kind), kind), data[8 + n + lo:8 + n + hi])
def npy(path):
    with open(path, "rb") as f: d = f.read()
    return struct.unpack("<%df" % ((len(d) - 10 - d[8] - 256 * d[9]) // 4), d[10 + d[8] + 256 * d[9]:])
x, y = npy("x.npy"), npy("y.npy")
def loss(W, b): return sum((b[0] + sum(x[3 * k + i] * W[i] for i in range(3)) - y[k]) ** 2 for k in range(120)) / 120
said = [json.loads(line) for line in open("k.jsonl")][-1]["valid"]["loss"]
print(abs(said - loss(get("W.ema"), get("b.ema"))) < 1e-5 * said, abs(said - loss(get("W"), get("b"))) > 1e-3 * said)
END
expect "which is what it was judged by" "$(cat out)" "True True"

# by the reference interpreter, and by C
"$pigeonc" train m.pgn $data --epochs 5 --batch N=20 --metrics p.jsonl >/dev/null 2>&1
for x in interp c; do
    "$pigeonc" train m.pgn $data --epochs 5 --batch N=20 --metrics q.jsonl --executor $x >/dev/null 2>&1
    expect "--executor $x takes the same way" "$(python3 -c "
import json
a, b = ([json.loads(l)['loss'] for l in open(n)] for n in ('p.jsonl', 'q.jsonl'))
print(len(a), all(abs(s - t) < 1e-5 * s for s, t in zip(a, b)))" 2>&1)" "5 True"
done

# killed while checkpoints are written
python3 "$ROOT/tests/training/kill.py" "$pigeonc" 8 >out 2>&1; expect "killed while checkpoints are written" $? 0

# a part of a graph's edges in each step
cat >s.pgn <<'END'
model s(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d, j: d
  input x[g.nodes, d], y[g.nodes], w[g.edges]
  param W[g.etypes, d, d] init glorot, u[d] init normal(0, 1), b[g.nodes]
  h[v, j] = tanh(mean(e: dst(e) = v) w[e] * sum(i) x[src(e), i] * W[etype(e), i, j])
  z[v] = b[v] + (sum(j) h[v, j] * u[j]) - y[v]
  output loss = mean(v) z[v] * z[v]
  output edges = sum(e) (1.0 + 0 * w[e])
  output most = max(v) count(e: dst(e) = v) else 0
  optimize loss with adam(lr = 0.02)
}
END
g="s.pgn -D d=4 --graph g=random:30,200,3,1 --in *=random:1"
set -f
told() { "$pigeonc" train $g --epochs 4 "$@" 2>&1 | tail -n 1; }
expect "a sample of more edges than there are is all of them" "$(told --sample g=1000)" "$(told)"
told --sample g=3 >out; says "at most three edges at a node" out "^step 4 .*most 3$"
told --batch g.edges=50 >out; says "fifty edges in a step, four steps in an epoch" out "^step 16 .*edges 50 "
both="$(told --batch g.edges=50 --sample g=1)"
expect "both, by one thread" "$(told --batch g.edges=50 --sample g=1 --threads 1)" "$both"
expect "and by the interpreter" "$(python3 -c '
import sys
a, b = ([float(w) for w in t.split()[1::2]] for t in sys.argv[1:])
print(len(a), all(abs(x - y) < 1e-4 * max(1, abs(x)) for x, y in zip(a, b)))' "$both" "$(told --batch g.edges=50 --sample g=1 --executor interp)" 2>&1)" "4 True"
set +f
