"""Random schedules for a program: some of the commands that `pigeonc explain` offers, and others about its values."""
import random
import re

VERBS = ["store %s", "recompute %s", "compact %s by (%s)", "full %s by (%s)", "tile %s %d x %d", "gather %s", "scatter %s", "prefetch %s %d", "vector %s %d", "split %s %d", "unroll %s %d", "parallel %s %d", "fuse %s, %s", "together %s, %s", "store *", "only"]


def offered(text):
    return [s for s in (line.strip() for line in text.splitlines()) if s and not s.startswith("#") and not s.startswith("schedule") and s not in ("}", "only")]


def quoted(name):
    return name if re.match(r"^[A-Za-z_][A-Za-z0-9_.']*$", name) else '"%s"' % name


def draw(seed, explained, ir):
    """a list of commands"""
    r = random.Random(seed)
    values = [quoted(m[0] or m[1]) for m in re.findall(r'^ *\(compute \((?:"([^"]*)"|(\S+)) ', ir, re.M)]
    maps = sorted(set(m for m in re.findall(r"\(input \((\S+) i32 [^\n]*\(to ", ir))) or ["g.src"]
    keys = lambda: ", ".join(r.sample(maps, min(len(maps), r.choice([1, 2, 2]))))       # noqa: E731
    commands = [c for c in offered(explained) if r.random() < 0.5]
    for _ in range(r.randrange(1, 6 + len(values) // 2)):
        verb = r.choice(VERBS)
        if not values and "%s" in verb:
            continue
        fill = {"compact %s by (%s)": lambda v: (v, keys()), "full %s by (%s)": lambda v: (v, keys()), "tile %s %d x %d": lambda v: (v, r.randrange(1, 13), r.choice([1, 4, 8, 16, 32, 48])),
                "prefetch %s %d": lambda v: (v, r.randrange(0, 40)), "vector %s %d": lambda v: (v, r.choice([1, 4, 16, 33, 64, 256])),
                "split %s %d": lambda v: (v, r.choice([1, 2, 5, 64, 100, 1024, 65536])),
                "unroll %s %d": lambda v: (v, r.choice([1, 2, 3, 8])), "parallel %s %d": lambda v: (v, r.choice([0, 1, 7, 1000])),
                "fuse %s, %s": lambda v: (v, r.choice(values)), "together %s, %s": lambda v: (v, r.choice(values)), "store *": lambda v: (), "only": lambda v: ()}
        commands.append(verb % fill.get(verb, lambda v: (v,))(r.choice(values) if values else None))
    r.shuffle(commands)
    return commands


def refused(error):
    """the lines of m.pgs that could not be honoured; None when something else is wrong"""
    lines = set()
    for m in re.finditer(r"^(\S+?):(\d+):\d+: error: .*\[(\S+)\]$", error, re.M):
        if m.group(1) != "m.pgs" or m.group(3) not in ("schedule-refused", "schedule-stale"):
            return None
        lines.add(int(m.group(2)))
    return lines or None
