/* interp.c - the reference interpreter.  It shares nothing with lowering or the runtime, so that agreement means something.
 *
 * Expressions are walked as they are; only the chosen branch of an `if` is evaluated.  Integers wrap to their declared type, floats are
 * f64 whatever is declared.  A reduction over a fibre `f(e) = v` loops over an index of f made once, the conditions that remain are
 * tested one by one; the order is that of the bound indices, row-major. */
#include "interp/interp.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Num { double re, im; int64_t i; } Num;
typedef struct Fibre { const X *cond; int64_t *row, *item, n; struct Fibre *next; } Fibre;
typedef struct Run {
    Program *p; Arena *a; const int64_t *size; Array *value; int64_t *pos; Fibre **fibre; const Node *recur; bool failed;
} Run;
static Num eval(Run *r, const X *x);

static int64_t extent(Run *r, const Space *s) { return ext_eval(s->extent, r->size); }

/* ---- scalars ------------------------------------------------------------------------------------------------ */
static int64_t wrap(int64_t v, Dtype t) {
    switch (t) {
    case DT_I32: return (int32_t)(uint32_t)v;
    case DT_I8: return (int8_t)(uint8_t)v;
    case DT_U8: return (uint8_t)v;
    case DT_BOOL: return v != 0;
    default: return v;
    }
}
static int64_t floor_div(int64_t a, int64_t b) { if (!b) return 0; if (b == -1) return (int64_t)-(uint64_t)a; int64_t q = a / b; return q - (a % b != 0 && (a < 0) != (b < 0)); }
static int64_t floor_mod(int64_t a, int64_t b) { if (!b || b == -1) return 0; int64_t m = a % b; return m + (m && (m < 0) != (b < 0) ? b : 0); }
static Num integer(ScalarOp op, Num a, Num b, Dtype in) {
    uint64_t x = (uint64_t)a.i, y = (uint64_t)b.i;
    int bits = in == DT_I64 ? 63 : in == DT_I32 ? 31 : 7;
    int64_t v = 0;
    switch (op) {
    case OP_NEG: v = (int64_t)-x; break;
    case OP_ADD: v = (int64_t)(x + y); break;
    case OP_SUB: v = (int64_t)(x - y); break;
    case OP_MUL: v = (int64_t)(x * y); break;
    case OP_DIV: v = !b.i ? 0 : b.i == -1 ? (int64_t)-x : a.i / b.i; break;
    case OP_FLOORDIV: v = floor_div(a.i, b.i); break;
    case OP_MOD: v = floor_mod(a.i, b.i); break;
    case OP_MIN: v = a.i < b.i ? a.i : b.i; break;
    case OP_MAX: v = a.i > b.i ? a.i : b.i; break;
    case OP_ABS: v = a.i < 0 ? (int64_t)-x : a.i; break;
    case OP_SIGN: v = (a.i > 0) - (a.i < 0); break;
    case OP_BITAND: v = a.i & b.i; break;
    case OP_BITOR: v = a.i | b.i; break;
    case OP_BITXOR: v = a.i ^ b.i; break;
    case OP_BITNOT: v = ~a.i; break;
    case OP_SHL: v = (int64_t)(x << (b.i & bits)); break;
    case OP_SHR: v = a.i >> (b.i & bits); break;
    case OP_POPCOUNT: v = __builtin_popcountll(in == DT_I64 ? x : in == DT_I32 ? (uint32_t)x : (uint8_t)x); break;
    case OP_CONJ: v = a.i; break;
    default: break;
    }
    return (Num){ .i = wrap(v, in) };
}
static Num c_mul(Num a, Num b) { return (Num){ .re = a.re * b.re - a.im * b.im, .im = a.re * b.im + a.im * b.re }; }
static Num c_exp(Num a) { double e = exp(a.re); return (Num){ .re = e * cos(a.im), .im = e * sin(a.im) }; }
static Num c_log(Num a) { return (Num){ .re = log(hypot(a.re, a.im)), .im = atan2(a.im, a.re) }; }
static Num complex_op(ScalarOp op, Num a, Num b) {
    switch (op) {
    case OP_NEG: return (Num){ .re = -a.re, .im = -a.im };
    case OP_ADD: return (Num){ .re = a.re + b.re, .im = a.im + b.im };
    case OP_SUB: return (Num){ .re = a.re - b.re, .im = a.im - b.im };
    case OP_MUL: return c_mul(a, b);
    case OP_DIV: { double d = b.re * b.re + b.im * b.im; return (Num){ .re = (a.re * b.re + a.im * b.im) / d, .im = (a.im * b.re - a.re * b.im) / d }; }
    case OP_ABS: return (Num){ .re = hypot(a.re, a.im) };
    case OP_RE: return (Num){ .re = a.re };
    case OP_IM: return (Num){ .re = a.im };
    case OP_ARG: return (Num){ .re = atan2(a.im, a.re) };
    case OP_CONJ: return (Num){ .re = a.re, .im = -a.im };
    case OP_EXP: return c_exp(a);
    case OP_LOG: return c_log(a);
    case OP_SQRT: { double m = hypot(a.re, a.im), s = sqrt((m + fabs(a.re)) / 2); if (!m) return (Num){ 0 };
        return a.re >= 0 ? (Num){ .re = s, .im = a.im / (2 * s) } : (Num){ .re = fabs(a.im) / (2 * s), .im = a.im < 0 ? -s : s }; }
    case OP_RSQRT: { Num s = complex_op(OP_SQRT, a, b); return complex_op(OP_DIV, (Num){ .re = 1 }, s); }
    case OP_POW: return !a.re && !a.im ? (Num){ .re = !b.re && !b.im } : c_exp(c_mul(b, c_log(a)));
    case OP_SIN: return (Num){ .re = sin(a.re) * cosh(a.im), .im = cos(a.re) * sinh(a.im) };
    case OP_COS: return (Num){ .re = cos(a.re) * cosh(a.im), .im = -sin(a.re) * sinh(a.im) };
    default: return a;
    }
}
static double real_op(ScalarOp op, double a, double b) {
    switch (op) {
    case OP_NEG: return -a;
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MOD: { double m = fmod(a, b); return m && (m < 0) != (b < 0) ? m + b : m; }
    case OP_MIN: return fmin(a, b);
    case OP_MAX: return fmax(a, b);
    case OP_ABS: return fabs(a);
    case OP_SIGN: return (a > 0) - (a < 0);
    case OP_POW: return pow(a, b);
    case OP_SQRT: return sqrt(a);
    case OP_RSQRT: return 1 / sqrt(a);
    case OP_EXP: return exp(a);
    case OP_EXPM1: return expm1(a);
    case OP_LOG: return log(a);
    case OP_LOG1P: return log1p(a);
    case OP_EXP2: return exp2(a);
    case OP_LOG2: return log2(a);
    case OP_SIN: return sin(a);
    case OP_COS: return cos(a);
    case OP_TAN: return tan(a);
    case OP_ASIN: return asin(a);
    case OP_ACOS: return acos(a);
    case OP_ATAN: return atan(a);
    case OP_ATAN2: return atan2(a, b);
    case OP_SINH: return sinh(a);
    case OP_COSH: return cosh(a);
    case OP_TANH: return tanh(a);
    case OP_ERF: return erf(a);
    case OP_ERFC: return erfc(a);
    case OP_LGAMMA: return lgamma(a);
    case OP_FLOOR: return floor(a);
    case OP_CEIL: return ceil(a);
    case OP_ROUND: return rint(a);
    case OP_TRUNC: return trunc(a);
    default: return a;
    }
}
static Num apply(ScalarOp op, Num a, Num b, Dtype in) {
    if (scalar_info[op].class_ == LOGIC) return (Num){ .i = op == OP_AND ? a.i && b.i : op == OP_OR ? a.i || b.i : !a.i };
    if (scalar_info[op].class_ == CMP) {
        bool whole = dtype_is_int(in) || in == DT_BOOL;
        double x = a.re, y = b.re;
        bool eq = whole ? a.i == b.i : x == y && a.im == b.im, lt = whole ? a.i < b.i : x < y, gt = whole ? a.i > b.i : x > y;
        return (Num){ .i = op == OP_EQ ? eq : op == OP_NE ? !eq : op == OP_LT ? lt : op == OP_LE ? lt || eq : op == OP_GT ? gt : gt || eq };
    }
    if (op == OP_COMPLEX) return (Num){ .re = a.re, .im = b.re };
    if (dtype_is_int(in)) return integer(op, a, b, in);
    if (dtype_is_complex(in)) return complex_op(op, a, b);
    return (Num){ .re = real_op(op, a.re, b.re) };
}
static Num cast(Num a, Dtype from, Dtype to) {
    bool whole = dtype_is_int(from) || from == DT_BOOL;
    if (to == DT_BOOL) return (Num){ .i = whole ? a.i != 0 : a.re != 0 || a.im != 0 };
    if (dtype_is_int(to)) return (Num){ .i = wrap(whole ? a.i : a.re >= 9.2e18 ? INT64_MAX : a.re <= -9.2e18 ? INT64_MIN : isnan(a.re) ? 0 : (int64_t)a.re, to) };
    return whole ? (Num){ .re = (double)a.i } : (Num){ .re = a.re, .im = dtype_is_complex(to) ? a.im : 0 };
}
static Num bitcast(Num a, Dtype from, Dtype to) {
    union { float f; int32_t i; } w;
    union { double d; int64_t i; } q;
    if (from == DT_F32 && to == DT_I32) { w.f = (float)a.re; return (Num){ .i = w.i }; }
    if (from == DT_I32 && to == DT_F32) { w.i = (int32_t)a.i; return (Num){ .re = w.f }; }
    if (from == DT_F64 && to == DT_I64) { q.d = a.re; return (Num){ .i = q.i }; }
    if (from == DT_I64 && to == DT_F64) { q.i = a.i; return (Num){ .re = q.d }; }
    return (Num){ .re = a.re, .i = wrap(a.i, to) };
}

