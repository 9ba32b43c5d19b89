# schedules: what `explain` prints is obeyed, files of schedules, ablation, --why-not.
. "$ROOT/tests/tool/check.sh"
cat >a.pgn <<'PGN'
model small(d: dim) { input x[d]; index i: d; z[i] = exp(x[i]) + 1; output y[i] = 2 * z[i] }
model rgat(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d, j: d
  input h[g.nodes, d]
  param W[g.etypes, d, d] init normal(0, 0.3), al[g.etypes, d] init normal(0, 1)
  z[e, j] = sum(i) h[src(e), i] * W[etype(e), i, j]
  s[e] = sum(j) z[e, j] * al[etype(e), j]
  a[e] = softmax(e by dst(e)) s[e]
  output y[v, j] = sum(e: dst(e) = v) a[e] * z[e, j]
}
PGN
data="--in *=random:1 --graph g=random:30,200,5,1 -D d=16"
set -f
"$PIGEONC" explain a.pgn -D d=64 -o a.pgs
passes "explain prints a schedule for its model" grep -q '^schedule rgat for cpu {' a.pgs
passes "with its commands" grep -q '^  recompute z in s, y$' a.pgs
passes "and what each saves" grep -q 'saves .*runner-up' a.pgs
"$PIGEONC" explain a.pgn -D d=64 --json >a.json
passes "as JSON too" python3 -c '
import json
d = json.load(open("a.json")); q = [x for x in d["decisions"] if x.get("command") == "recompute z in s, y"][0]
assert d["model"] == "rgat" and q["pass"] == "linear" and abs(q["saved"]["bytes"] - q["before"]["bytes"] + q["after"]["bytes"]) <= 1e-5 * q["before"]["bytes"] and q["runner_up"], d'
for c in "store z" "compact z by (src, etype)" "full z by (src, etype)" "recompute z in s" "fuse a, y" "store *" "only" "store z; only" "tile z 3 x 8; store z"; do
    printf 'schedule rgat { %s }\n' "$c" >c.pgs
    passes "$c: agrees with the reference" "$PIGEONC" run a.pgn $data --schedule c.pgs --executor=cpu,c --verify
done
z() { "$PIGEONC" ir a.pgn --run=default --schedule c.pgs | grep "(compute (z "; }
echo 'store z' >c.pgs; is "store: z has a row per edge" "$(z)" "  (compute (z f32 (g.edges d)) (idx (e g.edges) (j d))"
echo 'compact z by (etype, src)' >c.pgs
is "compact: z has a row per combination" "$(z)" '  (compute (z f32 ("unique(g.etype, g.src)" d) (store compact)) (idx (p "unique(g.etype, g.src)") (j d))'
echo 'full z by (src, etype)' >c.pgs
is "full: z has a row per pair" "$(z)" '  (compute (z f32 (g.nodes g.etypes d) (store full)) (idx (u g.nodes) (u~2 g.etypes) (j d))'
echo 'recompute z' >c.pgs; is "recompute: there is no z" "$(z)" ""
"$PIGEONC" ir a.pgn --schedule c.pgs >c.ir
passes "commands stand in IR text" grep -q '(schedule "recompute z")' c.ir
"$PIGEONC" opt c.ir --run=default >o.ir; "$PIGEONC" ir a.pgn --schedule c.pgs --run=default >want.ir
passes "and are obeyed from there" cmp o.ir want.ir
echo 'tile z 3 x 8; store z' >c.pgs; "$PIGEONC" a.pgn --emit=intra --target=cpu --schedule c.pgs -o c.intra
passes "tile: so many lanes" grep -q '(width 8)' c.intra
"$PIGEONC" a.pgn --model small --emit=intra --target=cpu -o s.intra
printf 'schedule small { vector z 64; vector y 64; split z 4096; split y 4096 }\n' >c.pgs
fails "what is computed in another kernel has no lanes" 1 "[schedule-refused]" "$PIGEONC" a.pgn --model small --emit=intra --target=cpu --schedule c.pgs
printf 'schedule small { vector y 64; split y 4096 }\n' >c.pgs; "$PIGEONC" a.pgn --model small --emit=intra --target=cpu --schedule c.pgs -o c.intra
passes "vector: so many lanes" sh -c 'grep -q "(width 64)" c.intra && ! grep -q "(width 64)" s.intra'
passes "split: so many elements" sh -c 'grep -q 4096 c.intra && ! grep -q 4096 s.intra'
passes "both agree with the reference" "$PIGEONC" run a.pgn --model small -D d=10000 --in *=random:1 --schedule c.pgs --executor=cpu,c --verify
"$PIGEONC" explain a.pgn --model small --target=cpu --schedule c.pgs -o s.pgs; "$PIGEONC" a.pgn --model small --emit=intra --target=cpu --schedule s.pgs -o again.intra
passes "and are explained" cmp c.intra again.intra
printf 'schedule { store z; tile z 1; unroll z 3; parallel z 77; parallel s 0; store s }\n' >c.pgs
for t in "" --target=cpu; do
    "$PIGEONC" a.pgn --emit=intra $t --schedule c.pgs -o c.intra
    passes "unroll: so many rounds $t" grep -q '(unroll 3)' c.intra
    passes "parallel: so many items, or all $t" sh -c 'grep -q " -77$" c.intra && grep -q " -9223372036854775807$" c.intra'
