"""Programs as data: expressions that know their type, size and precision, statements, and what a run of the program needs.
Text comes from templates whose `%s` are the parts, with as few parentheses as the grammar allows, so precedences are tested too."""
import re

# levels of the grammar, loosest first; HEAD is a reduction: it takes in the rest of a product
IF, OR, AND, NOT, CMP, BITOR, XOR, BITAND, SHIFT, ADD, HEAD, MUL, UNARY, POW, ATOM = range(15)
CLOSED = 100          # + MUL: left of `*`, where no reduction may be open; + UNARY: right of `*`, where one may begin
RANK = {"bool": 0, "u8": 1, "i8": 1, "i32": 2, "i64": 3, "f16": 4, "bf16": 4, "f32": 5, "f64": 6, "c64": 7, "c128": 8}
BITS = {"f16": 11, "bf16": 8, "f32": 24, "f64": 53, "c64": 24, "c128": 53}
LOSS = {"f64": 1, "c128": 1, "f32": 2, "c64": 2, "f16": 3, "bf16": 4}         # how coarse a type is; 0: no rounding at all
LIMIT = {"u8": 255, "i8": 128, "i32": 2 ** 31, "i64": 2 ** 63, "bool": 1}
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def is_int(dt):
    return dt in ("i64", "i32", "i8", "u8")


def is_float(dt):
    return dt in ("f64", "f32", "f16", "bf16")


def is_complex(dt):
    return dt in ("c64", "c128")


class E:
    """An expression.  mag bounds its absolute value; ex: it is a multiple of 2**-ex without rounding anywhere (None: it is not);
    loss: the coarsest type that rounded on the way; lit: a literal, which takes the type of its context."""
    __slots__ = ("t", "kids", "lv", "own", "dt", "mag", "ex", "loss", "lit")

    def __init__(self, t, dt, own=ATOM, kids=(), lv=(), mag=1.0, ex=None, loss=None, lit=False):
        self.t, self.dt, self.own, self.kids, self.lv, self.mag, self.ex, self.lit = t, dt, own, list(kids), list(lv), mag, ex, lit
        if is_int(dt) or dt == "bool":
            self.ex, self.loss, self.mag = 0, 0, min(mag, LIMIT[dt])
            return
        if ex is not None and (mag * 2.0 ** ex >= 2.0 ** BITS[dt] or ex > 12):
            self.ex = None
        self.loss = max([k.loss for k in kids] + [0]) if loss is None else loss
        if self.ex is None:
            self.loss = max(self.loss, LOSS[dt])

    def open(self):
        """whether the text ends in the body of a reduction, which would take in a factor that follows"""
        if self.own == HEAD:
            return True
        return self.own in (MUL, UNARY) and bool(self.kids) and fits(self.kids[-1], self.lv[-1]) and self.kids[-1].open()

    def text(self):
        out = []
        for kid, lv in zip(self.kids, self.lv):
            s = kid.text()
            # the body of a reduction does not begin with a sign: `max(a, b) - c` is a difference
            out.append(s if fits(kid, lv) and not (lv in (HEAD, CLOSED + MUL, NOT) and s[0] in "-~" and self.own in (HEAD, IF, NOT)) else "(" + s + ")")
        return self.t % tuple(out)

    def copy(self):
        return rebuilt(self, [k.copy() for k in self.kids])


def fits(e, lv):
    if lv == CLOSED + MUL:
        return e.own >= MUL and not e.open()
    if lv == CLOSED + UNARY:
        return e.own >= UNARY or e.own == HEAD
    return e.own >= lv


def rebuilt(e, kids):
    return E(e.t, e.dt, e.own, kids, e.lv, e.mag, e.ex, e.loss, e.lit)


class Space:
    """ext(sizes) is the extent (an upper bound for a space made from data)."""
    def __init__(self, kind, text, ext, parts=(), lo=0, bnd=None, empty=False, extra=None):
        self.kind, self.text, self.ext, self.parts, self.lo, self.bnd, self.empty, self.extra = kind, text, ext, list(parts), lo, bnd, empty, extra


class Tensor:
    def __init__(self, name, axes, dt, mag=1.0, ex=None, loss=0, target=None, hidden=False, param=False):
        self.name, self.axes, self.dt, self.mag, self.ex, self.loss, self.target = name, list(axes), dt, mag, ex, loss, target
        self.hidden = hidden                # its values are not determined (signs of eigenvectors): no output, no generic reads
        self.param = param


