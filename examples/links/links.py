#!/usr/bin/env python3
"""Triples of a knowledge graph as arrays for pigeonc.

    links.py FOLDER OUT        FOLDER has train.txt, valid.txt and test.txt (or .txt.gz), lines of head TAB relation TAB tail
    links.py --generate OUT    a small graph of 300 entities instead, whose relations follow from groups of the entities

OUT gets train.npz (g, the graph of the training triples; known, that of all; head, rel, tail), and test.head.npy .. and valid.head.npy ..  Each triple is
there twice, the second time backwards with a relation of its own, so that heads are predicted as tails are.  Only the standard library."""
import gzip
import os
import random
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wordnet"))
from wordnet import npy  # noqa: E402


def read(folder, part):
    for name, opened in ((part + ".txt", open), (part + ".txt.gz", gzip.open)):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with opened(path, "rt", encoding="utf-8") as f:
                rows = [line.rstrip("\n").split("\t") for line in f]
            for k, row in enumerate(rows):
                if len(row) != 3:
                    sys.exit("links.py: %s:%d: not head, relation, tail with tabs between" % (path, k + 1))
            return [tuple(row) for row in rows]
    sys.exit("links.py: %s has no %s.txt or %s.txt.gz; FB15k-237 and WN18RR are released at https://github.com/TimDettmers/ConvE" % (folder, part, part))


def generate():
    """Entity i is in group i mod 12; relation r joins most members of a group to some of the group (group * (r + 1) + r) mod 12."""
    rng = random.Random(1)
    rows = sorted({(h, r, t) for h in range(300) for r in range(4) for t in range((h % 12 * (r + 1) + r) % 12, 300, 12) if rng.random() < 0.25})
    rng.shuffle(rows)
    rows = [tuple(map(str, row)) for row in rows]
    return {"train": rows[400:], "valid": rows[:200], "test": rows[200:400]}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    parts = generate() if sys.argv[1] == "--generate" else {p: read(sys.argv[1], p) for p in ("train", "valid", "test")}
    out = sys.argv[2]
    entity, relation = {}, {}
    for part in ("train", "valid", "test"):
        for h, r, t in parts[part]:
            entity.setdefault(h, len(entity)), entity.setdefault(t, len(entity)), relation.setdefault(r, len(relation))
    both = {}
    for part, rows in parts.items():
        rows = [(entity[h], relation[r], entity[t]) for h, r, t in dict.fromkeys(rows)]
        both[part] = rows + [(t, r + len(relation), h) for h, r, t in rows]
    os.makedirs(out, exist_ok=True)
    with zipfile.ZipFile(os.path.join(out, "train.npz"), "w", zipfile.ZIP_STORED) as z:
        for name, rows in (("g", both["train"]), ("known", list(dict.fromkeys(both["train"] + both["valid"] + both["test"])))):
            for k, array in enumerate(("src", "etype", "dst")):
                z.writestr("%s.%s.npy" % (name, array), npy([row[k] for row in rows], "i", (len(rows),)))
            z.writestr(name + ".ntype.npy", npy([0] * len(entity), "i", (len(entity),)))
            for array, n in (("num_nodes", len(entity)), ("num_etypes", 2 * len(relation)), ("num_ntypes", 1)):
                z.writestr("%s.%s.npy" % (name, array), npy([n], "q", ()))
        for k, array in enumerate(("head", "rel", "tail")):
            z.writestr(array + ".npy", npy([row[k] for row in both["train"]], "i", (len(both["train"]),)))
    for part in ("valid", "test"):
        for k, array in enumerate(("head", "rel", "tail")):
            with open(os.path.join(out, "%s.%s.npy" % (part, array)), "wb") as f:
                f.write(npy([row[k] for row in both[part]], "i", (len(both[part]),)))
    print("%d entities, %d relations, %d + %d + %d triples" % (len(entity), len(relation), *(len(both[p]) // 2 for p in ("train", "valid", "test"))))


if __name__ == "__main__":
    main()
