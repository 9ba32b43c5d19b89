# Objects with several programs: which one is taken for which graph, that all give the same, and when there is one only.
. "$ROOT/tests/tool/check.sh"
CC=${CC:-cc}
include="-I. -I$ROOT/runtime/include"
libs="$SANITIZED $BUILD/libpigeon.a -llapack -lz -lpthread -lm"
cat >r.pgn <<'PGN'
model r(g: graph, in: dim, out: dim) {
  index e: g.edges, v: g.nodes, i: in, j: out
  input h[g.nodes, in]
  param W[g.etypes, in, out]
  output y[v, j] = sum(e: dst(e) = v, i) h[src(e), i] * W[etype(e), i, j]
}
PGN
fixed="-D in=12 -D out=12"      # narrow rows: wide ones go to the better end of each type, and then one program is good for both graphs
passes "an object" "$PIGEONC" r.pgn $fixed -o r.o
"$PIGEONC" r.pgn $fixed -o again.o; passes "the same bytes again" cmp r.o again.o
count() { nm "$1" | grep -c 'r[.0-9a-z:-]*_model$'; }
n=$(count r.o); if [ "$n" -gt 1 ]; then echo "ok it has several programs"; else echo "not ok it has $n programs"; fi
"$PIGEONC" r.pgn $fixed --variants=1 -o one.o; is "--variants=1: one" "$(count one.o)" 1
"$PIGEONC" r.pgn $fixed --variants=2 -o two.o; is "--variants=2: two" "$(count two.o)" 2
printf 'g.edges 1000000\n' >stats.txt; "$PIGEONC" r.pgn $fixed --graph-stats stats.txt -o one.o; is "where the graph is known: one" "$(count one.o)" 1
printf 'schedule r { only }\n' >s.pgs; "$PIGEONC" r.pgn $fixed --schedule s.pgs -o one.o; is "where a schedule says what: one" "$(count one.o)" 1
"$PIGEONC" r.pgn $fixed -O1 -o one.o; is "without the passes: one" "$(count one.o)" 1
fails "--variants=0" 2 "--variants takes 1 to 4" "$PIGEONC" r.pgn --variants=0
cat >main.c <<'END'
#include "r.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
/* Edges from, or to, few of the nodes; each program's result against the plain sum. */
enum { N = 4000, E = 60000, R = 10, D = 12 };
static int32_t src[E], dst[E], etype[E];
static float h[N * D], W[R * D * D], y[N * D];
static double want[N * D];
static unsigned state = 1;
static int32_t draw(int n) { state = state * 1664525u + 1013904223u; return (int32_t)((state >> 8) % (unsigned)n); }
static int bind(int few_sources, int threads, size_t *space) {
    state = 1;
    for (int k = 0; k < E; k++) src[k] = draw(few_sources ? 50 : N), dst[k] = draw(few_sources ? N : 50), etype[k] = draw(R);
    r_structure s = { .g = { N, N, E, 1, R, src, dst, etype, NULL } };
    pgn_options o = { .threads = threads };
    pgn_plan *p;
    pgn_error e;
    if (r_plan(&s, &(r_sizes){ 0 }, &o, &p, &e)) { puts(e.message); exit(1); }
    r_inputs in = { .h = h };
    r_params params = { .W = W };
    r_outputs out = { .y = y };
    void *work = malloc(*space = r_workspace_size(p));
    if (r_forward(p, &in, &params, &out, work, NULL, &e)) { puts(e.message); exit(1); }
    for (int k = 0; k < N * D; k++) want[k] = 0;
    for (int k = 0; k < E; k++) for (int i = 0; i < D; i++) for (int j = 0; j < D; j++) want[dst[k] * D + j] += (double)h[src[k] * D + i] * W[(etype[k] * D + i) * D + j];
    double worst = 0, most = 1;
    for (int k = 0; k < N * D; k++) { double d = fabs(y[k] - want[k]); if (d > worst) worst = d; if (fabs(want[k]) > most) most = fabs(want[k]); }
    if (worst > 1e-5 * most) { printf("off by %g of %g\n", worst, most); exit(1); }
    int v = pgn_plan_variant(p);
    free(work);
    r_destroy(p);
    return v;
}
int main(void) {
    size_t a, b, c;
    for (int k = 0; k < N * D; k++) h[k] = (float)draw(2000) / 1000 - 1;
    for (int k = 0; k < R * D * D; k++) W[k] = (float)draw(2000) / 1000 - 1;
    int x = bind(1, 2, &a), z = bind(0, 2, &b), again = bind(1, 1, &c);
    printf("%d %d %d %s\n", x, z, again, a == c ? "same space" : "other space");
    return 0;
}
END
passes "it links" $CC -std=c11 -O1 -Wall -Wextra -Werror $include main.c r.o -o main $libs
./main >took.txt
is "another program for another graph, the same for the same one" "$(awk '{ print ($1 != $2), ($1 == $3), $4, $5 }' took.txt)" "1 1 same space"
for k in 0 1 2; do [ $k -lt "$n" ] && is "each gives the same: $k" "$(PIGEON_VARIANT=$k ./main | cut -d' ' -f1-3)" "$k $k $k"; done
for k in 9 x ''; do is "PIGEON_VARIANT=$k is none" "$(PIGEON_VARIANT=$k ./main)" "$(cat took.txt)"; done
"$PIGEONC" explain r.pgn $fixed >r.pgs
passes "explain tells them" grep -q '^# An object has [23] programs' r.pgs
passes "with what differs" grep -q '^# 1: ' r.pgs
passes "and where each is meant for" grep -q 'times as fast for [0-9]* edges' r.pgs
passes "in a file that is a schedule still" "$PIGEONC" r.pgn $fixed --schedule r.pgs -o one.o
"$PIGEONC" explain r.pgn $fixed --json >r.json
passes "and as JSON" python3 -c 'import json; d = json.load(open("r.json")); assert d["variants"] and d["variants"][0]["gain"] > 1 and d["variants"][0]["for"], d'
case $(uname -m) in x86_64)
    passes "for several processors" "$PIGEONC" r.pgn $fixed --target=cpu:x86-64,cpu:avx2 -o both.o
    is "each has its own" "$(count both.o)" "$((2 * n))"
    $CC -std=c11 -O1 $include main.c both.o -o main2 $libs
    is "x86-64 takes the same" "$(PIGEON_TARGET=cpu:x86-64 ./main2 | cut -d' ' -f1-3)" "$(cut -d' ' -f1-3 took.txt)" ;;
esac
