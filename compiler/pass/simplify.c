/* simplify.c - algebra on scalar expressions by named rules, bottom-up.
 *
 *     y[i] = 1*x[i] + (2 - 2)  ->  y[i] = x[i]            if true then a else b  ->  a            -(-x)  ->  x
 *
 * Laws: a rule keeps the dtype and the space of what it replaces; its result has fewer operations, or does some of them less often; and
 * no digit changes (laws of real numbers that round differently are in algebra.c). Constants fold as the dtype computes: integers wrap
 * to their width, division by zero gives 0, f32 rounds. 0*x is 0 for integers only (x may be inf or NaN). The sign of a zero is not
 * part of the meaning, so x + 0 is x. */
#include "ir/scalar.h"
#include "pass/pass.h"
#include "pass/query.h"
#include <math.h>
#include <string.h>

static bool is_op(const X *e, ScalarOp op) { return e->k == X_OP && e->u.op.op == op; }
static bool is_number(const X *e, double v) {
    switch (e->k) {
    case X_INT: return e->dt != DT_BOOL && (double)e->u.i == v;
    case X_REAL: return e->u.c.re == v;
    case X_COMPLEX: return e->u.c.re == v && e->u.c.im == 0;
    case X_INDEX: case X_EXT: case X_READ: case X_OP: case X_CAST: case X_BITCAST: case X_IF: case X_REDUCE: return false;
    }
    return false;
}
static bool is_bool(const X *e, bool v) { return e->k == X_INT && e->dt == DT_BOOL && (e->u.i != 0) == v; }
static X *boolean(Program *p, bool v) { return x_int(p->arena, v, DT_BOOL); }

/* ---- constants ------------------------------------------------------------------------------------------ */
/* Correctly rounded in f32 too, by way of f64: for square root and quotient, twice the digits suffice. Other functions are folded only in f64, where
 * the compiler's libm is as good as the target's. */