done
"$PIGEONC" explain a.pgn --target=cpu --schedule c.pgs -o s.pgs; "$PIGEONC" a.pgn --emit=intra --target=cpu --schedule c.pgs -o c.intra; "$PIGEONC" a.pgn --emit=intra --target=cpu --schedule s.pgs -o again.intra
passes "unroll and parallel are explained" cmp c.intra again.intra
"$PIGEONC" a.pgn --emit=c --schedule c.pgs -o c.c
passes "unroll: a pragma in C" grep -q 'PGN_UNROLL(3) for' c.c
for c in "unroll y 4" "unroll z 65"; do
    printf 'schedule small { %s }\n' "$c" >c.pgs; fails "$c" 1 "[schedule-refused]" "$PIGEONC" a.pgn --model small --target=cpu --emit=intra --schedule c.pgs
done
for c in "vector z 8" "split s 4096" "vector z 1000" "split z 3"; do
    printf 'schedule rgat { store z; %s }\n' "$c" >c.pgs; fails "$c" 1 "[schedule-refused]" "$PIGEONC" a.pgn --target=cpu --emit=intra --schedule c.pgs
done
# long fibres in pieces: by a command, or where a graph is known to have one
cat >long.pgn <<'PGN'
model long(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d
  input h[g.nodes, d], c[g.edges]
  output y[v, i] = sum(e: dst(e) = v) c[e] * h[src(e), i] * h[v, 0]
  output m[v] = max(e: dst(e) = v) c[e] else 0
  output l[v] = logsumexp(e: dst(e) = v) c[e] * h[src(e), 0]
  output n[v] = count(e: dst(e) = v and c[e] > h[v, 0])
  output k[v] = any(e: src(e) = v) (c[e] > 2)
  output q[v] = sum(e: dst(e) = v) sum(i) h[src(e), i] * h[dst(e), i]
}
PGN
for n in 1 7 64; do
    printf 'schedule long { split y %d; split m %d; split l %d; split n %d; split k %d; split q %d }\n' $n $n $n $n $n $n >c.pgs
    for g in random:40,3000,3,1 random:40,0,1,1 random:3,1,1,1; do
        passes "fibres in pieces of $n, $g: agrees with the reference" "$PIGEONC" run long.pgn -D d=5 --graph g=$g --in *=random:1 --schedule c.pgs --executor=interp,cpu,c,cuda-shim --verify
    done
