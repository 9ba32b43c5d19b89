#!/usr/bin/env python3
"""Derivatives of the standard library against PyTorch's autograd, over the cases of reference_peers.py.

    reference_gradients.py BUILD [--only WORD] [--executor interp,cpu] [--table]

Each model gets a loss L = sum(y) (y / 2 + 0.3) y over the outputs y that the case compares, so that their cotangents are y + 0.3, and the
derivatives of L by the case's inputs and parameters as outputs.  The peer's come from torch.autograd through the framework's layer or the
formula.  They are compared by the tensors that everything was made from (random inputs, the layer's parameters): ours are led back to these
through what the case does to them (transposed, stacked, normalised).  Tolerances and needs are those of reference_peers.py."""
import math
import os
import re
import sys
import tempfile

import reference_peers as peers
from reference_peers import ROOT, TOLERANCE_F32, TOLERANCE_F64, torch


def leaves(t):
    """the tensors that t was computed from, by autograd"""
    seen, found, ahead = set(), [], [t.grad_fn]
    while ahead:
        f = ahead.pop()
        if f is None or f in seen:
            continue
        seen.add(f)
        if hasattr(f, "variable"):
            found.append(f.variable)
        ahead += [g for g, _ in f.next_functions]
    return found


def inputs_of(c):
    """the real tensors among the inputs of a case"""
    return {k: x for k, x in c["inputs"].items() if torch.is_tensor(x) and x.dtype == torch.float64}


def loss_of(c):
    """None: nothing was computed from anything"""
    y = [y for y in c["expect"].values() if torch.is_tensor(y) and y.dtype == torch.float64]
    loss = sum(((v / 2 + 0.3) * v).sum() for v in y)
    return loss if torch.is_tensor(loss) and loss.grad_fn is not None else None


def difference(c, loss, ours):
    """the largest difference of the derivatives by the tensors that the inputs were made from, and how many these are; ours: by input.
    What counts is the largest derivative by the whole input: a row of one that several tensors were stacked to has the rounding errors of
    terms as large as the other rows' (softmax's cancel), in torch's f32 as well."""
    worst, count = 0.0, 0
    for leaf in leaves(loss):
        total, pulled = torch.autograd.grad(loss, leaf, retain_graph=True)[0], None
        scale = max([1.0] + total.abs().flatten().tolist())
        for name, x in inputs_of(c).items():
            g = ours.get(name)
            if x is leaf or (not x.requires_grad and x.data_ptr() == leaf.data_ptr() and x.shape == leaf.shape and x.stride() == leaf.stride()):
                part = torch.zeros_like(leaf) if g is None else g
            elif x.grad_fn is not None and any(v is leaf for v in leaves(x)):
                part = torch.autograd.grad(x, leaf, torch.zeros_like(x) if g is None else g, retain_graph=True)[0]
            else:
                continue
            pulled = part if pulled is None else pulled + part
            scale = max([scale] + ([] if g is None else g.abs().flatten().tolist()))
        if pulled is None or not total.numel():              # the case passes it in a form that is not followed
            continue
        count += 1
        worst = max(worst, float((total - pulled).abs().max()) / scale)
    return worst, count


def subscripts(text):
    """(the left side's subscripts, the indices in them) of the first `name[..]` in text, or None where one is no index"""
    names = re.findall(r"\w+", text)
    return names if all(re.match(r"[a-zA-Z_]\w*$", n) for n in names) and re.match(r"^[\w\s,()]*$", text) else None


def with_loss(source, model, of, by):
    """the file with a model that has the loss and its derivatives as outputs"""
    m = re.search(r"^model %s\(.*?^}" % model, source, re.M | re.S)
    body, terms = m.group(0), []
    for name, left in re.findall(r"^\s*output (\w+)(?:\[([^\]]*)\])?", body, re.M):
        if name not in of:
            continue
        if not left:
            eq = re.search(r"^\s*%s\[([^\]]*)\](?:: \w+)? *=" % name, body, re.M)
            left = eq.group(1) if eq else ""
        parts = re.findall(r"^\s*(?:output )?%s\[[^\]]*\](?:: \w+)? *=" % name, body, re.M)
        names = subscripts(left) if len(parts) < 2 else None            # defined part by part: its axes have no index of their own
        if names is None:
            return None
        y = "%s[%s]" % (name, left) if left else name
        terms.append("(%s(%s / 2 + 0.3) * %s)" % ("sum(%s) " % ", ".join(names) if names else "", y, y))
    if not terms:
        return None
    body = body[:-1] + "  loss_ = %s\n" % " + ".join(terms) + "".join("  output d_%s = grad(loss_ wrt %s)\n" % (x, x) for x in by) + "}"
    return source[:m.start()] + body + source[m.end():]


