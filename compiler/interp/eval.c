/* eval.c - evaluates compiled expressions at the current setting of the indices: three functions, one per kind of number. */
#include "interp/inside.h"
#include "pigeon/random.h"
#include <complex.h>
#undef I                                   /* the name of the state of a run here */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

int64_t wrap(int64_t v, Dtype t) {
    switch (t) {
    case DT_I32: return (int32_t)v;
    case DT_I8: return (int8_t)v;
    case DT_U8: return (uint8_t)v;
    case DT_BOOL: return v != 0;
    case DT_NONE: case DT_F64: case DT_F32: case DT_F16: case DT_BF16: case DT_I64: case DT_C64: case DT_C128: break;
    }
    return v;
}
static int64_t from_real(double x, Dtype t) {
    if (t == DT_BOOL) return x != 0;
    if (isnan(x)) return 0;
    double lo = t == DT_I64 ? -0x1p63 : t == DT_I32 ? -0x1p31 : t == DT_I8 ? -128 : 0, hi = t == DT_I64 ? 0x1p63 : t == DT_I32 ? 0x1p31 - 1 : t == DT_I8 ? 127 : 255;
    if (x >= hi) return t == DT_I64 ? INT64_MAX : (int64_t)hi;
    return x <= lo ? t == DT_I64 ? INT64_MIN : (int64_t)lo : (int64_t)x;
}

/* ---- reads --------------------------------------------------------------------------------------------------- */
typedef enum Where { INSIDE, NOTHING, OTHER } Where;
/* Where a read lands: a flat position, zero, or another expression. */
static Where locate(Interp *I, const Read *r, int64_t *at, const Op **other) {
    int64_t sub[8], flat = 0, wrong_at = 0;
    int wrong = -1;
    for (int k = 0; k < r->rank; k++) {
        const Subscript *s = &r->sub[k];
        int64_t i = s->index >= 0 ? I->ix[s->index] : eval_int(I, s->e), n = s->extent;
        sub[k] = i;
        if (i >= 0 && i < n) { flat += i * s->stride; continue; }
        if (r->member && k == r->member->m->time_axis && (I->group->reverse ? i >= n : i < 0)) {
            /* before the first element: the given one of that distance, with the other subscripts for its indices */
            int64_t offset = I->group->reverse ? n - 1 - i : i;
            for (int j = 0; j < r->member->n_before; j++) {
                if (r->member->before[j].offset != offset) continue;
                int64_t rest[8];
                Index **idx = r->member->m->before.at[j].idx;
                for (int q = 0; q < r->rank; q++) {
                    if (q == k) continue;
                    rest[q] = q < k ? sub[q] : r->sub[q].index >= 0 ? I->ix[r->sub[q].index] : eval_int(I, r->sub[q].e);
                    if (rest[q] < 0 || rest[q] >= r->sub[q].extent) goto plain;
                }
                for (int q = 0; q < r->rank; q++) if (q != k) I->ix[idx[q]->id] = rest[q];
                *other = r->member->before[j].op;
                return OTHER;
            }
            if (s->bnd != BND_ELSE) return NOTHING;
        }
    plain:
        switch (s->bnd) {
        case BND_NONE: if (wrong < 0) wrong = k, wrong_at = i; i = 0; break;
        case BND_ZERO: return NOTHING;
        case BND_ELSE: *other = s->other; return s->other ? OTHER : NOTHING;
        case BND_PERIODIC: if (n < 1) return NOTHING; i %= n; if (i < 0) i += n; break;
        case BND_REPLICATE: if (n < 1) return NOTHING; i = i < 0 ? 0 : n - 1; break;
        case BND_REFLECT: {
            if (n < 1) return NOTHING;
            int64_t period = 2 * (n - 1);
            if (!period) { i = 0; break; }
            i %= period;
            if (i < 0) i += period;
            if (i >= n) i = period - i;
            break;
        }
        }
        sub[k] = i;
        flat += i * s->stride;
    }
    if (wrong >= 0) {
        fail(I, D_INTERNAL, r->loc, "`%s` is read at position %" PRId64 " of dimension %d, which has 0..%" PRId64, r->v->name, wrong_at, wrong + 1, r->sub[wrong].extent - 1);
        return NOTHING;
    }
    *at = flat;
    return INSIDE;
}