static bool rounds_once(ScalarOp op) {
    switch (op) {
    case OP_NEG: case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_ABS: case OP_SQRT: case OP_FLOOR: case OP_CEIL: case OP_TRUNC: case OP_ROUND: case OP_MIN: case OP_MAX: return true;
    default: return false;
    }
}
static X *fold_constants(Program *p, X *e) {
    if (e->k != X_OP) return NULL;
    X *a = e->u.op.arg[0], *b = e->u.op.n > 1 ? e->u.op.arg[1] : NULL;
    ScalarOp op = e->u.op.op;
    bool is = true;
    if (a->k == X_INT && (!b || b->k == X_INT)) {
        int64_t r = scalar_int(op, a->u.i, b ? b->u.i : 0, e->dt, &is);
        return is ? x_int(p->arena, r, e->dt) : NULL;
    }
    if (a->k != X_REAL || (b && b->k != X_REAL) || (a->dt != DT_F64 && a->dt != DT_F32)) return NULL;
    double x = a->u.c.re, y = b ? b->u.c.re : 0;
    if (a->dt == DT_F32) x = (double)(float)x, y = (double)(float)y;
    double r = scalar_real(op, x, y, &is);
    if (is && e->dt == DT_BOOL) return boolean(p, r != 0);
    if (!is || e->dt != a->dt || (e->dt == DT_F32 && !rounds_once(op))) return NULL;
    return x_real(p->arena, e->dt == DT_F32 ? (double)(float)r : r, e->dt);
}
static X *fold_casts(Program *p, X *e) {
    if (e->k != X_CAST) return NULL;
    X *a = e->u.cast.arg;
    if (a->k == X_INT && (dtype_is_int(e->dt) || e->dt == DT_BOOL)) return x_int(p->arena, wrap(a->u.i, e->dt), e->dt);
    if (a->k == X_INT && e->dt == DT_F64) return x_real(p->arena, (double)a->u.i, e->dt);
    if (a->k == X_INT && e->dt == DT_F32) return x_real(p->arena, (double)(float)a->u.i, e->dt);
    if (a->k == X_REAL && e->dt == DT_F64 && a->dt == DT_F32) return x_real(p->arena, (double)(float)a->u.c.re, e->dt);
    if (a->k == X_REAL && e->dt == DT_F32 && a->dt == DT_F64) return x_real(p->arena, (double)(float)a->u.c.re, e->dt);
    if (a->k == X_REAL && (a->dt == DT_F64 || a->dt == DT_F32) && dtype_is_complex(e->dt))
        return x_complex(p->arena, e->dt == DT_C64 || a->dt == DT_F32 ? (double)(float)a->u.c.re : a->u.c.re, 0, e->dt);
    return NULL;
}
static X *fold_sizes(Program *p, X *e) {
    int64_t v, w;
    if (e->k == X_EXT && ext_is_const(e->u.ext, &v)) return x_int(p->arena, v, DT_I64);
    if (e->k != X_OP || e->u.op.n != 2 || e->dt != DT_I64) return NULL;
    X *a = e->u.op.arg[0], *b = e->u.op.arg[1];
    if ((a->k != X_EXT && a->k != X_INT) || (b->k != X_EXT && b->k != X_INT)) return NULL;
    Ext *s = a->k == X_EXT ? a->u.ext : ext_const(p->arena, a->u.i), *t = b->k == X_EXT ? b->u.ext : ext_const(p->arena, b->u.i);
    bool safe = ext_is_const(t, &w) && w > 0;  /* an extent has no quotient by zero, an integer has */
    switch (e->u.op.op) {
    case OP_ADD: return x_ext(p->arena, ext_op(p->arena, EXT_ADD, s, t));
    case OP_SUB: return x_ext(p->arena, ext_op(p->arena, EXT_SUB, s, t));
    case OP_MUL: return x_ext(p->arena, ext_op(p->arena, EXT_MUL, s, t));
    case OP_MIN: return x_ext(p->arena, ext_op(p->arena, EXT_MIN, s, t));
    case OP_MAX: return x_ext(p->arena, ext_op(p->arena, EXT_MAX, s, t));
    case OP_FLOORDIV: return safe ? x_ext(p->arena, ext_op(p->arena, EXT_FLOORDIV, s, t)) : NULL;
    case OP_MOD: return safe ? x_ext(p->arena, ext_op(p->arena, EXT_MOD, s, t)) : NULL;
    default: return NULL;
    }
}
/* ---- neutral and absorbing elements --------------------------------------------------------------------- */
static X *neutral_element(Program *p, X *e) {
    (void)p;
    if (e->k != X_OP || e->u.op.n != 2) return NULL;
    X *a = e->u.op.arg[0], *b = e->u.op.arg[1];
    switch (e->u.op.op) {
    case OP_ADD: return is_number(a, 0) ? b : is_number(b, 0) ? a : NULL;
    case OP_SUB: return is_number(b, 0) ? a : NULL;
    case OP_MUL: return is_number(a, 1) ? b : is_number(b, 1) ? a : NULL;
    case OP_DIV: case OP_FLOORDIV: case OP_POW: return is_number(b, 1) ? a : NULL;
    case OP_AND: return is_bool(a, true) ? b : is_bool(b, true) ? a : NULL;
    case OP_OR: return is_bool(a, false) ? b : is_bool(b, false) ? a : NULL;
    default: return NULL;
    }
}
static bool is_opposite(const X *a, const X *b) { return (is_op(a, OP_NOT) && x_equal(a->u.op.arg[0], b)) || (is_op(b, OP_NOT) && x_equal(b->u.op.arg[0], a)); }
static X *absorbing_element(Program *p, X *e) {
    if (e->k != X_OP || e->u.op.n != 2) return NULL;
    X *a = e->u.op.arg[0], *b = e->u.op.arg[1];
    bool ints = dtype_is_int(e->dt);
    switch (e->u.op.op) {
    case OP_MUL: return ints && (is_number(a, 0) || is_number(b, 0)) ? x_int(p->arena, 0, e->dt) : NULL;
    case OP_SUB: return ints && x_equal(a, b) ? x_int(p->arena, 0, e->dt) : NULL;
    case OP_MOD: return ints && is_number(b, 1) ? x_int(p->arena, 0, e->dt) : NULL;
    case OP_AND: return is_bool(a, false) || is_bool(b, false) || is_opposite(a, b) ? boolean(p, false) : NULL;
    case OP_OR: return is_bool(a, true) || is_bool(b, true) || is_opposite(a, b) ? boolean(p, true) : NULL;
    case OP_EQ: case OP_LE: case OP_GE: return dtype_is_int(a->dt) && x_equal(a, b) ? boolean(p, true) : NULL;
    case OP_NE: case OP_LT: case OP_GT: return dtype_is_int(a->dt) && x_equal(a, b) ? boolean(p, false) : NULL;
    default: return NULL;
    }
}
static X *double_negation(Program *p, X *e) {
    (void)p;
    if (is_op(e, OP_NEG) && is_op(e->u.op.arg[0], OP_NEG)) return e->u.op.arg[0]->u.op.arg[0];
    if (is_op(e, OP_NOT) && is_op(e->u.op.arg[0], OP_NOT)) return e->u.op.arg[0]->u.op.arg[0];
    return NULL;
}
static X *add_of_negation(Program *p, X *e) {             /* a + (-b) -> a - b, a - (-b) -> a + b */
    bool add = is_op(e, OP_ADD);
    if ((!add && !is_op(e, OP_SUB)) || !is_op(e->u.op.arg[1], OP_NEG)) return NULL;
    return x_op(p->arena, add ? OP_SUB : OP_ADD, e->u.op.arg[0], e->u.op.arg[1]->u.op.arg[0]);
}
static X *known_condition(Program *p, X *e) {
    (void)p;
    if (e->k != X_IF) return NULL;
    if (is_bool(e->u.if_.cond, true)) return e->u.if_.then;
    if (is_bool(e->u.if_.cond, false)) return e->u.if_.other;
    return x_equal(e->u.if_.then, e->u.if_.other) ? e->u.if_.then : NULL;
}
static X *over_nothing(Program *p, const X *e) {
    switch (e->u.reduce.op) {
    case R_SUM: return dtype_is_complex(e->dt) ? x_complex(p->arena, 0, 0, e->dt) : dtype_is_float(e->dt) ? x_real(p->arena, 0, e->dt) : x_int(p->arena, 0, e->dt);
    case R_PROD: return x_product(p->arena, NULL, 0, e->dt);
    case R_ANY: return boolean(p, false);
    case R_ALL: return boolean(p, true);
    case R_LOGSUMEXP: return x_real(p->arena, -INFINITY, e->dt);
    case R_MIN: case R_MAX: case R_ARGMIN: case R_ARGMAX: break;
    }
    return NULL;
}
static X *condition_always_met(Program *p, X *e) {
    int n = 0;
    if (e->k != X_REDUCE) return NULL;
    X **cond = NEWN(p->arena, X *, e->u.reduce.n_cond + 1);
    for (int k = 0; k < e->u.reduce.n_cond; k++) if (!is_bool(e->u.reduce.cond[k], true)) cond[n++] = e->u.reduce.cond[k];
    if (n == e->u.reduce.n_cond) return NULL;
    X *r = NEW(p->arena, X);
    *r = *e;
    r->u.reduce.n_cond = n, r->u.reduce.cond = cond;
    return r;
}

