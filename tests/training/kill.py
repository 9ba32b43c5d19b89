#!/usr/bin/env python3
"""kill.py PIGEONC KILLS [SEED] - kills training again and again at random moments while it writes checkpoints, goes on from what is there each
time, and compares the end with a run that was never killed. Nothing may be damaged, nothing may go back. Where files
can't be without a name, a killed process leaves one behind; training removes it when it is ten minutes old."""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

MODEL = """model m(d: dim) {
  index i: d
  input x[d]
  param W[d] init normal(0, 1)
  output loss = mean(i) (W[i] - x[i]) * (W[i] - x[i])
  optimize loss with adam(lr = 0.01)
}
"""
SIZE = 200000                    # 2.4 MB with both moments; a step is short, so most of the time goes into checkpoints


def step_of(path):
    """the step of a checkpoint, every byte of which must be there"""
    with open(path, "rb") as f:
        data = f.read()
    n, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + n])
    ends = [v["data_offsets"][1] for k, v in head.items() if k != "__metadata__"]
    assert max(ends) == len(data) - 8 - n, "%d bytes of %d" % (len(data) - 8 - n, max(ends))
    at = head["train.step"]["data_offsets"][0] + 8 + n
    return struct.unpack("<q", data[at:at + 8])[0]


def writing(pid):
    """whether the process has a file open that has no name yet, or a temporary one"""
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            to = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            if to.endswith(" (deleted)") and "/#" in to or "/.pigeon-" in to:
                return True
    except OSError:
        pass
    return False


def main():
    pigeonc, kills = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    with open("m.pgn", "w") as f:
        f.write(MODEL)
    command = [pigeonc, "train", "m.pgn", "-D", "d=%d" % SIZE, "--in", "x=random:1", "--threads", "1", "--resume"]
    last = during = 0
    for k in range(kills):
        p = subprocess.Popen(command + ["--epochs", "1000000", "--checkpoint", "a.safetensors"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 20
        while not writing(p.pid) and time.time() < end and p.poll() is None:
            time.sleep(0.001)
        time.sleep(r.random() * r.choice([0.01, 0.1, 0.5]))
        during += writing(p.pid)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if os.path.exists("a.safetensors"):
            now = step_of("a.safetensors")
            assert now >= last, "step %d after step %d" % (now, last)
            last = now
    left = [n for n in os.listdir(".") if n.startswith(".pigeon-")]
    goal = ["--epochs", str(last + 3)]
    for name in ("a.safetensors", "b.safetensors"):
        subprocess.run(command + goal + ["--checkpoint", name], check=True, stdout=subprocess.DEVNULL)
    with open("a.safetensors", "rb") as a, open("b.safetensors", "rb") as b:
        same = a.read() == b.read()
    os.chdir("/")
    shutil.rmtree(folder)
    print("%d kills, %d of them while a checkpoint was written, %d steps: %s, %d files left" % (kills, during, last + 3, "the same bits" if same else "OTHER BITS", len(left)))
    return 0 if same else 1


sys.exit(main())
