#!/usr/bin/env python3
"""Measures and writes docs/results.md.

    python3 bench/results.py BUILD [--only PART,PART] [-o FILE]

Parts: graphs, scaling, compile, accuracy, operators, peers.  A part that is not asked for keeps the text that the file has; one whose data or
packages are missing says so.  `peers` runs tests/reference_peers.py by $PEERS_PYTHON or this Python,
`operators` trains neuraloperator's network by it (epochs: $EPOCHS or 50).  Times are wall times of whatever
else the machine does: measure when it is idle (the load is written down)."""
import argparse
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("SHARED", os.path.join(os.path.dirname(ROOT), "shared"))              # where data/fb15k-237 is


def machine():
    with open("/proc/cpuinfo") as f:
        info = f.read()
    name = (re.findall(r"^model name\s*: (.*)$", info, re.M) or ["unknown processor"])[0]
    flags = set((re.findall(r"^flags\s*: (.*)$", info, re.M) or [""])[0].split())
    unit = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE"
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s*(\d+)", f.read()).group(1)) / 2 ** 20
    return "%s, %d cores, %s, %.0f GiB; load %.1f when measured" % (re.sub(r"\(R\)|\(TM\)| CPU.*| Processor.*", "", name), os.cpu_count(), unit, memory, os.getloadavg()[0])


def run(pigeonc, words):
    """pigeonc run --json: the record, and the peak memory of the process in MB."""
    p = subprocess.Popen([pigeonc, "run", "--json"] + words, stdout=subprocess.PIPE, cwd=ROOT)
    out = p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    if status:
        sys.exit("failed: pigeonc run " + " ".join(words))
    return json.loads(out), used.ru_maxrss / 1024


LAYERS = (("RGCN", "examples/wordnet/wordnet.pgn", "rgcn_layer", ["-D", "in=64", "-D", "out=64", "--in", "h=random:1"]),
          ("RGAT, 1 head", "examples/wordnet/wordnet.pgn", "rgat_layer", ["-D", "in=64", "-D", "out=64", "--in", "h=random:1"]),
          ("HGT, 4 heads", "examples/wordnet/wordnet.pgn", "hgt_layer", ["-D", "d=64", "-D", "heads=4", "-D", "dk=16", "--in", "h=random:1"]))


def fb15k(folder):
    out = os.path.join(folder, "fb15k-237.tsv")
    if not os.path.exists(out):
        parts = sorted(glob.glob(os.path.join(SHARED, "data/fb15k-237/*.txt.gz")))
        if not parts:
            return None
        with open(out + ".tmp", "wb") as f:
            for p in parts:
                f.write(gzip.open(p).read())
        os.rename(out + ".tmp", out)
    return out


def part_graphs(pigeonc, build, folder):
    rows, notes = [], []
    wordnet = os.path.join(build, "wordnet/typed.npz")
    if not os.path.exists(wordnet):
        os.makedirs(os.path.dirname(wordnet), exist_ok=True)
        if subprocess.run([sys.executable, ROOT + "/examples/wordnet/wordnet.py", wordnet], stdout=subprocess.DEVNULL).returncode:
            wordnet = None
            notes.append("WordNet was not there (apt-get install wordnet-base).")
    fb = fb15k(folder)
    if not fb:
        notes.append("FB15k-237 was not there.")
    for graph, where, words in (("WordNet (117,659 nodes of 4 types, 377,592 edges of 26)", wordnet, ["--inputs", wordnet]),
                                ("FB15k-237 and inverse edges (14,541 nodes, 620,232 edges of 474 types)", fb, ["--graph", "g=%s,inverse" % fb])):
        for name, file, model, sizes in LAYERS if where else ():
            r, memory = run(pigeonc, [file, "--model", model, "--bench"] + sizes + words)
            t = r["runs"][0]
            rows.append("| %s | %s | %.1f | %.1f | %.1f | %.0f | %.0f | %.0f |" % (graph, name, t["min_ms"], t["median_ms"], t["bind_ms"], t["compile_ms"], t["workspace_bytes"] / 1e6, memory))
            graph = ""
    return ("One layer, 64 -> 64, f32, inference, all cores. Bind: fibres and derived spaces, once per graph. Peak memory is the whole process with the graph as a file, its arrays, "
            "the compiler and the results.\n\n| graph | layer | least ms | median ms | bind ms | compile ms | workspace MB | peak memory MB |\n|---|---|---|---|---|---|---|---|\n" + "\n".join(rows + notes))


