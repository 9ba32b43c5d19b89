"""Training steps: loss, gradients of all parameters and of the features, and Adam, by pigeonc, hand-written PyTorch and PyTorch Geometric.

The loss is the mean of squared differences from given numbers. Hand-written programs are put together from four functions whose backward
is written by hand as well: matrices by type over unique pairs, sums over edges by a sparse matrix and by its transpose made before, their
weighted form for attention, and the softmax over the edges of a node. The update is torch.optim.Adam, fused. Steps are compared by
their losses and by Adam's first moments after one step from zero, which are a tenth of the gradients.

Memory is what a step takes at its peak beside parameters and states: of pigeonc's the first call, which touches workspace and outputs (the next
parameters and states among them, of which there are two), beside the plan's number for it; of a peer's the second step, when Adam's states are there,
with no gradients left from the first."""
import os
import resource

import numpy as np
import torch
import torch.nn.functional as F

import memory
import peers
from ours import Compiled
from peers import BLOCK, csr, pairs, sparse

RATE = 0.001


# ---------------------------------------------------------------- parts with a backward by hand

class TypedGemm(torch.autograd.Function):
    """out[p] = x[node[p]] @ W[etype(p)]; node None: x has a row per pair.  back: (crow, col), the pairs of each node as a sparse matrix"""
    @staticmethod
    def forward(ctx, x, W, node, start, back):
        ctx.save_for_backward(x, W)
        ctx.rest = node, start, back
        return peers.typed_gemm(x, node, start, W, torch.empty(start[-1], W.shape[2]))

    @staticmethod
    def backward(ctx, g):
        x, W = ctx.saved_tensors
        node, start, back = ctx.rest
        dW, dx = torch.zeros_like(W), torch.empty(start[-1], W.shape[1])
        for r in range(len(start) - 1):
            for at in range(start[r], start[r + 1], BLOCK):
                end = min(at + BLOCK, start[r + 1])
                rows = torch.index_select(x, 0, node[at:end]) if node is not None else x[at:end]
                dW[r].addmm_(rows.t(), g[at:end])
                torch.mm(g[at:end], W[r].t(), out=dx[at:end])
        if node is not None:
            dx = back @ dx
        return dx, dW, None, None, None


class Sum(torch.autograd.Function):
    """A @ z with the transpose made before"""
    @staticmethod
    def forward(ctx, z, A, At):
        ctx.At = At
        return A @ z

    @staticmethod
    def backward(ctx, g):
        return ctx.At @ g, None, None


class Weighted(torch.autograd.Function):
    """out[v] = sum over the edges e that arrive at v of a[e] z[row(e)], one head; a in the order of the edges"""
    @staticmethod
    def forward(ctx, a, z, w):
        ctx.save_for_backward(a, z)
        ctx.w = w
        return sparse(w["crow"], w["col"], torch.index_select(a, 0, w["order"]), w["shape"]) @ z

    @staticmethod
    def backward(ctx, g):
        a, z = ctx.saved_tensors
        w = ctx.w
        g = g.contiguous()
        gz = sparse(w["crow_t"], w["col_t"], torch.index_select(a, 0, w["order_t"]), w["shape"][::-1]) @ g
        ga = torch.empty_like(a)
        for at in range(0, len(a), 65536):
            cut = slice(at, at + 65536)
            ga[cut] = (torch.index_select(g, 0, w["dst"][cut]) * torch.index_select(z, 0, w["row"][cut])).sum(-1)
        return ga, gz, None


class Dots(torch.autograd.Function):
    """s[e] = x[row(e)] . y[dst(e)]"""
    @staticmethod
    def forward(ctx, x, y, w):
        ctx.save_for_backward(x, y)
        ctx.w = w
        s = torch.empty(len(w["dst"]))
        for at in range(0, len(s), 65536):
            cut = slice(at, at + 65536)
            s[cut] = (torch.index_select(x, 0, w["row"][cut]) * torch.index_select(y, 0, w["dst"][cut])).sum(-1)
        return s

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        w = ctx.w
        gy = sparse(w["crow"], w["col"], torch.index_select(g, 0, w["order"]), w["shape"]) @ x
        gx = sparse(w["crow_t"], w["col_t"], torch.index_select(g, 0, w["order_t"]), w["shape"][::-1]) @ y
        return gx, gy, None


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, dst, n):
        e, total = peers.softmax_edges(s.unsqueeze(1), dst, n)
        a = (e / torch.index_select(total, 0, dst)).squeeze(1)
        ctx.save_for_backward(a)
        ctx.rest = dst, n
        return a

    @staticmethod
    def backward(ctx, g):
        a, (dst, n) = ctx.saved_tensors[0], ctx.rest
        t = a * g
        return t - a * torch.index_select(torch.zeros(n).index_add_(0, dst, t), 0, dst), None, None


class Spread(torch.autograd.Function):
    """x[at], the gradient summed by a sparse matrix"""
    @staticmethod
    def forward(ctx, x, at, back):
        ctx.back = back
        return torch.index_select(x, 0, at)

    @staticmethod
    def backward(ctx, g):
        return (ctx.back @ g.unsqueeze(1)).squeeze(1) if g.dim() == 1 else ctx.back @ g, None, None