done
for t in 1 2 5; do "$PIGEONC" run long.pgn -D d=5 --graph g=random:40,30000,3,1 --in *=random:1 --schedule c.pgs --threads $t --outputs t$t.npz >/dev/null; done
passes "the same bits by any number of threads" sh -c 'cmp t1.npz t2.npz && cmp t1.npz t5.npz'
"$PIGEONC" explain long.pgn -D d=5 --schedule c.pgs -o s.pgs
"$PIGEONC" long.pgn -D d=5 --schedule c.pgs -o c.o; "$PIGEONC" long.pgn -D d=5 --schedule s.pgs -o s.o
passes "explain prints them" cmp c.o s.o
printf 'schedule long { split y 7; vector y.pieces 16 }\n' >c.pgs
passes "and names what is computed in pieces" "$PIGEONC" run long.pgn -D d=16 --graph g=random:40,3000,3,1 --in *=random:1 --schedule c.pgs --verify
python3 -c 'print("\n".join("%d %d 0" % (k % 97, 5 if k % 3 else k % 89) for k in range(40000)))' >star.edges
"$PIGEONC" stats long.pgn -D d=5 --graph g=star.edges -o star.txt
passes "stats tells the longest fibre where it is long" grep -q '^longest(g.dst) 26[0-9]*$' star.txt
passes "and of no other" sh -c '! grep -q "longest(g.src)" star.txt'
"$PIGEONC" ir long.pgn -D d=5 --graph-stats star.txt --run=default >star.ir
is "then it is cut" "$(grep -c 'derive unique "pieces(g.dst, 4096)"' star.ir) $(grep -c 'keys g.src' star.ir)" "1 0"
std=$ROOT/lib/std/graph.pgn; dims="--model edge_conditioned -D in=3 -D out=5 -D k=3"
"$PIGEONC" explain $std $dims --graph-stats star.txt -o c.pgs
passes "sums are computed in the tiles of what reads them" grep -q '^  fuse m, y' c.pgs
for x in "--emit=c" "--emit=cuda" "--emit=intra" "--target=cpu --emit=intra"; do
    passes "or stay as they are, where there are no tiles: $x" "$PIGEONC" $std $dims --schedule c.pgs $x -o fused.out
done
echo 'machine.cores 1' >>star.txt
is "but not for one core" "$("$PIGEONC" ir long.pgn -D d=5 --graph-stats star.txt --run=default | grep -c pieces)" 0
echo 'only' >c.pgs
is "nor against a schedule" "$("$PIGEONC" ir long.pgn -D d=5 --graph-stats star.txt --schedule c.pgs --run=default | grep -c pieces)" 0
kernels() { "$PIGEONC" a.pgn --emit=intra --target=cpu "$@" -o - | grep -c '(kernel '; }
is "--no-kernel-fusion: a kernel for each equation" "$(kernels --model small) $(kernels --model small --no-kernel-fusion)" "1 2"
# several outputs over the same elements: one kernel, what only it reads is not stored
cat >many.pgn <<'PGN'
use "std/optim.pgn"
model many(n: dim) {
  index i: n
  input g[n], m[n], v[n]
  param p[n] init normal(0, 0.1)
  u = adamw(lr = 0.001)(p = p, g = g, m = m, v = v)
  r = adamw(lr = 0.001)(p = m, g = g, m = v, v = v)
  output q[i] = u.p'[i]
  output mm[i] = u.m'[i]
  output vv[i] = u.v'[i]
  output rr[i] = r.p'[i]
}
PGN
many() { "$PIGEONC" many.pgn --emit=intra "$@" -o - | grep -c "$what"; }
what='(kernel '; is "an update is one kernel, a kernel for each equation on demand" "$(many) $(many --no-kernel-fusion)" "1 6"
what='(store '; is "which stores what is an output" "$(many)" 4
"$PIGEONC" explain many.pgn -o many.pgs
passes "explain says so" grep -q "^  together u.m', u.v', q" many.pgs
for c in "$(cat many.pgs)" "only; together u.m', q" "together u.v', rr; only" "store *"; do
    case $c in sch*) echo "$c" >c.pgs ;; *) printf 'schedule many { %s }\n' "$c" >c.pgs ;; esac
    passes "many, $c: agrees with the reference" "$PIGEONC" run many.pgn -D n=1031 --in '*=random:1' --step 2 --schedule c.pgs --executor=cpu,c,cuda-shim --verify
