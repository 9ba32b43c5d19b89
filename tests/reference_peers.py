#!/usr/bin/env python3
"""The standard library against PyTorch and PyTorch Geometric: random weights, their numbers in f64, ours from `pigeonc run`.

    reference_peers.py BUILD [--only WORD] [--executor interp,cpu] [--table]

Needs torch and numpy; torch_geometric for the three relational layers.  Every case runs by the reference interpreter in f64 (largest
difference at most 1e-9 of the largest value) and by each further executor in f32 (at most TOLERANCE_F32).  Where a framework has
the layer, its own code gives the numbers; else the formula of the paper is written in another form than the model has: linear
attention as masked matrix products, the delta rule by a triangular system, recurrences backwards through matrix powers.
--table prints the lines of docs/results.md."""
import math
import os
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")
try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOLERANCE_F64, TOLERANCE_F32 = 1e-9, 2e-4
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
FAMILY = []


def family(f):
    FAMILY.append(f)
    return f


# Numbers that f32 has too, so that both sides compute from the same ones: what is drawn, and the parameters of a layer when it runs
def single(t):
    return t.float().double()


def rand(*shape):
    return single(torch.randn(*shape))


def round_parameters(layer, inputs):
    for p in layer.parameters():
        p.data.copy_(single(p.data))


torch.nn.modules.module.register_module_forward_pre_hook(round_parameters)


def ints(high, *shape):
    return torch.randint(0, high, shape)


class Graph:
    """A typed graph with an isolated node, repeated edges, self loops and an edge type without edges."""
    def __init__(self, n, m, r, nt=1):
        self.n, self.r, self.nt = n, r, nt
        self.src, self.dst, self.et = ints(n - 1, m), ints(n - 1, m), ints(max(1, r - 1), m)
        self.ntype = ints(nt, n)

    def arrays(self):
        a = {"g.src": self.src, "g.dst": self.dst, "g.etype": self.et, "g.ntype": self.ntype}
        out = {k: v.numpy().astype(np.int32) for k, v in a.items()}
        out.update({"g.num_nodes": np.int64(self.n), "g.num_etypes": np.int64(self.r), "g.num_ntypes": np.int64(self.nt)})
        return out


def case(name, file, model, inputs, expect, dims=None, graph=None, peer="formula"):
    return dict(name=name, file=file, model=model, inputs=inputs, expect=expect, dims=dims or {}, graph=graph, peer=peer)


def segment_softmax(s, seg, n):
    """Softmax of the rows of s that share seg."""
    top = torch.full((n,) + s.shape[1:], -math.inf).scatter_reduce(0, seg.view(-1, *[1] * (s.dim() - 1)).expand_as(s), s, "amax")
    e = torch.exp(s - top[seg])
    return e / torch.zeros((n,) + s.shape[1:]).index_add(0, seg, e)[seg]


def add_rows(n, seg, x):
    return torch.zeros((n,) + x.shape[1:]).index_add(0, seg, x)


# ---------------------------------------------------------------- relational layers

@family
def relational():
    try:
        from torch_geometric.nn import FastRGCNConv, GATConv, GATv2Conv, GCNConv, GINConv, HGTConv, RGATConv, RGCNConv, SAGEConv
    except ImportError as error:
        print("skipped: relational layers: %s" % error)
        return
    for n, m, r in ((9, 40, 4), (1 + 1, 1, 1), (6, 0, 3)):
        g = Graph(n, m, r)
        ei, d, o = torch.stack([g.src, g.dst]), 5, 6
        tag = "%d nodes, %d edges, %d types" % (n, m, r)
        h = rand(n, d)
        conv = RGCNConv(d, o, r, aggr="sum", bias=False)
        W, W0 = conv.weight.data.normal_(), conv.root.data.normal_()
        yield case("RGCN, sum; " + tag, "graph", "rgcn", dict(h=h, c=torch.ones(m), W=W, W0=W0), dict(y=F.relu(conv(h, ei, g.et))), {"in": d, "out": o}, g, "PyG RGCNConv")
        conv = FastRGCNConv(d, o, r, aggr="mean")
        W, W0, b = conv.weight.data.normal_(), conv.root.data.normal_(), conv.bias.data.normal_()
        yield case("RGCN, mean per relation, bias; " + tag, "graph", "rgcn_mean", dict(h=h, W=W, W0=W0, bias=b), dict(y=F.relu(conv(h, ei, g.et))), {"in": d, "out": o}, g, "PyG FastRGCNConv")
        conv = RGCNConv(d, o, r, num_bases=2, aggr="sum")
        V, a, W0, b = conv.weight.data.normal_(), conv.comp.data.normal_(), conv.root.data.normal_(), conv.bias.data.normal_()
        yield case("RGCN, basis; " + tag, "graph", "rgcn_basis", dict(h=h, c=torch.ones(m), V=V, a=a, W0=W0, bias=b), dict(y=F.relu(conv(h, ei, g.et))), {"in": d, "out": o, "bases": 2}, g, "PyG RGCNConv")
        conv = RGCNConv(6, 4, r, num_blocks=2, aggr="sum")
        W, W0, b, h6 = conv.weight.data.normal_(), conv.root.data.normal_(), conv.bias.data.normal_(), rand(n, 6)
        yield case("RGCN, blocks; " + tag, "graph", "rgcn_blocks", dict(h=h6, c=torch.ones(m), W=W, W0=W0, bias=b), dict(y=F.relu(conv(h6, ei, g.et))), {"blocks": 2, "p": 3, "q": 2}, g, "PyG RGCNConv")
        for mode, model in (("across-relation", "rgat"), ("within-relation", "rgat_within")):
            conv = RGATConv(d, o, r, attention_mechanism=mode, attention_mode="additive-self-attention", heads=1, dim=1, bias=False)
            W, q, k = conv.weight.data.normal_(), conv.q.data.normal_(), conv.k.data.normal_()
            inputs = dict(h=h, W=W, ar=q.view(1, o).expand(r, o), al=k.view(1, o).expand(r, o))
            yield case("RGAT, %s; %s" % (mode, tag), "graph", model, inputs, dict(y=conv(h, ei, g.et)), {"in": d, "out": o}, g, "PyG RGATConv")
        # heads, one pair of attention vectors per relation, self loop: plain torch
        H, p = 3, 2
        W, al, ar, W0, b = rand(r, d, H, p), rand(r, H, p), rand(r, H, p), rand(d, H * p), rand(H * p)
        z, u = torch.einsum("ei,eimp->emp", h[g.src], W[g.et]), torch.einsum("ei,eimp->emp", h[g.dst], W[g.et])
        s = F.leaky_relu((z * al[g.et] + u * ar[g.et]).sum(-1), 0.2)
        y = add_rows(n, g.dst, segment_softmax(s, g.dst, n)[..., None] * z).reshape(n, H * p) + h @ W0 + b
        yield case("RGAT, 3 heads; " + tag, "graph", "rgat_heads", dict(h=h, W=W, al=al, ar=ar, W0=W0, bias=b), dict(y=y), {"in": d, "heads": H, "p": p}, g, "torch")
        conv = GCNConv(d, o)
        W, b = conv.lin.weight.data.normal_(), conv.bias.data.normal_()
        if not bool((g.src == g.dst).any()):
            yield case("GCN; " + tag, "graph", "gcn", dict(h=h, W=W.t(), bias=b), dict(y=F.relu(conv(h, ei))), {"in": d, "out": o}, g, "PyG GCNConv")
        conv = SAGEConv(d, o)
        W, b, W0 = conv.lin_l.weight.data.normal_(), conv.lin_l.bias.data.normal_(), conv.lin_r.weight.data.normal_()
        yield case("GraphSAGE; " + tag, "graph", "graph_sage", dict(h=h, W=W.t(), W0=W0.t(), bias=b), dict(y=F.relu(conv(h, ei))), {"in": d, "out": o}, g, "PyG SAGEConv")
        conv = GATConv(d, p, heads=H, add_self_loops=False)
        W, al, ar, b = conv.lin.weight.data.normal_(), conv.att_src.data.normal_(), conv.att_dst.data.normal_(), conv.bias.data.normal_()
        yield case("GAT, 3 heads; " + tag, "graph", "gat", dict(h=h, W=W.t().reshape(d, H, p), al=al[0], ar=ar[0], bias=b), dict(y=conv(h, ei)), {"in": d, "heads": H, "p": p}, g, "PyG GATConv")
        conv = GATv2Conv(d, p, heads=H, add_self_loops=False)
        for w in conv.parameters():
            w.data.normal_()
        inputs = dict(h=h, Wl=conv.lin_l.weight.t().reshape(d, H, p), bl=conv.lin_l.bias.reshape(H, p), Wr=conv.lin_r.weight.t().reshape(d, H, p), br=conv.lin_r.bias.reshape(H, p), a=conv.att[0], bias=conv.bias)
        yield case("GATv2, 3 heads; " + tag, "graph", "gatv2", inputs, dict(y=conv(h, ei)), {"in": d, "heads": H, "p": p}, g, "PyG GATv2Conv")
        l1, l2 = torch.nn.Linear(d, 7), torch.nn.Linear(7, o)
        conv = GINConv(torch.nn.Sequential(l1, torch.nn.ReLU(), l2), eps=0.3)
        yield case("GIN; " + tag, "graph", "gin", dict(h=h, eps=torch.tensor(0.3), W1=l1.weight.t(), b1=l1.bias, W2=l2.weight.t(), b2=l2.bias), dict(y=conv(h, ei)), {"in": d, "hidden": 7, "out": o}, g, "PyG GINConv")
    # HGT: PyG wants every (source type, relation, target type) to be an edge type of its own
    for heads, nt, per in ((2, 2, 5), (1, 1, 4), (4, 3, 3)):
        dk = 3
        d = heads * dk
        size = [4, 3, 5][:nt]
        start = [sum(size[:t]) for t in range(nt)]
        meta = [(str(a), "r%d" % k, str(b)) for k, (a, b) in enumerate([(i, j) for i in range(nt) for j in range(nt)])]
        conv = HGTConv(d, d, ([str(t) for t in range(nt)], meta), heads)
        for w in conv.parameters():
            w.data.normal_()
        x = {str(t): rand(size[t], d) for t in range(nt)}
        edges = {e: torch.stack([ints(size[int(e[0])], per), ints(size[int(e[2])], per)]) for e in meta}
        out = conv(x, edges)
        g = Graph(sum(size), len(meta) * per, len(meta), nt)
        g.src = torch.cat([edges[e][0] + start[int(e[0])] for e in meta])
        g.dst = torch.cat([edges[e][1] + start[int(e[2])] for e in meta])
        g.et = torch.arange(len(meta)).repeat_interleave(per)
        g.ntype = torch.cat([torch.full((size[t],), t) for t in range(nt)])
        types = [str(t) for t in range(nt)]
        kqv = torch.stack([conv.kqv_lin.lins[t].weight.t().reshape(d, 3, heads, dk) for t in types])
        bias = torch.stack([conv.kqv_lin.lins[t].bias.reshape(3, heads, dk) for t in types])
        A = torch.stack([torch.stack([conv.k_rel.weight[conv.edge_types_map[e] + len(meta) * m] for m in range(heads)]) for e in meta])
        M = torch.stack([torch.stack([conv.v_rel.weight[conv.edge_types_map[e] + len(meta) * m] for m in range(heads)]) for e in meta])
        mu = torch.stack([conv.p_rel["__".join(e)][0] for e in meta])
        O = torch.stack([conv.out_lin.lins[t].weight.t().reshape(heads, dk, d) for t in types])
        bo = torch.stack([conv.out_lin.lins[t].bias for t in types])
        skip = torch.stack([conv.skip[t].reshape(()) for t in types])
        y = torch.cat([out[t] for t in types])
        xs = torch.cat([x[t] for t in types])
        alpha = torch.sigmoid(skip)[g.ntype, None]
        plain = (y - (1 - alpha) * xs) / alpha                     # the residual taken off: the layer with biases
        inputs = dict(x=xs, K=kqv[:, :, 0], Q=kqv[:, :, 1], V=kqv[:, :, 2], A=A, M=M, mu=mu, O=O)
        biased = dict(inputs, bk=bias[:, 0], bq=bias[:, 1], bv=bias[:, 2], bo=bo)
        tag = "%d heads, %d node types" % (heads, nt)
        yield case("HGT with biases; " + tag, "graph", "hgt_biased", biased, dict(y=plain), {"in": d, "heads": heads, "dk": dk, "out": d}, g, "PyG HGTConv")
        for lin in list(conv.kqv_lin.lins.values()) + list(conv.out_lin.lins.values()):
            lin.bias.data.zero_()
        out = conv(x, edges)
        yield case("HGT; " + tag, "graph", "hgt", dict(inputs, skip=skip), dict(y=torch.cat([out[t] for t in types])), {"d": d, "heads": heads, "dk": dk}, g, "PyG HGTConv")


