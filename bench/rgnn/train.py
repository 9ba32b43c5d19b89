"""Training steps: loss, gradients of all parameters and of the features, and Adam, by pigeonc, hand-written PyTorch and PyTorch Geometric.

The loss is the mean of squared differences from given numbers. Hand-written programs are put together from functions whose backward is written by hand as well: sums over
the places of a sparse matrix and of its transpose made before, products of two rows at its places, the softmax over its rows, and products by type over unique pairs of a
type and a node. Heads are further rows of the same matrices. Edges are in the order of their destinations, and several ways to write a layer are timed, of which the fastest
counts. The update is torch.optim.Adam, fused. Steps are compared by their losses and by Adam's first moments after one step from zero, which are a tenth of the gradients.

Memory is what a step takes at its peak beside parameters and states: of pigeonc's the first call, which touches workspace and outputs (the next
parameters and states among them, of which there are two), beside the plan's number for it; of a peer's the second step, when Adam's states are there,
with no gradients left from the first."""
import os
import resource
import shutil
import types

import numpy as np
import torch
import torch.nn.functional as F

import memory
import peers
from ours import Compiled
from peers import csr, pairs, sparse

RATE = 0.001


# ---------------------------------------------------------------- parts with a backward by hand

class Pattern:
    """The places of a sparse matrix, ordered by row: place k is (row[k], col[k]), the entry[k]-th of those given. Rows are added by embedding_bag, which takes a third
    of the time that products of CSR tensors take, and a place's product of two rows is sampled_addmm's."""
    def __init__(self, row, col, rows, cols):
        self.start, self.col, self.entry = csr(row, col, rows, cols)
        self.row, self.shape = row[self.entry], (rows, cols)
        back_start, back, order = csr(self.col, self.row, cols, rows)
        self.rows, self.back, self.order = (self.col.int(), self.start.int()), (back.int(), back_start.int()), order.int()
        self.each, self.zero = (torch.arange(len(row), dtype=torch.int32), self.start.int()), sparse(self.start, self.col, torch.zeros(len(row)), self.shape)

    def sums(self, x, a=None):
        """of a[k] x[col[k]] for each row"""
        return bag(x, self.rows, a)

    def sums_back(self, x, a=None):
        """of a[k] x[row[k]] for each column"""
        return bag(x, self.back, a if a is None else torch.index_select(a, 0, self.order))

    def over(self, a):
        """sums of a[k] for each row"""
        return bag(a, self.each)

    def dots(self, y, x):
        """y[row[k]] . x[col[k]]"""
        return torch.sparse.sampled_addmm(self.zero, y, x.t()).values()


def bag(x, where, a=None):
    y = F.embedding_bag(where[0], x if x.dim() > 1 else x.unsqueeze(1), where[1], mode="sum", per_sample_weights=a, include_last_offset=True)
    return y if x.dim() > 1 else y.squeeze(1)


class Sum(torch.autograd.Function):
    """A @ z"""
    @staticmethod
    def forward(ctx, z, A):
        ctx.A = A
        return A.sums(z)

    @staticmethod
    def backward(ctx, g):
        return ctx.A.sums_back(g.contiguous()), None


class Weighted(torch.autograd.Function):
    """out[v] = sum over the places k of row v of a[k] z[col[k]]"""
    @staticmethod
    def forward(ctx, a, z, A):
        ctx.save_for_backward(a, z)
        ctx.A = A
        return A.sums(z, a)

    @staticmethod
    def backward(ctx, g):
        a, z = ctx.saved_tensors
        g = g.contiguous()
        return ctx.A.dots(g, z), ctx.A.sums_back(g, a), None


class Dots(torch.autograd.Function):
    """s[k] = y[row[k]] . x[col[k]]"""
    @staticmethod
    def forward(ctx, y, x, A):
        ctx.save_for_backward(y, x)
        ctx.A = A
        return A.dots(y, x)

    @staticmethod
    def backward(ctx, g):
        y, x = ctx.saved_tensors
        g = g.contiguous()
        return ctx.A.sums(x, g), ctx.A.sums_back(y, g), None


