/* gather.c - from "this read of v[s_1(i, j), s_2(i, j)] has cotangent x(i, j)" to what v[u_1, u_2] receives:
 *
 *     sum(i, j: s_1(i, j) = u_1 and s_2(i, j) = u_2) x(i, j)
 *
 * Equations that determine an index are solved for it, so a plain subscript costs no search, a subscript through a map is the fibre of
 * that map, and an index that a fibre of the forward equation bound to a map's value is that value.  Product subscripts (m * n + p)
 * come apart by division, affine ones (x + d, 2 p + d) are solved for one index; what stays is a condition. */
#include "diff/inside.h"
#include <string.h>

typedef struct Equation { X *a, *b; Space *space; bool done, late; /* space: that both are positions of, when a is a subscript; late: it is one */ } Equation;
/* A condition of a reduction: c, or that equation; around: what holds where the reduction stands, which need not be asked for. */
typedef struct Step { X *c; int eq; bool around; } Step;
typedef struct Gather {
    Program *p; Arena *a;
    VEC(Index *) sum;                      /* still summed over */
    VEC(Equation) eq;
    VEC(X *) range;                        /* in the order in which they make each other's reads possible: that what has been solved for is a */
    VEC(Step) step;                        /* position (two for each), the conditions of reductions, */
    X *guard;                              /* the guard, */
    VEC(X *) late;                         /* what the subscripts must be */
    X *x;
} Gather;