done
is "--no-compaction: no combinations" "$("$PIGEONC" ir a.pgn --run=default --no-compaction | grep -c 'derive unique')" 0
is "--no-linear-fusion: z stays a product" "$("$PIGEONC" ir a.pgn --run=default --no-linear-fusion --no-compaction | grep -c '(compute (z f32 (g.edges d))')" 1
for x in --no-linear-fusion --no-compaction --no-kernel-fusion "--no-linear-fusion --no-compaction --no-kernel-fusion"; do
    passes "$x: agrees with the reference" "$PIGEONC" run a.pgn $data $x --verify
done
# sizes and numbers of combinations: from a graph, into a file, into what is decided
printf '0 0 1\n0 0 1\n1 1 0\n2 0 1\n' >g.edges
"$PIGEONC" stats a.pgn -D d=4 --graph g=g.edges -o stats.txt
passes "stats writes sizes" grep -q '^g.edges 4$' stats.txt
"$PIGEONC" stats a.pgn -D d=4 --graph g=random:500,9000,7,1 -o stats.txt; "$PIGEONC" stats a.pgn -D d=4 --graph g=random:500,9000,7,1 --json -o stats.json
"$PIGEONC" ir a.pgn --graph-stats stats.txt >one.ir; "$PIGEONC" ir a.pgn --graph-stats stats.json >two.ir
passes "text and JSON say the same" cmp one.ir two.ir
passes "to the program" grep -q '(about "unique(g.etype, g.src)" 3[0-9]*)' one.ir
is "as many as there are" "$(sed -n 's/^unique(g.etype, g.src) //p' stats.txt)" "$("$PIGEONC" ir a.pgn --run=default -D d=64 >/dev/null; cat >n.pgn <<'PGN'
model n(g: graph) {
  space P = unique(etype, src)
  index p: P
  output n = sum(p) 1.0
}
PGN
"$PIGEONC" run n.pgn --graph g=random:500,9000,7,1 | sed 's/.*= //')"
printf 'g.edges 1000\ng.nodes 1000000\ng.etypes 1000\n' >other.txt
"$PIGEONC" a.pgn --emit=intra --target=cpu -o usual.intra; "$PIGEONC" a.pgn --emit=intra --target=cpu --graph-stats other.txt -o other.intra
passes "other sizes, other code" test "$(cksum <usual.intra)" != "$(cksum <other.intra)"
"$PIGEONC" explain a.pgn --target=cpu -o a.pgs; "$PIGEONC" a.pgn --emit=intra --target=cpu --graph-stats other.txt --schedule a.pgs -o replayed.intra
passes "by a schedule the same code for any sizes" cmp usual.intra replayed.intra
echo 'g.nodes many' >bad.txt; fails "a count that is none" 1 "[bad-input-file]" "$PIGEONC" explain a.pgn --graph-stats bad.txt
passes "a run of a graph that counts" "$PIGEONC" run a.pgn --in *=random:1 --graph g=random:300,6000,4,1 -D d=8 --verify
# what stands where it is read makes other parts possible
echo 'schedule rgat { recompute "%10" }' >c.pgs; "$PIGEONC" explain a.pgn --schedule c.pgs -o once.pgs
passes "a part of what a command put there" grep -q '^  apart "%11"' once.pgs
passes "with that command, again" "$PIGEONC" explain a.pgn --schedule once.pgs -o twice.pgs
is "says the same" "$(grep -v '#' twice.pgs)" "$(grep -v '#' once.pgs)"
cat >chain.pgn <<'PGN'
model f(n: dim, d: dim) {
  index a: n, i: d
  input x[n, d]
  z[a, i] = exp(x[a, i]) * sin(x[a, i])
  w[a, i] = z[a, i] + 1
  output y[a] = sum(i) w[a, i] * w[a, i]
}
PGN
echo 'schedule f { fuse z, w, y }' >c.pgs; "$PIGEONC" explain chain.pgn --schedule c.pgs -o once.pgs
passes "what is fused, one into the next" grep -q '^  fuse z, w, y$' once.pgs
passes "again" "$PIGEONC" explain chain.pgn --schedule once.pgs -o twice.pgs
is "says the same too" "$(grep -v '#' twice.pgs)" "$(grep -v '#' once.pgs)"
# layers of fixed sizes, for usual graphs and one that is known: what is said of several kernels stands once, maps of what passes made are no stale names
printf 'g.nodes 117659\ng.edges 377592\ng.ntypes 4\ng.etypes 26\nunique(g.etype, g.src) 224044\nunique(g.etype, g.dst) 223800\nfewest(g.etype, g.src, g.dst) 220000\n' >g.txt
again() {
    "$PIGEONC" explain "$ROOT/bench/rgnn/$@" -o once.pgs
    passes "explained: $*" "$PIGEONC" explain "$ROOT/bench/rgnn/$@" --schedule once.pgs -o twice.pgs
    is "and said again" "$(grep -v '#' twice.pgs)" "$(grep -v '#' once.pgs)"
}
for s in "" --graph-stats=g.txt; do
    again models.pgn --model hgt -D d=64 -D heads=1 -D p=64 $s
    again models.pgn --model hgt -D d=32 -D heads=4 -D p=8 $s
    again models.pgn --model rgat -D in=32 -D heads=4 -D p=8 $s
    again train.pgn --model rgat_train -D in=64 -D heads=1 -D p=64 -D training=1 $s
    again train.pgn --model hgt_train -D d=64 -D heads=1 -D p=64 -D training=1 $s
