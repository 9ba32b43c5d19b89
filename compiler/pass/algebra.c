/* algebra.c - laws of real numbers: rules like those of simplify.c, but the last digits may change.
 *
 *     sum(e: dst(e) = v) 0.5 * x[e]   ->  0.5 * sum(e: dst(e) = v) x[e]         2 * (3 * x)  ->  6 * x         a*c + b*c  ->  (a + b) * c
 *     sum(i) sum(j) x[i,j]  ->  sum(i, j) x[i,j]                                sum(i) a[i] + sum(i) b[i]  ->  sum(i) (a[i] + b[i])
 *
 * Laws: each result has fewer operations, or does some of them less often. Integers wrap, which is a ring, so the laws of sums and
 * products hold for them exactly. Sums that accumulate in another type than their own keep their form. */
#include "pass/pass.h"
#include "pass/query.h"
#include <string.h>

static bool is_op(const X *e, ScalarOp op) { return e->k == X_OP && e->u.op.op == op; }
static bool is_constant(const X *e) { return e->k == X_REAL && e->u.c.re - e->u.c.re == 0; }
static bool is_sum(const X *e) { return e->k == X_REDUCE && e->u.reduce.op == R_SUM && !e->u.reduce.other && e->u.reduce.acc == e->dt; }
static bool never_empty(const X *sum) {
    if (sum->u.reduce.n_cond) return false;
    for (int k = 0; k < sum->u.reduce.n; k++) if (space_may_be_empty(sum->u.reduce.idx[k]->space)) return false;
    return true;
}
static X *sum_with(Program *p, const X *sum, X *body) {
    X *r = NEW(p->arena, X);
    *r = *sum, r->u.reduce.body = body;
    return r;
}

/* Doesn't depend on what is summed, and is a number also where that is nothing */
static bool can_leave(const X *sum, X *factor, bool never_empty) {
    return !x_uses_any(factor, sum->u.reduce.idx, sum->u.reduce.n) && (never_empty || (x_is_finite(factor) && x_in_range(factor)));
}
/* sum(i) c * x[i]  ->  c * sum(i) x[i] */
static X *factor_out_of_sum(Program *p, X *e) {
    if (!is_sum(e)) return NULL;
    Arena *a = p->arena;
    X *body = e->u.reduce.body, *factor[16], *in[16], *out[16];
    bool any = never_empty(e);
    int m = 0, q = 0;
    if (is_op(body, OP_NEG)) return x_op(a, OP_NEG, sum_with(p, e, body->u.op.arg[0]), NULL);
    if (is_op(body, OP_DIV) && !dtype_is_int(e->dt)) {
        X *d = body->u.op.arg[1];
        return can_leave(e, x_op(a, OP_DIV, x_product(a, NULL, 0, e->dt), d), any) ? x_op(a, OP_DIV, sum_with(p, e, body->u.op.arg[0]), d) : NULL;
    }
    int n = x_factors(body, factor, 16);
    for (int k = 0; k < n; k++) {
        if (can_leave(e, factor[k], any)) out[q++] = factor[k]; else in[m++] = factor[k];
    }
    if (!q || !m) return NULL;
    return x_op(a, OP_MUL, x_product(a, out, q, e->dt), sum_with(p, e, x_product(a, in, m, e->dt)));
}
/* sum(i) ((if c then x[i] else 0) - (if c then y[i] else z[i]))  ->  if c then sum(i) (x[i] - y[i]) else sum(i) -z[i]: one choice that doesn't depend
 * on i stands in all summands, and is made once.  The condition is tested then also where there is no i. */