static X *strip(X *e) { while (e->k == X_CAST && dtype_is_int(e->dt) && dtype_is_int(e->u.cast.arg->dt)) e = e->u.cast.arg; return e; }
static X *whole(Gather *g, X *e) { return x_cast(g->a, e, DT_I64); }
/* An index that diff_position made one of another space of the same extent. */
static X *unclamped(X *e) {
    e = strip(e);
    if (e->k != X_OP || e->u.op.op != OP_MIN) return e;
    X *i = strip(e->u.op.arg[0]), *last = e->u.op.arg[1], *size = last->k == X_OP && last->u.op.op == OP_SUB ? strip(last->u.op.arg[0]) : NULL;
    bool same = i->k == X_INDEX && size && size->k == X_EXT && ext_equal(size->u.ext, i->u.index->space->extent) && last->u.op.arg[1]->k == X_INT && last->u.op.arg[1]->u.i == 1;
    return same ? i : e;
}
static int sum_place(const Gather *g, const X *e) {
    for (int k = 0; e->k == X_INDEX && k < g->sum.n; k++) if (g->sum.at[k] == e->u.index) return k;
    return -1;
}
static bool uses_sum(const Gather *g, const X *e) {
    for (int k = 0; k < g->sum.n; k++) if (x_uses_index(e, g->sum.at[k])) return true;
    return false;
}
static X *put_in(Gather *g, X *e, Index *i, X *to) { return e ? x_substitute(g->p, e, 1, &i, &to) : NULL; }
/* i is `to` everywhere, and no longer summed over. */
static void replace(Gather *g, int place, X *to) {
    Index *i = g->sum.at[place];
    for (int k = place; k + 1 < g->sum.n; k++) g->sum.at[k] = g->sum.at[k + 1];
    g->sum.n--;
    to = whole(g, to);
    for (int k = 0; k < g->eq.n; k++) if (!g->eq.at[k].done) g->eq.at[k].a = put_in(g, g->eq.at[k].a, i, to), g->eq.at[k].b = put_in(g, g->eq.at[k].b, i, to);
    for (int k = 0; k < g->range.n; k++) g->range.at[k] = put_in(g, g->range.at[k], i, to);
    for (int k = 0; k < g->step.n; k++) g->step.at[k].c = put_in(g, g->step.at[k].c, i, to);
    for (int k = 0; k < g->late.n; k++) g->late.at[k] = put_in(g, g->late.at[k], i, to);
    g->guard = put_in(g, g->guard, i, to);
    g->x = put_in(g, g->x, i, to);
}
static X *number(Gather *g, int64_t v) { return x_int(g->a, v, DT_I64); }
static X *op(Gather *g, ScalarOp o, X *p, X *q) { return x_op(g->a, o, whole(g, p), whole(g, q)); }
static void in_range(Gather *g, X *v, const Ext *extent) {
    X *lo = op(g, OP_GE, v, number(g, 0)), *hi = op(g, OP_LT, v, x_ext(g->a, (Ext *)extent));
    vec_add(g->a, g->range, lo);
    vec_add(g->a, g->range, hi);
}
/* That v is a position of the space s by its type. */
static bool is_position(const X *v, const Space *s) { return strip((X *)v)->space == s; }
/* e as z // n or z mod n, for a number n */
static bool is_part(const X *e, ScalarOp o, X **z, X **n) {
    e = strip((X *)e);
    if (e->k != X_OP || e->u.op.op != o) return false;
    *z = strip(e->u.op.arg[0]), *n = strip(e->u.op.arg[1]);
    return (*n)->k == X_EXT || ((*n)->k == X_INT && (*n)->u.i > 0);
}
/* z // n for a position z of s times n elements: surely a position of s. */
static bool is_quotient(Gather *g, const X *v, const Space *s) {
    X *z, *n;
    if (!is_part(v, OP_FLOORDIV, &z, &n) || !z->space) return false;
    return ext_equal(ext_op(g->a, EXT_MUL, s->extent, n->k == X_EXT ? n->u.ext : ext_const(g->a, n->u.i)), z->space->extent);
}
/* v as a subscript where a position of s belongs, under the condition that it is one. */
static X *as_position(Gather *g, X *v, Space *s) {
    const X *i = strip(v);
    if (is_position(v, s)) return v;
    if (i->k == X_INDEX && ext_equal(i->u.index->space->extent, s->extent)) return diff_position(g->a, v, s);
    if (is_quotient(g, v, s)) return v;
    in_range(g, v, s->extent);
    return strip(v)->space ? diff_position(g->a, v, s) : v;
}
/* e as  coefficient * i + rest  for one index i of the sum that rest is free of; prefers the index with the space `like`. */
typedef struct Affine { int place; int64_t factor; X *rest; /* NULL: 0 */ } Affine;
static bool affine_in(Gather *g, X *e, Index *i, int64_t *factor, X **rest) {
    int64_t c;
    X *r, *s;
    e = strip(e);
    if (!x_uses_index(e, i)) { *factor = 0, *rest = e; return true; }
    if (e->k == X_INDEX) { *factor = 1, *rest = NULL; return true; }
    if (e->k != X_OP) return false;
    X *p = e->u.op.arg[0], *q = e->u.op.n > 1 ? e->u.op.arg[1] : NULL;
    switch (e->u.op.op) {
    case OP_NEG:
        if (!affine_in(g, p, i, factor, &r)) return false;
        *factor = -*factor;
        *rest = r ? x_op(g->a, OP_NEG, whole(g, r), NULL) : NULL;
        return true;
    case OP_ADD: case OP_SUB: {
        int64_t f, h;
        if (!affine_in(g, p, i, &f, &r) || !affine_in(g, q, i, &h, &s)) return false;
        bool minus = e->u.op.op == OP_SUB;
        *factor = minus ? f - h : f + h;
        *rest = !s ? r : minus ? op(g, OP_SUB, r ? r : number(g, 0), s) : r ? op(g, OP_ADD, r, s) : s;
        return true;
    }
    case OP_MUL:
        p = strip(p), q = strip(q);
        if (q->k == X_INT) { X *t = p; p = q; q = t; }
        if (p->k != X_INT || !affine_in(g, q, i, factor, &r)) return false;
        c = p->u.i;
        *factor *= c;
        *rest = r ? op(g, OP_MUL, number(g, c), r) : NULL;
        return true;
    default: return false;
    }
}
static bool solve_affine(Gather *g, X *s, X *target, bool periodic, const Space *axis) {
    for (int round = 0; round < 2; round++)                             /* first the index that ranges over the axis, such as x in x + d */
        for (int k = 0; k < g->sum.n; k++) {
            Index *i = g->sum.at[k];
            int64_t f;
            X *rest;
            if ((round == 0) != (i->space == axis) || x_uses_index(target, i) || !affine_in(g, s, i, &f, &rest) || !f || (f != 1 && f != -1 && f < 2)) continue;
            X *v = rest ? op(g, OP_SUB, target, rest) : target;
            if (f == -1) v = x_op(g->a, OP_NEG, whole(g, v), NULL);
            if (periodic) {
                if ((f != 1 && f != -1) || !ext_equal(i->space->extent, axis->extent)) continue;
                replace(g, k, op(g, OP_MOD, v, x_ext(g->a, axis->extent)));
                return true;
            }
            if (f > 1) {
                vec_add(g->a, g->late, op(g, OP_EQ, op(g, OP_MOD, v, number(g, f)), number(g, 0)));
                v = op(g, OP_FLOORDIV, v, number(g, f));
            }
            if (rest || f != 1) in_range(g, v, i->space->extent); else v = as_position(g, v, i->space);
            replace(g, k, v);
            return true;
        }
    return false;
}
/* s = A * n + j with j an index over n elements: j is the target modulo n, A the quotient. */
static bool solve_product(Gather *g, X *s, X *target, X **quotient, X **left) {
    s = strip(s);
    if (s->k != X_OP || s->u.op.op != OP_ADD) return false;
    X *p = strip(s->u.op.arg[0]), *q = strip(s->u.op.arg[1]);
    int place = sum_place(g, q);
    if (place < 0 || p->k != X_OP || p->u.op.op != OP_MUL || x_uses_index(p, g->sum.at[place])) return false;
    Index *j = g->sum.at[place];
    for (int side = 0; side < 2; side++) {
        X *n = strip(p->u.op.arg[side]);
        int64_t c;
        bool same = n->k == X_EXT ? ext_equal(n->u.ext, j->space->extent) : n->k == X_INT && ext_is_const(j->space->extent, &c) && c == n->u.i;
        if (!same) continue;
        *left = p->u.op.arg[1 - side];
        *quotient = op(g, OP_FLOORDIV, target, n);
        replace(g, place, op(g, OP_MOD, target, n));
        return true;
    }
    return false;
}
/* (z // n) * n + z mod n  is  z: a pair taken apart and put together again. */
static X *recombined(X *e) {
    X *z, *n, *y, *m;
    e = strip(e);
    if (e->k != X_OP || e->u.op.op != OP_ADD || !is_part(e->u.op.arg[1], OP_MOD, &z, &n)) return e;
    X *p = strip(e->u.op.arg[0]);
    if (p->k != X_OP || p->u.op.op != OP_MUL) return e;
    for (int side = 0; side < 2; side++)
        if (is_part(p->u.op.arg[side], OP_FLOORDIV, &y, &m) && x_equal(y, z) && x_equal(m, n) && x_equal(strip(p->u.op.arg[1 - side]), n)) return z;
    return e;
}
/* z // n = a and z mod n = b, with b a position of n elements, is z = a * n + b. */
static bool solve_parts(Gather *g, Equation *e) {
    X *z, *n, *y, *m;
    int64_t c;
    if (!is_part(e->a, OP_FLOORDIV, &z, &n) || sum_place(g, z) < 0 || uses_sum(g, e->b)) return false;
    for (int k = 0; k < g->eq.n; k++) {
        Equation *f = &g->eq.at[k];
        if (f->done || f == e || !f->space || !is_part(f->a, OP_MOD, &y, &m) || !x_equal(y, z) || !x_equal(m, n) || uses_sum(g, f->b)) continue;
        bool all = n->k == X_EXT ? ext_equal(n->u.ext, f->space->extent) : ext_is_const(f->space->extent, &c) && c == n->u.i;
        if (!all) continue;
        int place = sum_place(g, z);
        const Ext *extent = g->sum.at[place]->space->extent;
        X *v = op(g, OP_ADD, op(g, OP_MUL, e->b, n), f->b);
        e->done = f->done = true;
        if (!e->space || !ext_equal(ext_op(g->a, EXT_MUL, e->space->extent, f->space->extent), extent)) in_range(g, v, extent);
        replace(g, place, v);
        return true;
    }
    return false;
}
static bool solve(Gather *g, Equation *e) {
    X *s = recombined(unclamped(e->a)), *t = recombined(unclamped(e->b)), *quotient, *left;
    for (int side = 0; side < 2; side++, (void)(left = s, s = t, t = left)) {
        int k = sum_place(g, s);
        if (k >= 0 && !x_uses_index(t, g->sum.at[k])) {
            e->done = true;
            replace(g, k, as_position(g, t, g->sum.at[k]->space));
            return true;
        }
    }
    if (solve_parts(g, e)) return true;
    if (solve_product(g, s, t, &quotient, &left)) { *e = (Equation){ left, quotient, NULL, false, e->late }; return true; }
    if (!uses_sum(g, t) && uses_sum(g, s) && strip(s)->k == X_OP) {
        e->done = true;
        if (solve_affine(g, s, t, false, e->space)) return true;
        e->done = false;
    }
    return false;
}
/* Subscripts are integers of any width. */
static X *tidy(X *e, void *data) {
    if (e->k != X_READ) return e;
    X *at[8] = { NULL };
    bool changed = false;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        at[k] = strip(e->u.read.idx[k]);
        changed |= at[k] != e->u.read.idx[k];
    }
    return changed ? x_read(data, e->u.read.v, at, e->u.read.bnd, e->u.read.other) : e;
}
X *tidy_subscripts(Arena *a, X *e) { return x_map(a, e, tidy, a); }
/* The conditions of the sum and those that need none of its indices. One is tested as soon as its indices are known; where its own reads
 * may be out of range it has in it what makes them possible: what stands before it. */
