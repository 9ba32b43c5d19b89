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
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "train", "m.pgn", "--in", "x=x.npy", "--in", "y=y.npy", "--epochs", "100000000", "--batch", "N=20", "--checkpoint", "e.safetensors"], stderr=subprocess.PIPE)
time.sleep(1)
p.send_signal(signal.SIGINT)
print(p.communicate(timeout=60)[1].decode(), p.returncode)
END
says "an interruption is said" out "interrupted after step [1-9]"
says "and ends well" out " 0$"
"$pigeonc" train m.pgn --in x=x.npy --in y=y.npy --epochs 1 --batch N=20 --checkpoint e.safetensors --resume >out 2>&1; expect "and can be gone on from" $? 0

"$pigeonc" train m.pgn $data --epochs 1000 --patience 3 --valid x=x.npy --valid y=y.npy >out 2>&1
says "patience ends it" out "no better for 3 epochs"
