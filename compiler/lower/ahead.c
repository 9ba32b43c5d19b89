/* ahead.c - rows that are read through maps lie anywhere, so the machine can't foresee them: code asks for those of later items.
 *
 *     s[e] = sum(k) a[pair(e), k] * b[dst(e), k]                    16 items later
 *     z[p, j] = sum(i) h[src(p), i] * W[etype(p), i, j]             the rows h[src(p)] of the next tile, and its W when it is of another type */
#include "lower/tile.h"

enum { LINE = 64, MOST_LINES = 8, FEWEST_WEIGHTS = 1024, MOST_WEIGHTS = 32768 };

/* Rows chosen by a map that goes up with the item, or that has so few values that its rows stay in a near cache */
static bool is_near(Lower *l, const X *sub) {
    const X *at = x_uncast(sub);
    return at->k == X_READ && at->u.read.v->target && at->u.read.v->rank == 1 && x_uncast(at->u.read.idx[0])->k == X_INDEX && (has_few_values(at->u.read.v->target) || map_rises(l, at->u.read.v));
}
/* Rows that sums read through maps of the item, along their own index. */
typedef struct Later { Lower *l; const Index *item; const X *sum; int n; X *read[4]; } Later;
static bool see_later(X *e, void *data) {
    Later *p = data;
    if (e->k == X_REDUCE) {
        if (p->sum || e->u.reduce.n_cond || e->u.reduce.n != 1) return false;
        p->sum = e;
        x_walk(e->u.reduce.body, see_later, p);
        p->sum = NULL;
        return false;
    }
    if (e->k != X_READ || !p->sum || p->n == 4 || !x_in_range(e)) return true;       /* maps are read to ask for a row: not where a condition must hold first */
    Value *v = e->u.read.v;
    const Index *last = p->sum->u.reduce.idx[0];
    X *sub = v->rank ? e->u.read.idx[v->rank - 1] : NULL;
    bool through = false;
    for (int k = 0; k < p->n; k++) if (x_equal(p->read[k], e)) return true;
    for (int k = 0; k < v->rank; k++) {
        if (e->u.read.bnd[k] != BND_NONE) return true;
        through |= e->u.read.idx[k]->k != X_INDEX && x_uses_index(e->u.read.idx[k], p->item) && !is_near(p->l, e->u.read.idx[k]);
        if (k < v->rank - 1 && x_uses_index(e->u.read.idx[k], last)) return true;
    }
    const Place *pl = &p->l->place[v->id];
    if (through && sub->k == X_INDEX && sub->u.index == last && !dtype_is_complex(v->dt) && pl->buf && !pl->staged) p->read[p->n++] = e;
    return true;
}
static Later later_reads(Lower *l, const Index *item, X *expr) {
    Later p = { .l = l, .item = item };
    x_walk(expr, see_later, &p);
    return p;
}
bool reads_later_rows(Lower *l, const Index *item, X *expr) { return later_reads(l, item, expr).n > 0; }
typedef struct Bound { Build *b; bool all; } Bound;
static bool see_bound(X *e, void *data) {
    Bound *p = data;
    if (e->k == X_INDEX) p->all &= level_find(p->b, e->u.index) != NULL;
    return p->all && e->k != X_REDUCE;
}
static bool all_bound(Build *b, X *x) {
    Bound p = { b, !has_reduce(x) };
    x_walk(x, see_bound, &p);
    return p.all;
}
void prefetch_later(Build *b, Index *item, X *expr, LX *next, const Tile *tile) {
    Lower *l = b->l;
    Arena *a = l->a;
    Later p = later_reads(l, item, expr);
    level_push(b, LV_LOOP);                                  /* a level of its own: the index has another value in it */
    level_bind(b->level, a, item, let(b, next, "ahead"));
    for (int k = 0; k < p.n; k++) {
        X *read = p.read[k];
        Value *from = read->u.read.v;
        LX *sub[8];
        int row = from->rank;                                /* the axis from which on all of it is read */
        bool known = !tile || varies_by_row(tile, read);     /* what all rows read is there */
        for (int q = from->rank - 1; q >= 0 && read->u.read.idx[q]->k == X_INDEX && !level_find(b, read->u.read.idx[q]->u.index); q--) row = q;
        for (int q = 0; q < row; q++) known &= all_bound(b, read->u.read.idx[q]);
        if (!known) continue;
        int64_t elements = 0;
        ext_is_const(product_of(l, from->axis, row, from->rank), &elements);
        for (int q = 0; q < row; q++) sub[q] = lower_i64(b, read->u.read.idx[q]);
        int step = LINE / dtype_bytes(from->dt);
        for (int at = 0; at < MOST_LINES && (!at || at * step < elements); at++) {
            for (int q = row; q < from->rank; q++) sub[q] = I64(q == from->rank - 1 ? at * step : 0);
            LS *s = stmt(b, LS_PREFETCH);
            s->buf = l->place[from->id].buf, s->index = flat_position(b, from, sub, &l->place[from->id]);
        }
    }
    Block in = b->level->block;
    b->level = b->level->up;
    for (int j = 0; j < in.n; j++) vec_add(a, b->level->block, in.at[j]);
}
/* The weights that rows of one type share: W[etype(q), ..], of a size that a near cache has. */
typedef struct Weights { const TilePlan *p; int n; X *read[4]; } Weights;
static bool see_weights(X *e, void *data) {
    Weights *w = data;
    MapChain c;
    const Tile *t = &w->p->tile;
    if (e->k != X_READ || e->u.read.v->rank < 2 || w->n == 4) return true;
    Value *v = e->u.read.v;
    int64_t elements;
    bool ok = map_chain(e->u.read.idx[0], t->index, &c) && same_chain(&c, &t->uniform[0]) && !w->p->l->place[v->id].staged && ext_is_const(product_of(w->p->l, v->axis, 1, v->rank), &elements);
    for (int k = 0; ok && k < v->rank; k++) ok = e->u.read.bnd[k] == BND_NONE && (!k || !x_uses_index(e->u.read.idx[k], t->index));
    if (ok && elements * dtype_bytes(v->dt) >= FEWEST_WEIGHTS && elements * dtype_bytes(v->dt) <= MOST_WEIGHTS) w->read[w->n++] = e;
    return true;
}
void prefetch_weights(Build *b, const TilePlan *p, Buf *key, LX *first, LX *next, LX *n, Buf *items) {
    Weights w = { .p = p };
    Arena *a = b->l->a;
    if (p->tile.n_uniform != 1) return;
    x_walk(p->expr, see_weights, &w);
    if (!w.n) return;
    LX *here = lx_cast(a, lx_load(a, items, first, NULL), DT_I64), *there = lx_cast(a, lx_load(a, items, lop(b, OP_MIN, next, lop(b, OP_SUB, n, I64(1))), NULL), DT_I64);
    LX *type = let(b, lx_load(a, key, there, NULL), "next_type");
    LX *other = let(b, lop(b, OP_NE, lx_load(a, key, here, NULL), type), "other");
    level_push(b, LV_IF);
    for (int k = 0; k < w.n; k++) {
        Value *v = w.read[k]->u.read.v;
        int64_t elements;
        ext_is_const(product_of(b->l, v->axis, 1, v->rank), &elements);
        int step = LINE / dtype_bytes(v->dt);
        Var *line = var_new(b, "line", DT_I64, false);
        LX *slab = let(b, lop(b, OP_MUL, lx_cast(a, type, DT_I64), I64(elements)), "weights");
        level_push(b, LV_SERIAL);
        LS *s = stmt(b, LS_PREFETCH);
        s->buf = b->l->place[v->id].buf, s->index = lop(b, OP_ADD, slab, lop(b, OP_MUL, lx_var(a, line), I64(step)));
        level_pop_for(b, line, I64(0), I64((elements + step - 1) / step), LOOP_SERIAL);
    }
    level_pop_if(b, other);
}
