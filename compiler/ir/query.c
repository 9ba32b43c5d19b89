/* query.c - what a node is, asked of its expression: fibres, pointwise, contraction, who reads what. */
#include "ir/ir.h"

static bool find_reduce(X *e, void *data) {
    bool *found = data;
    if (e->k == X_REDUCE) *found = true;
    return !*found;
}
bool x_has_reduce(X *e) {
    bool found = false;
    x_walk(e, find_reduce, &found);
    return found;
}
static bool uses_any(const X *e, const X *reduce) {
    for (int k = 0; k < reduce->u.reduce.n; k++) if (x_uses_index(e, reduce->u.reduce.idx[k])) return true;
    return false;
}
/* The bound index at the bottom of a chain of map reads f(g(e)), or e itself. */
static Index *chain(X *e, const X *reduce) {
    while (e->k == X_CAST && dtype_is_int(e->dt)) e = e->u.cast.arg;
    if (e->k == X_INDEX) {
        for (int k = 0; k < reduce->u.reduce.n; k++) if (reduce->u.reduce.idx[k] == e->u.index) return e->u.index;
        return NULL;
    }
    if (e->k != X_READ || !e->u.read.v->target) return NULL;
    Index *found = NULL;                                  /* maps of several domains: the other subscripts are free of bound indices */
    for (int k = 0; k < e->u.read.v->rank; k++) {
        if (e->u.read.bnd[k] != BND_NONE) return NULL;
        if (!uses_any(e->u.read.idx[k], reduce)) continue;
        if (found || !(found = chain(e->u.read.idx[k], reduce))) return NULL;
    }
    return found;
}
bool reduce_fibre(const X *reduce, int cond, Index **bound, X **map_side, X **value_side) {
    if (reduce->k != X_REDUCE || cond < 0 || cond >= reduce->u.reduce.n_cond) return false;
    X *c = reduce->u.reduce.cond[cond];
    if (c->k != X_OP || c->u.op.op != OP_EQ) return false;
    for (int side = 0; side < 2; side++) {
        X *map = c->u.op.arg[side], *value = c->u.op.arg[1 - side];
        Index *i = chain(map, reduce);
        if (!i || uses_any(value, reduce)) continue;
        if (bound) *bound = i;
        if (map_side) *map_side = map;
        if (value_side) *value_side = value;
        return true;
    }
    return false;
}

bool is_filter_map(const Value *v) { return v->node->kind == N_DERIVE && v->node->u.derive.kind == DV_FILTER; }
const X *x_uncast(const X *e) {
    while (e->k == X_CAST && dtype_is_int(e->dt)) e = e->u.cast.arg;
    return e;
}
Value *map_filtered(const Value *map) {
    if (map->node->kind != N_COMPUTE || map->rank != 1) return NULL;
    const X *e = x_uncast(map->node->u.compute.expr);
    if (e->k != X_READ || e->u.read.v->rank != 1) return NULL;
    const X *at = x_uncast(e->u.read.idx[0]);
    if (at->k != X_READ || !is_filter_map(at->u.read.v)) return NULL;
    const X *i = x_uncast(at->u.read.idx[0]);
    return i->k == X_INDEX && i->u.index == map->node->u.compute.idx[0] ? e->u.read.v : NULL;
}

