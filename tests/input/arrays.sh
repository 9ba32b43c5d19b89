# Damaged arrays and weight files, given one by one. Prints `ok NAME` or `not ok NAME`.
cat > m.pgn <<'PGN'
model m(n: dim, d: dim) {
  index i: n, j: d
  input x[n, d]
  param W[d] init one
  output y[i] = sum(j) x[i, j] * W[j]
}
PGN
python3 - <<'PY'
import json, struct, array
f = lambda v: array.array("f", v).tobytes()
def npy(name, descr="<f4", shape="(3, 2)", body=f([1, 2, 3, 4, 5, 6]), order="False", magic=b"\x93NUMPY\x01\x00", head=None):
    h = head or "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)
    h += " " * ((-(len(h) + 11)) % 64) + "\n"
    open(name, "wb").write(magic + struct.pack("<H", len(h)) + h.encode() + body)
npy("good.npy")
npy("short.npy", body=f([1, 2, 3]))
npy("magic.npy", magic=b"\x93NUMPI\x01\x00")
npy("version.npy", magic=b"\x93NUMPY\x09\x00")
npy("type.npy", descr="<U4")
npy("negative.npy", shape="(-3, 2)")
npy("huge.npy", shape="(4294967296, 4294967296)")
npy("words.npy", head="{'descr': '<f4', 'fortran_order': maybe, 'shape': (3, 2)}")
npy("nokey.npy", head="{'descr': '<f4', 'shape': (3, 2)}")
npy("object.npy", descr="|O")
open("stub.npy", "wb").write(b"\x93NUMPY\x01\x00")
open("none.npy", "wb").write(b"")
def st(name, header, body=f([1, 2, 3, 4, 5, 6, 7, 8]), length=None):
    h = header if isinstance(header, bytes) else json.dumps(header).encode()
    open(name, "wb").write(struct.pack("<Q", len(h) if length is None else length) + h + body)
t = lambda shape, a, b, dt="F32": {"dtype": dt, "shape": shape, "data_offsets": [a, b]}
st("good.safetensors", {"x": t([3, 2], 0, 24), "W": t([2], 24, 32)})
st("overlap.safetensors", {"x": t([3, 2], 0, 24), "W": t([2], 20, 28)})
st("beyond.safetensors", {"x": t([3, 2], 0, 24), "W": t([2], 24, 64)})
st("shape.safetensors", {"x": t([3, 3], 0, 24), "W": t([2], 24, 32)})
st("length.safetensors", {"x": t([3, 2], 0, 24)}, length=1 << 40)
st("json.safetensors", b'{"x": {"dtype": "F32", "shape": [3, 2')
st("dtype.safetensors", {"x": t([3, 2], 0, 24, "Q7"), "W": t([2], 24, 32)})
st("backward.safetensors", {"x": t([3, 2], 24, 0), "W": t([2], 24, 32)})
st("twice.safetensors", b'{"x": %s, "x": %s}' % ((json.dumps(t([3, 2], 0, 24)).encode(),) * 2))
open("tiny.safetensors", "wb").write(b"\x01\x02")
open("good.tsv", "w").write("a\tr\tb\n")
PY
fails() {                       # fails NAME SLUG ARGUMENTS: exit 1 or 3, the slug in brackets, no output
    name=$1; slug=$2; shift 2
    timeout 60 "$PIGEONC" "$@" >out.txt 2>err.txt; code=$?
    if { [ $code = 1 ] || [ $code = 3 ]; } && grep -q "\[$slug\]" err.txt && [ ! -e y.npy ]; then echo "ok $name"; grep -o "\[$slug\]" err.txt | head -1
    else echo "not ok $name: exit $code, wanted [$slug]: $(head -c 300 err.txt)"; rm -f y.npy; fi
}
for bad in short magic version type negative huge words nokey object stub none; do
    fails "an array: $bad" bad-input-file run m.pgn --executor interp --in x=$bad.npy --in W=one --out y=y.npy
done
fails "an array that is not there" file-not-found run m.pgn --executor interp --in x=nowhere.npy --in W=one --out y=y.npy
fails "a triples file for an array" bad-input-file run m.pgn --executor interp --in x=good.tsv --in W=one --out y=y.npy
for bad in overlap beyond shape length json dtype backward twice tiny; do
    fails "weights: $bad" bad-input-file run m.pgn --executor interp --inputs $bad.safetensors --out y=y.npy
done
fails "a dim against an array" size-conflict run m.pgn --executor interp -D n=4 --in x=good.npy --in W=one --out y=y.npy
if "$PIGEONC" run m.pgn --executor interp --inputs good.safetensors --out y=y.npy >out.txt 2>err.txt; then echo "ok good weights"; else echo "not ok good weights: $(head -c 300 err.txt)"; fi
rm -f y.npy
for bad in random:1x random: random:1.5 random:99999999999999999999; do fails "a seed: $bad" usage run m.pgn --executor interp --in x=$bad --in W=one -D n=3 -D d=2 --out y=y.npy; done
cat >weights.pgn <<'PGN'
model m(n: dim) {
  index i: n
  input x[n]
  param weight[n] init one, bias[n] init zero
  output y[i] = x[i] * weight[i] + bias[i]
}
PGN
python3 - <<'PY'
import json, struct
head = json.dumps({n: {"dtype": "F32", "shape": [1], "data_offsets": [4 * k, 4 * k + 4]} for k, n in enumerate(("x", "wieght", "bias"))}).encode()
open("some.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + struct.pack("<3f", 1, 2, 3))
PY
"$PIGEONC" run weights.pgn --executor interp --inputs some.safetensors >out.txt 2>err.txt
if grep -q 'parameter `weight` is not in' err.txt && grep -q 'did you mean `wieght`' err.txt; then echo "ok a parameter under another name is told"; else echo "not ok a parameter under another name is told: $(head -c 300 err.txt)"; fi
