#!/usr/bin/env python3
"""The test runner: the folder is the mode.  Prints what failed and, last, `N passed, N failed, N skipped`.

    run.py BUILD [--only MODE,MODE] [--also BUILD:MODE,MODE ..] [--once]

--also runs those modes in another build (one with sanitizers) and counts them in.
--once runs nothing when all of this passed before and no source, program or tool has changed since; it says so.

check      every model of the standard library and the examples passes `pigeonc check`
diag       `pigeonc check FILE` (or the command of a `# run:` line) prints exactly FILE.expect
examples   every `# run:` line of examples/*/*.pgn and tests/values/*.pgn runs; the `# expect: NAME = NUMBER` lines right below
           hold; the passes don't change a digit
std        every model of the standard library runs at the sizes of std.txt
peers      the standard library against PyTorch and PyTorch Geometric (reference_peers.py, by $PEERS_PYTHON or this Python)
format     formatting twice gives the same text, and the formatted file the same IR
syntax     files of odd layout: formatting twice gives the same text
unit       the C test programs; each prints `N passed, N failed`
pass       `pigeonc opt --run=LIST FILE.ir`, LIST in its `# run:` line, prints exactly FILE.expect
rewrite    models under several lists of passes give the numbers that they give without, to the last digits
ir         the printed IR of every model reads back, passes the verifier and prints the same bytes
executors  the lines of examples and std.txt: compiled code gives what the interpreter gives, by every executor there is here
shapes     the same lines at boundary shapes: everything 1, odd sizes, graphs without edges (random/shapes.py)
derivatives  the same lines: derivatives of all outputs against differences (`run --check-grad`); models that output derivatives check second ones,
             and so does the library when the mode is named
random     500 random programs by every executor, and by random schedules (random/programs.py); derivatives of 64 (random/derivatives.py)
text       C and CUDA text of every model, the latter through the shim, compiles without a warning
cuda       CUDA text is compiled by nvcc for three generations of GPUs, where nvcc is: one example, or all when the mode is named
schedule   what `pigeonc explain` prints gives the same loop IR, also where other sizes are expected, and for one model of each file the
           same object
tool       shell scripts that show what pigeonc promises to those who build on it; ok and not ok as above
reference  published models computed a second time in plain Python (reference.py)
input      shell scripts that show how bad input is met; each prints `ok ..`, `not ok ..` or `skipped NAME: REASON` lines
install    the same for the library, installed into a fresh prefix, with clients of several build systems
explain    every diagnostic id is documented and provoked by a test
fuzz       the fuzz target over its corpus, the examples, and the IR of the examples, without libFuzzer
layering   includes point one way
docs       the fenced blocks of README.md and docs/*.md: models are checked, shown IR, C and output is what the compiler prints
Only the standard library is needed."""
import argparse
import concurrent.futures
import glob
import hashlib
import importlib.util
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
a.add_argument("build", nargs="?", default="build", help=argparse.SUPPRESS)
a.add_argument("--only", default="", help=argparse.SUPPRESS)
a.add_argument("--also", action="append", default=[], help=argparse.SUPPRESS)
a.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
ARGS = a.parse_args()
BUILD = os.path.abspath(ARGS.build)
PIGEONC = os.path.join(BUILD, "pigeonc")
counts = {"passed": 0, "failed": 0, "skipped": 0}
skipped = []
lock = threading.Lock()
cuda_lock = threading.Lock()
provoked = set()


def report(kind, name, text=""):
    with lock:
        counts[kind] += 1
        if kind == "failed":
            print("FAILED %s\n    %s" % (name, text.strip().replace("\n", "\n    ")[:3000]), flush=True)
        elif kind == "skipped":
            skipped.append("skipped %s: %s" % (name, text))
            print(skipped[-1], flush=True)


def run(command, **how):
    how.setdefault("timeout", 300)
    try:
        p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=how.pop("cwd", ROOT), **how)
    except subprocess.TimeoutExpired:
        return 124, "", "timed out"
    error = p.stderr.decode("utf-8", "replace")
    with lock:
        provoked.update(re.findall(r"\[([a-z0-9-]+)\]$", error, re.M))
    return p.returncode, p.stdout.decode("utf-8", "replace"), error


def relative(path):
    return os.path.relpath(path, ROOT)


def lines_of(path, word):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [m.group(1).strip() for m in re.finditer(r"^# %s:(.*)$" % word, f.read(), re.M)]


