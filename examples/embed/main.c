/* main.c - one RGCN layer, compiled ahead of time, called from C.
 *
 * The graph: 0 -a-> 2, 1 -a-> 2, 0 -b-> 1, 2 -b-> 0.  The result is compared with the same sums worked out by hand. */
#include "layer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(pgn_error *e) { fprintf(stderr, "%s: %s\n", pgn_status_name(e->status), e->message); return 1; }

int main(void) {
    const int32_t src[] = { 0, 1, 0, 2 }, dst[] = { 2, 2, 1, 0 }, type[] = { 0, 0, 1, 1 };
    const float h[3][2] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
    const float W[2][2][2] = { { { 1, 0 }, { 0, 1 } }, { { 0, 1 }, { -1, 0 } } }, W0[2][2] = { { 0.5f, 0 }, { 0, 0.5f } };
    const float want[3][2] = { { 0, 6 }, { 0, 3 }, { 4.5f, 6 } };        /* h/2 + mean of a-neighbours + turned b-neighbours, not below 0 */
    float y[3][2];

    pgn_error error;
    pgn_plan *plan;
    layer_structure structure = { .g = { .src_nodes = 3, .dst_nodes = 3, .edges = 4, .etypes = 2, .src = src, .dst = dst, .etype = type } };
    layer_sizes sizes = { .d = 2, .out = 2 };
    if (layer_plan(&structure, &sizes, NULL, &plan, &error)) return failed(&error);
    void *workspace = malloc(layer_workspace_size(plan));

    layer_inputs in = { .h = &h[0][0] };
    layer_params params = { .W = &W[0][0][0], .W0 = &W0[0][0] };
    layer_outputs out = { .y = &y[0][0] };
    pgn_status st = layer_forward(plan, &in, &params, &out, workspace, NULL, &error);
    free(workspace);
    layer_destroy(plan);
    if (st) return failed(&error);

    int wrong = 0;
    for (int v = 0; v < 3; v++) {
        printf("node %d: %g %g\n", v, y[v][0], y[v][1]);
        for (int j = 0; j < 2; j++) wrong += fabsf(y[v][j] - want[v][j]) > 1e-6f;
    }
    puts(wrong ? "wrong" : "as expected");
    return wrong;
}