typedef struct Tests { X **cond; int n; X *outer, *before; } Tests;
static void add_test(Gather *g, Tests *t, X *c) {
    X *whole = x_in_range(c) ? c : dx_and(g->a, t->before, c);
    if (!uses_sum(g, whole)) { t->outer = dx_and(g->a, t->outer, whole); return; }
    t->cond[t->n++] = whole;
    t->before = dx_and(g->a, t->before, c);
}
static X *equal(Gather *g, const Equation *e) {
    X *s = strip(e->a), *r = strip(e->b);
    if (s->dt == r->dt) return x_op(g->a, OP_EQ, s, r);
    if (s->dt == DT_I32) return x_op(g->a, OP_EQ, s, x_cast(g->a, r, DT_I32));
    return r->dt == DT_I32 ? x_op(g->a, OP_EQ, x_cast(g->a, s, DT_I32), r) : op(g, OP_EQ, s, r);
}
/* Whether c reads only where the ranges that are done say that there is an element, or where there is one anyway. */
typedef struct Ready { Gather *g; const bool *done; bool ok; } Ready;
static bool see_ready(X *e, void *data) {
    Ready *r = data;
    for (int k = 0; e->k == X_READ && !x_in_range(e) && k < e->u.read.v->rank; k++) {
        X *s = strip(e->u.read.idx[k]);
        bool ok = e->u.read.bnd[k] != BND_NONE || s->k == X_INDEX || s->k == X_INT || s->k == X_READ;
        for (int j = 0; j < r->g->range.n / 2 && !ok; j++) ok = r->done[j] && x_equal(strip(r->g->range.at[2 * j]->u.op.arg[0]), s);
        r->ok &= ok;
    }
    return r->ok;
}
/* What has been solved for may read what was solved for before it, and that what is solved for later: the last first, but each when it can be read. */
static void add_ranges(Gather *g, Tests *t) {
    int n = g->range.n / 2;
    bool *done = NEWN(g->a, bool, n + 1);
    for (int left = n; left > 0; left--) {
        int next = -1, last = -1;
        for (int k = n - 1; k >= 0 && next < 0; k--) {
            if (done[k]) continue;
            if (last < 0) last = k;
            Ready r = { g, done, true };
            x_walk(g->range.at[2 * k], see_ready, &r);
            if (r.ok) next = k;
        }
        if (next < 0) next = last;
        done[next] = true;
        add_test(g, t, g->range.at[2 * next + 1]);
        add_test(g, t, g->range.at[2 * next]);
    }
}
static X *finish(Gather *g) {
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < g->eq.n; k++) if (!g->eq.at[k].done && solve(g, &g->eq.at[k])) again = true;
    }
    for (int k = 0; k < g->eq.n; k++) if (!g->eq.at[k].done && g->eq.at[k].late) vec_add(g->a, g->late, equal(g, &g->eq.at[k]));
    Tests t = { .cond = NEWN(g->a, X *, g->range.n + g->step.n + g->late.n + 1) };
    X *body = g->x, *zero = dx_number(g->a, 0, body->dt);
    add_ranges(g, &t);
    bool inner = g->guard && uses_sum(g, g->guard);
    for (int k = 0; k < g->step.n; k++) {
        const Step *s = &g->step.at[k];
        if (s->around) t.before = dx_and(g->a, t.before, s->c);
        else if (s->c) add_test(g, &t, s->c);
        else if (!g->eq.at[s->eq].done) add_test(g, &t, equal(g, &g->eq.at[s->eq]));
    }
    if (inner) t.before = dx_and(g->a, t.before, g->guard), body = x_if(g->a, g->guard, body, zero);
    else if (g->guard) t.outer = dx_and(g->a, t.outer, g->guard);
    for (int k = 0; k < g->late.n; k++) add_test(g, &t, g->late.at[k]);
    if (g->sum.n > 16) return NULL;
    if (g->sum.n) body = x_reduce(g->a, R_SUM, g->sum.n, g->sum.at, t.n, t.cond, body, NULL, body->dt == DT_F16 || body->dt == DT_BF16 ? DT_F32 : body->dt);
    return tidy_subscripts(g->a, t.outer ? x_if(g->a, t.outer, body, zero) : body);
}