def softmax(s, A):
    """over the places of each row"""
    top = torch.segment_reduce(s, "max", offsets=A.start, initial=-float("inf"))
    e = (s - torch.index_select(top, 0, A.row)).exp_()
    return e.mul_(torch.index_select(A.over(e).reciprocal_(), 0, A.row))


def softmax_back(g, a, A):
    t = a * g
    return t.addcmul_(a, torch.index_select(A.over(t), 0, A.row), value=-1)


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, A):
        a = softmax(s, A)
        ctx.save_for_backward(a)
        ctx.A = A
        return a

    @staticmethod
    def backward(ctx, g):
        return softmax_back(g, ctx.saved_tensors[0], ctx.A), None


class Attention(torch.autograd.Function):
    """sums of the rows z[V.col[k]] by the softmax of q[row[k]] . z[K.col[k]]; z's gradient from both is one sparse product"""
    @staticmethod
    def forward(ctx, q, z, K, V, both):
        a = softmax(K.dots(q, z), K)
        ctx.save_for_backward(q, z, a)
        ctx.rest = K, V, both
        return V.sums(z, a)

    @staticmethod
    def backward(ctx, g):
        (q, z, a), (K, V, both) = ctx.saved_tensors, ctx.rest
        g = g.contiguous()
        s = softmax_back(V.dots(g, z), a, K)
        return K.sums(z, s), both.sums_back(torch.cat([q, g]), torch.cat([s, a])), None, None, None


class Spread(torch.autograd.Function):
    """x[at], the gradient summed by a pattern"""
    @staticmethod
    def forward(ctx, x, at):
        ctx.at = at
        return torch.index_select(x, 0, at.rows[0])

    @staticmethod
    def backward(ctx, g):
        return ctx.at.sums_back(g.contiguous()), None


class Scores(torch.autograd.Function):
    """s[k] = a . leaky_relu(r[row[k]] + x[at[k]] + y[to[k]]), in blocks of whole rows, and what the nonlinearity gives stays for the backward, which replaces it; or by a compiled loop
    each way, which keeps nothing"""
    @staticmethod
    def forward(ctx, a, r, x, y, A, at, to, fused):
        ctx.rest, t = (A, at, to, fused), None
        if fused:
            s = fused_scores(a, r, A.row, x, at.col, y, to.col)
        else:
            s, t = torch.empty(len(A.row)), torch.empty(len(A.row), len(a))
            for _, cut, _ in blocks(A):
                torch.mv(F.leaky_relu_(added(t[cut], cut, (r, A.row), (x, at.col), (y, to.col)), 0.2), a, out=s[cut])
        ctx.save_for_backward(a, r, x, y, t)
        return s

    @staticmethod
    def backward(ctx, g):
        (a, r, x, y, t), (A, at, to, fused) = ctx.saved_tensors, ctx.rest
        if fused:
            t = fused_scores_back(g, r, A.row, x, at.col, y, to.col)
            gr = bag(t, A.each)
        else:
            gr = torch.empty(A.shape[0], len(a))
            for rows, cut, each in blocks(A):
                torch.ops.aten.leaky_relu_backward.grad_input(g[cut].unsqueeze(1).expand_as(t[cut]), t[cut], 0.2, True, grad_input=t[cut])
                gr[rows] = bag(t[cut], each)
        gx, gy = at.sums_back(t), to.sums_back(t)                  # all without the factor a
        ga = sum((x * g).sum(0) for x, g in ((r, gr), (x, gx), (y, gy)))
        return ga, gr.mul_(a), gx.mul_(a), gy.mul_(a), None, None, None, None


