/* complex.c - complex arithmetic by real formulas: a complex expression is a pair of real ones. Arguments are named first, since the
 * formulas use them several times. */
#include "lower/lower.h"

static LX *real_of(Build *b, double v, LX *like) { return lx_real(b->l->a, v, like->dt); }
static LX *f1(Build *b, ScalarOp op, LX *x) { return lx_op(b->l->a, op, x, NULL); }
static LX *hypot_of(Build *b, Pair x) {
    /* scaled by the larger part, so that no square overflows; 0 when both are 0 */
    LX *p = let(b, f1(b, OP_ABS, x.re), "p"), *q = let(b, f1(b, OP_ABS, x.im), "q");
    LX *m = let(b, lop(b, OP_MAX, p, q), "m"), *n = lop(b, OP_MIN, p, q), *zero = real_of(b, 0, m);
    LX *r = let(b, lop(b, OP_DIV, n, m), "r");
    LX *h = lop(b, OP_MUL, m, f1(b, OP_SQRT, lop(b, OP_ADD, real_of(b, 1, m), lop(b, OP_MUL, r, r))));
    return let(b, lx_select(b->l->a, lop(b, OP_GT, m, zero), h, lop(b, OP_ADD, p, q)), "abs");
}
/* A real number in complex arithmetic: a factor or divisor that acts on both parts alike. */
static bool is_real(Pair x) { return x.im->k == LX_REAL && x.im->r == 0; }
static Pair product(Build *b, Pair x, Pair y) {
    if (is_real(y)) return (Pair){ lop(b, OP_MUL, x.re, y.re), lop(b, OP_MUL, x.im, y.re) };
    if (is_real(x)) return (Pair){ lop(b, OP_MUL, x.re, y.re), lop(b, OP_MUL, x.re, y.im) };
    return (Pair){ lop(b, OP_SUB, lop(b, OP_MUL, x.re, y.re), lop(b, OP_MUL, x.im, y.im)), lop(b, OP_ADD, lop(b, OP_MUL, x.re, y.im), lop(b, OP_MUL, x.im, y.re)) };
}
/* Smith's quotient: no overflow on the way. */
static Pair quotient(Build *b, Pair x, Pair y) {
    Arena *a = b->l->a;
    if (is_real(y)) return (Pair){ lop(b, OP_DIV, x.re, y.re), lop(b, OP_DIV, x.im, y.re) };
    LX *big = let(b, lop(b, OP_GE, f1(b, OP_ABS, y.re), f1(b, OP_ABS, y.im)), "big");
    LX *p = let(b, lx_select(a, big, y.re, y.im), "p"), *s = lx_select(a, big, y.im, y.re);
    LX *zero = lop(b, OP_EQ, p, real_of(b, 0, p));
    LX *q = let(b, lx_select(a, zero, s, lop(b, OP_DIV, s, p)), "q"), *d = let(b, lx_select(a, zero, p, lop(b, OP_ADD, p, lop(b, OP_MUL, q, lx_select(a, big, y.im, y.re)))), "d");
    LX *re = lx_select(a, big, lop(b, OP_ADD, x.re, lop(b, OP_MUL, q, x.im)), lop(b, OP_ADD, lop(b, OP_MUL, q, x.re), x.im));
    LX *im = lx_select(a, big, lop(b, OP_SUB, x.im, lop(b, OP_MUL, q, x.re)), lop(b, OP_SUB, lop(b, OP_MUL, q, x.im), x.re));
    return (Pair){ lop(b, OP_DIV, re, d), lop(b, OP_DIV, im, d) };
}
static Pair exponential(Build *b, Pair x) {
    LX *e = let(b, f1(b, OP_EXP, x.re), "e");
    return (Pair){ lop(b, OP_MUL, e, f1(b, OP_COS, x.im)), lop(b, OP_MUL, e, f1(b, OP_SIN, x.im)) };
}
static Pair logarithm(Build *b, Pair x) { return (Pair){ f1(b, OP_LOG, hypot_of(b, x)), lop(b, OP_ATAN2, x.im, x.re) }; }
static Pair root(Build *b, Pair x) {
    Arena *a = b->l->a;
    LX *m = hypot_of(b, x), *zero = real_of(b, 0, m), *half = real_of(b, 0.5, m);
    LX *s = let(b, f1(b, OP_SQRT, lop(b, OP_MUL, half, lop(b, OP_ADD, m, f1(b, OP_ABS, x.re)))), "s");
    LX *t = let(b, lx_select(a, lop(b, OP_GT, s, zero), lop(b, OP_DIV, lop(b, OP_MUL, half, x.im), s), zero), "t");
    LX *right = let(b, lop(b, OP_GE, x.re, zero), "right"), *low = lop(b, OP_LT, x.im, zero);
    return (Pair){ lx_select(a, right, s, f1(b, OP_ABS, t)), lx_select(a, right, t, lx_select(a, low, f1(b, OP_NEG, s), s)) };
}
static Pair power(Build *b, Pair x, Pair y) {
    Arena *a = b->l->a;
    Pair e = let_pair(b, exponential(b, let_pair(b, product(b, y, let_pair(b, logarithm(b, x), "log")), "w")), "pow");
    LX *zero = real_of(b, 0, x.re), *one = real_of(b, 1, x.re);
    LX *nothing = let(b, lop(b, OP_AND, lop(b, OP_EQ, x.re, zero), lop(b, OP_EQ, x.im, zero)), "nothing");
    LX *unit = lx_select(a, lop(b, OP_AND, lop(b, OP_EQ, y.re, zero), lop(b, OP_EQ, y.im, zero)), one, zero);
    return (Pair){ lx_select(a, nothing, unit, e.re), lx_select(a, nothing, zero, e.im) };
}

