/* constant.c - numbers that are known while checking: elements of constants, arguments of initialisers.
 *     const k[3] = [1/6, -2/3, sqrt(0.5)]        const z[2]: c64 = [1 + 2i, conj(1i)] */
#include "sema/scope.h"
#include <complex.h>
#include <math.h>
#include <string.h>

static double complex op_value(const X *x, double complex p, double complex q, bool *ok) {
    double a = creal(p), b = creal(q);
    switch (x->u.op.op) {
    case OP_NEG: return -p;
    case OP_STOP: return p;
    case OP_ADD: return p + q;
    case OP_SUB: return p - q;
    case OP_MUL: return p * q;
    case OP_DIV: return dtype_is_int(x->dt) ? (b == 0 ? 0 : trunc(a / b)) : p / q;
    case OP_FLOORDIV: return b == 0 ? 0 : floor(a / b);
    case OP_MOD: return b == 0 ? 0 : a - b * floor(a / b);
    case OP_MIN: return fmin(a, b);
    case OP_MAX: return fmax(a, b);
    case OP_ABS: return cabs(p);
    case OP_SIGN: return (a > 0) - (a < 0);
    case OP_POW: return dtype_is_complex(x->dt) ? cpow(p, q) : pow(a, b);
    case OP_SQRT: return dtype_is_complex(x->dt) ? csqrt(p) : sqrt(a);
    case OP_RSQRT: return dtype_is_complex(x->dt) ? 1 / csqrt(p) : 1 / sqrt(a);
    case OP_EXP: return dtype_is_complex(x->dt) ? cexp(p) : exp(a);
    case OP_LOG: return dtype_is_complex(x->dt) ? clog(p) : log(a);
    case OP_SIN: return dtype_is_complex(x->dt) ? csin(p) : sin(a);
    case OP_COS: return dtype_is_complex(x->dt) ? ccos(p) : cos(a);
    case OP_EXP2: return exp2(a);
    case OP_LOG2: return log2(a);
    case OP_TAN: return tan(a);
    case OP_TANH: return tanh(a);
    case OP_ATAN2: return atan2(a, b);
    case OP_FLOOR: return floor(a);
    case OP_CEIL: return ceil(a);
    case OP_ROUND: return rint(a);
    case OP_TRUNC: return trunc(a);
    case OP_RE: return a;
    case OP_IM: return cimag(p);
    case OP_ARG: return carg(p);
    case OP_CONJ: return conj(p);
    case OP_COMPLEX: return a + I * b;
    case OP_EXPM1: case OP_LOG1P: case OP_ASIN: case OP_ACOS: case OP_ATAN: case OP_SINH: case OP_COSH: case OP_ERF: case OP_ERFC: case OP_LGAMMA: case OP_EQ: case OP_NE: case OP_LT:
    case OP_LE: case OP_GT: case OP_GE: case OP_AND: case OP_OR: case OP_NOT: case OP_BITAND: case OP_BITOR: case OP_BITXOR: case OP_BITNOT: case OP_SHL: case OP_SHR: case OP_POPCOUNT: case OP_THREEFRY:
    case OP_COUNT: break;
    }
    *ok = false;
    return 0;
}
static double complex value(const X *x, bool *ok) {
    int64_t n;
    switch (x->k) {
    case X_INT: return (double)x->u.i;
    case X_REAL: return x->u.c.re;
    case X_COMPLEX: return x->u.c.re + I * x->u.c.im;
    case X_EXT: if (ext_is_const(x->u.ext, &n)) return (double)n; break;
    case X_CAST: { double complex v = value(x->u.cast.arg, ok); return dtype_is_int(x->dt) ? trunc(creal(v)) : v; }
    case X_OP: { double complex p = value(x->u.op.arg[0], ok), q = x->u.op.n > 1 ? value(x->u.op.arg[1], ok) : 0; return op_value(x, p, q, ok); }
    case X_INDEX: case X_READ: case X_BITCAST: case X_IF: case X_REDUCE: break;
    }
    *ok = false;
    return 0;
}
/* false after a diagnostic */
bool constant_value(Env *e, Expr *x, double *re, double *im) {
    X *v = type_expr(e, x);
    if (!v) return false;
    bool ok = true;
    double complex z = value(v, &ok);
    *re = creal(z), *im = cimag(z);
    if (!ok) diag_help(diag_error(e->s->cx, D_BAD_DECLARATION, x->loc, "`%s` is not known when compiling", expr_text(e->s->cx, x)), "constants are made of numbers, other constants and known sizes; what is computed has an equation");
    return ok;
}
/* The numbers of a list, whose inner lists are rows: appended to out, complex ones as pairs. */
bool constant_list(Env *e, Expr *x, Dtype dt, double *out, int64_t *n, int64_t max) {
    bool pair = dtype_is_complex(dt), ok = true;
    if (x->kind == E_TUPLE) {
        for (int k = 0; k < x->arg.n; k++) ok &= constant_list(e, x->arg.at[k], dt, out, n, max);
        return ok;
    }
    double re = 0, im = 0;
    if (!constant_value(e, x, &re, &im)) return false;
    if (im != 0 && !pair) { diag_error(e->s->cx, D_TYPE_MISMATCH, x->loc, "this is complex, where %s is needed", dtype_name(dt)); return false; }
    if (*n < max) {
        out[pair ? 2 * *n : *n] = re;
        if (pair) out[2 * *n + 1] = im;
    }
    ++*n;
    return true;
}
