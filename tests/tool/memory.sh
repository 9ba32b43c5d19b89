# --memory-limit: what waits for the way back is computed again, the bits stay, and a limit that can't be met is an error that says the least.
. "$ROOT/tests/tool/check.sh"
CC=${CC:-cc}
cat >deep.pgn <<'END'
model deep(N: dim, d: dim = 32) {
  index n: N, i: d, j: d
  input x[N, d]
  h = x
  repeat l: 0..8 { h = layer(N, d)(x = h) }
  output loss = mean(n, i) h[n, i] * h[n, i]
  optimize loss with sgd(lr = 0.01)
}
model layer(N: dim, d: dim) {
  index n: N, i: d, j: d
  input x[N, d]
  param W[d, d] init glorot
  z[n, j] = tanh(sum(i) x[n, i] * W[i, j])
  output y[n, j] = x[n, j] + z[n, j] * z[n, j]
}
END
run="$PIGEONC run deep.pgn --model deep -D training=1 -D N=2000 --in x=random:1"
bytes() { sed -n 's/.*"workspace_bytes": \([0-9]*\).*/\1/p' "$1"; }
$run --json --bench=1 --outputs all.npz >all; $run --json --bench=1 --outputs less.npz --memory-limit=3M >less
all=$(bytes all) less=$(bytes less)
[ "$less" -le 3145728 ] && [ "$all" -gt 4000000 ] && echo "ok the workspace is within the limit" || echo "not ok $less bytes of $all"
cmp -s all.npz less.npz && echo "ok and the bits are the same" || echo "not ok other bits within a limit"
passes "the C text too" $run --memory-limit=3M --executor c --verify
fails "a limit that can't be met" 1 "needs a workspace of at least" $run --memory-limit=100K
least=$($run --memory-limit=100K 2>&1 | sed -n 's/.*at least \([0-9]*\) bytes.*/\1/p')
passes "but what it says is the least can" $run --memory-limit=$least
fails "a limit that is none" 2 "--memory-limit takes bytes" $run --memory-limit=much
"$PIGEONC" explain deep.pgn --model deep -D training=1 -D N=2000 >plain; "$PIGEONC" explain deep.pgn --model deep -D training=1 -D N=2000 --memory-limit=3M >text
grep -q "# memory: .* is kept for d\." plain && grep -q "# memory: .* is computed again for d\." text && echo "ok explain says what is kept and what is not" || echo "not ok explain says nothing of memory"
"$PIGEONC" explain deep.pgn --model deep -D training=1 -D N=2000 --memory-limit=3M --json | python3 -c 'import json, sys; d = json.load(sys.stdin)["decisions"]; sys.exit(not any(x["pass"] == "memory" and "computed again" in x["what"] for x in d))' && echo "ok as JSON" || echo "not ok as JSON"
"$PIGEONC" explain deep.pgn --model deep -D training=1 -D N=2000 >same.pgs 2>/dev/null
passes "what explain prints is a schedule" "$PIGEONC" run deep.pgn --model deep -D training=1 -D N=2000 --in x=random:1 --schedule same.pgs
passes "training within a limit" "$PIGEONC" train deep.pgn --model deep -D N=2000 --in x=random:1 --epochs 3 --memory-limit=3M --checkpoint a.safetensors
"$PIGEONC" train deep.pgn --model deep -D N=2000 --in x=random:1 --epochs 3 --checkpoint b.safetensors >/dev/null
cmp -s a.safetensors b.safetensors && echo "ok gives the same parameters" || echo "not ok other parameters"
cat >scan.pgn <<'END'
model scan(T: seq, d: dim) {
  index t: T, i: d, j: d
  input a[T, d], v[T, d], q[T, d]
  param w[d] init one
  S[t, i, j] = tanh(a[t, i] * w[i]) * S[t-1, i, j] + v[t, j]
  y[t, j] = sum(i) S[t, i, j] * q[t, i]
  output loss = mean(t, j) y[t, j] * y[t, j]
  optimize loss with sgd(lr = 0.01)
}
END
scan="$PIGEONC run scan.pgn -D training=1 -D T=500 -D d=32 --in *=random:1"
set -f
$scan --json --bench=1 >all; $scan --json --bench=1 --memory-limit=1M >less
all=$(bytes all) less=$(bytes less)
[ "$less" -le 1048576 ] && [ "$all" -gt 2000000 ] && echo "ok the states of a recurrence too" || echo "not ok a recurrence takes $less bytes of $all"
passes "which gives the same numbers" $scan --memory-limit=1M --verify
by_edges() {
    "$PIGEONC" run "$2" -D d=2 --graph g=random:2000,3000,1,1 --in *=random:1 --json --bench=1 >all
    [ "$(bytes all)" -le 200000 ] && echo "ok $1" || echo "not ok $1: it takes $(bytes all) bytes"
}
# what stands under a logsumexp is there once per edge, not for each edge and node
cat >edges.pgn <<'END'
model edges(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d
  input x[g.edges, d], w[d]
  y[v] = logsumexp(e: dst(e) = v) sum(i) x[e, i] * w[i]
  L = sum(v) (if y[v] > -10000 then y[v] * y[v] else 0)
  output dx = grad(L wrt x)
}
END
by_edges "a derivative of logsumexp along edges takes memory by edges" edges.pgn
cat >attention.pgn <<'END'
model attention(g: graph, d: dim) {
  index e: g.edges, v: g.nodes, i: d
  input q[g.nodes, d], k[g.nodes, d]
  y[v] = sum(e: dst(e) = v) exp(sum(i) q[v, i] * k[src(e), i])
  L = sum(v) y[v] * y[v]
  output dq = grad(L wrt q)
}
END
by_edges "so does one of products of nodes along edges" attention.pgn
# nor is what comes back beyond edges there once for each way, which derivatives of derivatives multiply
cat >ways.pgn <<'END'
model ways(a: dim, n: dim) {
  index c: a
  input x[n, n], w[a], u[n, n]
  y[c] = tan(tanh((abs(x[2 * c zero, c + 1 replicate]) + 0.5) ** x[c + 0 reflect, c - 1 reflect]))
  d = vjp(y, w wrt x)
  output dd = vjp(d, u wrt x)
}
END
[ "$("$PIGEONC" ir ways.pgn | wc -c)" -le 1000000 ] && echo "ok second derivatives beyond edges are short" || echo "not ok they are long"
set +f
# sizes that are known only when a plan is made
cat >main.c <<'END'
#include "deep.h"
#include <stdio.h>
int main(void) {
    pgn_plan *plan;
    pgn_error error;
    if (deep_step_plan(NULL, &(deep_step_sizes){ .N = 64 }, NULL, &plan, &error)) { puts(error.message); return 1; }
    deep_step_destroy(plan);
    pgn_status st = deep_step_plan(NULL, &(deep_step_sizes){ .N = 100000 }, NULL, &plan, &error);
    puts(error.message);
    return st != PGN_E_SIZE;
}
END
passes "an object with a limit" "$PIGEONC" deep.pgn --model deep --memory-limit=100K -o deep.o
passes "a program with it" $CC -std=c11 -Wall -Wextra -I. -I"$ROOT/runtime/include" main.c deep.o -o main $SANITIZED "$BUILD/libpigeon.a" -llapack -lz -lpthread -lm
passes "a plan for more is refused" ./main
is "and says why" "$(./main | grep -c 'more than the 102400 that `deep_step` was compiled for')" 1