def runs_of(path):
    """The `# run:` lines of a file, each with the `# expect:` lines right below its block of runs."""
    runs, block = [], []
    with open(path, encoding="utf-8", errors="replace") as f:
        for m in re.finditer(r"^# (run|expect):(.*)$", f.read(), re.M):
            if m.group(1) == "run":
                block = [r for r in block if not r[1]] + [(m.group(2).strip(), [])]
                runs.append(block[-1])
            for r in block if m.group(1) == "expect" else []:
                r[1].append(m.group(2).strip())
    return runs


def test_check(path):
    code, out, error = run([PIGEONC, "check", relative(path)])
    report("failed" if code or (error and os.sep + "tests" + os.sep not in path) else "passed", relative(path), error)       # corners may warn


def test_diag(path):
    lines = lines_of(path, "run")
    code, out, error = run([PIGEONC] + (lines[0].split() if lines else ["check"]) + [relative(path)])
    with open(path[:-4] + ".expect", encoding="utf-8") as f:
        expect = f.read()
    if code != 1 or error != expect:
        return report("failed", relative(path), "exit code %d\n--- expected\n%s--- printed\n%s" % (code, expect, error))
    report("passed", relative(path))


def test_example(path, line, wants):
    words = line.split()
    if "--in" not in words and "--inputs" not in words:
        words += ["--in", "*=random:7"]
    code, out, error = run([PIGEONC, "run", relative(path), "--executor=interp"] + words)
    name = "%s %s" % (relative(path), line)
    if code:
        return report("failed", name, "exit code %d\n%s" % (code, error))
    if re.search(r"\bnan\b", out):
        return report("failed", name, "a value is not a number\n" + out)
    for want in wants:
        output, number = [w.strip() for w in want.split("=")]
        m = re.search(r"^%s: .*= (\S+)$" % re.escape(output), out, re.M)
        if not m or abs(float(m.group(1)) - float(number)) > 1e-6 * max(1, abs(float(number))):
            return report("failed", name, "%s is not %s\n%s" % (output, number, out))
    report("passed", name)
    plain = run([PIGEONC, "run", relative(path), "--executor=interp", "--json", "--real", "f64"] + words)[1]
    code, out, error = run([PIGEONC, "run", relative(path), "--executor=interp", "--json", "--real", "f64", "-O1", "--run=default"] + words)
    report("failed" if code or out != plain else "passed", name + " after the passes", "%s%s\nwithout passes:\n%s" % (error, out, plain))


def test_library():
    """std.txt has a line for every model, and each runs and gives numbers."""
    with open(HERE + "/std.txt") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    for file, model, *options in rows:
        code, out, error = run([PIGEONC, "run", "lib/std/%s.pgn" % file, "--model", model, "--executor=interp", "--in", "*=random:7"] + options)
        bad = code or re.search(r"\bnan\b", out)
        report("failed" if bad else "passed", "std %s" % model, error + out)
    have = {(r[0], r[1]) for r in rows}
    for path in glob.glob(ROOT + "/lib/std/*.pgn"):
        with open(path) as f:
            for model in re.findall(r"^model (\w+)", f.read(), re.M):
                if (os.path.basename(path)[:-4], model) not in have:
                    report("failed", "std %s" % model, "tests/std.txt has no line for it")


def test_peers(script):
    """what the library computes, and its derivatives"""
    command = [os.environ.get("PEERS_PYTHON", sys.executable), HERE + "/" + script, BUILD]
    code, out, error = run(command, timeout=900)
    if code == 77:
        return report("skipped", "peers", out.strip()[len("skipped: "):] or error)
    m = re.findall(r"(\d+) passed, (\d+) failed", out)
    if not m or (code and m[-1][1] == "0"):
        return report("failed", "peers", out[-1500:] + error[-1500:])
    for line in re.findall(r"^skipped: (.*)$", out, re.M):
        report("skipped", "peers", line)
    if m[-1][1] != "0":
        report("failed", "peers", out[-3000:])
    with lock:
        counts["passed"] += int(m[-1][0])


def test_pass(path):
    want = path[:-3] + ".expect"
    code, out, error = run([PIGEONC, "opt", "--run=" + lines_of(path, "run")[0], relative(path)])
    with open(want, encoding="utf-8") as f:
        expect = f.read()
    report("failed" if code or out != expect else "passed", relative(path), "%s--- expected\n%s--- printed\n%s" % (error, expect, out))


