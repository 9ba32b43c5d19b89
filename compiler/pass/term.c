/* term.c - expressions to terms and back; see term.h. */
#include "pass/term.h"
#include "pass/query.h"
#include <string.h>

static bool is_op(const X *e, ScalarOp op) { return e->k == X_OP && e->u.op.op == op; }
static bool is_one(const X *e) { return e->k == X_REAL && e->u.c.re == 1; }
static bool is_sum(const Terms *t, const X *e) { return e->k == X_REDUCE && e->u.reduce.op == R_SUM && !e->u.reduce.other && e->dt == t->dt && e->u.reduce.acc == t->dt; }

static bool may_be_empty(const Term *t, int bound) {
    if (space_may_be_empty(t->bound[bound]->space)) return true;
    for (int k = 0; k < t->n_cond; k++) if (x_uses_index(t->cond[k], t->bound[bound])) return true;
    return false;
}
/* Whether there is a sum in e that is reached through linear operations only, so that terms are worth making. */
static bool opens(Terms *t, X *e) {
    Index **idx;
    if (e->dt != t->dt) return false;
    switch (e->k) {
    case X_REDUCE: return is_sum(t, e);
    case X_READ:
        for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return false;
        return t->summed && t->expand && t->expand(e->u.read.v, &idx, t->data);
    case X_OP:
        switch (e->u.op.op) {
        case OP_NEG: case OP_DIV: return opens(t, e->u.op.arg[0]);
        case OP_ADD: case OP_SUB: case OP_MUL: return opens(t, e->u.op.arg[0]) || opens(t, e->u.op.arg[1]);
        default: return false;
        }
    case X_IF: return (x_is_zero(e->u.if_.then) && opens(t, e->u.if_.other)) || (x_is_zero(e->u.if_.other) && opens(t, e->u.if_.then));
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: case X_CAST: case X_BITCAST: return false;
    }
    return false;
}
/* c * (a + b), of one sum only: products of sums, as in (x - m) * (x - m), would be differences of large numbers when they are multiplied out. */
static bool splits(const Terms *t, const X *e) {
    if (!t->split || e->k != X_OP || e->dt != t->dt) return false;
    switch (e->u.op.op) {
    case OP_ADD: case OP_SUB: return true;
    case OP_NEG: case OP_DIV: return splits(t, e->u.op.arg[0]);
    case OP_MUL: return splits(t, e->u.op.arg[0]) != splits(t, e->u.op.arg[1]);
    default: return false;
    }
}
static bool over_nothing(const Term *t) {
    for (int k = 0; k < t->n_bound; k++) if (may_be_empty(t, k)) return true;
    return false;
}
static bool all_finite(const Term *t) {
    for (int k = 0; k < t->n; k++) if (!x_is_finite(t->factor[k])) return false;
    return true;
}
static bool times(Terms *t, Term *a, const Term *b) {
    Term r = *b;
    Index *from[MOST_BOUND];
    X *to[MOST_BOUND];
    int n = 0;
    /* inf * (sum over nothing) is no number; inside the sum it would be 0 */
    if ((over_nothing(a) && !all_finite(b)) || (over_nothing(b) && !all_finite(a))) return false;
    for (int k = 0; k < r.n_bound; k++) for (int j = 0; j < a->n_bound; j++) if (r.bound[k] == a->bound[j]) {      /* bound once only */
        from[n] = r.bound[k], r.bound[k] = program_index(t->p, r.bound[k]->name, r.bound[k]->space);
        to[n++] = x_index(t->p->arena, r.bound[k]);
        break;
    }
    if (a->n + r.n > MOST_FACTORS || a->n_bound + r.n_bound > MOST_BOUND || a->n_cond + r.n_cond > MOST_BOUND) return false;
    for (int k = 0; k < r.n; k++) a->factor[a->n++] = n ? x_substitute(t->p, r.factor[k], n, from, to) : r.factor[k];
    for (int k = 0; k < r.n_cond; k++) a->cond[a->n_cond++] = n ? x_substitute(t->p, r.cond[k], n, from, to) : r.cond[k];
    for (int k = 0; k < r.n_bound; k++) a->bound[a->n_bound++] = r.bound[k];
    a->minus ^= r.minus;
    return true;
}
static bool add(Terms *t, const Term *b) {
    if (t->n == MOST_TERMS) return false;
    t->term[t->n++] = *b;
    return true;
}
static bool parse(Terms *t, X *e);
static Terms inside(const Terms *t) { return (Terms){ .p = t->p, .dt = t->dt, .expand = t->expand, .data = t->data, .summed = t->summed, .split = t->split, .whole = t->whole }; }
/* Every term of e, times f (may be NULL). */
static bool parse_times(Terms *t, X *e, X *f) {
    Terms in = inside(t);
    if (!parse(&in, e)) return false;
    t->sums |= in.sums;
    for (int k = 0; k < in.n; k++) {
        if (f && (in.term[k].n == MOST_FACTORS || (over_nothing(&in.term[k]) && !x_is_finite(f)))) return false;
        if (f) in.term[k].factor[in.term[k].n++] = f;
        if (!add(t, &in.term[k])) return false;
    }
    return true;
}
static bool parse_product(Terms *t, X *a, X *b) {
    Terms x = inside(t), y = inside(t);
    x.split = t->split && !opens(t, b) && !splits(t, b), y.split = t->split && !opens(t, a) && !splits(t, a);
    if (!parse(&x, a) || !parse(&y, b)) return false;
    t->sums |= x.sums || y.sums;
    for (int k = 0; k < x.n; k++) for (int j = 0; j < y.n; j++) {
        Term r = x.term[k];
        if (!times(t, &r, &y.term[j]) || !add(t, &r)) return false;
    }
    return true;
}
/* sum(v: v = dst(e)) F(v) = F(dst(e)): a bound index that an equation gives is no loop */
void term_solve(Program *p, Term *t) {
    for (int c = 0; c < t->n_cond; c++) for (int side = 0; side < 2 && is_op(t->cond[c], OP_EQ); side++) {
        Index *i = position_index(t->cond[c]->u.op.arg[side]);
        X *value = t->cond[c]->u.op.arg[1 - side];
        int at = -1;
        for (int k = 0; i && k < t->n_bound; k++) if (t->bound[k] == i) at = k;
        if (at < 0 || value->space != i->space || x_uses_index(value, i)) continue;
        memmove(&t->bound[at], &t->bound[at + 1], sizeof *t->bound * (size_t)(--t->n_bound - at));
        memmove(&t->cond[c], &t->cond[c + 1], sizeof *t->cond * (size_t)(--t->n_cond - c));
        for (int k = 0; k < t->n; k++) t->factor[k] = x_at(p, t->factor[k], 1, &i, &value);
        for (int k = 0; k < t->n_cond; k++) t->cond[k] = x_at(p, t->cond[k], 1, &i, &value);
        c = -1;
        break;
    }
}
static bool parse_sum(Terms *t, X *e) {
    Terms in = inside(t);
    in.summed = true, in.split = !t->whole;
    if (!x_in_range(e->u.reduce.body)) return false;              /* a condition makes a read possible: factors must not leave it */
    if (!parse(&in, e->u.reduce.body)) return false;
    t->sums = true;
    for (int k = 0; k < in.n; k++) {
        Term *r = &in.term[k];
        if (r->n_bound + e->u.reduce.n > MOST_BOUND || r->n_cond + e->u.reduce.n_cond > MOST_BOUND) return false;
        memmove(&r->bound[e->u.reduce.n], r->bound, sizeof *r->bound * (size_t)r->n_bound);           /* outer ones first */
        memcpy(r->bound, e->u.reduce.idx, sizeof *r->bound * (size_t)e->u.reduce.n);
        r->n_bound += e->u.reduce.n;
        for (int j = 0; j < e->u.reduce.n_cond; j++) r->cond[r->n_cond++] = e->u.reduce.cond[j];
        term_solve(t->p, r);
        if (!add(t, r)) return false;
    }
    return true;
}
static X *reciprocal(Terms *t, X *d) { return x_op(t->p->arena, OP_DIV, x_product(t->p->arena, NULL, 0, t->dt), d); }
/* if c then 0 else s / d, what a mean is: s times (if c then 0 else 1 / d), when s is a number even where c holds */
static bool parse_guarded(Terms *t, X *e) {
    Arena *a = t->p->arena;
    bool zero_first = x_is_zero(e->u.if_.then);
    X *zero = zero_first ? e->u.if_.then : e->u.if_.other, *s = zero_first ? e->u.if_.other : e->u.if_.then, *f = x_product(a, NULL, 0, t->dt);
    if (is_op(s, OP_DIV)) f = reciprocal(t, s->u.op.arg[1]), s = s->u.op.arg[0];
    if (!x_is_finite(s) || !x_in_range(s)) return false;          /* read where c does not hold as well */
    return parse_times(t, s, zero_first ? x_if(a, e->u.if_.cond, zero, f) : x_if(a, e->u.if_.cond, f, zero));
}
static bool parse_factors(Terms *t, X *e) {                /* no sum in it */
    Term r = { 0 };
    while (is_op(e, OP_NEG)) r.minus = !r.minus, e = e->u.op.arg[0];
    r.n = x_factors(e, r.factor, MOST_FACTORS);
    return add(t, &r);
}
static bool parse(Terms *t, X *e) {
    if (!opens(t, e) && !splits(t, e)) return parse_factors(t, e);
    if (e->k == X_REDUCE) return parse_sum(t, e);
    if (e->k == X_READ) {
        Index **idx;
        X *of = t->expand(e->u.read.v, &idx, t->data);
        return parse(t, x_at(t->p, of, e->u.read.v->rank, idx, e->u.read.idx));
    }
    if (e->k == X_IF) return parse_guarded(t, e);
    X *a = e->u.op.arg[0], *b = e->u.op.n > 1 ? e->u.op.arg[1] : NULL;
    int first = t->n;
    switch (e->u.op.op) {
    case OP_MUL: return parse_product(t, a, b);
    case OP_DIV: return parse_times(t, a, reciprocal(t, b));
    case OP_ADD: return parse(t, a) && parse(t, b);
    case OP_SUB:
        if (!parse(t, a)) return false;
        first = t->n;
        if (!parse(t, b)) return false;
        break;
    case OP_NEG: if (!parse(t, a)) return false; break;
    default: return false;
    }
    for (int k = first; k < t->n; k++) t->term[k].minus = !t->term[k].minus;
    return true;
}
bool terms_open(Terms *t, X *e) {
    t->dt = e->dt;
    return (dtype_is_float(e->dt) || dtype_is_complex(e->dt)) && opens(t, e);
}
bool terms_of(Terms *t, X *e) {
    t->n = 0, t->sums = false, t->dt = e->dt;
    if (!dtype_is_float(e->dt) && !dtype_is_complex(e->dt)) return false;
    if (parse(t, e)) return true;
    if (t->whole) return false;
    t->n = 0, t->sums = false, t->whole = true;             /* too many terms */
    return parse(t, e);
}

