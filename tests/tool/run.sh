# `pigeonc run` beyond the interpreter: executors, what --verify finds, graphs from files, times.
. "$ROOT/tests/tool/check.sh"
r="run m.pgn --model second -D n=7 -D in=5 -D out=3 --in *=random:1"
set -f
passes "executors and the reference" "$PIGEONC" $r --executor=cpu,c,cuda-shim --verify
is "each is named" "$(grep -o '^[a-z-]*: agrees' out.txt | tr '\n' ' ')" "cpu: agrees c: agrees cuda-shim: agrees "
for level in 0 1 3; do passes "cpu at -O$level" "$PIGEONC" $r --executor=cpu -O$level --verify; done
case $(uname -m) in x86_64) passes "cpu for any x86-64" "$PIGEONC" $r --target=cpu:x86-64 --verify ;; esac
fails "code for another machine" 1 "[usage]" "$PIGEONC" $r --target=$(test $(uname -m) = aarch64 && echo cpu:avx2 || echo aarch64)
fails "a tolerance that f32 can't meet" 1 "[verify-failed]" "$PIGEONC" $r --executor=c --verify=0 --out y=y.npy
cp err.txt place.txt
passes "the place is named" grep -q '`y`\[[0-9], [0-9]\] is' place.txt
is "a failed run writes nothing" "$(ls y.npy 2>/dev/null)" ""
"$PIGEONC" $r --executor=interp --outputs want.npz; "$PIGEONC" $r --executor=c --outputs got.npz
passes "outputs have the model's names, types and shapes" python3 -c '
import zipfile
names = lambda f: sorted((n, zipfile.ZipFile(f).read(n)[:128]) for n in zipfile.ZipFile(f).namelist())
assert names("want.npz") == names("got.npz") and len(names("got.npz")) == 2'
passes "--bench and --json" "$PIGEONC" $r --executor=c --bench=3 --verify --json
mv out.txt bench.json
passes "say so" python3 -c '
import json
d = json.load(open("bench.json")); q = d["runs"][0]
assert d["executor"] == "c" and q["runs"] == 3 and 0 < q["min_ms"] <= q["median_ms"] and q["bind_ms"] > 0 and "workspace_bytes" in q and q["verify"][0]["error"] <= q["verify"][0]["tolerance"], d'
passes "the interpreter can be timed too" "$PIGEONC" $r --executor=interp --bench=2
passes "--profile: a line for each kernel" "$PIGEONC" $r --executor=cpu --bench=3 --profile
is "with its equation" "$(grep -c '_1: .*=' out.txt)" "$("$PIGEONC" m.pgn --model second -D n=7 -D in=5 -D out=3 --emit=intra --target=cpu -o - | grep -c '(kernel ')"
passes "--profile and --json" "$PIGEONC" $r --executor=cpu --bench=3 --profile --json
mv out.txt profile.json
passes "say as much" python3 -c '
import json
q = json.load(open("profile.json"))["runs"][0]["profile"]
assert q["runs"] == 3 and all(k["launches"] == 3 and k["ms"] >= 0 for k in q["kernels"]) and sum(k["ms"] for k in q["kernels"]) <= q["ms"], q'
fails "kernels of C text are not timed" 1 "[usage]" "$PIGEONC" $r --executor=c --profile
CC=/nowhere/cc fails "no C compiler" 3 "[tool-missing]" "$PIGEONC" $r --executor=c
CC=false fails "a C compiler that refuses" 1 "[tool-failed]" "$PIGEONC" $r --executor=c
CC=true fails "a C compiler that writes nothing" 1 "\`true\` ended without an error" "$PIGEONC" $r --executor=c
TMPDIR=/nowhere fails "no temporary folder" 1 "[write-failed]" "$PIGEONC" $r --executor=c
mkdir tmp; TMPDIR=$PWD/tmp "$PIGEONC" $r --executor=c >/dev/null; CC=false TMPDIR=$PWD/tmp "$PIGEONC" $r --executor=c 2>/dev/null
is "temporary files go away" "$(ls tmp)" ""
# a signal while the compiler runs: it ends, the folder goes, the exit is the signal's
cat >slow.sh <<'SLOW'
#!/bin/sh
echo text >model.so; echo $$ >"$TMPDIR/../pid"; exec sleep 60
SLOW
chmod +x slow.sh
cat >interrupt.py <<'PY'
import os, signal, subprocess, sys, time
sig, ignored = getattr(signal, sys.argv[1]), len(sys.argv) > 2
if os.path.exists("pid"): os.unlink("pid")
os.environ.update(TMPDIR=os.path.abspath("tmp"), CC=os.path.abspath("slow.sh"))
p = subprocess.Popen([os.environ["PIGEONC"]] + "run m.pgn --model second -D n=7 -D in=5 -D out=3 --in *=random:1 --executor=c".split(),
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(sig, signal.SIG_IGN if ignored else signal.SIG_DFL))
for _ in range(500):
    if os.path.exists("pid") and open("pid").read(): break
    time.sleep(0.02)
