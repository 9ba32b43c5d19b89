"""Published models computed a second time, in plain Python from their papers' formulas, and compared with pigeonc run --real f64.
Nothing here knows how the compiler works; inputs are random, written as .npz, outputs are read back."""
import array
import cmath
import io
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile


class T:
    """A dense array: flat data, row-major."""
    def __init__(self, shape, data=None):
        self.shape = tuple(shape)
        n = 1
        for s in self.shape:
            n *= s
        self.data = [0.0] * n if data is None else list(data)

    def at(self, idx):
        k = 0
        for i, s in zip(idx, self.shape):
            k = k * s + i
        return k

    def __getitem__(self, idx):
        return self.data[self.at(idx if isinstance(idx, tuple) else (idx,))]

    def __setitem__(self, idx, v):
        self.data[self.at(idx if isinstance(idx, tuple) else (idx,))] = v


def rand(rng, *shape):
    t = T(shape)
    t.data = [rng.gauss(0, 1) for _ in t.data]
    return t


def npy(t, code):
    descr = {"d": "<f8", "i": "<i4", "q": "<i8", "c": "<c16", "b": "|b1"}[code]
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, "".join("%d, " % n for n in t.shape))
    head += " " * ((-(len(head) + 11)) % 64) + "\n"
    if code == "c":
        body = b"".join(struct.pack("<dd", v.real, v.imag) for v in t.data)
    elif code == "b":
        body = bytes(1 if v else 0 for v in t.data)
    else:
        body = array.array(code, t.data).tobytes()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + body


def read_npz(path):
    out = {}
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            raw = z.read(name)
            n = struct.unpack("<H", raw[8:10])[0]
            info = eval(raw[10:10 + n].decode())          # a literal that numpy's format defines
            body = raw[10 + n:]
            code = {"<f8": "d", "<i4": "i", "<i8": "q"}[info["descr"]]
            out[name[:-4]] = T(info["shape"], array.array(code, body))
    return out


def compare(pigeonc, root, path, model, dims, inputs, graph, expect):
    """Runs one model; returns a message, or None when every expected output is reached to 1e-9."""
    with tempfile.TemporaryDirectory() as tmp:
        file, out = os.path.join(tmp, "in.npz"), os.path.join(tmp, "out.npz")
        with zipfile.ZipFile(file, "w") as z:
            for name, (t, code) in inputs.items():
                z.writestr(name + ".npy", npy(t, code))
            if graph:
                n, r, src, dst, et, nt, nts = graph
                for name, v in (("src", src), ("dst", dst), ("etype", et), ("ntype", nt)):
                    z.writestr("g.%s.npy" % name, npy(T((len(v),), v), "i"))
                for name, v in (("num_nodes", n), ("num_etypes", r), ("num_ntypes", nts)):
                    z.writestr("g.%s.npy" % name, npy(T((), [v]), "q"))
        cmd = [pigeonc, "run", os.path.join(root, path), "--model", model, "--executor", "interp", "--real", "f64", "--inputs", file, "--outputs", out]
        for k, v in dims.items():
            cmd += ["-D", "%s=%d" % (k, v)]
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode:
            return "exit code %d: %s" % (p.returncode, p.stderr.decode())
        got = read_npz(out)
    for name, t in expect.items():
        if got[name].shape != t.shape:
            return "%s has shape %s, not %s" % (name, got[name].shape, t.shape)
        scale = max([1.0] + [abs(v) for v in t.data])
        for k, (a, b) in enumerate(zip(got[name].data, t.data)):
            if not abs(a - b) <= 1e-9 * scale:
                return "%s[%d] is %.17g, not %.17g" % (name, k, a, b)
    return None


def random_graph(rng, n, m, r, nts=1):
    return (n, r, [rng.randrange(n) for _ in range(m)], [rng.randrange(n) for _ in range(m)], [rng.randrange(r) for _ in range(m)],
            [rng.randrange(nts) for _ in range(n)], nts)


def softmax(v):
    m = max(v)
    e = [math.exp(x - m) for x in v]
    return [x / sum(e) for x in e]


def rgcn(rng, n, m, r, d, o):
    g = random_graph(rng, n, m, r)
    h, c, W, W0 = rand(rng, n, d), rand(rng, m), rand(rng, r, d, o), rand(rng, d, o)
    y = T((n, o))
    for v in range(n):
        for j in range(o):
            y[v, j] = sum(h[v, i] * W0[i, j] for i in range(d))
    for e in range(m):
        for j in range(o):
            y[g[3][e], j] += c[e] * sum(h[g[2][e], i] * W[g[4][e], i, j] for i in range(d))
    y.data = [max(0.0, x) for x in y.data]
    return ("lib/std/graph.pgn", "rgcn", {"in": d, "out": o}, {"h": (h, "d"), "c": (c, "d"), "W": (W, "d"), "W0": (W0, "d")}, g, {"y": y})