/* ---- reads and reductions ------------------------------------------------------------------------------------ */
static Num load(const Array *v, int64_t k) { return v->i ? (Num){ .i = v->i[k] } : (Num){ .re = v->re[k], .im = v->im ? v->im[k] : 0 }; }
static void store(Array *v, int64_t k, Num x) { if (v->i) v->i[k] = x.i; else { v->re[k] = x.re; if (v->im) v->im[k] = x.im; } }

static Num read(Run *r, const X *x) {
    const Value *v = x->u.read.v;
    const Array *t = &r->value[v->id];
    int64_t at = 0;
    for (int k = 0; k < v->rank; k++) {
        int64_t q = eval(r, x->u.read.idx[k]).i, n = t->extent[k];
        if (q < 0 || q >= n) switch (x->u.read.bnd[k]) {
            case BND_ZERO:
                if (r->recur && v->node == r->recur) break;      /* before the first element: see below */
                return (Num){ 0 };
            case BND_ELSE: return eval(r, x->u.read.other[k]);
            case BND_PERIODIC: q = floor_mod(q, n); break;
            case BND_REPLICATE: q = q < 0 ? 0 : n - 1; break;
            case BND_REFLECT: if (n == 1) q = 0; else { q = floor_mod(q, 2 * (n - 1)); if (q >= n) q = 2 * (n - 1) - q; } break;
            case BND_NONE: break;
        }
        if (q < 0 || q >= n) {
            if (v->node->kind == N_RECUR) {
                const Member *m = &v->node->u.recur.member.at[v->result];
                if (k == m->time_axis) {
                    bool rev = v->node->u.recur.reverse;
                    int64_t off = rev ? n - 1 - q : q;             /* -1: one before the first */
                    for (int b = 0; b < m->before.n; b++) {
                        if (m->before.at[b].offset != off) continue;
                        int64_t pos[8];
                        for (int j = 0; j < v->rank; j++) if (j != k) pos[j] = eval(r, x->u.read.idx[j]).i;
                        for (int j = 0; j < v->rank; j++) if (j != k) r->pos[m->before.at[b].idx[j]->id] = pos[j];
                        return eval(r, m->before.at[b].expr);
                    }
                    return (Num){ 0 };
                }
            }
            if (!r->failed) diag_error(r->p->cx, D_RUN_FAILED, x->loc, "position %lld is outside `%s`, dimension %d of `%s` with %lld elements", (long long)q, v->axis[k]->name, k + 1, v->name, (long long)n);
            r->failed = true;
            return (Num){ 0 };
        }
        at = at * n + q;
    }
    return load(t, at);
}

