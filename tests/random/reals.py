"""Random reductions, reals and complex numbers."""
from exprs import *

# name, bound of the argument, bound of the result as a function of it; the argument is shaped by `safe`
UNARY_REAL = [
    ("tanh", "%s", lambda m: min(1, m)), ("sin", "%s", lambda m: min(1, m)), ("cos", "%s", lambda m: 1), ("sigmoid", "%s", lambda m: 1),
    ("erf", "%s", lambda m: min(1, 1.2 * m)), ("erfc", "%s", lambda m: 2), ("atan", "%s", lambda m: min(1.6, m)), ("abs", "%s", lambda m: m),
    ("relu", "%s", lambda m: m), ("gelu", "%s", lambda m: m), ("silu", "%s", lambda m: m), ("softplus", "%s", lambda m: m + 0.7), ("mish", "%s", lambda m: m),
    ("elu", "%s", lambda m: max(m, 1)), ("log_sigmoid", "%s", lambda m: m + 0.7), ("gelu_tanh", "%s", lambda m: m), ("square", "%s", lambda m: m * m),
    ("sqrt", "abs+", lambda m: (m + 1) ** 0.5), ("rsqrt", "abs+", lambda m: 2), ("log", "abs+", lambda m: m + 1), ("log2", "abs+", lambda m: 2 * m + 1),
    ("log1p", "abs", lambda m: m), ("lgamma", "abs+", lambda m: m * m + 1), ("exp", "tanh", lambda m: 2.8), ("exp2", "tanh", lambda m: 2), ("expm1", "tanh", lambda m: 1.8),
    ("sinh", "tanh", lambda m: 1.2), ("cosh", "tanh", lambda m: 1.6), ("tan", "tanh", lambda m: 1.6), ("asin", "half", lambda m: 0.6), ("acos", "half", lambda m: 2.7),
]
UNARY_COMPLEX = [("exp", "%s", lambda m: 2.8 ** m), ("sin", "%s", lambda m: 2.8 ** m), ("cos", "%s", lambda m: 2.8 ** m), ("conj", "%s", lambda m: m),
                 ("sqrt", "right", lambda m: (m + 3) ** 0.5), ("log", "right", lambda m: m + 2), ("rsqrt", "right", lambda m: 2)]


