/* push.c - a fibre sum of contractions, computed where its terms are and added to where they belong.
 *
 *     S[v, j] = sum(q: dst(q) = v) sum(i) t[q, i] * W[etype(q), i, j]           (+ anything that S begins with)
 *
 * Walking along each fibre would meet another W at every step.  Here the positions q are cut in groups of about equal size, each with
 * the whole fibres of some v; within a group they are taken by type in register tiles (tile.c), whose rows are added to S.  Groups share no
 * v, so they run in parallel; along one v the order is that of the types whatever the groups are, so results don't depend on them.  The
 * weights of the next tile are asked for when it is of another type.  What S begins with is computed for the rows of a group just before,
 * if its tiles need no order of their own: then they are still in the cache. */
#include "lower/tile.h"

enum { MOST_GROUPS = 1024, FEWEST_GROUPS = 8, ROWS_PER_TYPE = 40, MOST_WALKS = 8 };

/* The condition  M(q) = v  of a sum: its map, q, and the axis of v; the sum may stand beside something else, which comes first. */
typedef struct Push { Value *map; Index *q; int axis; const X *sum; X *rest; bool inside; /* each group begins its rows */ int n_walk; X *walk[MOST_WALKS]; } Push;
static bool match_sides(const Node *n, const X *sum, X *read, X *index, Push *p) {
    while (read->k == X_CAST) read = read->u.cast.arg;
    while (index->k == X_CAST) index = index->u.cast.arg;
    if (read->k != X_READ || read->u.read.v->rank != 1 || !read->u.read.v->target || read->u.read.bnd[0] != BND_NONE || index->k != X_INDEX) return false;
    X *at = read->u.read.idx[0];
    p->map = read->u.read.v, p->q = NULL, p->axis = -1;
    for (int k = 0; k < sum->u.reduce.n; k++) if (at->k == X_INDEX && at->u.index == sum->u.reduce.idx[k]) p->q = sum->u.reduce.idx[k];
    for (int k = 0; k < n->result[0]->rank - 1; k++) if (n->u.compute.idx[k] == index->u.index) p->axis = k;
    return p->q && p->axis >= 0;
}
static bool match_sum(const Node *n, X *e, X *rest, Push *p) {
    p->sum = e, p->rest = rest;
    if (e->k != X_REDUCE || e->u.reduce.op != R_SUM || e->u.reduce.n_cond != 1 || e->u.reduce.n > 16 || e->dt != n->result[0]->dt || e->u.reduce.acc != e->dt) return false;
    if (!has_reduce(e->u.reduce.body) && e->u.reduce.n == 1) return false;
    const X *c = e->u.reduce.cond[0];
    return c->k == X_OP && c->u.op.op == OP_EQ && (match_sides(n, e, c->u.op.arg[0], c->u.op.arg[1], p) || match_sides(n, e, c->u.op.arg[1], c->u.op.arg[0], p));
}
static bool match(const Node *n, Push *p) {
    X *e = n->u.compute.expr;
    if (match_sum(n, e, NULL, p)) return true;
    if (e->k != X_OP || e->u.op.op != OP_ADD) return false;
    return match_sum(n, e->u.op.arg[1], e->u.op.arg[0], p) || match_sum(n, e->u.op.arg[0], e->u.op.arg[1], p);
}
/* The term of one q; v stands for M(q) in it. */
static X *term(Lower *l, const Node *n, const Push *p) {
    const X *e = p->sum;
    Index *inner[16];
    int m = 0;
    for (int k = 0; k < e->u.reduce.n; k++) if (e->u.reduce.idx[k] != p->q) inner[m++] = e->u.reduce.idx[k];
    X *body = e->u.reduce.body;
    if (m) body = x_reduce(l->a, R_SUM, m, inner, 0, NULL, body, NULL, e->u.reduce.acc);
    X *at = x_index(l->a, p->q), *to = x_read(l->a, p->map, &at, NULL, NULL);
    return x_substitute(l->p, body, 1, &n->u.compute.idx[p->axis], &to);
}
bool push_plan(Lower *l, Node *n, TilePlan *plan) {
    Value *v = n->result[0];
    Push p = { 0 };
    if (!l->machine || v->rank < 2 || dtype_is_complex(v->dt) || dtype_bytes(v->dt) < 4 || !lanes_pay(n) || in_bind(v) || !match(n, &p)) return false;
    if (asked(l, V_GATHER, v) || left_alone(l, V_SCATTER, v)) return false;
    *plan = (TilePlan){ .l = l, .n = n, .lane = n->u.compute.idx[v->rank - 1], .lane_axis = v->rank - 1, .before = p.rest };
    plan->expr = term(l, n, &p);
    return (tile_pays(plan, p.q, 0, NULL) || tile_uniform(plan, p.q)) && tile_size(plan, p.q->space);
}

