#!/usr/bin/env python3
"""A text as rows of characters for pigeonc, and back.

    charlm.py FILE OUT T          FILE is text (or .gz): OUT gets token.npy and next.npy, rows of T characters and those that follow them, of the first nine
                                  tenths of the text, valid.token.npy and valid.next.npy of the rest, and letters.txt, whose numbers they are
    charlm.py --generate OUT T    the same of sentences that a small grammar makes
    charlm.py --ask OUT TEXT      OUT/prompt.npy
    charlm.py --read OUT NPY      prints the text of an array of numbers

Only the standard library."""
import array
import gzip
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wordnet"))
from wordnet import npy  # noqa: E402


def generate():
    rng = random.Random(1)
    who, does, what = ("the cat", "a dog", "my aunt", "the old king"), ("sees", "hears", "follows"), ("a bird", "the moon", "nobody")
    return "".join("%s %s %s.\n" % (rng.choice(who), rng.choice(does), rng.choice(what)) for _ in range(1500))


def read(path):
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
            return f.read()
    except OSError as error:
        sys.exit("charlm.py: %s: %s" % (path, error.strerror or error))


def write(path, rows, length):
    with open(path, "wb") as f:
        f.write(npy([c for row in rows for c in row], "i", (len(rows), length) if length else (len(rows[0]),)))


def letters(out):
    with open(os.path.join(out, "letters.txt"), encoding="utf-8", newline="") as f:
        return f.read()


def prepare(text, out, length):
    known = "".join(sorted(set(text)))
    number = {c: k for k, c in enumerate(known)}
    codes = [number[c] for c in text]
    starts = range(0, len(codes) - length, length)
    split = len(starts) * 9 // 10
    if not split or split == len(starts):
        sys.exit("charlm.py: %d characters are too few for rows of %d" % (len(text), length))
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "letters.txt"), "w", encoding="utf-8", newline="") as f:
        f.write(known)
    for prefix, part in (("", starts[:split]), ("valid.", starts[split:])):
        for name, shift in (("token", 0), ("next", 1)):
            write(os.path.join(out, prefix + name + ".npy"), [codes[s + shift:s + shift + length] for s in part], length)
    print("%d characters of %d kinds, %d + %d rows" % (len(text), len(known), split, len(starts) - split))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n\n")[1])
    first, out, last = sys.argv[1:]
    if first == "--ask":
        known = letters(out)
        if not last or not set(last) <= set(known):
            sys.exit("charlm.py: a prompt has one or more of the text's characters")
        write(os.path.join(out, "prompt.npy"), [[known.index(c) for c in last]], 0)
    elif first == "--read":
        with open(last, "rb") as f:
            raw = f.read()
        body = array.array("i", raw[10 + struct.unpack("<H", raw[8:10])[0]:])
        print("".join(letters(out)[c] for c in body))
    else:
        out, length = (out, last)
        prepare(generate() if first == "--generate" else read(first), out, int(length))


if __name__ == "__main__":
    main()
