#!/usr/bin/env python3
"""The test runner: the folder is the mode.  Prints what failed and, last, `N passed, N failed, N skipped`.

    run.py BUILD [--only WORD] [--random N] [--seed S]

syntax/*.pgn      parse, format, format again: same text
diag/*.pgn        `pigeonc check` (or the command in a `# run:` line) prints exactly FILE.expect
values/*.pgn      every `# run:` line through cpu, c and cuda (on the CPU's shim), each compared with the reference interpreter;
                  FILE.out/NAME.npy, when there, holds numbers made by NumPy that the interpreter must reach
examples          the same, for the `# run:` lines of examples/*/*.pgn
ir                every program of values and examples: printed IR reads back to the same text, before and after lowering
input/*.sh        shell scripts that show how bad input is met; each prints `ok` lines or fails
random            generated programs through all executors (random/generate.py)
unit              the C test programs; each prints `N passed, N failed`
layering          includes point one way
docs              fenced pgn blocks of README.md and docs/*.md pass `pigeonc check`
Only the standard library is needed."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
PIGEONC = os.path.join(BUILD, "pigeonc")
TOLERANCE = {"f32": "2e-4", "f64": "1e-9"}
counts = {"passed": 0, "failed": 0, "skipped": 0}
lock = threading.Lock()


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def report(kind, name, text=""):
    with lock:
        counts[kind] += 1
        if kind == "failed":
            print("FAILED %s\n    %s" % (name, text.strip().replace("\n", "\n    ")[:3000]), flush=True)
        elif kind == "skipped":
            print("skipped %s: %s" % (name, text), flush=True)


def run(command, **how):
    how.setdefault("timeout", 300)
    try:
        p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=how.pop("cwd", ROOT), **how)
    except subprocess.TimeoutExpired:
        return 124, "", "timed out"
    return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


def relative(path):
    return os.path.relpath(path, ROOT)


def run_lines(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [m.group(1).strip() for m in re.finditer(r"^# run:(.*)$", f.read(), re.M)]


def test_syntax(path):
    code, first, error = run([PIGEONC, "fmt", path, "-o", "-"])
    if code:
        return report("failed", relative(path), error)
    code, second, error = run([PIGEONC, "fmt", "-", "-o", "-"], input=first.encode())
    if code or first != second:
        return report("failed", relative(path) + " (formatting twice)", error or "the second formatting differs")
    report("passed", relative(path))


def test_diag(path):
    lines = run_lines(path)
    words = lines[0].split() if lines else ["check"]
    code, out, error = run([PIGEONC] + words + [relative(path)])
    with open(path[:-4] + ".expect", encoding="utf-8") as f:
        expect = f.read()
    if code != 1:
        return report("failed", relative(path), "exit code %d, not 1\n%s" % (code, error))
    if error != expect:
        return report("failed", relative(path), "--- expected\n%s--- printed\n%s" % (expect, error))
    report("passed", relative(path))


def test_value(path, line, executor):
    name = "%s [%s] %s" % (relative(path), executor, line)
    words = line.split()
    real = words[words.index("--real") + 1] if "--real" in words else "f32"
    if "--in" not in words and "--inputs" not in words:
        words += ["--in", "*=random:7"]
    code, out, error = run([PIGEONC, "run", relative(path), "--executor", executor, "--verify=" + TOLERANCE[real]] + words)
    report("failed" if code else "passed", name, "exit code %d\n%s%s" % (code, out, error))


def test_ir(path, line):
    words = [w for w in line.split()]
    keep = []
    while words:
        w = words.pop(0)
        if w in ("--model", "-D", "--real"):
            keep += [w, words.pop(0)]
        elif words and not words[0].startswith("-"):
            words.pop(0)
    for kind in ("inter", "intra"):
        name = "%s [%s text] %s" % (relative(path), kind, " ".join(keep))
        code, first, error = run([PIGEONC, relative(path), "--emit", kind] + keep)
        if code:
            report("failed", name, error)
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".ir") as f:
            f.write(first)
            f.flush()
            code, second, error = run([PIGEONC, "opt", f.name] + (["--emit", "intra"] if kind == "intra" else []))
        if code or first != second:
            report("failed", name, error or "the text read back prints differently")
        else:
            report("passed", name)


def test_script(path):
    with tempfile.TemporaryDirectory() as tmp:
        env = dict(os.environ, PIGEONC=PIGEONC, BUILD=BUILD, ROOT=ROOT, TMP=tmp, LC_ALL="C.UTF-8")
        code, out, error = run(["sh", path], env=env, cwd=tmp)
    for line in out.splitlines():
        if line.startswith("ok "):
            report("passed", line)
        elif line.startswith("skip "):
            report("skipped", relative(path), line[5:])
        elif line.startswith("not ok "):
            report("failed", relative(path), line + "\n" + error)
    if code:
        report("failed", relative(path), out + error)


def test_unit(path):
    code, out, error = run([path])
    m = re.findall(r"(\d+) passed, (\d+) failed", out)
    if not m or code:
        return report("failed", os.path.basename(path), "exit code %d\n%s%s" % (code, out[-1500:], error[-1500:]))
    with lock:
        counts["passed"] += int(m[-1][0])
        counts["failed"] += int(m[-1][1])


def test_layering():
    """base <- syntax, ir <- loop, sema, interp, pass <- lower <- target <- tool"""
    level = {"base": 0, "syntax": 1, "ir": 1, "pigeon": 0, "loop": 2, "sema": 2, "interp": 2, "pass": 2, "lower": 3, "target": 4, "tool": 5}
    bad = []
    for path in glob.glob(ROOT + "/compiler/**/*.[ch]", recursive=True):
        folder = os.path.relpath(path, ROOT + "/compiler").split(os.sep)[0]
        for m in re.finditer(r'#include "([a-z]+)/([^"]+)"', open(path).read()):
            there = m.group(1)
            if there in level and there != folder and level[there] >= level[folder]:
                bad.append("%s includes %s/%s" % (relative(path), there, m.group(2)))
    for path in glob.glob(ROOT + "/runtime/**/*.[ch]", recursive=True):
        for m in re.finditer(r'#include "(base|syntax|ir|loop|sema|interp|pass|lower|target|tool)/', open(path).read()):
            bad.append("%s includes the compiler's %s" % (relative(path), m.group(1)))
    report("failed" if bad else "passed", "layering", "\n".join(bad))


def test_docs(path):
    text = open(path, encoding="utf-8").read()
    for k, m in enumerate(re.finditer(r"^```pgn\n(.*?)^```", text, re.S | re.M)):
        code, out, error = run([PIGEONC, "check", "-"], input=m.group(1).encode())
        report("failed" if code else "passed", "%s block %d" % (relative(path), k + 1), error)


def main():
    only = option("--only", "")
    jobs = []
    values = sorted(glob.glob(HERE + "/values/*.pgn")) + sorted(glob.glob(ROOT + "/examples/*/*.pgn"))
    if only in ("", "syntax"):
        jobs += [(test_syntax, p) for p in sorted(glob.glob(HERE + "/syntax/*.pgn")) + values + sorted(glob.glob(ROOT + "/lib/std/*.pgn"))]
    if only in ("", "diag"):
        jobs += [(test_diag, p) for p in sorted(glob.glob(HERE + "/diag/*.pgn"))]
    for path in values:
        for line in run_lines(path):
            if only in ("", "ir"):
                jobs.append((test_ir, path, line))
            if only in ("", "values"):
                jobs += [(test_value, path, line, executor) for executor in ("cpu", "c", "cuda")]
    if only in ("", "input"):
        jobs += [(test_script, p) for p in sorted(glob.glob(HERE + "/input/*.sh"))]
    if only in ("", "unit"):
        jobs += [(test_unit, p) for p in sorted(glob.glob(BUILD + "/tests/unit/*_test")) if os.access(p, os.X_OK)]
    if only in ("", "layering"):
        jobs.append((test_layering,))
    if only in ("", "docs"):
        jobs += [(test_docs, p) for p in [ROOT + "/README.md"] + sorted(glob.glob(ROOT + "/docs/*.md")) if os.path.exists(p)]
    if only in ("", "random"):
        sys.path.insert(0, HERE + "/random")
        import generate
        jobs += generate.jobs(PIGEONC, int(option("--random", "60")), int(option("--seed", "1")), run, report)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for job in concurrent.futures.as_completed([pool.submit(*j) for j in jobs]):
            error = job.exception()
            if error:
                report("failed", "the runner", repr(error))
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
