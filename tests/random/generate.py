"""Random valid programs over the whole forward language: program(seed) is the same program whatever prefix its names get.

A program declares spaces of boundary shapes, runs one to three themes (a graph, a recurrence, a stencil, a transform, ...), each a family
of equations in random variants, and then equations of random expressions over everything that is there."""
from themes_array import Arrays
from themes_graph import Graphs
from themes_model import Models
from themes_order import Order
from tree import WORD


class Gen(Graphs, Arrays, Order, Models):
    def finish(self):
        r, b = self.r, self.b
        text = {}
        for s in b.stmts:
            for w in set(WORD.findall(s.text())) - {d.name for d in s.defs}:
                text[w] = True
        for w in [w for _, t in b.decls for w in WORD.findall(t)]:
            text[w] = True
        names = []
        for s in b.stmts:
            for d in s.defs:
                if not d.hidden and d.name not in names and (d.name not in text or r.random() < 0.3):
                    names.append(d.name)
        b.outs = names
        return self.p


THEMES = [n for n in dir(Gen) if n.startswith("theme_")]
WEIGHT = {"theme_graph": 6, "theme_seq": 4, "theme_grid": 3, "theme_modes": 2, "theme_maps": 2, "theme_axes": 2, "theme_factor": 2, "theme_select": 2, "theme_iterate": 2}


def program(seed, prefix="", real="f32"):
    g = Gen(seed, prefix, real)
    g.base()
    choice = [t for t in THEMES for _ in range(WEIGHT.get(t, 1))]
    for _ in range(g.r.choice([1, 2, 2, 3])):
        getattr(g, g.r.choice(choice))()
    for _ in range(g.r.choice([1, 2, 3])):
        g.generic()
    return g.finish()


if __name__ == "__main__":
    import sys
    print(program(sys.argv[1] if len(sys.argv) > 1 else "0").source(), end="")
