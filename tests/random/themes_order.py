"""Equations over ordered spaces: recurrences, stencils, transforms."""
from scope import *


class Order(Scope):
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
            moved = r.choice(axes) if axes and r.random() < 0.2 else None          # along another axis, too: by its rule, also before the first step
            def at_axis(n2, s):                              # noqa: E306
                if n2 == t:
                    return "%s %s %d%s" % (t, step, n, rule)
                return "%s %s %d %s" % (n2, r.choice("+-"), r.choice([1, 1, 3]), r.choice(["periodic", "reflect", "replicate", "zero"])) if s is moved else n2
            return E(name + "[" + ", ".join(at_axis(n2, s) for n2, s in env) + "]", self.real, mag=1, ex=None)
        here = lambda name: E(name + "[" + ", ".join(n for n, _ in env) + "]", self.real, mag=1, ex=None)   # noqa: E731
        name = self.new("s")
        x = self.body(env, 2, most=1)
        k = r.choice(["parts", "decay", "decay", "tanh", "matrix", "two", "conv", "reset", "mutual", "mutual", "int", "bool", "complex", "max", "scan", "delta", "graph"])
        plain = [g for g in self.graphs if g.kind == "one"]
        if k == "graph" and plain:                           # messages along the edges, step by step
            g = r.choice(plain)
            e, v = self.fresh(g.edges), self.fresh(g.nodes)
            env = [(t, T), (v, g.nodes)]
            src = self.call(self.map_of(g, "src").name, [self.index(e, g.edges)], "i32", 1)
            p = E("%s[%s %s 1, %%s]" % (name, t, step), self.real, ATOM, [src], [IF])
            total = self.reduction("sum", (e + ": %s", [self.fibre(e, self.map_of(g, "dst"), self.index(v, g.nodes))]), self.bin("*", self.body([(e, g.edges)], 1, most=0.5), p), self.real, 17, None)
            x = self.body(env, 1, most=1)
            q = Tensor(name, [T, g.nodes], self.real, 1, None, LOSS[self.real])
            self.add(q, "%s[%s, %s] = %%s" % (name, t, v), [self.call("tanh", [self.bin("+", x, total)], self.real, 1)])
            self.eq([(v, g.nodes)], E("%s[%s.%s, %s]" % (name, T.text, "first" if rev else "last", v), self.real, mag=1))
            return
        if k == "parts":                                     # a state in two parts, each with its equation and its beginning
            a, b = dims[0], r.choice([dims[-1], self.product([dims[0], dims[-1]])])
            whole = self.space(Space("sum", a.text + " + " + b.text, lambda S: a.ext(S) + b.ext(S), [a, b]))
            begin, edge, order = r.random() < 0.6, "%s.%s %s 1" % (T.text, "last" if rev else "first", step), [(a, ""), (b, a.text + " + ")]
            r.shuffle(order)
            q = Tensor(name, [T, whole], self.real, 1, None, LOSS[self.real])
            for part, lead in order:
                j = self.indices(*(part.parts if part.kind == "product" else [part]))
                at = lead + (j[0][0] if len(j) == 1 else "(" + ", ".join(n for n, _ in j) + ")")
                if begin:
                    self.add(q, "%s[%s, %s] = %%s" % (name, edge, at), [self.body(j, 1, most=1)])
                    q.hidden = True
                own, other = E("%s[%s %s 1, %s]" % (name, t, step, at), self.real, mag=1), E("%s[%s %s 1, 0]" % (name, t, step), self.real, mag=1)
                env = [(t, T)] + j
                self.add(q, "%s[%s, %s] = %%s" % (name, t, at), [self.call("tanh", [self.bin("+", self.body(env, 2, most=1), self.bin(r.choice("+-*"), own, other))], self.real, 1)])
                q.hidden = True
            q.hidden = False
            j = self.indices(T, whole)
            self.eq(j, E("%s[%s, %s]" % (name, j[0][0], j[1][0]), self.real, mag=1))
            return
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
