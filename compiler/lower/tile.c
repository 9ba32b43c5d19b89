/* tile.c - register tiles: a contraction handles several positions of one axis at once, so that what they share is loaded once.
 *
 *     z[p, j] = sum(i) h[src(p), i] * W[etype(p), i, j]      ->      six rows p, lanes j: each vector of W is used six times
 *     t[v, m, q] = sum(e: dst(e) = v) a[e, m] * w[e, m, q]   ->      all heads m in one walk along the edges of v
 *
 * W depends on the row only through etype(p): then rows are taken in the order of their types and tiles end where the type changes
 * (a list made once per structure).  A tile that is cut short repeats its last row.
 *
 * A value that is read only here, at the row's position, is computed tile by tile in memory of the kernel's own instead of being stored:
 *     t[p, i] = sum(e: pair(e) = p) c[e] * h[src(e), i];   z[p, j] = sum(i) t[p, i] * W[etype(p), i, j] */
#include "lower/tile.h"

enum { MOST_ROW = 1024 };                                   /* elements of a staged row */

/* ---- does a tile along this index pay? ----------------------------------------------------------------------------- */
static bool see_read(X *e, void *data) {
    TilePlan *p = data;
    if (e->k == X_READ && x_uses_index(e, p->lane) && !varies_by_row(&p->tile, e)) p->shared = true;
    return true;
}
static bool see_sum(X *e, void *data) {
    TilePlan *p = data;
    if (e->k != X_REDUCE || !x_uses_index(e, p->lane)) return true;
    p->alone++;
    if (!varies_by_row(&p->tile, e) || !rows_share_loops(&p->tile, e)) return false;
    p->sums++;
    p->walk |= e->u.reduce.n_cond > 0;
    x_walk(e->u.reduce.body, see_read, p);
    return false;
}
bool tile_pays(TilePlan *p, const Index *index, int n, const MapChain *uniform) {
    p->tile = (Tile){ .index = (Index *)index, .n_uniform = n };
    for (int k = 0; k < n; k++) p->tile.uniform[k] = uniform[k];
    p->sums = p->alone = 0, p->shared = p->walk = false;
    x_walk(p->expr, see_sum, p);
    return p->shared;
}
/* Maps of one index, and chains of them, that are applied to the tile's. */
typedef struct Maps { const Index *index; int n; MapChain map[8]; } Maps;
static bool see_map(X *e, void *data) {
    Maps *m = data;
    MapChain c;
    if (e->k != X_READ || !map_chain(e, m->index, &c)) return true;
    for (int k = 0; k < m->n; k++) if (same_chain(&m->map[k], &c)) return true;
    if (m->n < 8) m->map[m->n++] = c;
    return true;
}
bool has_few_values(const Space *s) { return s->kind == SP_NTYPES || s->kind == SP_ETYPES || s->kind == SP_DIM || s->kind == SP_RANGE; }
bool tile_uniform(TilePlan *p, Index *index) {
    Maps m = { .index = index };
    x_walk(p->expr, see_map, &m);
    for (int j = 0; j < m.n; j++) if (tile_pays(p, index, 1, &m.map[j])) return true;
    for (int j = 0; j < m.n; j++) for (int k = j + 1; k < m.n; k++)
        if (has_few_values(m.map[j].map[0]->target) && has_few_values(m.map[k].map[0]->target) && tile_pays(p, index, 2, (MapChain[]){ m.map[j], m.map[k] })) return true;
    return false;
}
static int choose_axis(TilePlan *p) {
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx;
    int64_t extent;
    for (int k = v->rank - 1; k >= 0; k--) {
        if (k == p->lane_axis || (ext_is_const(v->axis[k]->extent, &extent) && extent < 2)) continue;
        if (tile_pays(p, idx[k], 0, NULL) || tile_uniform(p, idx[k])) return k;
    }
    for (int k = v->rank - 1; k >= 0; k--)                    /* a few heads in one walk along a fibre */
        if (k != p->lane_axis && ext_is_const(v->axis[k]->extent, &extent) && extent > 1 && extent <= 8) { tile_pays(p, idx[k], 0, NULL); if (p->walk) return k; }
    return -1;
}
/* Accumulators, the shared vectors, those of a sum that is not shared, and two more fit the registers; complex numbers take two of each. */
static int rows_that_fit(const TilePlan *p, int vectors, int parts) {
    int sums = p->sums > 1 ? p->sums : 1, free = p->l->machine->registers - parts * (vectors + 2) - (p->alone > p->sums ? parts * vectors : 0);
    return free / (parts * vectors * sums);
}
bool tile_size(TilePlan *p, const Space *rows) {
    enum { MOST = 12 };
    const Machine *m = p->l->machine;
    Value *v = p->n->result[0];
    bool pairs = dtype_is_complex(v->dt);
    int parts = pairs ? 2 : 1, lanes = m->vector_bytes / dtype_bytes(pairs ? dtype_real_of(v->dt) : register_type(v->dt)), vectors = m->registers >= 32 ? 4 : 2;
    int64_t n, extent;
    bool known = ext_is_const(rows->extent, &extent);
    if (ext_is_const(p->lane->space->extent, &n)) while (vectors > 1 && (vectors - 1) * lanes >= n) vectors--;
    if (!p->shared) while (vectors > 1 && known && extent * vectors > m->registers - 4) vectors--;
    if (p->lane_axis < 0 && vectors > 2) vectors = 2;
    if (pairs) while (vectors > 1 && (!known || rows_that_fit(p, vectors, parts) < (extent < MOST ? extent : MOST))) vectors--;
    int many = rows_that_fit(p, vectors, parts);
    if (known && (extent < many || !p->shared)) many = (int)extent;
    if (many > MOST) many = MOST;
    if ((pairs || p->lane_axis < 0) && known && many > 1) many = (int)((extent + (extent + many - 1) / many - 1) / ((extent + many - 1) / many));     /* tiles of equal size */
    p->width = vectors * lanes, p->tile.rows = many;
    Command *say = asked(p->l, V_TILE, v);
    if (say) p->tile.rows = (int)say->number[0];
    if (say && say->n_number > 1) p->width = (int)say->number[1];
    return p->tile.rows >= 2;
}

