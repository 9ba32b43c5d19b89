/* pass_test.c - estimates of known equations, and what passes record about their decisions. */
#include "check.h"
#include "pass/cost.h"
#include "pass/pass.h"
#include <math.h>
#include <string.h>

static Program *program(Context *cx, const char *file) {
    int source = source_read(cx, arena_printf(cx->arena, "%s/%s", TEST_PROGRAMS, file), NO_LOC);
    return source < 0 ? NULL : program_read(cx, source);
}
static Node *node_of(Program *p, const char *name) {
    for (int k = 0; k < p->node.n; k++) if (p->node.at[k]->n_result && !strcmp(p->node.at[k]->result[0]->name, name)) return p->node.at[k];
    return NULL;
}
static bool near(double a, double b) { return fabs(a - b) <= 1e-3 * fabs(b); }
static Estimate of(Sizes *s, Node *n) { return estimate_equation(s, n->result[0]->rank, n->u.compute.idx, n->u.compute.expr, true); }

/* 620232 edges, rows of 64, matrices of 64 x 64 */
static void estimates(Context *cx) {
    Program *p = program(cx, "linear_weights.ir");
    CHECK(p != NULL);
    if (!p) return;
    Sizes s = { .p = p };
    Node *z = node_of(p, "z"), *y = node_of(p, "y");
    double edges = 620232;
    CHECK(near(of(&s, z).flops, 2 * edges * 64 * 64));
    CHECK(of(&s, z).bytes > edges * 64 * 4);                            /* what is stored, at least */
    CHECK(of(&s, z).bytes < 2 * edges * 64 * 4);                        /* the table of nodes stays in the cache, so do the matrices */
    CHECK(near(of(&s, y).flops, 2 * edges * 64));                       /* the fibres of all nodes are the edges, not nodes times edges */
    X *key[] = { z->u.compute.expr->u.reduce.body->u.op.arg[1]->u.read.idx[0], z->u.compute.expr->u.reduce.body->u.op.arg[0]->u.read.idx[0] };
    CHECK(!strcmp(unique_name(&s, 2, key), "unique(g.etype, g.src)"));
    CHECK(size_unique(&s, z->result[0]->axis[0], 2, key) == 161922);    /* told */
    p->about.n = 3;
    Sizes t = { .p = p };
    double guess = size_unique(&t, z->result[0]->axis[0], 2, key);
    CHECK(guess > 0.2 * edges && guess < 0.7 * edges);                  /* not told */
    CHECK(size_unique(&t, z->result[0]->axis[0], 1, key) <= 474);
    CHECK(estimate_time(p, (Estimate){ 800, 10 }) < estimate_time(p, (Estimate){ 800, 1000 }));
    CHECK(!strcmp(estimate_text(cx->arena, (Estimate){ 1.5e9, 2e6 }), "1.5 Gflop, 2 MB"));
}
/* Whether one of a program's decisions is of this pass and says this; all of them must promise something. */
static bool decided(Context *cx, const char *file, const char *list, const char *pass, const char *what) {
    Program *p = program(cx, file), *q = p ? pass_run(p, list, NULL, NULL) : NULL;
    bool found = false;
    CHECK(q != NULL);
    for (int k = 0; q && k < q->decision.n; k++) {
        const Decision *d = &q->decision.at[k];
        if (!d->what) { CHECK(d->command != NULL); continue; }             /* a command that belongs to the decision before */
        CHECK(d->pass && d->what && d->why && d->runner_up);
        CHECK(estimate_time(q, d->after) < estimate_time(q, d->before));
        found |= !strcmp(d->pass, pass) && strstr(d->what, what);
    }
    CHECK(p->decision.n == 0);                                          /* the program that came is as it was */
    return found;
}
static void decisions(Context *cx) {
    CHECK(decided(cx, "linear_weights.ir", "linear,compact,dce", "linear", "u is multiplied out in s and needed no more"));
    CHECK(decided(cx, "linear_weights.ir", "linear,compact,dce", "linear", "s: s.t[g.etypes, in] is summed over out first"));
    CHECK(decided(cx, "linear_weights.ir", "linear,compact,dce", "linear", "y.t[unique(g.etype, g.src), out] is summed over in first"));
    CHECK(decided(cx, "compact_unique.ir", "compact", "compact", "z: one row per combination that occurs, unique(g.etype, g.src)"));
    CHECK(decided(cx, "compact_unique.ir", "compact", "compact", "t: one row per element of unique(g.etype, g.src)"));
    CHECK(decided(cx, "hoist.ir", "compact", "compact", "pairs.t is computed apart from pairs: one row per combination that occurs"));
    CHECK(!decided(cx, "linear_stops.ir", "linear", "linear", ""));     /* nothing pays: nothing is recorded */
}
int main(void) {
    Context *cx = context_new();
    estimates(cx);
    decisions(cx);
    diag_print_all(cx, stdout, DIAG_TEXT, false);
    context_free(cx);
    return summary();
}
