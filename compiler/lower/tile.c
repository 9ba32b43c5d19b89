/* tile.c - register tiles: a contraction handles several positions of one axis at once, so that what they share is loaded once.
 *
 *     z[p, j] = sum(i) h[src(p), i] * W[etype(p), i, j]      ->      six rows p, lanes j: each vector of W is used six times
 *     t[v, m, q] = sum(e: dst(e) = v) a[e, m] * w[e, m, q]   ->      all heads m in one walk along the edges of v
 *
 * W depends on the row only through etype(p): rows are taken in the order of their types (the compact spaces already are in that order,
 * else through the sorted list), and a tile whose rows have different types, or that is cut by the end, goes row by row. */
#include "lower/lower.h"

typedef struct Plan {
    Lower *l; Node *n;
    const Index *lane;
    Tile tile;
    int axis, sums;                     /* the axis of the tile; reductions that depend on the lane */
    bool shared, walk;                  /* found: a vector that rows share; a fibre that they share */
} Plan;

/* ---- does a tile of this axis pay? -------------------------------------------------------------------------------- */
static bool see_read(X *e, void *data) {
    Plan *p = data;
    if (e->k == X_READ && x_uses_index(e, p->lane) && !varies_by_row(&p->tile, e)) p->shared = true;
    return true;
}
static bool see_sum(X *e, void *data) {
    Plan *p = data;
    if (e->k != X_REDUCE || !x_uses_index(e, p->lane)) return true;
    p->sums++;
    if (!varies_by_row(&p->tile, e) || !rows_share_loops(&p->tile, e)) return false;
    p->walk |= e->u.reduce.n_cond > 0;
    x_walk(e->u.reduce.body, see_read, p);
    return false;
}
static bool pays(Plan *p, int axis, Value *uniform) {
    X *expr = p->n->u.compute.expr;
    p->tile = (Tile){ .index = p->n->u.compute.idx[axis], .uniform = uniform };
    p->axis = axis, p->sums = 0, p->shared = p->walk = false;
    x_walk(expr, see_sum, p);
    return p->shared;
}
/* Maps of one index that are applied to the tile's. */
typedef struct Maps { const Index *index; int n; Value *map[8]; } Maps;
static bool see_map(X *e, void *data) {
    Maps *m = data;
    if (e->k != X_READ || !e->u.read.v->target || e->u.read.v->rank != 1 || e->u.read.bnd[0] != BND_NONE) return true;
    if (e->u.read.idx[0]->k != X_INDEX || e->u.read.idx[0]->u.index != m->index) return true;
    for (int k = 0; k < m->n; k++) if (m->map[k] == e->u.read.v) return true;
    if (m->n < 8) m->map[m->n++] = e->u.read.v;
    return true;
}
static bool choose(Plan *p) {
    Value *v = p->n->result[0];
    int64_t extent;
    for (int k = v->rank - 2; k >= 0; k--) {
        if (ext_is_const(v->axis[k]->extent, &extent) && extent < 2) continue;
        if (pays(p, k, NULL)) return true;
        Maps m = { .index = p->n->u.compute.idx[k] };
        x_walk(p->n->u.compute.expr, see_map, &m);
        for (int j = 0; j < m.n; j++) if (pays(p, k, m.map[j])) return true;
    }
    for (int k = v->rank - 2; k >= 0; k--)                    /* a few heads in one walk along a fibre */
        if (ext_is_const(v->axis[k]->extent, &extent) && extent > 1 && extent <= 8) { pays(p, k, NULL); if (p->walk) return true; }
    return false;
}
/* Rows of the tile and vectors of its lanes, so that accumulators, the shared vectors and two more fit the registers. */
static bool size_tile(Plan *p, int *width) {
    const Machine *m = p->l->machine;
    Value *v = p->n->result[0];
    Dtype t = register_type(v->dt);
    int lanes = m->vector_bytes / dtype_bytes(t), vectors = m->registers >= 32 ? 4 : 2;
    int64_t n, extent;
    if (ext_is_const(v->axis[v->rank - 1]->extent, &n)) while (vectors > 1 && (vectors - 1) * lanes >= n) vectors--;
    int rows = (m->registers - vectors - 2) / (vectors * (p->sums > 1 ? p->sums : 1));
    if (!p->shared) while (vectors > 1 && ext_is_const(v->axis[p->axis]->extent, &extent) && extent * vectors > m->registers - 4) vectors--;
    if (ext_is_const(v->axis[p->axis]->extent, &extent) && (extent < rows || !p->shared)) rows = (int)extent;
    if (rows > 12) rows = 12;
    *width = vectors * lanes;
    return (p->tile.rows = rows) >= 2;
}