def gathering(at, n):
    """n x len(at) of ones: sums rows by where they were taken from"""
    crow, col, _ = csr(at, torch.arange(len(at)), n, len(at))
    return sparse(crow, col, torch.ones(len(col)), (n, len(at)))


def weighting(g, row, rows):
    crow, col, order = csr(g.dst, row, g.nodes, rows)
    crow_t, col_t, order_t = csr(row, g.dst, rows, g.nodes)
    return dict(crow=crow, col=col, order=order, crow_t=crow_t, col_t=col_t, order_t=order_t, shape=(g.nodes, rows), dst=g.dst, row=row)


# ---------------------------------------------------------------- layers: (graph, dims) -> parameters -> output

def rgcn_compact(g, p):
    et, node, pair, start = pairs(g, "src")
    crow, col, _ = csr(g.dst, pair, g.nodes, len(et))
    A = sparse(crow, col, torch.ones(len(col)), (g.nodes, len(et)))
    crow, col, _ = csr(pair, g.dst, len(et), g.nodes)
    At, back = sparse(crow, col, torch.ones(len(col)), (len(et), g.nodes)), gathering(node, g.nodes)
    return lambda: torch.addmm(Sum.apply(TypedGemm.apply(p["h"], p["l.W"], node, start, back), A, At), p["h"], p["l.W0"])


def rgcn_aggregate(g, p):
    et, node, pair, start = pairs(g, "dst")
    crow, col, _ = csr(pair, g.src, len(et), g.nodes)
    S = sparse(crow, col, torch.ones(len(col)), (len(et), g.nodes))
    crow, col, _ = csr(g.src, pair, g.nodes, len(et))
    St = sparse(crow, col, torch.ones(len(col)), (g.nodes, len(et)))
    B = gathering(node, g.nodes)
    Bt = sparse(torch.arange(len(et) + 1), node, torch.ones(len(et)), (len(et), g.nodes))
    return lambda: torch.addmm(Sum.apply(TypedGemm.apply(Sum.apply(p["h"], S, St), p["l.W"], None, start, None), B, Bt), p["h"], p["l.W0"])


def rgat(g, p):
    et, node, pair, start = pairs(g, "src")
    et2, node2, pair2, start2 = pairs(g, "dst")
    w, back, back2 = weighting(g, pair, len(et)), gathering(node, g.nodes), gathering(node2, g.nodes)
    at, at2, by_type = gathering(pair, len(et)), gathering(pair2, len(et2)), gathering(et, g.etypes)

    def call():
        W, al, ar = p["l.W"].squeeze(2), p["l.al"].squeeze(1), p["l.ar"].squeeze(1)
        z = TypedGemm.apply(p["h"], W, node, start, back)
        left = (z * Spread.apply(al, et, by_type)).sum(-1)
        right = TypedGemm.apply(p["h"], torch.bmm(W, ar.unsqueeze(2)), node2, start2, back2).squeeze(1)
        s = F.leaky_relu(Spread.apply(left, pair, at) + Spread.apply(right, pair2, at2), 0.2)
        return Weighted.apply(Softmax.apply(s, g.dst, g.nodes), z, w).unsqueeze(1)
    return call


def hgt(g, p):
    et, node, pair, start = pairs(g, "src")
    w, back, by_type = weighting(g, pair, len(et)), gathering(node, g.nodes), gathering(g.etype, g.etypes)
    order = torch.argsort(g.ntype, stable=True)
    place = torch.argsort(order)
    nstart = torch.searchsorted(g.ntype[order], torch.arange(g.ntypes + 1)).tolist()
    nback = gathering(order, g.nodes)

    def call():
        K, Q, V = (TypedGemm.apply(p["h"], p["l." + n].squeeze(2), order, nstart, nback)[place] if g.ntypes > 1 else p["h"] @ p["l." + n].view(p["h"].shape[1], -1) for n in "KQV")
        k = TypedGemm.apply(K, p["l.A"].squeeze(1), node, start, back)
        v = TypedGemm.apply(V, p["l.M"].squeeze(1), node, start, back)
        s = Dots.apply(k, Q, w) * Spread.apply(p["l.mu"].squeeze(1), g.etype, by_type) * K.shape[1] ** -0.5
        return Weighted.apply(Softmax.apply(s, g.dst, g.nodes), v, w).unsqueeze(1)
    return call


HAND = {"rgcn": [("compact", rgcn_compact), ("aggregate first", rgcn_aggregate)], "rgat": [("compact", rgat)], "hgt": [("compact", hgt)]}


# ---------------------------------------------------------------- steps

def step_of(forward, parameters, target):
    adam = torch.optim.Adam(parameters, lr=RATE, fused=True)

    def step():
        step.clear()
        loss = F.mse_loss(forward(), target)
        loss.backward()
        adam.step()
        return loss
    step.clear = lambda: adam.zero_grad(set_to_none=True)
    return step


def of_step(step):
    step.clear()
    return memory.peak(step)[0]


