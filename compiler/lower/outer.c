/* outer.c - sums of outer products along something long, such as gradients of weights:
 *
 *     G[r, i, j] = sum(p: etype(p) = r) a[p, i] * b[dst(p), j]
 *
 * Register tiles alone (tile.c) would walk along the whole fibre for each tile, and a few long fibres would be the work of a few threads. Here the
 * positions p are cut into pieces of equal length, whatever type they have; a piece takes a block of rows at a time: what is read by (p, i) and by
 * (p, j) is gathered side by side in memory of the kernel's own, then all i x j register tiles go over it, adding to sums that stay in the cache.
 *
 *     piece:  for r in its types:  for block:  A[q, i] = a[p, i], B[q, j] = b[dst(p), j];  for tiles of i, lanes j:  sum[i, j] += A[q, i] * B[q, j]
 *             G[r, i, j] = sum[i, j] where r begins in the piece, else rest[piece, i, j]
 *     then    G[r, i, j] += rest[piece, i, j], piece by piece
 *
 * Pieces are those of pieces.c. */
#include "lower/pieces.h"

enum { MOST_LANES = 256, MOST_SUMS = 8192, MOST_STAGED_ROWS = 64, STAGED = 8320 /* elements */ };

/* ---- what is an outer product ------------------------------------------------------------------------------------ */
static X *times(Arena *a, X *p, X *q) { return p ? x_op(a, OP_MUL, p, q) : q; }
/* The factors of a product: by i, by j, by neither; false: one has both, or it is no product. */
static bool split(Arena *a, X *e, const Index *i, const Index *j, Outer *o, X **plain) {
    bool by_i = x_uses_index(e, i), by_j = x_uses_index(e, j);
    if (by_i && by_j) return e->k == X_OP && e->u.op.op == OP_MUL && split(a, e->u.op.arg[0], i, j, o, plain) && split(a, e->u.op.arg[1], i, j, o, plain);
    X **to = by_i ? &o->left : by_j ? &o->right : plain;
    *to = times(a, *to, e);
    return true;
}
/* Blocks of i and of j that one item adds up, and rows that it takes at a time. */
static void choose_sizes(TilePlan *p, Outer *o, bool asked_rows) {
    enum { WASTE = 16 };                                     /* one of so many rows may be of nobody, rather than tiles of fewer rows */
    int fit = p->tile.rows;
    o->lanes = o->n_j < MOST_LANES ? o->n_j : MOST_LANES;
    int64_t most = MOST_SUMS / o->lanes;
    o->side = o->n_i < most ? o->n_i : most;
    int64_t over = (fit - o->n_i % fit) % fit;
    bool near = o->side == o->n_i && over * WASTE <= o->n_i;
    for (int rows = fit; !asked_rows && !near && rows >= 4 && o->n_i % p->tile.rows; rows--) if (o->n_i % rows == 0) p->tile.rows = rows;     /* without a rest */
    o->side -= !near && o->side > p->tile.rows ? o->side % p->tile.rows : 0;
    o->padded = (o->side + p->tile.rows - 1) / p->tile.rows * p->tile.rows;
    int64_t block = STAGED / (o->padded + o->lanes);
    o->block = block < 16 ? 16 : block > MOST_STAGED_ROWS ? MOST_STAGED_ROWS : block;
}
bool outer_plan(TilePlan *p, int axis, Outer *o) {
    Lower *l = p->l;
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx;
    X *plain = NULL;
    *o = (Outer){ .axis = axis };
    if (p->lane_axis < 0 || p->tile.n_uniform || p->before || !ext_is_const(v->axis[axis]->extent, &o->n_i) || !ext_is_const(v->axis[p->lane_axis]->extent, &o->n_j)) return false;
    if (!long_sum(l, p->n, &o->s) || !split(l->a, o->s.sum->u.reduce.body, idx[axis], idx[p->lane_axis], o, &plain) || !o->left || !o->right) return false;
    if (plain) o->left = times(l->a, o->left, plain);
    choose_sizes(p, o, asked(l, V_TILE, v) != NULL);
    return true;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */
/* What an item adds up: positions of i and of j, and memory of its own */
typedef struct Task { const TilePlan *p; const Outer *o; Index *i, *j; LX *first_i, *some_i, *first_j, *some_j; Buf *left, *right, *sum; } Task;

static LX *smaller(Build *b, LX *x, LX *y, const char *name) { return let(b, lop(b, OP_MIN, x, y), name); }
/* to[q, 0..n-1] = x for one row and the positions first.. of an index */
static void stage(Build *b, Dtype acc, X *x, Index *i, LX *first, int64_t n, LX *last, Buf *to, LX *q, int64_t stride) {
    Arena *a = b->l->a;
    Var *at = var_new(b, i->name, DT_I64, false);
    level_push(b, LV_LANE);
    level_bind(b->level, a, i, lop(b, OP_ADD, first, lx_var(a, at)));
    store(b, to, lop(b, OP_ADD, lop(b, OP_MUL, q, I64(stride)), lx_var(a, at)), convert(b, lower_expr(b, x), x->dt, acc).re);
    level_pop_for(b, at, I64(0), last ? last : I64(n), LOOP_LANE);
}
/* Rows that are read by the position of the sum and along the index are asked for some positions before, as they lie anywhere. */
typedef struct Far { const Work *w; const Index *along; int n; X *read[4]; } Far;
static bool see_far(X *e, void *data) {
    Far *f = data;
    Value *v = e->k == X_READ ? e->u.read.v : NULL;
    if (!v || !v->rank) return e->k != X_REDUCE;
    const X *last = e->u.read.idx[v->rank - 1];
    bool far = false, plain = last->k == X_INDEX && last->u.index == f->along && !dtype_is_complex(v->dt) && f->w->l->place[v->id].buf && f->n < 4;
    for (int k = 0; k < v->rank; k++) {
        plain &= e->u.read.bnd[k] == BND_NONE && (k == v->rank - 1 || !x_uses_index(e->u.read.idx[k], f->along));
        for (int q = 0; q < f->w->s->sum->u.reduce.n; q++)
            far |= x_uses_index(e->u.read.idx[k], f->w->s->sum->u.reduce.idx[q]) && (e->u.read.idx[k]->k != X_INDEX || (f->w->fibre && f->w->fibre->items));
    }
    if (plain && far) f->read[f->n++] = e;
    return true;
}
static void ask_for(Build *b, const Work *w, X *x, Index *i, LX *first, int64_t n) {
    enum { LINE = 64, MOST_LINES = 8 };
    Far f = { .w = w, .along = i };
    x_walk(x, see_far, &f);
    for (int k = 0; k < f.n; k++) {
        Value *v = f.read[k]->u.read.v;
        int step = LINE / dtype_bytes(v->dt);
        LX *sub[8];
        for (int q = 0; q < v->rank - 1; q++) sub[q] = lower_i64(b, f.read[k]->u.read.idx[q]);
        for (int at = 0; at < MOST_LINES && at * step < n; at++) {
            sub[v->rank - 1] = lop(b, OP_ADD, first, I64(at * step));
            LS *s = stmt(b, LS_PREFETCH);
            s->buf = b->l->place[v->id].buf, s->index = flat_position(b, v, sub, &b->l->place[v->id]);
        }
    }
}
static void ask_ahead(Build *b, const Work *w, const Task *t, LX *at) {
    enum { AHEAD = 12 };
    level_push(b, LV_LOOP);                                  /* a level of its own: the sum's indices have other values in it */
    pieces_bind(b, w, let(b, lop(b, OP_MIN, lop(b, OP_ADD, at, I64(AHEAD)), lop(b, OP_SUB, lx_size(b->l->a, w->rows), I64(1))), "ahead"));
    ask_for(b, w, t->o->left, t->i, t->first_i, t->o->side);
    ask_for(b, w, t->o->right, t->j, t->first_j, t->o->lanes);
    Block in = b->level->block;
    b->level = b->level->up;
    for (int j = 0; j < in.n; j++) vec_add(b->l->a, b->level->block, in.at[j]);
}
/* How many positions there are of a block that begins at `first`; NULL: all of n, always */
static LX *left_of(Build *b, int64_t all, int64_t n, LX *first) { return all % n ? smaller(b, lop(b, OP_SUB, I64(all), first), I64(n), "some") : NULL; }

static void add_block(Build *b, const Work *w, const Task *t, LX *at, LX *count, LX *more) {
    Arena *a = b->l->a;
    const Outer *o = t->o;
    int rows = t->p->tile.rows;
    Var *q = var_new(b, "q", DT_I64, false);
    level_push(b, LV_SERIAL);
    at = let(b, lop(b, OP_ADD, at, lx_var(a, q)), "at");
    ask_ahead(b, w, t, at);
    pieces_bind(b, w, at);
    stage(b, w->s->acc, o->left, t->i, t->first_i, o->side, t->some_i, t->left, lx_var(a, q), o->padded);
    stage(b, w->s->acc, o->right, t->j, t->first_j, o->lanes, t->some_j, t->right, lx_var(a, q), o->lanes);
    level_pop_for(b, q, I64(0), count, LOOP_SERIAL);

    Var *j = var_new(b, "lane", DT_I64, false), *tile = var_new(b, "tile", DT_I64, false), *sum[MOST_ROWS];
    level_push(b, LV_LANE);
    level_push(b, LV_SERIAL);
    LX *first = let(b, lop(b, OP_MUL, lx_var(a, tile), I64(rows)), "row"), *place[MOST_ROWS];
    for (int k = 0; k < rows; k++) {
        place[k] = lop(b, OP_ADD, lop(b, OP_MUL, lop(b, OP_ADD, first, I64(k)), I64(o->lanes)), lx_var(a, j));
        sum[k] = mutable_var(b, "sum", lx_load(a, t->sum, place[k], more));
    }
    q = var_new(b, "q", DT_I64, false);
    level_push(b, LV_SERIAL);
    LX *right = let(b, lx_load(a, t->right, lop(b, OP_ADD, lop(b, OP_MUL, lx_var(a, q), I64(o->lanes)), lx_var(a, j)), NULL), "right");
    LX *row = let(b, lop(b, OP_ADD, lop(b, OP_MUL, lx_var(a, q), I64(o->padded)), first), "from");
    for (int k = 0; k < rows; k++) {
        LX *left = let(b, lx_load(a, t->left, lop(b, OP_ADD, row, I64(k)), NULL), "left");
        set(b, sum[k], lop(b, OP_ADD, lx_var(a, sum[k]), lop(b, OP_MUL, left, right)));
    }
    level_pop_for(b, q, I64(0), count, LOOP_SERIAL);
    for (int k = 0; k < rows; k++) store(b, t->sum, place[k], lx_var(a, sum[k]));
    level_pop_for(b, tile, I64(0), I64(o->padded / rows), LOOP_SERIAL);
    level_pop_for(b, j, I64(0), t->some_j ? t->some_j : I64(o->lanes), LOOP_LANE)->width = t->p->width;
}
/* What an item has added up goes to its place. */
static void leave(Build *b, const Work *w, const Task *t, LX *condition, LX *piece, Buf *to) {
    Arena *a = b->l->a;
    Var *row = var_new(b, t->i->name, DT_I64, false), *lane = var_new(b, t->j->name, DT_I64, false);
    level_push(b, LV_IF);
    level_push(b, LV_SERIAL);
    level_bind(b->level, a, t->i, lop(b, OP_ADD, t->first_i, lx_var(a, row)));
    level_push(b, LV_LANE);
    level_bind(b->level, a, t->j, lop(b, OP_ADD, t->first_j, lx_var(a, lane)));
    LX *from = lop(b, OP_ADD, lop(b, OP_MUL, lx_var(a, row), I64(t->o->lanes)), lx_var(a, lane));
    store(b, to, pieces_place(b, w, piece), lx_load(a, t->sum, from, NULL));
    level_pop_for(b, lane, I64(0), t->some_j ? t->some_j : I64(t->o->lanes), LOOP_LANE);
    level_pop_for(b, row, I64(0), t->some_i ? t->some_i : I64(t->o->side), LOOP_SERIAL);
    level_pop_if(b, condition);
}
static void add_part(Build *b, const Work *w, const Part *part, void *data) {
    const Task *t = data;
    Arena *a = b->l->a;
    LX *rows = lop(b, OP_SUB, part->hi, part->lo), *blocks = let(b, lop(b, OP_FLOORDIV, lop(b, OP_ADD, rows, I64(t->o->block - 1)), I64(t->o->block)), "blocks");
    blocks = let(b, lx_select(a, part->begins, lop(b, OP_MAX, blocks, I64(1)), blocks), "blocks");       /* a sum of nothing is 0 */
    Var *k = var_new(b, "block", DT_I64, false);
    level_push(b, LV_SERIAL);
    LX *at = let(b, lop(b, OP_ADD, part->lo, lop(b, OP_MUL, lx_var(a, k), I64(t->o->block))), "first");
    LX *count = smaller(b, lop(b, OP_SUB, part->hi, at), I64(t->o->block), "count"), *more = let(b, lop(b, OP_GT, lx_var(a, k), I64(0)), "more");
    add_block(b, w, t, at, count, more);
    level_pop_for(b, k, I64(0), blocks, LOOP_SERIAL);
    leave(b, w, t, part->begins, NULL, w->sums);
    leave(b, w, t, let(b, lop(b, OP_AND, lx_op(a, OP_NOT, part->begins, NULL), lop(b, OP_LT, part->lo, part->hi)), "waits"), part->piece, w->rest);
}
static Buf *own_memory(const Work *w, const char *name, int64_t n) {
    return buf_new(w->l, arena_printf(w->l->a, "%s_%s", w->n->result[0]->name, name), w->s->acc, ext_const(w->l->a, n), BUF_LOCAL, w->n->loc);
}
bool outer_lower(TilePlan *p, const Outer *o) {
    Lower *l = p->l;
    Arena *a = l->a;
    Value *v = p->n->result[0];
    Index **idx = p->n->u.compute.idx;
    Work w = { .l = l, .n = p->n, .s = &o->s, .lane_axis = p->lane_axis };
    if (!pieces_open(&w)) return false;
    int64_t sides = (o->n_i + o->side - 1) / o->side, lanes = (o->n_j + o->lanes - 1) / o->lanes;
    Ext *items = ext_op(a, EXT_MUL, w.pieces, ext_const(a, sides * lanes));
    for (int k = 0; k < v->rank; k++) if (k != o->axis && !long_key(&o->s, k) && k != p->lane_axis) items = ext_op(a, EXT_MUL, items, v->axis[k]->extent);
    Kernel *kernel = kernel_of(l, p->n, items);
    Build build = build_start(l, kernel), *b = &build;
    b->blocked = true;
    LX *rest = lx_var(a, kernel->item);
    Task t = { .p = p, .o = o, .i = idx[o->axis], .j = idx[p->lane_axis], .first_i = I64(0), .first_j = I64(0) };
    if (lanes > 1) t.first_j = let(b, lop(b, OP_MUL, lop(b, OP_MOD, rest, I64(lanes)), I64(o->lanes)), "first"), rest = let(b, lop(b, OP_FLOORDIV, rest, I64(lanes)), "rest");
    if (sides > 1) t.first_i = let(b, lop(b, OP_MUL, lop(b, OP_MOD, rest, I64(sides)), I64(o->side)), "first"), rest = let(b, lop(b, OP_FLOORDIV, rest, I64(sides)), "rest");
    t.some_i = left_of(b, o->n_i, o->side, t.first_i), t.some_j = left_of(b, o->n_j, o->lanes, t.first_j);
    for (int k = v->rank - 1; k >= 0; k--) {
        if (k == o->axis || long_key(&o->s, k) || k == p->lane_axis) continue;
        LX *size = lx_size(a, v->axis[k]->extent);
        level_bind(b->level, a, idx[k], let(b, lop(b, OP_MOD, rest, size), idx[k]->name));
        rest = let(b, lop(b, OP_FLOORDIV, rest, size), "rest");
    }
    t.left = own_memory(&w, "left", o->block * o->padded), t.right = own_memory(&w, "right", o->block * o->lanes), t.sum = own_memory(&w, "sums", o->padded * o->lanes);
    pieces_walk(b, &w, rest, add_part, &t);
    kernel_add(l, b, MAP_BLOCKED);
    pieces_merge(&w);
    return !l->cx->n_errors;
}
