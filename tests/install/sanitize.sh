# Generated code and the runtime under sanitizers: one plan, run by two callers at once, each with memory of exactly the size asked for,
# every loop in parallel; the result is the same to the bit as with one thread.
. "$ROOT/tests/install/common.sh"
test -n "$SANITIZED" && { skipped "generated code under sanitizers" "the plain build does it"; exit 0; }
cat >driver.c <<'END'
#include "layer.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { V = 2000, E = 12000, R = 5, D = 16, OUT = 24 };
static int32_t src[E], dst[E], type[E];
static float h[V * D], W[R * D * OUT], W0[D * OUT];
static const layer_inputs in = { h };
static const layer_params params = { W, W0 };
static const pgn_plan *plan;
static float *run(const pgn_plan *p) {
    float *y = malloc(sizeof *y * V * OUT);
    void *workspace = malloc(layer_workspace_size(p));
    pgn_error e;
    if (layer_forward(p, &in, &params, &(layer_outputs){ y }, workspace, NULL, &e)) { puts(e.message); exit(1); }
    free(workspace);
    return y;
}
static void *often(void *arg) {
    for (int k = 0; k < 5; k++) { float *y = run(plan); if (memcmp(y, arg, sizeof *y * V * OUT)) exit(2); free(y); }
    return NULL;
}
int main(void) {
    unsigned s = 1;
    for (int k = 0; k < E; k++) src[k] = (int32_t)((s = s * 1664525 + 1013904223) >> 8) % V, dst[k] = (int32_t)((s = s * 1664525 + 1013904223) >> 8) % V, type[k] = k % R;
    for (int k = 0; k < V * D; k++) h[k] = (float)(k * 37 % 101 - 50);
    for (int k = 0; k < R * D * OUT; k++) W[k] = (float)(k * 31 % 97 - 48) / 50;
    for (int k = 0; k < D * OUT; k++) W0[k] = (float)(k * 29 % 89 - 44) / 50;
    pgn_error e;
    layer_structure structure = { .g = { .src_nodes = V, .dst_nodes = V, .edges = E, .etypes = R, .src = src, .dst = dst, .etype = type } };
    layer_sizes sizes = { D, OUT };
    pgn_options one = { .threads = 1 }, three = { .threads = 3 };
    pgn_plan *p, *q;
    if (layer_plan(&structure, &sizes, &one, &p, &e) || layer_plan(&structure, &sizes, &three, &q, &e)) { puts(e.message); return 1; }
    plan = q;
    float *y = run(p);
    pthread_t t[2];
    for (int k = 0; k < 2; k++) if (pthread_create(&t[k], NULL, often, y)) return 3;
    for (int k = 0; k < 2; k++) pthread_join(t[k], NULL);
    free(y);
    layer_destroy(p);
    layer_destroy(q);
    puts("done");
    return 0;
}
END
check "C of a layer" "$PIGEONC" "$ROOT/examples/embed/layer.pgn" --emit=c,header -o layer.c
for kind in thread address,undefined; do
    echo 'int main(void) { return 0; }' >try.c
    if ! $CC -fsanitize=$kind try.c -o try 2>/dev/null || ! ./try 2>/dev/null; then skipped "a layer under -fsanitize=$kind" "$CC can't make such programs"; continue; fi
    check "a layer under -fsanitize=$kind compiles" $CC -std=gnu11 -O0 -g1 -fsanitize=$kind -fno-sanitize-recover=undefined -I"$ROOT/runtime/include" -I. driver.c layer.c "$ROOT"/runtime/*.c $LIBS -lpthread -o driver
    check "a layer under -fsanitize=$kind" sh -c './driver && ./driver | grep -q done'
done
