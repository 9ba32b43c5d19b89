"""Random typed expressions.  What is discontinuous (comparisons, floor, argmax, conditions) is made from exactly representable numbers
only, and magnitudes stay small, so that two correct executors agree to the precision of the types involved."""
from tree import *

COMPARE = ["=", "!=", "<", "<=", ">", ">=", "=="]
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
        e = E(f + "(" + ", ".join(["%s"] * len(args)) + ")", dt, ATOM, args, [IF] * len(args), mag, ex)
        if f in RANK or f in ("int", "real"):                # the compiler's literal of another type
            e.lit = args[0].lit and not is_complex(dt) and dt != "bool"
        return e

    def neg(self, p):
        return E("-%s", p.dt, UNARY, (p,), (CLOSED + UNARY,), p.mag, p.ex)

    def cast(self, p, dt):
        name = {"i64": "int", self.real: "real"}.get(dt, dt) if self.r.random() < 0.5 else dt
        return self.call(name, [p], dt, p.mag, p.ex)

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
            q = self.subscript(s.parts[k], env, t, False) if s.parts[k].kind == "product" else self.value_of(s.parts[k], env)
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
            return self.to(self.bin(r.choice(["<<", ">>"]), a, self.int_lit(r.randrange(0, 7)) if r.random() < 0.7 else self.bin("&", self.int_(dt, env, 0, W), self.int_lit(7))), dt)
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