typedef struct Only { const Index *i; bool other; const Run *r; } Only;
static bool only(X *x, void *d) {
    Only *o = d;
    if (x->k == X_INDEX && x->u.index != o->i) o->other = true;
    if (x->k == X_REDUCE || (x->k == X_READ && o->r->recur && x->u.read.v->node == o->r->recur)) o->other = true;
    return !o->other;
}
/* cond is `map side of bound = value free of bound`: the items of each value, made at the first use */
static const Fibre *fibre(Run *r, const X *red, const X *cond, const Index **bound, const X **value) {
    if (cond->k != X_OP || cond->u.op.op != OP_EQ || !dtype_is_int(cond->u.op.arg[0]->dt)) return NULL;
    for (int side = 0; side < 2; side++) for (int k = 0; k < red->u.reduce.n; k++) {
        X *m = cond->u.op.arg[side], *v = cond->u.op.arg[1 - side];
        const Index *b = red->u.reduce.idx[k];
        while (m->k == X_CAST) m = m->u.cast.arg;
        if (m->k != X_READ || !m->space || !x_uses_index(m, b)) continue;
        Only o = { b, false, r };
        x_walk(m, only, &o);
        bool free_ = !o.other;
        for (int j = 0; j < red->u.reduce.n; j++) free_ &= !x_uses_index(v, red->u.reduce.idx[j]);
        if (!free_) continue;
        *bound = b, *value = v;
        Fibre **slot = &r->fibre[b->id];
        for (Fibre *f = *slot; f; f = f->next) if (f->cond == cond) return f;
        Fibre *f = NEW(r->a, Fibre);
        int64_t n = extent(r, b->space), rows = extent(r, m->space);
        f->cond = cond, f->n = rows, f->next = *slot;
        f->row = NEWN(r->a, int64_t, rows + 2), f->item = NEWN(r->a, int64_t, n + 1);
        int64_t *key = malloc(sizeof *key * (size_t)(n + 1)), keep = r->pos[b->id];
        for (int64_t e = 0; e < n && !r->failed; e++) { r->pos[b->id] = e; key[e] = eval(r, m).i; if (key[e] >= 0 && key[e] < rows) f->row[key[e] + 1]++; }
        for (int64_t q = 0; q < rows; q++) f->row[q + 1] += f->row[q];
        int64_t *next = malloc(sizeof *next * (size_t)(rows + 1));
        memcpy(next, f->row, sizeof *next * (size_t)rows);
        for (int64_t e = 0; e < n && !r->failed; e++) if (key[e] >= 0 && key[e] < rows) f->item[next[key[e]]++] = e;
        free(key); free(next);
        r->pos[b->id] = keep;
        return *slot = f;
    }
    return NULL;
}
typedef struct Acc { ReduceOp op; Num v; double peak; bool any; int64_t best; } Acc;
typedef struct Loop { const X *x; const Fibre *f[8]; const X *value[8]; const X *cond[8]; Acc acc; int pass; } Loop;