# ---------------------------------------------------------------- linear attention and linear recurrent networks

def decayed(q, k, v, g, S0=None):
    """o_t = q_t' S_t for S_t = diag(e^g_t) S_(t-1) + k_t v_t', as one masked product per pair of positions; also the last state."""
    B, T, H, K = k.shape
    G = torch.cumsum(g, 1)
    D = torch.exp(torch.clamp(G[:, :, None] - G[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None, None]
    o = torch.einsum("bthk,btshk,bshk,bshv->bthv", q, D, k, v)
    S = torch.einsum("bshk,bshk,bshv->bhkv", torch.exp(G[:, -1:] - G), k, v)
    if S0 is not None:
        o = o + torch.einsum("bthk,bthk,bhkv->bthv", q, torch.exp(G), S0)
        S = S + torch.exp(G[:, -1])[..., None] * S0
    return o, S


def delta(q, k, v, beta, g):
    """(Gated) delta rule through one unit lower triangular system per head: (I + A) U = beta (V), A_ts = beta_t e^(G_t - G_s) k_t' k_s."""
    B, T, H, K = k.shape
    G = torch.cumsum(g, 1).permute(0, 2, 1)
    D = torch.exp(torch.clamp(G[..., :, None] - G[..., None, :], max=0))
    kk = torch.einsum("bthk,bshk->bhts", k, k)
    be = beta.permute(0, 2, 1)[..., None]
    A = torch.tril(be * D * kk, -1) + torch.eye(T)
    U = torch.linalg.solve_triangular(A, be * v.permute(0, 2, 1, 3), upper=False, unitriangular=True)
    o = torch.tril(D * torch.einsum("bthk,bshk->bhts", q, k)) @ U
    S = torch.einsum("bht,bthk,bhtv->bhkv", torch.exp(G[..., -1:] - G), k, U)
    return o.permute(0, 2, 1, 3), S


@family
def sequence():
    for B, T, H, K, V in ((2, 9, 2, 3, 4), (1, 1, 1, 1, 1), (1, 33, 3, 5, 2)):
        tag = "B=%d T=%d H=%d K=%d V=%d" % (B, T, H, K, V)
        q, k, v = rand(B, T, H, K), rand(B, T, H, K), rand(B, T, H, V)
        unit = k / k.norm(dim=-1, keepdim=True)
        g = F.logsigmoid(rand(B, T, H, K))
        gs = F.logsigmoid(rand(B, T, H))
        S0, beta = rand(B, H, K, V), torch.sigmoid(rand(B, T, H))
        none = torch.zeros(B, T, H, K)
        o, S = decayed(q, k, v, g, S0)
        yield case("GLA; " + tag, "sequence", "gla", dict(q=q, k=k, v=v, g=g, S0=S0), dict(o=o / math.sqrt(K), S1=S), peer="torch, masked products")
        o, S = decayed(q, k, v, torch.log1p(-torch.exp2(-5.0 - torch.arange(H)))[None, None, :, None].expand(B, T, H, K))
        yield case("RetNet; " + tag, "sequence", "retention", dict(q=q, k=k, v=v), dict(o=o / math.sqrt(K), S1=S), peer="torch, masked products")
        lam = torch.exp2(-8.0 * (torch.arange(H) + 1) / H) * (1 + 1e-5)
        o, S = decayed(q, k, v, -lam[None, None, :, None].expand(B, T, H, K))
        yield case("Lightning attention; " + tag, "sequence", "lightning_attention", dict(q=q, k=k, v=v), dict(o=o, S1=S), peer="torch, masked products")
        fq, fk = F.elu(q) + 1, F.elu(k) + 1
        o, S = decayed(fq, fk, v, none)
        n, _ = decayed(fq, fk, torch.ones(B, T, H, 1), none)
        yield case("linear attention; " + tag, "sequence", "linear_attention", dict(q=q, k=k, v=v), dict(o=o / (n + 1e-6), S1=S), peer="torch, masked products")
        f = torch.exp(g)
        o, S = decayed(q, 1 - f, v, g)
        yield case("HGRN2; " + tag, "sequence", "hgrn2", dict(q=q, f=f, v=v), dict(o=o, S1=S), peer="torch, masked products")
        o, S = delta(q, unit, v, beta, torch.zeros(B, T, H))
        yield case("DeltaNet; " + tag, "sequence", "delta_rule", dict(q=q, k=unit, v=v, beta=beta), dict(o=o, S1=S), peer="torch, triangular system")
        o, S = delta(q, unit, v, 2 * beta, torch.zeros(B, T, H))
        yield case("DeltaNet, eigenvalues in (-1, 1); " + tag, "sequence", "delta_rule", dict(q=q, k=unit, v=v, beta=2 * beta), dict(o=o, S1=S), peer="torch, triangular system")
        o, S = delta(q, unit, v, beta, gs)
        yield case("gated DeltaNet; " + tag, "sequence", "gated_delta_rule", dict(q=q, k=unit, v=v, beta=beta, g=gs), dict(o=o, S1=S), peer="torch, triangular system")
        # DeltaProduct is the gated rule on twice the steps: decay on the first of a pair, read after the second
        k2, v2, b2 = rand(B, T, 2, H, K), rand(B, T, 2, H, V), torch.sigmoid(rand(B, T, 2, H))
        k2 = k2 / k2.norm(dim=-1, keepdim=True)
        g2 = torch.stack([gs, torch.zeros_like(gs)], 2).reshape(B, 2 * T, H)
        q2 = torch.stack([torch.zeros_like(q), q], 2).reshape(B, 2 * T, H, K)
        o, _ = delta(q2, k2.reshape(B, 2 * T, H, K), v2.reshape(B, 2 * T, H, V), b2.reshape(B, 2 * T, H), g2)
        yield case("DeltaProduct; " + tag, "sequence", "delta_product", dict(q=q, k=k2, v=v2, beta=b2, g=gs), dict(o=o[:, 1::2]), peer="torch, triangular system")
        # KDA, RWKV-7: diagonal plus rank one, by explicit matrices
        S, os = torch.zeros(B, H, K, V), []
        for t in range(T):
            kt = unit[:, t]
            M = torch.eye(K) - beta[:, t, :, None, None] * kt[..., None] * kt[..., None, :]
            S = M @ (torch.exp(g[:, t])[..., None] * S) + beta[:, t, :, None, None] * kt[..., None] * v[:, t, :, None, :]
            os.append(torch.einsum("bhk,bhkv->bhv", q[:, t], S))
        yield case("KDA; " + tag, "sequence", "kimi_delta_rule", dict(q=q, k=unit, v=v, beta=beta, g=g), dict(o=torch.stack(os, 1), S1=S), peer="torch, explicit matrices")
        w, a = torch.exp(-math.exp(-0.5) * torch.sigmoid(rand(B, T, H, K))), torch.sigmoid(rand(B, T, H, K))
        S, ys = torch.zeros(B, H, V, K), []
        for t in range(T):
            M = torch.diag_embed(w[:, t]) - unit[:, t, :, :, None] * (unit[:, t] * a[:, t])[..., None, :]
            S = S @ M + v[:, t, :, :, None] * k[:, t, :, None, :]
            ys.append(torch.einsum("bhvk,bhk->bhv", S, q[:, t]))
        yield case("RWKV-7; " + tag, "sequence", "rwkv7", dict(r=q, w=w, kk=unit, a=a, kt=k, v=v), dict(y=torch.stack(ys, 1), S1=S), peer="torch, explicit matrices")
        u = rand(H, K)
        lw = torch.log(w)
        G = torch.cumsum(lw, 1)
        D = torch.exp(torch.clamp((G - lw)[:, :, None] - G[:, None], max=0)) * torch.tril(torch.ones(T, T), -1)[None, :, :, None, None]
        y = torch.einsum("bthk,btshk,bshk,bshv->bthv", q, D, k, v) + torch.einsum("bthk,hk,bthk,bthv->bthv", q, u, k, v)
        yield case("RWKV-6; " + tag, "sequence", "rwkv6", dict(r=q, k=k, v=v, w=w, bonus=u), dict(y=y), peer="torch, masked products")
        # mLSTM in its parallel form (Beck et al. 2024, appendix)
        i, f = rand(B, T, H), rand(B, T, H)
        Fc = torch.cumsum(F.logsigmoid(f), 1)
        D = (Fc[:, :, None] - Fc[:, None] + i[:, None]).masked_fill(~torch.tril(torch.ones(T, T, dtype=torch.bool))[None, :, :, None], -math.inf)
        m = torch.maximum(D.amax(2), Fc)                                # the start m_0 = 0 decays too
        P = torch.einsum("bthk,bshk->btsh", q, k) / math.sqrt(K) * torch.exp(D - m[:, :, None])
        o = torch.einsum("btsh,bshv->bthv", P, v) / (torch.maximum(P.sum(2).abs(), torch.exp(-m)) + 1e-6)[..., None]
        yield case("mLSTM; " + tag, "sequence", "mlstm", dict(q=q, k=k, v=v, i=i, f=f), dict(o=o), peer="torch, parallel form")
        # gated slot attention: two passes of gated attention with a softmax between
        Mslots = 3
        g = F.logsigmoid(rand(B, T, H, Mslots)) / 8
        s = 1 - torch.exp(g)
        Gc = torch.cumsum(g, 1)
        D = torch.exp(torch.clamp(Gc[:, :, None] - Gc[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None, None]
        ok = torch.einsum("bthk,bshk,btshm,bshm->bthm", q, k, D, s) / math.sqrt(K)
        o = torch.einsum("bthm,btshm,bshm,bshv->bthv", torch.softmax(ok, -1), D, s, v)
        yield case("gated slot attention; " + tag, "sequence", "gated_slot_attention", dict(q=q, k=k, v=v, g=g), dict(o=o), {"M": Mslots}, peer="torch, masked products")
    for B, T, D, N in ((2, 9, 3, 4), (1, 1, 1, 1), (1, 40, 2, 3)):
        tag = "B=%d T=%d D=%d N=%d" % (B, T, D, N)
        x, dt, Bt, Ct, A, skip = rand(B, T, D), rand(B, T, D), rand(B, T, N), rand(B, T, N), rand(D, N), rand(D)
        step = F.softplus(dt)
        L = torch.cumsum(step[..., None] * -torch.exp(A), 1)                                   # b t d n
        W = torch.exp(torch.clamp(L[:, :, None] - L[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None, None]
        y = torch.einsum("btn,btsdn,bsd,bsn->btd", Ct, W, step * x, Bt) + skip * x
        yield case("Mamba-1; " + tag, "sequence", "mamba1", dict(x=x, dt=dt, Bt=Bt, Ct=Ct, A=A, skip=skip), dict(y=y), peer="torch, masked products")
        H, P = 2, D
        x, dt, A, skip = rand(B, T, H, P), rand(B, T, H), rand(H), rand(H)
        step = F.softplus(dt)
        L = torch.cumsum(-step * torch.exp(A), 1)
        W = torch.exp(torch.clamp(L[:, :, None] - L[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None]
        y = torch.einsum("btn,bsn,btsh,bsh,bshp->bthp", Ct, Bt, W, step, x) + skip[:, None] * x
        yield case("Mamba-2; " + tag, "sequence", "mamba2", dict(x=x, dt=dt, Bt=Bt, Ct=Ct, A=A, skip=skip), dict(y=y), peer="torch, SSD form")
        f, x = torch.sigmoid(rand(B, T, D)), rand(B, T, D)
        G = torch.cumsum(torch.log(f), 1)
        W = torch.exp(torch.clamp(G[:, :, None] - G[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None]
        yield case("HGRN; " + tag, "sequence", "hgrn", dict(f=f, x=x), dict(y=torch.einsum("btsd,bsd->btd", W, (1 - f) * x)), peer="torch, masked products")
        # RWKV-4: a softmax over the past whose logits fall by e^w per step, the token itself with a bonus
        k, v, w, u = rand(B, T, D), rand(B, T, D), rand(D), rand(D)
        t = torch.arange(T)
        logit = k[:, None] - (t[:, None] - 1 - t[None])[None, :, :, None] * torch.exp(w)
        logit = torch.where((t[:, None] == t[None])[None, :, :, None], k[:, None] + u, logit).masked_fill((t[:, None] < t[None])[None, :, :, None], -math.inf)
        yield case("RWKV-4; " + tag, "sequence", "rwkv4", dict(k=k, v=v, w=w, bonus=u), dict(y=torch.einsum("btsd,bsd->btd", torch.softmax(logit, 2), v)), peer="torch, softmax form")
        al, de, be, ga = (rand(D, N) for _ in range(4))
        keep = 1 - torch.sigmoid(de) * torch.sigmoid(al)
        kernel = torch.einsum("dn,dnt->dt", ga * torch.sigmoid(de) * be, keep[..., None] ** torch.arange(T)) / math.sqrt(N)
        y = torch.fft.irfft(torch.fft.rfft(x.permute(0, 2, 1), 2 * T) * torch.fft.rfft(kernel, 2 * T), 2 * T)[..., :T].permute(0, 2, 1)
        yield case("MEGA moving average; " + tag, "sequence", "moving_average", dict(x=x, alpha=al, delta=de, beta=be, gamma=ga), dict(y=y), {"n": N}, peer="torch.fft convolution")


def causal4(x, w, b=0):
    """Causal depthwise convolution, tap d reads step t - d; torch's kernels run the other way."""
    C = x.shape[-1]
    return F.conv1d(F.pad(x.transpose(1, 2), (w.shape[1] - 1, 0)), w.flip(1)[:, None], groups=C).transpose(1, 2) + b


def rms(x, gamma):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * gamma


@family
def mixers():
    B, T, d, H, K, V = 2, 7, 5, 2, 3, 4
    x = rand(B, T, d)
    p = {n: rand(*s) for n, s in dict(Wq=(d, H, K), Wk=(d, H, K), Wv=(d, H, V), Wg=(d, H, V), W1=(d, 2), W2=(2, H, K), bg=(H, K), gamma=(V,), Wo=(H, V, d)).items()}
    pr = lambda W: torch.einsum("bti,ihk->bthk", x, W)
    g = F.logsigmoid(torch.einsum("bti,ir,rhk->bthk", x, p["W1"], p["W2"]) + p["bg"]) / 16
    S0 = rand(B, H, K, V)
    o, S = decayed(pr(p["Wq"]), pr(p["Wk"]), pr(p["Wv"]), g, S0)
    y = torch.einsum("bthv,hvo->bto", rms(o / math.sqrt(K), p["gamma"]) * F.silu(pr(p["Wg"])), p["Wo"])
    yield case("GLA layer", "mixer", "gla_layer", dict(p, x=x, S0=S0), dict(y=y, S1=S), {"rank": 2}, peer="torch, masked products")
    # DeltaNet and gated DeltaNet
    p = {n: rand(*s) for n, s in dict(Wq=(d, H * K), Wk=(d, H * K), Wv=(d, H * V), Wb=(d, H), gamma=(V,), Wo=(H, V, d)).items()}
    conv = {"q1.W": rand(H * K, 4), "k1.W": rand(H * K, 4), "v1.W": rand(H * V, 4)}
    q, k, v = [F.silu(causal4(x @ p[a], conv[b])).reshape(B, T, H, -1) for a, b in (("Wq", "q1.W"), ("Wk", "k1.W"), ("Wv", "v1.W"))]
    unit = lambda z: z * torch.rsqrt(z.square().sum(-1, keepdim=True) + 1e-6)
    beta = torch.sigmoid(x @ p["Wb"])
    o, _ = delta(unit(q), unit(k), v, beta, torch.zeros(B, T, H))
    y = torch.einsum("bthv,hvo->bto", rms(o, p["gamma"]), p["Wo"])
    yield case("DeltaNet layer", "mixer", "deltanet_layer", dict(p, x=x, **conv), dict(y=y), {"H": H, "K": K, "V": V}, peer="torch, triangular system")
    p.update(Wa=rand(d, H), A=rand(H), dt=rand(H), Wg=rand(d, H, V))
    o, _ = delta(unit(q), unit(k), v, beta, -torch.exp(p["A"]) * F.softplus(x @ p["Wa"] + p["dt"]))
    y = torch.einsum("bthv,hvo->bto", rms(o, p["gamma"]) * F.silu(torch.einsum("bti,ihv->bthv", x, p["Wg"])), p["Wo"])
    yield case("gated DeltaNet layer", "mixer", "gated_deltanet_layer", dict(p, x=x, **conv), dict(y=y), {"H": H, "K": K, "V": V}, peer="torch, triangular system")
    # RetNet with rotary positions
    half = 2
    p = {n: rand(*s) for n, s in dict(Wq=(d, H, 4), Wk=(d, H, 4), Wv=(d, H, V), Wg=(d, H, V), gamma=(V,), Wo=(H, V, d)).items()}
    turn = torch.polar(torch.ones(T, half), torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(half) / half))
    def rotate(z):
        c = torch.complex(z[..., :half], z[..., half:]) * turn[None, :, None]
        return torch.cat([c.real, c.imag], -1)
    decay = torch.log1p(-torch.exp2(-5.0 - torch.arange(H)))[None, None, :, None].expand(B, T, H, 4)
    o, _ = decayed(rotate(pr(p["Wq"])), rotate(pr(p["Wk"])), pr(p["Wv"]), decay)
    y = torch.einsum("bthv,hvo->bto", rms(o / 2, p["gamma"]) * F.silu(pr(p["Wg"])), p["Wo"])
    yield case("RetNet layer", "mixer", "retention_layer", dict(p, x=x), dict(y=y), {"half": half}, peer="torch, masked products")
    # Mamba-1 and -2
    D, N, r = 6, 3, 2
    p = {n: rand(*s) for n, s in dict(Wx=(d, D), Wz=(d, D), conv=(D, 4), cb=(D,), Wr=(D, r), WB=(D, N), WC=(D, N), Wt=(r, D), bt=(D,), Wo=(D, d)).items()}
    A, skip = rand(D, N), rand(D)
    a = F.silu(causal4(x @ p["Wx"], p["conv"], p["cb"]))
    step = F.softplus(a @ p["Wr"] @ p["Wt"] + p["bt"])
    L = torch.cumsum(step[..., None] * -torch.exp(A), 1)
    W = torch.exp(torch.clamp(L[:, :, None] - L[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None, None]
    s = torch.einsum("btn,btsdn,bsd,bsn->btd", a @ p["WC"], W, step * a, a @ p["WB"]) + skip * a
    yield case("Mamba-1 layer", "mixer", "mamba1_layer", dict(p, x=x, **{"s.A": A, "s.skip": skip}), dict(y=(s * F.silu(x @ p["Wz"])) @ p["Wo"]), {"D": D, "N": N, "rank": r}, peer="torch, masked products")
    P = 3
    p = {n: rand(*s) for n, s in dict(Wx=(d, H, P), Wz=(d, H, P), WB=(d, N), WC=(d, N), Wt=(d, H), bt=(H,), cx=(H, P, 4), cB=(N, 4), cC=(N, 4), bx=(H, P), bB=(N,), bC=(N,), gamma=(H, P), Wo=(H, P, d)).items()}
    A, skip = rand(H), rand(H)
    x1 = F.silu(causal4((x @ p["Wx"].reshape(d, -1)), p["cx"].reshape(-1, 4), p["bx"].reshape(-1))).reshape(B, T, H, P)
    B1, C1 = F.silu(causal4(x @ p["WB"], p["cB"], p["bB"])), F.silu(causal4(x @ p["WC"], p["cC"], p["bC"]))
    step = F.softplus(x @ p["Wt"] + p["bt"])
    L = torch.cumsum(-step * torch.exp(A), 1)
    W = torch.exp(torch.clamp(L[:, :, None] - L[:, None], max=0)) * torch.tril(torch.ones(T, T))[None, :, :, None]
    s = torch.einsum("btn,bsn,btsh,bsh,bshp->bthp", C1, B1, W, step, x1) + skip[:, None] * x1
    y = rms((s * F.silu(torch.einsum("bti,ihp->bthp", x, p["Wz"]))).reshape(B, T, -1), p["gamma"].reshape(-1)) @ p["Wo"].reshape(-1, d)
    yield case("Mamba-2 layer", "mixer", "mamba2_layer", dict(p, x=x, **{"s.A": A, "s.skip": skip}), dict(y=y), {"H": H, "P": P, "N": N}, peer="torch, SSD form")
    # RWKV-7, first block; vectors of H * K channels
    C, r = H * K, 2
    vec = "mr mw mk mv ma mg w0 a0 k_k k_a r_k gamma beta".split()
    p = {n: rand(C) for n in vec}
    p.update({n: rand(C, C) for n in ("Wr", "Wk", "Wv", "Wo")}, w1=rand(C, r), w2=rand(r, C), a1=rand(C, r), a2=rand(r, C), g1=rand(C, r), g2=rand(r, C))
    x = rand(B, T, C)
    d_ = F.pad(x, (0, 0, 1, -1)) - x
    mix = lambda m: x + d_ * p[m]
    rr, k, v = mix("mr") @ p["Wr"], mix("mk") @ p["Wk"], mix("mv") @ p["Wv"]
    w = torch.exp(-torch.sigmoid(torch.tanh(mix("mw") @ p["w1"]) @ p["w2"] + p["w0"]) / math.exp(0.5))
    a = torch.sigmoid(mix("ma") @ p["a1"] @ p["a2"] + p["a0"])
    gate = torch.sigmoid(mix("mg") @ p["g1"]) @ p["g2"]
    kk = F.normalize((k * p["k_k"]).reshape(B, T, H, K), dim=-1)
    kt = k * (1 + (a - 1) * p["k_a"])
    hd = lambda z: z.reshape(B, T, H, K)
    S, ys = torch.zeros(B, H, K, K), []
    for t in range(T):
        M = torch.diag_embed(hd(w)[:, t]) - kk[:, t, :, :, None] * (kk[:, t] * hd(a)[:, t])[..., None, :]
        S = S @ M + hd(v)[:, t, :, :, None] * hd(kt)[:, t, :, None, :]
        ys.append(torch.einsum("bhvk,bhk->bhv", S, hd(rr)[:, t]))
    y = F.group_norm(torch.stack(ys, 1).reshape(B * T, C), H, p["gamma"], p["beta"], 64e-5).reshape(B, T, C)
    y = y + ((hd(rr) * hd(kt) * p["r_k"].reshape(H, K)).sum(-1, keepdim=True) * hd(v)).reshape(B, T, C)
    yield case("RWKV-7 layer", "mixer", "rwkv7_layer", dict(p, x=x), dict(y=(y * gate) @ p["Wo"]), {"H": H, "K": K, "rank": r}, peer="torch, explicit matrices")
    m, Wk, Wv = rand(C), rand(C, 8), rand(8, C)
    yield case("RWKV-7 channel mix", "mixer", "rwkv7_channel_mix", dict(x=x, mix=m, Wk=Wk, Wv=Wv), dict(y=F.relu((x + d_ * m) @ Wk).square() @ Wv), peer="torch")


# ---------------------------------------------------------------- neural operators

def spectral(u, R, m, axes):
    """The truncated spectral convolution by torch.fft: mode-first weights, every axis but the last signed."""
    full = torch.fft.rfftn(u, dim=axes, norm="forward")
    out = torch.zeros(u.shape[0], R.shape[-1], *full.shape[2:], dtype=torch.complex128)
    n = len(axes)
    blocks = [(slice(0, m), slice(0, m)), (slice(-m, None), slice(m, 2 * m))]
    for pick in range(2 ** (n - 1)):
        where = [blocks[pick >> k & 1] for k in range(n - 1)]
        at = (slice(None), slice(None)) + tuple(w[0] for w in where) + (slice(0, m),)
        w = R[tuple(w[1] for w in where) + (slice(0, m),)]
        out[at] = torch.einsum("bc...,...co->bo...", full[at], w)
    return torch.fft.irfftn(out, s=u.shape[2:], dim=axes, norm="forward")


@family
def operators():
    for B, C, sizes, m in ((2, 3, (16,), 5), (1, 2, (13,), 7), (2, 2, (12, 9), 3), (1, 3, (8, 8), 4), (1, 2, (6, 5, 8), 2), (1, 1, (4, 4, 4), 2), (1, 1, (1,), 1)):
        n = len(sizes)
        names = {1: "X", 2: "XZ", 3: "XYZ"}[n]
        u = rand(B, C, *sizes)
        R = torch.complex(rand(*[2 * m] * (n - 1), m, C, C), rand(*[2 * m] * (n - 1), m, C, C))
        W, b = rand(C, C), rand(C)
        y = F.gelu(spectral(u, R, m, tuple(range(2, 2 + n))) + torch.einsum("bc...,co->bo...", u, W) + b.view(1, C, *[1] * n))
        yield case("FNO %dd; B=%d C=%d %s m=%d" % (n, B, C, "x".join(map(str, sizes)), m), "operator", "fno_block%dd" % n,
                   {"u": u, "W": W, "bias": b, "s.R": R}, {"v" if n == 3 else "y": y}, {"m": m}, peer="torch.fft")
    # Tucker factors: the dense weight they stand for
    B, C, O, X, m, p, q, s = 2, 3, 4, 11, 4, 2, 3, 2
    c = lambda *a: torch.complex(rand(*a), rand(*a))
    G, A, D, M, u = c(p, q, s), c(C, p), c(O, q), c(m, s), rand(B, C, X)
    R = torch.einsum("pqs,cp,oq,ks->kco", G, A, D, M)
    yield case("TFNO 1d", "operator", "tucker_conv1d", dict(u=u, G=G, A=A, D=D, M=M), dict(y=spectral(u, R, m, (2,))), {"m": m}, peer="torch.fft")
    for X, Z in ((8, 8), (9, 6)):
        u, f, P, R = rand(2, 3, X, Z), rand(2, 3, X, Z), rand(3, 3, 3, 3), rand(3, 3, 3, 3)
        S, A = rand(3, 3, 3, 3), rand(3, 3, 3, 3)
        cv = lambda z, w, st=1: F.conv2d(z, w, stride=st, padding=1)
        yield case("MgNO smooth %dx%d" % (X, Z), "operator", "mgno_smooth", dict(u=u, f=f, S=S, A=A), dict(y=u + cv(f - cv(u, A), S)), peer="torch conv2d")
        yield case("MgNO restrict %dx%d" % (X, Z), "operator", "mgno_restrict", dict(u=u, f=f, P=P, R=R), dict(y=cv(u, P, 2), g=cv(f, R, 2)), peer="torch conv2d")
    X = Z = 8
    u, v, P = rand(2, 3, X, Z), rand(2, 3, X // 2, Z // 2), rand(3, 3, 4, 4)
    yield case("MgNO prolong", "operator", "mgno_prolong", dict(u=u, v=v, P=P), dict(y=u + F.conv_transpose2d(v, P, stride=2, padding=1)), peer="torch conv_transpose2d")
    f, at, W, P = rand(3, 5), rand(6, 2), 7, 4
    l = {k: torch.nn.Linear(a, b) for k, a, b in (("br.a", 5, W), ("br.b", W, P), ("tr.a", 2, W), ("tr.b", W, P))}
    for x in l.values():
        x.bias.data.normal_()
    par = {k + s: t for k, x in l.items() for s, t in ((".W", x.weight.t()), (".b", x.bias))}
    net = lambda z, k: l[k + ".b"](torch.tanh(l[k + ".a"](z)))
    yield case("DeepONet", "operator", "deeponet", dict(par, f=f, at=at, bias=torch.tensor(0.5)), dict(G=net(f, "br") @ net(at, "tr").t() + 0.5), {"W": W, "P": P}, peer="torch")
    B, N, d, H, K = 2, 7, 5, 2, 3
    x = rand(B, N, d)
    p = {n: rand(*s) for n, s in dict(Q=(d, H, K), Kw=(d, H, K), V=(d, H, K), O=(H, K, d), gk=(H, K), bk=(H, K), gv=(H, K), bv=(H, K)).items()}
    pr = lambda W: torch.einsum("bni,ihk->bhnk", x, W)
    ln = lambda z, g, b: F.layer_norm(z, (K,)) * g[:, None] + b[:, None]
    z = (ln(pr(p["Kw"]), p["gk"], p["bk"]).transpose(-1, -2) @ ln(pr(p["V"]), p["gv"], p["bv"]) / N)
    yield case("Galerkin attention", "operator", "galerkin_attention", dict(p, x=x), dict(y=torch.einsum("bhnk,hko->bno", pr(p["Q"]) @ z, p["O"])), peer="torch")
    G = 4
    x, f = rand(B, N, H, K), rand(B, N, H, K)
    p = dict(Ws=rand(K, G), bs=rand(G), tau=torch.tensor([0.7, 9.0]), Q=rand(K, K), Kw=rand(K, K), V=rand(K, K))
    w = torch.softmax((x @ p["Ws"] + p["bs"]) / p["tau"].clamp(0.1, 5).view(1, 1, H, 1), -1)
    s = torch.einsum("bnhg,bnhk->bhgk", w, f) / (w.sum(1) + 1e-5)[..., None]
    s = F.scaled_dot_product_attention(s @ p["Q"], s @ p["Kw"], s @ p["V"])
    yield case("Transolver attention", "operator", "physics_attention", dict(p, x=x, f=f), dict(y=torch.einsum("bnhg,bhgk->bnhk", w, s)), peer="torch")
    k, y, t = torch.fft.fftfreq(9, 1 / 9), rand(3, 9), rand(3, 9)
    for s_ in (1.0,):
        wgt = (1 + 4 * math.pi ** 2 * k ** 2) ** s_
        nm = lambda z: ((wgt * torch.fft.fft(z, norm="forward").abs() ** 2).sum(-1)).sqrt()
        yield case("relative Sobolev norm", "loss", "relative_sobolev", dict(y=y, target=t), dict(loss=(nm(y - t) / nm(t)).mean()), peer="torch.fft")
    y, t = rand(3, 9, 6), rand(3, 9, 6)
    wgt = 1 + 4 * math.pi ** 2 * (k[:, None] ** 2 + torch.fft.fftfreq(6, 1 / 6) ** 2)
    nm = lambda z: (wgt * torch.fft.fft2(z, norm="forward").abs() ** 2).sum((-1, -2)).sqrt()
    yield case("relative Sobolev norm, two axes", "loss", "relative_sobolev2d", dict(y=y, target=t), dict(loss=(nm(y - t) / nm(t)).mean()), peer="torch.fft")
    # torch.gradient: differences of two neighbours inside, of one at the ends
    nm = lambda z: (z ** 2 + torch.gradient(z, spacing=1 / 9, dim=1)[0] ** 2 + torch.gradient(z, spacing=1 / 6, dim=2)[0] ** 2).sum((-1, -2)).sqrt()
    yield case("relative H1 norm, two axes", "loss", "relative_h1_2d", dict(y=y, target=t), dict(loss=(nm(y - t) / nm(t)).mean()), peer="torch.gradient")
    y, t = y[..., 0], t[..., 0]
    nm = lambda z: (z ** 2 + torch.gradient(z, spacing=1 / 9, dim=1)[0] ** 2).sum(-1).sqrt()
    yield case("relative H1 norm", "loss", "relative_h1", dict(y=y, target=t), dict(loss=(nm(y - t) / nm(t)).mean()), peer="torch.gradient")


# ---------------------------------------------------------------- everything else

@family
def dense():
    N, i, o = 6, 4, 5
    x = rand(N, i)
    W, b = rand(i, o), rand(o)
    yield case("linear", "dense", "linear", dict(x=x, W=W, b=b), dict(y=F.linear(x, W.t(), b)), peer="torch linear")
    z, W3 = rand(N, 3), rand(i, 3, o)
    yield case("bilinear", "dense", "bilinear", dict(x=x, z=z, W=W3, b=b), dict(y=F.bilinear(x, z, W3.permute(2, 0, 1), b)), peer="torch bilinear")
    G, U, D = rand(i, 8), rand(i, 8), rand(8, i)
    yield case("SwiGLU", "dense", "gated_mlp", dict(x=x, G=G, U=U, D=D), dict(y=(F.silu(x @ G) * (x @ U)) @ D), peer="torch")
    s = rand(i)
    yield case("prelu", "dense", "prelu", dict(x=x, slope=s), dict(y=F.prelu(x, s)), peer="torch prelu")
    tok, table = ints(9, N), rand(9, i)
    yield case("embedding", "dense", "embedding", dict(token=tok, table=table), dict(y=F.embedding(tok, table)), peer="torch embedding")
    ty, Wt, bt = ints(3, N), rand(3, i, o), rand(3, o)
    yield case("typed linear", "dense", "typed_linear", dict(x=x, type=ty, W=Wt, b=bt), dict(y=torch.einsum("ni,nij->nj", x, Wt[ty]) + bt[ty]), peer="torch")
    g, b = rand(i), rand(i)
    yield case("layer norm", "norm", "layer_norm", dict(x=x, gamma=g, beta=b), dict(y=F.layer_norm(x, (i,), g, b)), peer="torch layer_norm")
    yield case("RMS norm", "norm", "rms_norm", dict(x=x, gamma=g), dict(y=F.rms_norm(x, (i,), g, 1e-6)), peer="torch rms_norm")
    yield case("group norm", "norm", "group_norm", dict(x=x, gamma=g, beta=b), dict(y=F.group_norm(x, 2, g, b)), {"G": 2, "k": 2}, peer="torch group_norm")
    im = rand(2, i, 5, 3)
    yield case("group norm 2d", "norm", "group_norm2d", dict(u=im, gamma=g, beta=b), dict(y=F.group_norm(im, 2, g, b)), {"G": 2, "k": 2}, peer="torch group_norm")
    yield case("instance norm 2d", "norm", "instance_norm2d", dict(u=im, gamma=g, beta=b), dict(y=F.instance_norm(im, weight=g, bias=b)), peer="torch instance_norm")
    mean, var = rand(i), rand(i).abs() + 0.1
    yield case("batch norm", "norm", "batch_norm", dict(x=x, mean_=mean, var_=var, gamma=g, beta=b), dict(y=F.batch_norm(x, mean, var, g, b)), peer="torch batch_norm")
    yield case("batch norm 2d", "norm", "batch_norm2d", dict(u=im, mean_=mean, var_=var, gamma=g, beta=b), dict(y=F.batch_norm(im, mean, var, g, b)), peer="torch batch_norm")
    yield case("batch norm, training", "norm", "batch_norm_train", dict(x=x, gamma=g, beta=b), dict(y=F.batch_norm(x, None, None, g, b, True), mu=x.mean(0), var=x.var(0, unbiased=False)), peer="torch batch_norm")
    # activations: one layer with each, by the mlp's argument
    W1, b1, W2, b2 = rand(i, 7), rand(7), rand(7, o), rand(o)
    acts = dict(relu=F.relu, silu=F.silu, gelu=F.gelu, gelu_tanh=lambda t: F.gelu(t, approximate="tanh"), sigmoid=torch.sigmoid, tanh=torch.tanh, softplus=F.softplus, log_sigmoid=F.logsigmoid,
                elu=F.elu, selu=F.selu, mish=F.mish, relu6=F.relu6, softsign=F.softsign, hard_tanh=F.hardtanh, hard_sigmoid=F.hardsigmoid, hard_swish=F.hardswish, sin=torch.sin)
    for name, f in acts.items():
        yield case("mlp, " + name, "dense", "mlp", {"x": x, "a.W": W1, "a.b": b1, "b.W": W2, "b.b": b2}, dict(y=f(x @ W1 + b1) @ W2 + b2), {"act": name}, peer="torch " + name)


@family
def attention():
    for B, T, H, K, V in ((2, 7, 2, 3, 4), (1, 1, 1, 1, 1)):
        q, k, v = rand(B, T, H, K), rand(B, T, H, K), rand(B, T, H, V)
        t = lambda z: z.transpose(1, 2)
        sdpa = lambda q, k, v, **o: t(F.scaled_dot_product_attention(t(q), t(k), t(v), **o))
        tag = "; B=%d T=%d H=%d" % (B, T, H)
        yield case("causal attention" + tag, "attention", "attention", dict(q=q, k=k, v=v), dict(o=sdpa(q, k, v, is_causal=True)), peer="torch scaled_dot_product_attention")
        k2, v2 = rand(B, T + 2, H, K), rand(B, T + 2, H, V)
        yield case("cross attention" + tag, "attention", "full_attention", dict(q=q, k=k2, v=v2), dict(o=sdpa(q, k2, v2)), peer="torch scaled_dot_product_attention")
        keep = torch.rand(B, T + 2) < 0.6
        keep[:, 0] = True
        yield case("attention with padding" + tag, "attention", "masked_attention", dict(q=q, k=k2, v=v2, keep=keep), dict(o=sdpa(q, k2, v2, attn_mask=keep[:, None, None])), peer="torch scaled_dot_product_attention")
        R = 3
        qr = rand(B, T, H * R, K)
        o = sdpa(qr, k.repeat_interleave(R, 2), v.repeat_interleave(R, 2), is_causal=True)
        yield case("grouped queries" + tag, "attention", "grouped_query_attention", dict(q=qr, k=k, v=v), dict(o=o), {"H": H, "R": R}, peer="torch scaled_dot_product_attention")
        at = torch.arange(T)
        dist = at[:, None] - at[None]
        band = (dist >= 0) & (dist < 3)
        yield case("sliding window" + tag, "attention", "window_attention", dict(q=q, k=k, v=v), dict(o=sdpa(q, k, v, attn_mask=band)), {"w": 3}, peer="torch scaled_dot_product_attention")
        slope = torch.exp2(-8.0 * (torch.arange(H) + 1) / H)
        mask = (-slope[:, None, None] * dist).masked_fill(dist < 0, -math.inf)
        yield case("ALiBi" + tag, "attention", "alibi_attention", dict(q=q, k=k, v=v), dict(o=sdpa(q, k, v, attn_mask=mask[None])), peer="torch scaled_dot_product_attention")
    B, T, d, H = 2, 6, 8, 2
    K = d // H
    mha = torch.nn.MultiheadAttention(d, H, batch_first=True)
    mha.in_proj_bias.data.normal_()
    mha.out_proj.bias.data.normal_()
    x, s = rand(B, T, d), rand(B, T + 1, d)
    Wq, Wk, Wv = [w.t().reshape(d, H, K) for w in mha.in_proj_weight.chunk(3)]
    bq, bk, bv = [b.reshape(H, K) for b in mha.in_proj_bias.chunk(3)]
    par = dict(Q=Wq, Kw=Wk, V=Wv, bq=bq, bk=bk, bv=bv, O=mha.out_proj.weight.t().reshape(H, K, d), bo=mha.out_proj.bias)
    causal = torch.nn.Transformer.generate_square_subsequent_mask(T)
    yield case("multi-head attention", "attention", "multi_head_attention", dict(par, x=x), dict(y=mha(x, x, x, attn_mask=causal)[0]), peer="torch MultiheadAttention")
    Q, Kw, V, O = rand(d, H, 4), rand(d, H, 4), rand(d, H, 4), rand(H, 4, d)
    turn = torch.polar(torch.ones(T, 2), torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(2) / 2))

    def turned(z):
        c = torch.complex(z[..., :2], z[..., 2:]) * turn[None, :, None]
        return torch.cat([c.real, c.imag], -1).transpose(1, 2)
    q, k, v = [torch.einsum("bti,ihk->bthk", x, w) for w in (Q, Kw, V)]
    o = F.scaled_dot_product_attention(turned(q), turned(k), v.transpose(1, 2), is_causal=True).transpose(1, 2)
    yield case("attention with rotary positions", "attention", "rotary_attention", dict(Q=Q, Kw=Kw, V=V, O=O, x=x), dict(y=torch.einsum("bthk,hkd->btd", o, O)), {"half": 2},
               peer="torch scaled_dot_product_attention")
    yield case("multi-head cross attention", "attention", "cross_attention", dict(par, x=x, s=s), dict(y=mha(x, s, s)[0]), peer="torch MultiheadAttention")
    # Swin: roll, cut into windows, mask across the seam, roll back
    B, n, H, K, w = 1, 8, 2, 3, 4
    for shift in (0, 2):
        q, k, v = rand(B, n, n, H, K), rand(B, n, n, H, K), rand(B, n, n, H, K)
        cut = lambda z: torch.roll(z, (-shift, -shift), (1, 2)).reshape(B, n // w, w, n // w, w, H, -1).permute(0, 1, 3, 5, 2, 4, 6).reshape(B * (n // w) ** 2, H, w * w, -1)
        part = torch.zeros(1, n, n, 1, 1)
        for a in (slice(0, n - w), slice(n - w, n - shift), slice(n - shift, n)) if shift else (slice(0, n),):
            for c in (slice(0, n - w), slice(n - w, n - shift), slice(n - shift, n)) if shift else (slice(0, n),):
                part[:, a, c] = part.max() + 1
        part = part.reshape(1, n // w, w, n // w, w).permute(0, 1, 3, 2, 4).reshape((n // w) ** 2, 1, w * w)
        o = F.scaled_dot_product_attention(cut(q), cut(k), cut(v), attn_mask=part[..., None] == part[..., None, :])
        o = torch.roll(o.reshape(B, n // w, n // w, H, w, w, K).permute(0, 1, 4, 2, 5, 3, 6).reshape(B, n, n, H, K), (shift, shift), (1, 2))
        yield case("Swin windows, shift %d" % shift, "attention", "window_attention2d", dict(q=q, k=k, v=v), dict(o=o), {"w": w, "shift": shift}, peer="torch scaled_dot_product_attention")
    x = rand(2, 5, 2, 6)
    turn = torch.polar(torch.ones(5, 3), torch.arange(5)[:, None] * 10000.0 ** (-torch.arange(3) / 3))
    c = torch.complex(x[..., :3], x[..., 3:]) * turn[None, :, None]
    yield case("rotary positions", "position", "rotary", dict(x=x), dict(y=torch.cat([c.real, c.imag], -1)), {"half": 3}, peer="torch, complex rotation")


@family
def convolution():
    rule = {"zero": "constant", "periodic": "circular", "reflect": "reflect", "replicate": "replicate"}
    for r in (1, 2):
        u, K, b = rand(2, 3, 9), rand(4, 3, 2 * r + 1), rand(4)
        yield case("conv 1d, radius %d" % r, "conv", "conv1d", dict(u=u, K=K, bias=b), dict(y=F.conv1d(u, K, b, padding=r)), {"r": r}, peer="torch conv1d")
        u, K = rand(2, 3, 7, 6), rand(4, 3, 2 * r + 1, 2 * r + 1)
        yield case("conv 2d, radius %d" % r, "conv", "conv2d", dict(u=u, K=K, bias=b), dict(y=F.conv2d(u, K, b, padding=r)), {"r": r}, peer="torch conv2d")
        yield case("strided conv, radius %d" % r, "conv", "strided_conv2d", dict(u=u, K=K, bias=b), dict(y=F.conv2d(u, K, b, 2, r)), {"r": r}, peer="torch conv2d")
    u, K = rand(1, 2, 4, 5, 3), rand(3, 2, 3, 3, 3)
    yield case("conv 3d", "conv", "conv3d", dict(u=u, K=K, bias=rand(3) * 0), dict(w=F.conv3d(u, K, padding=1)), peer="torch conv3d")
    u, K = rand(2, 3, 7, 6), rand(3, 3, 3)
    yield case("depthwise conv", "conv", "depthwise_conv2d", dict(u=u, K=K, bias=rand(3) * 0), dict(y=F.conv2d(u, K[:, None], padding=1, groups=3)), peer="torch conv2d")
    v, K, b = rand(2, 3, 4, 3), rand(3, 2, 3, 3), rand(2)
    yield case("transposed conv, even", "conv", "transposed_conv2d", dict(u=v, K=K, bias=b), dict(y=F.conv_transpose2d(v, K, b, 2, 1, output_padding=1)), {"X": 8, "Z": 6}, peer="torch conv_transpose2d")
    yield case("transposed conv, odd", "conv", "transposed_conv2d", dict(u=v, K=K, bias=b), dict(y=F.conv_transpose2d(v, K, b, 2, 1)), {"X": 7, "Z": 5}, peer="torch conv_transpose2d")
    x, K, b = rand(2, 9, 3), rand(4, 3, 3), rand(4)
    y = F.conv1d(F.pad(x.transpose(1, 2), (4, 0)), K.flip(2), b, dilation=2).transpose(1, 2)
    yield case("dilated causal conv", "conv", "causal_conv", dict(x=x, K=K, bias=b), dict(y=y), {"dilation": 2}, peer="torch conv1d")
    W = rand(3, 4)
    yield case("short conv", "conv", "short_conv", dict(x=x, W=W), dict(y=F.silu(causal4(x, W))), peer="torch conv1d")
    past = x[:, 3:6].flip(1)
    yield case("short conv, one step", "conv", "short_conv_step", dict(x=x[:, 6], past=past, W=W), dict(y=F.silu(causal4(x, W))[:, 6], next=x[:, 4:7].flip(1)), peer="torch conv1d")
    for X, Z in ((8, 6), (7, 5)):
        u = rand(2, 3, X, Z)
        yield case("average pool %dx%d" % (X, Z), "conv", "average_pool", dict(u=u), dict(y=F.avg_pool2d(u, 2, ceil_mode=True)), peer="torch avg_pool2d")
        yield case("max pool %dx%d" % (X, Z), "conv", "max_pool", dict(u=u), dict(y=F.max_pool2d(u, 2, ceil_mode=True)), peer="torch max_pool2d")
        yield case("nearest %dx%d" % (X, Z), "conv", "upsample_nearest", dict(u=u), dict(y=F.interpolate(u, scale_factor=2)), peer="torch interpolate")
        yield case("bilinear %dx%d" % (X, Z), "conv", "upsample_bilinear", dict(u=u), dict(y=F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)), peer="torch interpolate")
    yield case("global average pool", "conv", "global_average_pool", dict(u=u), dict(y=F.adaptive_avg_pool2d(u, 1)[..., 0, 0]), peer="torch adaptive_avg_pool2d")


@family
def recurrent():
    B, T, i, d = 2, 6, 3, 4
    x, h0, c0 = rand(B, T, i), rand(B, d), rand(B, d)
    net = torch.nn.GRU(i, d, batch_first=True)
    y, h1 = net(x, h0[None])
    par = dict(W=net.weight_ih_l0, U=net.weight_hh_l0, bw=net.bias_ih_l0, bu=net.bias_hh_l0)
    yield case("GRU", "recurrent", "gru", dict(par, x=x, h0=h0), dict(y=y, h1=h1[0]), {"d": d}, peer="torch GRU")
    yield case("GRU cell", "recurrent", "gru_cell", dict(par, x=x[:, 0], h=h0), dict(y=y[:, 0]), {"d": d}, peer="torch GRU")
    net = torch.nn.LSTM(i, d, batch_first=True)
    y, (h1, c1) = net(x, (h0[None], c0[None]))
    par = dict(W=net.weight_ih_l0, U=net.weight_hh_l0, bias=net.bias_ih_l0 + net.bias_hh_l0)
    yield case("LSTM", "recurrent", "lstm", dict(par, x=x, h0=h0, c0=c0), dict(y=y, h1=h1[0], c1=c1[0]), {"d": d}, peer="torch LSTM")
    y1, (_, c1) = net(x[:, :1], (h0[None], c0[None]))
    yield case("LSTM cell", "recurrent", "lstm_cell", dict(par, x=x[:, 0], h=h0, c=c0), dict(y=y1[:, 0], c1=c1[0]), {"d": d}, peer="torch LSTM")
    net = torch.nn.RNN(i, d, batch_first=True)
    y, _ = net(x, h0[None])
    yield case("RNN", "recurrent", "rnn", dict(x=x, h0=h0, W=net.weight_ih_l0, U=net.weight_hh_l0, bias=net.bias_ih_l0 + net.bias_hh_l0), dict(y=y), {"d": d}, peer="torch RNN")


@family
def losses():
    N, C = 7, 5
    s, t, w = rand(N, C), ints(C, N), torch.rand(N)
    ce = lambda **o: (F.cross_entropy(s, t, reduction="none", **o) * w).sum() / w.sum()
    yield case("cross entropy", "loss", "cross_entropy", dict(score=s, label=t, weight=w), dict(loss=ce()), peer="torch cross_entropy")
    yield case("smoothed cross entropy", "loss", "smoothed_cross_entropy", dict(score=s, label=t, weight=w), dict(loss=ce(label_smoothing=0.1)), peer="torch cross_entropy")
    p = torch.rand(N, C)
    yield case("binary cross entropy", "loss", "binary_cross_entropy", dict(score=s, target=p), dict(loss=F.binary_cross_entropy_with_logits(s, p)), peer="torch binary_cross_entropy_with_logits")
    a, b = F.log_softmax(rand(N, C), 1), F.log_softmax(rand(N, C), 1)
    yield case("KL divergence", "loss", "kl_divergence", dict(logp=a, logq=b), dict(loss=F.kl_div(b, a, reduction="batchmean", log_target=True)), peer="torch kl_div")
    y, z = rand(N, C), rand(N, C)
    yield case("mean squared error", "loss", "mean_squared_error", dict(y=y, target=z), dict(loss=F.mse_loss(y, z)), peer="torch mse_loss")
    yield case("mean absolute error", "loss", "mean_absolute_error", dict(y=y, target=z), dict(loss=F.l1_loss(y, z)), peer="torch l1_loss")
    yield case("Huber", "loss", "huber", dict(y=y, target=z), dict(loss=F.huber_loss(y, z)), peer="torch huber_loss")
    logits = F.normalize(y, dim=1) @ F.normalize(z, dim=1).t() / 0.1
    g, M = Graph(11, 60, 3), 20
    known = torch.unique(torch.stack([g.src, g.et, g.dst], 1), dim=0)
    g.src, g.et, g.dst = known.unbind(1)
    head, rel, tail = known[torch.randperm(len(known))[:M]].unbind(1)
    score = ints(6, M, 11).double()                       # whole numbers: many are equal
    rank = []
    for m in range(M):
        others = set(range(11)) - {tails for h, r, tails in known.tolist() if (h, r) == (int(head[m]), int(rel[m]))}
        rank.append(1 + sum(1.0 * (score[m, v] > score[m, tail[m]]) + 0.5 * (score[m, v] == score[m, tail[m]]) for v in others))
    yield case("filtered rank", "loss", "filtered_rank", dict(score=score, head=head, rel=rel, tail=tail), dict(rank=torch.tensor(rank)), graph=g)
    yield case("InfoNCE", "loss", "info_nce", dict(x=y, z=z), dict(loss=F.cross_entropy(logits, torch.arange(N))), peer="torch cross_entropy")


# ---------------------------------------------------------------- running

def numpy_of(t):
    t = t.detach().contiguous()
    return t.numpy().astype(np.int32) if t.dtype == torch.int64 else t.numpy()


def outputs_of(pigeonc, c, executor, tmp):
    """What the model of a case gives; raises on an error."""
    single = executor != "interp"
    arrays = {k: numpy_of(v) for k, v in c["inputs"].items()}
    if single:
        arrays = {k: v.astype({"f": np.float32, "c": np.complex64}.get(v.dtype.kind, v.dtype)) for k, v in arrays.items()}
    if c["graph"]:
        arrays.update(c["graph"].arrays())
    file, out = os.path.join(tmp, "in.npz"), os.path.join(tmp, "out.npz")
    np.savez(file, **arrays)
    cmd = [pigeonc, "run", c.get("path") or os.path.join(ROOT, "lib/std/%s.pgn" % c["file"]), "--model", c["model"], "--inputs", file, "--outputs", out]
    cmd += ["--executor", executor]
    cmd += ["--real", "f32" if single else "f64"]
    for k, v in c["dims"].items():
        cmd += ["-D", "%s=%s" % (k, v)]
    p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        raise RuntimeError("exit code %d\n%s" % (p.returncode, p.stderr.decode("utf-8", "replace")))
    return np.load(out)


def compare(pigeonc, c, executor, tmp):
    """The largest difference, relative to the largest value of its output; raises on an error."""
    got, worst = outputs_of(pigeonc, c, executor, tmp), 0.0
    for name, want in c["expect"].items():
        want, have = numpy_of(want), got[name]
        if have.shape != want.shape:
            raise RuntimeError("%s has shape %s, not %s" % (name, have.shape, want.shape))
        if want.size:
            worst = max(worst, float(np.max(np.abs(have - want))) / max(1.0, float(np.max(np.abs(want)))))
    return worst


def main():
    args = sys.argv[1:]
    option = lambda name, default: args[args.index(name) + 1] if name in args else default
    build, only = args[0] if args and not args[0].startswith("-") else "build", option("--only", "")
    executors = option("--executor", "interp,cpu").split(",")
    pigeonc = os.path.abspath(os.path.join(build, "pigeonc"))
    passed = failed = 0
    worst = {}
    with tempfile.TemporaryDirectory() as tmp:
        for f in FAMILY:
            torch.manual_seed(7)
            for c in f():
                if only not in f.__name__ + " " + c["name"]:
                    continue
                for e in executors:
                    tolerance = TOLERANCE_F64 if e == "interp" else TOLERANCE_F32
                    try:
                        d = compare(pigeonc, c, e, tmp)
                        ok = d <= tolerance
                        if not ok:
                            print("FAILED %s (%s): differs by %.3g" % (c["name"], e, d))
                    except RuntimeError as error:
                        ok, d = False, math.inf
                        print("FAILED %s (%s): %s" % (c["name"], e, error))
                    passed, failed = passed + ok, failed + (not ok)
                    row = worst.setdefault((f.__name__, c["model"], c["peer"]), {})
                    row.setdefault("n", set()).add(c["name"])
                    row[e] = max(row.get(e, 0.0), d)
    if "--table" in args:
        print("| model | against | cases | %s |" % " | ".join("largest difference, %s %s" % (e, "f64" if e == "interp" else "f32") for e in executors))
        print("|---|---|---|%s" % ("---|" * len(executors)))
        for (_, model, peer), row in worst.items():
            print("| `%s` | %s | %d | %s |" % (model, peer, len(row["n"]), " | ".join("%.1e" % row[e] for e in executors)))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
