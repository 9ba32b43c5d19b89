/* eval.c - evaluates compiled expressions at the current setting of the indices: three functions, one per kind of number. */
#include "interp/inside.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static int64_t from_real(double x, Dtype t) {
    if (t == DT_BOOL) return x != 0;
    if (isnan(x)) return 0;
    double lo = t == DT_I64 ? -0x1p63 : t == DT_I32 ? -0x1p31 : t == DT_I8 ? -128 : 0, hi = t == DT_I64 ? 0x1p63 : t == DT_I32 ? 0x1p31 - 1 : t == DT_I8 ? 127 : 255;
    if (x >= hi) return t == DT_I64 ? INT64_MAX : (int64_t)hi;
    return x <= lo ? t == DT_I64 ? INT64_MIN : (int64_t)lo : (int64_t)x;
}

/* ---- reads --------------------------------------------------------------------------------------------------- */
typedef enum Where { INSIDE, NOTHING, OTHER } Where;
/* *i as the rule of its axis has it; wrong: it is outside and has none. */
static Where by_rule(const Subscript *s, int64_t *i, const Op **other, bool *wrong) {
    int64_t n = s->extent, period = 2 * (n - 1);
    if (*i >= 0 && *i < n) return INSIDE;
    switch (s->bnd) {
    case BND_NONE: *i = 0, *wrong = true; return INSIDE;
    case BND_ZERO: return NOTHING;
    case BND_ELSE: *other = s->other; return s->other ? OTHER : NOTHING;
    case BND_PERIODIC: case BND_REPLICATE: case BND_REFLECT: break;
    }
    if (n < 1) return NOTHING;
    if (s->bnd == BND_REPLICATE) { *i = *i < 0 ? 0 : n - 1; return INSIDE; }
    if (s->bnd == BND_REFLECT && !period) { *i = 0; return INSIDE; }
    int64_t m = s->bnd == BND_PERIODIC ? n : period;
    *i %= m;
    if (*i < 0) *i += m;
    if (*i >= n) *i = period - *i;
    return INSIDE;
}
static Where out_of_range(Interp *I, const Read *r, int k, int64_t i) {
    fail(I, D_INTERNAL, r->loc, "`%s` is read at position %" PRId64 " of dimension %d, which has 0..%" PRId64, r->v->name, i, k + 1, r->sub[k].extent - 1);
    return NOTHING;
}
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
            /* before the first element: the given one of that distance, with the other subscripts, by their rules, for its indices */
            int64_t offset = I->group->reverse ? n - 1 - i : i;
            for (int j = 0; j < r->member->n_before; j++) {
                if (r->member->before[j].offset != offset) continue;
                int64_t rest[8], raw;
                Index **idx = r->member->m->before.at[j].idx;
                for (int q = 0; q < r->rank; q++) {
                    if (q == k) continue;
                    rest[q] = q < k ? sub[q] : r->sub[q].index >= 0 ? I->ix[r->sub[q].index] : eval_int(I, r->sub[q].e);
                    bool bad = false;
                    raw = rest[q];
                    Where w = by_rule(&r->sub[q], &rest[q], other, &bad);
                    if (w != INSIDE) return w;
                    if (bad && wrong < 0) wrong = q, wrong_at = raw;
                }
                if (wrong >= 0) return out_of_range(I, r, wrong, wrong_at);
                for (int q = 0; q < r->rank; q++) if (q != k) I->ix[idx[q]->id] = rest[q];
                *other = r->member->before[j].op;
                return OTHER;
            }
            if (s->bnd != BND_ELSE) return NOTHING;
        }
        bool bad = false;
        Where w = by_rule(s, &i, other, &bad);
        if (w != INSIDE) return w;
        if (bad && wrong < 0) wrong = k, wrong_at = sub[k];
        sub[k] = i;
        flat += i * s->stride;
    }
    if (wrong >= 0) return out_of_range(I, r, wrong, wrong_at);
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
static int64_t int_scalar(Interp *I, const Op *o) {
    bool is = true;
    int64_t r;
    if (o->cfrom == IS_INT) {
        int64_t m = eval_int(I, o->a[0]);
        if (o->op == OP_AND && !m) return 0;
        if (o->op == OP_OR && m) return 1;
        r = scalar_int(o->op, m, o->a[1] ? eval_int(I, o->a[1]) : 0, o->dt, &is);
    } else if (o->cfrom == IS_REAL) {
        double x = eval_real(I, o->a[0]);
        r = scalar_real(o->op, x, o->a[1] ? eval_real(I, o->a[1]) : 0, &is) != 0;
    } else {
        Complex z = eval_complex(I, o->a[0]);
        r = scalar_complex(o->op, z, o->a[1] ? eval_complex(I, o->a[1]) : (Complex){ 0, 0 }, &is).re != 0;
    }
    if (!is) fail(I, D_INTERNAL, NO_LOC, "`%s` gives no integer", scalar_info[o->op].name);
    return r;
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
    bool is = true;
    double r;
    if (o->cfrom == IS_COMPLEX) r = scalar_complex(o->op, eval_complex(I, o->a[0]), (Complex){ 0, 0 }, &is).re;
    else {
        double x = eval_real(I, o->a[0]);
        r = scalar_real(o->op, x, o->a[1] ? eval_real(I, o->a[1]) : 0, &is);
    }
    if (!is) fail(I, D_INTERNAL, NO_LOC, "`%s` gives no real", scalar_info[o->op].name);
    return r;
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
/* A real number in complex arithmetic: a factor or divisor that acts on both parts alike. */
static bool is_real(const Op *o) { return o->k == O_CAST ? o->cfrom != IS_COMPLEX : o->k == O_CONST && o->u.z.im == 0; }
static Complex complex_scalar(Interp *I, const Op *o) {
    if (o->op == OP_COMPLEX) { double re = eval_real(I, o->a[0]); return (Complex){ re, eval_real(I, o->a[1]) }; }
    bool is = true;
    Complex z = eval_complex(I, o->a[0]), w = o->a[1] ? eval_complex(I, o->a[1]) : (Complex){ 0, 0 }, r;
    if (o->op == OP_MUL && is_real(o->a[1])) return (Complex){ z.re * w.re, z.im * w.re };
    if (o->op == OP_MUL && is_real(o->a[0])) return (Complex){ z.re * w.re, z.re * w.im };
    if (o->op == OP_DIV && is_real(o->a[1])) return (Complex){ z.re / w.re, z.im / w.re };
    r = scalar_complex(o->op, z, w, &is);
    if (!is) fail(I, D_INTERNAL, NO_LOC, "`%s` gives no complex number", scalar_info[o->op].name);
    return r;
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
