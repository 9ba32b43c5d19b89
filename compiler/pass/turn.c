/* turn.c - what a contraction reads down the columns of a table is copied with its axes turned, once, and read along the rows.
 *
 *     dx[n, i] = sum(j) dy[n, j] * W[i, j]     ->     t[j, i] = W[i, j];  dx[n, i] = sum(j) dy[n, j] * t[j, i]
 *
 * Neighbouring elements of an equation are those along its last index, the lane, and are computed together.  A read inside a sum whose subscripts have the
 * lane anywhere but last takes each of them from a row of its own.  The copy pays where each of its elements is read many times: where the read leaves out
 * another index of the equation, or has it only through a map (W[etype(p), i, j]).  This doesn't depend on sizes that are expected only.  Digits stay the
 * same: the terms and their order do.  Must come after `inline`, which takes copies away.
 *
 * Where the last axis is too short for lanes, they lie along the sum, and what has the sum's index anywhere but last is copied so that it comes last:
 *
 *     s[p, m] = sum(i) h[src(p), i] * w[etype(p), i, m]     ->     t[r, m, i] = w[r, i, m];  s[p, m] = sum(i) h[src(p), i] * t[etype(p), m, i] */
#include "pass/pass.h"
#include "pass/query.h"

enum { SHORT = 8, MANY = 8 };              /* known sizes below them don't pay: of the lane; times that an element is read. MANY: and so few sums share a loop */

typedef struct Turned { Value *from, *to; int axis; } Turned;
typedef struct Turn {
    Program *p;
    Node *node;
    const Index *lane;                     /* what is to come last */
    int sums;                              /* around the expression that is looked at */
    VEC(X *) read;                         /* of this node, to be turned */
    VEC(Turned) made;
} Turn;

static bool at_least(const Space *s, int64_t least) { int64_t n; return !ext_is_const(s->extent, &n) || n >= least; }
static const Index *lane_of(const Node *n) { return n->u.compute.idx[n->result[0]->rank - 1]; }
/* The axis of the read that the lane runs along, or -1: it must be subscripted by the lane alone, all others without it. */
static int lane_axis(const X *e, const Index *lane) {
    int axis = -1;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        if (!x_uses_index(e->u.read.idx[k], lane)) continue;
        if (axis >= 0 || position_index(e->u.read.idx[k]) != lane) return -1;
        axis = k;
    }
    return axis;
}
static bool is_map(const X *e) {
    while (e->k == X_CAST) e = e->u.cast.arg;
    return e->k == X_READ && e->u.read.v->target;
}
static bool read_again(const Node *n, const X *e) {
    for (int k = 0; k < n->result[0]->rank - 1; k++) {
        bool own = false;
        for (int j = 0; j < e->u.read.v->rank; j++) own |= x_uses_index(e->u.read.idx[j], n->u.compute.idx[k]) && !is_map(e->u.read.idx[j]);
        if (!own && at_least(n->u.compute.idx[k]->space, MANY)) return true;
    }
    return false;
}
static bool look(X *e, void *data) {
    Turn *t = data;
    if (e->k == X_REDUCE) {
        for (int k = 0; k < e->u.reduce.n_cond; k++) {        /* lanes with fibres of their own; equations that are solved: few terms */
            const X *c = e->u.reduce.cond[k];
            if (x_uses_index(c, t->lane) || (c->k == X_OP && c->u.op.op == OP_EQ && !reduce_fibre(e, k, NULL, NULL, NULL))) return false;
        }
        t->sums++;
        x_walk(e->u.reduce.body, look, t);
        t->sums--;
        return false;
    }
    if (e->k != X_READ || !t->sums) return true;
    const Value *v = e->u.read.v;
    int axis = v->target || v->structural || v->rank < 2 ? -1 : lane_axis(e, t->lane);
    if (axis < 0 || axis == v->rank - 1 || (t->lane == lane_of(t->node) && !at_least(v->axis[v->rank - 1], MANY)) || !read_again(t->node, e)) return true;
    vec_add(t->p->arena, t->read, e);
    return true;
}
static Value *turned(Turn *t, Value *v, int axis) {
    Arena *a = t->p->arena;
    for (int k = 0; k < t->made.n; k++) if (t->made.at[k].from == v && t->made.at[k].axis == axis) return t->made.at[k].to;
    Index **idx = NEWN(a, Index *, v->rank), **own = NEWN(a, Index *, v->rank);
    X **at = NEWN(a, X *, v->rank);
    for (int k = 0; k < v->rank; k++) own[k] = program_index(t->p, "i", v->axis[k]), at[k] = x_index(a, own[k]);
    int n = 0;
    for (int k = 0; k < v->rank; k++) if (k != axis) idx[n++] = own[k];
    idx[n] = own[axis];
    t->p->again = v->again;
    Value *to = program_equation(t->p, NULL, v->rank, idx, x_read(a, v, at, NULL, NULL), v->loc);
    t->p->again = 0;
    vec_add(a, t->made, (Turned){ v, to, axis });
    return to;
}
static X *replace(X *e, void *data) {
    Turn *t = data;
    for (int k = 0; k < t->read.n; k++) if (x_equal(e, t->read.at[k])) {
        Arena *a = t->p->arena;
        int axis = lane_axis(e, t->lane), rank = e->u.read.v->rank;
        X **at = NEWN(a, X *, rank), **other = NEWN(a, X *, rank);
        Boundary *bnd = NEWN(a, Boundary, rank);
        for (int j = 0; j < rank; j++) {
            int from = j == rank - 1 ? axis : j + (j >= axis);
            at[j] = e->u.read.idx[from], bnd[j] = e->u.read.bnd[from], other[j] = e->u.read.other ? e->u.read.other[from] : NULL;
        }
        X *r = x_read(a, turned(t, e->u.read.v, axis), at, bnd, other);
        r->loc = e->loc;
        return r;
    }
    return e;
}
/* The index of a sum that lanes lie along, as the last axis of the equation is short: one that some of its factors have last, all others before the
 * short axis. NULL: there is none. */
