#!/usr/bin/env python3
"""Relational layers: pigeonc, PyTorch Geometric and hand-written PyTorch on the same arrays, in one process, in turn.

    bench.py BUILD [--graphs fb15k-237,..] [--models rgcn,..] [--d 64] [--heads 1,4] [--threads N] [--rounds 7] [--busy] [--stats] [--data DIR] [--json FILE]
    bench.py BUILD .. --ablation | --programs | --choice SECONDS       pigeonc alone, in several ways: variants.py

Each row: median milliseconds of each program, ratios, pigeonc's Gflop/s and its time over the bound
    bound = max(flops of the best algebra / measured peak,  bytes of rows that must be gathered / measured rate + other bytes / copy rate)
where one order of summation counts for all types; the last line says as well what it is when each type has its pairs at its better end.
Every program's result is compared with ours; shipped layers that compute something else beside are marked ~ and not compared. MB: what a
program's first call takes beyond its arguments, by the peak of the process; caches of the allocator are emptied before."""
import argparse
import json
import os
import sys
import time
import types

import numpy as np
import torch

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.pgn")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import graphs as graphs_            # noqa: E402
import memory                       # noqa: E402
import peers                        # noqa: E402
import train                        # noqa: E402
import variants                     # noqa: E402
from ours import Compiled           # noqa: E402


def clock(f):
    t = time.perf_counter()
    f()
    return time.perf_counter() - t


def best(f, n=5):
    return min(clock(f) for _ in range(n))


PROCESSORS = sorted(os.sched_getaffinity(0))


def pin(on):
    """Every thread of this process stays on one processor, those of one pool on different ones: where others run too, the system may leave
    two threads of a loop on one."""
    main = os.getpid()
    others = sorted(int(t) for t in os.listdir("/proc/self/task") if int(t) != main)
    places = PROCESSORS[1:] or PROCESSORS
    os.sched_setaffinity(main, PROCESSORS[:1] if on else PROCESSORS)
    for k, thread in enumerate(others):
        try:
            os.sched_setaffinity(thread, [places[k % len(places)]] if on else PROCESSORS)
        except ProcessLookupError:
            pass


def turns(o, calls):
    """Seconds of each program's calls, in turn; what takes over half a second is called three times at most."""
    seconds = {label: [] for label in calls}
    pin(o.busy)
    for k in range(o.rounds):
        for label, f in calls.items():
            slow = bool(seconds[label]) and seconds[label][0] > 0.5
            if slow and k > 2:
                continue
            time.sleep(0.02)               # threads of the last program that still spin don't take this one's processor
            start = time.perf_counter()
            while not slow and time.perf_counter() - start < o.warm:
                f()                        # finds in the caches what another program has left there, and a processor that has slept
            seconds[label].append(clock(f))
    pin(False)
    return seconds


TABLES = 1 << 22, 1 << 26, 1 << 29


def table_of(nodes, d):
    """The one of TABLES that is nearest to as many rows of d numbers"""
    return min(TABLES, key=lambda size: abs(np.log(size / (4.0 * d * nodes))))