def derivatives(pigeonc, c, executor, tmp):
    """ours by input; by those that the outputs depend on"""
    with open("%s/lib/std/%s.pgn" % (ROOT, c["file"])) as f:
        text = f.read()
    by, path = list(inputs_of(c)), os.path.join(tmp, "%s.pgn" % c["model"])
    while by:
        source = with_loss(text, c["model"], c["expect"], by)
        if not source:
            return {}
        with open(path, "w") as f:
            f.write(source)
        own = dict(c, path=path, inputs={k: x.detach() if torch.is_tensor(x) else x for k, x in c["inputs"].items()})
        try:
            got = peers.outputs_of(pigeonc, own, executor, tmp)
            return {k: torch.tensor(got["d_" + k], dtype=torch.float64) for k in by}
        except RuntimeError as error:
            none = re.findall(r"`loss_` does not depend on `(\w+)`", str(error))
            if not none:
                raise
            by = [k for k in by if k not in none]
    return {}


def main():
    args = sys.argv[1:]
    option = lambda name, default: args[args.index(name) + 1] if name in args else default    # noqa: E731
    build, only = args[0] if args and not args[0].startswith("-") else "build", option("--only", "")
    executors = option("--executor", "interp,cpu").split(",")
    pigeonc = os.path.abspath(os.path.join(build, "pigeonc"))
    plain = peers.rand
    peers.rand = lambda *shape: plain(*shape).requires_grad_()
    batch_norm = peers.F.batch_norm          # has no derivative by the running statistics
    peers.F.batch_norm = lambda x, mean, var, *rest, **named: batch_norm(x, mean if mean is None else mean.detach(), var if var is None else var.detach(), *rest, **named)
    passed = failed = without = 0
    worst = {}
    with tempfile.TemporaryDirectory() as tmp:
        for f in peers.FAMILY:
            torch.manual_seed(7)
            for c in f():
                if only not in f.__name__ + " " + c["name"]:
                    continue
                loss = loss_of(c)
                for e in executors if loss is not None else []:
                    tolerance = TOLERANCE_F64 if e == "interp" else TOLERANCE_F32
                    if c["peer"] == "torch hard_sigmoid":                   # its derivative in torch is 1/6 rounded to f32
                        tolerance = max(tolerance, 1e-7)
                    try:
                        ours = derivatives(pigeonc, c, e, tmp)
                        d, n = difference(c, loss, ours) if ours else (0.0, 0)
                        if not n:
                            without += 1
                            continue
                        ok = d <= tolerance
                        if not ok:
                            print("FAILED %s (%s): derivatives differ by %.3g" % (c["name"], e, d), flush=True)
                    except RuntimeError as error:
                        ok, d = False, math.inf
                        print("FAILED %s (%s): %s" % (c["name"], e, error), flush=True)
                    passed, failed = passed + ok, failed + (not ok)
                    row = worst.setdefault((c["model"], c["peer"]), {"by": set(), "n": set()})
                    row["n"].add(c["name"])
                    row["by"] |= set(ours)
                    row[e] = max(row.get(e, 0.0), d)
    if "--table" in args:
        print("| derivatives of | against autograd of | cases | by | %s |" % " | ".join("largest difference, %s %s" % (e, "f64" if e == "interp" else "f32") for e in executors))
        print("|---|---|---|---|%s" % ("---|" * len(executors)))
        for (model, peer), row in worst.items():
            print("| `%s` | %s | %d | %s | %s |" % (model, peer, len(row["n"]), " ".join(sorted(row["by"])), " | ".join("%.1e" % row.get(e, math.nan) for e in executors)))
    print("%d passed, %d failed; %d cases without derivatives" % (passed, failed, without))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
