#!/usr/bin/env python3
"""report.py BUILD DATA - runs wordnet.pgn over DATA/typed.npz and DATA/untyped.npz, trains train.pgn on DATA/words.npz and prints what came out as
tables."""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def run(pigeonc, model, *options):
    command = [pigeonc, "run", os.path.join(HERE, "wordnet.pgn"), "--model", model, "--json"] + list(options)
    p = subprocess.Popen(command, stdout=subprocess.PIPE)
    out = p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    if status:
        sys.exit("report.py: failed: " + " ".join(command))
    result = json.loads(out)
    result["memory"] = used.ru_maxrss / 1024
    return result


def trained(pigeonc, model, data, epochs, *sizes):
    """The last epoch's numbers, and how long the whole training took."""
    metrics = os.path.join(data, model + ".jsonl")
    command = [pigeonc, "train", os.path.join(HERE, "train.pgn"), "--model", model, "--inputs", os.path.join(data, "words.npz"), "--epochs", str(epochs),
               "--metrics", metrics, "--curve", os.path.join(data, model + ".svg"), "--checkpoint", os.path.join(data, model + ".safetensors")]
    start = time.time()
    if subprocess.run(command + [w for s in sizes for w in ("-D", s)], stdout=subprocess.DEVNULL).returncode:
        sys.exit("report.py: failed: " + " ".join(command))
    with open(metrics) as f:
        return json.loads(f.readlines()[-1]), time.time() - start


def outputs(result):
    return {o["name"]: o.get("value", o.get("mean")) for o in result["outputs"]}


def main():
    build, data = sys.argv[1:3]
    pigeonc, typed, untyped = os.path.join(build, "pigeonc"), os.path.join(data, "typed.npz"), os.path.join(data, "untyped.npz")
    plain = outputs(run(pigeonc, "labels", "-D", "classes=45", "--inputs", untyped))
    with_types = outputs(run(pigeonc, "labels", "-D", "classes=45", "--inputs", typed))
    print("Lexicographer file (one of 45) of the hidden fifth of WordNet's synsets, without training:")
    for what, value in (("always the commonest class", with_types["majority"]), ("votes of neighbours, three rounds, edges without types", plain["accuracy"]),
                        ("votes of neighbours, one round, 26 pointer types", with_types["accuracy_one_round"]), ("votes of neighbours, three rounds, 26 pointer types", with_types["accuracy"])):
        print("  %-58s %5.1f %%" % (what, 100 * value))
    print("The same, learnt from the words of the glosses (hashed into 16,384 rows), full batch, Adam, f32:")
    for what, model, epochs, sizes in (("logistic regression on the words", "words_only", 60, ()), ("two RGCN layers of 64 over the words", "rgcn_words", 40, ("d=64",)),
                                       ("an RGAT layer of 4 heads of 16 over the words", "rgat_words", 25, ("heads=4", "p=16"))):
        last, seconds = trained(pigeonc, model, data, epochs, "words=16384", "classes=45", *sizes)
        print("  %-58s %5.1f %%  (%d epochs in %.1f s)" % (what, 100 * last["accuracy"], epochs, seconds))
    print("One layer over the same graph, 64 -> 64 features, f32, compiled:")
    for layer in ("rgcn", "rgat", "hgt"):
        sizes = ("d=64", "heads=4", "dk=16") if layer == "hgt" else ("in=64", "out=64")
        r = run(pigeonc, layer + "_layer", *[w for s in sizes for w in ("-D", s)], "--inputs", typed, "--in", "h=random:1", "--bench")
        t = r["runs"][0]
        print("  %-4s  %7.1f ms (median of %d), compiled in %.0f ms, graph bound in %.0f ms, workspace %.0f MB, peak memory %.0f MB" %
              (layer.upper(), t["median_ms"], t["runs"], t["compile_ms"], t["bind_ms"], t["workspace_bytes"] / 1e6, r["memory"]))


if __name__ == "__main__":
    main()