/* One way in which subscripts hit the element: those beyond an edge come back into the grid by its rule. */
static void begin(Gather *g, Program *p, const Term *t) {
    *g = (Gather){ .p = p, .a = p->arena };
    VEC(Index *) from = { 0 };
    VEC(X *) to = { 0 };
    for (const Frame *f = t->frame; f; f = f->up)
        for (int k = 0; k < f->n; k++) {
            Index *i = program_index(p, f->idx[k]->name, f->idx[k]->space);
            vec_add(g->a, from, f->idx[k]);
            vec_add(g->a, to, x_index(g->a, i));
            vec_add(g->a, g->sum, i);
        }
    VEC(const Frame *) frame = { 0 };
    for (const Frame *f = t->frame; f; f = f->up) vec_add(g->a, frame, f);
    for (int j = frame.n - 1; j >= 0; j--) {                 /* from outside, as each makes the reads of the next possible */
        const Frame *f = frame.at[j];
        if (f->around) vec_add(g->a, g->step, (Step){ x_substitute(p, f->around, from.n, from.at, to.at), -1, true });
        for (int k = 0; k < f->n_cond; k++) {
            X *c = x_substitute(p, f->cond[k], from.n, from.at, to.at);
            bool eq = c->k == X_OP && c->u.op.op == OP_EQ && dtype_is_int(c->u.op.arg[0]->dt);
            vec_add(g->a, g->step, (Step){ eq ? NULL : c, eq ? g->eq.n : -1, false });
            if (eq) vec_add(g->a, g->eq, (Equation){ c->u.op.arg[0], c->u.op.arg[1], NULL, false, false });
        }
    }
    g->guard = t->guard ? x_substitute(p, t->guard, from.n, from.at, to.at) : NULL;
    g->x = x_substitute(p, t->x, from.n, from.at, to.at);
    X *r = x_substitute(p, t->read, from.n, from.at, to.at);
    for (int k = 0; k < r->u.read.v->rank; k++) vec_add(g->a, g->eq, (Equation){ r->u.read.idx[k], NULL, r->u.read.v->axis[k], false, true });
}
/* How far beyond either edge s may be for an axis of any length: positions of the axis, or of every c-th of them times c, and constants; false:
 * not known. part: how many of the axis's positions are in e, 0 or 1. */
