/* main.c - a model that is trained from C: net.pgn says by which loss and which update, one compile gives net_forward, net_step, net_backward.
 *
 * The exclusive or of two numbers is learnt in 300 steps.  Each parameter and each state of the update has two arrays, one for what is and one
 * for what comes next, which change places after a step; so a step that fails has changed nothing.  At the end a gradient is compared with
 * a difference of losses. */
#include "net.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 4, HIDDEN = 8, STEPS = 300 };
/* of W, b, w, c: the parameter, then AdamW's two states */
static const size_t count[] = { 2 * HIDDEN, HIDDEN, HIDDEN, 1 };
enum { TENSORS = 12 };

static int failed(pgn_error *e) { fprintf(stderr, "%s: %s\n", pgn_status_name(e->status), e->message); return 1; }
static net_step_params now(float *const *p) {
    return (net_step_params){ .W = p[0], .W_m = p[1], .W_v = p[2], .b = p[3], .b_m = p[4], .b_v = p[5], .w = p[6], .w_m = p[7], .w_v = p[8], .c = p[9], .c_m = p[10], .c_v = p[11] };
}
static net_params used(float *const *p) { return (net_params){ .W = p[0], .b = p[3], .w = p[6], .c = p[9] }; }

int main(void) {
    const float x[N][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } }, target[N] = { 0, 1, 1, 0 };
    float y[N], loss, *is[TENSORS], *next[TENSORS];
    for (int k = 0; k < TENSORS; k++) {
        is[k] = calloc(count[k / 3], sizeof(float)), next[k] = calloc(count[k / 3], sizeof(float));
        if (!is[k] || !next[k]) return 1;
    }
    pgn_error error;
    pgn_plan *plan;
    net_step_structure no_structure = { 0 };
    net_step_sizes sizes = { .N = N, .hidden = HIDDEN };
    if (net_step_plan(&no_structure, &sizes, NULL, &plan, &error)) return failed(&error);
    void *workspace = malloc(net_step_workspace_size(plan));
    net_step_params first = now(is);
    if (net_step_init(plan, 1, &first, &error)) return failed(&error);

    for (int64_t step = 0; step < STEPS; step++) {
        net_step_inputs in = { .step = &step, .x = &x[0][0], .target = target };
        net_step_params params = now(is);
        net_step_outputs out = { .y = y, .loss = &loss, .W_next = next[0], .W_m_next = next[1], .W_v_next = next[2], .b_next = next[3], .b_m_next = next[4], .b_v_next = next[5],
            .w_next = next[6], .w_m_next = next[7], .w_v_next = next[8], .c_next = next[9], .c_m_next = next[10], .c_v_next = next[11] };
        if (net_step(plan, &in, &params, &out, workspace, NULL, &error)) return failed(&error);
        if (!isfinite(loss)) { fprintf(stderr, "step %d: the loss is not finite\n", (int)step); return 1; }
        for (int k = 0; k < TENSORS; k++) { float *t = is[k]; is[k] = next[k], next[k] = t; }
        if (step % 100 == 0) printf("step %d: loss %.4f\n", (int)step, loss);
    }
    net_step_destroy(plan);
    free(workspace);

    /* as it is used */
    net_structure no = { 0 };
    net_sizes of = { .N = N, .hidden = HIDDEN };
    if (net_plan(&no, &of, NULL, &plan, &error)) return failed(&error);
    workspace = malloc(net_workspace_size(plan));
    net_inputs in = { .x = &x[0][0], .target = target };
    net_params params = used(is);
    net_outputs out = { .y = y, .loss = &loss };
    if (net_forward(plan, &in, &params, &out, workspace, NULL, &error)) return failed(&error);
    int wrong = 0;
    for (int n = 0; n < N; n++) {
        printf("%g xor %g: %.3f\n", x[n][0], x[n][1], y[n]);
        wrong += fabsf(y[n] - target[n]) > 0.1f;
    }
    float low, high, *c = is[9];                             /* d loss / d c by difference, away from the minimum */
    *c += 0.5f;
    float save = *c;
    out.loss = &high, *c = save + 0.01f;
    if (net_forward(plan, &in, &params, &out, workspace, NULL, &error)) return failed(&error);
    out.loss = &low, *c = save - 0.01f;
    if (net_forward(plan, &in, &params, &out, workspace, NULL, &error)) return failed(&error);
    *c = save;
    net_destroy(plan);
    free(workspace);

    /* the gradients alone, for an update of one's own */
    net_backward_structure none = { 0 };
    net_backward_sizes for_gradients = { .N = N, .hidden = HIDDEN };
    if (net_backward_plan(&none, &for_gradients, NULL, &plan, &error)) return failed(&error);
    workspace = malloc(net_backward_workspace_size(plan));
    net_backward_inputs gradient_in = { .x = &x[0][0], .target = target };
    net_backward_params gradient_params = { .W = is[0], .b = is[3], .w = is[6], .c = is[9] };
    net_backward_outputs gradient = { .y = y, .loss = &loss, .W_grad = next[0], .b_grad = next[3], .w_grad = next[6], .c_grad = next[9] };
    if (net_backward(plan, &gradient_in, &gradient_params, &gradient, workspace, NULL, &error)) return failed(&error);
    wrong += fabsf(next[9][0] - (high - low) / 0.02f) > 1e-2f;
    net_backward_destroy(plan);
    free(workspace);
    for (int k = 0; k < TENSORS; k++) free(is[k]), free(next[k]);
    puts(wrong ? "wrong" : "as expected");
    return wrong;
}