/* ---- bit patterns -------------------------------------------------------------------------------------------- */
static uint16_t half_bits(double x) {
    uint64_t b;
    memcpy(&b, &x, 8);
    uint16_t sign = (uint16_t)(b >> 48 & 0x8000);
    double a = fabs(x);
    if (isnan(x)) return sign | 0x7e00;
    if (a >= 65520) return sign | 0x7c00;
    int e = 0;
    if (a == 0) return sign;
    frexp(a, &e);                                /* a = f * 2^e, f in [1/2, 1) */
    if (e < -13) return sign | (uint16_t)rint(ldexp(a, 24));
    return sign | (uint16_t)(((e + 14) << 10) + (int)rint(ldexp(a, 11 - e)) - 1024);     /* a carry of the mantissa goes into the exponent */
}
static double half_value(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double a = e == 31 ? m ? NAN : INFINITY : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -a : a;
}
typedef union Bits { uint8_t u8; int8_t i8; uint16_t h; int32_t i32; int64_t i64; uint32_t u32; float f[2]; double d[2]; } Bits;
static void pattern(Interp *I, const Op *o, Bits *b) {
    memset(b, 0, sizeof *b);
    Complex z = { 0, 0 };
    int64_t i = 0;
    if (o->c == IS_INT) i = eval_int(I, o); else if (o->c == IS_REAL) z.re = eval_real(I, o); else z = eval_complex(I, o);
    switch (o->dt) {
    case DT_F64: b->d[0] = z.re; break;
    case DT_F32: b->f[0] = (float)z.re; break;
    case DT_F16: b->h = half_bits(z.re); break;
    case DT_BF16: {                              /* the upper half of an f32, rounded to even */
        b->f[0] = (float)z.re;
        uint32_t u = b->u32;
        b->h = isnan(z.re) ? 0x7fc0 : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
        break;
    }
    case DT_I64: b->i64 = i; break;
    case DT_I32: b->i32 = (int32_t)i; break;
    case DT_I8: b->i8 = (int8_t)i; break;
    case DT_U8: case DT_BOOL: b->u8 = (uint8_t)i; break;
    case DT_C64: b->f[0] = (float)z.re, b->f[1] = (float)z.im; break;
    case DT_C128: b->d[0] = z.re, b->d[1] = z.im; break;
    case DT_NONE: break;
    }
}
static Complex unpattern(const Bits *b, Dtype t, int64_t *i) {
    *i = 0;
    switch (t) {
    case DT_F64: return (Complex){ b->d[0], 0 };
    case DT_F32: return (Complex){ b->f[0], 0 };
    case DT_F16: return (Complex){ half_value(b->h), 0 };
    case DT_BF16: { Bits c = { .u32 = (uint32_t)b->h << 16 }; return (Complex){ c.f[0], 0 }; }
    case DT_I64: *i = b->i64; break;
    case DT_I32: *i = b->i32; break;
    case DT_I8: *i = b->i8; break;
    case DT_U8: *i = b->u8; break;
    case DT_BOOL: *i = b->u8 != 0; break;
    case DT_C64: return (Complex){ b->f[0], b->f[1] };
    case DT_C128: return (Complex){ b->d[0], b->d[1] };
    case DT_NONE: break;
    }
    return (Complex){ 0, 0 };
}

/* ---- integers ------------------------------------------------------------------------------------------------ */
static int64_t floor_div(int64_t x, int64_t y) {
    if (!y) return 0;
    if (y == -1) return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}
