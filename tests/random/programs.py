#!/usr/bin/env python3
"""Random programs through every executor.

    programs.py BUILD [--programs N] [--first SEED] [--batch K] [--executors c,cuda,cpu] [--seconds S] [--keep]
    programs.py BUILD --seed SEED [--real f64]         one program; --print only shows it"""
import argparse
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import Checker            # noqa: E402
from generate import program         # noqa: E402
from shrink import shrink            # noqa: E402
from tree import merged              # noqa: E402


def real_of(seed):
    return "f64" if int(seed) % 4 == 0 else "f32"


def letters(k):
    return chr(97 + k // 26) + chr(97 + k % 26) + "_" if k >= 26 else chr(97 + k) + "_"


def one(checker, seed, real=None):
    p = program(seed, "", real or real_of(seed))
    return p, checker.check(p)


def report(checker, p, failure, seed, args, build):
    small, f = (p, failure) if args.no_shrink else shrink(checker, p, failure)
    words = checker.write(small, True)
    print("FAILED program %s by %s: %s" % (seed, f.way, f.text.strip()))
    print("    reproduce: python3 tests/random/programs.py %s --seed %s" % (build, seed))
    print("    shrunk to (run with %s):" % " ".join(words[1:]))
    print("    " + small.source(True).rstrip().replace("\n", "\n    "), flush=True)
    if args.keep:
        folder = os.path.join(args.keep, "seed-%s" % seed)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(checker.folder, folder)
        with open(os.path.join(folder, "args"), "w") as o:
            o.write(" ".join(words) + "\n" + f.way + ": " + f.text)


def batch(pigeonc, seeds, args, tmp):
    """(passed, list of (seed, program, failure))"""
    checker = Checker(pigeonc, os.path.join(tmp, "b%s" % seeds[0]), args.executors)
    real = real_of(seeds[0])
    ps = [program(s, letters(k), real) for k, s in enumerate(seeds)]
    whole = merged(ps)
    f = checker.check(whole)
    if not f:
        shutil.rmtree(checker.folder)
        return len(seeds), []
    bad = []
    for s in seeds:
        p, g = one(checker, s, real)
        if g:
            bad.append((s, p, g))
    if not bad:                                              # only together
        bad.append(("%s..%s" % (seeds[0], seeds[-1]), whole, f))
    return len(seeds) - len(bad), bad


def main():
    a = argparse.ArgumentParser()
    a.add_argument("build")
    a.add_argument("--programs", type=int, default=500)
    a.add_argument("--first", type=int, default=1)
    a.add_argument("--batch", type=int, default=8)
    a.add_argument("--executors", default="")
    a.add_argument("--seconds", type=float, default=0)
    a.add_argument("--seed")
    a.add_argument("--real")
    a.add_argument("--print", action="store_true")
    a.add_argument("--no-shrink", action="store_true")
    a.add_argument("--keep")
    a.add_argument("--jobs", type=int, default=os.cpu_count())
    args = a.parse_args()
    args.executors = [e for e in args.executors.split(",") if e]
    pigeonc = os.path.join(os.path.abspath(args.build), "pigeonc")
    tmp = tempfile.mkdtemp(prefix="pigeon-random-")
    passed = failed = 0
    try:
        if args.seed:
            if args.print:
                print(program(args.seed, "", args.real or real_of(args.seed)).source(), end="")
                return 0
            checker = Checker(pigeonc, os.path.join(tmp, "one"), args.executors)
            p, f = one(checker, args.seed, args.real)
            if f:
                report(checker, p, f, args.seed, args, args.build)
            else:
                print("program %s: every executor agrees" % args.seed)
            return 1 if f else 0
        start = time.time()
        last = args.first + args.programs
        todo = [list(range(k, min(k + args.batch, last))) for k in range(args.first, last, args.batch)]
        late = 0
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            def work(seeds):
                if args.seconds and time.time() - start > args.seconds:
                    return None
                return batch(pigeonc, seeds, args, tmp)
            for result in pool.map(work, todo):
                if result is None:
                    late += 1
                    continue
                passed += result[0]
                for seed, p, f in result[1]:
                    failed += 1
                    report(Checker(pigeonc, os.path.join(tmp, "shrink"), args.executors), p, f, seed, args, args.build)
        print("%d random programs agree, %d fail%s, %.0f s" % (passed, failed, ", time was up before %d batches" % late if late else "", time.time() - start))
        return 1 if failed or not passed else 0
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