def part_scaling(pigeonc, build, folder):
    rows = []
    for nodes, edges, types in ((20000, 200000, 100), (40000, 400000, 100), (80000, 800000, 100), (160000, 1600000, 100), (20000, 200000, 1), (20000, 200000, 10000), (20000, 200000, 100000)):
        words = ["--graph", "g=random:%d,%d,%d,1" % (nodes, edges, types), "-D", "in=16", "-D", "out=16", "--in", "h=random:1", "--bench"]
        r, memory = run(pigeonc, ["examples/wordnet/wordnet.pgn", "--model", "rgcn_layer"] + words)
        t, size = r["runs"][0], nodes + edges + types
        rows.append("| %d | %d | %d | %.1f | %.1f | %.0f | %.0f | %.0f | %.0f |" % (nodes, edges, types, t["min_ms"], t["bind_ms"], 1e6 * t["min_ms"] / size, 1e6 * t["bind_ms"] / size, t["workspace_bytes"] / 1e6, memory))
    return ("RGCN, 16 -> 16, on random graphs: no stage may grow faster than nodes + edges + types. Once the features of all nodes no longer fit the cache, an element costs more.\n\n| nodes | edges | types | least ms | bind ms | run, ns per element | bind, ns per element | workspace MB | peak memory MB |\n"
            "|---|---|---|---|---|---|---|---|---|\n" + "\n".join(rows))


