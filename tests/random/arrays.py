"""Arrays in .npz files, and the inputs of a random program."""
import array
import ast
import io
import random
import struct
import sys
import zipfile

from tree import is_complex, is_float

CODE = {"f64": ("<f8", "d"), "f32": ("<f4", "f"), "i64": ("<i8", "q"), "i32": ("<i4", "i"), "i8": ("|i1", "b"), "u8": ("|u1", "B"), "bool": ("|b1", "B"),
        "c64": ("<c8", "f"), "c128": ("<c16", "d"), "f16": ("<f2", "e")}


def packed(dt, data):
    code = CODE[dt][1]
    if code == "e":
        return struct.pack("<%de" % len(data), *data)
    a = array.array(code, data)
    if sys.byteorder == "big":
        a.byteswap()
    return a.tobytes()


def npy(dt, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (CODE[dt][0], "".join("%d, " % n for n in shape))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + packed(dt, data)


def write_npz(path, entries):
    """entries: (name, dt, shape, data); complex data are re, im pairs"""
    with zipfile.ZipFile(path, "w") as z:
        for name, dt, shape, data in entries:
            z.writestr(name + ".npy", npy(dt, shape, data))


def read_npz(path):
    """name -> (dt, shape, list of numbers)"""
    back = {d: (k, c) for k, (d, c) in CODE.items()}
    out = {}
    with zipfile.ZipFile(path) as z:
        for n in z.namelist():
            raw = z.read(n)
            size = struct.unpack("<H", raw[8:10])[0] if raw[6] == 1 else struct.unpack("<I", raw[8:12])[0]
            start = 10 if raw[6] == 1 else 12
            head = ast.literal_eval(raw[start:start + size].decode())
            dt, code = back[head["descr"]]
            data = raw[start + size:]
            out[n[:-4]] = (dt, head["shape"], list(struct.unpack("<%d%s" % (len(data) // int(head["descr"][2:]) * (2 if head["descr"][1] == "c" else 1), code), data)))
    return out


def count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def data_of(p, inp, seed):
    """The array of one input: a function of seed, name and shape only."""
    t = inp.tensor
    shape = [s.ext(p.sizes) for s in t.axes]
    n = count(shape)
    r = random.Random("%s/%s" % (seed, t.name.split("_")[-1]))
    if t.target is not None:
        hi = t.target.ext(p.sizes)
        return "i32", shape, [r.randrange(hi) for _ in range(n)]
    if inp.dist == "bool":
        return "bool", shape, [int(r.random() < 0.5) for _ in range(n)]
    if inp.dist == "int":
        lo = 0 if t.dt == "u8" else -inp.hi
        return t.dt, shape, [r.randint(lo, inp.hi) for _ in range(n)]
    if inp.dist == "exact":
        return t.dt, shape, [r.randint(-8, 8) / 4 for _ in range(n)]
    m = 2 * n if is_complex(t.dt) else n
    # 11 bits, so that every type holds them
    return t.dt, shape, [r.randint(-1024, 1024) / 1024 for _ in range(m)]


def given(p, words, params=False):
    """(entries of the archive, what -D must say): sizes that no array tells are given by name.  params: parameters too, which are 0 otherwise"""
    entries, told = [], set()
    seeds = {}
    for s in p.seeds:
        seeds[s[1]] = s[0]
    for i in p.inputs:
        t = i.tensor
        if (i.word == "param" and not params) or t.name not in words:
            continue
        prefix = t.name[:t.name.index("_") + 1] if "_" in t.name else ""
        dt, shape, data = data_of(p, i, seeds.get(prefix, 0))
        entries.append((t.name, dt, shape, data))
        told |= {s.text for s in t.axes}
    for g in p.graphs.values():
        if g.name not in words:
            continue
        prefix = g.name[:g.name.index("_") + 1] if "_" in g.name else ""
        a = g.arrays(seeds.get(prefix, 0), p.sizes)
        for k in ("src", "dst", "etype", "ntype"):
            entries.append(("%s.%s" % (g.name, k), "i64" if k != "etype" else "i32", [len(a[k])], a[k]))
        for k, key in (("num_nodes", "nodes"), ("num_ntypes", "ntypes"), ("num_etypes", "etypes")):
            if k != "num_nodes" or g.kind != "two":
                entries.append(("%s.%s" % (g.name, k), "i64", [], [p.sizes[g.name + "." + key]]))
    fixed = [(n, p.sizes[n]) for n, k in p.args if k.split()[0] in ("dim", "seq", "grid") and n in words and (n in p.fixed or n not in told)]
    return entries, fixed
