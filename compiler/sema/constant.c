/* constant.c - numbers that are known while checking: elements of constants, arguments of initialisers.
 *     const k[3] = [1/6, -2/3, sqrt(0.5)]        const z[2]: c64 = [1 + 2i, conj(1i)] */
#include "ir/scalar.h"
#include "sema/scope.h"
#include "base/complex.h"
#include <math.h>
#include <string.h>

static int64_t whole(double x) { return x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x; }
static double complex op_value(const X *x, double complex p, double complex q, bool *ok) {
    Dtype of = x->u.op.arg[0]->dt;
    if (x->u.op.op == OP_COMPLEX) return CMPLX(creal(p), creal(q));
    if (dtype_is_complex(of)) {
        Complex r = scalar_complex(x->u.op.op, (Complex){ creal(p), cimag(p) }, (Complex){ creal(q), cimag(q) }, ok);
        return CMPLX(r.re, r.im);
    }
    if (dtype_is_float(of)) return scalar_real(x->u.op.op, creal(p), creal(q), ok);
    return (double)scalar_int(x->u.op.op, whole(creal(p)), whole(creal(q)), x->dt, ok);
}
static double complex value(const X *x, bool *ok) {
    int64_t n;
    switch (x->k) {
    case X_INT: return (double)x->u.i;
    case X_REAL: return x->u.c.re;
    case X_COMPLEX: return CMPLX(x->u.c.re, x->u.c.im);
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
