/* partial.c - derivatives of the scalar functions: the last columns of base/scalar.def. */
#include "diff/inside.h"
#include <math.h>

bool dx_flows(Dtype dt) { return dtype_is_float(dt) || dtype_is_complex(dt); }
X *dx_number(Arena *a, double v, Dtype dt) { return dtype_is_complex(dt) ? x_complex(a, v, 0, dt) : dtype_is_float(dt) ? x_real(a, v, dt) : x_int(a, (int64_t)v, dt); }
bool dx_is(const X *x, double v) { return (x->k == X_REAL && x->u.c.re == v) || (x->k == X_COMPLEX && x->u.c.re == v && x->u.c.im == 0); }
X *dx_add(Arena *a, X *p, X *q) { return !p ? q : !q ? p : x_op(a, OP_ADD, p, q); }
X *dx_sub(Arena *a, X *p, X *q) { return x_op(a, OP_SUB, p, q); }
X *dx_mul(Arena *a, X *p, X *q) {
    if (dx_is(p, 1)) return q;
    if (dx_is(q, 1)) return p;
    if (dx_is(p, -1)) return x_op(a, OP_NEG, q, NULL);
    if (dx_is(q, -1)) return x_op(a, OP_NEG, p, NULL);
    return x_op(a, OP_MUL, p, q);
}
X *dx_div(Arena *a, X *p, X *q) { return dx_is(q, 1) ? p : x_op(a, OP_DIV, p, q); }
/* What q reads may be there only where p holds. */
X *dx_and(Arena *a, X *p, X *q) { return !p ? q : !q ? p : x_in_range(q) ? x_op(a, OP_AND, p, q) : x_if(a, p, q, x_int(a, 0, DT_BOOL)); }

/* The words of those columns: a and b are the arguments, r the result; all of one type. */
#define ADD(p, q) x_op(m, OP_ADD, p, q)
#define SUB(p, q) x_op(m, OP_SUB, p, q)
#define MUL(p, q) dx_mul(m, p, q)
#define DIV(p, q) x_op(m, OP_DIV, p, q)
#define NEG(p) x_op(m, OP_NEG, p, NULL)
#define FN(op, p) x_op(m, OP_##op, p, NULL)
#define FN2(op, p, q) x_op(m, OP_##op, p, q)
#define NUM(v) dx_number(m, v, a->dt)
#define IF(c, p, q) x_if(m, c, p, q)
#define ZERO NULL
#define DIGAMMA digamma(m, a)
#define NONE (*exists = false, NULL)
/* The derivative of lgamma: by digamma(x) = digamma(x + 1) - 1/x to arguments of 10 and more, where the first terms of its asymptotic series
 * do (error 1e-16); below 1/2 by digamma(x) = digamma(1 - x) - pi / tan(pi x). */
static X *digamma(Arena *m, X *x) {
    static const double bernoulli[] = { -1.0 / 12, 1.0 / 120, -1.0 / 252, 1.0 / 240, -1.0 / 132, 691.0 / 32760 };        /* -B(2k) / 2k */
    X *one = dx_number(m, 1, x->dt), *pi = dx_number(m, 3.14159265358979323846, x->dt), *right = x_op(m, OP_GE, x, dx_number(m, 0.5, x->dt));
    X *z = x_if(m, right, x, SUB(one, x)), *y = ADD(z, dx_number(m, 10, x->dt)), *w = DIV(one, MUL(y, y)), *series = NULL, *steps = NULL;
    for (int k = (int)(sizeof bernoulli / sizeof *bernoulli) - 1; k >= 0; k--) {
        X *c = dx_number(m, bernoulli[k], x->dt);
        series = MUL(w, series ? ADD(c, series) : c);
    }
    for (int k = 0; k < 10; k++) steps = dx_add(m, steps, DIV(one, k ? ADD(z, dx_number(m, k, x->dt)) : z));
    X *r = SUB(ADD(SUB(FN(LOG, y), DIV(dx_number(m, 0.5, x->dt), y)), series), steps);
    return x_if(m, right, r, SUB(r, DIV(pi, FN(TAN, MUL(pi, x)))));
}
static X *row(Arena *m, ScalarOp op, int k, X *a, X *b, X *r, bool *exists) {
    switch (op) {
#define SCALAR(id, name, arity, class_, c32, c64, llvm, cost, defined, of_int, of_real, of_complex, da, db) case OP_##id: return k == 0 ? (da) : (db);
#include "base/scalar.def"
#undef SCALAR
    case OP_COUNT: break;
    }
    return NONE;
}
bool partial(Diff *d, X *e, int k, X *r, X **out) {
    bool exists = true;
    *out = row(d->p->arena, e->u.op.op, k, e->u.op.arg[0], e->u.op.arg[1], r, &exists);
    return exists || diff_refuse(d, e->loc, arena_printf(d->p->arena, "`%s` has no derivative", scalar_info[e->u.op.op].name));
}