/* dt: type of the arguments. y.re is NULL for one argument. The result is real (im NULL) for abs, re, im, arg and comparisons. */
Pair complex_op(Build *b, ScalarOp op, Dtype dt, Pair x, Pair y) {
    (void)dt;
    switch (op) {
    case OP_RE: return (Pair){ x.re, NULL };
    case OP_IM: return (Pair){ x.im, NULL };
    case OP_NEG: return (Pair){ f1(b, OP_NEG, x.re), f1(b, OP_NEG, x.im) };
    case OP_CONJ: return (Pair){ x.re, f1(b, OP_NEG, x.im) };
    case OP_ADD: case OP_SUB: return (Pair){ lop(b, op, x.re, y.re), lop(b, op, x.im, y.im) };
    default: break;
    }
    x = let_pair(b, x, "x");
    if (y.re) y = let_pair(b, y, "y");
    LX *one = real_of(b, 1, x.re), *zero = real_of(b, 0, x.re);
    switch (op) {
    case OP_MUL: return product(b, x, y);
    case OP_DIV: return quotient(b, x, y);
    case OP_EQ: return (Pair){ lop(b, OP_AND, lop(b, OP_EQ, x.re, y.re), lop(b, OP_EQ, x.im, y.im)), NULL };
    case OP_NE: return (Pair){ lop(b, OP_OR, lop(b, OP_NE, x.re, y.re), lop(b, OP_NE, x.im, y.im)), NULL };
    case OP_ABS: return (Pair){ hypot_of(b, x), NULL };
    case OP_ARG: return (Pair){ lop(b, OP_ATAN2, x.im, x.re), NULL };
    case OP_SIGN: {
        LX *m = hypot_of(b, x), *d = let(b, lx_select(b->l->a, lop(b, OP_EQ, m, zero), one, m), "d");
        return (Pair){ lop(b, OP_DIV, x.re, d), lop(b, OP_DIV, x.im, d) };
    }
    case OP_POW: return power(b, x, y);
    case OP_SQRT: return root(b, x);
    case OP_RSQRT: return quotient(b, (Pair){ one, zero }, let_pair(b, root(b, x), "root"));
    case OP_EXP: return exponential(b, x);
    case OP_LOG: return logarithm(b, x);
    case OP_SIN: return (Pair){ lop(b, OP_MUL, f1(b, OP_SIN, x.re), f1(b, OP_COSH, x.im)), lop(b, OP_MUL, f1(b, OP_COS, x.re), f1(b, OP_SINH, x.im)) };
    case OP_COS: return (Pair){ lop(b, OP_MUL, f1(b, OP_COS, x.re), f1(b, OP_COSH, x.im)), f1(b, OP_NEG, lop(b, OP_MUL, f1(b, OP_SIN, x.re), f1(b, OP_SINH, x.im))) };
    default: break;                     /* sema gives complex arguments to no other function */
    }
    diag_error(b->l->cx, D_UNSUPPORTED, b->k->loc, "`%s` of complex numbers can't be compiled", scalar_info[op].name);
    return x;
}