static bool reach(const X *e, const Space *axis, int *part, int64_t *lo, int64_t *hi) {
    int64_t n, c = 1;
    int p, q;
    int64_t plo, phi, qlo, qhi;
    e = strip((X *)e);
    if (e->k == X_OP && e->u.op.op == OP_MUL && strip(e->u.op.arg[0])->k == X_INT) c = strip(e->u.op.arg[0])->u.i, e = strip(e->u.op.arg[1]);
    if (e->k == X_INT) { *part = 0, *lo = *hi = c * e->u.i; return true; }
    if (e->k == X_INDEX) {
        const Ext *own = e->u.index->space->extent;
        if (ext_is_const(own, &n) && n > 0) { *part = 0, *lo = c < 0 ? c * (n - 1) : 0, *hi = c < 0 ? 0 : c * (n - 1); return true; }
        bool every = c > 1 && own->op == EXT_CEILDIV && ext_equal(own->a, axis->extent) && ext_is_const(own->b, &n) && n == c;
        *part = 1, *lo = *hi = 0;
        return every || (c == 1 && ext_equal(own, axis->extent));
    }
    if (c != 1 || e->k != X_OP || (e->u.op.op != OP_ADD && e->u.op.op != OP_SUB)) return false;
    if (!reach(e->u.op.arg[0], axis, &p, &plo, &phi) || !reach(e->u.op.arg[1], axis, &q, &qlo, &qhi)) return false;
    bool minus = e->u.op.op == OP_SUB;
    *part = p + q, *lo = plo + (minus ? -qhi : qlo), *hi = phi + (minus ? -qlo : qhi);
    return p + q <= 1 && !(minus && q);
}
/* Ways 0: inside. Reflected: 1 beyond the first, 2 beyond the last, once each, 3 all of a grid of one point, 4 so far beyond that it is reflected
 * more than once; replicated likewise. */
