# setup.sh - read by the scripts about `pigeonc train`: an empty folder with a small model and its data, and how results are told.
pigeonc=$PIGEONC
dir=$(mktemp -d) && cd "$dir" || exit 1
trap 'rm -rf "$dir"' EXIT
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; shift; printf '%s\n' "$@" | sed 's/^/    /'; }
expect() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "expected: $3" "found: $2"; fi; }
says() { if grep -q -e "$3" "$2"; then ok "$1"; else bad "$1" "no '$3' in:" "$(cat "$2")"; fi; }

cat >m.pgn <<'END'
model m(N: dim, d: dim) {
  index n: N, i: d
  input x[N, d], y[N]
  param W[d] init normal(0, 0.1), b
  e[n] = b + (sum(i) x[n, i] * W[i]) - y[n]
  output loss = mean(n) e[n] * e[n]
  optimize loss with adam(lr = 0.05) over "W"
  optimize loss with sgd(lr = 0.05, momentum = 0.5)
}
END
python3 - <<'END'
import random, struct
random.seed(3)
def npy(path, shape, data, kind="<f4"):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }" % (kind, ", ".join(map(str, shape)))
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<%d%s" % (len(data), "f" if kind == "<f4" else "i"), *data))
rows = [[random.gauss(0, 1) for _ in range(3)] for _ in range(120)]
npy("x.npy", (120, 3), sum(rows, []))
npy("y.npy", (120,), [r[0] - 2 * r[1] + 0.5 + random.gauss(0, 0.1) for r in rows])
npy("label.npy", (120,), [5] + [0] * 119, "<i4")
END
data="--in x=x.npy --in y=y.npy --seed 5"
