#!/usr/bin/env python3
"""Derivatives of random programs.

    derivatives.py BUILD [--programs N] [--first SEED] [--executors cpu,c] [--jobs J] [--seconds S]
    derivatives.py BUILD --seed SEED [--print]          one program; --print only shows it

A program is what generate.py makes of its seed, with derivatives added: of random tensors by random tensors, weighted by random cotangents,
in reverse, some of them differentiated again, some in a random direction; in every second program some equations stand under a checkpoint.  Two things are asked of it:

    gradient   `run --check-grad`: the derivatives of all its outputs, the added ones among them, by all inputs and parameters against central
               differences in f64, with weights that depend on the seed
    the rest   what programs.py asks of any program: interpreter, passes and executors agree

Derivatives that don't exist are refused by the compiler with a place; they are taken out, one after the other."""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from batches import level_of, options, prefix_of, real_of, run_all        # noqa: E402
from check import Checker, Failure, kind_of        # noqa: E402
from generate import Gen, THEMES, WEIGHT           # noqa: E402
from shrink import shrink                          # noqa: E402
from tree import Input, Stmt, Tensor, is_complex, is_float, merged  # noqa: E402

MOST = 300                 # elements of a tensor that is differentiated


def flows(t):
    return t.target is None and (t.dt in ("f64", "f32") or is_complex(t.dt))


def given_axes(p, t):
    """whether an input may have these axes: spaces made from data have no size before"""
    return all(s.kind != "derived" and not (s.kind == "edges" and s.text.split(".")[0] not in p.graphs) for s in t.axes)


class Derived(Gen):
    def size_of(self, t):
        n = 1
        for s in t.axes:
            n *= max(1, self.ext(s))
        return n

    def weights(self, t):
        c = Tensor(self.new("w"), t.axes, t.dt, 1, None, 0)
        self.p.inputs.append(Input(c, "unit"))
        return c

    def derive(self, y, x, tangent):
        d = Tensor(self.new("d"), y.axes if tangent else x.axes, y.dt if tangent else x.dt, 1e3, None, max(y.loss, 2))
        w = self.weights(x if tangent else y)
        text = "%s = jvp(%s wrt %s, %s)" % (d.name, y.name, x.name, w.name) if tangent else "%s = vjp(%s, %s wrt %s)" % (d.name, y.name, w.name, x.name)
        self.p.stmts.append(Stmt(text, [], [d]))
        self.p.outs.append(d.name)
        return d

    def add_derivatives(self):
        r = self.r
        p = self.p
        made = {d.name: d for s in p.stmts for d in s.defs}
        ys = [t for t in made.values() if flows(t) and not t.hidden and given_axes(p, t) and self.size_of(t) <= MOST]
        xs = [i.tensor for i in p.inputs if flows(i.tensor) and self.size_of(i.tensor) <= MOST]
        for _ in range(r.choice([1, 1, 2])):
            if not ys or not xs:
                return
            y = r.choice(ys)
            near = [t for t in xs if t.name in self.before(y)] or xs
            d = self.derive(y, r.choice(near), r.random() < 0.2)
            if r.random() < 0.25 and given_axes(p, d):
                self.derive(d, r.choice(near), r.random() < 0.2)

    def add_checkpoints(self):
        for s in self.p.stmts:
            m = re.match(r"(\w+\[[^\]]*\]) = ([^\n]+)$", s.t)
            if m and len(s.defs) == 1 and flows(s.defs[0]) and m.group(1).startswith(s.defs[0].name) and "[" in m.group(2) and self.r.random() < 0.4:   # a number takes the type of its place
                s.t = "%s = checkpoint(%s)" % m.groups()

    def before(self, y):
        keep, self.p.outs = self.p.outs, [y.name]
        names = self.p.used()
        self.p.outs = keep
        return names


def program(seed, prefix="", real="f32"):
    g = Derived("derivative %s" % seed, prefix, real)
    g.p.seeds[:] = [(seed, prefix)]
    g.base()
    choice = [t for t in THEMES for _ in range(WEIGHT.get(t, 1))]
    for _ in range(g.r.choice([1, 1, 2])):
        getattr(g, g.r.choice(choice))()
    for _ in range(g.r.choice([1, 2])):
        g.generic(g.real if g.r.random() < 0.6 else None)
    p = g.finish()
    if any(re.search(r"= (eigh|eig|svd)\(", s.t) for s in p.stmts):      # vectors of equal eigenvalues have no derivative
        for i in p.inputs:
            if i.word == "param" and not re.search("uniform|glorot", i.tail):
                i.tail = " init uniform(-1, 1)"
    if int(seed) % 2:
        g.add_checkpoints()
    g.add_derivatives()
    return p