/* sum(i: c and f(i) = v) x -> if c then sum(i: f(i) = v) x else 0 when c doesn't depend on i: it is tested once, and also where there
 * is no i, so what it reads must be there */
static X *condition_of_others(Program *p, X *e) {
    if (e->k != X_REDUCE) return NULL;
    Arena *a = p->arena;
    X *outside = NULL, *none = e->u.reduce.other ? e->u.reduce.other : over_nothing(p, e);
    if (!none) return NULL;
    int n = 0;
    X **cond = NEWN(a, X *, e->u.reduce.n_cond + 1);
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        X *c = e->u.reduce.cond[k];
        if (x_uses_any(c, e->u.reduce.idx, e->u.reduce.n) || !x_in_range(c)) cond[n++] = c;
        else outside = outside ? x_op(a, OP_AND, outside, c) : c;
    }
    if (!outside) return NULL;
    X *r = NEW(a, X);
    *r = *e;
    r->u.reduce.n_cond = n, r->u.reduce.cond = cond;
    return x_if(a, outside, r, none);
}
/* sum(i: a and b) x -> two conditions: each may be a fibre */
static X *conjunction_of_conditions(Program *p, X *e) {
    int n = 0;
    if (e->k != X_REDUCE) return NULL;
    X **cond = NEWN(p->arena, X *, 2 * e->u.reduce.n_cond + 1);
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        X *c = e->u.reduce.cond[k];
        if (is_op(c, OP_AND)) cond[n++] = c->u.op.arg[0], cond[n++] = c->u.op.arg[1];
        else cond[n++] = c;
    }
    if (n == e->u.reduce.n_cond) return NULL;
    X *r = NEW(p->arena, X);
    *r = *e;
    r->u.reduce.n_cond = n, r->u.reduce.cond = cond;
    return r;
}
static X *sum_of_zeros(Program *p, X *e) {
    (void)p;
    bool zero = e->k == X_REDUCE && e->u.reduce.op == R_SUM && is_number(e->u.reduce.body, 0);
    return zero && (!e->u.reduce.other || is_number(e->u.reduce.other, 0)) ? e->u.reduce.body : NULL;
}
/* ---- signs ---------------------------------------------------------------------------------------------- */
static X *sign_outwards(Program *p, X *e) {               /* (-a) * b -> -(a * b), a / (-b) -> -(a / b): exact, the sign is a bit */
    if (e->k != X_OP || (e->u.op.op != OP_MUL && e->u.op.op != OP_DIV) || dtype_is_int(e->dt)) return NULL;
    X *a = e->u.op.arg[0], *b = e->u.op.arg[1];
    if (is_op(a, OP_NEG)) return x_op(p->arena, OP_NEG, x_op(p->arena, e->u.op.op, a->u.op.arg[0], b), NULL);
    if (is_op(b, OP_NEG)) return x_op(p->arena, OP_NEG, x_op(p->arena, e->u.op.op, a, b->u.op.arg[0]), NULL);
    return is_number(a, -1) && e->u.op.op == OP_MUL ? x_op(p->arena, OP_NEG, b, NULL) : is_number(b, -1) ? x_op(p->arena, OP_NEG, a, NULL) : NULL;
}
static X *negated_difference(Program *p, X *e) {          /* -(a - b) -> b - a */
    if (!is_op(e, OP_NEG) || !is_op(e->u.op.arg[0], OP_SUB)) return NULL;
    return x_op(p->arena, OP_SUB, e->u.op.arg[0]->u.op.arg[1], e->u.op.arg[0]->u.op.arg[0]);
}
static X *repeated_operand(Program *p, X *e) {            /* max(a, a) -> a;  a and a -> a;  abs(-a), abs(abs(a)) -> abs(a);  abs(a) * abs(a) -> a * a */
    if (e->k != X_OP) return NULL;
    X *a = e->u.op.arg[0];
    switch (e->u.op.op) {
    case OP_MIN: case OP_MAX: case OP_AND: case OP_OR: case OP_BITAND: case OP_BITOR: return x_equal(a, e->u.op.arg[1]) ? a : NULL;
    case OP_MUL: return is_op(a, OP_ABS) && dtype_is_float(a->u.op.arg[0]->dt) && x_equal(a, e->u.op.arg[1]) ? x_op(p->arena, OP_MUL, a->u.op.arg[0], a->u.op.arg[0]) : NULL;
    case OP_ABS: return dtype_is_float(a->dt) && (is_op(a, OP_NEG) || is_op(a, OP_ABS)) ? x_op(p->arena, OP_ABS, a->u.op.arg[0], NULL) : NULL;
    default: return NULL;
    }
}
static X *negated_condition(Program *p, X *e) {           /* if not c then a else b -> if c then b else a */
    return e->k == X_IF && is_op(e->u.if_.cond, OP_NOT) ? x_if(p->arena, e->u.if_.cond->u.op.arg[0], e->u.if_.other, e->u.if_.then) : NULL;
}
/* ---- maps ------------------------------------------------------------------------------------------------ */
static X *plain_subscripts(Program *p, X *e) {
    X *r = x_plain(p->arena, e);
    return r == e ? NULL : r;
}
/* x[(z // n) * n + z mod n] -> x[z]: a pair taken apart and put together again */
static X *recombined_subscripts(Program *p, X *e) {
    if (e->k != X_READ) return NULL;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        X *sum = e->u.read.idx[k];
        if (!is_op(sum, OP_ADD) || e->u.read.bnd[k] != BND_NONE) continue;
        for (int side = 0; side < 2; side++) {
            X *m = sum->u.op.arg[side], *r = sum->u.op.arg[1 - side], *n = NULL;
            if (!is_op(m, OP_MUL) || !is_op(r, OP_MOD)) continue;
            for (int q = 0; q < 2 && !n; q++) {
                X *d = m->u.op.arg[q];
                if (is_op(d, OP_FLOORDIV) && x_equal(d->u.op.arg[1], m->u.op.arg[1 - q]) && x_equal(d->u.op.arg[1], r->u.op.arg[1]) && x_equal(d->u.op.arg[0], r->u.op.arg[0])) n = d->u.op.arg[0];
            }
            X *by = r->u.op.arg[1];
            if (!n || (n->space && n->space != e->u.read.v->axis[k]) || (by->k != X_EXT && (by->k != X_INT || by->u.i < 1))) continue;
            X *c = NEW(p->arena, X);
            *c = *e;
            c->u.read.idx = NEWN(p->arena, X *, e->u.read.v->rank);
            memcpy(c->u.read.idx, e->u.read.idx, sizeof(X *) * (size_t)e->u.read.v->rank);
            c->u.read.idx[k] = n;
            return c;
        }
    }
    return NULL;
}
/* i64(src(e)) = v -> src(e) = i32(v): positions fit either, the map needs no conversion */
static X *narrow_comparison(Program *p, X *e) {
    if (e->k != X_OP || scalar_info[e->u.op.op].class_ != CMP || e->u.op.arg[0]->dt != DT_I64) return NULL;
    for (int k = 0; k < 2; k++) {
        X *wide = e->u.op.arg[k], *index = e->u.op.arg[1 - k];
        if (wide->k != X_CAST || wide->u.cast.arg->dt != DT_I32 || !wide->u.cast.arg->space || index->k != X_INDEX) continue;
        X *a = wide->u.cast.arg, *b = x_cast(p->arena, index, DT_I32);
        return k ? x_op(p->arena, e->u.op.op, b, a) : x_op(p->arena, e->u.op.op, a, b);
    }
    return NULL;
}
/* P.src(P.pair(e)) -> src(e): the way back from the row of e is e's own key */
X *x_back_from_pair(Program *p, X *e) {
    if (e->k != X_READ || e->u.read.v->node->kind != N_DERIVE || e->u.read.v->rank != 1 || e->u.read.bnd[0] != BND_NONE) return NULL;
    const Node *n = e->u.read.v->node;
    X *i = e->u.read.idx[0];
    int k = e->u.read.v->result;
    if (n->u.derive.kind != DV_UNIQUE || k >= n->u.derive.n || i->k != X_READ || i->u.read.v != n->result[n->u.derive.n] || i->u.read.bnd[0] != BND_NONE) return NULL;
    return x_read(p->arena, n->u.derive.key[k], i->u.read.idx, NULL, NULL);
}

