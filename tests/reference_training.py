#!/usr/bin/env python3
"""Expected numbers of tests/values/random.pgn and updates.pgn, computed a second time in plain Python: Threefry-2x32 (Salmon et al. 2011)
and the update rules of their papers, in double precision.  `reference_training.py random` or `updates` prints the `# expect:` lines."""
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


def update_values():
    """One step of each rule of std/optim.pgn, from given states, at step 4, of the matrix and gradient of tests/values/updates.pgn."""
    a, b, step, t = 2, 3, 4, 5
    at = [(i, j) for i in range(a) for j in range(b)]
    w = {q: 0.5 - 0.3 * q[0] + 0.2 * q[1] for q in at}
    g = {q: 0.4 * q[0] - 0.35 * q[1] + 0.1 for q in at}
    m = {q: 0.05 * q[0] - 0.02 * q[1] for q in at}
    v = {q: 0.01 + 0.02 * q[0] * q[1] for q in at}
    total = lambda f: sum((1 + q[0] + 2 * q[1]) * f(q) for q in at)
    sign = lambda x: (x > 0) - (x < 0)
    gnorm = math.sqrt(sum(x * x for x in g.values()))

    d = {q: g[q] + 0.1 * w[q] for q in at}
    show("sgd_", total(lambda q: w[q] - 0.1 * (d[q] + 0.9 * (0.9 * m[q] + d[q]))))
    cut = min(1, 0.5 / gnorm)
    show("clipped_", total(lambda q: w[q] - 0.1 * (cut * g[q])))
    mean = lambda q: (0.9 * m[q] + 0.1 * g[q]) / (1 - 0.9**t)
    var = lambda q: (0.999 * v[q] + 0.001 * g[q] ** 2) / (1 - 0.999**t)
    show("adam_", total(lambda q: w[q] - 0.01 * mean(q) / (math.sqrt(var(q)) + 1e-8)))
    new = lambda q: w[q] - 0.01 * 0.1 * w[q] - 0.01 * mean(q) / (math.sqrt(var(q)) + 1e-8)
    show("adamw_", total(new))
    show("ema_", total(lambda q: 0.9 * v[q] + 0.1 * new(q)))
    rate = 0.5 * (1 + math.cos(math.pi * 4 / 10))
    show("lion_", total(lambda q: w[q] - 0.1 * rate * (sign(0.9 * m[q] + 0.1 * g[q]) + 0.1 * w[q])))
    show("lion_m_", total(lambda q: 0.99 * m[q] + 0.01 * g[q]))
    show("lion_k_", total(lambda q: w[q] - 0.1 * math.tanh(0.9 * m[q] + 0.1 * g[q])))
    show("adagrad_", total(lambda q: w[q] - 0.1 * g[q] / (math.sqrt(v[q] + g[q] ** 2) + 1e-10)))
    show("rmsprop_", total(lambda q: w[q] - 0.1 * (0.5 * m[q] + g[q] / (math.sqrt(0.99 * v[q] + 0.01 * g[q] ** 2) + 1e-8))))
    y = {q: w[q] - 0.5 * g[q] for q in at}
    show("l1_", total(lambda q: sign(y[q]) * max(abs(y[q]) - 0.5 * 0.4, 0)))
    row = [math.sqrt(sum(y[i, j] ** 2 for j in range(b))) for i in range(a)]
    show("group_", total(lambda q: y[q] * (1 - 0.5 * 1.2 / row[q[0]]) if row[q[0]] > 0.5 * 1.2 else 0))
    norm = math.sqrt(sum(x * x for x in y.values()))
    show("ball_", total(lambda q: y[q] * 0.7 / norm))
    show("box_", total(lambda q: min(max(y[q], 0), 0.6)))
    show("masked_", total(lambda q: w[q] - 0.5 * g[q] if q[1] == 1 else w[q]))
    m1 = {q: 0.95 * m[q] + g[q] for q in at}
    u = {q: g[q] + 0.95 * m1[q] for q in at}
    norm = math.sqrt(sum(x * x for x in u.values())) + 1e-7
    x = [[u[i, j] / norm for j in range(b)] for i in range(a)]
    for _ in range(5):
        A = [[sum(x[i][j] * x[k][j] for j in range(b)) for k in range(a)] for i in range(a)]
        B = [[2.0315 * sum(A[i][l] * A[l][k] for l in range(a)) - 4.775 * A[i][k] for k in range(a)] for i in range(a)]
        x = [[3.4445 * x[i][j] + sum(B[i][k] * x[k][j] for k in range(a)) for j in range(b)] for i in range(a)]
    show("muon_", total(lambda q: (1 - 0.02 * 0.1) * w[q] - 0.02 * x[q[0]][q[1]]))
    show("scalar_", 2 - 0.1 * 3)


def show(name, value):
    print("# expect: %s = %.9g" % (name, value))


if __name__ == "__main__":
    {"random": random_values, "updates": update_values}[sys.argv[1] if len(sys.argv) > 1 else "random"]()
