"""What pigeonc is compared with: the layers that PyTorch Geometric ships, and the strongest PyTorch programs for the same functions.

Each function gets a graph, parameters and inputs as tensors and returns (call, layout) - call() computes the output - or a string that
says why it can't run.  Preparation that depends on the graph alone (sorting, unique pairs, sparse matrices) is outside the timed call,
as pigeonc's binding is."""
import sys
import unittest.mock

import torch
import torch.nn.functional as F

BLOCK = 2048


# ---------------------------------------------------------------- preparation

def pairs(g, end):
    """Unique (etype, end) pairs in that order, and the pair of each edge; offsets of the types."""
    key = g.etype.long() * g.nodes + (g.src if end == "src" else g.dst).long()
    unique, pair = torch.unique(key, return_inverse=True)
    et, node = unique // g.nodes, unique % g.nodes
    start = torch.searchsorted(et, torch.arange(g.etypes + 1))
    return et, node, pair, start.tolist()


def csr(rows, cols, n, m):
    """n x m sparse matrix of ones with entries ordered by row; and the order of the entries"""
    order = torch.argsort(rows, stable=True)
    crow = torch.zeros(n + 1, dtype=torch.int64)
    crow[1:] = torch.cumsum(torch.bincount(rows, minlength=n), 0)
    return crow, cols[order], order


def sparse(crow, col, value, shape):
    return torch.sparse_csr_tensor(crow, col, value, shape)


def typed_gemm(x, node, start, W, out):
    """out[p] = x[node[p]] @ W[etype(p)], one product per type in blocks of rows"""
    for r in range(len(start) - 1):
        for at in range(start[r], start[r + 1], BLOCK):
            end = min(at + BLOCK, start[r + 1])
            torch.mm(torch.index_select(x, 0, node[at:end]) if node is not None else x[at:end], W[r], out=out[at:end])
    return out


def softmax_edges(s, dst, n):
    """exp(s - max of the fibre), and the sum of each fibre"""
    top = torch.full((n,) + s.shape[1:], -float("inf")).scatter_reduce_(0, dst.view(-1, *[1] * (s.dim() - 1)).expand_as(s), s, "amax")
    e = torch.exp(s - torch.index_select(top, 0, dst))
    return e, torch.zeros((n,) + s.shape[1:]).index_add_(0, dst, e)


# ---------------------------------------------------------------- hand-written PyTorch

def rgcn_compact(g, p, x):
    et, node, pair, start = pairs(g, "src")
    crow, col, _ = csr(g.dst, pair, g.nodes, len(et))
    A, z = sparse(crow, col, torch.ones(len(col)), (g.nodes, len(et))), torch.empty(len(et), p["W"].shape[2])
    return lambda: torch.addmm(A @ typed_gemm(x["h"], node, start, p["W"], z), x["h"], p["W0"])


def rgcn_aggregate(g, p, x):
    et, node, pair, start = pairs(g, "dst")
    crow, col, _ = csr(pair, g.src, len(et), g.nodes)
    S, u = sparse(crow, col, torch.ones(len(col)), (len(et), g.nodes)), torch.empty(len(et), p["W"].shape[2])
    crow, col, _ = csr(node, torch.arange(len(et)), g.nodes, len(et))
    B = sparse(crow, col, torch.ones(len(col)), (g.nodes, len(et)))
    return lambda: torch.addmm(B @ typed_gemm(S @ x["h"], None, start, p["W"], u), x["h"], p["W0"])


def attention(g, z, pair, s, crow, col, order, heads, out):
    """sum over incoming edges of softmax(s) z[pair], one sparse product per head, division after the sum"""
    e, total = softmax_edges(s, g.dst, g.nodes)
    e = torch.index_select(e, 0, order)
    rows = z.shape[0]
    for m in range(heads):
        out[:, m] = sparse(crow, col, e[:, m].contiguous(), (g.nodes, rows)) @ z[:, m]
    return out / torch.where(total == 0, 1.0, total).unsqueeze(-1)