def rgat(rng, n, m, r, d, o):
    g = random_graph(rng, n, m, r)
    h, W, al, ar = rand(rng, n, d), rand(rng, r, d, o), rand(rng, r, o), rand(rng, r, o)
    z = [[sum(h[g[2][e], i] * W[g[4][e], i, j] for i in range(d)) for j in range(o)] for e in range(m)]
    u = [[sum(h[g[3][e], i] * W[g[4][e], i, j] for i in range(d)) for j in range(o)] for e in range(m)]
    s = [sum(z[e][j] * al[g[4][e], j] + u[e][j] * ar[g[4][e], j] for j in range(o)) for e in range(m)]
    s = [x if x > 0 else 0.2 * x for x in s]
    y = T((n, o))
    for v in range(n):
        es = [e for e in range(m) if g[3][e] == v]
        for a, e in zip(softmax([s[e] for e in es]) if es else [], es):
            for j in range(o):
                y[v, j] += a * z[e][j]
    return ("lib/std/graph.pgn", "rgat", {"in": d, "out": o}, {"h": (h, "d"), "W": (W, "d"), "al": (al, "d"), "ar": (ar, "d")}, g, {"y": y})


def hgt(rng, n, m, r, heads, dk, nts):
    d = heads * dk
    g = random_graph(rng, n, m, r, nts)
    nt = g[5]
    x = rand(rng, n, d)
    K, Q, V = (rand(rng, nts, d, heads, dk) for _ in range(3))
    A, M, mu = rand(rng, r, heads, dk, dk), rand(rng, r, heads, dk, dk), rand(rng, r, heads)
    O, skip = rand(rng, nts, heads, dk, d), rand(rng, nts)
    lin = lambda W, v: [[sum(x[v, i] * W[nt[v], i, h, p] for i in range(d)) for p in range(dk)] for h in range(heads)]
    k, q, w = [lin(K, v) for v in range(n)], [lin(Q, v) for v in range(n)], [lin(V, v) for v in range(n)]
    y = T((n, d))
    for v in range(n):
        es = [e for e in range(m) if g[3][e] == v]
        t = [[0.0] * dk for _ in range(heads)]
        for h in range(heads):
            s = [mu[g[4][e], h] / math.sqrt(dk) * sum(k[g[2][e]][h][p] * A[g[4][e], h, p, b] * q[v][h][b] for p in range(dk) for b in range(dk)) for e in es]
            for a, e in zip(softmax(s) if es else [], es):
                for b in range(dk):
                    t[h][b] += a * sum(w[g[2][e]][h][p] * M[g[4][e], h, p, b] for p in range(dk))
        gate = 1 / (1 + math.exp(-skip[nt[v]]))
        gelu = lambda a: 0.5 * a * (1 + math.erf(a / math.sqrt(2)))
        for o in range(d):
            z = sum(gelu(t[h][b]) * O[nt[v], h, b, o] for h in range(heads) for b in range(dk))
            y[v, o] = gate * z + (1 - gate) * x[v, o]
    names = dict(x=x, K=K, Q=Q, V=V, A=A, M=M, mu=mu, O=O, skip=skip)
    return ("lib/std/graph.pgn", "hgt", {"d": d, "heads": heads, "dk": dk}, {a: (b, "d") for a, b in names.items()}, g, {"y": y})


def linear_state(rng, kind, B, Tn, H, K, V):
    """GLA and (gated) DeltaNet: a K x V state per batch and head, one step at a time."""
    q, k, v = rand(rng, B, Tn, H, K), rand(rng, B, Tn, H, K), rand(rng, B, Tn, H, V)
    k.data = [0.3 * x for x in k.data]
    inputs = {"q": (q, "d"), "k": (k, "d"), "v": (v, "d")}
    o, S1 = T((B, Tn, H, V)), T((B, H, K, V))
    g = rand(rng, B, Tn, H, K) if kind == "gla" else rand(rng, B, Tn, H)
    g.data = [-abs(x) for x in g.data]
    beta, S0 = rand(rng, B, Tn, H), rand(rng, B, H, K, V)
    for b in range(B):
        for h in range(H):
            S = [[S0[b, h, i, j] if kind == "gla" else 0.0 for j in range(V)] for i in range(K)]
            for t in range(Tn):
                for i in range(K):
                    decay = math.exp(g[b, t, h, i]) if kind == "gla" else math.exp(g[b, t, h]) if kind == "gated_delta_rule" else 1.0
                    S[i] = [decay * s for s in S[i]]
                for j in range(V):
                    write = v[b, t, h, j]
                    if kind != "gla":
                        write = beta[b, t, h] * (write - sum(k[b, t, h, p] * S[p][j] for p in range(K)))
                    for i in range(K):
                        S[i][j] += k[b, t, h, i] * write
                for j in range(V):
                    o[b, t, h, j] = sum(q[b, t, h, i] * S[i][j] for i in range(K)) / (math.sqrt(K) if kind == "gla" else 1)
            for i in range(K):
                for j in range(V):
                    S1[b, h, i, j] = S[i][j]
    expect = {"o": o}
    if kind == "gla":
        inputs.update(g=(g, "d"), S0=(S0, "d"))
        expect["S1"] = S1
    else:
        inputs["beta"] = (beta, "d")
        if kind == "gated_delta_rule":
            inputs["g"] = (g, "d")
    return ("lib/std/sequence.pgn", kind, {}, inputs, None, expect)