static void hit(Gather *g, Equation *e, Boundary b, int way, X *u) {
    X *n = x_ext(g->a, e->space->extent), *s = e->a, *last = op(g, OP_SUB, n, number(g, 1));
    e->b = u;
    if (way == 0 && b == BND_PERIODIC) {
        X *t = strip(s);
        if (sum_place(g, t) >= 0 && is_position(t, e->space)) return;
        e->done = true;
        if (solve_affine(g, s, u, true, e->space)) return;
        e->done = false;
        e->a = op(g, OP_MOD, s, n);
        return;
    }
    if (way == 0) return;
    if (way == 4) {                        /* none of these is solved for, so they are left out where no subscript goes that far */
        X *period = op(g, OP_MUL, number(g, 2), last), *r = op(g, OP_MOD, s, op(g, OP_MAX, period, number(g, 1)));
        int part;
        int64_t lo, hi;
        X *far = op(g, OP_LT, s, x_op(g->a, OP_NEG, last, NULL)), *near = op(g, OP_GT, s, period);
        vec_add(g->a, g->late, reach(s, e->space, &part, &lo, &hi) ? op(g, OP_LT, last, number(g, -lo > hi ? -lo : hi)) : op(g, OP_GT, last, number(g, 0)));
        vec_add(g->a, g->late, op(g, OP_GT, last, number(g, 0)));
        vec_add(g->a, g->late, x_op(g->a, OP_OR, far, near));
        e->a = x_if(g->a, op(g, OP_LE, r, last), r, op(g, OP_SUB, period, r));
        return;
    }
    if (b == BND_REFLECT && way < 3) {
        vec_add(g->a, g->late, way == 1 ? op(g, OP_GT, u, number(g, 0)) : op(g, OP_LT, u, last));
        e->b = way == 1 ? x_op(g->a, OP_NEG, whole(g, u), NULL) : op(g, OP_SUB, op(g, OP_MUL, number(g, 2), last), u);
        return;
    }
    if (way == 3) vec_add(g->a, g->late, op(g, OP_EQ, n, number(g, 1)));
    vec_add(g->a, g->late, way == 3 ? op(g, OP_NE, s, number(g, 0)) : op(g, OP_EQ, u, way == 1 ? number(g, 0) : last));
    if (way != 3) vec_add(g->a, g->late, way == 1 ? op(g, OP_LT, s, number(g, 0)) : op(g, OP_GE, s, n));
    e->done = true;
    return;
}
static int ways_along(const X *read, int k) {
    Boundary b = read->u.read.bnd[k];
    const X *s = strip(read->u.read.idx[k]);
    bool inside = s->k == X_INDEX && is_position(s, read->u.read.v->axis[k]);
    return inside ? 1 : b == BND_REFLECT ? 5 : b == BND_REPLICATE ? 3 : 1;
}
int term_ways(const Term *t) {
    int n = 1;
    for (int k = 0; k < t->read->u.read.v->rank; k++) n *= ways_along(t->read, k);
    return n;
}
X *gather_at(Program *p, const Term *t, X **at) {
    X *all = NULL;
    int rank = t->read->u.read.v->rank, ways[8] = { 0 }, way[8] = { 0 };
    for (int k = 0; k < rank; k++) ways[k] = ways_along(t->read, k);
    for (;;) {
        Gather g;
        begin(&g, p, t);
        int first = g.eq.n - rank;
        for (int k = 0; k < rank; k++) hit(&g, &g.eq.at[first + k], t->read->u.read.bnd[k], way[k], at[k]);
        X *one = finish(&g);
        if (!one) return NULL;             /* too many indices */
        all = dx_add(p->arena, all, one);
        int k = 0;
        while (k < rank && ++way[k] == ways[k]) way[k++] = 0;
        if (k == rank) return all;
    }
}
/* Whether the element and the conditions of the sums around it may be read whatever the guard says. */
static bool needs_no_guard(const Term *t) {
    bool ok = x_in_range(t->read);
    for (const Frame *f = t->frame; f; f = f->up) for (int k = 0; k < f->n_cond; k++) ok &= x_in_range(f->cond[k]);
    return ok;
}
/* Several parts of an expression may read the same element: one sum, not several. */
void terms_merge(Arena *a, Terms *t) {
    int n = 0;
    for (int k = 0; k < t->n; k++) {
        Term *q = &t->at[k], *same = NULL;
        for (int j = 0; j < n && !same; j++) if (t->at[j].frame == q->frame && x_equal(t->at[j].read, q->read)) same = &t->at[j];
        if (!same) { t->at[n++] = *q; continue; }
        X *zero = dx_number(a, 0, q->x->dt);
        if (same->guard && q->guard && x_equal(same->guard, q->guard)) { same->x = dx_add(a, same->x, q->x); continue; }
        same->x = dx_add(a, same->guard ? x_if(a, same->guard, same->x, zero) : same->x, q->guard ? x_if(a, q->guard, q->x, zero) : q->x);
        bool both = same->guard && q->guard && !needs_no_guard(q);             /* one of them makes the reads possible */
        same->guard = both ? x_if(a, same->guard, x_int(a, 1, DT_BOOL), q->guard) : NULL;
    }
    t->n = n;
}
X *gather(Program *p, const Term *t, Index **u) {
    X *at[8] = { NULL };
    for (int k = 0; k < t->read->u.read.v->rank; k++) at[k] = x_index(p->arena, u[k]);
    return gather_at(p, t, at);
}
