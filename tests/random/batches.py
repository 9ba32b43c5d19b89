"""What programs.py and derivatives.py do alike: their command line, and batches of seeds one beside the other until the time is up."""
import argparse
import concurrent.futures
import os
import time

PREFIXES = "abcdefghijklmnopqrstuvwxyz"          # of the names of the programs of a batch


def prefix_of(k):
    return PREFIXES[k] + "_"


def real_of(seed):
    return "f64" if (int(seed) - 1) // 8 % 4 == 0 else "f32"


def level_of(seed):
    return (2, 0, 1, 3, 2)[(int(seed) - 1) // 8 % 5]


def options(batch, executors):
    a = argparse.ArgumentParser()
    a.add_argument("build")
    a.add_argument("--programs", type=int, default=500)
    a.add_argument("--first", type=int, default=1)
    a.add_argument("--batch", type=int, default=batch)
    a.add_argument("--executors", default=executors)
    a.add_argument("--seconds", type=float, default=0)
    a.add_argument("--jobs", type=int, default=os.cpu_count())
    a.add_argument("--seed", help="one program, or several with commas between: one batch")
    a.add_argument("--print", action="store_true")
    a.add_argument("--no-shrink", action="store_true")
    return a


def run_all(args, program, one_batch):
    """program(seed, prefix, real) makes one; one_batch(pigeonc, seeds, executors) gives a tuple whose last is what failed, pairs of a name and a
    text.  (the tuples without that, how many failed, what is to be said of the time), or None when programs were only to be printed"""
    if args.seed and args.print:
        for s in args.seed.split(","):
            print(program(s, "", real_of(s)).source(), end="")
        return None
    executors = [e for e in args.executors.split(",") if e]
    pigeonc = os.path.join(os.path.abspath(args.build), "pigeonc")
    start, results, failed, late, last = time.time(), [], 0, 0, args.first + args.programs
    batches = [args.seed.split(",")] if args.seed else [list(range(k, min(k + args.batch, last))) for k in range(args.first, last, args.batch)]

    def work(seeds):
        if args.seconds and time.time() - start > args.seconds:
            return None
        return one_batch(pigeonc, seeds, executors)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for result in pool.map(work, batches):
            if result is None:
                late += 1
                continue
            results.append(result[:-1])
            for name, text in result[-1]:
                failed += 1
                print("FAILED %s\n    %s" % (name, text.replace("\n", "\n    ")), flush=True)
    return results, failed, "%s%.0f s" % ("time was up before %d batches, " % late if late else "", time.time() - start)
