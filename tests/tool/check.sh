# check.sh - read by the scripts of this folder: `ok NAME` or `not ok NAME` for a command that succeeds or fails.
passes() { name=$1; shift; if "$@" >out.txt 2>err.txt; then echo "ok $name"; else echo "not ok $name: exit $?: $(head -c 400 err.txt)"; fi; }
# fails NAME CODE TEXT COMMAND: that exit code, and TEXT in what it says
fails() {
    name=$1; want=$2; text=$3; shift 3
    "$@" >out.txt 2>err.txt; code=$?
    if [ $code = "$want" ] && grep -qF -- "$text" err.txt; then echo "ok $name"; grep -o '\[[a-z-]*\]$' err.txt | head -1
    else echo "not ok $name: exit $code (wanted $want), said: $(head -c 300 err.txt)"; fi
}
is() { if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: \`$2\`, wanted \`$3\`"; fi; }
cat > m.pgn <<'PGN'
use "std/nn.pgn"
model first(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d
  input x[g.nodes, d]
  output y[v, i] = sum(e: dst(e) = v) x[src(e), i]
}
model second(n: dim, in: dim, out: dim) {
  index a: n, i: in, j: out
  input x[n, in]
  param W[in, out] init glorot
  param b[out] init zero
  output y[a, j] = sum(i) x[a, i] * W[i, j] + b[j]
  output c = count(a)
}
PGN
