#!/usr/bin/env python3
"""Expected numbers of tests/values/random.pgn and updates.pgn, computed a second time in plain Python: Threefry-2x32 (Salmon et al. 2011)
and the update rules of their papers, in double precision.  `reference_training.py random` prints the `# expect:` lines."""
import math
import sys

M32, M64 = 2**32 - 1, 2**64 - 1


def threefry(key, counter):
    k0, k1 = key & M32, key >> 32 & M32
    ks = [k0, k1, k0 ^ k1 ^ 0x1BD11BDA]
    x, y = (counter + k0) & M32, ((counter >> 32) + k1) & M32
    for r in range(20):
        x = (x + y) & M32
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[r % 8]
        y = (y << turn | y >> (32 - turn)) & M32 ^ x
        if r % 4 == 3:
            x = (x + ks[(r // 4 + 1) % 3]) & M32
            y = (y + ks[(r // 4 + 2) % 3] + r // 4 + 1) & M32
    return y << 32 | x


# the vectors that its authors publish
assert threefry(0, 0) == 0x99BA4EFE6B200159
assert threefry(M64, M64) == 0xBB002BE71CB996FC
assert threefry(0x0370734413198A2E, 0x85A308D3243F6A88) == 0x483DF7A0C4923A9C


def fnv(text, tail=b""):
    h = 1469598103934665603
    for b in text.encode() + tail:
        h = (h ^ b) * 1099511628211 & M64
    return h


def stream(name, count=0, seed=0, step=0, integers=()):
    k = threefry(threefry(seed, step), fnv(name, count.to_bytes(4, "little")))
    for i in integers:
        k = threefry(k, i & M64)
    return k


def uniform(bits):
    return (bits >> 40) * 2.0**-24


def uniform64(bits):
    return (bits >> 11) * 2.0**-53


def normal(bits):
    return math.sqrt(-2 * math.log(((bits >> 32) + 1) * 2.0**-32)) * math.cos(2 * math.pi * (bits & M32) * 2.0**-32)


def random_values():
    n, g, seed, step = 5, 3, 7, 2
    show("first", uniform(threefry(stream("u", 0, seed, step), 0)))
    show("place", uniform(threefry(stream("u", 0, seed, step), 4 * g + 2)))
    show("gauss", sum((i + 1) * normal(threefry(stream("x", 0, seed, step), i)) for i in range(n)))
    show("two", sum(uniform(threefry(stream("w", 0, seed, step), i)) - uniform(threefry(stream("w", 1, seed, step), i)) for i in range(n)))
    show("third", uniform(threefry(stream("third", 0, seed, step, [3]), 0)))
    show("dice", sum((i + 1) * ((threefry(stream("k_", 0, seed, step), i) >> 32) * 10 >> 32) for i in range(n)))
    show("heads", sum(i for i in range(n) if uniform(threefry(stream("b", 0, seed, step), i)) < 0.5))
    key = threefry(seed, fnv("A"))
    show("begun", sum((i + 1) * (2 + 0.5 * normal(threefry(key, i))) for i in range(n)))
    key = threefry(seed, fnv("B"))
    most = math.sqrt(6 / (n + g))
    show("spread", sum((i + 1) * most * (2 * uniform64(threefry(key, i)) - 1) for i in range(n * g)))


def show(name, value):
    print("# expect: %s = %.9g" % (name, value))


if __name__ == "__main__":
    {"random": random_values}[sys.argv[1] if len(sys.argv) > 1 else "random"]()
