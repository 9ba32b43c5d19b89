# Bad input, each met by a diagnosis and no output file. Prints `ok NAME` or `not ok NAME`.
cat > m.pgn <<'PGN'
model m(g: graph, d: dim, classes: dim) {
  index e: g.edges, v: g.nodes, i: d
  map label: g.nodes -> classes
  input x[g.nodes, d]
  output y[v, i] = sum(e: dst(e) = v) x[src(e), i]
  output c[v] = label(v)
}
PGN
python3 - <<'PY'
import struct, zipfile, array, warnings
def npy(descr, shape, body, order="False"):
    h = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)
    h += " " * ((-(len(h) + 11)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h.encode() + body
f = lambda v: array.array("f", v).tobytes()
i = lambda v: array.array("i", v).tobytes()
def save(name, **change):
    m = {"x": npy("<f4", "(3, 2)", f([1, 2, 3, 4, 5, 6])), "label": npy("<i4", "(3,)", i([0, 1, 1])), "g.src": npy("<i4", "(2,)", i([0, 1])),
         "g.dst": npy("<i4", "(2,)", i([1, 2])), "g.etype": npy("<i4", "(2,)", i([0, 0]))}
    for k, v in change.items():
        k = k.replace("__", ".")
        if v is None: m.pop(k)
        else: m[k] = v
    with zipfile.ZipFile(name, "w") as z:
        for k, v in m.items(): z.writestr(k + ".npy", v)
save("good.npz")
save("missing.npz", x=None)
save("short.npz", x=npy("<f4", "(3, 2)", f([1, 2, 3])))
save("type.npz", label=npy("<f4", "(3,)", f([0, 1, 1])))
save("range.npz", label=npy("<i4", "(3,)", i([0, 9, 1])))
save("rank.npz", x=npy("<f4", "(6,)", f([1, 2, 3, 4, 5, 6])))
save("conflict.npz", label=npy("<i4", "(4,)", i([0, 1, 1, 0])))
save("negative.npz", g__src=npy("<i4", "(2,)", i([0, -1])))
save("lengths.npz", g__src=npy("<i4", "(3,)", i([0, 1, 1])))
save("fewer.npz", g__num_nodes=npy("<i8", "()", array.array("q", [2]).tobytes()))
save("strings.npz", x=npy("<U4", "(3,)", b"\0" * 48))
save("fortran.npz", x=npy("<f4", "(3, 2)", f([1, 3, 5, 2, 4, 6]), "True"))
save("big.npz", x=npy(">f4", "(3, 2)", struct.pack(">6f", 1, 2, 3, 4, 5, 6)))
data = open("good.npz", "rb").read()
open("cut.npz", "wb").write(data[:len(data) // 2])
open("flip.npz", "wb").write(data.replace(f([1, 2, 3, 4, 5, 6]), f([1, 2, 3, 4, 5, 7])))
with zipfile.ZipFile("twice.npz", "w") as z:
    warnings.simplefilter("ignore")
    for _ in range(2): z.writestr("x.npy", npy("<f4", "(3, 2)", f([1, 2, 3, 4, 5, 6])))
open("deep.pgn", "w").write("model m(d: dim) {\n index i: d\n output y[i] = " + "(" * 10000000 + "\n}\n")
open("nul.pgn", "wb").write(b"model m(d: dim) {\0}\n")
open("utf8.pgn", "wb").write(b"# \xff\nmodel m(d: dim) { }\n")
open("bad.tsv", "w").write("a\tr\tb\na b c\n")
open("empty.tsv", "w").write("")
open("three.npy", "wb").write(npy("<f4", "(3,)", f([1, 2, 3])))
open("eight.npy", "wb").write(npy("<f4", "(8,)", f(range(8))))
PY
fails() {                       # fails NAME SLUG ARGUMENTS: exit 1 or 3, the slug in brackets, no crash, no output
    name=$1; slug=$2; shift 2
    timeout 60 "$PIGEONC" "$@" >out.txt 2>err.txt; code=$?
    if { [ $code = 1 ] || [ $code = 3 ]; } && grep -q "\[$slug\]" err.txt && [ ! -e y.npy ]; then echo "ok $name"; grep -o "\[$slug\]" err.txt | head -1
    else echo "not ok $name: exit $code, wanted [$slug]: $(head -c 300 err.txt)"; rm -f y.npy; fi
}
names() { if grep -qF -- "$1" err.txt; then echo "ok $1 is named"; else echo "not ok $1 is named: $(cat err.txt)"; fi; }      # in what was said last
works() {
    name=$1; shift
    if "$PIGEONC" "$@" >out.txt 2>err.txt && [ ! -s err.txt ]; then echo "ok $name"; else echo "not ok $name: $(head -c 300 err.txt)"; fi
}
r="run m.pgn -D classes=2 --out y=y.npy --inputs"
fails "an input is missing" missing-input $r missing.npz -D d=2
fails "a truncated array" bad-input-file $r short.npz
names "short.npz: "
fails "reals for a map" bad-input-file $r type.npz
fails "a map value out of range" run-failed $r range.npz
fails "too few dimensions" bad-input-file $r rank.npz
fails "two arrays disagree" size-conflict $r conflict.npz
fails "a negative node" bad-input-value $r negative.npz
names "negative.npz: g."
fails "src and dst of different lengths" size-conflict $r lengths.npz
fails "fewer nodes than edges name" bad-input-value $r fewer.npz
fails "an array of strings" bad-input-file $r strings.npz
names "strings.npz: "
fails "a cut archive" bad-input-file $r cut.npz
fails "a flipped bit" bad-input-file $r flip.npz
names "flip.npz: "
fails "a name twice" bad-input-file $r twice.npz
fails "no such archive" file-not-found $r nowhere.npz
fails "10 MB of parentheses" nesting-too-deep check deep.pgn
fails "a NUL byte" nul-byte check nul.pgn
fails "bytes that are not UTF-8" bad-utf8 check utf8.pgn
fails "no such model file" file-not-found check nowhere.pgn
fails "no such model" not-a-model run m.pgn --model q
fails "a dim that is no number" dim-overflow $r good.npz -D d=x
fails "a dim that follows from nothing" dim-unknown run m.pgn --graph g=random:3,2,1 --in '*=random:1' --out y=y.npy
fails "an unknown -D" usage $r good.npz -D q=3
fails "an unknown --in" unknown-argument $r good.npz --in q=zero
fails "triples with a bad line" bad-input-file run m.pgn -D classes=2 -D d=2 --graph g=bad.tsv --in '*=zero' --out y=y.npy
fails "2^31 edges" usage run m.pgn -D classes=2 -D d=2 --graph g=random:3,2147483648,1 --in '*=zero' --out y=y.npy
fails "an unwritable output" write-failed run m.pgn -D classes=2 --inputs good.npz --out y=nowhere/y.npy
printf 'model m(d: dim) {\n index i: d, k: 0..3\n map f[i]: d -> 0..3 = i * 2\n input W[0..3]\n output y[i] = W[f(i)]\n}\n' > map.pgn
fails "a computed map out of range" run-failed run map.pgn -D d=4 --in W=one --out y=y.npy
printf 'model m(X: grid periodic, q: dim) {\n modes k of X keep q half\n index x: X\n input u[X]\n output U[k] = fft(x -> k) u[x]\n}\n' > modes.pgn
fails "frequencies that the grid can't hold" bad-modes run modes.pgn -D X=8 --real f32 --in u=one --out U=y.npy -D q=6
printf 'model m(X: grid periodic) {\n modes k of X keep -4..4\n index x: X\n input u[X]\n output U[k] = fft(x -> k) u[x]\n}\n' > twice.pgn
for executor in interp cpu c; do
    fails "a frequency twice, known when the model runs, by $executor" run-failed run twice.pgn --in u=eight.npy --executor $executor
    if grep -q '^twice.pgn:2:2: error: frequencies `k` of grid `X`.*(9, X is 8)' err.txt; then echo "ok its place is said"; else echo "not ok its place is said: $(cat err.txt)"; fi
done
printf 'model m(d: dim) {\n input x[d]\n output y = x[5]\n}\n' > literal.pgn
fails "a literal subscript beyond the size" run-failed run literal.pgn --in x=three.npy --out y=y.npy
works "good input" $r good.npz
cp y.npy want.npy
for form in fortran big; do
    rm -f y.npy
    works "$form array" $r $form.npz
    if cmp -s y.npy want.npy; then echo "ok $form array is read right"; else echo "not ok $form array differs"; fi
done
works "a graph with no edges" run m.pgn -D classes=2 -D d=2 --graph g=random:3,0,1 --in '*=zero'
works "a graph with no nodes" run m.pgn -D classes=2 -D d=2 --graph g=empty.tsv --in '*=zero'
printf 'model m() {\n output a: i64 = -9123456789012\n output b = (1 << 62) - 1\n output c: i32 = 1234567891\n}\n' >long.pgn
if [ -w /dev/full ]; then
    if "$PIGEONC" --print=diagnostics >/dev/full 2>err.txt; then echo "not ok a full disk"; else echo "ok a full disk"; fi
    for command in "run long.pgn" "ir long.pgn" "long.pgn --emit=c -o -"; do
        "$PIGEONC" $command >/dev/full 2>err.txt
        if [ "$(grep -c written err.txt)" = 1 ]; then echo "ok $command: a full disk is said once"; else echo "not ok $command: a full disk is said once: $(cat err.txt)"; fi
    done
fi