class Reals(Exprs):
    # ---- reductions -------------------------------------------------------------------------------------------
    def condition(self, j, s, env):
        """conditions on the index j of s, free of other bound indices: a list, may be empty"""
        r, out = self.r, []
        for m in self.maps:
            if m.axes == [s] and r.random() < 0.6:
                side = self.call(m.name, [self.index(j, s)], "i32", 1)
                v = self.value_of(m.target, env, 1)
                if v:
                    out.append(self.compare(r.choice(["=", "=", "=="]), *((side, v) if r.random() < 0.8 else (v, side))))
                else:
                    for m2 in self.maps:
                        v = self.value_of(m2.target, env, 1) if m2.axes == [m.target] else None
                        if v and r.random() < 0.5:
                            out.append(self.compare("=", self.call(m2.name, [side], "i32", 1), v))
                            break
                if len(out) > 1:
                    break
        same = [n for n, t in env if t is s]
        if same and r.random() < 0.5:
            k, x = self.index(r.choice(same), s), self.index(j, s)
            if r.random() < 0.3:
                out += [self.compare("<", self.bin("-", k, self.int_lit(r.choice([1, 2, 3]))), x), self.compare("<=", x, k)]
            else:
                out.append(self.compare(r.choice(["<=", "<", ">=", ">", "!="]), x, k))
        if not out and r.random() < 0.5:
            inner = env + [(j, s)]
            out.append(self.bool_(inner[-2:], 1, 1))
        return out

    def binder(self, env, W):
        """(text of the head, its parts, environment inside, number of elements, may be empty), or None when there is no room"""
        r = self.r
        room = [s for s in self.spaces if self.ext(s) <= W]
        if not room:
            return None
        used = [s for t in self.tensors for s in t.axes if s in room]
        s = r.choice(used) if used and r.random() < 0.8 else r.choice(room)
        j = self.fresh(s, env)
        inner, n, empty, cond, text = env + [(j, s)], max(1, self.ext(s)), s.empty, [], j
        if r.random() < 0.45:
            cond = self.condition(j, s, env)
        if cond:
            text, empty = j + ": " + r.choice([" and ", ", "] if r.random() < 0.2 else [" and "]).join(["%s"] * len(cond)), True
        more = [q for q in room if self.ext(q) * n <= W]
        if more and r.random() < 0.25:
            q = r.choice(more)
            k = self.fresh(q, inner)
            inner, n, empty, text = inner + [(k, q)], n * max(1, self.ext(q)), empty or q.empty, text + ", " + k
        return (text, cond), inner, n, empty

    def reduction(self, op, head, body, dt, mag, ex, acc="", other=None):
        text, cond = head
        t = op + "(" + text + ")" + acc + " %s"
        own = NOT if op in ("any", "all") else HEAD          # these take in a comparison
        kids, lv = list(cond) + [body], [AND] * len(cond) + [own]
        if other is not None:
            t, kids, lv, own = t + " else %s", kids + [other], lv[:-1] + [CLOSED + MUL, HEAD], IF      # no reduction inside takes the `else`
        return E(t, dt, own, kids, lv, mag, ex)

    def count(self, head, dt, n):
        text, cond = head
        return E("count(" + text + ")", "i64", ATOM, cond, [AND] * len(cond), n)

    def int_reduce(self, dt, env, d, W):
        r = self.r
        b = self.binder(env, W)
        if not b:
            return self.int_leaf(dt, env)
        head, inner, n, empty = b
        k = r.choice(["count", "sum", "sum", "minmax", "arg", "prod"])
        if k == "count" and dt == "i64":
            return self.count(head, dt, n)
        if k == "arg" and dt == "i64" and len(inner) == len(env) + 1:
            body = self.real_(self.real, inner, 1, W // n, True) if r.random() < 0.5 else self.int_("i32", inner, 1, W // n)
            if body.ex is not None:
                e = self.reduction(r.choice(["argmin", "argmax"]), head, body, "i64", n, 0, other=self.int_lit(0) if empty or r.random() < 0.2 else None)
                return self.call("int", [e], "i64", n)
        body = self.int_(dt, inner, d - 1, W // n)
        if k == "minmax":
            return self.reduction(r.choice(["min", "max"]), head, body, dt, body.mag, 0, other=self.int_lit(r.choice([0, 1])) if empty or r.random() < 0.2 else None)
        return self.reduction("prod" if k == "prod" else "sum", head, body, dt, LIMIT[dt] if k == "prod" else body.mag * n, 0)

    def real_reduce(self, dt, env, d, W, ex):
        r = self.r
        b = self.binder(env, W)
        if not b:
            return self.real_leaf(dt, env, ex)
        head, inner, n, empty = b
        k = r.choice(["sum", "sum", "sum", "mean", "minmax", "minmax", "prod", "logsumexp"] if not ex else ["sum", "minmax"])
        if k == "logsumexp" and empty:
            k = "sum"
        acc = " acc f64" if r.random() < 0.15 and k == "sum" else ""
        body = self.to(self.real_(dt, inner, d - 1, W // n, ex), dt)
        if ex and body.ex is None:
            return self.real_leaf(dt, env, ex)
        if k == "minmax":
            return self.reduction(r.choice(["min", "max"]), head, body, dt, max(body.mag, 1), body.ex, other=self.lit(r.choice([0.0, 1.0, -0.5])) if empty or r.random() < 0.2 else None)
        if k == "prod":
            while body.mag > 1.1:
                body = self.bin("*", self.lit(0.5), body) if r.random() < 0.5 else self.call("tanh", [body], body.dt, 1)
            return self.reduction("prod", head, body, dt, body.mag ** n if body.mag > 1 else 1, None)
        if k == "sum" and body.mag * n > 24 and not ex:
            k = "mean" if r.random() < 0.5 else k
            if k == "sum":
                body = self.bin("*", self.lit(2.0 ** -(int(body.mag * n).bit_length() - 3)), body)
        if k == "sum":
            return self.reduction("sum", head, body, dt, body.mag * n, body.ex, acc)
        return self.reduction(k, head, body, dt, body.mag + (n.bit_length() if k == "logsumexp" else 0), None)

    # ---- reals and complex numbers -----------------------------------------------------------------------------
    def real_leaf(self, dt, env, ex):
        r = self.r
        e = self.tensor_leaf(dt, env, ex) if r.random() < 0.9 else None
        if e:
            return e
        if r.random() < 0.3 and env:
            n, s = r.choice(env)
            e = self.index(n, s)
            if e.mag <= 64:
                return self.cast(e, dt)
        if r.random() < 0.2 and not ex:
            other = [t for t in self.tensors if is_float(t.dt) and t.dt != dt and not t.hidden]
            e = self.read(r.choice(other), env) if other else None
            if e:
                return self.cast(e, dt)
        return self.some_lit(ex)

    def safe(self, how, e):
        if how == "abs+":
            return self.bin("+", self.call("abs", [e], e.dt, e.mag), self.lit(self.r.choice([0.5, 1.0])))
        if how == "abs":
            return self.call("abs", [e], e.dt, e.mag)
        if how == "tanh":
            return self.call("tanh", [e], e.dt, 1) if e.mag > 1 else e
        if how == "half":
            return self.bin("*", self.lit(0.5), self.call("tanh", [e], e.dt, 1) if e.mag > 1 else e)
        if how == "right":
            return self.bin("+", self.lit(3.0), e)
        return e

    def tame(self, e):
        if e.mag <= 24 or e.ex is not None:
            return e
        if self.r.random() < 0.5 and not is_complex(e.dt):
            return self.call("tanh", [self.bin("*", self.lit(2.0 ** -(int(e.mag).bit_length() - 1)), e)], e.dt, 1)
        return self.bin("*", self.lit(2.0 ** -(int(e.mag).bit_length() - 2)), e)

    def real_(self, dt, env, d, W, ex=False):
        e = self.real_any(dt, env, d, W, ex)
        if ex and (e.ex is None or e.mag > 500):
            e = self.real_leaf(dt, env, True)
            if e.ex is None:
                e = self.some_lit(True)
        return self.tame(e)

    def real_any(self, dt, env, d, W, ex):
        r = self.r
        if d <= 0:
            return self.real_leaf(dt, env, ex)
        k = r.choice(["bin"] * 6 + ["minmax", "if", "red", "red", "red", "int", "leaf", "leaf"] + (["neg", "round", "sign", "let"] if ex else ["un"] * 5 + ["div", "pow", "part", "let", "two"]))
        if k == "leaf":
            return self.real_leaf(dt, env, ex)
        if k == "red":
            return self.real_reduce(dt, env, d, W, ex)
        if k == "part":
            c = COMPLEX_OF.get(dt)
            if c and any(t.dt == c for t in self.tensors):
                e = self.complex_(c, env, d - 1, W)
                f = r.choice(["re", "im", "abs", "arg"])
                if f == "arg":
                    e = self.safe("right", self.small(e, 1.5))
                return self.call(f, [e], dt, e.mag)
            k = "un"
        a = self.real_(dt, env, d - 1, W, ex)
        if a.lit and dt != self.real and k in ("un", "let", "two"):          # a literal inside a `let` meets its own literals
            return a
        if k == "neg":
            return self.neg(self.to(a, dt))
        if k == "round":
            return self.call(r.choice(["floor", "round", "ceil", "trunc"]), [self.to(a, dt)], dt, a.mag + 1, 0)
        if k == "sign":
            return self.call("sign", [self.to(a, dt)], dt, 1, 0)
        if k == "un":
            a = self.to(a, dt)
            f, how, mag = r.choice(UNARY_REAL)
            if a.mag > 8:
                a = self.bin("*", self.lit(0.125), a)
            a = self.safe(how, a)
            return self.call(f, [a], a.dt, mag(a.mag))
        b = self.real_(dt, env, d - 1, W, ex)
        if b.lit and dt != self.real and k == "let":
            return a
        if a.lit and b.lit:
            a = self.to(a, dt)
        if k == "let" and self.lets:
            f, n, mag, exact = r.choice(self.lets)
            if not ex or exact:
                if a.mag * b.mag + a.mag + b.mag + 1 > 60:
                    return a
                args = [self.to(a, dt), self.to(b, dt)][:n]
                return self.call(f, args, dt, mag(*[q.mag for q in args]), max(q.ex for q in args) * 2 if exact and all(q.ex is not None for q in args) else None)
        if k == "int" and not a.lit:
            b = self.int_(r.choice(["i64", "i32"]), env, d - 1, W)
            if b.mag > 64:
                b = self.bin("mod", b, self.int_lit(r.choice([3, 7, 10])))
                b.mag = 10
            if b.lit or r.random() < 0.5:
                b = self.cast(b, dt)
            return self.bin(r.choice("+-*"), a, b) if r.random() < 0.7 else self.bin(r.choice("+-*"), b, a)
        if k == "minmax":
            return self.call(r.choice(["min", "max"]), [a, b], self.unify(a, b), max(a.mag, b.mag), max(a.ex, b.ex) if a.ex is not None and b.ex is not None else None)
        if k == "if":
            return self.branch(self.bool_(env, d - 1, W), self.to(a, dt), b)
        if k == "div":
            return self.bin("/", a, self.bin("+", self.lit(1.0), self.call("abs", [self.to(b, dt)], dt, b.mag)))
        if k == "pow":
            a = self.to(a, dt)
            if a.mag > 3:
                return self.call("tanh", [a], dt, 1)
            if r.random() < 0.6:
                n = r.choice([2, 3])
                e = self.bin("**", a, self.int_lit(n) if r.random() < 0.5 else self.lit(float(n)))
                e.mag = a.mag ** n
            else:
                b = self.safe("tanh", self.to(b, dt))
                e = self.bin("**", self.safe("abs+", a), b) if r.random() < 0.5 else self.call("pow", [self.safe("abs+", a), b], dt, 4)
                e.mag = 4
            return e
        if k == "two":
            if r.random() < 0.5:
                return self.call("atan2", [self.to(a, dt), self.safe("abs+", self.to(b, dt))], dt, 1.6)
            return self.call("leaky_relu", [self.to(a, dt), self.lit(0.25)], dt, a.mag)
        return self.bin(r.choice("++-**"), a, b)

    def small(self, e, bound):
        while e.mag > bound:
            e = self.bin("*", self.lit(0.5 if e.mag <= 2 * bound else 0.125), e)
        return e

    def complex_leaf(self, dt, env):
        r = self.r
        e = self.tensor_leaf(dt, env) if r.random() < 0.85 else None
        if e:
            return e
        if r.random() < 0.5:
            re = REAL_OF[dt]
            a, b = self.to(self.real_leaf(re, env, False), re), self.to(self.real_leaf(re, env, False), re)
            return self.call("complex", [a, b], dt, a.mag + b.mag)
        lit = E(r.choice(["0.5i", "1i", "0.25i"]), COMPLEX_OF[self.real], mag=1, ex=None)
        return self.cast(self.bin(r.choice("+-"), self.some_lit(False), lit), dt)

    def complex_(self, dt, env, d, W):
        r = self.r
        if d <= 0:
            return self.complex_leaf(dt, env)
        k = r.choice(["bin"] * 5 + ["un", "un", "red", "red", "if", "real", "div", "leaf"])
        if k == "leaf":
            return self.complex_leaf(dt, env)
        if k == "red":
            b = self.binder(env, W)
            if not b:
                return self.complex_leaf(dt, env)
            head, inner, n, empty = b
            body = self.complex_(dt, inner, d - 1, W // n)
            if r.random() < 0.25:
                return self.reduction("prod", head, self.small(body, 1.0), dt, 1, None)
            if r.random() < 0.25:
                return self.reduction("mean", head, body, dt, body.mag, None)
            body = self.small(body, 24.0 / n)
            return self.reduction("sum", head, body, dt, body.mag * n, None)
        a = self.complex_(dt, env, d - 1, W)
        if k == "un":
            f, how, mag = r.choice(UNARY_COMPLEX)
            a = self.safe(how, self.small(a, 1.5))
            return self.call(f, [a], a.dt, mag(a.mag))
        if k == "if":
            return self.branch(self.bool_(env, d - 1, W), a, self.complex_(dt, env, d - 1, W))
        if k == "real":
            b = self.to(self.real_(REAL_OF[dt], env, d - 1, W), REAL_OF[dt])
            return self.tame(self.bin(r.choice("+-*"), *((a, b) if r.random() < 0.5 else (b, a))))
        b = self.complex_(dt, env, d - 1, W)
        if k == "div":
            e = self.bin("/", a, self.bin("+", self.lit(2.5), self.small(b, 1.5)))
            e.mag = a.mag
            return e
        return self.tame(self.bin(r.choice("+-**"), a, b))

    def number(self, dt, env, d, W):
        if dt == "bool":
            return self.bool_(env, d, W)
        if is_int(dt):
            return self.int_(dt, env, d, W)
        if is_complex(dt):
            return self.to(self.complex_(dt, env, d, W), dt)
        return self.to(self.real_(dt, env, d, W, self.r.random() < 0.15), dt)