static Rule *const rules[] = { fold_constants, fold_casts, fold_sizes, neutral_element, absorbing_element, double_negation, add_of_negation,
                               sign_outwards, negated_difference, repeated_operand, known_condition, negated_condition, condition_always_met,
                               conjunction_of_conditions, condition_of_others, sum_of_zeros, plain_subscripts, recombined_subscripts, narrow_comparison,
                               x_back_from_pair };
Program *pass_simplify(Program *p) { return program_apply_rules(p, rules, sizeof rules / sizeof *rules); }
/* sum(e: dst(e) = v) n[v, etype(e)]  ->  n[dst(e), etype(e)]: what depends on e anyway is written with the maps of e alone */
typedef struct Tied { Arena *a; Index *v, *e; X *map; bool changed; } Tied;
static X *with_map(X *e, void *data) {
    Tied *t = data;
    int at = -1, other = -1;
    if (e->k != X_READ) return e;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        if (position_index(e->u.read.idx[k]) == t->v && e->u.read.bnd[k] == BND_NONE) at = k;
        else if (position_index(e->u.read.idx[k]) != t->e && x_uses_index(e->u.read.idx[k], t->e)) other = k;
    }
    if (at < 0 || other < 0) return e;
    X *r = NEW(t->a, X);
    *r = *e;
    r->u.read.idx = NEWN(t->a, X *, e->u.read.v->rank);
    memcpy(r->u.read.idx, e->u.read.idx, sizeof(X *) * (size_t)e->u.read.v->rank);
    r->u.read.idx[at] = t->map;
    t->changed = true;
    return r;
}
static X *tied_subscripts(Program *p, X *e) {
    if (e->k != X_REDUCE) return NULL;
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        Tied t = { .a = p->arena };
        X *value;
        if (!reduce_fibre(e, k, &t.e, &t.map, &value) || !(t.v = position_index(value)) || t.map->space != t.v->space) continue;
        X *body = x_map(p->arena, e->u.reduce.body, with_map, &t);
        if (!t.changed) continue;
        X *r = NEW(p->arena, X);
        *r = *e, r->u.reduce.body = body;
        return r;
    }
    return NULL;
}
Program *program_plain(Program *p) {
    static Rule *const plain[] = { plain_subscripts, tied_subscripts, narrow_comparison, x_back_from_pair };
    return program_apply_rules(p, plain, sizeof plain / sizeof *plain);
}
