"""Factorisations, iterations, repeats, and models that call models."""
from scope import *


class Models(Scope):
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
        c = type(self).__new__(type(self))
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
