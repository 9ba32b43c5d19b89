"""The models of examples/ and lib/std at boundary shapes: one of everything, and odd sizes round the widths of vectors; graphs without edges,
with one, with empty relations.  A shape that a model refuses (a grid that can't hold its frequencies, say) is drawn again."""
import random

SIZES = [1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]
GRAPHS = ["1,0,1", "1,1,1", "2,1,3", "5,0,2", "9,9,1", "17,33,4", "8,40,9"]
MOST = 6000                    # the product of all sizes
REFUSALS = ("run-failed", "bad-modes", "out-of-range", "dim-overflow", "dim-unknown", "bad-factor", "bad-selection", "bad-iterate")


def refused(code, error):
    """whether a failed run of the interpreter only says that the shape does not go with the model"""
    return code == 1 and any("[%s]" % r in error for r in REFUSALS) and "[internal]" not in error


def shaped(words, r, ones):
    out, names = [], [w for k, w in enumerate(words) if k and words[k - 1] == "-D"]
    most = max(2, int(MOST ** (1 / max(1, len(names))) * 2))
    for k, w in enumerate(words):
        before = words[k - 1] if k else ""
        if before == "-D" and "=" in w and w.split("=")[1].lstrip("-").isdigit():
            out.append("%s=%d" % (w.split("=")[0], 1 if ones else r.choice([n for n in SIZES if n <= most])))
        elif before == "--graph" and "=random:" in w:
            out.append("%s=random:%s,%d" % (w.split("=")[0], GRAPHS[0] if ones else r.choice(GRAPHS), r.randrange(99)))
        else:
            out.append(w)
    return out


def shapes(name, words, number):
    """argument lists: the smallest shape, then as many as are asked for of those that are drawn"""
    r = random.Random(name)
    return [shaped(words, r, True)] + [shaped(words, r, False) for _ in range(number)]
