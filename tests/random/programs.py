#!/usr/bin/env python3
"""Random programs through every executor; every failure is shrunk, and printed with the command that repeats it.

    programs.py BUILD [--programs N] [--first SEED] [--batch K] [--executors c,cuda-shim,cpu] [--seconds S] [--jobs J] [--schedules N]
    programs.py BUILD --seed SEED [--print]          one program; --print only shows it

A program is what generate.py makes of its seed.  It runs by the interpreter, after the passes, through the text of the IR and the
formatter, and by each executor with --verify; all must agree.  Compilers take long to start, so a batch of programs is one model whose
names differ by prefixes; when it fails, its programs run one by one.  `--executors=` leaves compiled code out."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from batches import level_of, options, prefix_of, real_of, run_all        # noqa: E402
from check import Checker            # noqa: E402
from generate import program         # noqa: E402
from shrink import shrink            # noqa: E402
from tree import merged              # noqa: E402


def checker_of(pigeonc, folder, executors, seed, schedules=0):
    return Checker(pigeonc, folder, executors, level_of(seed), schedules=schedules)


def described(checker, p, failure, seed, build, keep=None, small=True):
    """(name, text) of a failure, shrunk"""
    if small:
        p, failure = shrink(checker, p, failure)
    words = checker.write(p, True)
    text = "%s\nreproduce: python3 tests/random/programs.py %s --seed %s\nshrunk to (run with %s):\n%s" % (
        failure.text.strip(), build, seed, " ".join(words[1:]), p.source(True).rstrip())
    if keep:
        folder = os.path.join(keep, "seed-%s" % seed)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(checker.folder, folder)
        with open(os.path.join(folder, "args"), "w") as o:
            o.write(" ".join(words) + "\n" + failure.way + ": " + failure.text)
    return "random program %s by %s" % (seed, failure.way), text


def run_batch(pigeonc, seeds, executors, build, keep=None, small=True, schedules=0):
    """(number that agree, descriptions of those that don't)"""
    seeds, bad = list(seeds), []
    tmp = tempfile.mkdtemp(prefix="pigeon-random-")
    try:
        checker = checker_of(pigeonc, tmp, executors, seeds[0], schedules)
        real = real_of(seeds[0])
        if checker.check(merged([program(s, prefix_of(k), real) for k, s in enumerate(seeds)])) is None:
            return len(seeds), []
        for s in seeds:
            own = checker_of(pigeonc, tmp, executors, s, schedules)
            p = program(s, "", real_of(s))
            f = own.check(p)
            if f:
                bad.append(described(own, p, f, s, build, keep, small))
        if not bad:                                          # only together, or only in the precision of the batch
            whole = merged([program(s, prefix_of(k), real) for k, s in enumerate(seeds)])
            f = checker.check(whole)
            if f:
                bad.append(described(checker, whole, f, ",".join(str(s) for s in seeds), build, keep, small))
        return len(seeds) - len(bad), bad
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def main():
    a = options(8, "c,cuda-shim,cpu")
    a.add_argument("--schedules", type=int, default=0, help="so many random schedules for each batch, run by the cpu executor")
    a.add_argument("--keep", help="a folder that gets the files of what failed")
    args = a.parse_args()
    done = run_all(args, program, lambda pigeonc, seeds, executors: run_batch(pigeonc, seeds, executors, args.build, args.keep, not args.no_shrink, args.schedules))
    if done is None:
        return 0
    results, failed, took = done
    passed = sum(n for n, in results)
    print("%d random programs agree, %d fail, %s" % (passed, failed, took))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
