#!/usr/bin/env python3
"""peer.py DATA PROBLEM EPOCHS [SEED] - neuraloperator's FNO on the data that data.py wrote: the network, loss, batches and learning rate of train.pgn.
Prints the relative L2 error on the test set and the seconds per epoch.  Needs PyTorch and `neuraloperator`."""
import math
import sys
import time

import numpy as np
import torch
from neuralop.models import FNO
from neuralop.training import AdamW

CHANNELS, MODES, BATCH, RATE = 24, {"darcy": (16, 16), "burgers": (16, 16)}, 20, 0.005


def main():
    folder, problem, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.manual_seed(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    train = np.load("%s/%s_train.npz" % (folder, problem))
    test = {k: np.load("%s/%s_test_%s.npy" % (folder, problem, k)).astype("f4") for k in ("a", "y")}
    shift = {k: float(train[k]) for k in train.files if k.endswith(("_mean", "_std"))}

    def tensors(part):
        a, y = torch.from_numpy(part["a"].astype("f4")), torch.from_numpy(part["y"].astype("f4"))
        if problem == "burgers":
            a = ((a - shift["a_mean"]) / shift["a_std"])[:, None, :].expand(-1, y.shape[1], -1)
        return a[:, None].contiguous(), y

    a, y = tensors(train)
    name = "u" if problem == "burgers" else "y"
    model = FNO(n_modes=MODES[problem], hidden_channels=CHANNELS, in_channels=1, out_channels=1)

    def error(a, y):
        u = shift[name + "_mean"] + shift[name + "_std"] * model(a)[:, 0]
        return ((u - y).square().sum((1, 2)) / y.square().sum((1, 2))).sqrt().mean()

    optimizer = AdamW(model.parameters(), lr=RATE, eps=1e-8)
    steps = epochs * (len(a) // BATCH)
    done, seconds = 0, []
    for _ in range(epochs):
        start, order = time.time(), torch.randperm(len(a))
        for k in range(len(a) // BATCH):
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * done / steps))
            rows = order[k * BATCH:(k + 1) * BATCH]
            optimizer.zero_grad()
            loss = error(a[rows], y[rows])
            loss.backward()
            optimizer.step()
            done += 1
        seconds.append(time.time() - start)
    with torch.no_grad():
        print("%s: %d parameters, relative L2 error %.2f %% on the test set, seconds per epoch: least %.2f s, median %.2f s" %
              (problem, sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters()), 100 * error(*tensors(test)), min(seconds), sorted(seconds)[epochs // 2]))


if __name__ == "__main__":
    main()
