/* lane.c - which axis of an equation lies across the lanes.
 *
 * The last one, as a rule: what is written then lies side by side.  But in
 *
 *     F[b, o, k] = sum(c) U[b, c, k] * R[k, c, o]
 *
 * every lane k would walk through a matrix of its own, while lanes o read whole vectors of R, and the fields b share them; that outweighs that F
 * is then written with gaps.  Reads are priced for each choice. */
#include "lower/linear.h"
#include "lower/lower.h"
#include <math.h>

enum { FEW = 4 };

bool few(const Space *s) { int64_t n; return ext_is_const(s->extent, &n) && n < FEW; }
/* Lanes along the last axis of an equation: not when each lane would walk along a fibre of its own, nor when the axis is short and what its
 * sums read lies side by side along their own indices. */
typedef struct Beside { const Index *last; int axis, sums; bool apart; const X *sum; } Beside;
static bool see_beside(X *e, void *data) {
    Beside *p = data;
    if (e->k == X_REDUCE) {
        const X *save = p->sum;
        for (int k = 0; k < e->u.reduce.n_cond; k++) p->apart |= e->u.reduce.cond[k]->k == X_OP && e->u.reduce.cond[k]->u.op.op == OP_EQ && x_uses_index(e->u.reduce.cond[k], p->last);
        p->sum = e;
        x_walk(e->u.reduce.body, see_beside, p);
        p->sum = save;
        return false;
    }
    if (e->k == X_READ && e->u.read.v->target) return false;       /* where a row is, not what is in it */
    X *sub = e->k == X_READ && e->u.read.v->rank ? e->u.read.idx[e->u.read.v->rank - 1] : NULL;
    if (!sub || sub->k != X_INDEX) return true;
    p->axis += sub->u.index == p->last;
    int64_t n;
    for (int k = 0; p->sum && k < p->sum->u.reduce.n; k++)
        p->sums += sub->u.index == p->sum->u.reduce.idx[k] && !(ext_is_const(sub->u.index->space->extent, &n) && n < SHORT);
    return true;
}
bool lanes_pay(const Node *n) {
    const Value *v = n->result[0];
    const Index *last = v->rank ? n->u.compute.idx[v->rank - 1] : NULL;
    int64_t extent;
    if (!last || few(last->space)) return false;
    Beside p = { .last = last };
    x_walk(n->u.compute.expr, see_beside, &p);
    if (p.apart) return false;
    return !ext_is_const(last->space->extent, &extent) || extent >= SHORT || p.axis >= p.sums;
}

/* ---- another axis than the last ---------------------------------------------------------------------------------- */
/* What a gather costs against a vector, and merging the lanes of a sum; rows of a tile that share a load; the length of a sum that is not known */
enum { APART = 16, MERGE = 160, SHARE = 8, LONG = 64, WORTH = 256 /* a tile along a sum */ };
typedef struct Price { Arena *a; Index *lane; const Index *row; int rows; double times, sum; bool fibre; } Price;

static double length(const Space *s, int most) { int64_t n; return ext_is_const(s->extent, &n) ? (double)n : most; }
static double price_of_read(const Price *p, const X *e) {
    int last = e->u.read.v->rank - 1;
    double price = 1;
    for (int k = 0; k <= last; k++) {
        Linear by;
        X *sub = e->u.read.idx[k];
        if (!x_uses_index(sub, p->lane)) continue;
        bool near = k == last && e->u.read.bnd[k] != BND_PERIODIC && e->u.read.bnd[k] != BND_REFLECT && linear_of(p->a, sub, 1, &p->lane, &by);
        if (!near || by.coef[0] < -2 || by.coef[0] > 2) return APART;
        if (by.coef[0] == 2 || by.coef[0] < 0) price = 2;
    }
    return price;
}
static bool see_price(X *e, void *data) {
    Price *p = data;
    if (e->k == X_REDUCE) {
        double save = p->times;
        p->fibre |= e->u.reduce.n_cond > 0;
        for (int k = 0; k < e->u.reduce.n; k++) p->times *= length(e->u.reduce.idx[k]->space, LONG);
        x_walk(e->u.reduce.body, see_price, p);
        p->times = save;
        return false;
    }
    if (e->k == X_READ) p->sum += p->times * price_of_read(p, e) / (p->row && !x_uses_index(e, p->row) ? p->rows : 1);
    return true;
}
/* Of one element, by lanes along `lane`; the reads that do not depend on `row` are shared by the rows of a tile. */
static double price(Arena *a, X *e, Index *lane, const Index *row, bool *fibre) {
    Price p = { .a = a, .lane = lane, .row = row, .rows = row ? (int)length(row->space, SHARE) : 1, .times = 1 };
    if (p.rows > SHARE) p.rows = SHARE;
    if (p.rows < 1) p.rows = 1;
    x_walk(e, see_price, &p);
    *fibre |= p.fibre;
    return p.sum;
}
static double best_tile(Lower *l, const Node *n, Index *lane, bool *fibre) {
    X *e = n->u.compute.expr;
    double least = price(l->a, e, lane, NULL, fibre);
    for (int k = 0; k < n->result[0]->rank && l->machine; k++) {
        double c = n->u.compute.idx[k] == lane ? least : price(l->a, e, lane, n->u.compute.idx[k], fibre);
        if (c < least) least = c;
    }
    return least;
}
static bool may_be_lanes(const Space *s) {
    int64_t n;
    if (ext_is_const(s->extent, &n)) return n >= SHORT;
    return s->kind == SP_DIM || s->kind == SP_RANGE || s->kind == SP_GRID || s->kind == SP_MODES;
}
/* The one sum of an expression; NULL: there are none or several */
typedef struct One { X *sum; int n; } One;
static bool see_one(X *e, void *data) {
    One *p = data;
    if (e->k == X_REDUCE) p->sum = e, p->n++;
    return true;
}
int lane_axis(Lower *l, const Node *n, Index **inside) {
    const Value *v = n->result[0];
    int last = v->rank - 1, best = lanes_pay(n) ? last : -1, usual = best;
    Index **idx = n->u.compute.idx, *along = NULL;
    One one = { 0 };
    bool fibre = false;
    *inside = NULL;
    x_walk(n->u.compute.expr, see_one, &one);
    if (last < 1 || in_bind(v) || one.n != 1 || one.sum->u.reduce.op != R_SUM || one.sum->u.reduce.n_cond) return usual;
    double least = HUGE_VAL, within = HUGE_VAL, terms = 1;
    for (int k = 0; k < one.sum->u.reduce.n; k++) {           /* along the sum: the elements of the equation one by one */
        Index *i = one.sum->u.reduce.idx[k];
        terms *= length(i->space, LONG);
        double c = may_be_lanes(i->space) ? best_tile(l, n, i, &fibre) + MERGE : HUGE_VAL;
        if (c < within) within = c, along = i;
    }
    if (usual >= 0) least = best_tile(l, n, idx[last], &fibre) + 1;
    else least = within;
    if (usual >= 0 && within < 0.7 * least) least = within, best = -1;
    for (int k = 0; k < last; k++) {
        double c = may_be_lanes(v->axis[k]) ? best_tile(l, n, idx[k], &fibre) + APART : HUGE_VAL;
        if (c < 0.7 * least) least = c, best = k;
    }
    if (fibre) return usual;
    if (best < 0 && terms >= WORTH) *inside = along;
    return best;
}