/* ---- what is computed along, row by row -------------------------------------------------------------------------- */
typedef struct Readers { const Value *v; const Node *only; int others; } Readers;
static void see_use(Value *v, void *data) { Readers *r = data; r->others += v == r->v; }
static bool read_elsewhere(Lower *l, const Value *v, const Node *only) {
    Readers r = { v, only, 0 };
    for (int k = 0; k < l->p->node.n; k++) if (l->p->node.at[k]->id != only->id) node_each_use(l->p->node.at[k], see_use, &r);
    for (int k = 0; k < l->p->output.n; k++) r.others += l->p->output.at[k].value == v;
    return r.others > 0;
}
/* Every read of v is at the row: v[p, ..] without a boundary rule */
typedef struct Rowwise { const Value *v; const Index *row; bool ok; } Rowwise;
static bool see_rowwise(X *e, void *data) {
    Rowwise *r = data;
    if (e->k != X_READ || e->u.read.v != r->v) return true;
    r->ok &= e->u.read.idx[0]->k == X_INDEX && e->u.read.idx[0]->u.index == r->row;
    for (int k = 0; k < r->v->rank; k++) r->ok &= e->u.read.bnd[k] == BND_NONE;
    return true;
}
static bool recurs(X *e) { return e->u.read.v->node->kind == N_RECUR; }
static bool see_recur(X *e, void *data) { if (e->k == X_READ && recurs(e)) *(bool *)data = true; return true; }
static bool can_stage(TilePlan *p, Value *v) {
    Lower *l = p->l;
    const Node *n = v->node;
    int64_t row;
    if (n->kind != N_COMPUTE || l->state[n->id] || l->family[n->id] || in_bind(v) || v->rank < 2 || n->u.compute.check_range || dtype_is_complex(v->dt)) return false;
    if (v->axis[0] != p->tile.index->space || !has_reduce(n->u.compute.expr)) return false;
    if (asked_to_store(l, v) || (left_alone(l, V_FUSE, v))) return false;
    if (!ext_is_const(product_of(l, v->axis, 1, v->rank), &row) || row > MOST_ROW || few(v->axis[v->rank - 1])) return false;
    Rowwise r = { v, p->tile.index, true };
    bool recur = false;
    x_walk(p->expr, see_rowwise, &r);
    if (p->before) r.row = NULL, x_walk(p->before, see_rowwise, &r);
    x_walk(n->u.compute.expr, see_recur, &recur);
    x_walk(p->expr, see_recur, &recur);
    TilePlan own;                                            /* what gains from tiles of its own gets them */
    int axis;
    if (asked_to_fuse(l, v)) {}
    else if (push_plan(l, v->node, &own) || (tile_plan(l, v->node, &own, &axis) && own.shared)) return false;
    return r.ok && !recur && !read_elsewhere(l, v, p->n);
}
static bool see_staged(X *e, void *data) {
    TilePlan *p = data;
    if (e->k != X_READ || p->n_staged == MOST_STAGED || p->l->place[e->u.read.v->id].staged || !can_stage(p, e->u.read.v)) return true;
    Value *v = e->u.read.v;
    Place *pl = &p->l->place[v->id];
    pl->staged = true;
    pl->buf = buf_new(p->l, v->name, v->dt, ext_op(p->l->a, EXT_MUL, ext_const(p->l->a, p->tile.rows), product_of(p->l, v->axis, 1, v->rank)), BUF_LOCAL, v->loc);
    p->l->state[v->node->id] = 2;
    Command *say = asked(p->l, V_FUSE, v), *c = command_new(p->l->a, V_FUSE, p->l->label[v->id]);
    if (say) schedule_done(say, p->l->label[v->id]);
    vec_add(p->l->a, c->name, p->l->label[p->n->result[0]->id]);
    decided(p->l, c, arena_printf(p->l->a, "%s is computed in the kernel of %s, a tile of rows at a time", p->l->label[v->id], p->l->label[p->n->result[0]->id]),
            "only that one reads it, row by row", v->loc);
    p->staged[p->n_staged++] = v;
    return true;
}
void tile_stage(TilePlan *p) { if (p->lane_axis >= 0) x_walk(p->expr, see_staged, p); }
bool tile_need(TilePlan *p) {
    for (int k = 0; k < p->n_staged; k++) if (!need_expr(p->l, p->staged[k]->node->u.compute.expr)) return false;
    return need_expr(p->l, p->expr) && (!p->before || need_expr(p->l, p->before));
}