class Input:
    """dist: unit (reals in -1..1), exact (multiples of 1/4 up to 2), int (0..hi or -hi..hi), bool, map (into `target`)"""
    def __init__(self, tensor, dist, hi=0, word="input", tail=""):
        self.tensor, self.dist, self.hi, self.word, self.tail = tensor, dist, hi, word, tail

    def text(self):
        t = self.tensor
        if t.target is not None:
            return "map %s: %s -> %s" % (t.name, ", ".join(a.text for a in t.axes), t.target.text)
        return "%s %s%s: %s%s" % (self.word, t.name, "[%s]" % ", ".join(a.text for a in t.axes) if t.axes else "", t.dt, self.tail)


class Stmt:
    """One statement with the tensors that it defines; t has a `%s` for each part.  inline: `output` may stand before it."""
    def __init__(self, t, kids, defs, lv=None, inline=False):
        self.t, self.kids, self.defs, self.lv, self.inline = t, list(kids), list(defs), lv or [IF] * len(kids), inline

    def text(self):
        return self.t % tuple(k.text() if fits(k, lv) else "(" + k.text() + ")" for k, lv in zip(self.kids, self.lv))


class Body:
    """The inside of a model.  args: (name, kind); index: name -> Space; decls: (name, text) of modes, spaces, graphs, dims, lets."""
    def __init__(self):
        self.args, self.index, self.decls, self.inputs, self.stmts, self.outs = [], {}, [], [], [], []

    def used(self):
        """The names that outputs need, for programs that a shrinker has emptied."""
        text = {}
        for s in self.stmts:
            for d in s.defs:
                text[d.name] = text.get(d.name, "") + " " + s.text()
        for i in self.inputs:
            text[i.tensor.name] = i.text()
        for n, s in self.index.items():
            text[n] = s.text
        for n, s in self.decls:
            text[n] = text.get(n, "") + " " + s
        seen, unseen = set(), [o for o in self.outs]
        while unseen:
            n = unseen.pop()
            if n in seen:
                continue
            seen.add(n)
            unseen += WORD.findall(text.get(n, ""))
        return seen

    def text(self, name, indent="  ", prune=False):
        used = self.used() if prune else None
        keep = (lambda n: n in used) if prune else (lambda n: True)
        lines = ["model %s(%s) {" % (name, ", ".join("%s: %s" % (n, k) for n, k in self.args if keep(n)))]
        for n, s in self.decls:
            if keep(n):
                lines.append(s)
        idx = ["%s: %s" % (n, s.text) for n, s in self.index.items() if keep(n)]
        for k in range(0, len(idx), 8):
            lines.append("index " + ", ".join(idx[k:k + 8]))
        for i in self.inputs:
            if keep(i.tensor.name):
                lines.append(i.text())
        inline = set()
        for s in self.stmts:
            if not any(keep(d.name) for d in s.defs):
                continue
            here = s.text()
            if s.inline and s.defs[0].name in self.outs and s.defs[0].name not in inline:
                here = "output " + here
                inline.add(s.defs[0].name)
            lines.append(here)
        lines += ["output " + o for o in self.outs if o not in inline]
        return "\n".join([lines[0]] + [indent + x for line in lines[1:] for x in line.split("\n")] + ["}"])


class Program(Body):
    """tops: statements before the models; models: (name, Body) that the program calls; sizes and graphs: what a run is given."""
    def __init__(self, real):
        super().__init__()
        self.real, self.tops, self.models, self.sizes, self.fixed, self.graphs, self.seeds = real, [], [], {}, set(), {}, []

    def source(self, prune=False):
        main = self.text("main", prune=prune)
        parts = []
        words = set(WORD.findall(main)) | {w for _, b in self.models for w in WORD.findall(b.text("x"))}
        for n, t in reversed(self.tops):
            if n in words:
                words |= set(WORD.findall(t))
        for n, t in self.tops:
            if not prune or n in words or n == "use":
                parts.append(t)
        for n, b in self.models:
            if not prune or re.search(r"\b%s\b" % n, main):
                parts.append(b.text(n))
        return "\n".join(parts + [main]) + "\n"

    def bodies(self):
        return [self] + [b for _, b in self.models]


def merged(programs):
    """One program whose model has all of them side by side; their names differ by their prefixes."""
    m = Program(programs[0].real)
    for p in programs:
        m.args += p.args
        m.index.update(p.index)
        for field in ("decls", "inputs", "stmts", "outs", "models", "seeds"):
            getattr(m, field).extend(getattr(p, field))
        m.tops += [t for t in p.tops if t not in m.tops]
        m.sizes.update(p.sizes)
        m.graphs.update(p.graphs)
        m.fixed |= p.fixed
    m.tops.sort(key=lambda t: t[0] != "use")
    return m