static bool one_choice(const X *sum, X *e, X **cond) {
    if (x_is_zero(e)) return true;
    if (is_op(e, OP_NEG)) return one_choice(sum, e->u.op.arg[0], cond);
    if (is_op(e, OP_ADD) || is_op(e, OP_SUB)) return one_choice(sum, e->u.op.arg[0], cond) && one_choice(sum, e->u.op.arg[1], cond);
    if (e->k != X_IF || (*cond && !x_equal(*cond, e->u.if_.cond))) return false;
    *cond = e->u.if_.cond;
    return !x_uses_any(*cond, sum->u.reduce.idx, sum->u.reduce.n) && (never_empty(sum) || x_in_range(*cond));
}
static X *chosen(Arena *a, X *e, bool then) {
    if (is_op(e, OP_NEG)) return x_op(a, OP_NEG, chosen(a, e->u.op.arg[0], then), NULL);
    if (is_op(e, OP_ADD) || is_op(e, OP_SUB)) return x_op(a, e->u.op.op, chosen(a, e->u.op.arg[0], then), chosen(a, e->u.op.arg[1], then));
    return e->k != X_IF ? e : then ? e->u.if_.then : e->u.if_.other;
}
static X *choice_out_of_sum(Program *p, X *e) {
    X *cond = NULL;
    if (!is_sum(e) || !one_choice(e, e->u.reduce.body, &cond) || !cond) return NULL;
    return x_if(p->arena, cond, sum_with(p, e, chosen(p->arena, e->u.reduce.body, true)), sum_with(p, e, chosen(p->arena, e->u.reduce.body, false)));
}
static X *sum_of_sum(Program *p, X *e) {
    if (!is_sum(e) || !is_sum(e->u.reduce.body) || e->u.reduce.body->u.reduce.acc != e->u.reduce.acc) return NULL;
    const X *s = e->u.reduce.body;
    int n = e->u.reduce.n + s->u.reduce.n, m = e->u.reduce.n_cond + s->u.reduce.n_cond;
    if (n > 16) return NULL;
    Index *idx[16];
    X **cond = NEWN(p->arena, X *, m + 1);
    for (int k = 0; k < n; k++) idx[k] = k < e->u.reduce.n ? e->u.reduce.idx[k] : s->u.reduce.idx[k - e->u.reduce.n];
    for (int k = 0; k < m; k++) cond[k] = k < e->u.reduce.n_cond ? e->u.reduce.cond[k] : s->u.reduce.cond[k - e->u.reduce.n_cond];
    return x_reduce(p->arena, R_SUM, n, idx, m, cond, s->u.reduce.body, NULL, e->u.reduce.acc);
}
/* sum(i: c) a + sum(j: c) b  ->  sum(i: c) (a + b), one loop for two */
static X *sums_together(Program *p, X *e) {
    if (!is_op(e, OP_ADD) && !is_op(e, OP_SUB)) return NULL;
    X *x = e->u.op.arg[0], *y = e->u.op.arg[1], *at[16];
    if (!is_sum(x) || !is_sum(y) || x->u.reduce.n != y->u.reduce.n || x->u.reduce.n_cond != y->u.reduce.n_cond) return NULL;
    for (int k = 0; k < x->u.reduce.n; k++) {
        if (x->u.reduce.idx[k]->space != y->u.reduce.idx[k]->space) return NULL;
        at[k] = x_index(p->arena, x->u.reduce.idx[k]);
    }
    for (int k = 0; k < x->u.reduce.n_cond; k++)
        if (!x_equal(x->u.reduce.cond[k], x_substitute(p, y->u.reduce.cond[k], y->u.reduce.n, y->u.reduce.idx, at))) return NULL;
    return sum_with(p, x, x_op(p->arena, e->u.op.op, x->u.reduce.body, x_substitute(p, y->u.reduce.body, y->u.reduce.n, y->u.reduce.idx, at)));
}
static X *constant(Program *p, ScalarOp op, const X *c, const X *d) {
    double x = c->u.c.re, y = d->u.c.re, r = op == OP_ADD ? x + y : op == OP_MUL ? x * y : x / y;
    return x_real(p->arena, c->dt == DT_F32 ? (double)(float)r : r, c->dt);
}
/* c1 * (c2 * x), (c2 * x) * c1, (c1 * x) / c2, c1 * (x / c2)  ->  c * x;  and sums of constants alike */
static X *constants_meet(Program *p, X *e) {
    if (e->k != X_OP || e->u.op.n != 2 || (e->dt != DT_F64 && e->dt != DT_F32)) return NULL;
    Arena *a = p->arena;
    ScalarOp op = e->u.op.op;
    X *c = e->u.op.arg[1], *in = e->u.op.arg[0];
    if (op == OP_ADD || op == OP_MUL) { if (is_constant(in)) { X *t = c; c = in, in = t; } }
    else if (op != OP_DIV) return NULL;
    if (!is_constant(c) || in->k != X_OP || in->u.op.n != 2) return NULL;
    X *p0 = in->u.op.arg[0], *p1 = in->u.op.arg[1];
    bool first = is_constant(p0);
    X *d = first ? p0 : p1, *x = first ? p1 : p0;
    if (!is_constant(d) || (op == OP_DIV && c->u.c.re == 0)) return NULL;
    if (op == OP_ADD) return is_op(in, OP_ADD) ? x_op(a, OP_ADD, x, constant(p, OP_ADD, d, c)) : NULL;
    if (is_op(in, OP_MUL)) return x_op(a, OP_MUL, constant(p, op, d, c), x);
    if (!is_op(in, OP_DIV) || first || d->u.c.re == 0) return NULL;
    return op == OP_MUL ? x_op(a, OP_MUL, constant(p, OP_DIV, c, d), x) : x_op(a, OP_DIV, x, constant(p, OP_MUL, d, c));
}
/* a*c + b*c  ->  (a + b) * c, for the first factor that both have */
static X *common_factor(Program *p, X *e) {
    if (!is_op(e, OP_ADD) && !is_op(e, OP_SUB)) return NULL;
    X *f[2][8], *c = NULL;
    int n[2] = { x_factors(e->u.op.arg[0], f[0], 8), x_factors(e->u.op.arg[1], f[1], 8) };
    if (n[0] < 2 || n[1] < 2) return NULL;
    for (int k = 0; k < n[0] && !c; k++) for (int j = 0; j < n[1] && !c; j++) if (!is_constant(f[0][k]) && x_equal(f[0][k], f[1][j]) && x_is_finite(f[0][k])) {
        c = f[0][k];
        memmove(&f[0][k], &f[0][k + 1], sizeof(X *) * (size_t)(--n[0] - k));
        memmove(&f[1][j], &f[1][j + 1], sizeof(X *) * (size_t)(--n[1] - j));
    }
    if (!c) return NULL;
    X *rest = x_op(p->arena, e->u.op.op, x_product(p->arena, f[0], n[0], e->dt), x_product(p->arena, f[1], n[1], e->dt));
    return x_op(p->arena, OP_MUL, rest, c);
}
/* c*a + c*b  ->  c * (a + b) for constants */
static X *constant_out_of_addition(Program *p, X *e) {
    if ((!is_op(e, OP_ADD) && !is_op(e, OP_SUB)) || !dtype_is_float(e->dt)) return NULL;
    X *x = e->u.op.arg[0], *y = e->u.op.arg[1];
    if (!is_op(x, OP_MUL) || !is_op(y, OP_MUL)) return NULL;
    for (int k = 0; k < 2; k++) for (int j = 0; j < 2; j++)
        if (is_constant(x->u.op.arg[k]) && x_equal(x->u.op.arg[k], y->u.op.arg[j]))
            return x_op(p->arena, OP_MUL, x->u.op.arg[k], x_op(p->arena, e->u.op.op, x->u.op.arg[1 - k], y->u.op.arg[1 - j]));
    return NULL;
}

static Rule *const rules[] = { constants_meet, constant_out_of_addition, common_factor, sum_of_sum, factor_out_of_sum, choice_out_of_sum, sums_together };
Program *pass_algebra(Program *p) { return program_apply_rules(p, rules, sizeof rules / sizeof *rules); }