/* ---- the kernel ------------------------------------------------------------------------------------------------------- */
static void lanes(Build *b, Plan *p, int width) {
    Arena *a = b->l->a;
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx, *last = idx[v->rank - 1];
    Var *j = var_new(b, last->name, DT_I64, false);
    level_push(b, LV_LANE);
    level_bind(b->level, a, last, lx_var(a, j));
    for (b->row = 0; b->row < (b->tile ? b->tile->rows : 1); b->row++) finish_equation(b, v, idx, p->n->u.compute.expr);
    b->row = 0;
    level_pop_for(b, j, I64(0), lx_size(a, last->space->extent), LOOP_LANE)->width = width;
}
/* Whether the positions of a space come in the order of this map's values: the first key of a space of combinations. */
static bool in_order(const Space *s, const Value *map) {
    return map->node->kind == N_DERIVE && map->node->u.derive.kind == DV_UNIQUE && map->node->u.derive.space == s && map->result == 0;
}
bool lower_tiled(Lower *l, Build *b, Node *n) {
    Value *v = n->result[0];
    Arena *a = l->a;
    int width;
    if (!l->machine || v->rank < 2 || dtype_is_complex(v->dt) || few(v->axis[v->rank - 1])) return false;
    Plan p = { .l = l, .n = n, .lane = n->u.compute.idx[v->rank - 1] };
    if (!choose(&p) || !size_tile(&p, &width)) return false;
    Value *map = p.tile.uniform;
    Rows *order = map && !in_order(v->axis[p.axis], map) ? rows_of(l, 1, &map) : NULL;
    if (map && !in_order(v->axis[p.axis], map) && !order) return false;
    int rows = p.tile.rows;
    Ext *extent = v->axis[p.axis]->extent, *tiles = ext_op(a, EXT_CEILDIV, extent, ext_const(a, rows));
    b->k->extent = ext_const(a, 1);
    for (int k = 0; k < v->rank - 1; k++) b->k->extent = ext_op(a, EXT_MUL, b->k->extent, k == p.axis ? tiles : v->axis[k]->extent);
    /* items: the tile outermost, so that neighbours share what rows share */
    LX *rest = lx_var(a, b->k->item);
    for (int k = v->rank - 2; k >= 0; k--) {
        if (k == p.axis) continue;
        LX *size = lx_size(a, v->axis[k]->extent);
        level_bind(b->level, a, n->u.compute.idx[k], let(b, lop(b, OP_MOD, rest, size), n->u.compute.idx[k]->name));
        rest = let(b, lop(b, OP_FLOORDIV, rest, size), "rest");
    }
    LX *first = let(b, lop(b, OP_MUL, rest, I64(rows)), "first"), *size = lx_size(a, extent);
    int64_t known;
    bool exact = ext_is_const(extent, &known) && known % rows == 0;
    LX *full = exact ? NULL : let(b, lop(b, OP_LE, lop(b, OP_ADD, first, I64(rows)), size), "full");
    Tile tile = p.tile;
    for (int k = 0; k < rows; k++) {
        LX *at = let(b, lop(b, OP_ADD, first, I64(k)), "row");
        tile.at[k] = order ? let(b, lx_cast(a, lx_load(a, order->items, at, full), DT_I64), tile.index->name) : at;
    }
    if (map) {                                               /* one value in all rows? */
        LX *one = let(b, lx_load(a, l->place[map->id].buf, tile.at[0], full), map->name);
        LX *whole = full;
        for (int k = 1; k < rows; k++) full = land(b, full, lop(b, OP_EQ, lx_load(a, l->place[map->id].buf, tile.at[k], whole), one));
        full = let(b, full, "full");
    }
    if (full) level_push(b, LV_IF);
    level_bind(b->level, a, tile.index, tile.at[0]);
    b->tile = &tile;
    lanes(b, &p, width);
    b->tile = NULL;
    if (!full) { kernel_add(l, b, MAP_BLOCKED); return true; }
    LS *branch = level_pop_if(b, full);
    level_push(b, LV_IF);
    Var *k = var_new(b, "row", DT_I64, false);
    LX *end = let(b, lop(b, OP_MIN, size, lop(b, OP_ADD, first, I64(rows))), "last");
    level_push(b, LV_SERIAL);
    LX *at = lx_var(a, k);
    if (order) at = let(b, lx_cast(a, lx_load(a, order->items, at, NULL), DT_I64), tile.index->name);
    level_bind(b->level, a, tile.index, at);
    lanes(b, &p, 0);
    level_pop_for(b, k, first, end, LOOP_SERIAL);
    branch->other = b->level->block;
    b->level = b->level->up;
    kernel_add(l, b, MAP_BLOCKED);
    return true;
}