static void accumulate(Run *r, Loop *l) {
    const X *x = l->x;
    for (int k = 0; k < x->u.reduce.n_cond; k++) {
        bool used = false;
        for (int j = 0; j < x->u.reduce.n && j < 8; j++) used |= l->cond[j] == x->u.reduce.cond[k];
        if (!used && !eval(r, x->u.reduce.cond[k]).i) return;
    }
    Num b = eval(r, x->u.reduce.body);
    Acc *a = &l->acc;
    Dtype t = x->u.reduce.body->dt;
    bool first = !a->any;
    a->any = true;
    switch (a->op) {
    case R_SUM: a->v = apply(OP_ADD, a->v, b, t); break;
    case R_PROD: a->v = apply(OP_MUL, a->v, b, t); break;
    case R_MIN: a->v = first ? b : apply(OP_MIN, a->v, b, t); break;
    case R_MAX: a->v = first ? b : apply(OP_MAX, a->v, b, t); break;
    case R_ANY: a->v.i |= b.i; break;
    case R_ALL: a->v.i &= b.i; break;
    case R_LOGSUMEXP: if (l->pass == 0) { if (first || b.re > a->peak || isnan(b.re)) a->peak = b.re; } else a->v.re += a->peak == b.re ? 1 : exp(b.re - a->peak); break;
    case R_ARGMIN: case R_ARGMAX: {
        bool whole = dtype_is_int(t);
        bool better = whole ? (a->op == R_ARGMAX ? b.i > a->v.i : b.i < a->v.i) : a->op == R_ARGMAX ? b.re > a->v.re : b.re < a->v.re;
        if (first || better) a->v = b, a->best = r->pos[x->u.reduce.idx[0]->id];
        break;
    }
    }
}
static void loop(Run *r, Loop *l, int k) {
    const X *x = l->x;
    if (r->failed) return;
    if (k == x->u.reduce.n) { accumulate(r, l); return; }
    const Index *i = x->u.reduce.idx[k];
    if (k < 8 && l->f[k]) {
        int64_t v = eval(r, l->value[k]).i;
        if (v < 0 || v >= l->f[k]->n) return;
        for (int64_t q = l->f[k]->row[v]; q < l->f[k]->row[v + 1]; q++) { r->pos[i->id] = l->f[k]->item[q]; loop(r, l, k + 1); }
        return;
    }
    int64_t n = extent(r, i->space);
    for (int64_t q = 0; q < n; q++) { r->pos[i->id] = q; loop(r, l, k + 1); }
}
static Num reduce(Run *r, const X *x) {
    Loop l = { .x = x, .acc = { .op = x->u.reduce.op } };
    for (int k = 0; k < x->u.reduce.n_cond; k++) {
        const Index *b;
        const X *v;
        const Fibre *f = fibre(r, x, x->u.reduce.cond[k], &b, &v);
        for (int j = 0; f && j < x->u.reduce.n && j < 8; j++) if (x->u.reduce.idx[j] == b && !l.f[j]) l.f[j] = f, l.value[j] = v, l.cond[j] = x->u.reduce.cond[k];
    }
    if (l.acc.op == R_PROD) l.acc.v = (Num){ .re = 1, .i = 1 };
    if (l.acc.op == R_ALL) l.acc.v.i = 1;
    if (l.acc.op == R_LOGSUMEXP) {
        loop(r, &l, 0);
        if (!l.acc.any || (isinf(l.acc.peak) && l.acc.peak < 0)) return (Num){ .re = -INFINITY };
        l.pass = 1;
        loop(r, &l, 0);
        return (Num){ .re = l.acc.peak + log(l.acc.v.re) };
    }
    loop(r, &l, 0);
    if (!l.acc.any && x->u.reduce.other) return eval(r, x->u.reduce.other);
    if (l.acc.op == R_ARGMIN || l.acc.op == R_ARGMAX) return (Num){ .i = l.acc.best };
    return l.acc.v;
}
static Num eval(Run *r, const X *x) {
    switch (x->k) {
    case X_INT: return (Num){ .i = x->u.i };
    case X_REAL: case X_COMPLEX: return (Num){ .re = x->u.c.re, .im = x->u.c.im };
    case X_INDEX: return (Num){ .i = r->pos[x->u.index->id] };
    case X_EXT: return (Num){ .i = ext_eval(x->u.ext, r->size) };
    case X_READ: return read(r, x);
    case X_OP: {
        Num a = eval(r, x->u.op.arg[0]);
        if (x->u.op.op == OP_AND && !a.i) return a;
        if (x->u.op.op == OP_OR && a.i) return a;
        return apply(x->u.op.op, a, x->u.op.n > 1 ? eval(r, x->u.op.arg[1]) : (Num){ 0 }, x->u.op.arg[0]->dt);
    }
    case X_CAST: return cast(eval(r, x->u.cast.arg), x->u.cast.arg->dt, x->dt);
    case X_BITCAST: return bitcast(eval(r, x->u.cast.arg), x->u.cast.arg->dt, x->dt);
    case X_IF: return eval(r, x->u.if_.cond).i ? eval(r, x->u.if_.then) : eval(r, x->u.if_.other);
    case X_REDUCE: return reduce(r, x);
    }
    return (Num){ 0 };
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */
static bool make(Run *r, const Value *v) {
    Array *t = &r->value[v->id];
    *t = (Array){ .dt = v->dt, .rank = v->rank, .n = 1 };
    for (int k = 0; k < v->rank; k++) {
        t->extent[k] = extent(r, v->axis[k]);
        if (t->extent[k] < 0 || __builtin_mul_overflow(t->n, t->extent[k], &t->n) || t->n > (int64_t)1 << 31) {
            diag_error(r->p->cx, D_OUT_OF_MEMORY, v->loc, "`%s` has too many elements for the interpreter", v->name);
            return !(r->failed = true);
        }
    }
    if (dtype_is_int(v->dt) || v->dt == DT_BOOL) t->i = NEWN(r->a, int64_t, t->n + 1);
    else t->re = NEWN(r->a, double, t->n + 1);
    if (dtype_is_complex(v->dt)) t->im = NEWN(r->a, double, t->n + 1);
    return true;
}
/* all positions of idx except `fixed`, row-major */
static void fill(Run *r, const Value *v, Index **idx, const Index *fixed, const X *x, int k, int64_t at) {
    Array *t = &r->value[v->id];
    if (r->failed) return;
    if (k == v->rank) {
        int64_t pos[8];
        for (int j = 0; j < v->rank; j++) pos[j] = r->pos[idx[j]->id];
        Num n = eval(r, x);
        for (int j = 0; j < v->rank; j++) r->pos[idx[j]->id] = pos[j];
        store(t, at, n);
        return;
    }
    if (idx[k] == fixed) { fill(r, v, idx, fixed, x, k + 1, at * t->extent[k] + r->pos[fixed->id]); return; }
    for (int64_t q = 0; q < t->extent[k]; q++) { r->pos[idx[k]->id] = q; fill(r, v, idx, fixed, x, k + 1, at * t->extent[k] + q); }
}
static int64_t frequency(Run *r, const Space *m, int64_t p) {
    int64_t n0 = ext_eval(m->n0, r->size);
    return p < n0 ? ext_eval(m->f0, r->size) + p : ext_eval(m->f1, r->size) + p - n0;
}
/* one axis at a time, by the definition: X_k = 1/N sum_n x_n e^{-2 pi i f n / N}, and back with multiplicities on a half axis */
static void transform(Run *r, Node *n) {
    const Value *in = n->u.transform.in, *out = n->result[0];
    Array now = r->value[in->id];
    bool inverse = n->u.transform.kind == TR_INVERSE;
    if (!now.im) { double *im = NEWN(r->a, double, now.n + 1); now.im = im; }
    /* the half axis is last going forward and last coming back: the others are complex either way */
    for (int q = 0; q < n->u.transform.n; q++) {
        int ax = n->u.transform.axis[q];
        const Space *grid = inverse ? out->axis[ax] : in->axis[ax], *modes = inverse ? in->axis[ax] : out->axis[ax];
        int64_t N = extent(r, grid), a = now.extent[ax], b = extent(r, out->axis[ax]), outer = 1, inner = 1;
        for (int k = 0; k < ax; k++) outer *= now.extent[k];
        for (int k = ax + 1; k < now.rank; k++) inner *= now.extent[k];
        Array next = now;
        next.extent[ax] = b, next.n = outer * b * inner;
        next.re = NEWN(r->a, double, next.n + 1), next.im = NEWN(r->a, double, next.n + 1);
        for (int64_t o = 0; o < outer; o++) for (int64_t y = 0; y < b; y++) for (int64_t i = 0; i < inner; i++) {
            double re = 0, im = 0;
            for (int64_t x = 0; x < a; x++) {
                int64_t f = frequency(r, modes, inverse ? x : y), p = inverse ? y : x, k = (o * a + x) * inner + i;
                double u = now.re[k], w = now.im[k], c, s;
                if (modes->family >= MODES_COSINE) {
                    double angle = M_PI * (double)f * ((double)p + 0.5) / (double)N;
                    c = modes->family == MODES_COSINE ? cos(angle) : sin(angle), s = 0;
                    if (!inverse) c *= (modes->family == MODES_COSINE ? f == 0 : f == N) ? 1 : 2;
                } else {
                    double angle = 2 * M_PI * (double)floor_mod(f * p, N) / (double)N;
                    c = cos(angle), s = inverse ? sin(angle) : -sin(angle);
                    if (inverse && modes->family == MODES_HALF) { double m = f == 0 || 2 * f == N ? 1 : 2; c *= m, s *= m; }
                }
                re += u * c - w * s, im += u * s + w * c;
            }
            int64_t k = (o * b + y) * inner + i;
            next.re[k] = inverse ? re : re / (double)N, next.im[k] = inverse ? im : im / (double)N;
        }
        now = next;
    }
    Array *t = &r->value[out->id];
    if (t->n) memcpy(t->re, now.re, sizeof(double) * (size_t)t->n);
    if (t->im && t->n) memcpy(t->im, now.im, sizeof(double) * (size_t)t->n);
}
static void node(Run *r, Node *n, const InterpArgs *args) {
    for (int k = 0; k < n->n_result; k++) if (!make(r, n->result[k])) return;
    Value *v = n->result[0];
    switch (n->kind) {
    case N_INPUT:
        if (n->u.input.graph) {
            int g = 0;
            for (int k = 0; r->p->graph.at[k] != n->u.input.graph; k++) g += r->p->graph.at[k]->given;
            const InterpGraph *q = &args->graph[g];
            const int64_t *from = !strcmp(n->u.input.role, "src") ? q->src : !strcmp(n->u.input.role, "dst") ? q->dst : !strcmp(n->u.input.role, "etype") ? q->etype : q->ntype;
            if (r->value[v->id].n) memcpy(r->value[v->id].i, from, sizeof(int64_t) * (size_t)r->value[v->id].n);
        } else for (int k = 0; k < r->p->input.n; k++) if (r->p->input.at[k] == v) r->value[v->id] = args->input[k];
        break;
    case N_PARAM: for (int k = 0; k < r->p->param.n; k++) if (r->p->param.at[k] == v) r->value[v->id] = args->param[k]; break;
    case N_CONST:
        for (int64_t k = 0; k < n->u.constant.n; k++) store(&r->value[v->id], k, (Num){ .re = n->u.constant.data[k], .i = (int64_t)n->u.constant.data[k] });
        break;
    case N_COMPUTE:
        fill(r, v, n->u.compute.idx, NULL, n->u.compute.expr, 0, 0);
        break;
    case N_RECUR: {
        int64_t T = extent(r, n->u.recur.time->space);
        r->recur = n;
        for (int64_t s = 0; s < T && !r->failed; s++)
            for (int k = 0; k < n->u.recur.member.n; k++) {
                Member *m = &n->u.recur.member.at[k];
                r->pos[n->u.recur.time->id] = n->u.recur.reverse ? T - 1 - s : s;
                fill(r, m->value, m->idx, n->u.recur.time, m->expr, 0, 0);
            }
        r->recur = NULL;
        break;
    }
    case N_TRANSFORM: transform(r, n); break;
    case N_SELECT: case N_FACTOR: case N_ITERATE: case N_DERIVE:
        diag_error(r->p->cx, D_UNSUPPORTED, n->loc, "the interpreter has no %s nodes", node_kind_name(n->kind));
        r->failed = true;
        break;
    }
    /* maps are in range wherever they come from */
    for (int k = 0; k < n->n_result && !r->failed; k++) if (n->result[k]->target) {
        const Array *t = &r->value[n->result[k]->id];
        int64_t limit = extent(r, n->result[k]->target);
        for (int64_t q = 0; q < t->n; q++) if (t->i[q] < 0 || t->i[q] >= limit) {
            diag_error(r->p->cx, D_BAD_INPUT_VALUE, n->result[k]->loc, "map `%s` has the value %lld at position %lld, outside `%s` with %lld elements", n->result[k]->name, (long long)t->i[q], (long long)q, n->result[k]->target->name, (long long)limit);
            r->failed = true;
            break;
        }
    }
}
bool interp_run(Program *p, const InterpArgs *args, Array *output, Arena *arena) {
    Run r = { .p = p, .a = arena, .size = args->size };
    r.value = NEWN(arena, Array, p->n_value + 1);
    r.pos = NEWN(arena, int64_t, p->n_index + 1);
    r.fibre = NEWN(arena, Fibre *, p->n_index + 1);
    for (int k = 0; k < p->sym.n; k++) if (p->sym.at[k]->kind == SYM_DIM && args->size[k] < 1) {
        diag_error(p->cx, D_DIM_UNKNOWN, p->sym.at[k]->loc, "size `%s` is not known", p->sym.at[k]->name);
        return false;
    }
    for (int k = 0; k < p->check.n; k++) {
        const Check *c = &p->check.at[k];
        int64_t a = ext_eval(c->a, args->size), b = ext_eval(c->b, args->size);
        if (c->rel == '<' ? a >= b : c->rel == '=' ? a != b : a > b) { diag_error(p->cx, D_RUN_FAILED, c->loc, "%s: %lld, %lld", c->message, (long long)a, (long long)b); return false; }
    }
    for (int k = 0; k < p->node.n && !r.failed; k++) node(&r, p->node.at[k], args);
    for (int k = 0; k < p->output.n && !r.failed; k++) output[k] = r.value[p->output.at[k].value->id];
    return !r.failed;
}