group = int(open("pid").read())
p.send_signal(sig)
if ignored:
    time.sleep(0.2)
    alive = p.poll() is None
    p.terminate()
    p.wait()
    print("goes on" if alive else "ended", len(os.listdir("tmp")))
else:
    code = p.wait()
    time.sleep(0.1)
    try: os.killpg(group, 0); left = "runs"
    except ProcessLookupError: left = "gone"
    print(code == -sig, len(os.listdir("tmp")), left)
PY
for s in SIGTERM SIGINT SIGHUP SIGQUIT; do is "$s takes the temporary folder and the compiler with it" "$(ulimit -c 0; python3 interrupt.py $s)" "True 0 gone"; done
is "a signal that is ignored stays so" "$(python3 interrupt.py SIGHUP ignored)" "goes on 0"
for e in c cpu; do
    for n in 1 2; do "$PIGEONC" run m.pgn --model second -D n=5000 -D in=50 -D out=30 --in *=random:1 --executor=$e --threads=$n --out y=$n.npy >/dev/null; done
    passes "the same bits for any number of threads by $e" cmp 1.npy 2.npy
done

# graphs: counts come from arrays over them, else from the ids; a graph in an archive of its own
python3 - <<'PY'
import array, struct, zipfile
def npy(descr, shape, body):
    h = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    h += " " * ((-(len(h) + 11)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h.encode() + body
i = lambda v: npy("<i8", "(%d,)" % len(v), array.array("q", v).tobytes())
f = lambda n, d: npy("<f4", "(%d, %d)" % (n, d), array.array("f", range(n * d)).tobytes())
def save(name, **m):
    with zipfile.ZipFile(name, "w") as z:
        for k, v in m.items(): z.writestr(k.replace("__", ".") + ".npy", v)
save("more.npz", x=f(6, 2), g__src=i([0, 1, 3]), g__dst=i([1, 2, 2]))      # six nodes, ids name four
save("less.npz", x=f(3, 2), g__src=i([0, 1, 3]), g__dst=i([1, 2, 2]))      # three nodes, ids name four
save("graph.npz", src=i([0, 1, 3]), dst=i([1, 2, 2]))
save("x.npz", x=f(6, 2))
v = lambda n: npy("<f4", "(%d,)" % n, array.array("f", range(n)).tobytes())
save("two.npz", x=f(5, 2), w=v(2), g__src=i([0, 1, 4]), g__dst=i([0, 1, 1]), g__ntype=i([0, 1, 0]))
save("counts.npz", g__src=i([0, 1, 4]), g__dst=i([0, 1, 1]), g__num_src_nodes=i([9]), g__num_dst_nodes=i([7]))
save("over.npz", a__src=i([0, 1, 4]), a__dst=i([0, 1, 1]), b__src=i([0, 8]), b__dst=i([3, 1]))
open("g.edges", "w").write("# by number\n0 1\n1 2\n2 5\n")
save("huge.npz", x=f(3, 2), g__src=i([0, 1 << 31]), g__dst=i([1, 2]))
PY
g="run m.pgn --model first"
passes "nodes without edges" "$PIGEONC" $g --inputs more.npz --executor=c,interp --verify
is "are counted by the features" "$(head -1 out.txt | cut -c1-12)" "y: f32[6, 2]"
fails "an id beyond the features" 1 "[bad-input-value]" "$PIGEONC" $g --inputs less.npz
fails "an id beyond 2^31" 1 "[bad-input-value]" "$PIGEONC" $g --inputs huge.npz
passes "a graph of its own" "$PIGEONC" $g --inputs x.npz --graph g=graph.npz --executor=c --verify
passes "random arrays over it" "$PIGEONC" $g --graph g=graph.npz -D d=3 --in x=random:1 --executor=c --verify
fails "a graph the model does not have" 1 "[unknown-argument]" "$PIGEONC" $g --inputs more.npz --graph h=graph.npz
cat >two.pgn <<'PGN'
model two(d: dim) {
  graph g: users -> items
  index e: g.edges, u: g.users, v: g.items, i: d
  input x[g.users, d], w[g.ntypes]
  output y[v, i] = w[ntype(v)] * sum(e: dst(e) = v) x[src(e), i]
}
model copy(n: dim, d: dim) {
  index k: n, i: d
  input z[n, d]
  output x[k, i] = z[k, i]
}
model over(a: graph, d: dim) {
  graph b over a
  index e: a.edges, f: b.edges, v: a.nodes, i: d
  input x[a.nodes, d]
  output y[v, i] = sum(e: a.dst(e) = v) x[a.src(e), i] - sum(f: b.dst(f) = v) x[b.src(f), i]
}
PGN
passes "a bipartite graph, types of its destinations" "$PIGEONC" run two.pgn --model two --inputs two.npz --executor=cpu,c,cuda-shim --verify
is "both counts follow" "$(head -1 out.txt | cut -c1-12)" "y: f32[3, 2]"
printf 'ann\tlikes\tbook\nbook\tlikes\tpen\ncat\tlikes\tbook\n' >two.tsv; printf '0 1\n4 1\n1 0\n' >two.edges
passes "a bipartite graph of names" "$PIGEONC" run two.pgn --model two --graph g=two.tsv -D d=2 --in x=one --in w=one --executor=cpu,c,interp --verify
is "each side is numbered in its own space" "$(head -1 out.txt)" "y: f32[2, 2]  min 1  mean 1.5  max 2"
passes "a bipartite graph by number" "$PIGEONC" run two.pgn --model two --graph g=two.edges --inputs two.npz --in w=one --executor=cpu --verify
is "sources and destinations are counted apart" "$(head -1 out.txt | cut -c1-12)" "y: f32[2, 2]"
passes "counts of a bipartite graph" "$PIGEONC" run two.pgn --model two --inputs counts.npz -D d=2 --in x=one --in w=one
is "are those of its archive" "$(head -1 out.txt | cut -c1-12)" "y: f32[7, 2]"
fails "a bipartite graph backwards" 1 "reverse(g)" "$PIGEONC" run two.pgn --model two --graph g=two.tsv,inverse -D d=2 --in x=one --in w=one
passes "graphs over the same nodes" "$PIGEONC" run two.pgn --model over --inputs over.npz -D d=2 --in x=random:1 --executor=cpu --verify --outputs y.safetensors
is "need the nodes of both" "$(head -1 out.txt | cut -c1-12)" "y: f32[9, 2]"
"$PIGEONC" run two.pgn --model copy -D n=9 -D d=2 --in z=random:1 --outputs x.safetensors >/dev/null
passes "safetensors are read as they are written" "$PIGEONC" run m.pgn --model first --graph g=random:9,20,1 --inputs x.safetensors
passes "edges by number, both ways" "$PIGEONC" run m.pgn --model first --graph g=g.edges,inverse -D d=2 --in x=one --executor=cpu --verify
fails "an output the model does not have" 1 "[unknown-argument]" "$PIGEONC" $r --out z=z.npy
if test -z "$SANITIZED"; then
    fails "memory that can't be had" 1 "[out-of-memory]" sh -c 'ulimit -v 1500000; "$PIGEONC" run m.pgn --model second -D n=1000000 -D in=500 -D out=3 --in x=random:1'
else echo "skipped memory that can't be had: sanitizers reserve address space"; fi

printf 'model m(n: dim) {\n index i: n\n output a: i64 = -9123456789012\n output b = (1 << 62) - 1\n output c[i] = 4611686018427387903 - i\n}\n' >whole.pgn
for e in interp cpu; do
    passes "whole numbers by $e" "$PIGEONC" run whole.pgn -D n=2 --executor $e
    is "have all their digits" "$(sed 's/^[^]]*\] *=* *//' out.txt | tr '\n' ' ')" "-9123456789012 4611686018427387903 min 4611686018427387902  mean 4.61169e+18  max 4611686018427387903 "
done
passes "whole numbers as JSON" "$PIGEONC" run whole.pgn -D n=2 --json
is "have them too" "$(grep -o '"max": 4611686018427387903' out.txt | wc -l | tr -d ' ')" 2

cat >kinks.pgn <<'E'
model m(n: dim) {
  index i: n
  input x[n]
  s = sum(i) leaky_relu(x[i] * x[i], 0.25)
  output d = grad(s wrt x)
}
E
passes "--check-grad where two kinks cancel" "$PIGEONC" run kinks.pgn -D n=1 --in x=zero --check-grad
is "says so" "$(grep -c 'where the derivative jumps' out.txt)" 1
passes "and beside it" "$PIGEONC" run kinks.pgn -D n=1 --in x=random:1 --check-grad
is "says nothing" "$(grep -c 'jumps' out.txt)" 0