/* ---- parts of the kernel --------------------------------------------------------------------------------------------- */
static LX *item_at(Build *b, Buf *items, LX *at, const char *name) {
    return items ? let(b, lx_cast(b->l->a, lx_load(b->l->a, items, at, NULL), DT_I64), name) : at;
}
int tile_walk(const TilePlan *p, Tile *t, int *width) {
    const Value *v = p->n->result[0];
    const Machine *machine = p->l->machine;
    int lanes = machine->vector_bytes / dtype_bytes(register_type(v->dt));
    for (int k = v->rank - 2; k > 0; k--) {
        TilePlan q = { .l = p->l, .n = p->n, .expr = p->expr, .lane = p->lane };
        int64_t extent;
        if (!ext_is_const(v->axis[k]->extent, &extent) || extent < 2 || extent > 8) continue;
        tile_pays(&q, p->n->u.compute.idx[k], 0, NULL);
        if (!q.walk || q.sums != 1) continue;
        *t = (Tile){ .index = p->n->u.compute.idx[k], .rows = (int)extent };
        for (int r = 0; r < extent; r++) t->at[r] = t->slot[r] = lx_int(p->l->a, r);
        *width = lanes;
        while (*width < 4 * lanes && 2 * extent * *width / lanes <= machine->registers - 4) *width *= 2;
        return k;
    }
    return 0;
}
static void compute_staged(Build *b, const TilePlan *p, Value *v, LX *first, LX *count, Buf *items) {
    Arena *a = b->l->a;
    Index **idx = v->node->u.compute.idx;
    Var *row = var_new(b, "row", DT_I64, false), *var[8];
    Tile walk;
    TilePlan own = { .l = p->l, .n = v->node, .expr = v->node->u.compute.expr, .lane = idx[v->rank - 1] };
    int width = 0, along = tile_walk(&own, &walk, &width), lane = v->rank - 1;
    level_push(b, LV_SERIAL);
    level_bind(b->level, a, idx[0], item_at(b, items, let(b, lop(b, OP_ADD, first, lx_var(a, row)), idx[0]->name), idx[0]->name));
    for (int k = lane; k > 0; k--) {                         /* lanes outside, as in other kernels */
        if (k == along) continue;
        var[k] = var_new(b, idx[k]->name, DT_I64, false);
        level_push(b, k == lane ? LV_LANE : LV_SERIAL);
        level_bind(b->level, a, idx[k], lx_var(a, var[k]));
    }
    if (along) b->tile = &walk;
    X *e = v->node->u.compute.expr;
    for (b->row = 0; b->row < (along ? walk.rows : 1); b->row++) {
        LX *flat = lx_var(a, row);
        for (int k = 1; k < v->rank; k++) flat = lop(b, OP_ADD, lop(b, OP_MUL, flat, lx_size(a, v->axis[k]->extent)), level_find(b, idx[k]));
        store(b, b->l->place[v->id].buf, flat, convert(b, lower_expr(b, e), e->dt, v->dt).re);
    }
    b->row = 0, b->tile = NULL;
    for (int k = 1; k < v->rank; k++) {
        if (k == along) continue;
        LS *s = level_pop_for(b, var[k], I64(0), lx_size(a, v->axis[k]->extent), k == lane ? LOOP_LANE : LOOP_SERIAL);
        if (k == lane) s->width = width;
    }
    level_pop_for(b, row, I64(0), count, LOOP_SERIAL);
}
void tile_open(Build *b, TilePlan *p, LX *first, LX *end, Buf *items, bool guarded) {
    Tile *t = &p->tile;
    LX *count = let(b, lop(b, OP_SUB, end, first), "count"), *last = let(b, lop(b, OP_SUB, count, I64(1)), "last");
    for (int k = 0; k < p->n_staged; k++) compute_staged(b, p, p->staged[k], first, count, items);
    for (int k = 0; k < t->rows; k++) {
        LX *row = k ? let(b, lop(b, OP_MIN, last, I64(k)), "slot") : I64(0);
        t->slot[k] = guarded ? I64(k) : row;
        t->at[k] = item_at(b, items, let(b, lop(b, OP_ADD, first, row), t->index->name), t->index->name);
    }
    level_bind(b->level, b->l->a, t->index, t->at[0]);
    b->tile = t;
}
/* Rows of the tile that begins at `first`; n: how many rows there are in all */
void tile_prefetch(Build *b, TilePlan *p, LX *first, LX *n, Buf *items) {
    if (!reads_later_rows(p->l, p->tile.index, p->expr)) return;
    for (int k = 0; k < p->tile.rows; k++) {
        LX *at = let(b, lop(b, OP_MIN, lop(b, OP_ADD, first, I64(k)), lop(b, OP_SUB, n, I64(1))), "next");
        prefetch_later(b, p->tile.index, p->expr, item_at(b, items, at, "next"), &p->tile);
    }
}
/* The list of tiles that do not cross a change of a key: at most one per started tile and per group of equal keys. */
Buf *tile_list(Lower *l, const char *name, Ext *n, int rows, int n_keys, Buf *const *key, Ext *groups, Ext *extent0, Buf *items, Buf **first, bool bind, Loc loc) {
    Arena *a = l->a;
    Ext *one = ext_const(a, 1), *most = ext_op(a, EXT_MIN, n, ext_op(a, EXT_ADD, ext_op(a, EXT_CEILDIV, n, ext_const(a, rows)), groups));
    BufRole role = bind ? BUF_PLAN : BUF_WORK;
    Buf *tiles = buf_new(l, arena_printf(a, "tiles_%s", name), DT_I32, ext_op(a, EXT_ADD, most, one), role, loc);
    if (first) *first = buf_new(l, arena_printf(a, "first_tile_%s", name), DT_I32, ext_op(a, EXT_ADD, extent0, one), role, loc);
    if (bind) host_alloc(l, tiles);
    if (bind && first) host_alloc(l, *first);
    LH *h = host_call(l, RT_TILES, loc, 5, (Ext *[]){ n, ext_const(a, rows), most, ext_const(a, n_keys), extent0 });
    vec_add(a, h->buf, items);
    for (int k = 0; k < n_keys; k++) vec_add(a, h->buf, key[k]);
    vec_add(a, h->buf, tiles);
    vec_add(a, h->buf, first ? *first : NULL);
    return tiles;
}

