"""Typed graphs: knowledge graphs from triples (with inverse edges), WordNet, and seeded ones shaped like known data sets."""
import gzip
import os
import subprocess

import numpy as np

# nodes, edges, edge types, node types: the data sets' published counts (edges with inverse ones where the peers add them)
SHAPES = {"aifb": (7262, 48810, 78, 7), "mutag": (27163, 148100, 46, 5), "bgs": (94806, 672884, 96, 27), "am": (1885136, 5668682, 96, 7),
          "biokg": (93773, 4762678, 51, 5), "wikikg2": (2500604, 16109182, 535, 1)}


def from_triples(path):
    name, rel, src, dst, et = {}, {}, [], [], []
    with (gzip.open(path, "rt") if path.endswith(".gz") else open(path)) as f:
        for line in f:
            h, r, t = line.rstrip("\n").split("\t")
            src.append(name.setdefault(h, len(name)))
            et.append(rel.setdefault(r, len(rel)))
            dst.append(name.setdefault(t, len(name)))
    s, d, e, r = np.array(src), np.array(dst), np.array(et), len(rel)
    return dict(src=np.concatenate([s, d]), dst=np.concatenate([d, s]), etype=np.concatenate([e, e + r]), ntype=np.zeros(len(name), int),
                nodes=len(name), etypes=2 * r, ntypes=1)


def seeded(n, m, r, t, seed=1):
    """Node popularity and relation sizes fall off by a power law, as in the originals; each relation joins two node types."""
    g = np.random.default_rng(seed)
    ntype = np.sort(g.choice(t, n, p=_falling(t, 0.8)))
    bounds = np.searchsorted(ntype, np.arange(t + 1))
    etype = np.sort(g.choice(r, m, p=_falling(r, 1.0)))
    used = [k for k in range(t) if bounds[k + 1] > bounds[k]]
    ends = g.choice(used, (r, 2))
    src, dst = np.empty(m, int), np.empty(m, int)
    for k in range(r):
        at = np.nonzero(etype == k)[0]
        for out, side in ((src, 0), (dst, 1)):
            lo, hi = bounds[ends[k, side]], bounds[ends[k, side] + 1]
            out[at] = lo + (g.random(len(at)) ** 2.5 * (hi - lo)).astype(int)
    order = g.permutation(m)
    return dict(src=src[order], dst=dst[order], etype=etype[order], ntype=ntype, nodes=n, etypes=r, ntypes=t)


def _falling(n, power):
    p = 1.0 / np.arange(1, n + 1) ** power
    return p / p.sum()


def wordnet(root, folder):
    path = os.path.join(folder, "wordnet.npz")
    if not os.path.exists(path):
        subprocess.run(["python3", os.path.join(root, "examples", "wordnet", "wordnet.py"), path], check=True)
    a = np.load(path)
    return dict(src=a["g.src"], dst=a["g.dst"], etype=a["g.etype"], ntype=a["g.ntype"] if "g.ntype" in a else np.zeros(int(a["g.num_nodes"]), int),
                nodes=int(a["g.num_nodes"]), etypes=int(a["g.num_etypes"]), ntypes=int(a["g.num_ntypes"]) if "g.num_ntypes" in a else 1)


def star(half):
    """400,000 edges at random; with `half`, half of them arrive at one node."""
    g = np.random.default_rng(3)
    n, m, r = 20000, 400000, 50
    dst = g.integers(0, n, m)
    if half:
        dst[:m // 2] = 0
    return dict(src=g.integers(0, n, m), dst=g.permutation(dst), etype=g.integers(0, r, m), ntype=np.zeros(n, int), nodes=n, etypes=r, ntypes=1)


def typed(r):
    """100,000 edges at random, equally many of each type."""
    g = np.random.default_rng(4)
    n, m = 20000, 100000
    return dict(src=g.integers(0, n, m), dst=g.integers(0, n, m), etype=g.permutation(np.arange(m) % r), ntype=np.zeros(n, int), nodes=n, etypes=r, ntypes=1)


def hubs(of):
    """400,000 edges of 50 types at random, but all from (or to) 500 of the 20,000 nodes."""
    g = np.random.default_rng(5)
    n, m, r, few = 20000, 400000, 50, 500
    ends = {"src": g.integers(0, n, m), "dst": g.integers(0, n, m)}
    ends[of] = g.integers(0, few, m) * (n // few)
    return dict(etype=g.integers(0, r, m), ntype=np.zeros(n, int), nodes=n, etypes=r, ntypes=1, **ends)


# pairs of equal counts: what one heavy node costs, and what as many types as edges cost
EXTREMES = {"star": lambda: star(True), "balanced": lambda: star(False), "types-1": lambda: typed(100000), "types-1000": lambda: typed(100),
            "few-sources": lambda: hubs("src"), "few-destinations": lambda: hubs("dst")}


def load(name, root, data, folder):
    if name in ("fb15k-237", "wn18rr"):
        return from_triples(os.path.join(data, name, "train.txt.gz"))
    if name == "wordnet":
        return wordnet(root, folder)
    if name in SHAPES:
        return seeded(*SHAPES[name])
    if name in EXTREMES:
        return EXTREMES[name]()
    raise SystemExit("no graph %s; there are fb15k-237 wn18rr wordnet %s" % (name, " ".join([*SHAPES, *EXTREMES])))