static int64_t int_scalar(Interp *I, const Op *o) {
    int64_t x, y = 0;
    if (o->cfrom == IS_INT) {
        x = eval_int(I, o->a[0]);
        if (o->op == OP_AND) return x && eval_int(I, o->a[1]);
        if (o->op == OP_OR) return x || eval_int(I, o->a[1]);
        if (o->a[1]) y = eval_int(I, o->a[1]);
    } else {
        int order, same;                         /* of reals or complex numbers: comparisons only */
        if (o->cfrom == IS_REAL) {
            double p = eval_real(I, o->a[0]), q = o->a[1] ? eval_real(I, o->a[1]) : 0;
            if (isnan(p) || isnan(q)) return o->op == OP_NE;
            order = (p > q) - (p < q), same = p == q;
        } else {
            Complex p = eval_complex(I, o->a[0]), q = o->a[1] ? eval_complex(I, o->a[1]) : (Complex){ 0, 0 };
            same = p.re == q.re && p.im == q.im, order = same ? 0 : 1;
        }
        switch ((int)o->op) {
        case OP_EQ: return same;
        case OP_NE: return !same;
        case OP_LT: return order < 0;
        case OP_LE: return order <= 0;
        case OP_GT: return order > 0;
        case OP_GE: return order >= 0;
        }
        fail(I, D_INTERNAL, NO_LOC, "`%s` gives no integer", scalar_info[o->op].name);
        return 0;
    }
    uint64_t a = (uint64_t)x, b = (uint64_t)y, r = 0;
    int bits = 8 * (int)dtype_bytes(o->dt);
    switch ((int)o->op) {
    case OP_STOP: r = a; break;
    case OP_NEG: r = 0 - a; break;
    case OP_ADD: r = a + b; break;
    case OP_SUB: r = a - b; break;
    case OP_MUL: r = a * b; break;
    case OP_DIV: r = !y ? 0 : y == -1 ? 0 - a : (uint64_t)(x / y); break;
    case OP_FLOORDIV: r = (uint64_t)floor_div(x, y); break;
    case OP_MOD: r = !y ? 0 : a - (uint64_t)floor_div(x, y) * b; break;
    case OP_MIN: return x < y ? x : y;
    case OP_MAX: return x > y ? x : y;
    case OP_ABS: r = x < 0 ? 0 - a : a; break;
    case OP_SIGN: return (x > 0) - (x < 0);
    case OP_EQ: return x == y;
    case OP_NE: return x != y;
    case OP_LT: return x < y;
    case OP_LE: return x <= y;
    case OP_GT: return x > y;
    case OP_GE: return x >= y;
    case OP_NOT: return !x;
    case OP_BITAND: r = a & b; break;
    case OP_BITOR: r = a | b; break;
    case OP_BITXOR: r = a ^ b; break;
    case OP_BITNOT: r = ~a; break;
    case OP_SHL: r = a << (y & (bits - 1)); break;
    case OP_SHR: r = (uint64_t)(x >> (y & (bits - 1))); break;
    case OP_THREEFRY: return pgn_threefry(x, y);
    case OP_POPCOUNT: for (a &= bits == 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1; a; a &= a - 1) r++; break;
    default: fail(I, D_INTERNAL, NO_LOC, "`%s` of integers", scalar_info[o->op].name); break;
    }
    return wrap((int64_t)r, o->dt);
}
int64_t eval_int(Interp *I, const Op *o) {
    const Op *other;
    int64_t at, i;
    switch (o->k) {
    case O_CONST: return o->u.i;
    case O_INDEX: return I->ix[o->u.index];
    case O_READ:
        switch (locate(I, o->u.read, &at, &other)) {
        case INSIDE: return o->u.read->from->i[at];
        case NOTHING: return 0;
        case OTHER: return eval_int(I, other);
        }
        return 0;
    case O_SCALAR: return int_scalar(I, o);
    case O_CAST:
        if (o->cfrom == IS_INT) return wrap(eval_int(I, o->a[0]), o->dt);
        if (o->cfrom == IS_REAL) return from_real(eval_real(I, o->a[0]), o->dt);
        Complex z = eval_complex(I, o->a[0]);
        return o->dt == DT_BOOL ? z.re != 0 || z.im != 0 : from_real(z.re, o->dt);
    case O_BITCAST: { Bits b; pattern(I, o->a[0], &b); unpattern(&b, o->dt, &i); return i; }
    case O_IF: return eval_int(I, eval_int(I, o->a[0]) ? o->a[1] : o->a[2]);
    case O_REDUCE: { Complex c; reduce_run(I, o->u.reduce, &i, &c); return i; }
    }
    return 0;
}