done
passes "sums by combinations of types, here" grep -q '^  order d.l.A 1.*g.ntype(unique(g.etype, g.src).src)") compact' once.pgs
passes "agree with the reference" "$PIGEONC" run "$ROOT/bench/rgnn/train.pgn" --model hgt_train -D d=20 -D heads=1 -D p=20 -D training=1 --in *=random:1 --graph g=random:60,3000,5,3 --schedule once.pgs --executor=cpu,c --verify
sed 's/^fewest.*/fewest(g.etype, g.src, g.dst) 130000/' g.txt >few.txt; "$PIGEONC" explain "$ROOT/bench/rgnn/train.pgn" --model hgt_train -D d=64 -D heads=1 -D p=64 -D training=1 --graph-stats=few.txt -o few.pgs
passes "what a usual graph gets is taken where it is as good" grep -q '# front: passes counted on a usual graph' few.pgs
# what doesn't fit
echo 'schedule small { only }' >c.pgs; fails "a file for another model" 1 "[schedule-stale]" "$PIGEONC" a.pgn --schedule c.pgs
passes "several models take theirs" "$PIGEONC" a.pgn --model '*' --schedule c.pgs -o all.o
echo 'schedule rgat { store u }' >c.pgs; fails "a stale file" 1 "[schedule-stale]" "$PIGEONC" a.pgn --schedule c.pgs
is "makes no object" "$(ls a.o 2>/dev/null)" ""
fails "no such file" 3 "[file-not-found]" "$PIGEONC" a.pgn --schedule none.pgs
passes "--why-not: the cost" "$PIGEONC" explain a.pgn -D d=64 --why-not 'store(z)'
mv out.txt cost.txt
passes "is said" grep -q '`store z` can be honoured; it is estimated to take [0-9.]* times as long' cost.txt
fails "--why-not: the reason" 1 "[schedule-refused]" "$PIGEONC" explain a.pgn --why-not 'fuse(z, a)'