class DerivativeChecker(Checker):
    """kinks: elements at which the slopes of both sides differ, where differences tell nothing; jumps: at which two kinks
    cancel, as of relu(x * x) at 0; places: compared elements"""
    params = True

    def __init__(self, *args, seed=0, **how):
        super().__init__(*args, **how)
        self.seed, self.places, self.kinks, self.jumps, self.refused = seed, 0, 0, 0, 0

    def allowed(self, p):
        """takes out the derivatives that the compiler refuses; a failure when it says anything else"""
        while True:
            args = self.write(p)
            code, out, error = self.run(["ir"] + args)
            if code != 1:
                return None
            source = p.source().split("\n")
            lines = {int(m.group(1)) for m in re.finditer(r"^m\.pgn:(\d+):\d+: error: .*\[(?:no-derivative)\]$", error, re.M)}
            gone = [s for s in p.stmts if re.search(r" = [vj][vj]p\(", s.t) and any(s.defs[0].name + " = " in source[k - 1] for k in lines)]
            if not gone:                                     # the place is where a function has none
                gone = [s for s in p.stmts if lines and re.search(r" = [vj][vj]p\(", s.t)]
            if not gone:
                return Failure("interp", kind_of(code, error), error)
            names = {s.defs[0].name for s in gone}
            while True:                                      # and what is made of them
                more = {s.defs[0].name for s in p.stmts if re.search(r"\((%s)[ ,]" % "|".join(names), s.t)} - names
                if not more:
                    break
                names |= more
            self.refused += len(names)
            p.stmts[:] = [s for s in p.stmts if s.defs[0].name not in names]
            p.outs[:] = [o for o in p.outs if o not in names]

    def gradient(self, p, prune=False):
        args = self.write(p, prune)
        code, out, error = self.run(["run"] + args + ["--inputs", "m.npz", "--check-grad", "--seed", str(self.seed)])
        m = re.search(r"at (\d+) places", out.decode())
        self.places += int(m.group(1)) if m else 0
        m = re.search(r"^(\d+) of them at kinks", out.decode(), re.M)
        self.kinks += int(m.group(1)) if m else 0
        m = re.search(r"^(\d+) of them where the derivative jumps", out.decode(), re.M)
        self.jumps += int(m.group(1)) if m else 0
        if not code or "has no output of reals" in error or "[no-derivative]" in error:
            return None
        return Failure("gradient", kind_of(code, error), error)

    def check(self, p, prune=False, only=None):
        if only in (None, "gradient"):
            f = self.gradient(p, prune)
            if f or only:
                return f
        return super().check(p, prune, only)


def disagrees(checker, p, key):
    """the same program on other data: a sum that is 0 but for its rounding has a derivative of abs that each executor sees differently"""
    seeds = p.seeds[:]
    p.seeds[:] = [("%s%s" % (s, key), prefix) for s, prefix in seeds]
    f = Checker.check(checker, p)
    p.seeds[:] = seeds
    return f


def run_batch(pigeonc, seeds, executors, build, small=True):
    """(programs that agree, [places compared, of them at kinks, of them where kinks cancel, derivatives refused, programs that agree on other data only, programs that took too long], descriptions of what doesn't)"""
    tmp = tempfile.mkdtemp(prefix="pigeon-derivatives-")
    bad, good, count = [], [], [0, 0, 0, 0, 0, 0]
    try:
        def failed(s, p, f, checker):
            if small:
                p, f = shrink(checker, p, f)
            words = checker.write(p, True)
            bad.append(("derivatives of random program %s by %s" % (s, f.way), "%s\nreproduce: python3 tests/random/derivatives.py %s --seed %s\nshrunk to (run with %s):\n%s"
                        % (f.text.strip(), build, s, " ".join(words[1:]), p.source(True).rstrip())))
        real = real_of(seeds[0])
        for k, s in enumerate(seeds):                        # differences of one program at a time, which are cheap
            c = DerivativeChecker(pigeonc, tmp, (), timeout=60, seed=s)
            p = program(s, prefix_of(k), real)
            f = c.allowed(p) or c.gradient(p)
            count = [count[0] + c.places, count[1] + c.kinks, count[2] + c.jumps, count[3] + c.refused, count[4], count[5]]
            if f and f.what == "timeout":                    # products of many, differentiated again and again
                count[5] += 1
            elif f:
                failed(s, p, f, c)
            else:
                good.append((s, p))
        together = DerivativeChecker(pigeonc, tmp, executors, level_of(seeds[0]))
        if good and Checker.check(together, merged([p for _, p in good])):
            for s, p in list(good):
                c = DerivativeChecker(pigeonc, tmp, executors, level_of(s), seed=s)
                f = Checker.check(c, p)
                if f and f.what != "differs" and "verify-failed" not in f.text or f and all(disagrees(c, p, k) for k in "xy"):
                    failed(s, p, f, c)
                    good.remove((s, p))
                elif f:
                    count[4] += 1
        return len(good), count, bad
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def main():
    args = options(16, "cpu").parse_args()
    done = run_all(args, program, lambda pigeonc, seeds, executors: run_batch(pigeonc, seeds, executors, args.build, not args.no_shrink))
    if done is None:
        return 0
    results, failed, took = done
    passed = sum(n for n, _ in results)
    count = [sum(c) for c in zip([0] * 6, *(c for _, c in results))]
    print("derivatives of %d random programs agree, of %d not; %d places compared with differences, %d of them at kinks, %d where kinks cancel; %d derivatives refused; %d programs whose rounding decides at a kink, %d too slow; %s"
          % (passed, failed, *count, took))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