def machine(o, build, folder, nodes):
    """peak flop/s of the better of two matrix products, bytes/s of copying, and, by d, of gathering rows of d numbers from a table of about as many rows as a graph has nodes,
    by the better of two ways: PyTorch's index_select, which stores them, and our sums of them"""
    threads, pinned = o.threads, o.busy
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    source = os.path.join(folder, "gemm.pgn")
    with open(source, "w") as f:
        f.write("model gemm(g: graph, d: dim) {\n  index v: g.nodes, i: d, j: d\n  input h[g.nodes, d]\n  param W[d, d] init glorot\n  output y[v, j] = sum(i) h[v, i] * W[i, j]\n}\n")
    n = 20000
    g = dict(src=[0], dst=[0], etype=[0], ntype=np.zeros(n), nodes=n, etypes=1, ntypes=1)
    ours = Compiled(build, folder, source, "gemm", {"d": 64}, g, threads)
    ours.bind_arrays({"h": np.random.rand(n, 64).astype(np.float32), "W": np.random.rand(64, 64).astype(np.float32)})
    torch.mm(a, b)
    ours()
    pin(pinned)                     # all threads are there
    source = os.path.join(folder, "sums.pgn")
    with open(source, "w") as f:
        f.write("model sums(g: graph, d: dim) {\n  index e: g.edges, v: g.nodes, j: d\n  input h[g.nodes, d]\n  output y[v, j] = sum(e: dst(e) = v) h[src(e), j]\n}\n")
    peak = max(2 * 2048 ** 3 / best(lambda: torch.mm(a, b)), 2 * n * 64 * 64 / best(ours, 20))
    x = torch.randn(1 << 26)
    y = torch.empty_like(x)
    copy = 2 * 4 * len(x) / best(lambda: y.copy_(x))
    rate = {}
    for d in map(int, o.d.split(",")):
        rows = table_of(nodes, d) // (4 * d)
        m = max(400000, 2 * rows)
        t, at = torch.randn(rows, d), torch.randint(0, rows, (m,))
        out = torch.empty(m, d)
        seconds = best(lambda: torch.index_select(t, 0, at, out=out)) - out.numel() * 4 / copy / 2
        g = dict(src=at.numpy(), dst=np.arange(m) * rows // m, etype=np.zeros(m), ntype=np.zeros(rows), nodes=rows, etypes=1, ntypes=1)
        sums = Compiled(build, folder, source, "sums", {"d": d}, g, threads)
        sums.bind_arrays({"h": t.numpy()})
        seconds = min(seconds, best(sums, 20) - rows * 4 * d / copy / 2)
        rate[d] = out.numel() * 4 / max(seconds, 1e-9)
    pin(False)
    return dict(peak=peak, copy=copy, gather=rate, table={d: table_of(nodes, d) for d in rate})


def limits(o, mc):
    return "machine: %d threads, %.0f Gflop/s f32, copy %.1f GB/s, %s" % (o.threads, mc["peak"] / 1e9, mc["copy"] / 1e9, ", ".join(
        "rows of %d bytes gathered from %d MB %.1f GB/s" % (4 * d, mc["table"][d] >> 20, mc["gather"][d] / 1e9) for d in mc["gather"]))


# A sigmoid in f32 is at least two multiply-adds to reduce its range, five of a polynomial for the exponential, and a quotient, each in the place of two flops.
SIGMOID = 16


def work(model, g, d, heads, pairs):
    """(flops of the cheapest known algebra that multiplies the rows of so many pairs of a type and a node, bytes gathered, bytes read and written in order)"""
    n, m, us, ud = g.nodes, len(g.src), g.unique_src, g.unique_dst
    row = 4.0 * d
    gathered = m * row
    plain = 8.0 * m + 2 * n * row
    if model == "rgcn":
        return 2.0 * d * d * (pairs + n) + 2.0 * m * d, gathered, plain + 4.0 * g.etypes * d * d
    if model == "rgat":
        return 2.0 * d * d * pairs + 2.0 * d * heads * (us + ud) + (2.0 * d + 12 * heads) * m, gathered, plain + 4.0 * g.etypes * d * d
    if model == "hgt":
        q = d // heads
        return 6.0 * d * d * n + 2.0 * d * q * (pairs + min(us, ud)) + (4.0 * d + 12 * heads) * m, 2 * gathered, plain + 8.0 * g.etypes * d * q
    if model == "compgcn":
        return 4.0 * d * d * n + 3.0 * m * d, gathered, plain
    if model == "gatv2_relations":
        return 4.0 * d * d * n + 7.0 * m * d, 2 * gathered, plain
    return 6.0 * d * d * n + (4.0 + SIGMOID) * m * d, 3 * gathered, plain


def dims_of(model, d, heads):
    return {"rgat": {"in": d, "heads": heads, "p": d // heads}, "hgt": {"d": d, "heads": heads, "p": d // heads}}.get(model, {"in": d, "out": d})


def parameters(compiled):
    torch.manual_seed(1)
    sizes = compiled.lib.pgn_plan_sizes(compiled.plan)
    out = {}
    for what, role in (("input", 1), ("param", 2)):
        for k, name in enumerate(compiled.names(what)):
            rank = getattr(compiled.model, what)[k].rank
            shape = [compiled.model.extent(sizes, role, k, a) for a in range(rank)]
            out[name] = torch.randn(shape) * (shape[-1] ** -0.5 if what == "param" else 1)
    return out


def against(y, ours):
    y = y.reshape(ours.shape).numpy()
    return float(np.abs(y - ours).max() / max(1e-30, np.abs(ours).max()))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("build")
    a.add_argument("--graphs", default="fb15k-237,wn18rr,wordnet,aifb,mutag,bgs,am,biokg")
    a.add_argument("--models", default="rgcn,rgat,hgt,gatv2_relations,compgcn,edge_conditioned")
    a.add_argument("--d", default="64")
    a.add_argument("--heads", default="1")
    a.add_argument("--threads", type=int, default=os.cpu_count())
    a.add_argument("--rounds", type=int, default=7)
    a.add_argument("--warm", type=float, default=0.03, metavar="SECONDS", help="how long a program is called before the call that counts, each time that it is its turn")
    a.add_argument("--data", default=os.path.join(ROOT, "..", "shared", "data"))
    a.add_argument("--no-shipped", action="store_true")
    a.add_argument("--busy", action="store_true", help="where other programs run too: each thread on a processor of its own, the least of the rounds for the median")
    a.add_argument("--stats", action="store_true", help="pigeonc knows each graph's numbers, as pigeonc stats writes them")
    a.add_argument("--train", action="store_true", help="time training steps: loss, gradients, Adam")
    a.add_argument("--run", default="", help="passes for pigeonc in place of its own choice")
    a.add_argument("--json")
    a.add_argument("--ablation", action="store_true", help="pigeonc without linear fusion, without compaction, without both")
    a.add_argument("--programs", action="store_true", help="the programs of one object for different kinds of graphs")
    a.add_argument("--choice", type=float, default=0, metavar="SECONDS", help="the compiler's choice beside the best that pigeonc tune finds in so many seconds")
    o = a.parse_args()
    build, folder = os.path.abspath(o.build), os.path.join(os.path.abspath(o.build), "bench-rgnn")
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(o.threads)
    torch.set_grad_enabled(False)
    if o.ablation or o.programs or o.choice:
        rows = variants.ablation_table(ways(o, build, folder), o) if o.ablation else variants.programs_table(ways(o, build, folder), o) if o.programs else variants.choice_table(choices(o, folder), o, build, MODELS, folder)
        save(o, dict(rows=rows))
        return
    print("torch %s" % torch.__version__)
    if o.train:
        return train_all(o, build, folder)
    head = "%-11s %-16s %4s %2s | %9s %9s %9s %9s %9s | %7s %7s %6s %6s | %8s %8s %8s %8s %8s %s"
    print(head % ("graph", "model", "d", "H", "pigeon ms", "hand ms", "PyG ms", "DGL ms", "bound ms", "best/us", "hand/us", "/bound", "Gflops", "bind ms", "us MB", "hand MB", "PyG MB", "DGL MB", "results"))
    rows = []
    print("DGL: " + peers.DGL)
    for name, raw in loaded(o, folder):
        g = as_tensors(raw)
        mc = machine(o, build, folder, g.nodes)            # for each graph: one that is shared is not the same an hour later
        print(limits(o, mc))
        for model, d, heads in layers(o):
            rows.append(one(o, mc, build, folder, name, raw, g, model, d, heads))
            print(head % rows[-1].pop("text"), flush=True)
    total(rows)
    save(o, dict(rows=rows))


def as_tensors(raw):
    g = types.SimpleNamespace(**{k: torch.as_tensor(np.ascontiguousarray(v).astype(np.int64)) if hasattr(v, "__len__") else int(v) for k, v in raw.items()})
    g.index = torch.stack([g.src, g.dst])
    of_type = [np.bincount(torch.unique(g.etype * g.nodes + e).numpy() // g.nodes, minlength=g.etypes) for e in (g.src, g.dst)]
    g.unique_src, g.unique_dst, g.fewest = int(of_type[0].sum()), int(of_type[1].sum()), int(np.minimum(*of_type).sum())
    return g


def train_all(o, build, folder):
    rows = []
    print(train.HEAD % train.TITLE)
    for name, raw in loaded(o, folder):
        g = as_tensors(raw)
        mc = machine(o, build, folder, g.nodes)
        print(limits(o, mc))
        for model, d, heads in layers(o):
            extra = ("--graph-stats=" + numbers(folder, name, g),) if o.stats else ()
            rows.append({**train.one(o, turns, extra, build, folder, name, raw, g, model, d, heads, dims_of(model, d, heads)), "machine": mc})
            print(train.HEAD % rows[-1].pop("text"), flush=True)
    train.total(rows)
    save(o, dict(rows=rows))


def save(o, what):
    if o.json:
        with open(o.json, "w") as f:
            json.dump(what, f, indent=1)


def layers(o):
    return [(model, d, heads) for model in o.models.split(",") for d in map(int, o.d.split(",")) for heads in (map(int, o.heads.split(",")) if model in ("rgat", "hgt") else [1])]


def loaded(o, folder):
    for name in o.graphs.split(","):
        yield name, graphs_.load(name, ROOT, o.data, folder)


def choices(o, folder):
    for name, raw in loaded(o, folder):
        for model, d, heads in layers(o):
            yield name, model, d, heads, dims_of(model, d, heads), raw


def ways(o, build, folder):
    for name, model, d, heads, dims, raw in choices(o, folder):
        yield (name, model, d, heads, lambda extra: Compiled(build, folder, MODELS, model, dims, raw, o.threads, extra),
               lambda c: {n: np.ascontiguousarray(t.numpy()) for n, t in parameters(c).items()})


def numbers(folder, name, g):
    path = os.path.join(folder, name + ".stats")
    with open(path, "w") as f:
        for what in ("nodes", "etypes", "ntypes"):
            print("g.%s %d" % (what, getattr(g, what)), file=f)
        print("g.edges %d\nunique(g.etype, g.src) %d\nunique(g.etype, g.dst) %d\nfewest(g.etype, g.src, g.dst) %d" % (len(g.src), g.unique_src, g.unique_dst, g.fewest), file=f)
    return path


def one(o, mc, build, folder, name, raw, g, model, d, heads):
    extra = ("--run", o.run) if o.run else ()
    if o.stats:
        extra += ("--graph-stats=" + numbers(folder, name, g),)
    ours = Compiled(build, folder, MODELS, model, dims_of(model, d, heads), raw, o.threads, extra)
    p = parameters(ours)
    if model == "rgat":            # the shipped layer has one pair of attention vectors for all relations
        p["al"][:], p["ar"][:] = p["al"][:1].clone(), p["ar"][:1].clone()
    x = {n: p.pop(n) for n in ours.names("input")}
    ours.bind_arrays({n: np.ascontiguousarray(t.numpy()) for n, t in {**p, **x}.items()})
    calls, notes, checked = {"ours": ours}, [], []
    for label, make in peers.HAND[model]:
        calls["hand " + label] = make(g, p, x)
    by_dst, named = train.by_destination(g), {**x, **{"l." + n: t for n, t in p.items()}}
    for label, make in train.HAND[model]:                   # what steps are made of, without a backward
        forward = make(by_dst, named)
        if forward:
            calls["hand of a step, " + label] = forward
    if not o.no_shipped and model in ("rgcn", "rgat", "hgt"):
        made = peers.pyg_rgat(g, p, x, 6e9) if model == "rgat" else getattr(peers, "pyg_" + model)(g, p, x)
        if isinstance(made, str):
            notes.append("PyG: " + made)
        else:
            calls["PyG"] = made
        made = peers.dgl_layer(model, g, p, x)
        if isinstance(made, str):
            notes.append("DGL: " + made)
        else:
            calls["DGL"] = made
    space = {}
    space["ours"], y = memory.peak(lambda: ours()[0])
    y = y.copy()
    for label, f in calls.items():
        if label == "ours":
            continue
        space[label], out = memory.peak(f)
        if label in ("PyG", "DGL") and model == "hgt":
            notes.append("~%s computes more beside" % label)
        elif not (label == "PyG" and model == "rgat"):
            checked.append("%.0e" % against(out, y))
        del out
    seconds = turns(o, calls)
    median = {label: sorted(t)[0 if o.busy else len(t) // 2] for label, t in seconds.items()}
    hand = min(t for label, t in median.items() if label.startswith("hand"))
    rate = mc["gather"][d]
    (flops, bound), (_, better) = ((f, max(f / mc["peak"], gathered / rate + plain / mc["copy"]))
                                   for f, gathered, plain in (work(model, g, d, heads, pairs) for pairs in (min(g.unique_src, g.unique_dst), g.fewest)))
    t = median["ours"]
    shipped = min((median[label] for label in ("PyG", "DGL") if label in median), default=None)
    fastest = min((label for label in median if label.startswith("hand")), key=median.get)
    mb = tuple("%.0f" % (space[label] / 1e6) if space.get(label) is not None else "-" for label in ("ours", fastest, "PyG", "DGL"))
    peer = tuple("%.1f" % (1e3 * median[label]) if label in median else "-" for label in ("PyG", "DGL"))
    text = (name, model, d, heads, "%.2f" % (1e3 * t), "%.2f" % (1e3 * hand)) + peer + ("%.2f" % (1e3 * bound),
            "%.1f" % (shipped / t) if shipped else "-", "%.1f" % (hand / t), "%.2f" % (t / bound), "%.0f" % (flops / t / 1e9), "%.1f" % (1e3 * ours.bind_s),
            *mb, " ".join(checked + notes))
    return dict(graph=name, machine=mc, model=model, d=d, heads=heads, ours=t, hand=hand, shipped=shipped, bound=bound, bound_better_ends=better, bind=ours.bind_s, workspace=ours.workspace,
                compile=ours.compile_s, memory=space, all=median, text=text)


def total(rows):
    def mean(v):
        return float(np.exp(np.mean(np.log(v)))) if v else float("nan")
    print("geometric means: hand-written / pigeon %.2f, shipped / pigeon %.2f, pigeon / bound %.2f (each type at its better end: %.2f), the most %.2f; slower than a peer in %d of %d cases" % (
        mean([r["hand"] / r["ours"] for r in rows]), mean([r["shipped"] / r["ours"] for r in rows if r["shipped"]]), mean([r["ours"] / r["bound"] for r in rows]),
        mean([r["ours"] / r["bound_better_ends"] for r in rows]), max(r["ours"] / r["bound"] for r in rows),
        sum(r["ours"] > min(r["hand"], r["shipped"] or r["hand"]) for r in rows), len(rows)))


main()