/* ---- reals --------------------------------------------------------------------------------------------------- */
static double real_scalar(Interp *I, const Op *o) {
    if (o->cfrom == IS_COMPLEX) {
        Complex z = eval_complex(I, o->a[0]);
        switch ((int)o->op) {
        case OP_ABS: return hypot(z.re, z.im);
        case OP_RE: return z.re;
        case OP_IM: return z.im;
        case OP_ARG: return atan2(z.im, z.re);
        }
        fail(I, D_INTERNAL, NO_LOC, "`%s` of a complex number gives no real", scalar_info[o->op].name);
        return 0;
    }
    double x = eval_real(I, o->a[0]), y = o->a[1] ? eval_real(I, o->a[1]) : 0;
    switch ((int)o->op) {
    case OP_STOP: return x;
    case OP_NEG: return -x;
    case OP_ADD: return x + y;
    case OP_SUB: return x - y;
    case OP_MUL: return x * y;
    case OP_DIV: return x / y;
    case OP_MOD: { double r = fmod(x, y); return r != 0 && (r < 0) != (y < 0) ? r + y : r; }
    case OP_MIN: return fmin(x, y);
    case OP_MAX: return fmax(x, y);
    case OP_ABS: return fabs(x);
    case OP_SIGN: return (x > 0) - (x < 0);
    case OP_POW: return pow(x, y);
    case OP_SQRT: return sqrt(x);
    case OP_RSQRT: return 1 / sqrt(x);
    case OP_EXP: return exp(x);
    case OP_EXPM1: return expm1(x);
    case OP_LOG: return log(x);
    case OP_LOG1P: return log1p(x);
    case OP_EXP2: return exp2(x);
    case OP_LOG2: return log2(x);
    case OP_SIN: return sin(x);
    case OP_COS: return cos(x);
    case OP_TAN: return tan(x);
    case OP_ASIN: return asin(x);
    case OP_ACOS: return acos(x);
    case OP_ATAN: return atan(x);
    case OP_ATAN2: return atan2(x, y);
    case OP_SINH: return sinh(x);
    case OP_COSH: return cosh(x);
    case OP_TANH: return tanh(x);
    case OP_ERF: return erf(x);
    case OP_ERFC: return erfc(x);
    case OP_LGAMMA: { int sign; return lgamma_r(x, &sign); }
    case OP_FLOOR: return floor(x);
    case OP_CEIL: return ceil(x);
    case OP_ROUND: return rint(x);
    case OP_TRUNC: return trunc(x);
    case OP_RE: case OP_CONJ: return x;
    case OP_IM: return 0;
    case OP_ARG: return x < 0 ? PI : 0;
    }
    fail(I, D_INTERNAL, NO_LOC, "`%s` of reals", scalar_info[o->op].name);
    return 0;
}
double eval_real(Interp *I, const Op *o) {
    const Op *other;
    int64_t at, i;
    switch (o->k) {
    case O_CONST: return o->u.z.re;
    case O_INDEX: return (double)I->ix[o->u.index];
    case O_READ:
        switch (locate(I, o->u.read, &at, &other)) {
        case INSIDE: return o->u.read->from->re[at];
        case NOTHING: return 0;
        case OTHER: return eval_real(I, other);
        }
        return 0;
    case O_SCALAR: return real_scalar(I, o);
    case O_CAST: return o->cfrom == IS_INT ? (double)eval_int(I, o->a[0]) : o->cfrom == IS_REAL ? eval_real(I, o->a[0]) : eval_complex(I, o->a[0]).re;
    case O_BITCAST: { Bits b; pattern(I, o->a[0], &b); return unpattern(&b, o->dt, &i).re; }
    case O_IF: return eval_real(I, eval_int(I, o->a[0]) ? o->a[1] : o->a[2]);
    case O_REDUCE: { Complex c; reduce_run(I, o->u.reduce, &i, &c); return c.re; }
    }
    return 0;
}

