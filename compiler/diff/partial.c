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
X *dx_and(Arena *a, X *p, X *q) { return !p ? q : !q ? p : x_op(a, OP_AND, p, q); }

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
#define NONE (*exists = false, NULL)
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