class Gated(torch.autograd.Function):
    """out[v] = sum over the places k of row v of sigmoid(b[v] + x[at[k]] + y[to[k]]) w[at[k]]; gates stay for the backward"""
    @staticmethod
    def forward(ctx, b, w, x, y, A, at, to, fused):
        gate, out = torch.empty(len(A.row), w.shape[1]), torch.empty(A.shape[0], w.shape[1])
        for rows, cut, each in blocks(A):
            added(gate[cut], cut, (b, A.row), (x, at.col), (y, to.col)).sigmoid_()
            out[rows] = bag(torch.index_select(w, 0, at.col[cut]).mul_(gate[cut]), each)
        ctx.save_for_backward(w, gate)
        ctx.rest = A, at, to, fused
        return out

    @staticmethod
    def backward(ctx, g):
        (w, gate), (A, at, to, fused) = ctx.saved_tensors, ctx.rest
        if fused:
            t, gate = fused_gates_back(g, A.row, w, at.col, gate)
            gb = bag(t, A.each)
        else:
            gb, t = torch.empty(A.shape[0], w.shape[1]), torch.empty_like(gate)
            for rows, cut, each in blocks(A):
                there = torch.index_select(g, 0, A.row[cut])
                torch.ops.aten.sigmoid_backward.grad_input(torch.index_select(w, 0, at.col[cut]).mul_(there), gate[cut], grad_input=t[cut])
                gate[cut].mul_(there)
                gb[rows] = bag(t[cut], each)
        return gb, at.sums_back(gate), at.sums_back(t), to.sums_back(t), None, None, None, None


@torch.compile(dynamic=True)
def fused_scores(a, r, row, x, at, y, to):
    return (F.leaky_relu(r[row] + x[at] + y[to], 0.2) * a).sum(-1)


@torch.compile(dynamic=True)
def fused_scores_back(g, r, row, x, at, y, to):
    return g.unsqueeze(1) * torch.where(r[row] + x[at] + y[to] > 0, 1.0, 0.2)


@torch.compile(dynamic=True)
def fused_gates_back(g, row, w, at, gate):
    g = g[row]
    return g * w[at] * gate * (1 - gate), gate * g


def added(t, cut, first, *rest):
    torch.index_select(first[0], 0, first[1][cut], out=t)
    for x, at in rest:
        t.add_(torch.index_select(x, 0, at[cut]))
    return t


def blocks(A, size=16384):
    """(rows, places, how rows are summed there) of parts of a pattern that begin and end with rows"""
    if not hasattr(A, "blocks"):
        A.blocks, row, start = [], 0, A.start
        while row < A.shape[0]:
            end = max(row + 1, int(torch.searchsorted(start, start[row] + size, right=True)) - 1)
            cut = slice(int(start[row]), int(start[end]))
            A.blocks.append((slice(row, end), cut, (A.each[0][:cut.stop - cut.start], (start[row:end + 1] - start[row]).int())))
            row = end
    return A.blocks


def gathering(at, n):
    return Pattern(torch.arange(len(at)), at, len(at), n)


def by_heads(at, heads):
    """a row for each head"""
    return (at.unsqueeze(1) * heads + torch.arange(heads)).view(-1)