/* ---- complex numbers ------------------------------------------------------------------------------------------- */
static Complex from_c(double complex z) { return (Complex){ creal(z), cimag(z) }; }
static double complex to_c(Complex z) { return CMPLX(z.re, z.im); }
static Complex divide(Complex x, Complex y) {
    /* Smith's: no overflow on the way */
    if (fabs(y.re) >= fabs(y.im)) {
        double q = y.im / y.re, d = y.re + q * y.im;
        if (y.re == 0) return (Complex){ x.re / 0.0, x.im / 0.0 };
        return (Complex){ (x.re + q * x.im) / d, (x.im - q * x.re) / d };
    }
    double q = y.re / y.im, d = q * y.re + y.im;
    return (Complex){ (q * x.re + x.im) / d, (q * x.im - x.re) / d };
}
/* A real number in complex arithmetic: a factor or divisor that acts on both parts alike. */
static bool is_real(const Op *o) { return o->k == O_CAST ? o->cfrom != IS_COMPLEX : o->k == O_CONST && o->u.z.im == 0; }
static Complex complex_scalar(Interp *I, const Op *o) {
    if (o->op == OP_COMPLEX) { double re = eval_real(I, o->a[0]); return (Complex){ re, eval_real(I, o->a[1]) }; }
    Complex x = eval_complex(I, o->a[0]), y = o->a[1] ? eval_complex(I, o->a[1]) : (Complex){ 0, 0 };
    switch ((int)o->op) {
    case OP_STOP: return x;
    case OP_NEG: return (Complex){ -x.re, -x.im };
    case OP_ADD: return (Complex){ x.re + y.re, x.im + y.im };
    case OP_SUB: return (Complex){ x.re - y.re, x.im - y.im };
    case OP_MUL:
        if (is_real(o->a[1])) return (Complex){ x.re * y.re, x.im * y.re };
        if (is_real(o->a[0])) return (Complex){ x.re * y.re, x.re * y.im };
        return (Complex){ x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re };
    case OP_DIV: return is_real(o->a[1]) ? (Complex){ x.re / y.re, x.im / y.re } : divide(x, y);
    case OP_SIGN: { double a = hypot(x.re, x.im); return a == 0 ? x : (Complex){ x.re / a, x.im / a }; }
    case OP_CONJ: return (Complex){ x.re, -x.im };
    case OP_POW: return x.re == 0 && x.im == 0 ? (Complex){ y.re == 0 && y.im == 0, 0 } : from_c(cpow(to_c(x), to_c(y)));
    case OP_SQRT: return from_c(csqrt(to_c(x)));
    case OP_RSQRT: return divide((Complex){ 1, 0 }, from_c(csqrt(to_c(x))));
    case OP_EXP: return from_c(cexp(to_c(x)));
    case OP_LOG: return from_c(clog(to_c(x)));
    case OP_SIN: return from_c(csin(to_c(x)));
    case OP_COS: return from_c(ccos(to_c(x)));
    }
    fail(I, D_INTERNAL, NO_LOC, "`%s` of complex numbers", scalar_info[o->op].name);
    return x;
}
Complex eval_complex(Interp *I, const Op *o) {
    const Op *other;
    int64_t at, i;
    switch (o->k) {
    case O_CONST: return o->u.z;
    case O_INDEX: break;
    case O_READ:
        switch (locate(I, o->u.read, &at, &other)) {
        case INSIDE: return (Complex){ o->u.read->from->re[at], o->u.read->from->im[at] };
        case NOTHING: return (Complex){ 0, 0 };
        case OTHER: return eval_complex(I, other);
        }
        break;
    case O_SCALAR: return complex_scalar(I, o);
    case O_CAST: return o->cfrom == IS_COMPLEX ? eval_complex(I, o->a[0]) : (Complex){ o->cfrom == IS_INT ? (double)eval_int(I, o->a[0]) : eval_real(I, o->a[0]), 0 };
    case O_BITCAST: { Bits b; pattern(I, o->a[0], &b); return unpattern(&b, o->dt, &i); }
    case O_IF: return eval_complex(I, eval_int(I, o->a[0]) ? o->a[1] : o->a[2]);
    case O_REDUCE: { Complex c; reduce_run(I, o->u.reduce, &i, &c); return c; }
    }
    return (Complex){ 0, 0 };
}

void eval_store(Interp *I, const Op *o, Array *to, int64_t at) {
    Class c = class_of(to->dt);
    if (c == IS_INT) to->i[at] = o->c == IS_INT ? wrap(eval_int(I, o), to->dt) : 0;
    else if (c == IS_REAL) to->re[at] = o->c == IS_REAL ? eval_real(I, o) : 0;
    else { Complex z = o->c == IS_COMPLEX ? eval_complex(I, o) : (Complex){ 0, 0 }; to->re[at] = z.re, to->im[at] = z.im; }
    if (c != o->c) fail(I, D_INTERNAL, NO_LOC, "an equation gives %s for %s", dtype_name(o->dt), dtype_name(to->dt));
}
