"""Makes a failing program small: batches of programs apart, outputs, statements (an equation becomes an input or goes with its readers),
expressions (a part of the same type, or a literal), sizes.  A step is kept when the program still fails in the same way."""
import copy
import re
import time

from tree import ATOM, CLOSED, E, Input, Program, Stmt, Tensor, UNARY, WORD, is_complex, is_int  # noqa: F401


def clone(p):
    return copy.deepcopy(p)


def plain(e):
    """the simplest expressions of a type"""
    if e.dt == "bool":
        return [E("true", "bool"), E("false", "bool")]
    if is_int(e.dt):
        return [E("1", "i64", mag=1, lit=True), E("%s(1)" % e.dt, e.dt)]
    if is_complex(e.dt):
        return [E("%s(1.0)" % e.dt, e.dt, loss=e.loss)]
    return [E("1.0", e.dt, lit=True, ex=0), E("%s(1.0)" % e.dt, e.dt, ex=0)]


def places(e, path=()):
    yield path, e
    for k, kid in enumerate(e.kids):
        yield from places(kid, path + (k,))


def with_part(e, path, new):
    if not path:
        return new
    r = e.copy()
    at = r
    for k in path[:-1]:
        at = at.kids[k]
    at.kids[path[-1]] = new
    return r


class Shrinker:
    def __init__(self, checker, failure, seconds):
        self.checker, self.failure, self.end, self.tried = checker, failure, time.time() + seconds, 0

    def fails(self, p):
        if time.time() > self.end:
            return False
        self.tried += 1
        try:
            f = self.checker.check(p, prune=True, only=self.failure.way)
        except Exception:                                    # the shrunk program has no data, say
            return False
        return self.failure.same(f)

    def drop(self, p, size, names, remove):
        """removes runs of `names`, halving their length"""
        n = max(1, len(names(p)) // 2)
        while n:
            k = 0
            while k < len(names(p)):
                q = clone(p)
                remove(q, names(p)[k:k + n])
                if self.fails(q):
                    p = q
                else:
                    k += n
            n //= 2
        return p

    def outputs(self, p):
        def remove(q, gone):                                 # noqa: E306
            q.outs = [o for o in q.outs if o not in gone]
        return self.drop(p, 0, lambda q: q.outs, remove)

    def statements(self, p):
        """an equation's tensor becomes an output of its own when what it feeds is dropped; or an input"""
        for b in range(len(p.bodies())):
            for k in range(len(p.bodies()[b].stmts) - 1, -1, -1):
                if k >= len(p.bodies()[b].stmts):
                    continue
                st = p.bodies()[b].stmts[k]
                if b == 0 and all(d.axes is not None and not d.hidden for d in st.defs):
                    q = clone(p)
                    body = q.bodies()[b]
                    st = body.stmts[k]
                    body.stmts = [s for s in body.stmts if not any(d.name in [x.name for x in st.defs] for d in s.defs)]
                    for d in st.defs:
                        if d.target is None and d.dt != "bf16":
                            body.inputs.append(Input(d, "bool" if d.dt == "bool" else "int" if is_int(d.dt) else "exact" if d.ex is not None else "unit", 3))
                        elif d.target is not None:
                            body.inputs.append(Input(d, "map"))
                    body.outs = [o for o in body.outs if o not in [d.name for d in st.defs]]
                    if body.outs and self.fails(q):
                        p = q
                        continue
                q = clone(p)
                body = q.bodies()[b]
                del body.stmts[k]
                if self.fails(q):
                    p = q
        return p

    def expressions(self, p):
        for b in range(len(p.bodies())):
            for k in range(len(p.bodies()[b].stmts)):
                for i in range(len(p.bodies()[b].stmts[k].kids)):
                    again = True
                    while again:
                        again = False
                        root = p.bodies()[b].stmts[k].kids[i]
                        for path, e in places(root):
                            smaller = [x for _, x in places(e) if x is not e and x.dt == e.dt]
                            if e.kids or len(e.t) > 5:
                                smaller += plain(e)
                            for x in smaller:
                                q = clone(p)
                                q.bodies()[b].stmts[k].kids[i] = with_part(root, path, x)
                                if self.fails(q):
                                    p, again = q, True
                                    break
                            if again:
                                break
        return p

    def sizes(self, p):
        for key in list(p.sizes):
            for n in (0, 1, 2, 3, 4):
                if n < p.sizes[key] and not (n == 0 and "." not in key):
                    q = clone(p)
                    q.sizes = dict(p.sizes)
                    q.sizes[key] = n
                    if self.fails(q):
                        p = q
                        break
        q = clone(p)
        q.fixed = {n for n, k in p.args}
        return q if self.fails(q) else p


def shrink(checker, p, failure, seconds=120):
    s = Shrinker(checker, failure, seconds)
    if not s.fails(clone(p)):                                # pruning alone hides it
        return p, failure
    while True:
        before = s.tried, p.source(True)
        p = s.outputs(p)
        p = s.statements(p)
        p = s.expressions(p)
        p = s.sizes(p)
        if p.source(True) == before[1] or time.time() > s.end:
            break
    return p, checker.check(p, prune=True, only=failure.way) or failure