def part_compile(pigeonc, build, folder):
    rows = []
    for path in sorted(glob.glob(ROOT + "/examples/*/*.pgn")):
        with open(path) as f:
            models = re.findall(r"^model (\w+)", f.read(), re.M)
        front, objects = 0.0, []
        for model in models:
            best = {"front": 1e9, "object": 1e9}
            for _ in range(3):
                p = subprocess.run([pigeonc, path, "--model", model, "-o", os.path.join(folder, "x.o"), "--time"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                if p.returncode:
                    sys.exit("failed: pigeonc %s --model %s\n%s" % (path, model, p.stdout.decode()))
                times = [(a, float(b)) for a, b in re.findall(r"^time: (.*?)\s+([\d.]+) ms", p.stdout.decode(), re.M)]
                best["front"] = min(best["front"], sum(b for a, b in times if a in ("parse", "check")))
                best["object"] = min(best["object"], sum(b for _, b in times))
            front = max(front, best["front"])
            objects.append("%s %.0f" % (model, best["object"]))
        rows.append("| %s | %.1f | %s |" % (os.path.relpath(path, ROOT), front, ", ".join(objects)))
    return ("Least of three: parse and check of the slowest model of each file, and the whole way of each to an object file at -O2.\n\n"
            "| file | parse and check, ms | object, ms |\n|---|---|---|\n" + "\n".join(rows))


def part_accuracy(pigeonc, build, folder):
    p = subprocess.run(["sh", ROOT + "/examples/wordnet/run.sh", build], stdout=subprocess.PIPE)
    if p.returncode:
        return "WordNet was not there."
    lines = re.findall(r"^  (\S.*?)\s\s+([\d.]+) %$", p.stdout.decode(), re.M)
    return "Lexicographer file of the hidden fifth of WordNet's synsets, without training (`sh quickstart.sh demo`).\n\n| what | accuracy, % |\n|---|---|\n" + "\n".join("| %s | %s |" % x for x in lines)


def script(build, name, *words):
    p = subprocess.run(["sh", "%s/examples/%s/run.sh" % (ROOT, name), build] + list(words), stdout=subprocess.PIPE)
    if p.returncode:
        sys.exit("failed: examples/%s/run.sh" % name)
    return p.stdout.decode()


def peer(build, problem, epochs):
    """What examples/fno/peer.py finds: error in per cent, least and median seconds of an epoch; dashes without neuraloperator."""
    p = subprocess.run([os.environ.get("PEERS_PYTHON", sys.executable), "-W", "ignore", ROOT + "/examples/fno/peer.py", build + "/fno", problem, epochs], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    m = re.search(r"error ([\d.]+) %.*?least ([\d.]+) s.*?median ([\d.]+) s", p.stdout.decode())
    return m.groups() if m else ("-", "-", "-")


def part_operators(pigeonc, build, folder):
    epochs, data = os.environ.get("EPOCHS", "50"), os.path.join(SHARED, "data")
    given = os.path.exists(data + "/darcy")
    rows = []
    for what, model, words in (("spectral layer, 12 frequencies (24 x 12)", "spectral", ["-D", "m=12"]), ("spectral layer, 16 frequencies (32 x 16)", "spectral", ["-D", "m=16"]),
                               ("training step of a Fourier block, 12 frequencies", "step", ["-D", "m=12", "-D", "training=1"])):
        t = run(pigeonc, ["bench/spectral.pgn", "--model", model, "-D", "B=8", "-D", "C=64", "-D", "X=64", "-D", "Z=64", "--in", "*=random:1", "--bench"] + words)[0]["runs"][0]
        rows.append("| %s | %.1f | %.1f |" % (what, t["min_ms"], t["median_ms"]))
    text = "64 channels, 8 fields of 64 x 64, f32, all cores.\n\n| what | least ms | median ms |\n|---|---|---|\n" + "\n".join(rows)
    out = script(build, "fno", data if given else "-", epochs)
    text += ("\n\nFourier neural operators, relative L2 error after %s epochs (`sh examples/fno/run.sh build%s`), %s; beside them neuraloperator's network of the same layers, the same "
             "batches, update and learning rates (`examples/fno/peer.py`). Seconds are those of an epoch, least and median.\n\n"
             "| problem | training, %% | unseen, %% | s | neuraloperator, unseen, %% | s |\n|---|---|---|---|---|---|\n" % (epochs, " FOLDER" if given else "", "neuraloperator's data" if given else "data made by `examples/fno/data.pgn`"))
    for problem, (what, a, b, least, median) in zip(("darcy", "burgers"), re.findall(r"^  (\S.*?)\s\s+([\d.]+) %\s+([\d.]+) %\s+([\d.]+)\s+([\d.]+)$", out, re.M)):
        text += "| %s | %s | %s | %s, %s | %s | %s, %s |\n" % ((what, a, b, least, median) + peer(build, problem, epochs))
    for name in "pinn", "proximal":
        text += "\n`sh examples/%s/run.sh build`:\n\n```text\n%s```\n" % (name, script(build, name))
    return text.rstrip()


def part_peers(pigeonc, build, folder):
    p = subprocess.run([os.environ.get("PEERS_PYTHON", sys.executable), ROOT + "/tests/reference_peers.py", build, "--table"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = p.stdout.decode()
    if p.returncode == 77:
        return "Not measured: " + out.strip()
    return ("The standard library against PyTorch and PyTorch Geometric on random data (`tests/reference_peers.py`; `pip install torch torch_geometric numpy` in an environment of its own). "
            "The largest difference is relative to the largest value of the output; allowed are 1e-9 for the interpreter in f64 and 2e-4 for compiled code in f32.\n\n" + re.sub(r"\n(\d+ passed)", r"\n\n\1", out.strip()))


PARTS = (("graphs", "Relational layers on real graphs"), ("scaling", "Growth with the graph"), ("compile", "Time of the compiler"), ("accuracy", "WordNet"), ("operators", "Operators and equations"), ("peers", "Against PyTorch"))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("build", help="the build folder")
    a.add_argument("-o", dest="file", default=ROOT + "/docs/results.md", help="the document whose parts are replaced (default: docs/results.md)")
    a.add_argument("--only", default=",".join(p for p, _ in PARTS), help="parts, by commas: %s" % ", ".join(p for p, _ in PARTS))
    args = a.parse_args()
    build, file, only = os.path.abspath(args.build), args.file, args.only.split(",")
    for part in only:
        if part not in dict(PARTS):
            a.error("no part `%s`" % part)
    old = open(file, encoding="utf-8").read() if os.path.exists(file) else ""
    text = old or "# Figures\n\nMade by `python3 bench/results.py build`; each part says on what machine.\n"
    with tempfile.TemporaryDirectory() as folder:
        for part, title in PARTS:
            if part not in only:
                continue
            print("measuring: " + title, file=sys.stderr, flush=True)
            where = machine()
            body = "\n## %s\n\n%s\n\nMachine: %s.\n" % (title, globals()["part_" + part](os.path.join(build, "pigeonc"), build, folder), where)
            have = re.search(r"^\n## %s\n.*?(?=^\n## |\Z)" % re.escape(title), text, re.S | re.M)      # parts that are written by hand stay where they are
            text = text[:have.start()] + body + text[have.end():] if have else text + body
    with open(file, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
