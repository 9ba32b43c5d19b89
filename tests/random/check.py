"""Runs a program through pigeonc in every way and tells the first disagreement."""
import math
import os
import re
import subprocess

import schedules
from arrays import given, read_npz, write_npz
from tree import WORD

# how far an output may be from the interpreter's, relative to max(1, its largest value), by the coarsest type that rounded on its way
TOLERANCE = [0, 1e-8, 5e-4, 2e-2, 1e-1]


class Failure:
    """way: which run; what: the kind of failure, the same for programs with the same fault"""
    def __init__(self, way, what, text):
        self.way, self.what, self.text = way, what, text

    def same(self, other):
        return other is not None and self.way == other.way and self.what == other.what


def kind_of(code, error):
    """the kind of a failed run: the message without the names and numbers of this program"""
    if code in (124, -9):
        return "timeout"
    if code < 0 or code >= 128:
        return "crash %d" % code
    m = re.search(r"(?:error|internal error): (.*)", error)
    return "code %d %s" % (code, re.sub(r"`[^`]*`|[-+0-9.e]+", "#", m.group(1)) if m else "")


class Checker:
    params = False             # are parameters given, too?

    def __init__(self, pigeonc, folder, executors=(), level=1, timeout=120, schedules=0):
        self.pigeonc, self.folder, self.executors, self.level, self.timeout = pigeonc, folder, list(executors), level, timeout
        self.schedules, self.obeyed = schedules, 0
        os.makedirs(folder, exist_ok=True)

    def run(self, args, stdin=None):
        try:
            p = subprocess.run([self.pigeonc] + args, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return 124, b"", "timed out"
        return p.returncode, p.stdout, p.stderr.decode("utf-8", "replace")

    def write(self, p, prune=False):
        """the files of a run; returns the arguments that say what is given"""
        source = p.source(prune)
        with open(os.path.join(self.folder, "m.pgn"), "w") as f:
            f.write(source)
        entries, fixed = given(p, set(WORD.findall(source)), self.params)
        write_npz(os.path.join(self.folder, "m.npz"), entries)
        return ["m.pgn", "--real", p.real] + [w for n, v in fixed for w in ("-D", "%s=%d" % (n, v))]

    def check(self, p, prune=False, only=None):
        args = self.write(p, prune)
        want = lambda way: only is None or only == way       # noqa: E731
        told = ["--inputs", "m.npz"]
        code, out, error = self.run(["run"] + args + told + ["--executor", "interp", "--outputs", "interp.npz"])
        if code:
            return Failure("interp", kind_of(code, error), error)
        first = read_npz(os.path.join(self.folder, "interp.npz"))
        if want("ir"):
            f = self.round_trip(args)
            if f:
                return f
        if want("passes"):
            code, out, error = self.run(["run"] + args + told + ["--executor", "interp", "-O1", "--run=default", "--outputs", "passes.npz"])
            if code:
                return Failure("passes", kind_of(code, error), error)
            f = self.compare(p, "passes", first, 1e-6)
            if f:
                return f
        if only in self.executors or (only is None and self.executors):
            names = [only] if only else self.executors
            how = ["run"] + args + told + ["--verify", "-O%d" % self.level, "--executor"]
            code, out, error = self.run(how + [",".join(names)])
            if code and len(names) > 1:                      # whose fault is it
                for ex in names:
                    one, out, text = self.run(how + [ex])
                    if one:
                        return Failure(ex, kind_of(one, text), text)
            if code:
                return Failure(names[0], kind_of(code, error), error)
        for k in range(self.schedules if want("schedule") else 0):
            f = self.scheduled(p, args, told, k)
            if f:
                return f
        if want("threads") and "cpu" in self.executors and self.level == 0:
            return self.threads(args + told + ["-O0"])
        return None

    def scheduled(self, p, args, told, number):
        """the same by a random schedule; commands that are refused are left out, one refusal after the other"""
        code, ir, error = self.run(["ir"] + args)
        if code:
            return Failure("schedule", kind_of(code, error), error)
        code, text, error = self.run(["explain"] + args)
        if code:
            return Failure("schedule", kind_of(code, error), error)
        commands = schedules.draw("%s %d" % (p.source(False), number), text.decode(), ir.decode())
        while True:
            with open(os.path.join(self.folder, "m.pgs"), "w") as f:
                f.write("\n".join(commands + ["only" if not commands else ""]))
            code, out, error = self.run(["run"] + args + told + ["--schedule", "m.pgs", "--executor", "cpu", "--verify"])
            if not code:
                self.obeyed += len(commands)
                return None
            lines = schedules.refused(error) if code == 1 else None
            if not lines:
                return Failure("schedule", kind_of(code, error), error + "\nm.pgs:\n" + "\n".join(commands))
            commands = [c for k, c in enumerate(commands) if k + 1 not in lines]

    def threads(self, args):
        """the same bits for any number of threads"""
        got = []
        for n in ("1", "3"):
            code, out, error = self.run(["run"] + args + ["--executor", "cpu", "--threads", n, "--outputs", "threads.npz"])
            if code:
                return Failure("threads", kind_of(code, error), error)
            got.append(read_npz(os.path.join(self.folder, "threads.npz")))
        for name in got[0]:
            if repr(got[0][name]) != repr(got[1][name]):     # as text: NaN is NaN
                return Failure("threads", "differs", "output %s differs between 1 and 3 threads" % name)
        return None

    def round_trip(self, args):
        code, ir, error = self.run(["ir"] + args)
        if code:
            return Failure("ir", kind_of(code, error), error)
        code, again, error = self.run(["opt", "-"], ir)
        if code or ir != again:
            return Failure("ir", "text" if not code else kind_of(code, error), error or "the IR read back prints differently")
        code, one, error = self.run(["fmt", "m.pgn", "-o", "-"])
        if code:
            return Failure("ir", "fmt " + kind_of(code, error), error)
        code, two, error = self.run(["fmt", "-"], one)
        if code or one != two:
            return Failure("ir", "fmt", error or "formatting twice differs")
        code, now, error = self.run(["ir", "-"] + args[1:], one)
        if code or now != ir:
            return Failure("ir", "fmt ir", error or "the formatted program has another IR")
        return None

    def compare(self, p, way, first, near=None):
        """near: the tolerance for what f32 and shorter types round; f64 is not rounded otherwise by passes"""
        other = read_npz(os.path.join(self.folder, way + ".npz"))
        loss = {d.name: d.loss for s in p.stmts for d in s.defs}
        for name, (dt, shape, data) in first.items():
            if name not in other:
                return Failure(way, "missing", "output %s is missing" % name)
            dt2, shape2, data2 = other[name]
            if dt != dt2 or shape != shape2:
                return Failure(way, "shape", "%s is %s%s, not %s%s" % (name, dt2, shape2, dt, shape))
            if data == data2:
                continue
            lost = loss.get(name, 2)
            tol = 0 if dt[0] in "iub" else TOLERANCE[lost] if near is None else near if lost > 1 else 0
            finite = [abs(x) for x in data if math.isfinite(x)]
            tol *= max([1] + finite)
            for k, (x, y) in enumerate(zip(data, data2)):
                if x == y or (x != x and y != y) or abs(x - y) <= tol:
                    continue
                at = k // 2 if dt[0] == "c" else k
                pos = []
                for n in reversed(shape):
                    pos.insert(0, at % n)
                    at //= n
                return Failure(way, "differs", "%s%s is %.9g by the interpreter, %.9g by %s (%d of %d elements differ)"
                               % (name, pos, x, y, way, sum(not (a == b or (a != a and b != b) or abs(a - b) <= tol) for a, b in zip(data, data2)), len(data)))
        return None