def rgat_compact(g, p, x):
    W = p["W"]
    r, d, H, q = W.shape
    et, node, pair, start = pairs(g, "src")
    et2, node2, pair2, start2 = pairs(g, "dst")
    crow, col, order = csr(g.dst, pair, g.nodes, len(et))
    z, flat, out = torch.empty(len(et), H * q), W.reshape(r, d, H * q), torch.empty(g.nodes, H, q)

    def call():
        zz = typed_gemm(x["h"], node, start, flat, z).view(-1, H, q)
        left = (zz * torch.index_select(p["al"], 0, et)).sum(-1)
        wr = torch.einsum("rdhq,rhq->rdh", W, p["ar"])
        right = typed_gemm(x["h"], node2, start2, wr, torch.empty(len(et2), H))
        s = F.leaky_relu(torch.index_select(left, 0, pair) + torch.index_select(right, 0, pair2), 0.2)
        return attention(g, zz, pair, s, crow, col, order, H, out)
    return call


def hgt_compact(g, p, x):
    d, H, q = p["K"].shape[1:]
    et, node, pair, start = pairs(g, "src")
    crow, col, order = csr(g.dst, pair, g.nodes, len(et))
    nt = torch.argsort(g.ntype, stable=True)
    nstart = torch.searchsorted(g.ntype[nt], torch.arange(g.ntypes + 1)).tolist()
    stacked = torch.cat([p[n].reshape(g.ntypes, d, H * q) for n in ("K", "Q", "V")], 2).contiguous()
    kqv, by_type, z, out = torch.empty(g.nodes, 3 * H * q), torch.empty(g.nodes, 3 * H * q), torch.empty(len(et), 2, H, q), torch.empty(g.nodes, H, q)
    scale = p["mu"] / q ** 0.5

    def call():
        typed_gemm(x["h"], nt, nstart, stacked, by_type)
        kqv[nt] = by_type
        k, qq, v = kqv.view(-1, 3, H, q).unbind(1)
        A = p["A"] * scale[:, :, None, None]
        for r in range(g.etypes):
            for at in range(start[r], start[r + 1], BLOCK):
                end = min(at + BLOCK, start[r + 1])
                rows = node[at:end]
                z[at:end, 0] = torch.bmm(torch.index_select(k, 0, rows).transpose(0, 1), A[r]).transpose(0, 1)
                z[at:end, 1] = torch.bmm(torch.index_select(v, 0, rows).transpose(0, 1), p["M"][r]).transpose(0, 1)
        s = torch.empty(len(pair), H)
        for at in range(0, len(pair), 65536):
            end = at + 65536
            s[at:end] = (torch.index_select(z[:, 0], 0, pair[at:end]) * torch.index_select(qq, 0, g.dst[at:end])).sum(-1)
        return attention(g, z[:, 1], pair, s, crow, col, order, H, out)
    return call


def gatv2_hand(g, p, x):
    crow, col, order = csr(g.dst, g.src, g.nodes, g.nodes)
    out = torch.empty(g.nodes, 1, p["L"].shape[1])

    def call():
        l, r = x["h"] @ p["L"], x["h"] @ p["R"]
        s = torch.empty(len(g.src), 1)
        for at in range(0, len(g.src), 65536):
            cut = slice(at, at + 65536)
            t = torch.index_select(l, 0, g.src[cut]) + torch.index_select(r, 0, g.dst[cut]) + torch.index_select(p["b"], 0, g.etype[cut])
            s[cut, 0] = F.leaky_relu(t, 0.2) @ p["a"]
        return attention(g, l.unsqueeze(1), None, s, crow, col, order, 1, out).squeeze(1)
    return call


def compgcn_hand(g, p, x):
    et, node, pair, start = pairs(g, "src")
    crow, col, _ = csr(g.dst, pair, g.nodes, len(et))
    A = sparse(crow, col, torch.ones(len(col)), (g.nodes, len(et)))
    return lambda: torch.addmm((A @ (torch.index_select(x["h"], 0, node) * torch.index_select(p["z"], 0, et))) @ p["W"], x["h"], p["W0"])


def edge_conditioned_hand(g, p, x):
    order = torch.argsort(g.dst, stable=True)
    src, dst, et = g.src[order], g.dst[order], g.etype[order]

    def call():
        a, b, w = (x["h"] @ p[n] for n in ("A", "B", "W"))
        y = torch.zeros(g.nodes, w.shape[1])
        for at in range(0, len(src), 65536):
            cut = slice(at, at + 65536)
            gate = torch.sigmoid(torch.index_select(a, 0, src[cut]) + torch.index_select(b, 0, dst[cut]) + torch.index_select(p["c"], 0, et[cut]))
            y.index_add_(0, dst[cut], gate * torch.index_select(w, 0, src[cut]))
        return y
    return call


