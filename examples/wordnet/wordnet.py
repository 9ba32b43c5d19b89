#!/usr/bin/env python3
"""Reads WordNet's data files (Debian package wordnet-base) into arrays for pigeonc: wordnet.npz.

    wordnet.py [folder of data.noun ...] OUT.npz

With --words BUCKETS also `of` and `word`, one element for each word of a synset's gloss and its own words: the synset, and the word's bucket (CRC-32
modulo BUCKETS).

Arrays: g.src g.dst g.etype (i32; every pointer as WordNet stores it, which gives most of them both ways), g.num_nodes, g.num_etypes,
g.ntype (part of speech: noun, verb, adjective, adverb), label (i32: lexicographer file number), known (f32: 1 for the four fifths of synsets whose class may be used, 0 for the hidden fifth, chosen
by a hash of the synset's number).  With --untyped all edges have one type. Only the standard library."""
import array
import re
import struct
import sys
import zipfile
import zlib


def npy(values, typecode, shape):
    """The bytes of one .npy file."""
    descr = {"i": "<i4", "f": "<f4", "q": "<i8"}[typecode]
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, "".join("%d, " % n for n in shape))
    head += " " * ((-(len(head) + 11)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + array.array(typecode, values).tobytes()


def read(folder):
    """Synsets in file order: [(lex file, [(pointer, offset, pos)], part of speech, words)], and the place of (pos, offset)."""
    synsets, place = [], {}
    for part, (pos, name) in enumerate((("n", "noun"), ("v", "verb"), ("a", "adj"), ("r", "adv"))):
        with open("%s/data.%s" % (folder, name), encoding="latin-1") as f:
            for line in f:
                if line.startswith(" "):
                    continue
                head, _, gloss = line.partition(" | ")
                word = head.split()
                n = 4 + 2 * int(word[3], 16)
                pointers = [(word[n + 1 + 4 * k], word[n + 2 + 4 * k], word[n + 3 + 4 * k]) for k in range(int(word[n]))]
                place[pos, word[0]] = len(synsets)
                words = re.findall("[a-z]+", " ".join(word[4:n - 1:2] + [gloss]).lower().replace("_", " "))
                synsets.append((int(word[1]), pointers, part, words))
    return synsets, place


def main():
    args = sys.argv[1:]
    buckets = 0
    if "--words" in args:
        at = args.index("--words")
        buckets = int(args[at + 1])
        del args[at:at + 2]
    args = [a for a in args if not a.startswith("--")]
    untyped = "--untyped" in sys.argv
    folder, out = (args if len(args) == 2 else ["/usr/share/wordnet", args[0]])
    try:
        synsets, place = read(folder)
    except FileNotFoundError as error:
        sys.exit("wordnet.py: %s is missing; on Debian: apt-get install wordnet-base" % error.filename)
    types, src, dst, etype = {}, [], [], []
    for v, (_, pointers, _, _) in enumerate(synsets):
        for symbol, offset, pos in pointers:
            u = place["a" if pos == "s" else pos, offset]
            r = types.setdefault(symbol, len(types))
            src.append(v)
            dst.append(u)
            etype.append(0 if untyped else r)
    n = len(synsets)
    of = [v for v, s in enumerate(synsets) if buckets for _ in s[3]]
    word = [zlib.crc32(w.encode()) % buckets for s in synsets if buckets for w in s[3]]
    known = [0.0 if (v * 2654435761 >> 16) % 5 == 0 else 1.0 for v in range(n)]
    count = 1 if untyped else len(types)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, values, code in (("g.src", src, "i"), ("g.dst", dst, "i"), ("g.etype", etype, "i"),
                                   ("g.ntype", [part for _, _, part, _ in synsets], "i"), ("label", [lex for lex, _, _, _ in synsets], "i"), ("known", known, "f")):
            z.writestr(name + ".npy", npy(values, code, (len(values),)))
        for name, values in (("of", of), ("word", word)) if buckets else ():
            z.writestr(name + ".npy", npy(values, "i", (len(values),)))
        for name, value in (("g.num_nodes", n), ("g.num_etypes", count), ("g.num_ntypes", 4)):
            z.writestr(name + ".npy", npy([value], "q", ()))
    print("%d synsets, %d edges of %d types, %d classes, %d hidden" %
          (n, len(src), count, 1 + max(lex for lex, _, _, _ in synsets), known.count(0.0)))


if __name__ == "__main__":
    main()