class Ends:
    """Pairs of a type and a node at one end: the source's, whose products go along edges, or the destination's, where what the edges bring is summed before the product, or for each
    type the end with fewer. `into` has the rows that a pair's row is the sum of, `out` the pairs that a node's row is the sum of, a row for each head. Each edge is in one of
    them, with its weight; `edges` has all by destination, and where both have some, into_at and out_at say where in edges' order (and a one after it) weights are."""
    def __init__(self, g, which, heads=1, width=1, at=0):
        few = [torch.bincount(torch.unique(g.etype * g.nodes + e) // g.nodes, minlength=g.etypes) for e in (g.src, g.dst)]
        self.at_dst = few[1] < few[0] if which == "fewer" else torch.full((g.etypes,), which == "dst")
        late = self.at_dst[g.etype]
        unique, self.pair = torch.unique(g.etype * g.nodes + torch.where(late, g.dst, g.src), return_inverse=True)
        self.et, self.node = unique // g.nodes, unique % g.nodes
        self.of_type = torch.searchsorted(self.et, torch.arange(g.etypes), right=True).int()
        places, n, p = torch.arange(len(self.et)), g.nodes * heads, len(self.et) * heads
        early_e, late_e, early, late_p = torch.nonzero(~late).view(-1), torch.nonzero(late).view(-1), places[~self.at_dst[self.et]], places[self.at_dst[self.et]]
        one = len(g.src) * heads
        self.edges = Pattern(by_heads(g.dst, heads), by_heads(self.pair, heads), n, p)
        self.into = Pattern(by_heads(torch.cat([early, self.pair[late]]), heads), by_heads(torch.cat([self.node[early], g.src[late]]) * width + at, heads), p, n * width)
        self.out = Pattern(by_heads(torch.cat([g.dst[~late], self.node[late_p]]), heads), by_heads(torch.cat([self.pair[~late], late_p]), heads), n, p)
        places = torch.cat([torch.argsort(self.edges.entry), torch.tensor([one])])
        if which == "fewer":
            self.into_at = gathering(places[torch.cat([torch.full((len(early) * heads,), one), by_heads(late_e, heads)])[self.into.entry]], one + 1)
            self.out_at = gathering(places[torch.cat([by_heads(early_e, heads), torch.full((len(late_p) * heads,), one)])[self.out.entry]], one + 1)


# ---------------------------------------------------------------- layers: (graph, parameters) -> function that gives the output, or None where it is not for that many heads

def rgcn(which):
    def layer(g, p):
        e = Ends(g, which)
        return lambda: torch.addmm(Sum.apply(F.grouped_mm(Sum.apply(p["h"], e.into), p["l.W"], offs=e.of_type), e.out), p["h"], p["l.W0"])
    return layer


def compgcn(which):
    def layer(g, p):
        e = Ends(g, which)
        by_type = gathering(e.et, g.etypes)
        return lambda: torch.addmm(Sum.apply(Sum.apply(p["h"], e.into) * Spread.apply(p["l.z"], by_type), e.out) @ p["l.W"], p["h"], p["l.W0"])
    return layer


def attend(s, x, e, product):
    """the softmax of what edges have times rows of x, before or after the product of pairs"""
    a = torch.cat([Softmax.apply(s, e.edges), torch.ones(1)])
    return Weighted.apply(Spread.apply(a, e.out_at), product(Weighted.apply(Spread.apply(a, e.into_at), x, e.into)), e.out)


def rgat(which):
    """Attention vectors are multiplied with the weights: an edge's score is the sum of two products of a node's features and a row, which are the same for all edges of a pair."""
    def layer(g, p):
        r, d, H, q = p["l.W"].shape
        if which == "fewer" and H > 1:         # each head would sum whole rows of features
            return None
        e = Ends(g, which, H)
        ends = [pairs(g, end) for end in ("src", "dst")]
        dots = Pattern(torch.cat([by_heads(node, H) // H for _, node, _, _ in ends]), torch.cat([by_heads(et * 2 + k, H) for k, (et, _, _, _) in enumerate(ends)]), g.nodes, 2 * r * H)
        place = torch.argsort(dots.entry)
        both = [place[by_heads(pair + k * len(ends[0][0]), H)[e.edges.entry]] for k, (_, _, pair, _) in enumerate(ends)]
        scores = Pattern(torch.arange(len(both[0])).repeat(2), torch.cat(both), len(both[0]), len(place))
        node = gathering(e.node, g.nodes)

        def call():
            W, own = p["l.W"].view(r, d, H * q), torch.eye(H).unsqueeze(2)
            apart = (torch.stack([p["l.al"], p["l.ar"]], 1).unsqueeze(3) * own).view(r, 2 * H, H * q)
            s = F.leaky_relu(Sum.apply(Dots.apply(p["h"], torch.bmm(apart, W.transpose(1, 2)).view(2 * r * H, d), dots), scores), 0.2)
            if which == "fewer":
                return attend(s, p["h"], e, lambda x: F.grouped_mm(x, W, offs=e.of_type)).view(-1, H, q)
            z = F.grouped_mm(Spread.apply(p["h"], node), W, offs=e.of_type)
            return Weighted.apply(Softmax.apply(s, e.edges), z.view(-1, q), e.edges).view(-1, H, q)
        return call
    return layer


def hgt_folded(g, p):
    """Keys' and values' matrices are multiplied with those of relations, for each type of edges and of their sources, so that products are of features."""
    t, d, H, q = p["l.K"].shape
    kind, inverse = torch.unique(g.etype * g.ntypes + g.ntype[g.src], return_inverse=True)
    e = Ends(types.SimpleNamespace(**{**vars(g), "etype": inverse, "etypes": len(kind)}), "src")
    K, V = (Pattern(by_heads(g.dst, H), by_heads(2 * e.pair + k, H), g.nodes * H, 2 * len(e.et) * H) for k in (0, 1))
    both = Pattern(torch.cat([K.row, K.row + g.nodes * H]), torch.cat([K.col, V.col]), 2 * g.nodes * H, 2 * len(e.et) * H)
    et, nt, node, typed = gathering(kind // g.ntypes, g.etypes), gathering(kind % g.ntypes, g.ntypes), gathering(e.node, g.nodes), of_types(g)

    def call():
        def folded(x, A):
            x = Spread.apply(x.transpose(1, 2).reshape(t, H * d * q), nt).view(-1, d, q)
            return torch.bmm(x, Spread.apply(A.reshape(g.etypes, H * q * q), et).view(-1, q, q)).view(-1, H, d, q).transpose(1, 2).reshape(-1, d, H * q)
        W = torch.cat([folded(p["l.K"], p["l.A"] * (p["l.mu"] * q ** -0.5)[:, :, None, None]), folded(p["l.V"], p["l.M"])], 2)
        z = F.grouped_mm(Spread.apply(p["h"], node), W, offs=e.of_type)
        return Attention.apply(typed(p["h"], p["l.Q"]).view(-1, q), z.view(-1, q), K, V, both).view(-1, H, q)
    return call


def hgt_fewer(g, p):
    """Relations' matrices are multiplied with keys and values, or with queries and sums of values, at the end where a type has fewer nodes."""
    t, d, H, q = p["l.K"].shape
    e, typed, own = Ends(g, "fewer", H, 3, 2), of_types(g), torch.eye(H)[:, None, :, None]          # a node's key, query and value are three rows
    rows = gathering(3 * e.node + e.at_dst[e.et], 3 * g.nodes)
    late = e.at_dst[g.etype]
    dots = Pattern(by_heads(3 * torch.where(late, g.src, g.dst) + ~late, H), by_heads(e.pair, H), 3 * g.nodes * H, len(e.et) * H)
    scores = gathering(torch.argsort(dots.entry)[e.edges.entry], len(dots.entry))

    def call():
        A, M = ((x.unsqueeze(3) * own).view(g.etypes, H * q, H * q) for x in (p["l.A"] * (p["l.mu"] * q ** -0.5)[:, :, None, None], p["l.M"]))
        x = typed(p["h"], torch.cat([p["l." + n].view(t, d, H * q) for n in "KQV"], 2)).view(-1, H * q)
        z = F.grouped_mm(Spread.apply(x, rows), torch.where(e.at_dst[:, None, None], A.transpose(1, 2), A), offs=e.of_type)
        s = Spread.apply(Dots.apply(x.view(-1, q), z.view(-1, q), dots), scores)
        return attend(s, x.view(-1, q), e, lambda u: F.grouped_mm(u.view(-1, H * q), M, offs=e.of_type).view(-1, q)).view(-1, H, q)
    return call


def of_types(g):
    """x @ W of each node's type"""
    order = torch.argsort(g.ntype, stable=True)
    place, back = gathering(torch.argsort(order), g.nodes), gathering(order, g.nodes)
    ends = torch.searchsorted(g.ntype[order], torch.arange(g.ntypes), right=True).int()

    def typed(x, W):
        W = W.reshape(g.ntypes, W.shape[1], -1)
        return Spread.apply(F.grouped_mm(Spread.apply(x, back), W, offs=ends), place) if g.ntypes > 1 else x @ W[0]
    return typed


def gatv2(fused):
    def layer(g, p):
        A, at, to = Pattern(g.dst, g.src, g.nodes, g.nodes), gathering(g.src, g.nodes), gathering(g.etype, g.etypes)

        def call():
            l = p["h"] @ p["l.L"]
            return Weighted.apply(Softmax.apply(Scores.apply(p["l.a"], p["h"] @ p["l.R"], l, p["l.b"], A, at, to, fused), A), l, A)
        return call
    return layer


def edge_conditioned(fused):
    def layer(g, p):
        A, at, to = Pattern(g.dst, g.src, g.nodes, g.nodes), gathering(g.src, g.nodes), gathering(g.etype, g.etypes)
        return lambda: Gated.apply(p["h"] @ p["l.B"], p["h"] @ p["l.W"], p["h"] @ p["l.A"], p["l.c"], A, at, to, fused)
    return layer


BY_EDGES = [("blocks", False)] + [("compiled", True)] * bool(shutil.which("g++"))          # which torch.compile needs
BY_PAIRS = [("compact", "src"), ("aggregate first", "dst"), ("fewer", "fewer")]
HAND = {"rgcn": [(label, rgcn(which)) for label, which in BY_PAIRS], "rgat": [("compact", rgat("src")), ("fewer", rgat("fewer"))], "hgt": [("folded", hgt_folded), ("fewer", hgt_fewer)],
        "gatv2_relations": [(label, gatv2(fused)) for label, fused in BY_EDGES], "compgcn": [(label, compgcn(which)) for label, which in BY_PAIRS],
        "edge_conditioned": [(label, edge_conditioned(fused)) for label, fused in BY_EDGES]}


def by_destination(g):
    """The graph with its edges in the order that the layers above want"""
    order = torch.argsort(g.dst, stable=True)
    return types.SimpleNamespace(**{**vars(g), **{k: getattr(g, k)[order] for k in ("src", "dst", "etype")}})


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


def one(o, turns, extra, build, folder, name, raw, g, model, d, heads, dims):
    """a row of the table"""
    here = os.path.dirname(os.path.abspath(__file__))
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
        by_dst = by_destination(g)
        for label, make in HAND[model]:
            p = {n: torch.nn.Parameter(torch.from_numpy(arrays[n].copy())) for n in moments}
            forward = make(by_dst, p)
            if forward is None:
                continue
            calls["hand " + label] = step = step_of(forward, list(p.values()), target)
            there = float(step())
            first = {n: v.grad.numpy().copy() for n, v in p.items()}
            room["hand " + label] = of_step(step)
            worst = max(float(np.abs(first[n] * 0.1 - m).max() / max(1e-30, np.abs(m).max())) for n, m in moments.items())
            checked.append("%.0e %.0e" % (abs(there - loss) / abs(loss), worst))
        if not o.no_shipped and model in ("rgcn", "rgat", "hgt"):
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
    text = (name, model, d, heads, "%.2f" % (1e3 * t), "%.2f" % (1e3 * hand), "%.1f" % (1e3 * ship) if ship else "-", "%.1f" % (ship / t) if ship else "-", "%.1f" % (hand / t),
            "%.1f" % (1e3 * ours.bind_s), mb(ours.workspace), mb(planned), mb(room["ours"]), mb(hand_room), mb(room.get("shipped")), " ".join(checked + notes))
    return dict(graph=name, model=model, d=d, heads=heads, ours=t, hand=hand, shipped=ship, least=least, workspace=ours.workspace, planned=planned, room=room, all=median,
                peak_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, text=text)


HEAD = "%-11s %-16s %4s %2s | %9s %9s %9s | %7s %7s | %8s %8s %8s %8s %8s %8s %s"
TITLE = ("graph", "model", "d", "H", "pigeon ms", "hand ms", "PyG ms", "PyG/us", "hand/us", "bind ms", "space MB", "plan MB", "us MB", "hand MB", "PyG MB", "losses, gradients")


def total(rows):
    def mean(v):
        return float(np.exp(np.mean(np.log(v)))) if v else float("nan")
    print("geometric means: hand-written / pigeon %.2f, shipped / pigeon %.2f; slower than a peer in %d of %d cases" % (
        mean([r["hand"] / r["ours"] for r in rows]), mean([r["shipped"] / r["ours"] for r in rows if r["shipped"]]),
        sum(r["ours"] > min(r["hand"], r["shipped"] or r["hand"]) for r in rows), len(rows)))
