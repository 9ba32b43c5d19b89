/* verify.c - outputs of an executor against the reference interpreter's.
 *
 * The interpreter works in f64 on the same numbers, rounded to the declared types. An error is measured against the output's scale,
 * max(1, largest finite |reference|); the tolerance is that of the coarsest real type among the values and the parts of expressions that
 * the output is computed from.
 * Integers and bools must be equal; a NaN equals a NaN, an infinity itself. */
#include "tool/exec.h"
#include "pass/pass.h"
#include <inttypes.h>
#include <math.h>

static double tolerance_of(Dtype t) {
    switch (t) {
    case DT_F64: case DT_C128: return 1e-9;
    case DT_F32: case DT_C64: return 1e-4;
    case DT_F16: return 1e-2;
    case DT_BF16: return 8e-2;
    case DT_NONE: case DT_I64: case DT_I32: case DT_I8: case DT_U8: case DT_BOOL: break;
    }
    return 0;
}
typedef struct Coarse { double *by_value, most; } Coarse;
static void use(Value *v, void *data) { Coarse *c = data; if (c->by_value[v->id] > c->most) c->most = c->by_value[v->id]; }
/* what is computed in an expression is rounded to its type, though it may never be stored; reads are not, nor are constants like 0.5 */
static bool rounds(X *e, void *data) {
    Coarse *c = data;
    bool exact = (e->k == X_REAL || e->k == X_COMPLEX) && (double)(float)e->u.c.re == e->u.c.re && (e->k == X_REAL || (double)(float)e->u.c.im == e->u.c.im);
    if (e->k != X_READ && !exact && tolerance_of(e->dt) > c->most) c->most = tolerance_of(e->dt);
    return true;
}
static void expression(X *e, void *data) { if (e) x_walk(e, rounds, data); }
static void visit(Node *n, Coarse *c) {
    bool given = n->kind == N_INPUT || n->kind == N_PARAM || n->kind == N_CONST;             /* exact, whatever its type */
    for (int k = 0; n->kind == N_ITERATE && k < n->u.iterate.body.n; k++) visit(n->u.iterate.body.at[k], c);
    c->most = 0;
    node_each_use(n, use, c);
    node_each_expr(n, expression, c);
    for (int k = 0; n->kind == N_ITERATE && k < n->u.iterate.n; k++) use(n->u.iterate.next[k], c);
    for (int k = 0; k < n->n_result && !given; k++) {
        double own = tolerance_of(n->result[k]->dt);
        if (own > c->most) c->most = own;
    }
    for (int k = 0; k < n->n_result; k++) c->by_value[n->result[k]->id] = given ? 0 : c->most;
}

static double distance(const pgn_tensor *a, const pgn_tensor *b, int64_t k) {
    int64_t i = 0, j = 0;
    double worst = 0;
    for (int part = 0; part < (a->dtype >= PGN_C64 ? 2 : 1); part++) {
        double x = element_get(a, k, part, &i), y = element_get(b, k, part, &j);
        if (dtype_is_whole(a->dtype)) return i == j ? 0 : INFINITY;
        double d = (isnan(x) && isnan(y)) || x == y ? 0 : isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
        if (d > worst) worst = d;
    }
    return worst;
}
static double scale_of(const pgn_tensor *t) {
    double most = 1;
    int64_t i;
    for (int64_t k = 0; !dtype_is_whole(t->dtype) && k < t->n; k++) for (int part = 0; part < (t->dtype >= PGN_C64 ? 2 : 1); part++) {
        double x = fabs(element_get(t, k, part, &i));
        if (isfinite(x) && x > most) most = x;
    }
    return most;
}
static const char *number(Arena *a, const pgn_tensor *t, int64_t k) {
    int64_t i = 0;
    double re = element_get(t, k, 0, &i);
    if (dtype_is_whole(t->dtype)) return arena_printf(a, "%" PRId64, i);
    return t->dtype >= PGN_C64 ? arena_printf(a, "%.9g%+.9gi", re, element_get(t, k, 1, &i)) : arena_printf(a, "%.9g", re);
}
static const char *place_of(Arena *a, const pgn_tensor *t, int64_t k) {
    int64_t at[PGN_MAX_RANK];
    const char *text = "";
    for (int j = t->rank - 1; j >= 0; j--) at[j] = k % t->extent[j], k /= t->extent[j];
    for (int j = 0; j < t->rank; j++) text = arena_printf(a, "%s%s%" PRId64, text, j ? ", " : "", at[j]);
    return t->rank ? arena_printf(a, "[%s]", text) : "";
}
bool verify_result(Options *o, Program *p, const pgn_tensor *want, RunResult *r) {
    Arena *a = o->cx->arena;
    Coarse c = { NEWN(a, double, p->n_value + 1), 0 };
    for (int k = 0; k < p->node.n; k++) visit(p->node.at[k], &c);
    r->worst = NEWN(a, double, p->output.n + 1), r->tolerance = NEWN(a, double, p->output.n + 1);
    r->verified = r->ok = true;
    for (int k = 0; k < p->output.n; k++) {
        const pgn_tensor *x = &r->output[k], *y = &want[k];
        bool whole = dtype_is_whole(y->dtype), same = x->rank == y->rank && x->n == y->n;
        double scale = scale_of(y), own = tolerance_of((Dtype)y->dtype);
        r->tolerance[k] = whole ? 0 : o->tolerance >= 0 ? o->tolerance : c.by_value[p->output.at[k].value->id] > own ? c.by_value[p->output.at[k].value->id] : own;
        for (int j = 0; same && j < x->rank; j++) same = x->extent[j] == y->extent[j];
        if (!same) {
            diag_error(o->cx, D_VERIFY_FAILED, p->output.at[k].value->loc, "executor %s gives `%s` another shape than the reference", r->executor, x->name);
            r->ok = false;
            continue;
        }
        int64_t at = -1;
        for (int64_t q = 0; q < x->n; q++) {
            double d = distance(x, y, q) / scale;
            if (d > r->worst[k] || at < 0) r->worst[k] = d, at = q;
        }
        if (r->worst[k] <= r->tolerance[k]) continue;
        Diag *d = diag_error(o->cx, D_VERIFY_FAILED, p->output.at[k].value->loc, "`%s`%s is %s by executor %s, %s by the reference interpreter", x->name,
                             place_of(a, x, at), number(a, x, at), r->executor, number(a, y, at));
        if (whole) diag_help(d, "integers must be equal");
        else diag_help(d, "the error is %.3g of the scale %.3g; %.3g is allowed (--verify=TOL)", r->worst[k], scale, r->tolerance[k]);
        r->ok = false;
    }
    return r->ok;
}