/* So many that the work can be shared out, so few that a group has tens of rows for each type it loads the weights of. */
static Ext *how_many(Arena *a, Ext *n, Ext *types) {
    types = ext_op(a, EXT_MAX, types, ext_const(a, 1));
    Ext *by_rows = ext_op(a, EXT_FLOORDIV, n, ext_op(a, EXT_MUL, types, ext_const(a, ROWS_PER_TYPE)));
    return ext_op(a, EXT_MAX, ext_const(a, FEWEST_GROUPS), ext_op(a, EXT_MIN, by_rows, ext_const(a, MOST_GROUPS)));
}
static LX *group_at(Build *b, const Push *p, const Rows *rows, LX *v, Ext *n, Ext *groups) {
    Arena *a = b->l->a;
    LX *before = lx_load(a, rows->start, v, NULL), *all = lx_size(a, n);
    if (p->inside && p->rest) before = lop(b, OP_ADD, before, v), all = lop(b, OP_ADD, all, lx_size(a, p->map->target->extent));     /* a row to begin is as much work */
    LX *g = lop(b, OP_FLOORDIV, lop(b, OP_MUL, before, lx_size(a, groups)), lop(b, OP_MAX, all, I64(1)));
    return lop(b, OP_MIN, g, lop(b, OP_SUB, lx_size(a, groups), I64(1)));
}
/* Which group each q is in. */
static Buf *groups_of(Lower *l, const Push *p, const Rows *rows, Ext *n, Ext *groups, bool bind, const char *name) {
    Arena *a = l->a;
    Buf *to = buf_new(l, arena_printf(a, "group_%s", name), DT_I32, n, bind ? BUF_PLAN : BUF_WORK, p->map->loc);
    if (bind) host_alloc(l, to);
    Build build = build_start(l, kernel_new(l, to->name, "groups of whole fibres, of about equal size", n, p->map->loc)), *b = &build;
    LX *at = lx_var(a, b->k->item), *v = let(b, lx_cast(a, lx_load(a, l->place[p->map->id].buf, at, NULL), DT_I64), "v");
    store(b, to, at, lx_cast(a, group_at(b, p, rows, v, n, groups), DT_I32));
    kernel_add(l, b, MAP_FLAT);
    return to;
}
/* Where the v of each group begin: those that have no q belong to the group of the q that would follow. */
static Buf *beginnings(Lower *l, const Push *p, const Rows *rows, Ext *n, Ext *groups, bool bind, const char *name) {
    Arena *a = l->a;
    Ext *all = p->map->target->extent, *one = ext_const(a, 1);
    Buf *to = buf_new(l, arena_printf(a, "begin_%s", name), DT_I64, ext_op(a, EXT_ADD, groups, one), bind ? BUF_PLAN : BUF_WORK, p->map->loc);
    if (bind) host_alloc(l, to);
    Build build = build_start(l, kernel_new(l, to->name, "where groups of whole fibres begin", ext_op(a, EXT_ADD, all, one), p->map->loc)), *b = &build;
    LX *v = lx_var(a, b->k->item), *many = lx_size(a, groups);
    LX *before = let(b, lop(b, OP_MAX, lop(b, OP_SUB, v, I64(1)), I64(0)), "before"), *end = let(b, lop(b, OP_EQ, v, lx_size(a, all)), "end");
    LX *from = lx_select(a, lop(b, OP_EQ, v, I64(0)), I64(0), lop(b, OP_ADD, group_at(b, p, rows, before, n, groups), I64(1)));
    LX *here = group_at(b, p, rows, lop(b, OP_MAX, lop(b, OP_MIN, v, lop(b, OP_SUB, lx_size(a, all), I64(1))), I64(0)), n, groups);
    LX *lo = let(b, from, "first"), *hi = let(b, lop(b, OP_ADD, lx_select(a, end, many, here), I64(1)), "last");
    Var *g = var_new(b, "g", DT_I64, false);
    level_push(b, LV_SERIAL);
    store(b, to, lx_var(a, g), v);
    level_pop_for(b, g, lo, hi, LOOP_SERIAL);
    kernel_add(l, b, MAP_FLAT);
    return to;
}
/* What the sums are added to: another part of the equation, or nothing, which each group writes where its rows will be. */
static bool begin(Lower *l, const Node *n, X *rest, const TilePlan *p) {
    Value *v = n->result[0];
    if (rest) {
        Node *first = NEW(l->a, Node);
        *first = *n;
        first->u.compute.expr = rest;
        return lower_part(l, first, p);
    }
    Build b = build_start(l, kernel_new(l, arena_printf(l->a, "%s_zero", v->name), "nothing yet", count_of(l, v), n->loc));
    store(&b, value_buf(l, v), lx_var(l->a, b.k->item), zero_pair(&b, v->dt).re);
    kernel_add(l, &b, MAP_FLAT);
    return true;
}
static void begin_group(Build *b, Value *v, Buf *beginning, LX *item) {
    Arena *a = b->l->a;
    LX *row = lx_size(a, product_of(b->l, v->axis, 1, v->rank));
    LX *lo = let(b, lop(b, OP_MUL, lx_load(a, beginning, item, NULL), row), "zero");
    LX *hi = let(b, lop(b, OP_MUL, lx_load(a, beginning, lop(b, OP_ADD, item, I64(1)), NULL), row), "zero_end");
    Var *at = var_new(b, "at", DT_I64, false);
    level_push(b, LV_LANE);
    store(b, value_buf(b->l, v), lx_var(a, at), zero_pair(b, v->dt).re);
    level_pop_for(b, at, lo, hi, LOOP_LANE);
}
static bool has_one_value(const Index *i) {
    int64_t size;
    return ext_is_const(i->space->extent, &size) && size == 1;
}
/* Other sums along fibres of the same rows, of single numbers: each walks along its own. What is left of the expression, or NULL */
static X *without_walks(Lower *l, X *e, Push *p) {
    if (e->k == X_OP && e->u.op.op == OP_ADD) {
        X *x = without_walks(l, e->u.op.arg[0], p), *y = without_walks(l, e->u.op.arg[1], p);
        return x && y ? x_op(l->a, OP_ADD, x, y) : x ? x : y;
    }
    if (e->k != X_REDUCE || e->u.reduce.op != R_SUM || !e->u.reduce.n_cond || has_reduce(e->u.reduce.body) || p->n_walk == MOST_WALKS) return e;
    for (int k = 1; k < e->u.reduce.n; k++) if (!has_one_value(e->u.reduce.idx[k])) return e;
    p->walk[p->n_walk++] = e;
    return NULL;
}
static bool begins_inside(Lower *l, const Node *n, const Push *push, const TilePlan *whole, TilePlan *p) {
    Node *first = NEW(l->a, Node);
    int axis;
    *first = *n;
    first->u.compute.expr = push->rest;
    if (push_plan(l, first, p) || !tile_plan(l, first, p, &axis) || axis != push->axis || p->lane_axis != whole->lane_axis || p->tile.n_uniform) return false;
    p->tile.rows = whole->tile.rows, p->width = whole->width;
    return true;
}
/* Loops over the axes of v but the pushed one and those of a tile, the last one as lanes; the levels stay open. */
static void open_axes(Build *b, const TilePlan *p, const Push *push, const Index *tile, Var **var) {
    Arena *a = b->l->a;
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx;
    for (int k = 0; k < v->rank; k++) {
        if (k == push->axis || idx[k] == tile) continue;
        var[k] = var_new(b, idx[k]->name, DT_I64, false);
        level_push(b, k == v->rank - 1 ? LV_LANE : LV_SERIAL);
        level_bind(b->level, a, idx[k], lx_var(a, var[k]));
    }
}
static void close_axes(Build *b, const TilePlan *p, const Push *push, const Index *tile, Var **var) {
    Arena *a = b->l->a;
    Value *v = p->n->result[0];
    level_pop_for(b, var[v->rank - 1], I64(0), lx_size(a, p->lane->space->extent), LOOP_LANE)->width = p->width;
    for (int k = v->rank - 2; k >= 0; k--) if (k != push->axis && p->n->u.compute.idx[k] != tile) level_pop_for(b, var[k], I64(0), lx_size(a, v->axis[k]->extent), LOOP_SERIAL);
}
/* Rows of the group one by one, each along its fibres, one sum after the other: so its lanes have the registers for themselves */
static void walk_rows(Build *b, const Node *n, const Push *push, Buf *beginning, LX *item) {
    Arena *a = b->l->a;
    Value *v = n->result[0];
    Index **idx = n->u.compute.idx;
    Ext *some = ext_const(a, 0);                             /* with no elements at all there is nothing to add */
    for (int k = 0; k < push->n_walk; k++) some = ext_op(a, EXT_ADD, some, push->walk[k]->u.reduce.idx[0]->space->extent);
    LX *lo = let(b, lx_load(a, beginning, item, NULL), "walk"), *hi = let(b, lx_load(a, beginning, lop(b, OP_ADD, item, I64(1)), NULL), "walk_end"), *sub[8];
    Var *at = var_new(b, idx[push->axis]->name, DT_I64, false), *var[8];
    level_push(b, LV_IF);
    level_push(b, LV_SERIAL);
    level_bind(b->level, a, idx[push->axis], lx_var(a, at));
    for (int w = 0; w < push->n_walk; w++) {
        X *e = push->walk[w];
        TilePlan plain = { .l = b->l, .n = (Node *)n, .expr = e, .lane = idx[v->rank - 1] };
        Tile tile = { .rows = 1 };
        bool along = tile_walk(&plain, &tile, &plain.width) > 0;
        open_axes(b, &plain, push, tile.index, var);
        b->tile = along ? &tile : NULL;
        for (b->row = 0; b->row < tile.rows; b->row++) {
            LX *x = convert(b, lower_expr(b, e), e->dt, v->dt).re;
            for (int k = 0; k < v->rank; k++) sub[k] = level_find(b, idx[k]);
            LX *flat = let(b, flat_position(b, v, sub, &b->l->place[v->id]), "to");
            store(b, value_buf(b->l, v), flat, wrap_small(b, lop(b, OP_ADD, lx_load(a, value_buf(b->l, v), flat, NULL), x), v->dt));
        }
        b->row = 0, b->tile = NULL;
        close_axes(b, &plain, push, tile.index, var);
    }
    level_pop_for(b, at, lo, hi, LOOP_SERIAL);
    level_pop_if(b, lop(b, OP_LT, I64(0), lx_size(a, some)));
}
/* Tiles of what the sums are added to, over the rows that begin in the group. */
static void begin_rows(Build *b, TilePlan *p, const Push *push, Buf *beginning, LX *item) {
    Arena *a = b->l->a;
    LX *lo = let(b, lx_load(a, beginning, item, NULL), "begin"), *hi = let(b, lx_load(a, beginning, lop(b, OP_ADD, item, I64(1)), NULL), "begin_end");
    LX *tiles = let(b, lop(b, OP_FLOORDIV, lop(b, OP_ADD, lop(b, OP_SUB, hi, lo), I64(p->tile.rows - 1)), I64(p->tile.rows)), "tiles");
    Var *t = var_new(b, "tile", DT_I64, false), *var[8];
    level_push(b, LV_SERIAL);
    LX *first = let(b, lop(b, OP_ADD, lo, lop(b, OP_MUL, lx_var(a, t), I64(p->tile.rows))), "first");
    tile_open(b, p, first, let(b, lop(b, OP_MIN, hi, lop(b, OP_ADD, first, I64(p->tile.rows))), "end"), NULL, false);
    open_axes(b, p, push, NULL, var);
    for (b->row = 0; b->row < p->tile.rows; b->row++) finish_equation(b, p->n->result[0], p->n->u.compute.idx, p->expr);
    b->row = 0;
    close_axes(b, p, push, NULL, var);
    b->tile = NULL;
    level_pop_for(b, t, I64(0), tiles, LOOP_SERIAL);
}
static void add_rows(Build *b, TilePlan *p, const Push *push, LX *count) {
    Arena *a = b->l->a;
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx;
    X *at = x_index(a, push->q), *to = x_read(a, push->map, &at, NULL, NULL);
    Var *var[8];
    open_axes(b, p, push, NULL, var);
    Buf *buf = value_buf(b->l, v);
    for (b->row = 0; b->row < p->tile.rows; b->row++) {
        LX *sub[8];
        for (int k = 0; k < v->rank; k++) sub[k] = k == push->axis ? lower_i64(b, to) : level_find(b, idx[k]);
        LX *x = convert(b, lower_expr(b, p->expr), p->expr->dt, v->dt).re, *flat = let(b, flat_position(b, v, sub, &b->l->place[v->id]), "to");
        store(b, buf, flat, wrap_small(b, lop(b, OP_ADD, lx_load(a, buf, flat, NULL), x), v->dt));
        LS *s = b->level->block.at[b->level->block.n - 1];
        if (b->row) s->guard = lop(b, OP_LT, I64(b->row), count);       /* a row that only repeats the last one */
    }
    b->row = 0;
    close_axes(b, p, push, NULL, var);
}
bool push_lower(TilePlan *p) {
    Lower *l = p->l;
    Arena *a = l->a;
    Node *n = p->n;
    Push push = { 0 };
    match(n, &push);
    Value *map = push.map;
    Rows *rows = rows_of(l, 1, &map);
    TileKeys keys = { .n = 1, .groups = ext_const(a, 1), .bind = in_bind(map) };
    if (!rows || !need_value(l, map) || !tile_keys(p, &keys)) return false;
    bool bind = keys.bind;
    TilePlan before;
    Push whole = push;
    if (!push.axis && push.rest) push.rest = without_walks(l, push.rest, &push);
    push.inside = !push.axis && (!push.rest || begins_inside(l, n, &push, p, &before));
    if (!push.inside) push = whole;
    HostBlock *save = l->host;
    if (bind) l->host = &l->u->bind;
    Ext *count = push.q->space->extent, *blocks = how_many(a, count, keys.groups);
    Buf *first;
    keys.key[0] = groups_of(l, &push, rows, count, blocks, bind, n->result[0]->name);
    Buf *items = tile_order(l, keys.key[0]->name, count, &keys, blocks, n->loc);
    Buf *list = tile_list(l, n->result[0]->name, count, p->tile.rows, keys.n, keys.key, ext_op(a, EXT_MUL, blocks, keys.groups), blocks, items, &first, bind, n->loc);
    Buf *beginning = !push.inside ? NULL : beginnings(l, &push, rows, count, blocks, bind, n->result[0]->name);
    l->host = save;

    if (!beginning && !begin(l, n, push.rest, p)) return false;
    Build build = build_start(l, kernel_of(l, n, blocks)), *b = &build;
    LX *item = lx_var(a, b->k->item);
    if (beginning && push.rest) begin_rows(b, &before, &push, beginning, item);
    else if (beginning) begin_group(b, n->result[0], beginning, item);
    if (beginning && push.n_walk) walk_rows(b, n, &push, beginning, item);
    LX *from = let(b, lx_cast(a, lx_load(a, first, item, NULL), DT_I64), "from"), *to = let(b, lx_cast(a, lx_load(a, first, lop(b, OP_ADD, item, I64(1)), NULL), DT_I64), "to");
    Var *t = var_new(b, "tile", DT_I64, false);
    level_push(b, LV_SERIAL);
    LX *lo = let(b, lx_cast(a, lx_load(a, list, lx_var(a, t), NULL), DT_I64), "first");
    LX *hi = let(b, lx_cast(a, lx_load(a, list, lop(b, OP_ADD, lx_var(a, t), I64(1)), NULL), DT_I64), "end");
    tile_prefetch(b, p, hi, lx_size(a, count), items);
    prefetch_weights(b, p, keys.key[1], lo, hi, lx_size(a, count), items);
    tile_open(b, p, lo, hi, items, true);
    add_rows(b, p, &push, let(b, lop(b, OP_SUB, hi, lo), "rows"));
    b->tile = NULL;
    level_pop_for(b, t, from, to, LOOP_SERIAL);
    kernel_add(l, b, MAP_BLOCKED);
    return !l->cx->n_errors;
}