def mamba(rng, B, Tn, D, N):
    x, dt, Bt, Ct, A, skip = rand(rng, B, Tn, D), rand(rng, B, Tn, D), rand(rng, B, Tn, N), rand(rng, B, Tn, N), rand(rng, D, N), rand(rng, D)
    y = T((B, Tn, D))
    for b in range(B):
        for d in range(D):
            h = [0.0] * N
            for t in range(Tn):
                delta = math.log1p(math.exp(dt[b, t, d]))
                h = [math.exp(-delta * math.exp(A[d, n])) * h[n] + delta * Bt[b, t, n] * x[b, t, d] for n in range(N)]
                y[b, t, d] = sum(Ct[b, t, n] * h[n] for n in range(N)) + skip[d] * x[b, t, d]
    return ("lib/std/sequence.pgn", "mamba1", {}, {n: (t, "d") for n, t in dict(x=x, dt=dt, Bt=Bt, Ct=Ct, A=A, skip=skip).items()}, None, {"y": y})


def fno(rng, B, C, X, m):
    """One Fourier block: spectral convolution on m half frequencies plus 1x1 convolution, gelu."""
    u, W, bias = rand(rng, B, C, X), rand(rng, C, C), rand(rng, C)
    R = T((m, C, C), [complex(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(m * C * C)])
    y = T((B, C, X))
    for b in range(B):
        U = [[sum(u[b, c, x] * cmath.exp(-2j * math.pi * k * x / X) for x in range(X)) / X for k in range(m)] for c in range(C)]
        F = [[sum(U[c][k] * R[k, c, o] for c in range(C)) for k in range(m)] for o in range(C)]
        for o in range(C):
            for x in range(X):
                s = sum((1 if k == 0 or 2 * k == X else 2) * (F[o][k] * cmath.exp(2j * math.pi * k * x / X)).real for k in range(m))
                s += sum(u[b, c, x] * W[c, o] for c in range(C)) + bias[o]
                y[b, o, x] = 0.5 * s * (1 + math.erf(s / math.sqrt(2)))
    return ("lib/std/operator.pgn", "fno_block1d", {"m": m}, {"u": (u, "d"), "W": (W, "d"), "bias": (bias, "d"), "s.R": (R, "c")}, None, {"y": y})


def cases(seed=1):
    """(name, what compare() takes): published models at ordinary and boundary shapes."""
    rng = random.Random(seed)
    for n, m, r, d, o in ((9, 30, 3, 4, 5), (1, 1, 1, 1, 1), (5, 0, 2, 3, 2), (6, 1, 4, 3, 8)):
        yield "RGCN nodes=%d edges=%d" % (n, m), rgcn(rng, n, m, r, d, o)
        yield "RGAT nodes=%d edges=%d" % (n, m), rgat(rng, n, m, r, d, o)
        yield "HGT nodes=%d edges=%d" % (n, m), hgt(rng, n, m, r, 2, 2, 2)
    for shape in ((2, 7, 2, 3, 4), (1, 1, 1, 1, 1), (1, 17, 1, 5, 2)):
        for kind in ("gla", "delta_rule", "gated_delta_rule"):
            yield "%s %s" % (kind, shape), linear_state(rng, kind, *shape)
    for shape in ((2, 8, 3, 4), (1, 1, 1, 1)):
        yield "mamba1 %s" % (shape,), mamba(rng, *shape)
    for shape in ((2, 3, 8, 5), (1, 2, 9, 5), (1, 1, 13, 7), (2, 2, 7, 1)):
        yield "FNO %s" % (shape,), fno(rng, *shape)
