#!/usr/bin/env python3
"""training_peer.py PIGEONC WORDS.npz [STEPS] - rgcn_words of examples/wordnet/train.pgn and the same model in PyTorch, from the same initial
weights: the losses of each step side by side, and the largest relative difference.  WORDS.npz is made by
`examples/wordnet/wordnet.py --words 16384 WORDS.npz`.  Needs torch and numpy; exit code 1 when a loss differs by more than 1e-4."""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORDS, D, CLASSES = 16384, 64, 45


def weights(types):
    r = np.random.default_rng(1)
    glorot = lambda *s: r.uniform(-1, 1, s).astype(np.float32) * np.float32(np.sqrt(6 / (s[-1] + s[-2])))
    return {"x.E": r.normal(0, 0.1, (WORDS, D)).astype(np.float32), "h.W": glorot(types, D, D), "h.W0": glorot(D, D), "h.bias": np.zeros(D, np.float32),
            "s.W": glorot(types, D, CLASSES), "s.W0": glorot(D, CLASSES), "s.bias": np.zeros(CLASSES, np.float32)}


def torch_losses(data, start, steps):
    w = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
    src, dst, etype = (torch.tensor(data["g." + k]).long() for k in ("src", "dst", "etype"))
    nodes, types = int(data["g.num_nodes"]), int(data["g.num_etypes"])
    of, word, label, known = torch.tensor(data["of"]).long(), torch.tensor(data["word"]).long(), torch.tensor(data["label"]).long(), torch.tensor(data["known"])
    tokens = torch.zeros(nodes).index_add_(0, of, torch.ones(len(of))).clamp(min=1)
    pair = torch.zeros(nodes * types).index_add_(0, dst * types + etype, torch.ones(len(src)))
    c = 1 / pair[dst * types + etype]
    edges = [(etype == r).nonzero()[:, 0] for r in range(types)]

    def layer(h, name):
        out = h @ w[name + ".W0"] + w[name + ".bias"]
        for r, e in enumerate(edges):
            out = out.index_add(0, dst[e], c[e, None] * (h.index_select(0, src[e]) @ w[name + ".W"][r]))
        return out
    adam = torch.optim.Adam(w.values(), lr=0.01)
    losses = []
    for _ in range(steps):
        x = torch.zeros(nodes, D).index_add(0, of, w["x.E"].index_select(0, word)) / tokens[:, None]
        s = layer(torch.relu(layer(x, "h")), "s")
        nll = torch.logsumexp(s, 1) - s.gather(1, label[:, None])[:, 0]
        loss = (known * nll).sum() / known.sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss))
    return losses


def main():
    pigeonc, path, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 50
    data = dict(np.load(path))
    start = weights(int(data["g.num_etypes"]))
    with tempfile.TemporaryDirectory() as scratch:
        np.savez(scratch + "/in.npz", **data, **start)
        begin = time.time()
        subprocess.run([pigeonc, "train", ROOT + "/examples/wordnet/train.pgn", "--model", "rgcn_words", "-D", "words=%d" % WORDS, "-D", "d=%d" % D, "-D",
                        "classes=%d" % CLASSES, "--inputs", scratch + "/in.npz", "--epochs", str(steps), "--metrics", scratch + "/m.jsonl"], check=True, stdout=subprocess.DEVNULL)
        ours_time = time.time() - begin
        with open(scratch + "/m.jsonl") as f:
            ours = [json.loads(line)["loss"] for line in f]
    begin = time.time()
    theirs = torch_losses(data, start, steps)
    worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))
    for k in range(0, steps, max(1, steps // 10)):
        print("step %3d   pigeon %.7f   torch %.7f" % (k + 1, ours[k], theirs[k]))
    print("largest relative difference of %d losses: %.2g   (pigeon %.1f s with reading and compiling, torch %.1f s)" % (steps, worst, ours_time, time.time() - begin))
    return 0 if len(ours) == steps and worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