# lists whose results may differ in the last digits
REWRITES = ["simplify,algebra,share,inline,cse,dce", "simplify,cse,compact,inline,dce,structure", "linear", "share,linear,algebra,dce,turn",
            "simplify,algebra,share,inline,cse,linear,algebra,compact,inline,simplify,cse,dce,sides,structure"]


def arrays(path):
    """The arrays of an .npz as {name: (shape, numbers)}; a complex number is two of them."""
    code = {"f8": "d", "f4": "f", "f2": "e", "c16": "d", "c8": "f", "i8": "q", "i4": "i", "i1": "b", "u1": "B", "b1": "B"}
    out = {}
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            raw = z.read(name)
            n = struct.unpack("<H", raw[8:10])[0]
            head = raw[10:10 + n].decode()
            kind, shape = re.search(r"'descr': '.(\w+)'", head).group(1), re.search(r"'shape': \(([^)]*)\)", head).group(1)
            out[name[:-4]] = (shape, [v for v, in struct.iter_unpack("<" + code[kind], raw[10 + n:])])
    return out


def test_rewrite(path, line):
    words = line.split()
    if "--in" not in words and "--inputs" not in words:
        words += ["--in", "*=random:7"]
    with tempfile.TemporaryDirectory() as tmp:
        plain = None
        for passes in [None] + REWRITES:
            file = os.path.join(tmp, "y.npz")
            code, out, error = run([PIGEONC, "run", relative(path), "--executor=interp", "--real", "f64", "--outputs", file] + words + (["--run=" + passes] if passes else []))
            name = "%s %s --run=%s" % (relative(path), line, passes)
            if code:
                report("failed", name, "exit code %d\n%s" % (code, error))
                continue
            got = arrays(file)
            if passes is None:
                plain = got
                continue
            wrong = differs(plain or {}, got)
            report("failed" if wrong else "passed", name, wrong or "")


def differs(a, b):
    """The first element of two sets of outputs that is not the same to 1e-9 of the largest, or None."""
    if set(a) != set(b):
        return "outputs %s and %s" % (sorted(a), sorted(b))
    for name in sorted(a):
        (shape, x), (other, y) = a[name], b[name]
        if shape != other:
            return "%s has shapes (%s) and (%s)" % (name, shape, other)
        big = max([1.0] + [abs(v) for v in x if abs(v) < float("inf")])
        for k, (p, q) in enumerate(zip(x, y)):
            if not (p == q or abs(p - q) <= 1e-9 * big or (p != p and q != q)):
                return "%s at %d: %.17g and %.17g" % (name, k, p, q)
    return None


EXECUTORS = "cpu,c,cuda-shim"


def test_executors(path, line, executors=EXECUTORS):
    words = line.split()
    if "--in" not in words and "--inputs" not in words:
        words += ["--in", "*=random:7"]
    code, out, error = run([PIGEONC, "run", relative(path)] + words + ["--executor", executors, "--verify", "-O1"])
    name = "%s %s by %s" % (relative(path), line, executors)
    report("failed" if code or out.count(": agrees with") != len(executors.split(",")) else "passed", name, error or out)


def test_derivatives(path, line, order=1):
    """derivatives of all outputs by all inputs and parameters against differences; order 2: the derivatives of those"""
    words = line.split()
    words += [] if "--in" in words or "--inputs" in words else ["--in", "*=random:7"]
    code, out, error = run([PIGEONC, "run", relative(path), "--check-grad", "--grad-order", str(order)] + words)
    name = "%s %s: derivatives of order %d" % (relative(path), line, order)
    if "has no output of reals" in error:
        return
    report("passed" if code == 0 and "agree with differences" in out and "derivative jumps" not in out else "failed", name, error or out)


def test_shapes(path, line):
    """the smallest shape and one that is drawn; what the interpreter refuses is drawn again"""
    import shapes
    words = line.split()
    if "--in" not in words and "--inputs" not in words:
        words += ["--in", "*=random:7"]
    name, left = "%s %s" % (relative(path), line), 2
    for k, shape in enumerate(shapes.shapes(name, words, 30)):
        if left == 0:
            break
        command = [PIGEONC, "run", relative(path)] + shape
        code, out, error = run(command + ["--executor=interp"])
        if code and shapes.refused(code, error):
            continue
        code, out, error = run(command + ["--executor", EXECUTORS, "--verify", "-O%d" % (k > 0)])
        if code or out.count(": agrees with") != len(EXECUTORS.split(",")):
            return report("failed", " ".join(command[1:]), error or out)
        report("passed", name)
        left -= 1
    if left:
        report("skipped", name, "%d of 31 shapes were accepted, not 2" % (2 - left))