def shipped(model, g, p, target):
    x = {"h": torch.nn.Parameter(p["h"].detach().clone())}
    inner = {k[2:]: v.detach() for k, v in p.items() if k.startswith("l.")}
    made = peers.pyg_rgat(g, inner, x, 2e9) if model == "rgat" else getattr(peers, "pyg_" + model)(g, inner, x)
    if isinstance(made, str):
        return made
    made.module.requires_grad_(True)

    def forward():
        y = made()
        return torch.cat(list(y.values())).view(target.shape) if isinstance(y, dict) else y.view(target.shape)
    return step_of(forward, [x["h"], *made.module.parameters()], target)


def one(o, turns, extra, build, folder, name, raw, g, model, d):
    """a row of the table; one head"""
    here = os.path.dirname(os.path.abspath(__file__))
    dims = {"rgcn": {"in": d, "out": d}, "rgat": {"in": d, "heads": 1, "p": d}, "hgt": {"d": d, "heads": 1, "p": d}}[model]
    ours = Compiled(build, folder, os.path.join(here, "train.pgn"), model + "_train", {**dims, "training": 1}, raw, o.threads, extra, symbol=model + "_train_step")
    sizes, arrays = ours.lib.pgn_plan_sizes(ours.plan), {}
    torch.manual_seed(1)
    for what, role in (("input", 1), ("param", 2)):
        for k, n in enumerate(ours.names(what)):
            a = getattr(ours.model, what)[k]
            shape = [ours.model.extent(sizes, role, k, i) for i in range(a.rank)]
            arrays[n] = np.zeros(shape, np.float32) if a.frozen else (torch.randn(shape) * (shape[-1] ** -0.5 if n.startswith("l.") else 1)).numpy()
    arrays["step"] = np.array(0, dtype=np.int64)
    target = torch.from_numpy(arrays["t"])
    ours.bind_arrays(arrays)
    room = {}
    room["ours"], given = memory.peak(ours)
    outputs = dict(zip(ours.names("output"), given))
    planned = ours.workspace + sum(v.nbytes for v in given)
    moments = {n[:-len(".m.next")]: v.copy() for n, v in outputs.items() if n.endswith(".m.next")}
    loss = float(outputs["loss"])
    calls, notes, checked = {"ours": ours}, [], []
    with torch.enable_grad():
        for label, make in HAND[model]:
            p = {n: torch.nn.Parameter(torch.from_numpy(arrays[n].copy())) for n in moments}
            calls["hand " + label] = step = step_of(make(g, p), list(p.values()), target)
            there = float(step())
            first = {n: v.grad.numpy().copy() for n, v in p.items()}
            room["hand " + label] = of_step(step)
            worst = max(float(np.abs(first[n] * 0.1 - m).max() / max(1e-30, np.abs(m).max())) for n, m in moments.items())
            checked.append("%.0e %.0e" % (abs(there - loss) / abs(loss), worst))
        if not o.no_shipped:
            p = {n: torch.from_numpy(arrays[n].copy()) for n in moments}
            made = shipped(model, g, p, target)
            if callable(made):
                calls["shipped"] = made
                made()
                room["shipped"] = of_step(made)
            else:
                notes.append("PyG: " + made)
        seconds = turns(o, calls)
    median = {label: sorted(t)[len(t) // 2] for label, t in seconds.items()}
    least = {label: min(t) for label, t in seconds.items()}
    hand = min(t for label, t in median.items() if label.startswith("hand"))
    t, ship = median["ours"], median.get("shipped")
    hand_room = min((m for label, m in room.items() if label.startswith("hand") and m), default=None)
    def mb(n):
        return "%.1f" % (n / 1e6) if n else "-"
    text = (name, model, d, "%.2f" % (1e3 * t), "%.2f" % (1e3 * hand), "%.1f" % (1e3 * ship) if ship else "-", "%.1f" % (ship / t) if ship else "-", "%.1f" % (hand / t),
            "%.1f" % (1e3 * ours.bind_s), mb(ours.workspace), mb(planned), mb(room["ours"]), mb(hand_room), mb(room.get("shipped")), " ".join(checked + notes))
    return dict(graph=name, model=model, d=d, ours=t, hand=hand, shipped=ship, least=least, workspace=ours.workspace, planned=planned, room=room, all=median,
                peak_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, text=text)


HEAD = "%-11s %-6s %4s | %9s %9s %9s | %7s %7s | %8s %8s %8s %8s %8s %8s %s"
TITLE = ("graph", "model", "d", "pigeon ms", "hand ms", "PyG ms", "PyG/us", "hand/us", "bind ms", "space MB", "plan MB", "us MB", "hand MB", "PyG MB", "losses, gradients")


def total(rows):
    def mean(v):
        return float(np.exp(np.mean(np.log(v)))) if v else float("nan")
    print("geometric means: hand-written / pigeon %.2f, shipped / pigeon %.2f; slower than a peer in %d of %d cases" % (
        mean([r["hand"] / r["ours"] for r in rows]), mean([r["shipped"] / r["ours"] for r in rows if r["shipped"]]),
        sum(r["ours"] > min(r["hand"], r["shipped"] or r["hand"]) for r in rows), len(rows)))
