"""Random typed expressions.  What is discontinuous (comparisons, floor, argmax, conditions) is made from exactly representable numbers
only, and magnitudes stay small, so that two correct executors agree to the precision of the types involved."""
from tree import *

COMPARE = ["=", "!=", "<", "<=", ">", ">=", "=="]
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
REAL_OF = {"c64": "f32", "c128": "f64"}
COMPLEX_OF = {"f32": "c64", "f64": "c128"}


def literal_text(v):
    return ("%.10f" % v).rstrip("0") + ("0" if v == int(v) else "")


class Exprs:
    """Needs of its user: r, real, S, tensors, maps, spaces, fresh(space, env), pick(list)."""

    # ---- small pieces ------------------------------------------------------------------------------------------
    def lit(self, v):
        dyadic = v * 64 == int(v * 64)
        ex = next((k for k in range(7) if v * 2 ** k == int(v * 2 ** k)), None) if dyadic else None
        return E(("-" if v < 0 else "") + literal_text(abs(v)), self.real, UNARY if v < 0 else ATOM, mag=abs(v), ex=ex, lit=True)

    def int_lit(self, v):
        return E(str(v), "i64", UNARY if v < 0 else ATOM, mag=abs(v), lit=True)

    def some_lit(self, ex):
        return self.lit(self.r.choice([0.5, -0.5, 0.25, 1.0, -1.0, 1.5, -0.75, 2.0, 0.0] + ([] if ex else [0.1, -0.3, 0.7, 0.9])))

    def unify(self, p, q):
        if p.dt == q.dt:
            return p.dt
        rp, rq = RANK[p.dt], RANK[q.dt]
        t = p.dt if rp > rq else q.dt
        if p.lit and not q.lit and (rq >= 4 or is_int(p.dt)):
            t = q.dt
        elif q.lit and not p.lit and (rp >= 4 or is_int(q.dt)):
            t = p.dt
        if {p.dt, q.dt} == {"f16", "bf16"}:
            t = "f32"
        if {p.dt, q.dt} == {"f64", "c64"}:
            t = "c64" if p.lit or q.lit else "c128"
        return t

    def bin(self, op, p, q):
        dt = self.unify(p, q)
        own, lv = {"+": (ADD, (ADD, HEAD)), "-": (ADD, (ADD, HEAD)), "*": (MUL, (CLOSED + MUL, CLOSED + UNARY)), "/": (MUL, (CLOSED + MUL, CLOSED + UNARY)),
                   "//": (MUL, (CLOSED + MUL, CLOSED + UNARY)), "mod": (MUL, (CLOSED + MUL, CLOSED + UNARY)), "**": (POW, (ATOM, UNARY)),
                   "|": (BITOR, (BITOR, XOR)), "^": (XOR, (XOR, BITAND)), "&": (BITAND, (BITAND, SHIFT)), "<<": (SHIFT, (SHIFT, ADD)), ">>": (SHIFT, (SHIFT, ADD))}[op]
        mag, ex = {"+": p.mag + q.mag, "-": p.mag + q.mag, "*": p.mag * q.mag}.get(op, max(p.mag, q.mag)), None
        if p.ex is not None and q.ex is not None and op in "+-*":
            ex = p.ex + q.ex if op == "*" else max(p.ex, q.ex)
        if op == "//":
            mag = p.mag
        if op in ("|", "^", "<<", ">>", "&"):
            mag = LIMIT[dt]
        return E("%s " + op + " %s", dt, own, (p, q), lv, mag, ex)

    def call(self, f, args, dt, mag, ex=None):
        return E(f + "(" + ", ".join(["%s"] * len(args)) + ")", dt, ATOM, args, [IF] * len(args), mag, ex)

    def neg(self, p):
        return E("-%s", p.dt, UNARY, (p,), (CLOSED + UNARY,), p.mag, p.ex)

    def cast(self, p, dt):
        name = {"i64": "int", self.real: "real"}.get(dt, dt) if self.r.random() < 0.5 else dt
        e = self.call(name, [p], dt, p.mag, p.ex)
        e.lit = p.lit and not is_complex(dt) and dt != "bool"            # the compiler's literal of another type
        return e

    def to(self, p, dt):
        return p if p.dt == dt and (not p.lit or p.own == ATOM and p.kids) else self.cast(p, dt)

    def branch(self, c, a, b):
        dt = self.unify(a, b)
        return E("if %s then %s else %s", dt, IF, (c, a, b), (OR, OR, IF), max(a.mag, b.mag), max(a.ex, b.ex) if a.ex is not None and b.ex is not None else None)

    def spaced(self, e):
        """an element of a space, which compares with elements of that space only"""
        return not e.lit and (e.own == IF or e.own == ATOM and (e.t in self.b.index or any(e.t.startswith(m.name + "(") for m in self.maps)))

    def compare_ints(self, op, p, q):
        if self.spaced(p) and self.spaced(q):
            p = self.call("int", [p], "i64", p.mag) if p.dt == "i64" else self.bin("+", p, self.int_lit(0))
        return self.compare(op, p, q)

    def compare(self, op, p, q):
        return E("%s " + op + " %s", "bool", CMP, (p, q), (BITOR, BITOR))

    def index(self, name, s):
        return E(name, "i64", ATOM, mag=max(abs(s.lo), self.ext(s) - 1 + s.lo, 1) if s.kind == "range" else max(1, self.ext(s) - 1))

    def ext(self, s):
        return s.ext(self.S)

    # ---- reads -----------------------------------------------------------------------------------------------
    def value_of(self, s, env, depth=2):
        """an element of space s: an index, or a map of one; None"""
        own = [self.index(n, s) for n, t in env if t is s]
        out = list(own) * 3
        if depth:
            for m in self.maps:
                if m.target is s and (not own or self.r.random() < 0.3):
                    args = [self.value_of(a, env, depth - 1) for a in m.axes]
                    if all(args):
                        out.append(self.call(m.name, args, "i32", max(1, self.ext(s) - 1)))
        return self.r.choice(out) if out else None

    def subscript(self, s, env, t, rules=True):
        """(E, extra magnitude, rounds) or None.  Rules at the edge only where the whole dimension is meant."""
        r = self.r
        v = self.value_of(s, env)
        if v and (r.random() < 0.8 or not rules):
            return v
        if s.kind == "product":
            parts = [self.subscript(q, env, t, False) for q in s.parts]
            return E("(" + ", ".join(["%s"] * len(parts)) + ")", "i64", ATOM, parts, [IF] * len(parts)) if all(parts) else v
        if s.kind == "sum" and not v:
            k = r.randrange(len(s.parts))
            q = self.value_of(s.parts[k], env)
            return E(" + ".join([p.text for p in s.parts[:k]] + ["%s"]), "i64", ADD if k else q.own, (q,), (HEAD,)) if q else None
        if s.empty:
            return v
        n = self.ext(s)
        if s.kind == "seq" and r.random() < 0.2:
            return E(s.text + r.choice([".first", ".last"]), "i64")
        if not v and (not rules or r.random() < 0.3 or not env) or r.random() < 0.05:
            k = s.lo + r.choice([0, n - 1, n // 2]) if s.kind == "range" else r.choice([0, 0, n - 1])
            return E(str(k), "i64", UNARY if k < 0 else ATOM)
        if not rules or not env:
            return v
        num = [self.index(n, q) for n, q in env if q.kind in ("dim", "range", "seq", "grid", "product", "modes", "etypes", "nodes", "edges")]
        if not num:
            return v
        at = v if v and v.own == ATOM and r.random() < 0.6 else r.choice(num)
        if r.random() < 0.3:
            at = self.bin("*", self.int_lit(r.choice([2, 3])), at)
        if r.random() < 0.8:
            at = self.bin(r.choice("+-"), at, self.int_lit(r.choice([1, 1, 2, 3, n])) if r.random() < 0.7 else r.choice(num))
        else:
            at = self.bin("+", at, self.int_lit(0))
        rule = r.choice(["mod", "else", "zero", "periodic", "reflect", "replicate", ""])
        if rule == "" and s.kind in ("grid", "seq"):
            return at
        if rule == "mod" and s.text.isidentifier() and s.kind in ("dim", "grid", "seq"):
            return E("%s mod " + s.text, "i64", IF, (at,), (CLOSED + MUL,))
        if rule == "else":
            v = "true" if t.dt == "bool" else "1" if is_int(t.dt) else r.choice(["0", "1", "0.5"])
            return E("%s else " + v, "i64", IF, (at,), (OR,), mag=-1)
        return E("%s " + (rule if rule in ("zero", "periodic", "reflect", "replicate") else "replicate"), "i64", IF, (at,), (OR,))

    def read(self, t, env, rules=True):
        subs = []
        for s in t.axes:
            q = self.subscript(s, env, t, rules)
            if q is None:
                return None
            subs.append(q)
        mag = max(t.mag, 1) if any(q.mag == -1 for q in subs) else t.mag
        ex = max(t.ex, 1) if t.ex is not None else None
        if not subs:
            return E(t.name, t.dt, ATOM, mag=mag, ex=ex, loss=t.loss)
        return E(t.name + "[" + ", ".join(["%s"] * len(subs)) + "]", t.dt, ATOM, subs, [IF] * len(subs), mag, ex, t.loss)

    def tensor_leaf(self, dt, env, ex=False):
        """A read of a tensor of this type; those over the innermost indices are likelier."""
        found = []
        for t in self.tensors:
            if t.dt != dt or t.hidden or t.target is not None or (ex and t.ex is None) or t.mag > 200:
                continue
            score = sum(3 if any(s is e for _, e in env[-1:]) else 1 for s in t.axes for _ in (0,) if any(s is e for _, e in env))
            found += [t] * (1 + 2 * score)
        for _ in range(4):
            if found:
                e = self.read(self.r.choice(found), env)
                if e and not (ex and e.ex is None):
                    return e
        return None

    # ---- integers and truth ----------------------------------------------------------------------------------
    def int_leaf(self, dt, env):
        r = self.r
        e = self.tensor_leaf(dt, env) if r.random() < 0.7 else None
        if e:
            return e
        if dt == "i64" and env:
            n, s = r.choice(env)
            return self.index(n, s)
        if env and r.random() < 0.8:
            n, s = r.choice(env)
            return self.cast(self.index(n, s), dt)
        if dt == "i64" and self.spaces:
            s = r.choice(self.spaces)
            if s.kind in ("dim", "grid", "seq", "nodes", "edges") and "(" not in s.text:
                return E("size(" + s.text + ")", "i64", mag=self.ext(s))
        return self.cast(self.int_lit(r.randrange(0, 9)), dt)

    def int_(self, dt, env, d, W):
        r = self.r
        if d <= 0:
            return self.int_leaf(dt, env)
        k = r.choice(["ar", "ar", "ar", "div", "bit", "shift", "minmax", "if", "un", "cast", "floor", "red", "red", "leaf"])
        if k == "leaf":
            return self.int_leaf(dt, env)
        if k == "red":
            return self.int_reduce(dt, env, d, W)
        a = self.int_(dt, env, d - 1, W)
        b = self.int_lit(r.randrange(0 if dt == "u8" else -5, 9)) if r.random() < 0.4 else self.int_(dt, env, d - 1, W)
        if k == "ar":
            return self.to(self.bin(r.choice("+-*"), a, b), dt)
        if k == "div":
            return self.to(self.bin(r.choice(["//", "mod"]), a, b), dt)
        if k == "bit":
            return self.to(self.bin(r.choice("&|^"), a, b), dt)
        if k == "shift":
            return self.bin(r.choice(["<<", ">>"]), a, self.int_lit(r.randrange(0, 7)) if r.random() < 0.7 else self.bin("&", self.int_(dt, env, 0, W), self.int_lit(7)))
        if k == "minmax":
            return self.to(self.call(r.choice(["min", "max"]), [a, b], self.unify(a, b), max(a.mag, b.mag)), dt)
        if k == "if":
            return self.to(self.branch(self.bool_(env, d - 1, W), a, b), dt)
        if k == "un":
            f = r.choice(["neg", "~", "abs", "sign", "popcount"])
            if f == "neg":
                return self.neg(a)
            if f == "~":
                return E("~%s", dt, UNARY, (a,), (CLOSED + UNARY,), LIMIT[dt])
            return self.call(f, [a], dt, {"sign": 1, "popcount": 64}.get(f, a.mag))
        if k == "cast":
            other = r.choice([t for t in ("i64", "i32", "i8", "u8") if t != dt])
            return self.call({"i64": "int"}.get(dt, dt), [self.int_(other, env, d - 1, W)], dt, LIMIT[other])
        e = self.real_(self.real, env, d - 1, W, True)            # floor: from exact numbers only
        if e.ex is None or e.mag >= LIMIT[dt] or (dt == "u8"):
            return a
        e = self.call(r.choice(["floor", "round", "ceil", "trunc"]), [e], e.dt, e.mag + 1, 0) if r.random() < 0.7 else e
        return self.call({"i64": "int"}.get(dt, dt), [e], dt, e.mag)

    def bool_(self, env, d, W):
        r = self.r
        k = r.choice(["int", "int", "real", "real", "logic", "not", "leaf", "same", "any", "eq"]) if d > 0 else r.choice(["leaf", "same", "lit"])
        if k == "leaf":
            e = self.tensor_leaf("bool", env)
            if e:
                return e
            k = "same"
        if k == "lit" and r.random() < 0.3:
            return E(r.choice(["true", "false"]), "bool")
        if k in ("same", "lit"):
            pairs = [(a, b) for a in env for b in env if a[0] < b[0] and a[1] is b[1]]
            if pairs:
                a, b = r.choice(pairs)
                return self.compare(r.choice(COMPARE), self.index(*a), self.index(*b))
            k = "int" if env else "real"
        if k == "int":
            dt = r.choice(["i64", "i64", "i32"])
            a = self.int_(dt, env, min(d - 1, 1), W)
            return self.compare_ints(r.choice(COMPARE), a, self.int_lit(r.randrange(-1, 4)) if r.random() < 0.6 else self.int_(dt, env, 0, W))
        if k == "real":
            a = self.real_(self.real, env, min(d - 1, 1), W, True)
            return self.compare(r.choice(COMPARE), a, self.some_lit(True) if not a.lit or r.random() < 0.2 else self.real_(self.real, env, 0, W, True))
        if k == "logic":
            op = r.choice(["and", "or"])
            own, lv = (AND, (AND, NOT)) if op == "and" else (OR, (OR, AND))
            return E("%s " + op + " %s", "bool", own, (self.bool_(env, d - 1, W), self.bool_(env, d - 1, W)), lv)
        if k == "not":
            return E("not %s", "bool", NOT, (self.bool_(env, d - 1, W),), (NOT,))
        if k == "eq":
            return self.compare(r.choice(["=", "!="]), self.bool_(env, 0, W), self.bool_(env, 0, W))
        b = self.binder(env, W)
        if not b:
            return self.bool_(env, 0, W)
        head, inner, n, empty = b
        return self.reduction(r.choice(["any", "all"]), head, self.bool_(inner, d - 1, W // n), "bool", 1, 0)

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
        kids, lv, own = list(cond) + [body], [AND] * len(cond) + [HEAD], HEAD
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