RANDOM_SECONDS = 300
random_clock = []


def test_random(first, number):
    """Programs first .. first + number - 1; see tests/random/programs.py.  What has not begun in time is left out."""
    import programs
    random_clock.append(time.time())
    if random_clock[-1] > random_clock[0] + RANDOM_SECONDS:
        return report("skipped", "random programs %d to %d" % (first, first + number - 1), "%d s were over" % RANDOM_SECONDS)
    passed, failures = programs.run_batch(PIGEONC, range(first, first + number), EXECUTORS.split(","), BUILD, schedules=1)
    with lock:
        counts["passed"] += passed
    for name, text in failures:
        report("failed", name, text)


def test_random_derivatives(first, number):
    """derivatives of random programs against differences, and by the cpu executor; see tests/random/derivatives.py"""
    import derivatives
    random_clock.append(time.time())
    if random_clock[-1] > random_clock[0] + RANDOM_SECONDS:
        return report("skipped", "derivatives of random programs %d to %d" % (first, first + number - 1), "%d s were over" % RANDOM_SECONDS)
    passed, count, failures = derivatives.run_batch(PIGEONC, list(range(first, first + number)), ["cpu"], BUILD)
    with lock:
        counts["passed"] += passed
    for name, text in failures:
        report("failed", name, text)


