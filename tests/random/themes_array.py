"""Equations over products and sums, of every type, softmax, and selections."""
import re

from scope import *


def pair(env):
    """the subscript that these indices are together"""
    return env[0][0] if len(env) == 1 else "(" + ", ".join(n for n, _ in env) + ")"


class Arrays(Scope):
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
                plain = [g.nodes for g in self.graphs if g.kind == "one"]
                parts = r.choice([[a, b, a], [a, self.product([a, b]), b], [self.product([b, a]), a]] + [[a, n, b] for n in plain] + [[n, a] for n in plain])
                s.text, s.parts = " + ".join(p.text for p in parts), parts
                s.ext = lambda S, q=s.parts: sum(p.ext(S) for p in q)
            self.input([s], "unit")
            if r.random() < 0.5:                             # the first part of rows that hold several
                x = r.choice(dims)
                z = self.input([x, s], "unit")
                env = self.indices(x, *(s.parts[0].parts if s.parts[0].kind == "product" else [s.parts[0]]))
                self.eq(env, self.bin("+", E("%s[%s, %s]" % (z.name, env[0][0], pair(env[1:])), z.dt, loss=0), self.body(env, 2)))
            extra = self.indices(r.choice(dims)) if r.random() < 0.5 else []
            t, lead, order = None, [], []
            for q in s.parts:
                order.append((list(lead), q))
                lead.append(q.text)
            r.shuffle(order)
            name = self.new("y")
            for lead, q in order:
                env = self.indices(*(q.parts if q.kind == "product" else [q]))
                j = pair(env)
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
            if r.random() < 0.5:                             # a name for the size is a space of its own
                name = self.new("n")
                self.b.decls.append((name, "dim %s = %s" % (name, text if text.isdigit() else re.sub(r"([A-Za-z_]\w*)", r"size(\1)", text))))
                s = self.space(Space("dim", name, ext))
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
