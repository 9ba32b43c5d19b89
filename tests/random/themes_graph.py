"""Equations over graphs, over spaces that are made from maps, and over declared and computed maps."""
import random

from scope import *


class Graph:
    """Edges of a random graph of its sizes: a star, repeated edges, self loops, types without edges, isolated nodes."""
    def __init__(self, name, kind, sizes, over=None):
        self.name, self.kind, self.over = name, kind, over
        self.keys = [name + "." + k for k in ("src_nodes", "nodes", "edges", "ntypes", "etypes")]
        for k, v in zip(self.keys, sizes):
            self.sizes_of = None
        self.first = dict(zip(self.keys, sizes))

    def arrays(self, seed, S):
        r = random.Random("%s/%s" % (seed, self.name.split("_")[-1]))
        sn, dn, m, nt, et = (S[k] for k in self.keys)
        star, few = r.random() < 0.3, r.random() < 0.3
        src = [r.randrange(sn) for _ in range(m)]
        dst = [(0 if star and r.random() < 0.6 else r.randrange(max(1, dn // 3) if few else dn)) for _ in range(m)]
        for e in range(1, m):
            if r.random() < 0.15:
                src[e], dst[e] = src[e - 1], dst[e - 1]
            elif r.random() < 0.1 and sn == dn:
                dst[e] = src[e]
        if self.kind == "two" and m:
            src[r.randrange(m)] = sn - 1                     # the number of sources is read off the edges
        ety = [r.randrange(et) for _ in range(m)]
        if r.random() < 0.3:
            ety.sort()
        nty = [r.randrange(nt) for _ in range(dn)]
        return {"src": src, "dst": dst, "etype": ety, "ntype": nty}


class Graphs(Scope):
    def graph(self, kind=None):
        r = self.r
        plain = [g for g in self.graphs if g.kind == "one"]
        kind = kind or r.choice(["one"] * 5 + ["two"] + (["over"] if plain else []))
        name = self.new("g")
        n = r.choice([1, 1, 2, 3, 5, 8, 17])
        m = r.choice([0, 1, 1, 2, 3, n, 2 * n, 3 * n + 1, 33])
        if kind == "one" and r.random() < 0.04:
            n = m = 0
        nt, et = r.choice([1, 1, 2, 3]), r.choice([1, 2, 2, 3, 5])
        if n == 0:
            nt, et = 0, 0
        over = r.choice(plain) if kind == "over" else None
        if over:
            n, nt = self.S[over.name + ".nodes"], self.S[over.name + ".ntypes"]
            m = m if n else 0
        sn = n if kind != "two" else (r.choice([1, 2, 5, 9]) if m else 0)
        g = Graph(name, kind, (sn, n, m, nt, et), over.name if over else None)
        self.S.update(g.first)
        self.p.graphs[name] = g
        self.graphs.append(g)
        self.b.args.append((name, "graph") if kind == "one" else (name, "graph over " + over.name) if over else (name, "graph users -> items"))
        sp = lambda kind, what, key: self.space(Space(kind, name + "." + what, lambda S: S[name + "." + key], empty=True))  # noqa: E731
        if over:
            g.nodes, g.ntypes, g.src_nodes = over.nodes, over.ntypes, over.src_nodes
        else:
            g.nodes = sp("nodes", "nodes" if kind == "one" else "items", "nodes")
            g.src_nodes = g.nodes if kind == "one" else sp("nodes", "users", "src_nodes")
            g.ntypes = sp("ntypes", "ntypes", "ntypes")
        g.edges, g.etypes = sp("edges", "edges", "edges"), sp("etypes", "etypes", "etypes")
        for f, d, t in (("src", g.edges, g.src_nodes), ("dst", g.edges, g.nodes), ("etype", g.edges, g.etypes)):
            self.maps.append(Tensor(name + "." + f, [d], "i32", target=t))
        if not over:
            self.maps.append(Tensor(name + ".ntype", [g.nodes], "i32", target=g.ntypes))
        return g

    def map_of(self, g, f):
        return next(m for m in self.maps if m.name == g.name + "." + f)

    def fibre(self, j, m, v):
        return self.compare("=", self.call(m.name, [self.index(j, m.axes[0])], "i32", 1), v)

    def theme_graph(self, kind=None):
        r = self.r
        g = self.graph(kind)
        d = r.choice([s for s in self.spaces if s.kind == "dim"])
        if self.ext(d) > 9:
            d = self.arg_space("dim", 9)
        self.input([g.nodes, d], "unit")
        self.input([g.src_nodes], r.choice(["unit", "exact"]))
        if r.random() < 0.6:
            self.input([g.edges], r.choice(["unit", "exact", "bool"]))
        if r.random() < 0.6:
            self.input([g.etypes, d, d] if self.ext(d) <= 5 else [g.etypes, d], "unit")
        if r.random() < 0.3:
            self.input([g.ntypes], "unit")
        k = r.choice(["layer", "softmax", "softmax", "two", "hop", "any", "derived", "derived"])
        src, dst, ety = self.map_of(g, "src"), self.map_of(g, "dst"), self.map_of(g, "etype")
        (e, _), (v, _), (i, _) = env = self.indices(g.edges, g.nodes, d)
        ev = (e, g.edges)
        if k == "layer":
            z = self.eq([ev, (i, d)], self.body([ev, (i, d)], 3, most=2))
            s = self.call("tanh", [self.real_reduce(self.real, [(v, g.nodes)], 1, 100, False)], self.real, 1)
            read = self.read(z, [ev, (i, d)], False)
            cond = [self.fibre(e, r.choice([dst, dst, src]) if g.kind != "two" else dst, self.index(v, g.nodes))]
            if r.random() < 0.3:
                cond.append(self.compare("!=", self.call(ety.name, [self.index(e, g.edges)], "i32", 1), self.int_lit(1)))
            w = self.body([ev], 1, most=1)
            total = self.reduction("sum", (e + ": " + " and ".join(["%s"] * len(cond)), cond), self.bin("*", w, read), self.real, 40, None)
            self.eq([(v, g.nodes), (i, d)], self.bin("+", s, self.small(total, 8)))
        elif k == "softmax":
            by = [r.choice([dst, dst, src, ety])] + ([ety] if r.random() < 0.3 else [])
            by = by[:1] if len(by) == 2 and by[0] is by[1] else by
            extra = [(i, d)] if r.random() < 0.5 else []
            s = self.body([ev] + extra, 2, most=6)
            f = r.choice(["softmax", "softmax", "log_softmax"])
            keys = [self.call(m.name, [self.index(e, g.edges)], "i32", 1) for m in by]
            a = E(f + "(" + e + " by " + ", ".join(["%s"] * len(by)) + ") %s", self.real, HEAD, keys + [s], [IF] * len(by) + [HEAD], 1 if f == "softmax" else 18, None)
            a = self.eq([ev] + extra, a)
            read, h = self.read(a, [ev] + extra, False), self.body([ev], 1, most=2)
            body = self.bin("*", h, read)
            total = self.reduction("sum", (e + ": %s", [self.fibre(e, dst, self.index(v, g.nodes))]), self.small(body, 0.2), self.real, 7, None)
            self.eq([(v, g.nodes)] + extra, total)
        elif k == "two":
            t = r.choice([(g.etypes, ety), (g.etypes, ety)])
            c = self.fresh(t[0])
            cond = [self.fibre(e, dst, self.index(v, g.nodes)), self.fibre(e, t[1], self.index(c, t[0]))]
            r.shuffle(cond)
            left = [(v, g.nodes), (c, t[0])]
            n = self.eq(left, self.count((e + ": %s and %s", cond), "i64", 33))
            self.eq(left, self.reduction("mean", (e + ": %s and %s", [c2.copy() for c2 in cond]), self.body([ev], 2, most=4), self.real, 4, None))
            self.tensors.append(n) if n not in self.tensors else None
        elif k == "hop":
            f = self.fresh(g.edges, env)
            side = self.call(src.name, [self.index(e, g.edges)], "i32", 1)
            if g.kind != "two":
                body = self.body([(f, g.edges)], 2, most=0.5)
                total = self.reduction("sum", (f + ": %s", [self.fibre(f, dst, side)]), body, self.real, 16, None)
                self.eq([ev], total)
            nt = self.map_of(g, "ntype") if not g.over else None
            if nt:
                c = self.fresh(g.ntypes)
                cond = self.compare("=", self.call(nt.name, [self.call(dst.name, [self.index(e, g.edges)], "i32", 1)], "i32", 1), self.index(c, g.ntypes))
                self.eq([(c, g.ntypes)], self.reduction(r.choice(["max", "min"]), (e + ": %s", [cond]), self.body([ev], 2), self.real, 24, None, other=self.lit(0.0)))
        elif k == "any":
            ex = self.real_(self.real, [ev], 1, 10, True)
            cond = [self.fibre(e, dst, self.index(v, g.nodes))]
            self.eq([(v, g.nodes)], self.reduction(r.choice(["any", "all"]), (e + ": %s", cond), self.bool_([ev], 2, 100), "bool", 1, 0))
            self.eq([(v, g.nodes)], self.call("int", [self.reduction("argmax", (e + ": %s", [cond[0].copy()]), ex, "i64", 40, 0, other=self.int_lit(0))], "i64", 40))
            self.eq([(v, g.nodes)], self.reduction("logsumexp", (e + ": %s", [cond[0].copy()]), self.body([ev], 1, most=3), self.real, 1e9, None), hidden=False)
            self.tensors.pop()                               # it may be -inf: an output, not a factor
        else:
            self.derived_graph(g)
        if r.random() < 0.4:
            self.theme_derive(g)

    def derived_graph(self, g):
        r, name = self.r, self.new("h")
        k = r.choice(["reverse", "self_loops", "where", "where"] if g.kind != "two" else ["reverse", "where"])
        up = g.name
        h = Graph(name, "derived", ())
        h.over = None
        h.ntypes, h.etypes, h.nodes, h.src_nodes, h.edges = g.ntypes, g.etypes, g.nodes, g.src_nodes, g.edges
        if k == "reverse":
            self.b.decls.append((name, "graph %s = reverse(%s)" % (name, up)))
            h.nodes, h.src_nodes = g.src_nodes, g.nodes
        elif k == "self_loops":
            self.b.decls.append((name, "graph %s = self_loops(%s)" % (name, up)))
            h.edges = self.space(Space("edges", name + ".edges", lambda S: g.edges.ext(S) + g.nodes.ext(S), empty=True))
            h.etypes = self.space(Space("etypes", name + ".etypes", lambda S: g.etypes.ext(S) + 1, empty=True))
        else:
            cond = r.choice(["etype = 0", "etype != 1", "src != dst", "etype < 2"])
            if g.kind == "two":
                cond = "etype != 1"
            if self.S.get(up + ".etypes", 1) == 0:
                cond = "etype < 2"
            self.b.decls.append((name, "graph %s = %s where %s" % (name, up, cond)))
            h.edges = self.space(Space("edges", name + ".edges", g.edges.ext, empty=True))
        for f, d, t in (("src", h.edges, h.src_nodes), ("dst", h.edges, h.nodes), ("etype", h.edges, h.etypes)):
            self.maps.append(Tensor(name + "." + f, [d], "i32", target=t))
        e, v = self.fresh(h.edges), self.fresh(h.nodes)
        dst = self.map_of(h, "dst")
        body = self.body([(e, h.edges)], 2, most=0.5)
        self.eq([(v, h.nodes)], self.reduction("sum", (e + ": %s", [self.fibre(e, dst, self.index(v, h.nodes))]), body, self.real, 24, None))
        self.eq([(v, h.nodes)], self.count((e + ": %s", [self.fibre(e, dst, self.index(v, h.nodes))]), "i64", 40))

    def theme_derive(self, g=None):
        """unique, join, filter"""
        r = self.r
        g = g or (r.choice(self.graphs) if self.graphs else self.graph())
        src, dst, ety = self.map_of(g, "src"), self.map_of(g, "dst"), self.map_of(g, "etype")
        name = self.new("P")
        k = r.choice(["unique", "unique", "join", "filter"])
        up = g.edges
        if k == "unique":
            keys = r.sample([src, dst, ety], r.choice([1, 2, 2, 3]))
            self.b.decls.append((name, "space %s = unique(%s)" % (name, ", ".join(m.name for m in keys))))
            s = self.space(Space("derived", name, up.ext, empty=True))
            for m in keys:
                self.maps.append(Tensor(name + "." + m.name.split(".")[-1], [s], "i32", target=m.target))
            pair = Tensor(name + ".pair", [up], "i32", target=s)
            self.maps.append(pair)
            e, p = self.fresh(up), self.fresh(s)
            self.eq([(p, s)], self.count((e + ": %s", [self.fibre(e, pair, self.index(p, s))]), "i64", 40))
            self.eq([(e, up)], self.body([(e, up)], 3))
        elif k == "join":
            a, b = self.new("a"), self.new("b")
            if g.kind == "two":
                cond = "%s(%s) = %s(%s)" % (dst.name, a, dst.name, b)
            else:
                cond = "%s(%s) = %s(%s)" % (dst.name, a, src.name, b)
            cond += r.choice(["", "", " and %s(%s) = %s(%s)" % (ety.name, a, ety.name, b), " and %s(%s) != %s(%s)" % (ety.name, a, ety.name, b)])
            if self.ext(up) > 17:
                cond += " and %s(%s) = %s(%s)" % (dst.name, a, dst.name, b)
            self.b.decls.append((name, "space %s = join(%s: %s, %s: %s where %s)" % (name, a, up.text, b, up.text, cond)))
            s = Space("derived", name, lambda S: up.ext(S) ** 2, empty=True)
            self.spaces.append(s)
            for q in (a, b):
                self.maps.append(Tensor(name + "." + q, [s], "i32", target=up))
            p, e = self.fresh(s), self.fresh(up)
            self.eq([(p, s)], self.body([(p, s)], 2))
            self.eq([(e, up)], self.reduction("sum", (p + ": %s", [self.fibre(p, self.maps[-1], self.index(e, up))]), self.body([(p, s)], 1, most=0.1), self.real, 40, None))
        else:
            a = self.new("a")
            cond = r.choice(["%s(%s) != 1" % (ety.name, a), "%s(%s) = %s(%s)" % (src.name, a, dst.name, a) if g.kind != "two" else "%s(%s) < 1" % (dst.name, a), "%s mod 2 = 0" % a])
            self.b.decls.append((name, "space %s = filter(%s: %s where %s)" % (name, a, up.text, cond)))
            s = self.space(Space("derived", name, up.ext, empty=True))
            self.maps.append(Tensor(name + "." + a, [s], "i32", target=up))
            p = self.fresh(s)
            self.eq([(p, s)], self.body([(p, s)], 2))
            self.eq([], self.reduction("sum", (p, []), self.body([(p, s)], 1, most=0.5), self.real, 17, None))

    def theme_maps(self):
        """declared and computed maps, fibres of both, compositions"""
        r = self.r
        doms = [s for s in self.spaces if s.kind in ("dim", "nodes", "edges", "seq", "grid") and not (s.empty and self.ext(s) == 0)
                and not (s.kind == "edges" and s.text.split(".")[0] not in self.p.graphs)]
        a, b = r.choice(doms), r.choice([s for s in self.spaces if s.kind in ("dim", "grid", "seq")])
        m = self.map_in(a, b)
        if r.random() < 0.3 and self.ext(a) * self.ext(b) <= 200:            # of two indices
            self.map_in([a, b], r.choice([s for s in self.spaces if s.kind in ("dim", "grid", "seq")]))
        if r.random() < 0.7:
            c = r.choice([s for s in self.spaces if s.kind in ("dim", "grid", "seq", "product") and self.ext(s) <= 40])
            name, j = self.new("m"), self.fresh(b)
            k = r.choice(["clamp", "mod", "plain"])
            e = self.int_("i64", [(j, b)], 2, 200)
            if r.random() < 0.4 and k != "plain":
                q = self.real_(self.real, [(j, b)], 1, 50, True)
                if q.ex is not None and not q.lit:
                    e = self.call(r.choice(["floor", "round"]), [self.bin("*", self.lit(2.0), q)], q.dt, 2 * q.mag, 0)
            if k == "clamp":
                e = self.call("clamp", [e], "i32", self.ext(c))
            elif k == "mod" or is_float(e.dt):
                e = self.bin("mod", e if is_int(e.dt) else self.call("int", [e], "i64", e.mag), E("size(%s)" % c.text, "i64"))
            else:                                            # in range by itself: the run checks it
                e = self.call("max", [self.call("min", [e, self.int_lit(self.ext(c) - 1)], "i64", 9), self.int_lit(0)], "i64", 9)
            t = Tensor(name, [b], "i32", target=c)
            self.b.stmts.append(Stmt("map %s[%s]: %s -> %s = %%s" % (name, j, b.text, c.text), [e], [t]))
            self.maps.append(t)
            if r.random() < 0.5:
                env = self.indices(c, a)
                (x, _), (y, _) = env
                cond = self.compare("=", self.call(t.name, [self.call(m.name, [self.index(y, a)], "i32", 1)], "i32", 1), self.index(x, c))
                self.eq([(x, c)], self.reduction("sum", (y + ": %s", [cond]), self.body([(y, a)], 2, most=0.5), self.real, 17, None))
        env = self.indices(b, a)
        (x, _), (y, _) = env
        cond = self.fibre(y, m, self.index(x, b))
        self.eq([(x, b)], self.reduction(r.choice(["sum", "mean"]), (y + ": %s", [cond]), self.body([(y, a)], 2, most=0.5), self.real, 17, None))
        self.eq([(y, a)], self.body([(y, a)], 3))
        if r.random() < 0.5 and a.kind in ("seq", "dim") and self.ext(a) <= 33:      # packed: the same segment, up to here
            s = self.fresh(a, [(y, a)])
            seg = self.compare("=", self.call(m.name, [self.index(s, a)], "i32", 1), self.call(m.name, [self.index(y, a)], "i32", 1))
            upto = self.compare("<=", self.index(s, a), self.index(y, a))
            self.eq([(y, a)], self.reduction(r.choice(["sum", "mean"]), (s + ": %s and %s", [seg, upto]), self.body([(s, a)], 1, most=0.5), self.real, 17, None))