/* ---- back to an expression ------------------------------------------------------------------------------------ */
bool bound_may_be_empty(const Term *t, const Index *i) {
    for (int k = 0; k < t->n_bound; k++) if (t->bound[k] == i) return may_be_empty(t, k);
    return false;
}
static int level_of(const Term *t, X *e) {
    for (int k = t->n_bound; k > 0; k--) if (x_uses_index(e, t->bound[k - 1])) return k;
    return 0;
}
/* Product of numerators over the product of what stands as 1 / d. */
static X *quotient(Arena *a, X *const *f, int n, Dtype dt) {
    X *over[MOST_FACTORS + 1];
    int m = 0;
    for (int k = 0; k < n; k++) if (!(is_op(f[k], OP_DIV) && is_one(f[k]->u.op.arg[0])) && !(is_one(f[k]) && n > 1)) over[m++] = f[k];
    X *r = x_product(a, over, m, dt);
    for (int k = 0; k < n; k++) if (is_op(f[k], OP_DIV) && is_one(f[k]->u.op.arg[0])) r = x_op(a, OP_DIV, r, f[k]->u.op.arg[1]);
    return r;
}
static X *zero(Arena *a, Dtype dt) { return dtype_is_complex(dt) ? x_complex(a, 0, 0, dt) : x_real(a, 0, dt); }
/* Loops that are tied to something first, as they are: fibres outside, plain dims inside. */
static Term nested(const Term *t) {
    Term r = *t;
    int n = 0;
    for (int pass = 0; pass < 2; pass++) for (int k = 0; k < t->n_bound; k++) if (may_be_empty(t, k) == !pass) r.bound[n++] = t->bound[k];
    return r;
}
X *term_expr(Program *p, const Term *given, Dtype dt) {
    Arena *a = p->arena;
    Term t = nested(given);
    int level[MOST_FACTORS], last = 0;
    for (int k = 0; k < t.n_bound; k++) if (may_be_empty(&t, k)) last = k + 1;
    for (int k = 0; k < t.n; k++) {
        level[k] = level_of(&t, t.factor[k]);
        if (level[k] < last && !x_is_finite(t.factor[k])) level[k] = last;
    }
    X *f[MOST_FACTORS + 1], *inner = NULL;
    for (int hi = t.n_bound, lo; ; hi = lo) {              /* from the inside: the factors of one level, then the sums out to the next one */
        int n = 0, n_cond = 0;
        X *cond[MOST_BOUND];
        lo = 0;
        for (int k = 0; k < t.n; k++) {
            if (level[k] == hi) f[n++] = t.factor[k];
            else if (level[k] < hi && level[k] > lo) lo = level[k];
        }
        if (inner) f[n++] = inner;
        X *body = quotient(a, f, n, dt);
        if (!hi) {
            for (int k = 0; k < t.n_cond && !t.n_bound; k++) body = x_if(a, t.cond[k], body, zero(a, dt));
            return x_substitute(p, body, 0, NULL, NULL);
        }
        for (int k = 0; k < t.n_cond; k++) { int at = level_of(&t, t.cond[k]); if ((at > lo || (!at && !lo)) && at <= hi) cond[n_cond++] = t.cond[k]; }
        inner = x_reduce(a, R_SUM, hi - lo, &t.bound[lo], n_cond, cond, body, NULL, dt);
    }
}
X *terms_expr(const Terms *t) {
    Arena *a = t->p->arena;
    X *r = NULL;
    for (int pass = 0; pass < 2; pass++) for (int k = 0; k < t->n; k++) {
        if (t->term[k].minus != (pass == 1)) continue;
        X *e = term_expr(t->p, &t->term[k], t->dt);
        r = !r ? (pass ? x_op(a, OP_NEG, e, NULL) : e) : x_op(a, pass ? OP_SUB : OP_ADD, r, e);
    }
    return r;
}