typedef struct Along { const Index *index, *last; int side_by_side, across; bool other; } Along;
static bool see_along(X *e, void *data) {
    Along *p = data;
    if (e->k != X_READ || !x_uses_index(e, p->index)) return true;
    int rank = e->u.read.v->rank, axis = lane_axis(e, p->index);
    if (axis == rank - 1) p->side_by_side++;
    else if (axis >= 0 && position_index(e->u.read.idx[rank - 1]) == p->last) p->across++;
    else p->other = true;
    return false;
}
static bool find_along(X *e, void *data) {
    Along *p = data;
    int64_t n;
    if (e->k != X_REDUCE || p->index) return !p->index;
    for (int k = 0; k < e->u.reduce.n && e->u.reduce.op == R_SUM && !e->u.reduce.n_cond; k++) {
        const Index *i = e->u.reduce.idx[k];
        Along q = { .index = i, .last = p->last };
        if (!ext_is_const(i->space->extent, &n) || n < SHORT) continue;
        x_walk(e->u.reduce.body, see_along, &q);
        if (q.side_by_side && q.across && !q.other) { p->index = i; return false; }
    }
    return true;
}
static const Index *lane_to_be(const Node *n) {
    int64_t short_;
    if (!ext_is_const(lane_of(n)->space->extent, &short_) || short_ >= SHORT) return lane_of(n);
    if (short_ < 2 || short_ > MANY) return NULL;
    Along p = { .last = lane_of(n) };
    x_walk(n->u.compute.expr, find_along, &p);
    return p.index;
}
Program *pass_turn(Program *p) {
    Program *q = program_copy(p);
    Turn t = { .p = q };
    int n = q->node.n;
    for (int k = 0; k < n; k++) {
        Node *node = t.node = q->node.at[k];
        if (node->kind != N_COMPUTE || node->result[0]->structural || node->result[0]->rank < 2 || !(t.lane = lane_to_be(node))) continue;
        t.read.n = 0;
        x_walk(node->u.compute.expr, look, &t);
        int made = t.made.n;
        if (t.read.n) node->u.compute.expr = x_map(q->arena, node->u.compute.expr, replace, &t);
        for (; made < t.made.n; made++) {
            const Value *v = t.made.at[made].from;
            vec_add(q->arena, q->decision, (Decision){ .pass = "turn", .what = arena_printf(q->arena, "a copy of %s has axis %d last", v->name, t.made.at[made].axis),
                .why = arena_printf(q->arena, "the sums of %s read it side by side along that axis", node->result[0]->name), .loc = node->loc });
        }
    }
    program_sort(q);
    return q;
}