# ---------------------------------------------------------------- PyTorch Geometric

def with_module(call, module):
    call.module = module
    return call


def memory(bytes_, limit):
    return "needs %.0f GB" % (bytes_ / 1e9) if bytes_ > limit else None


def pyg_rgcn(g, p, x):
    from torch_geometric.nn import RGCNConv
    conv = RGCNConv(p["W"].shape[1], p["W"].shape[2], g.etypes, aggr="sum", bias=False)
    conv.weight.data, conv.root.data = p["W"], p["W0"]
    return with_module(lambda: conv(x["h"], g.index, g.etype), conv)


def pyg_rgat(g, p, x, limit):
    from torch_geometric.nn import RGATConv
    r, d, H, q = p["W"].shape
    why = memory(4.0 * len(g.src) * d * H * q, limit)
    if why:
        return why + " for one weight matrix per edge"
    conv = RGATConv(d, q, r, attention_mechanism="across-relation", attention_mode="additive-self-attention", heads=H, dim=1, bias=False)
    conv.weight.data = p["W"].reshape(r, d, H * q)
    return with_module(lambda: conv(x["h"], g.index, g.etype), conv)


def pyg_hgt(g, p, x):
    from torch_geometric.nn import HGTConv
    d, H, q = p["K"].shape[1:]
    where, index, meta = {}, {}, []
    local = torch.empty(g.nodes, dtype=torch.int64)
    for t in range(g.ntypes):
        at = torch.nonzero(g.ntype == t).view(-1)
        local[at] = torch.arange(len(at))
        if len(at):
            where[str(t)] = at
    kind = (g.etype.long() * g.ntypes + g.ntype[g.src].long()) * g.ntypes + g.ntype[g.dst].long()
    rows = 0
    for k in torch.unique(kind).tolist():
        name = (str(k // g.ntypes % g.ntypes), "r%d" % (k // g.ntypes ** 2), str(k % g.ntypes))
        at = torch.nonzero(kind == k).view(-1)
        index[name] = torch.stack([local[g.src[at]], local[g.dst[at]]])
        meta.append(name)
        rows += len(where[name[0]])
    why = memory(8.0 * rows * d, 4e9)
    if why:
        return why + " for keys and values of every source node in every relation"
    conv = HGTConv(d, d, (list(where), meta), H)
    return with_module(lambda: conv({t: x["h"][at] for t, at in where.items()}, index), conv)


# ---------------------------------------------------------------- Deep Graph Library

try:
    # its last wheel has graphbolt, which loads data and which layers don't use, for old versions of PyTorch only
    sys.modules.setdefault("dgl.graphbolt", unittest.mock.MagicMock())
    import dgl
    import dgl.nn
    DGL = "version " + dgl.__version__
except Exception as error:                # no wheel for this Python: its rows are left out
    dgl, DGL = None, "left out: " + " ".join(str(error).split())[:160]


def dgl_layer(model, g, p, x):
    if dgl is None or model not in ("rgcn", "hgt"):
        return "not there" if dgl is None else "has no such layer"
    graph = dgl.graph((g.src, g.dst), num_nodes=g.nodes)
    if model == "rgcn":
        conv = dgl.nn.RelGraphConv(p["W"].shape[1], p["W"].shape[2], g.etypes, bias=False)
        conv.linear_r.W.data, conv.loop_weight.data = p["W"], p["W0"]
        return lambda: conv(graph, x["h"], g.etype)
    d, H, q = p["K"].shape[1:]
    conv = dgl.nn.HGTConv(d, q, H, g.ntypes, g.etypes)
    return lambda: conv(graph, x["h"], g.ntype, g.etype)


HAND = {"rgcn": [("compact", rgcn_compact), ("aggregate first", rgcn_aggregate)], "rgat": [("compact", rgat_compact)], "hgt": [("compact", hgt_compact)],
        "gatv2_relations": [("blocks", gatv2_hand)], "compgcn": [("compact", compgcn_hand)], "edge_conditioned": [("blocks", edge_conditioned_hand)]}