def is_cubin(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def cuda_missing(arch, known={}):
    """Why nothing can be compiled for that architecture here, or None: tried with a kernel of its own, once."""
    with cuda_lock:
        if arch not in known:
            found = {row["name"]: row["what"] for row in json.loads(run([PIGEONC, "--print=config", "--format=json"])[1])["config"]}
            known[arch] = None if found["nvcc"] else "there is no nvcc here"
            with tempfile.TemporaryDirectory() as tmp:
                if found["nvcc"]:
                    with open(tmp + "/a.cu", "w") as f:
                        f.write("__global__ void k(int *p) { *p = 1; }\n")
                    code, out, error = run(found["nvcc"].split() + ["-cubin", "-arch=" + arch, "-o", tmp + "/a.cubin", tmp + "/a.cu"])
                    if code or not is_cubin(tmp + "/a.cubin"):
                        known[arch] = "the nvcc here makes no code for it: " + (error.strip().split("\n")[0] or "its output is no cubin")
        return known[arch]


def test_cuda(path, archs):
    """All models of a file together: nvcc starts slowly."""
    for arch in archs:
        name = "%s for cuda:%s" % (relative(path), arch)
        missing = cuda_missing(arch)
        if missing:
            report("skipped", name, missing)
            continue
        with tempfile.TemporaryDirectory() as tmp:
            code, out, error = run([PIGEONC, relative(path), "--model", "*", "--emit=cubin", "--target=cuda:" + arch, "-o", tmp + "/all.cubin"])
            good = not code and is_cubin(tmp + "/all.cubin")
        report("passed" if good else "failed", name, error or "the output is no cubin")


def test_text(path):
    """All models of a file as C and as CUDA that the shim takes in, with and without the passes."""
    cc = (os.environ.get("CC") or "cc").split()
    for kind, words in ("c", ["-std=c11"]), ("cuda", ["-std=gnu11", "-DPGN_CUDA_SHIM"]):
        name = "%s as %s has no warnings" % (relative(path), kind)
        for level in "-O0", "-O2":
            with tempfile.TemporaryDirectory() as tmp:
                code, out, error = run([PIGEONC, relative(path), "--model", "*", "--emit=" + kind, level, "-o", tmp + "/all.c"])
                if not code:
                    code, out, error = run(cc + words + ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I" + ROOT + "/runtime/include", tmp + "/all.c"])
            if code:
                report("failed", name + " at " + level, error[-1500:])
                break
        else:
            report("passed", name)


def test_format(path):
    code, first, error = run([PIGEONC, "fmt", relative(path), "-o", "-"])
    if code:
        return report("failed", relative(path) + " format", error)
    code, second, error = run([PIGEONC, "fmt", "-"], input=first.encode())
    if code or first != second:
        return report("failed", relative(path) + " format", error or "the second formatting differs")
    for model in re.findall(r"^model (\w+)", first, re.M):
        was, now = run([PIGEONC, "ir", relative(path), "--model", model]), run([PIGEONC, "ir", "-", "--model", model], input=first.encode(), cwd=os.path.dirname(path))
        if was[:2] != now[:2]:
            return report("failed", "%s format: model %s" % (relative(path), model), "the IR differs\n" + was[2] + now[2])
    report("passed", relative(path) + " format")


def test_syntax(path):
    code, first, error = run([PIGEONC, "fmt", relative(path), "-o", "-"])
    code2, second, error2 = run([PIGEONC, "fmt", "-"], input=first.encode())
    report("failed" if code or code2 or first != second else "passed", relative(path), error + error2 or "the second formatting differs")


def test_unit(path):
    code, out, error = run([path])
    m = re.findall(r"(\d+) passed, (\d+) failed", out)
    if code or not m:
        return report("failed", os.path.basename(path), "exit code %d\n%s%s" % (code, out[-1500:], error[-1500:]))
    with lock:
        counts["passed"] += int(m[-1][0])
        counts["failed"] += int(m[-1][1])


def test_ir(path, model):
    name = "%s ir: %s" % (relative(path), model)
    code, first, error = run([PIGEONC, "ir", relative(path), "--model", model])
    if code:
        return report("failed", name, error)
    code, second, error = run([PIGEONC, "opt", "-"], input=first.encode())
    report("failed" if code or first != second else "passed", name, error or "the text read back prints differently")


def test_reference(name, case):
    import reference
    message = reference.compare(PIGEONC, ROOT, *case)
    report("failed" if message else "passed", "reference: " + name, message or "")


def test_script(path):
    with tempfile.TemporaryDirectory() as tmp:
        code, out, error = run(["sh", path], env=dict(os.environ, PIGEONC=PIGEONC, ROOT=ROOT, BUILD=BUILD, LC_ALL="C.UTF-8"), cwd=tmp)
    with lock:
        provoked.update(re.findall(r"\[([a-z0-9-]+)\]$", out, re.M))
    for line in out.splitlines():
        if line.startswith("ok "):
            report("passed", line)
        elif line.startswith("not ok "):
            report("failed", relative(path), line)
        elif line.startswith("skipped "):
            report("skipped", *line[len("skipped "):].split(": ", 1))
    if code:
        report("failed", relative(path), "exit code %d\n%s%s" % (code, out[-800:], error[-800:]))


def test_fuzz():
    program = os.path.join(BUILD, "tests", "fuzz", "replay")
    with tempfile.TemporaryDirectory() as tmp:
        files = [p for kind in ("examples/*/*.pgn", "lib/std/*.pgn", "tests/*/*.pgn", "tests/*/*.ir", "tests/*/*.loop", "tests/fuzz/corpus/*") for p in sorted(glob.glob(os.path.join(ROOT, kind)))]
        for k, p in enumerate(files):
            if p.endswith(".pgn") and "/examples/" in p:
                code, text, error = run([PIGEONC, "ir", relative(p)])
                if not code:
                    files.append(os.path.join(tmp, "%d.ir" % k))
                    with open(files[-1], "w") as f:
                        f.write(text)
        p = subprocess.run([program] + files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=dict(os.environ, PIGEON_LIB=os.path.join(ROOT, "lib")))
    report("failed" if p.returncode else "passed", "fuzz corpus of %d files" % len(files), "exit code %d\n%s" % (p.returncode, p.stderr.decode("utf-8", "replace")[-500:]))


def commands_of(text):
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_schedule(path, model, last):
    name = "schedule %s %s" % (relative(path), model)
    base = [relative(path), "--model", model]
    with tempfile.TemporaryDirectory() as d:
        file = os.path.join(d, "m.pgs")
        code, out, error = run([PIGEONC, "explain"] + base + ["-o", file])
        if code:
            return report("failed", name, error)
        code, again, error = run([PIGEONC, "explain"] + base + ["--schedule", file])
        with open(file) as f:
            first = f.read()
        if code or commands_of(first) != commands_of(again):
            return report("failed", name, "%s--- explained\n%s--- replayed\n%s" % (error, first, again))
        if not commands_of(first)[-1] == "}" or "  only" not in first:
            return report("failed", name, "no schedule:\n" + first)
        for emit in ["intra"] + (["obj"] if last else []):
            made = []
            for more in [], ["--schedule", file]:
                code, out, error = run([PIGEONC] + base + ["--emit=" + emit, "--target=cpu", "--variants=1", "-o", os.path.join(d, "m." + emit)] + more)
                if code:
                    return report("failed", name, error)
                with open(os.path.join(d, "m." + emit), "rb") as f:
                    made.append(f.read())
            if made[0] != made[1]:
                return report("failed", name, "--emit=%s differs by --schedule:\n%s" % (emit, first))
    report("passed", name)


def test_layering():
    """base <- syntax, ir <- loop, diff, interp, pass <- sema, target, lower <- tool; the runtime knows nothing of the compiler"""
    level = {"base": 0, "pigeon": 0, "syntax": 1, "ir": 1, "loop": 2, "diff": 2, "sema": 3, "interp": 2, "pass": 2, "target": 3, "lower": 3, "tool": 5}
    bad = []
    for path in glob.glob(ROOT + "/compiler/**/*.[ch]", recursive=True):
        folder = os.path.relpath(path, ROOT + "/compiler").split(os.sep)[0]
        for m in re.finditer(r'#include "([a-z]+)/([^"]+)"', open(path).read()):
            there = m.group(1)
            # scalar.c fills the table that ir.h declares
            if there in level and folder in level and there != folder and level[there] >= level[folder] and not path.endswith("base/scalar.c"):
                bad.append("%s includes %s/%s" % (relative(path), there, m.group(2)))
    for path in glob.glob(ROOT + "/runtime/**/*.[ch]", recursive=True):
        for m in re.finditer(r'#include "(base|syntax|ir|loop|diff|sema|interp|pass|target|lower|tool)/', open(path).read()):
            bad.append("%s includes the compiler's %s" % (relative(path), m.group(1)))
    report("failed" if bad else "passed", "layering", "\n".join(bad))


def shown(text, whole):
    """A document shows whole lines of an output, in order; a line `...` stands for those left out."""
    plain = lambda t: [re.sub(r"%\d+|(?<=(?:blocked|.. flat) )\d+$", "%", x.rstrip()) for x in t.splitlines()]    # own names, estimates of work: whatever number
    lines, at = plain(whole), 0
    for k, part in enumerate(re.split(r"^ *\.\.\.\n?", text, flags=re.M)):
        part = plain(part)
        places = [j for j in range(at, len(lines) - len(part) + 1) if lines[j:j + len(part)] == part]
        if part and (not places or (k == 0 and places[0] != 0)):
            return False
        at = places[0] + len(part) if part else at
    return text.rstrip().endswith("...") or not any(x.strip() for x in lines[at:])


def test_docs(path):
    """pgn blocks pass the checker; `ir`, `intra` and `c` blocks are what the compiler makes of the model above them; in `console` blocks
    the commands print what is shown; a block whose first line names a file of the repository is in that file."""
    text = open(path, encoding="utf-8").read()
    model, emit = "", {"ir": ["ir"], "intra": ["--emit=intra"], "cpp": ["--emit=c"]}
    with tempfile.TemporaryDirectory() as tmp:
        for k, m in enumerate(re.finditer(r"^```(\w+)\n(.*?)^```", text, re.S | re.M)):
            kind, body, name = m.group(1), m.group(2), "%s block %d" % (relative(path), k + 1)
            file = re.match(r"(?:# |/\* |// )([\w/.]+\.(?:pgn|c|h|sh|am|ac|txt|build))\b", body)
            if file and os.path.exists(os.path.join(ROOT, file.group(1))):
                there = open(os.path.join(ROOT, file.group(1)), encoding="utf-8").read()
                rest = body.split("\n", 1)[1]
                report("passed" if rest.strip() in there else "failed", name, "this is not in %s" % file.group(1))
            if kind == "pgn":
                model = body
                if file:
                    with open(os.path.join(tmp, os.path.basename(file.group(1))), "w") as f:
                        f.write(body)
                code, out, error = run([PIGEONC, "check", "-"], input=body.encode())
                report("failed" if code else "passed", name, error)
            elif kind in emit:
                code, out, error = run([PIGEONC] + emit[kind] + ["-", "-o", "-"], input=model.encode())
                report("passed" if not code and shown(body, out) else "failed", name, "the compiler prints\n" + out + error)
            elif kind == "console":
                for step in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.M):
                    code, out, error = run(step.group(1), shell=True, cwd=tmp, env=dict(os.environ, PATH=BUILD + os.pathsep + os.environ["PATH"]))
                    report("passed" if shown(step.group(2), out + error) else "failed", "%s: %s" % (name, step.group(1)), "it prints\n" + out + error)


def test_also(build, modes):
    """the runner, in another build"""
    code, out, error = run([sys.executable, os.path.abspath(__file__), build, "--only", modes], timeout=3000, env=dict(os.environ, SANITIZED="yes"))
    lines = out.splitlines()
    m = re.match(r"(\d+) passed, (\d+) failed, (\d+) skipped$", lines[-1] if lines else "")
    if not m or (code and m.group(2) == "0"):
        return report("failed", "%s: %s" % (build, modes), "exit code %d\n%s%s" % (code, out[-1500:], error[-1500:]))
    with lock:
        for line in lines[:-1]:
            print("%s: %s" % (os.path.basename(build), line), flush=True)
            skipped.extend(["%s: %s" % (os.path.basename(build), line)] if line.startswith("skipped") else [])
        for kind, n in zip(("passed", "failed", "skipped"), m.groups()):
            counts[kind] += int(n)


def test_explain():
    """After all others: every id that a model or its data can provoke was provoked, and each has an explanation."""
    code, out, error = run([PIGEONC, "--print=diagnostics"])
    # a defect of the compiler, and an executor that is wrong, are nothing that a program or data can ask for
    silent = {"internal", "verify-failed"}
    missing = sorted(set(out.split()) - provoked - silent)
    report("failed" if missing else "passed", "every diagnostic is provoked by a test", "not provoked: " + " ".join(missing))
    for slug in out.split():
        code, text, error = run([PIGEONC, "--explain", slug])
        report("passed" if not code and re.search(r"^Do:    \S", text, re.M) else "failed", "--explain " + slug, error + text)


def everything():
    """A digest of all that a run depends on: the options, the sources, what was built from them, and the tools around."""
    digest = hashlib.blake2b()
    packages = [m for m in ("numpy", "scipy", "torch", "torch_geometric") if importlib.util.find_spec(m)]
    tools = [(t, shutil.which(t)) for t in ("nvcc", "cc", "gcc", "clang-19", "cmake", "pkg-config", "ptxas")]
    options = [(k, v) for k, v in sorted(vars(ARGS).items())]
    digest.update(repr((sys.version, packages, [(t, p, p and os.stat(p).st_mtime_ns) for t, p in tools], options, os.environ.get("PEERS_PYTHON"))).encode())
    files = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = sorted(d for d in inner if not d.startswith((".", "build", "__pycache__", "autom4te")))
        files += [os.path.join(folder, n) for n in sorted(names)]
    for build in [BUILD] + [other.split(":")[0] for other in ARGS.also]:
        files += [build + "/pigeonc"] + sorted(glob.glob(build + "/.libs/*.so") + glob.glob(build + "/*.so") + glob.glob(build + "/.libs/*.a") + glob.glob(build + "/tests/unit/*_test"))
    for path in files:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                digest.update(path.encode() + b"\0" + hashlib.blake2b(f.read()).digest())
    return digest.hexdigest()


def once():
    """Whether all of this passed before; prints what it printed."""
    path = BUILD + "/checked.json"
    try:
        with open(path) as f:
            before = json.load(f)
    except (OSError, ValueError):
        return False
    if before["digest"] != everything():
        return False
    print("nothing has changed since all tests passed on %s; to run them again, remove %s" % (before["date"], os.path.relpath(path)))
    print(before["text"])
    return True


def main():
    if ARGS.once and once():
        return 0
    begun = everything() if ARGS.once else ""
    chosen = [m for m in ARGS.only.split(",") if m]
    for m in chosen:
        if not re.search(r"^%s  " % re.escape(m), __doc__, re.M):
            sys.exit("run.py: no mode `%s`; run.py --help lists them" % m)

    def wanted(mode):
        return not chosen or mode in chosen

    sys.path.insert(0, HERE)
    import reference
    jobs = []
    examples = sorted(glob.glob(HERE + "/values/*.pgn")) + sorted(glob.glob(ROOT + "/examples/*/*.pgn"))
    if wanted("check"):
        jobs += [(test_check, p) for p in sorted(glob.glob(ROOT + "/lib/std/*.pgn")) + examples]
    if wanted("format"):
        jobs += [(test_format, p) for p in sorted(glob.glob(ROOT + "/lib/std/*.pgn")) + examples]
    if wanted("syntax"):
        jobs += [(test_syntax, p) for p in sorted(glob.glob(HERE + "/syntax/*.pgn"))]
    if wanted("unit"):
        jobs += [(test_unit, p) for p in sorted(glob.glob(BUILD + "/tests/unit/*_test"))]
    if wanted("ir"):
        for p in sorted(glob.glob(ROOT + "/lib/std/*.pgn")) + examples:
            with open(p) as f:
                jobs += [(test_ir, p, m) for m in re.findall(r"^model (\w+)", f.read(), re.M)]
    if wanted("diag"):
        jobs += [(test_diag, p) for p in sorted(glob.glob(HERE + "/diag/*.pgn"))]
    if wanted("pass"):
        jobs += [(test_pass, p) for p in sorted(glob.glob(HERE + "/pass/*.ir"))]
    if wanted("rewrite"):
        jobs += [(test_rewrite, p, line) for p in sorted(glob.glob(HERE + "/pass/*.pgn")) + examples for line in lines_of(p, "run")]
    if wanted("examples"):
        jobs += [(test_example, p, line, wants) for p in examples for line, wants in runs_of(p)]
    if wanted("std"):
        jobs.append((test_library,))
    if wanted("peers"):
        jobs += [(test_peers, "reference_peers.py"), (test_peers, "reference_gradients.py")]
    with open(HERE + "/std.txt") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    library = [("%s/lib/std/%s.pgn" % (ROOT, r[0]), " ".join(["--model"] + r[1:])) for r in rows]
    if wanted("executors"):
        jobs += [(test_executors, p, line) for p in examples for line in lines_of(p, "run")]
        jobs += [(test_executors, p, line, "cpu,cuda-shim") for p, line in library]
    if wanted("derivatives"):
        # a training step from states of 0 divides by their roots
        jobs += [(test_derivatives, p, line) for p in examples for line in lines_of(p, "run") if "training=1" not in line] + [(test_derivatives, p, line) for p, line in library]
        jobs += [(test_derivatives, p, line, 2) for p, line in library if "derivatives" in chosen]
    sys.path.insert(0, HERE + "/random")
    if wanted("shapes"):
        jobs += [(test_shapes, p, line) for p in examples if not p.startswith(HERE) for line in lines_of(p, "run")] + [(test_shapes, p, line) for p, line in library]
    if wanted("random"):
        jobs += [(test_random, first, min(8, 501 - first)) for first in range(1, 501, 8)]
        jobs += [(test_random_derivatives, first, 8) for first in range(1, 65, 8)]
    if wanted("text"):
        jobs += [(test_text, p) for p in examples + sorted({p for p, line in library})]
    if wanted("cuda"):
        some = examples if "cuda" in chosen else [ROOT + "/examples/rgcn/rgcn.pgn"]
        jobs += [(test_cuda, p, ["sm_80", "sm_90a", "sm_100"]) for p in some]
    if wanted("tool"):
        jobs += [(test_script, p) for p in sorted(glob.glob(HERE + "/tool/*.sh")) if not p.endswith("/check.sh")]
    if wanted("reference"):
        jobs += [(test_reference, name, case) for name, case in reference.cases()]
    if wanted("input"):
        jobs += [(test_script, p) for p in sorted(glob.glob(HERE + "/input/*.sh"))]
    if wanted("install"):
        jobs += [(test_script, p) for p in sorted(glob.glob(HERE + "/install/*.sh")) if not p.endswith("/common.sh")]
    if wanted("fuzz"):
        jobs.append((test_fuzz,))
    if wanted("schedule"):
        for path in sorted(glob.glob(ROOT + "/examples/*/*.pgn")):
            with open(path) as f:
                models = re.findall(r"^model (\w+)\(", f.read(), re.M)
            for m in models:
                jobs.append((test_schedule, path, m, m == models[-1]))
    if wanted("layering"):
        jobs.append((test_layering,))
    if wanted("docs"):
        jobs += [(test_docs, p) for p in [ROOT + "/README.md"] + sorted(glob.glob(ROOT + "/docs/*.md")) if os.path.exists(p)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for job in concurrent.futures.as_completed([pool.submit(*j) for j in jobs]):
            if job.exception():
                report("failed", "the runner", repr(job.exception()))
    for other in ARGS.also:
        test_also(*other.split(":"))
    if wanted("explain"):
        test_explain()
    last = "%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts
    print(last)
    wrong = counts["failed"] or not counts["passed"]
    if ARGS.once and not wrong and begun == everything():
        with open(BUILD + "/checked.json", "w") as f:
            json.dump({"digest": begun, "date": time.strftime("%Y-%m-%d %H:%M"), "text": "\n".join(skipped + [last])}, f)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
