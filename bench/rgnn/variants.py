"""What each optimisation is worth, and whether the compiler chooses well: the same model compiled in several ways, run in turn on the same arrays.

    bench.py BUILD --ablation          U: neither, C: compaction, R: linear fusion, C+R: both
    bench.py BUILD --programs          each of the programs that an object has for different kinds of graphs, and which one it takes
    bench.py BUILD --choice SECONDS    the compiler's choice for a graph beside the best schedule that `pigeonc tune` finds in that time

U has every kernel fusion still: nothing but the two switches --no-linear-fusion and --no-compaction differs."""
import json
import os
import subprocess
import time

import numpy as np

WAYS = (("U", ("--no-linear-fusion", "--no-compaction")), ("C", ("--no-linear-fusion",)), ("R", ("--no-compaction",)), ("C+R", ()))


def clock(f):
    t = time.perf_counter()
    f()
    return time.perf_counter() - t


def ablation(compiled, arrays, rounds):
    """compiled: extra words -> Compiled; arrays: of one -> its inputs. {way: (least seconds, workspace bytes)} and the largest difference from C+R."""
    made = {name: compiled(extra) for name, extra in WAYS}
    given = arrays(made["C+R"])
    for m in made.values():
        m.bind_arrays(given)
    want = [y.copy() for y in made["C+R"]()]
    apart = max(float(np.abs(y - w).max() / max(1e-30, np.abs(w).max())) for m in made.values() for y, w in zip(m(), want))
    seconds = {name: [] for name in made}
    for _ in range(rounds):
        for name, m in made.items():
            if len(seconds[name]) < 3 or seconds[name][0] < 1:
                seconds[name].append(clock(m))
    return {name: (min(t), made[name].workspace) for name, t in seconds.items()}, apart


def programs(compiled, arrays, rounds):
    """least seconds of each program that the object has, and which one it takes for the graph by itself"""
    usual, seconds = compiled(()), []
    given, made = arrays(usual), []
    for k in range(4):
        os.environ["PIGEON_VARIANT"] = str(k)
        m = compiled(())
        if m.variant == k:
            m.bind_arrays(given)
            made.append(m)
    del os.environ["PIGEON_VARIANT"]
    for m in made:
        m()
        seconds.append([])
    for _ in range(rounds):
        for t, m in zip(seconds, made):
            t.append(clock(m))
    return [min(t) for t in seconds], usual.variant


def programs_table(cases, o):
    print("%-11s %-16s %4s %2s | %-40s | %s" % ("graph", "model", "d", "H", "ms of each program", "taken"))
    rows = []
    for name, model, d, heads, compiled, arrays in cases:
        t, taken = programs(compiled, arrays, o.rounds)
        print("%-11s %-16s %4d %2d | %-40s | %d, %.2f of the fastest" % (name, model, d, heads, "  ".join("%.2f" % (1e3 * x) for x in t), taken, t[taken] / min(t)), flush=True)
        rows.append(dict(graph=name, model=model, d=d, heads=heads, seconds=t, taken=taken))
    several = [r for r in rows if len(r["seconds"]) > 1]
    for what, at in (("taken", lambda r: r["taken"]), ("the usual", lambda r: 0)):
        print("%s program within 5 %% of the fastest in %d of %d cases with several; geometric mean of its time / the fastest %.3f" % (
            what, sum(r["seconds"][at(r)] <= 1.05 * min(r["seconds"]) for r in several), len(several), mean([r["seconds"][at(r)] / min(r["seconds"]) for r in several])))
    return rows


def graph_file(raw, name, folder):
    path = os.path.join(folder, "tune-%s.npz" % name)
    if not os.path.exists(path):
        np.savez(path, **{"g." + k: np.ascontiguousarray(raw[k], dtype=np.int32) for k in ("src", "dst", "etype", "ntype")},
                 **{"g.num_nodes": np.int64(raw["nodes"]), "g.num_etypes": np.int64(raw["etypes"]), "g.num_ntypes": np.int64(raw["ntypes"])})
    return path


def choice(build, source, model, dims, raw, name, folder, threads, budget):
    """what `pigeonc tune --json` says"""
    words = [os.path.join(build, "pigeonc"), "tune", source, "--model", model, "--graph", "g=" + graph_file(raw, name, folder), "--in", "*=random:1", "--threads", str(threads),
             "--budget", str(budget), "--json"] + [w for k, v in dims.items() for w in ("-D", "%s=%d" % (k, v))]
    p = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        raise RuntimeError(p.stderr.decode())
    return json.loads(p.stdout)


def mean(v):
    return float(np.exp(np.mean(np.log(v)))) if len(v) else float("nan")


def ablation_table(cases, o):
    """cases: yields (graph, model, d, heads, compiled, arrays); prints a row for each and the geometric means"""
    head = "%-11s %-16s %4s %2s | %9s %9s %9s %9s | %8s %8s %8s | %9s %9s %9s %9s | %s"
    print(head % ("graph", "model", "d", "H", "U ms", "C ms", "R ms", "C+R ms", "U/C", "U/R", "U/C+R", "U MB", "C MB", "R MB", "C+R MB", "differ"))
    rows = []
    for name, model, d, heads, compiled, arrays in cases:
        t, apart = ablation(compiled, arrays, o.rounds)
        ms = [1e3 * t[w][0] for w, _ in WAYS]
        print(head % ((name, model, d, heads) + tuple("%.2f" % x for x in ms) + tuple("%.2f" % (ms[0] / x) for x in ms[1:]) + tuple("%.1f" % (t[w][1] / 1e6) for w, _ in WAYS) + ("%.0e" % apart,)), flush=True)
        rows.append(dict(graph=name, model=model, d=d, heads=heads, ms=dict(zip([w for w, _ in WAYS], ms)), workspace={w: t[w][1] for w, _ in WAYS}, apart=apart))
    for w in ("C", "R", "C+R"):
        print("U / %s: geometric mean %.2f of %d" % (w, mean([r["ms"]["U"] / r["ms"][w] for r in rows]), len(rows)))
    print("C+R within 5 %% of the fastest of the four in %d of %d" % (sum(r["ms"]["C+R"] <= 1.05 * min(r["ms"].values()) for r in rows), len(rows)))
    return rows


def choice_table(cases, o, build, source, folder):
    head = "%-11s %-16s %4s %2s | %10s %10s %7s | %6s %6s %8s | %s"
    print(head % ("graph", "model", "d", "H", "chosen ms", "best ms", "ratio", "tried", "run", "refused", "end"))
    rows = []
    for name, model, d, heads, dims, raw in cases:
        r = choice(build, source, model, dims, raw, name, folder, o.threads, o.choice)
        ratio = r["chosen_ms"] / r["best_ms"]
        print(head % (name, model, d, heads, "%.2f" % r["chosen_ms"], "%.2f" % r["best_ms"], "%.3f" % ratio, r["tried"], r["run"], r["refused"], r["end"]), flush=True)
        rows.append(dict(graph=name, model=model, d=d, heads=heads, ratio=ratio, **{k: r[k] for k in ("chosen_ms", "best_ms", "tried", "run", "refused", "disagreed", "end", "schedule", "runs")}))
    print("the compiler's choice within 5 %% of the best found in %d of %d cases; geometric mean of chosen / best %.3f; %d different programs run, %d that disagree" % (
        sum(r["ratio"] <= 1.05 for r in rows), len(rows), mean([r["ratio"] for r in rows]), sum(r["run"] for r in rows), sum(r["disagreed"] for r in rows)))
    return rows
