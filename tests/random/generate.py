"""Random valid programs over the whole forward language: program(seed) is the same program whatever prefix its names get.

A program declares spaces of boundary shapes, runs one or two themes (a graph, a recurrence, a stencil, a transform, ...), each a family
of equations in random variants, and then equations of random expressions over everything that is there."""
import random

from exprs import *

SIZES = [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]
CAP = 600                      # elements of a tensor
WORK = 12000                   # elements times what their reductions range over


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


class Gen(Exprs):
    def __init__(self, seed, prefix="", real="f32"):
        self.r = random.Random("pigeon %s" % seed)
        self.prefix, self.real, self.p = prefix, real, Program(real)
        self.p.seeds.append((seed, prefix))
        self.b, self.S = self.p, self.p.sizes
        self.serial, self.tensors, self.maps, self.spaces, self.graphs, self.lets = {}, [], [], [], [], []

    # ---- names, spaces, indices ---------------------------------------------------------------------------------
    def new(self, w):
        self.serial[w] = self.serial.get(w, -1) + 1
        return "%s%s%d" % (self.prefix, w, self.serial[w])

    def size(self, most=33):
        return self.r.choice([n for n in SIZES if n <= most])

    def arg_space(self, kind, most=33, bnd=None, n=None):
        name = self.new({"dim": "n", "seq": "T", "grid": "X"}[kind])
        self.S[name] = n or self.size(most)
        self.b.args.append((name, kind + (" " + bnd if bnd else "")))
        if self.r.random() < 0.5:
            self.p.fixed.add(name)
        s = Space(kind, name, lambda S: S[name], bnd=bnd)
        self.spaces.append(s)
        return s

    def range_(self, lo, hi, add=True):
        text = "%d..%d" % (lo, hi)
        for s in self.spaces:
            if s.text == text:
                return s
        s = Space("range", text, lambda S: hi - lo + 1, lo=lo)
        if add:
            self.spaces.append(s)
        return s

    def space(self, s):
        self.spaces.append(s)
        return s

    def product(self, parts):
        def ext(S):
            n = 1
            for p in parts:
                n *= p.ext(S)
            return n
        return self.space(Space("product", "(" + ", ".join(p.text for p in parts) + ")", ext, parts, empty=any(p.empty for p in parts)))

    def fresh(self, s, env=()):
        used = [n for n, _ in env]
        for n, t in self.b.index.items():
            if t is s and n not in used:
                return n
        n = self.new("j")
        self.b.index[n] = s
        return n

    def indices(self, *spaces):
        env = []
        for s in spaces:
            env.append((self.fresh(s, env), s))
        return env

    # ---- inputs and equations -------------------------------------------------------------------------------------
    def input(self, axes, dist="unit", dt=None, hi=0):
        axes = [s for s in axes if s.kind != "derived" and not (s.kind == "edges" and s.text.split(".")[0] not in self.p.graphs)]
        dt = dt or (self.real if dist in ("unit", "exact") else "bool" if dist == "bool" else "i32")
        t = Tensor(self.new("x"), axes, dt, {"unit": 1, "exact": 2, "bool": 1}.get(dist, hi), {"unit": None, "exact": 2}.get(dist, 0), 0)
        if dist == "unit":
            t.loss = 0                                       # the data are representable: nothing is rounded yet
        word, tail = "input", ""
        if dist == "unit" and is_float(dt) and axes and self.r.random() < 0.15:
            word, tail = "param", self.r.choice([" init zero", " init one", " init const(0.25)", " init uniform(-1, 1)", "", " init uniform(0, 1) frozen"])
            t.param = True
        self.b.inputs.append(Input(t, dist, hi, word, tail))
        self.tensors.append(t)
        return t

    def map_in(self, dom, target):
        t = Tensor(self.new("m"), [dom], "i32", target=target)
        self.b.inputs.append(Input(t, "map"))
        self.maps.append(t)
        return t

    def add(self, t, text, kids, lv=None, inline=False):
        self.b.stmts.append(Stmt(text, kids, t if isinstance(t, list) else [t], lv, inline))
        for q in t if isinstance(t, list) else [t]:
            if q.name not in [o.name for o in self.tensors]:
                self.tensors.append(q)

    def eq(self, env, e, typed=False, name=None, hidden=False, left=None):
        dt = e.dt
        if e.lit and is_int(e.dt):
            dt = self.real
        if typed and e.dt == dt:
            e = self.cast(e, e.dt) if e.lit else e
        t = Tensor(name or self.new("y"), [s for _, s in env], dt, e.mag, e.ex, e.loss, hidden=hidden)
        left = left if left is not None else ("[" + ", ".join(n for n, _ in env) + "]" if env else "")
        self.add(t, t.name + left + (": " + dt if typed else "") + " = %s", [e], inline=self.r.random() < 0.5)
        return t

    def env(self, most=3, cap=CAP):
        """random indices for a left side"""
        r, env, n = self.r, [], 1
        for _ in range(r.choice([0, 1, 1, 2, 2, 2, 3][:most + 4])):
            room = [s for s in self.spaces if n * max(1, self.ext(s)) <= cap]
            used = [s for t in self.tensors for s in t.axes if s in room]
            if not room:
                break
            s = r.choice(used) if used and r.random() < 0.7 else r.choice(room)
            env.append((self.fresh(s, env), s))
            n *= max(1, self.ext(s))
        return env

    def work(self, env):
        n = 1
        for _, s in env:
            n *= max(1, self.ext(s))
        return max(1, WORK // n)

    def generic(self, dt=None, d=None):
        env = self.env()
        dt = dt or self.r.choice([self.real] * 8 + [t.dt for t in self.tensors if t.target is None] + ["i64", "bool"])
        d = d or self.r.choice([1, 2, 2, 3, 3, 4])
        return self.eq(env, self.number(dt, env, d, self.work(env)), typed=self.r.random() < 0.15)

    def body(self, env, d=2, dt=None, most=None):
        """a tame real expression, bounded by `most`"""
        e = self.to(self.real_(dt or self.real, env, d, self.work(env)), dt or self.real)
        if most:
            e = self.call("tanh", [e], e.dt, 1) if self.r.random() < 0.3 and most >= 1 else self.small(e, most)
        return e

    # ---- themes ---------------------------------------------------------------------------------------------------
    def base(self):
        r = self.r
        for _ in range(r.choice([1, 2, 2, 3])):
            self.arg_space("dim", 17 if self.spaces else 33)
        for _ in range(r.choice([1, 2])):
            self.input([s for _, s in self.env(2)], "unit")
        self.input([s for _, s in self.env(2)], "exact")
        if r.random() < 0.4:
            f, c = self.new("fn"), self.new("c")
            body, n, mag, ex = r.choice([("0.5 * a + b * a", 2, lambda a, b: 0.5 * a + a * b, True), ("max(a, b) - min(a, 0.5)", 2, lambda a, b: 2 * max(a, b) + 0.5, True),
                                         ("a * sigmoid(b)", 2, lambda a, b: a, False), ("a * a - 1", 1, lambda a: a * a + 1, True), ("if a > %s then a else 0.5 * a" % c, 1, lambda a: a, False)])
            if c in body:
                self.p.tops.append((c, "const %s = 0.25" % c))
                body = body if r.random() < 0.0 else "min(a, %s) + 0.5 * a" % c
                mag = lambda a: 2 * a + 1                    # noqa: continuous, so for any argument
                n = 1
            self.p.tops.append((f, "let %s(%s) = %s" % (f, ", ".join("ab"[:n]), body)))
            self.lets.append((f, n, mag, ex))
        if r.random() < 0.2:
            self.const()

    def const(self):
        r, n = self.r, self.r.choice([1, 2, 3, 5])
        name = self.new("c")
        s = self.range_(0, n - 1)
        vals = [r.choice([0.25, 0.5, 1, 2, -1, -0.5]) for _ in range(n)]
        self.b.decls.append((name, "const %s[0..%d] = [%s]" % (name, n - 1, ", ".join("%s" % v for v in vals))))
        self.tensors.append(Tensor(name, [s], self.real, 2, 2))

    def theme_axes(self):
        """products, sums, sizes that are computed, definitions part by part"""
        r = self.r
        dims = [s for s in self.spaces if s.kind == "dim" and self.ext(s) <= 9] or [self.arg_space("dim", 5)]
        a, b = r.choice(dims), r.choice(dims)
        k = r.choice(["product", "sum", "sum3", "size", "range"])
        if k == "product":
            p = self.product([a, b] if r.random() < 0.7 else [a, self.range_(0, r.choice([1, 2])), b])
            self.input([p], "unit")
            env = self.indices(*p.parts)
            self.eq([("(" + ", ".join(n for n, _ in env) + ")", p)], self.body(env, 3))
        elif k in ("sum", "sum3"):
            parts = [a, b, self.range_(-1, 1)][:3 if k == "sum3" else 2]
            s = self.space(Space("sum", " + ".join(p.text if p.kind != "range" else "(" + p.text + ")" for p in parts), lambda S: sum(p.ext(S) for p in parts), parts))
            if k == "sum3":                                  # a range is no word of a sum: name the space by an index over it
                s.text, s.parts = " + ".join(p.text for p in parts[:2] + [a]), parts[:2] + [a]
                s.ext = lambda S, q=s.parts: sum(p.ext(S) for p in q)
            self.input([s], "unit")
            extra = self.indices(r.choice(dims)) if r.random() < 0.5 else []
            t, lead, order = None, [], []
            for q in s.parts:
                order.append((list(lead), q))
                lead.append(q.text)
            r.shuffle(order)
            name = self.new("y")
            for lead, q in order:
                env = self.indices(q)
                j = env[0][0]
                more = [(self.fresh(x, env), x) for _, x in extra]
                e = self.body(env + more, 2)
                sub = ", ".join([" + ".join(lead + [j])] + [n for n, _ in more])
                t2 = Tensor(name, [s] + [x for _, x in extra], e.dt, max(e.mag, t.mag if t else 0), None, max(e.loss, t.loss if t else 0, LOSS[self.real]))
                self.b.stmts.append(Stmt("%s[%s] = %%s" % (name, sub), [e], [t2]))
                t = t2
            for st in self.b.stmts:
                if st.defs and st.defs[0].name == name:
                    st.defs = [t]
            self.tensors.append(t)
        elif k == "size":
            text, ext = r.choice([("2*%s" % a.text, lambda S: 2 * a.ext(S)), ("%s*%s" % (a.text, b.text), lambda S: a.ext(S) * b.ext(S)), ("4", lambda S: 4)])
            s = self.space(Space("dim*", text, ext))
            self.input([s], "unit")
            env = self.indices(s)
            self.eq(env, self.body(env, 3))
        else:
            s = self.range_(r.choice([-2, -1, 0, 1, 3]), r.choice([3, 4, 6]))
            self.input([s, a], "unit")
            env = self.indices(s, a)
            self.eq(env, self.body(env, 3))
        if r.random() < 0.4:                                 # odd and even points of a dim
            m, env = r.choice([2, 3]), self.indices(a)
            name, t = self.new("y"), None
            for q in r.sample(range(m), m):
                e = self.body(env, 2)
                sub = "%d*%s%s" % (m, env[0][0], " + %d" % q if q else "")
                t = Tensor(name, [Space("dim*", "%d*%s" % (m, a.text), lambda S: m * a.ext(S))], e.dt, max(e.mag, t.mag if t else 0), None, max(e.loss, t.loss if t else 0, LOSS[self.real]))
                self.b.stmts.append(Stmt("%s[%s] = %%s" % (name, sub), [e], [t]))
            t.axes[0] = self.space(t.axes[0])
            for st in self.b.stmts:
                if st.defs and st.defs[0].name == name:
                    st.defs = [t]
            self.tensors.append(t)

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
        k = r.choice(["layer", "softmax", "softmax", "two", "hop", "any", "derived"])
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
        doms = [s for s in self.spaces if s.kind in ("dim", "nodes", "edges", "seq", "grid") and not (s.empty and self.ext(s) == 0)]
        a, b = r.choice(doms), r.choice([s for s in self.spaces if s.kind in ("dim", "grid", "seq")])
        m = self.map_in(a, b)
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

    def theme_softmax(self):
        r = self.r
        s = r.choice([q for q in self.spaces if q.kind in ("dim", "seq", "range", "product", "grid")])
        env = self.indices(*([s, s] if self.ext(s) ** 2 <= CAP else [s]))
        j = env[-1][0]
        f, cond = r.choice(["softmax", "softmax", "log_softmax"]), []
        if len(env) == 2 and r.random() < 0.6:
            k = self.index(env[0][0], s)
            cond = [self.compare(r.choice(["<=", "<", ">="]), self.index(j, s), k)]
            if r.random() < 0.4:
                cond.append(self.compare("<", self.bin("-", k, self.int_lit(3)), self.index(j, s)))
        elif r.random() < 0.3:
            cond = [self.bool_(env, 1, 50)]
        body = self.body(env, 2, most=8)
        e = E(f + "(" + j + (": " + " and ".join(["%s"] * len(cond)) if cond else "") + ") %s", self.real, HEAD, cond + [body], [AND] * len(cond) + [HEAD], 1 if f == "softmax" else 24, None)
        if r.random() < 0.3:
            e = self.bin("+", self.bin("*", self.body(env, 1, most=1), e), self.body(env, 1, most=2))
        t = self.eq(env, e)
        if len(env) == 2:
            i = env[0]
            self.eq([i], self.reduction("sum", (j, []), self.bin("*", self.body([(j, s)], 1, most=0.5), self.small(self.read(t, env, False), 1)), self.real, 17, None))

    def theme_seq(self):
        """recurrences"""
        r = self.r
        T = self.arg_space("seq", 33)
        dims = [s for s in self.spaces if s.kind == "dim" and self.ext(s) <= 5] or [self.arg_space("dim", 5)]
        axes = [r.choice(dims)] if r.random() < 0.7 else []
        if axes and r.random() < 0.3 and len(dims) > 1:
            axes.append(r.choice([d for d in dims if d is not axes[0]]))
        self.input([T] + axes[:1], "unit")
        self.input([T], r.choice(["exact", "bool"]))
        at = r.randrange(len(axes) + 1)
        left = axes[:at] + [T] + axes[at:]
        env = self.indices(*left)
        t = env[at][0]
        rev = r.random() < 0.25
        step = "+" if rev else "-"
        def prev(name, n=1, rule=""):                         # noqa: E306
            e = E(name + "[" + ", ".join(n2 if n2 != t else "%s %s %d%s" % (t, step, n, rule) for n2, _ in env) + "]", self.real, mag=1, ex=None)
            return e
        here = lambda name: E(name + "[" + ", ".join(n for n, _ in env) + "]", self.real, mag=1, ex=None)   # noqa: E731
        name = self.new("s")
        x = self.body(env, 2, most=1)
        k = r.choice(["decay", "decay", "tanh", "matrix", "two", "conv", "reset", "mutual", "mutual", "int", "bool", "complex", "max", "scan", "delta"])
        defs, mag = [], 1
        sub = "[" + ", ".join(n for n, _ in env) + "]"
        def define(nm, e, dt="", m=1, ex=None):               # noqa: E306
            q = Tensor(nm, left, dt or self.real, m, ex, LOSS[self.real] if not dt or is_complex(dt) else 0)
            self.add(q, nm + sub + (": " + dt if dt else "") + " = %s", [e])
            q.hidden = True                                  # until the group is whole
            return q
        one = lambda nm, rule="": prev(nm, 1, rule)           # noqa: E731
        if k == "scan":
            f = r.choice(["cumsum", "cumprod", "cummax"])
            e = E(f + "(" + t + ") %s", self.real, HEAD, [self.small(x, 1)], [HEAD], 33 if f == "cumsum" else 1, None)
            q = self.eq(env, e)
            self.eq(env, self.body(env, 2))
            return
        if k == "int":
            dt = r.choice(["i32", "i64", "i8", "u8"])
            p = one(name)
            p.dt = dt
            p = E(p.t, dt, mag=LIMIT[dt])
            define(name, self.bin("+", self.bin("*", p, self.int_lit(r.choice([1, 3]))), self.to(self.int_leaf(dt, env), dt) if r.random() < 0.5 else self.tensor_leaf(dt, env) or self.int_lit(1)), dt, LIMIT[dt], 0)
        elif k == "bool":
            p = E(prev(name).t, "bool")
            e = E("%s or %s", "bool", OR, (self.bool_(env, 1, 50), p), (OR, AND)) if r.random() < 0.5 else E("%s != %s", "bool", CMP, (p, self.bool_(env, 1, 50)), (BITOR, BITOR))
            define(name, e, "bool", 1, 0)
        elif k == "complex":
            c = COMPLEX_OF[self.real]
            p = E(prev(name).t, c, mag=3)
            f = self.cast(self.bin("+", self.lit(0.5), E(r.choice(["0.5i", "0.25i"]), c)), c)
            define(name, self.bin("+", self.bin("*", f, p), self.small(self.complex_(c, env, 1, 50), 1)), c, 4)
        elif k == "max":
            define(name, self.call("max", [one(name), self.small(x, 2)], self.real, 2), m=2)
        elif k == "tanh":
            define(name, self.call("tanh", [self.bin("+", self.bin("*", self.lit(r.choice([0.5, 1.0, -0.75])), one(name)), x)], self.real, 1))
        elif k == "two":
            define(name, self.bin("+", self.bin("-", self.bin("*", self.lit(0.5), one(name)), self.bin("*", self.lit(0.25), prev(name, 2))), x), m=4 * x.mag + 4)
            mag = 4 * x.mag + 4
        elif k == "conv":
            d = self.range_(1, 3)
            K, j = self.input([d], "unit"), self.fresh(d, env)
            p = E(name + "[" + ", ".join(n if n != t else "%s %s %s" % (t, step, j) for n, _ in env) + "]", self.real)
            body = self.bin("*", E("%s[%s]" % (K.name, j), self.real), p)
            define(name, self.call("tanh", [self.bin("+", self.reduction("sum", (j, []), body, self.real, 3, None), x)], self.real, 1))
        elif k == "reset":
            c = self.bool_([(t, T)], 1, 50)
            define(name, self.bin("+", E("if %s then 0 else %s", self.real, IF, (c, self.bin("*", self.lit(0.5), one(name))), (OR, IF), 2), x), m=2 * x.mag)
            mag = 2 * x.mag
        elif k == "matrix" and axes:
            i = next(n for n, s in env if s is axes[0])
            j = self.fresh(axes[0], env)
            W = self.input([axes[0], axes[0]], "unit")
            p = E(prev(name).t.replace(i, j) if i != t else "", self.real)
            p = E(name + "[" + ", ".join(j if n == i else n if n != t else "%s %s 1" % (t, step) for n, _ in env) + "]", self.real)
            body = self.bin("*", E("%s[%s, %s]" % (W.name, i, j), self.real), p)
            define(name, self.call("tanh", [self.bin("+", x, self.reduction("sum", (j, []), body, self.real, 5, None))], self.real, 1))
        elif k == "delta" and axes:
            i = next(n for n, s in env if s is axes[0])
            j = self.fresh(axes[0], env)
            u, b = self.input([T, axes[0]], "unit"), self.lit(0.25)
            p = E(name + "[" + ", ".join(j if n == i else n if n != t else "%s %s 1" % (t, step) for n, _ in env) + "]", self.real)
            dot = self.reduction("sum", (j, []), self.bin("*", E("%s[%s, %s]" % (u.name, t, j), self.real), p), self.real, 5, None)
            e = self.bin("-", self.bin("*", self.lit(0.5), one(name)), self.bin("*", self.bin("*", self.lit(0.125), E("%s[%s, %s]" % (u.name, t, i), self.real)), dot))
            define(name, self.bin("+", e, x), m=8)
            mag = 8
        elif k == "mutual":
            n2 = self.new("s")
            a = self.bin("+", self.bin("*", self.lit(0.5), prev(n2)), x)
            define(name, a, m=2)
            if r.random() < 0.6:                             # reads the other one within the step
                define(n2, self.call("tanh", [self.bin("+", here(name), one(n2) if r.random() < 0.5 else self.body(env, 1, most=1))], self.real, 1))
            else:
                define(n2, self.call("tanh", [self.bin("-", one(name), self.bin("*", self.lit(0.5), one(n2)))], self.real, 1))
            if r.random() < 0.5:
                self.b.stmts.reverse() if False else None
            mag = 2
        else:
            g = self.bin("*", self.lit(0.75), self.call("sigmoid", [self.body(env, 1)], self.real, 1)) if r.random() < 0.5 else self.lit(r.choice([0.5, 0.75, -0.5]))
            rule = r.choice(["", "", " else 0.5", " zero"])
            define(name, self.bin("+", self.bin("*", g, one(name, rule)), x), m=4 * x.mag + 1)
            mag = 4 * x.mag + 1
        q = next(z for z in self.tensors if z.name == name)
        if k not in ("int", "bool", "complex") and r.random() < 0.5:           # what lies before the first step
            for far in [1, 2][:2 if k == "two" or k == "conv" else 1]:
                other = [(n, s) for n, s in env if n != t]
                e = self.body(other, 1, most=1)
                if e.lit:
                    e = self.cast(e, self.real)
                where = "%s.%s %s %d" % (T.text, "last" if rev else "first", "+" if rev else "-", far)
                self.b.stmts.append(Stmt(name + "[" + ", ".join(n if n != t else where for n, _ in env) + "] = %s", [e], [q]))
        for z in self.tensors:
            z.hidden = z.hidden and not z.name.startswith(self.prefix + "s")
        q.mag = max(q.mag, mag)
        other = [(n, s) for n, s in env if n != t]
        if r.random() < 0.6:
            self.eq(other, E(name + "[" + ", ".join(n if n != t else T.text + r.choice([".last", ".last", ".first"]) for n, _ in env) + "]", q.dt, mag=q.mag, ex=q.ex, loss=q.loss))
        if r.random() < 0.4:
            self.eq(env, E(name + "[" + ", ".join(n if n != t else "%s %s %d" % (t, r.choice("+-"), r.choice([1, 2])) for n, _ in env) + "]", q.dt, mag=q.mag, ex=q.ex, loss=q.loss))
        if k == "complex" or k == "bool":
            self.generic(q.dt)

    def theme_grid(self):
        """stencils, strides, transposed ones, coarser and finer grids"""
        r = self.r
        rule = r.choice(["periodic", "zero", "reflect", "replicate"])
        two = r.random() < 0.35
        X = self.arg_space("grid", 9 if two else 33, rule)
        Y = self.arg_space("grid", 9, r.choice(["periodic", "zero", "reflect", "replicate"])) if two else None
        grids = [X, Y] if two else [X]
        u = self.input(grids, "unit")
        D = self.range_(*r.choice([(-1, 1), (-1, 1), (0, 1), (-2, 2), (0, 2), (-3, 1)]))
        env = self.indices(*grids)
        ds = []
        for _ in grids:
            ds.append((self.fresh(D, env + ds), D))
        words = ["", "", "", " zero", " periodic", " reflect", " replicate", " else 0.5"]
        K = self.input([D] * len(grids), "unit")
        def at(es):                                          # noqa: E306
            return E(u.name + "[" + ", ".join(es) + "]", self.real, mag=1)
        def kernel(body_at, left, n):                        # noqa: E306
            body = self.bin("*", E(K.name + "[" + ", ".join(d for d, _ in ds) + "]", self.real), at(body_at))
            op = r.choice(["sum", "sum", "max", "mean"])
            return self.eq(left, self.reduction(op, (", ".join(d for d, _ in ds), []), body, self.real, 25 if op == "sum" else 1, None))
        k = r.choice(["stencil", "stencil", "stride", "transposed", "up", "scale", "pad", "coord"])
        half = [self.space(Space("grid", g.text + "/2", lambda S, g=g: (g.ext(S) + 1) // 2, bnd=g.bnd)) for g in grids] if k in ("stride", "transposed", "coord") else []
        if k == "stencil":
            kernel(["%s + %s%s" % (x, d, r.choice(words)) for (x, _), (d, _) in zip(env, ds)], env, 1)
            w = self.bin("*", self.lit(r.choice([1.0, -2.0])), at([x for x, _ in env]))
            self.eq(env, self.bin("+", w, at(["%s %s %d%s" % (x, r.choice("+-"), r.choice([1, 1, 2, 3]), r.choice(words)) for x, _ in env])))
        elif k == "stride":
            left = self.indices(*half)
            kernel(["2*%s + %s%s" % (p, d, r.choice(words)) for (p, _), (d, _) in zip(left, ds)], left, 1)
        elif k == "transposed":
            ps = self.indices(*half)
            z = self.input(half, "unit")
            cond = [E("%s*%s + %s = %s" % (2, p, d, x), "bool", CMP) for (p, _), (d, _), (x, _) in zip(ps, ds, env)]
            body = self.bin("*", E(K.name + "[" + ", ".join(d for d, _ in ds) + "]", self.real), E(z.name + "[" + ", ".join(p for p, _ in ps) + "]", self.real))
            order = [p for p, _ in ps] + [d for d, _ in ds]
            self.eq(env, self.reduction("sum", (", ".join(order) + ": " + " and ".join(["%s"] * len(cond)), cond), body, self.real, 9, None))
        elif k == "up":
            name, t = self.new("y"), None
            fine = Space("grid", "2*" + X.text, lambda S: 2 * X.ext(S), bnd=rule)
            env1 = self.indices(X)
            x = env1[0][0]
            rest = env[1:]
            for q in r.sample([0, 1], 2):
                e = self.body(env1 + rest, 2)
                t = Tensor(name, [fine] + grids[1:], e.dt, max(e.mag, t.mag if t else 0), None, LOSS[self.real])
                self.b.stmts.append(Stmt("%s[%s] = %%s" % (name, ", ".join(["2*%s%s" % (x, " + 1" if q else "")] + [n for n, _ in rest])), [e], [t]))
            for st in self.b.stmts:
                if st.defs[0].name == name:
                    st.defs = [t]
            self.spaces.append(fine)
            self.tensors.append(t)
            y = self.fresh(fine)
            v = E("%s[%s]" % (name, ", ".join(["%s + 1" % y] + [n for n, _ in rest])), self.real, mag=t.mag)
            self.eq([(y, fine)] + rest, v)
        elif k == "scale":
            fine = self.space(Space("grid", "3*" + X.text, lambda S: 3 * X.ext(S), bnd=rule))
            y = self.fresh(fine)
            self.eq([(y, fine)] + env[1:], at(["%s // 3%s" % (y, r.choice(words))] + [n for n, _ in env[1:]]))
        elif k == "pad":
            lo, hi = r.choice([0, 1, 2]), r.choice([0, 1])
            word = "pad" if self.ext(X) <= lo + hi or r.random() < 0.6 else "crop"
            sgn = 1 if word == "pad" else -1
            s = self.space(Space("grid", "%s(%s, %d, %d)" % (word, X.text, lo, hi), lambda S: X.ext(S) + sgn * (lo + hi), bnd=rule))
            y = self.fresh(s)
            self.eq([(y, s)] + env[1:], at(["%s %s %d%s" % (y, "-" if sgn > 0 else "+", lo, r.choice(words))] + [n for n, _ in env[1:]]))
        else:
            (p, _) = self.indices(half[0])[0]
            for g, n in ((X, env[0][0]), (half[0], p)):
                e = self.bin("+", E("coord(%s)" % n, self.real, mag=1), E("step(%s)" % g.text, self.real, mag=2))
                self.eq([(n, g)], self.call("sin", [e], self.real, 1) if r.random() < 0.5 else e)
        if r.random() < 0.5:
            self.eq(env, self.body(env, 3))

    def theme_modes(self):
        """transforms of every family, back to the same or another grid"""
        r = self.r
        rule = r.choice(["periodic", "zero"])
        X = self.arg_space("grid", 33, rule)
        n = self.ext(X)
        two = r.random() < 0.3 and n <= 9
        Y = self.arg_space("grid", 9, "periodic") if two else None
        fam = r.choice(["signed", "half", "half", "cosine", "sine", "range", "all"])
        def modes(g, fam):                                   # noqa: E306
            n, name = self.ext(g), self.new("k")
            keep, f, ext, need = "", fam, n, n
            if fam == "all":
                f = r.choice(["signed", "half", "cosine", "sine"])
                ext = lambda S: g.ext(S) if f != "half" else g.ext(S) // 2 + 1      # noqa: E731
                need = n if f != "half" else 2 * (n // 2)
            elif fam == "range":
                lo = r.choice([0, 0, -1]) if n >= 3 else 0
                hi = r.choice([h for h in range(lo, n // 2 + 1) if h - lo + 1 <= n and 2 * max(h, -lo) <= n and h >= 0])
                f, keep = "signed", " keep %d..%d" % (lo, hi)
                ext, need = (lambda S, w=hi - lo + 1: w), hi - lo + 1
                need = max(need, 2 * max(hi, -lo))
            else:
                most = {"signed": n // 2, "half": n // 2 + 1, "cosine": n, "sine": n}[fam]
                if most < 1:
                    return modes(g, "all")
                m = r.choice([1, most, max(1, most // 2)])
                keep = " keep %d" % m
                ext = (lambda S, w=2 * m if fam == "signed" else m: w)
                need = 2 * m if fam == "signed" else 2 * m - 2 if fam == "half" else m
            self.b.decls.append((name, "modes %s of %s%s%s" % (name, g.text, keep, " " + f if f != "signed" or r.random() < 0.5 else "")))
            s = Space("modes", name, ext, extra=(f, need, g))
            self.b.index.pop(name, None)
            return name, s
        if two:
            f1 = r.choice(["signed", "range", "all"])
            k1 = modes(X, f1 if f1 != "all" else "signed")
            if k1[1].extra[0] != "signed":
                k1 = modes(X, "range")
            k2 = modes(Y, r.choice(["half", "signed"]))
            if k2[1].extra[0] not in ("half", "signed"):
                k2 = modes(Y, "range")
            ks, gs = [k1, k2], [X, Y]
        else:
            ks, gs = [modes(X, fam)], [X]
        for _, s in ks:
            self.spaces.append(s)
            self.b.index.setdefault(self.new("j"), s)
        table = ks[0][1].extra[0] in ("cosine", "sine")
        half = ks[-1][1].extra[0] == "half"
        batch = [r.choice([s for s in self.spaces if s.kind == "dim" and self.ext(s) <= 5] or [self.arg_space("dim", 3)])] if r.random() < 0.5 else []
        env = self.indices(*(batch + gs))
        xs = [n for n, s in env if s in gs]
        c = COMPLEX_OF[self.real]
        u = self.input(batch + gs, "unit")
        body = self.body(env, 1, most=2) if r.random() < 0.5 else self.read(u, env, False)
        if not table and not half and r.random() < 0.4:
            body = self.small(self.complex_(c, env, 1, 50), 2)
        names = [(self.fresh(s, env), s) for _, s in ks]
        if len(names) == 2 and names[0][0] == names[1][0]:
            names[1] = (self.fresh(names[1][1], env + names[:1]), names[1][1])
        fwd = {"cosine": "dct", "sine": "dst"}.get(ks[0][1].extra[0], "fft")
        dt = self.real if table else c
        left = [(n, s) for n, s in env if s not in gs] + names
        e = E("%s(%s -> %s) %%s" % (fwd, ", ".join(xs), ", ".join(n for n, _ in names)), dt, HEAD, [body], [HEAD], 2 * body.mag, None)
        U = self.eq(left, e)
        spec = E(U.name + "[" + ", ".join(n for n, _ in left) + "]", dt, mag=U.mag)
        w = r.random()
        if w < 0.4:
            f = E("freq(%s)" % names[0][0], "i64", mag=17)
            spec = self.bin("*", self.bin("*", E("1i", c), f), spec) if not table else self.bin("*", f, spec)
            spec = self.bin("*", self.lit(0.125), spec)
            spec.mag = 4 * U.mag
        elif w < 0.7:
            R = self.input([s for _, s in names], "unit", dt if not table else self.real)
            spec = self.bin("*", spec, E(R.name + "[" + ", ".join(n for n, _ in names) + "]", R.dt, mag=1.5))
        # back, perhaps to another grid that holds the frequencies
        to = []
        for (x, g), (_, s) in zip([(n, g) for n, g in zip(xs, gs)], names):
            if r.random() < 0.25:
                g2 = self.arg_space("grid", None or 33, r.choice(["periodic", "zero"]), n=max(1, s.extra[1], self.size(33)))
                self.p.fixed.add(g2.text)
                to.append((self.fresh(g2, env), g2))
            else:
                to.append((x, g))
        inv = {"cosine": "idct", "sine": "idst"}.get(ks[0][1].extra[0], "ifft")
        total = 1
        for _, s in names:
            total *= 2 * self.ext(s)
        spec = self.small(spec, max(0.02, 24 / total))
        rt = self.real if table or half else c
        e = E("%s(%s -> %s) %%s" % (inv, ", ".join(n for n, _ in names), ", ".join(n for n, _ in to)), rt, HEAD, [spec], [HEAD], spec.mag * total, None)
        self.eq([(n, s) for n, s in env if s not in gs] + to, e)
        if r.random() < 0.3:
            self.generic(dt)

    def theme_ints(self):
        r = self.r
        for _ in range(r.choice([1, 2, 3])):
            dt = r.choice(["i64", "i32", "i8", "u8"])
            self.input([s for _, s in self.env(2)], "int", dt, r.choice([3, 9, 100]))
        for _ in range(r.choice([2, 3])):
            t = r.choice([t for t in self.tensors if is_int(t.dt) and t.target is None])
            env = self.env()
            self.eq(env, self.to(self.int_(t.dt, env, r.choice([2, 3]), self.work(env)), t.dt), typed=r.random() < 0.3)
        if r.random() < 0.5:
            a, b = {"f64": ("f64", "i64"), "f32": ("f32", "i32")}[self.real]
            x = next(i for i in self.b.inputs if i.dist in ("unit", "exact") and i.tensor.dt == self.real).tensor
            env = self.indices(*[s for s in x.axes])
            bits = self.call("bitcast", [self.read(x, env, False)], b, LIMIT[b])
            bits.t = "bitcast(%s, %%s)" % b
            k = r.choice(["show", "sign", "back"])
            if k == "show":
                self.eq(env, bits)
            elif k == "sign":
                self.eq(env, self.bin("&", self.bin(">>", bits, self.int_lit(20)), self.int_lit(255)))
            else:
                self.eq(env, E("bitcast(%s, %%s)" % a, a, ATOM, [self.bin("^", bits, self.int_lit(r.choice([0, 1])))], [IF], 2, None))

    def theme_complex(self):
        r = self.r
        c = COMPLEX_OF[self.real] if r.random() < 0.7 else r.choice(["c64", "c128"])
        self.input([s for _, s in self.env(2)], "unit", c if self.real == "f32" else "c128")
        c = self.tensors[-1].dt
        self.tensors[-1].mag = 1.5
        for _ in range(r.choice([2, 3])):
            env = self.env()
            self.eq(env, self.to(self.complex_(c, env, r.choice([2, 3]), self.work(env)), c))

    def theme_half(self):
        r = self.r
        dt = r.choice(["f16", "bf16", "f16"])
        axes = [s for _, s in self.env(2)]
        if dt == "f16":
            self.input(axes, r.choice(["unit", "exact"]), "f16")
        else:
            env = self.indices(*axes)
            self.eq(env, self.cast(self.body(env, 1, most=2), "bf16"))
        for _ in range(r.choice([1, 2])):
            env = self.env()
            e = self.to(self.real_(dt, env, r.choice([1, 2]), min(300, self.work(env))), dt)
            self.eq(env, self.small(e, 8))

    def theme_mixed(self):
        """the real type that is not the default"""
        r = self.r
        dt = "f64" if self.real == "f32" else "f32"
        self.input([s for _, s in self.env(2)], r.choice(["unit", "exact"]), dt)
        for _ in range(2):
            env = self.env()
            self.eq(env, self.to(self.real_(dt, env, r.choice([2, 3]), self.work(env)), dt), typed=r.random() < 0.3)

    def theme_select(self):
        r = self.r
        s = r.choice([q for q in self.spaces if q.kind in ("dim", "grid", "seq", "product") and self.ext(q) <= 40] or [self.arg_space("dim")])
        batch = self.indices(*([r.choice([q for q in self.spaces if q.kind in ("dim", "nodes") and self.ext(q) <= 9] or [self.range_(0, 1)])] if r.random() < 0.5 else []))
        if batch and batch[0][1] is s:
            batch = []
        x = self.input([q for _, q in batch] + [s], r.choice(["exact", "int"]), hi=9, dt=None if r.random() < 0.6 else r.choice(["f64", "i64", "i8"]) if False else None)
        j = self.fresh(s, batch)
        k = r.choice(["top", "top", "sort", "sort_down"])
        if k == "top":
            rr = self.range_(0, r.choice([0, min(1, self.ext(s) - 1), min(3, self.ext(s) - 1), min(7, self.ext(s) - 1)])) if r.random() < 0.8 else s
        else:
            rr = s
        q = self.fresh(rr, batch + [(j, s)])
        left = [(q, rr)] + batch if r.random() < 0.3 else batch + [(q, rr)]
        body = self.read(x, batch + [(j, s)], False)
        if r.random() < 0.4:
            body = self.bin("-", self.bin("*", self.int_lit(2) if is_int(body.dt) else self.lit(2.0), body), self.int_lit(1))
        p, v = self.new("m"), self.new("y")
        sub = "[" + ", ".join(n for n, _ in left) + "]"
        tp = Tensor(p, [z for _, z in left], "i32", target=s)
        tv = Tensor(v, [z for _, z in left], body.dt, body.mag, body.ex, body.loss)
        self.b.stmts.append(Stmt("%s%s, %s%s = %s(%s) %%s" % (p, sub, v, sub, k, j), [body], [tp, tv], [HEAD]))
        self.tensors.append(tv)
        self.maps.append(tp)
        u = self.input([s], "unit")
        at = self.call(p, [self.index(n, z) for n, z in left], "i32", 1)
        self.eq(left, E(u.name + "[%s]", u.dt, ATOM, [at], [IF], 1, None))
        if not batch:                                        # the inverse: which place an element got
            self.eq([(j, s)], self.reduction("sum", (q + ": %s", [self.compare("=", at.copy(), self.index(j, s))]), self.index(q, rr), "i64", 40, 0))

    def theme_factor(self):
        """factorisations of well conditioned matrices; what is not unique shows itself only in products that are"""
        r = self.r
        d = self.arg_space("dim", 9)
        dt = r.choice([self.real, "f64"])
        n = self.ext(d)
        batch = self.indices(*([self.range_(0, r.choice([0, 1, 2]))] if r.random() < 0.4 else []))
        B = "".join(b + ", " for b, _ in batch)
        i, j, k = [self.fresh(d)], None, None
        i = i[0]
        j = self.fresh(d, [(i, d)])
        k = self.fresh(d, [(i, d), (j, d)])
        bs = [s for _, s in batch]
        M, b = self.input(bs + [d, d], "unit", dt), self.input(bs + [d], "unit", dt)
        A = self.new("y")
        q = Tensor(A, bs + [d, d], dt, 2 * n, None, LOSS[dt])
        self.add(q, "%s[%s%s, %s] = %%s" % (A, B, i, j), [E("(sum(%s) %s[%s%s, %s] * %s[%s%s, %s]) + (if %s = %s then %s(size(%s)) else 0)" % (k, M.name, B, i, k, M.name, B, j, k, i, j, dt, d.text), dt, ADD, mag=2 * n)])
        a = "%s[%s%s, %s]" % (A, B, i, j)
        lead, env = batch, batch + [(i, d)]
        f = r.choice(["cholesky", "solve", "solve2", "inverse", "logdet", "lstsq", "qr", "svd", "eigh", "eig", "csolve"])
        E_ = lambda t, mag=4, dt=dt: E(t, dt, HEAD, mag=mag, loss=LOSS[dt])          # noqa: E731
        if f == "cholesky":
            self.eq(env + [(j, d)], E_("cholesky(%s, %s) %s" % (i, j, a), 2 * n))
        elif f == "solve":
            self.eq(env, E_("solve(%s, %s) %s, %s[%s%s]" % (i, j, a, b.name, B, i)))
        elif f == "solve2":
            c = self.range_(0, 1)
            w = self.input(bs + [d, c], "unit", dt)
            col = self.fresh(c, batch)
            self.eq(env + [(col, c)], E_("solve(%s, %s) %s, %s[%s%s, %s]" % (i, j, a, w.name, B, i, col)))
        elif f == "inverse":
            self.eq(env + [(j, d)], E_("inverse(%s, %s) %s" % (i, j, a)))
        elif f == "logdet":
            self.eq(batch, E_("logdet(%s, %s) %s" % (i, j, a), 40))
        elif f == "lstsq":
            w = self.arg_space("dim", n=min(n, self.size(5)))
            self.p.fixed |= {d.text, w.text}
            z = self.fresh(w)
            t = self.input(bs + [d, w], "unit", dt)
            tall = "%s[%s%s, %s] + (if %s = %s then 3 else 0)" % (t.name, B, i, z, "int(%s)" % i, "int(%s)" % z)
            self.eq(batch + [(z, w)], E_("lstsq(%s, %s) (%s), %s[%s%s]" % (i, z, tall, b.name, B, i), 8))
        elif f in ("qr", "svd", "eigh", "eig"):
            names = [self.new("y") for _ in range(3)]
            rr = self.fresh(d, [(i, d), (j, d)])
            if f == "qr":
                text = "%s[%s%s, %s], %s[%s%s, %s] = qr(%s, %s) %s" % (names[0], B, i, rr, names[1], B, rr, j, i, j, a)
                back = "sum(%s) %s[%s%s, %s] * %s[%s%s, %s]" % (rr, names[0], B, i, rr, names[1], B, rr, j)
                hide, show = names[:2], []
            elif f == "svd":
                text = "%s[%s%s, %s], %s[%s%s], %s[%s%s, %s] = svd(%s, %s) %s" % (names[0], B, i, rr, names[1], B, rr, names[2], B, j, rr, i, j, a)
                back = "sum(%s) %s[%s%s, %s] * %s[%s%s] * %s[%s%s, %s]" % (rr, names[0], B, i, rr, names[1], B, rr, names[2], B, j, rr)
                hide, show = [names[0], names[2]], [names[1]]
            elif f == "eigh":
                text = "%s[%s%s], %s[%s%s, %s] = eigh(%s, %s) %s" % (names[0], B, rr, names[1], B, i, rr, i, j, a)
                back = "sum(%s) %s[%s%s, %s] * %s[%s%s] * %s[%s%s, %s]" % (rr, names[1], B, i, rr, names[0], B, rr, names[1], B, j, rr)
                hide, show = [names[1]], [names[0]]
            else:
                text = "%s[%s%s], %s[%s%s, %s] = eig(%s, %s) %s" % (names[0], B, rr, names[1], B, i, rr, i, j, a)
                back, hide, show = None, names[:2], []
            ts = []
            for nm in names[:3 if f == "svd" else 2]:
                axes = [d] if nm in show or (f == "eig" and nm == names[0]) else [d, d]
                ts.append(Tensor(nm, bs + axes, COMPLEX_OF.get(dt, "c128") if f == "eig" else dt, 3 * n, None, LOSS[dt], hidden=nm in hide))
            self.b.stmts.append(Stmt(text, [], ts))
            self.tensors += [t for t in ts if not t.hidden]
            if back:
                self.eq(env + [(j, d)], E_(back, 2 * n))
            else:
                self.eq(batch, E_("re(sum(%s) %s[%s%s])" % (rr, names[0], B, rr), 40))
        else:
            c = COMPLEX_OF[dt]
            w = self.input(bs + [d], "unit", c)
            self.eq(env, E("solve(%s, %s) (%s + 0.5i), %s[%s%s]" % (i, j, a, w.name, B, i), c, HEAD, mag=4, loss=LOSS[dt]))

    def theme_iterate(self):
        r = self.r
        env = self.env(1, 40)
        name, c = self.new("y"), self.new("y")
        sub = "[" + ", ".join(n for n, _ in env) + "]" if env else ""
        init = self.body(env, 1, most=1)
        init = self.cast(init, self.real) if init.lit else init
        me = E(name + sub, self.real)
        nxt = self.call("tanh", [self.bin("+", self.bin("*", self.lit(0.5), me), self.body(env, 2, most=1))], self.real, 1)
        if env and r.random() < 0.5 and not env[0][1].empty:
            j = self.fresh(env[0][1], env)
            other = E(name + "[" + ", ".join([j] + [n for n, _ in env[1:]]) + "]", self.real)
            nxt = self.bin("-", nxt, self.bin("*", self.lit(0.25), self.reduction("mean", (j, []), other, self.real, 1, None)))
        rounds, most = r.choice([0, 1, 3, 5]), r.choice([0, 2, 8])
        stop = r.choice(["count", "count", "never"])
        t = [Tensor(name, [s for _, s in env], self.real, 4, None, LOSS[self.real]), Tensor(c, [], self.real, 9, 0, 0)]
        aux = ""
        kids = [init, nxt]
        if r.random() < 0.3 and env:
            z = self.new("z")
            aux = "\n    %s%s = %%s" % (z, sub)
            kids = [init, self.bin("*", self.lit(0.5), E(name + sub, self.real)), self.bin("+", E(z + sub, self.real), nxt)]
        until = "%s >= %d.0" % (c, rounds) if stop == "count" else "false"
        self.add(t, "iterate %s%s = %%s, %s = 0.0 until %s max %d {%s\n    %s'%s = %%s\n    %s' = %s + 1.0\n}" % (name, sub, c, until, most, aux, name, sub, c, c), kids)
        env2 = self.env(2)
        self.eq(env2, self.body(env2, 2))

    def child(self, name, spaces, inputs):
        """A model with dims for `spaces` and inputs over some of them, generated with its own scope."""
        c = Gen.__new__(Gen)
        c.r, c.prefix, c.real, c.p, c.b, c.S = self.r, "", self.real, self.p, Body(), self.S
        c.serial, c.tensors, c.maps, c.spaces, c.graphs, c.lets = {}, [], [], [], [], list(self.lets)
        own = {}
        for s in spaces:
            n = c.new({"seq": "T", "grid": "X"}.get(s.kind, "n"))
            c.b.args.append((n, {"seq": "seq", "grid": "grid " + (s.bnd or "")}.get(s.kind, "dim")))
            own[id(s)] = c.space(Space(s.kind if s.kind in ("seq", "grid") else "dim", n, s.ext, bnd=s.bnd, empty=s.empty))
        back = {id(v): s for s in spaces for v in [own[id(s)]]}
        for axes in inputs:
            t = Tensor(c.new("x"), [own[id(s)] for s in axes], self.real, 2, None, LOSS[self.real])
            c.b.inputs.append(Input(t, "unit"))
            c.tensors.append(t)
        return c, own, back

    def theme_layer(self):
        """a model of the file, called, called twice, shared, or repeated"""
        r = self.r
        spaces = [s for s in self.spaces if s.kind in ("dim", "seq", "grid")]
        spaces = r.sample(spaces, min(len(spaces), r.choice([1, 2])))
        for s in spaces[:]:
            if self.ext(s) > 17 and len(spaces) > 1:
                spaces.remove(s)
        name = self.new("net")
        c, own, back = self.child(name, spaces, [spaces, spaces[:1]][:r.choice([1, 2])])
        same = r.random() < 0.4
        first = c.b.inputs[0].tensor
        if r.random() < 0.6:
            W = Tensor(c.new("W"), [c.spaces[-1]] * (2 if self.ext(spaces[-1]) <= 17 and r.random() < 0.5 else 1), self.real, 1.8)
            c.b.inputs.append(Input(W, "unit", word="param", tail=r.choice([" init glorot", " init zero", " init one", " init uniform(-1, 1)"])))
            c.tensors.append(W)
        for _ in range(r.choice([0, 1, 2])):
            c.generic(self.real if r.random() < 0.8 else None)
        env = c.indices(*first.axes)
        out = c.eq(env, c.call("tanh", [c.bin("+", c.body(env, 2, most=4), c.read(first, env, False))], self.real, 1))
        outs = [out]
        if not same and r.random() < 0.3:
            outs.append(c.generic(self.real))
        c.b.outs = [o.name for o in outs]
        for i in c.b.inputs:
            i.tail = i.tail
        self.p.models.append((name, c.b))
        args = ", ".join(s.text for s in spaces)
        ins = [i for i in c.b.inputs if i.word == "input"]
        def passed():                                        # noqa: E306
            got = []
            for i in ins:
                axes = [back[id(a)] for a in i.tensor.axes]
                fit = [t for t in self.tensors if t.dt == self.real and not t.hidden and not t.param and len(t.axes) == len(axes) and all(p is q for p, q in zip(t.axes, axes)) and t.mag <= 2]
                got.append(r.choice(fit) if fit else self.input(axes, "unit"))
            return got
        def export(layer, o):                                # noqa: E306
            one = len(outs) == 1 and r.random() < 0.5
            t = Tensor(layer if one else layer + "." + o.name, [back[id(a)] if id(a) in back else a for a in o.axes], o.dt, o.mag, o.ex, max(o.loss, LOSS[self.real]))
            env = self.indices(*t.axes)
            self.eq(env, E(t.name + "[" + ", ".join(n for n, _ in env) + "]" if env else t.name, t.dt, mag=t.mag, ex=t.ex, loss=t.loss))
            return t
        call = lambda ts: "(" + ", ".join("%s = %s" % (i.tensor.name, t.name) for i, t in zip(ins, ts)) + ")"       # noqa: E731
        k = r.choice(["call", "call", "twice", "shared", "repeat"]) if len(ins) == 1 and len(outs) == 1 else r.choice(["call", "twice"])
        if k == "repeat":
            h, l = self.new("h"), self.new("l")
            t = passed()[0]
            q = Tensor(h, [back[id(a)] for a in out.axes], self.real, 2, None, LOSS[self.real])
            rounds = r.choice([0, 1, 2, 3])
            if [id(a) for a in out.axes] != [id(a) for a in ins[0].tensor.axes]:
                k = "call"
            else:
                self.b.stmts.append(Stmt("%s = %s" % (h, t.name), [], [q]))
                self.b.stmts.append(Stmt("repeat %s: 0..%d { %s = %s(%s)(%s = %s) }" % (l, rounds, h, name, args, ins[0].tensor.name, h), [], [q]))
                self.tensors.append(q)
                env = self.indices(*q.axes)
                self.eq(env, self.body(env, 2))
                return
        if k == "shared":
            cell = self.new("l")
            marker = Tensor(cell, [], self.real, hidden=True)
            self.b.stmts.append(Stmt("%s = %s(%s)" % (cell, name, args), [], [marker]))
            for _ in range(2):
                a = self.new("l")
                self.b.stmts.append(Stmt("%s = %s%s" % (a, cell, call(passed())), [], [Tensor(a, [], self.real, hidden=True)]))
                export(a, out)
            return
        for _ in range(2 if k == "twice" else 1):
            a = self.new("l")
            self.b.stmts.append(Stmt("%s = %s(%s)%s" % (a, name, args, call(passed())), [], [Tensor(a, [], self.real, hidden=True)]))
            for o in outs:
                if all(id(s) in back or s.kind == "range" for s in o.axes):
                    export(a, o)

    STD = [("linear", "std/nn.pgn", "NIJ", "x:NI", "NJ", 20), ("layer_norm", "std/nn.pgn", "NI", "x:NI", "NI", 6), ("rms_norm", "std/nn.pgn", "NI", "x:NI", "NI", 6),
           ("project", "std/nn.pgn", "NIJ", "x:NI", "NJ", 20), ("mlp", "std/nn.pgn", "NIJK", "x:NI", "NK", 40), ("mean_squared_error", "std/loss.pgn", "NI", "y:NI target:NI", "", 16)]

    def theme_std(self):
        r = self.r
        f, path, dims, ins, out, mag = r.choice(self.STD)
        if ("use", 'use "%s"' % path) not in self.p.tops:
            self.p.tops.append(("use", 'use "%s"' % path))
        d = {c: r.choice([s for s in self.spaces if s.kind == "dim" and self.ext(s) <= 17] or [self.arg_space("dim", 9)]) for c in dims}
        got = []
        for w in ins.split():
            n, axes = w.split(":")
            fit = [t for t in self.tensors if t.dt == self.real and not t.hidden and not t.param and t.mag <= 2 and [id(a) for a in t.axes] == [id(d[c]) for c in axes]]
            t = r.choice(fit) if fit else self.input([d[c] for c in axes], "unit")
            if t.param or (f.endswith("norm") and t not in [i.tensor for i in self.b.inputs]):
                t = self.input([d[c] for c in axes], "unit")
            got.append("%s = %s" % (n, t.name))
        a = self.new("l")
        self.b.stmts.append(Stmt("%s = %s(%s)(%s)" % (a, f, ", ".join(d[c].text for c in dims), ", ".join(got)), [], [Tensor(a, [], self.real, hidden=True)]))
        env = self.indices(*[d[c] for c in out])
        e = E(a + "[" + ", ".join(n for n, _ in env) + "]" if env else a, self.real, mag=mag)
        self.eq(env, self.call("tanh", [e], self.real, 1) if f.endswith("norm") and False else e)

    def theme_repeat(self):
        r = self.r
        env = self.env(2, 100)
        h, l, z = self.new("h"), self.new("l"), self.new("z")
        sub = "[" + ", ".join(n for n, _ in env) + "]" if env else ""
        init = self.body(env, 1, most=1)
        init = self.cast(init, self.real) if init.lit else init
        q = Tensor(h, [s for _, s in env], self.real, 1, None, LOSS[self.real])
        self.b.stmts.append(Stmt("%s%s = %%s" % (h, sub), [init], [q]))
        e = self.body(env, 2, most=1)
        me = E(h + sub, self.real)
        lines = "repeat %s: 0..%d {" % (l, r.choice([0, 1, 2, 3]))
        if r.random() < 0.4:
            lines += "\n    %s%s = %%s\n    %s%s = %%s\n}" % (z, sub, h, sub)
            kids = [e, self.call("tanh", [self.bin("-", E(z + sub, self.real), self.bin("*", self.lit(0.5), me))], self.real, 1)]
        else:
            lines += "\n    %s%s = %%s\n}" % (h, sub)
            kids = [self.call("tanh", [self.bin("+", self.bin("*", self.lit(0.5), me), self.bin("*", E(l, "i64", mag=3), e))], self.real, 1)]
        self.b.stmts.append(Stmt(lines, kids, [q]))
        self.tensors.append(q)
        env = self.env(2)
        self.eq(env, self.body(env, 2))

    def finish(self):
        r, b = self.r, self.b
        text = {}
        for s in b.stmts:
            for w in set(WORD.findall(s.text())) - {d.name for d in s.defs}:
                text[w] = True
        for w in [w for _, t in b.decls for w in WORD.findall(t)]:
            text[w] = True
        names = []
        for s in b.stmts:
            for d in s.defs:
                if not d.hidden and d.name not in names and (d.name not in text or r.random() < 0.3):
                    names.append(d.name)
        b.outs = names
        return self.p


THEMES = [n for n in dir(Gen) if n.startswith("theme_")]
WEIGHT = {"theme_graph": 4, "theme_seq": 3, "theme_grid": 3, "theme_modes": 2, "theme_maps": 2, "theme_axes": 2, "theme_half": 1}


def program(seed, prefix="", real="f32"):
    g = Gen(seed, prefix, real)
    g.base()
    choice = [t for t in THEMES for _ in range(WEIGHT.get(t, 1))]
    for _ in range(g.r.choice([1, 2, 2, 3])):
        getattr(g, g.r.choice(choice))()
    for _ in range(g.r.choice([1, 2, 3])):
        g.generic()
    return g.finish()


if __name__ == "__main__":
    import sys
    print(program(sys.argv[1] if len(sys.argv) > 1 else "0").source(), end="")