/* ---- an equation whose own axis is tiled ----------------------------------------------------------------------------- */
bool tile_plan(Lower *l, Node *n, TilePlan *p, int *axis) {
    Value *v = n->result[0];
    *p = (TilePlan){ .l = l, .n = n, .expr = n->u.compute.expr };
    if (!l->machine || v->rank < 2 || in_bind(v) || !has_reduce(p->expr)) return false;
    if (left_alone(l, V_TILE, v)) return false;
    Index *inside;
    p->lane_axis = lane_axis(l, n, &inside);
    p->lane = p->lane_axis >= 0 ? n->u.compute.idx[p->lane_axis] : inside;
    if (!p->lane) return false;
    *axis = choose_axis(p);
    return *axis >= 0 && tile_size(p, v->axis[*axis]);
}
/* Whether i stands in a condition: each i has a fibre of its own. */
typedef struct Chooses { const Index *i; bool any; } Chooses;
static bool see_choice(X *e, void *data) {
    Chooses *c = data;
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n_cond; k++) c->any |= x_uses_index(e->u.reduce.cond[k], c->i);
    return !c->any;
}
static bool chooses_fibre(X *e, const Index *i) {
    Chooses c = { i, false };
    x_walk(e, see_choice, &c);
    return c.any;
}
bool tile_keys(TilePlan *p, TileKeys *k) {
    Lower *l = p->l;
    for (int j = 0; j < p->tile.n_uniform; j++) {
        const MapChain *c = &p->tile.uniform[j];
        for (int q = 0; q < c->n; q++) k->bind &= in_bind(c->map[q]);
        if (!(k->key[k->n++] = map_of(l, c))) return false;
        k->groups = ext_op(l->a, EXT_MUL, k->groups, c->map[0]->target->extent);
    }
    return true;
}
Buf *tile_order(Lower *l, const char *name, Ext *n, const TileKeys *k, Ext *extent0, Loc loc) {
    Arena *a = l->a;
    BufRole role = k->bind ? BUF_PLAN : BUF_WORK;
    Buf *start = buf_new(l, arena_printf(a, "start_%s", name), DT_I64, ext_op(a, EXT_ADD, extent0, ext_const(a, 1)), role, loc);
    Buf *items = buf_new(l, arena_printf(a, "items_%s", name), DT_I32, n, role, loc);
    if (k->bind) host_alloc(l, start), host_alloc(l, items);
    LH *h = host_call(l, RT_FIBRE, loc, 3, (Ext *[]){ n, ext_const(a, k->n), extent0 });
    for (int j = 0; j < k->n; j++) vec_add(a, h->buf, k->key[j]);
    vec_add(a, h->buf, start);
    vec_add(a, h->buf, items);
    return items;
}
bool tile_lower(TilePlan *p, int axis) {
    Lower *l = p->l;
    Arena *a = l->a;
    Node *n = p->n;
    Value *v = n->result[0];
    Index **idx = n->u.compute.idx;
    Ext *extent = v->axis[axis]->extent, *tiles = ext_op(a, EXT_CEILDIV, extent, ext_const(a, p->tile.rows));
    Buf *list = NULL, *items = NULL;
    if (p->tile.n_uniform) {
        TileKeys keys = { .groups = ext_const(a, 1), .bind = true };
        MapChain *c = &p->tile.uniform[0];
        Ext *extent0 = c->map[0]->target->extent;
        if (!tile_keys(p, &keys)) return false;
        bool one = keys.n == 1, sorted = one && c->n == 1 && in_order(v->axis[axis], c->map[0]);
        Rows *order = one && !sorted ? rows_of(l, c->n, c->map) : NULL;
        if (one && !sorted && !order) return false;
        HostBlock *save = l->host;
        if (keys.bind) l->host = &l->u->bind;
        items = order ? order->items : one ? NULL : tile_order(l, arena_printf(a, "tiles_%s", plain_name(l, v->name)), extent, &keys, extent0, n->loc);
        list = tile_list(l, v->name, extent, p->tile.rows, keys.n, keys.key, keys.groups, extent0, items, NULL, keys.bind, n->loc);
        tiles = ext_op(a, EXT_SUB, list->count, ext_const(a, 1));
        l->host = save;
    }
    Ext *count = ext_const(a, 1);
    for (int k = 0; k < v->rank; k++) if (k != p->lane_axis) count = ext_op(a, EXT_MUL, count, k == axis ? tiles : v->axis[k]->extent);
    Build build = build_start(l, kernel_of(l, n, count)), *b = &build;
    b->blocked = true;
    LX *rest = lx_var(a, b->k->item), *tile = NULL;          /* the tile outermost, so that neighbours share what rows share; */
    for (int around = 0; around < 2; around++) {             /* but inside of what chooses the fibre that all tiles walk along */
        for (int k = v->rank - 1; k >= 0; k--) {
            if (k == axis || k == p->lane_axis || chooses_fibre(p->expr, idx[k]) != around) continue;
            LX *size = lx_size(a, v->axis[k]->extent);
            level_bind(b->level, a, idx[k], let(b, lop(b, OP_MOD, rest, size), idx[k]->name));
            rest = let(b, lop(b, OP_FLOORDIV, rest, size), "rest");
        }
        if (around) break;
        LX *size = lx_size(a, tiles);
        tile = let(b, lop(b, OP_MOD, rest, size), "tile"), rest = let(b, lop(b, OP_FLOORDIV, rest, size), "rest");
    }
    LX *first, *end, *some = NULL;
    if (list) {
        first = let(b, lx_cast(a, lx_load(a, list, tile, NULL), DT_I64), "first");
        end = let(b, lx_cast(a, lx_load(a, list, lop(b, OP_ADD, tile, I64(1)), NULL), DT_I64), "end");
        some = let(b, lop(b, OP_LT, first, end), "some");
    } else {
        first = let(b, lop(b, OP_MUL, tile, I64(p->tile.rows)), "first");
        end = let(b, lop(b, OP_MIN, lx_size(a, extent), lop(b, OP_ADD, first, I64(p->tile.rows))), "end");
    }
    if (some) level_push(b, LV_IF);
    tile_prefetch(b, p, end, lx_size(a, extent), items);     /* tiles follow one another */
    tile_open(b, p, first, end, items, false);
    Var *j = var_new(b, p->lane->name, DT_I64, false);
    if (p->lane_axis >= 0) {
        level_push(b, LV_LANE);
        level_bind(b->level, a, (Index *)p->lane, lx_var(a, j));
    }
    for (b->row = 0; b->row < p->tile.rows; b->row++) finish_equation(b, v, idx, p->expr);
    b->row = 0;
    if (p->lane_axis >= 0) level_pop_for(b, j, I64(0), lx_size(a, p->lane->space->extent), LOOP_LANE)->width = p->width;
    b->tile = NULL;
    if (some) level_pop_if(b, some);
    kernel_add(l, b, MAP_BLOCKED);
    return !l->cx->n_errors;
}
