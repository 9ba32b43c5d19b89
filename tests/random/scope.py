"""What every family of equations stands on: names, spaces of boundary shapes, inputs, equations, random left sides."""
import random

from reals import *

SIZES = [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]
CAP = 600                      # elements of a tensor
WORK = 12000                   # elements times what their reductions range over


class Scope(Reals):
    def __init__(self, seed, prefix="", real="f32"):
        self.r = random.Random("pigeon %s" % seed)
        self.prefix, self.real, self.p = prefix, real, Program(real)
        self.p.seeds.append((seed, prefix))
        self.b, self.S = self.p, self.p.sizes
        self.serial, self.tensors, self.maps, self.spaces, self.graphs, self.lets = {}, [], [], [], [], []

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
        t = Tensor(self.new("m"), dom if isinstance(dom, list) else [dom], "i32", target=target)
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