typedef struct Seen { bool reduce; const Value *v; bool read; } Seen;
static bool see(X *e, void *data) {
    Seen *s = data;
    if (e->k == X_REDUCE) s->reduce = true;
    if (e->k == X_READ && e->u.read.v == s->v) s->read = true;
    return true;
}
bool compute_is_pointwise(const Node *n) {
    if (n->kind != N_COMPUTE) return false;
    Seen s = { 0 };
    x_walk(n->u.compute.expr, see, &s);
    return !s.reduce;
}
static bool product(const X *e, int *reads) {
    while (e->k == X_CAST) e = e->u.cast.arg;
    if (e->k == X_READ) { ++*reads; return true; }
    return e->k == X_OP && e->u.op.op == OP_MUL && product(e->u.op.arg[0], reads) && product(e->u.op.arg[1], reads);
}
bool compute_is_contraction(const Node *n) {
    if (n->kind != N_COMPUTE) return false;
    const X *e = n->u.compute.expr;
    int reads = 0;
    return e->k == X_REDUCE && e->u.reduce.op == R_SUM && product(e->u.reduce.body, &reads) && reads >= 2;
}
bool compute_updates_slice(const Node *n, const Value *of, X **at, X **x) {
    const X *e = n->kind == N_COMPUTE && of->rank && n->result[0]->rank == of->rank ? n->u.compute.expr : NULL;
    if (!e || e->k != X_IF || e->u.if_.cond->k != X_OP || e->u.if_.cond->u.op.op != OP_EQ) return false;
    const X *keep = e->u.if_.other;
    if (keep->k != X_READ || keep->u.read.v != of) return false;
    for (int k = 0; k < of->rank; k++) if (keep->u.read.idx[k]->k != X_INDEX || keep->u.read.idx[k]->u.index != n->u.compute.idx[k]) return false;
    for (int side = 0; side < 2; side++) {
        X *i = e->u.if_.cond->u.op.arg[side], *other = e->u.if_.cond->u.op.arg[1 - side];
        bool free = true;
        for (int k = 0; k < of->rank; k++) free &= !x_uses_index(other, n->u.compute.idx[k]);
        if (i->k != X_INDEX || i->u.index != n->u.compute.idx[0] || !free) continue;
        *at = other, *x = e->u.if_.then;
        return true;
    }
    return false;
}
/* ---- what is in range by itself ------------------------------------------------------------------------------ */
/* Sums and products of positions come from product and sum axes; differences only from the parts of a tensor defined part by part. */
static bool grows(X *e, void *data) {
    bool *ok = data;
    if (e->k == X_OP && e->u.op.op != OP_ADD && e->u.op.op != OP_MUL) *ok = false;
    if (e->k == X_INT && e->u.i < 0) *ok = false;
    return e->k != X_READ && *ok;
}
/* The largest value of a sum of multiples of indices and numbers; false: not known. */
static bool largest(X *e, int64_t *most) {
    int64_t p, q;
    while (e->k == X_CAST && dtype_is_int(e->u.cast.arg->dt)) e = e->u.cast.arg;
    if (e->k == X_INT) { *most = e->u.i; return e->u.i >= 0; }
    if (e->k == X_EXT) return ext_is_const(e->u.ext, most);
    if (e->k == X_INDEX) { bool known = ext_is_const(e->u.index->space->extent, most); --*most; return known; }
    if (e->k != X_OP || (e->u.op.op != OP_ADD && e->u.op.op != OP_MUL) || !largest(e->u.op.arg[0], &p) || !largest(e->u.op.arg[1], &q)) return false;
    return !(e->u.op.op == OP_ADD ? __builtin_add_overflow(p, q, most) : __builtin_mul_overflow(p, q, most));
}
static bool in_range(X *sub, Space *axis) {
    while (sub->k == X_CAST && dtype_is_int(sub->u.cast.arg->dt)) sub = sub->u.cast.arg;
    if (sub->k == X_INT) return true;                       /* literals are checked */
    if (sub->k == X_INDEX || sub->k == X_READ || sub->k == X_REDUCE) return sub->space == axis;
    if (sub->space == axis) return sub->k != X_IF || (in_range(sub->u.if_.then, axis) && in_range(sub->u.if_.other, axis));
    bool ok = true;
    int64_t n, most;
    if (sub->k != X_OP) return false;
    x_walk(sub, grows, &ok);
    return ok && (axis->kind == SP_SUM || axis->kind == SP_PRODUCT || (largest(sub, &most) && ext_is_const(axis->extent, &n) && most < n));
}
static bool find_unsafe(X *e, void *data) {
    bool *safe = data;
    if (e->k == X_READ)
        for (int k = 0; k < e->u.read.v->rank; k++)
            if (e->u.read.bnd[k] == BND_NONE && !in_range(e->u.read.idx[k], e->u.read.v->axis[k])) *safe = false;
    return *safe;
}
bool x_in_range(X *x) { bool safe = true; x_walk(x, find_unsafe, &safe); return safe; }

void node_each_expr(Node *n, void (*f)(X *e, void *data), void *data) {
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_DERIVE: return;
    case N_COMPUTE: f(n->u.compute.expr, data); return;
    case N_RECUR:
        for (int k = 0; k < n->u.recur.member.n; k++) {
            Member *m = &n->u.recur.member.at[k];
            f(m->expr, data);
            for (int j = 0; j < m->before.n; j++) f(m->before.at[j].expr, data);
        }
        return;
    case N_ITERATE: for (int k = 0; k < n->u.iterate.body.n; k++) node_each_expr(n->u.iterate.body.at[k], f, data); return;
    }
}
static void see_expr(X *e, void *data) { x_walk(e, see, data); }
bool node_reads(const Node *n, const Value *v) {
    Seen s = { .v = v };
    node_each_expr((Node *)n, see_expr, &s);
    return s.read;
}

typedef struct Uses { void (*f)(Value *, void *); void *data; } Uses;
static bool use(X *e, void *data) {
    Uses *u = data;
    if (e->k == X_READ) u->f(e->u.read.v, u->data);
    return true;
}
static void use_expr(X *e, void *data) { x_walk(e, use, data); }
void node_each_use(const Node *n, void (*f)(Value *v, void *data), void *data) {
    Uses u = { f, data };
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: return;
    case N_COMPUTE: case N_RECUR: node_each_expr((Node *)n, use_expr, &u); return;
    case N_TRANSFORM: f(n->u.transform.in, data); return;
    case N_SELECT: f(n->u.select.in, data); return;
    case N_FACTOR: for (int k = 0; k < n->u.factor.n_in; k++) f(n->u.factor.in[k], data); return;
    case N_ITERATE:
        for (int k = 0; k < n->u.iterate.n; k++) f(n->u.iterate.init[k], data), f(n->u.iterate.next[k], data);
        f(n->u.iterate.until, data);
        for (int k = 0; k < n->u.iterate.body.n; k++) node_each_use(n->u.iterate.body.at[k], f, data);
        return;
    case N_DERIVE:
        for (int k = 0; k < n->u.derive.n; k++) {
            f(n->u.derive.key[k], data);
            if (n->u.derive.kind == DV_JOIN) f(n->u.derive.key2[k], data);
        }
        return;
    }
}
