/* reduce.c - a reduction becomes accumulators and loops around its body, at the outermost level that knows its free indices.
 *
 * min and max start at the ends of their type, with a flag when the value over nothing is given; argmin and argmax keep the best value
 * and its position, only strictly better ones replace it; logsumexp runs twice: the largest, then the sum of exponentials. */
#include "lower/reduce.h"
#include "lower/tile.h"
#include "pass/query.h"
#include <math.h>

typedef struct Accumulator { Var *re, *im, *found, *at, *max; } Accumulator;
typedef struct Run {
    Build *b; X *x; Order order;
    Dtype acc;                          /* in which it accumulates */
    Accumulator *v;                     /* of the row at hand */
    Accumulator row[MOST_ROWS];
    int rows;                           /* 1, or all rows of the tile in one loop */
    bool second;                        /* logsumexp: the sum */
    X *term;                            /* of the body, that is added now; NULL: all of it */
} Run;

static LX *limit(Build *b, Dtype t, bool low) {
    Arena *a = b->l->a;
    Dtype r = register_type(t);
    if (dtype_is_float(t)) return lx_real(a, low ? -INFINITY : INFINITY, r);
    int64_t v = t == DT_I64 ? (low ? INT64_MIN : INT64_MAX) : t == DT_I8 ? (low ? -128 : 127) : t == DT_U8 ? (low ? 0 : 255) : t == DT_BOOL ? !low : low ? INT32_MIN : INT32_MAX;
    return lx_cast(a, lx_int(a, v), r);
}
static Pair body_value(Run *r) {
    X *body = r->term ? r->term : r->x->u.reduce.body;
    return convert(r->b, lower_expr(r->b, body), body->dt, r->acc);
}
/* The parts of a complex product are sums of two real ones: added one by one, each is one operation of the machine. */
static bool is_product(const LX *e) { return e->k == LX_OP && e->op == OP_MUL; }
static void add_terms(Build *b, Var *to, LX *x) {
    bool two = x->k == LX_OP && (x->op == OP_ADD || x->op == OP_SUB) && is_product(x->arg[0]) && is_product(x->arg[1]);
    set(b, to, lop(b, OP_ADD, lx_var(b->l->a, to), two ? x->arg[0] : x));
    if (two) set(b, to, lop(b, x->op, lx_var(b->l->a, to), x->arg[1]));
}
static void accumulate(Run *r) {
    Build *b = r->b;
    Arena *a = b->l->a;
    ReduceOp op = r->x->u.reduce.op;
    Pair v = body_value(r);
    switch (op) {
    case R_SUM:
        if (r->v->im) { add_terms(b, r->v->re, v.re); add_terms(b, r->v->im, v.im); return; }
        set(b, r->v->re, wrap_small(b, lop(b, OP_ADD, lx_var(a, r->v->re), v.re), r->acc));
        return;
    case R_PROD:
        if (r->v->im) {
            v = let_pair(b, complex_op(b, OP_MUL, r->acc, (Pair){ lx_var(a, r->v->re), lx_var(a, r->v->im) }, v), "z");
            set(b, r->v->re, v.re);
            set(b, r->v->im, v.im);
        } else set(b, r->v->re, wrap_small(b, lop(b, OP_MUL, lx_var(a, r->v->re), v.re), r->acc));
        return;
    case R_MIN: case R_MAX:
        set(b, r->v->re, lop(b, op == R_MIN ? OP_MIN : OP_MAX, lx_var(a, r->v->re), v.re));
        if (r->v->found) set(b, r->v->found, lx_bool(a, true));
        return;
    case R_ANY: case R_ALL: set(b, r->v->re, lop(b, op == R_ANY ? OP_OR : OP_AND, lx_var(a, r->v->re), v.re)); return;
    case R_LOGSUMEXP:
        if (!r->second) { set(b, r->v->re, lop(b, OP_MAX, lx_var(a, r->v->re), v.re)); return; }
        set(b, r->v->re, lop(b, OP_ADD, lx_var(a, r->v->re), lx_op(a, OP_EXP, lop(b, OP_SUB, v.re, lx_var(a, r->v->max)), NULL)));
        return;
    case R_ARGMIN: case R_ARGMAX: {
        LX *x = let(b, v.re, "x"), *best = lx_var(a, r->v->re);
        LX *better = lop(b, OP_OR, lop(b, OP_LT, lx_var(a, r->v->at), I64(0)), lop(b, op == R_ARGMIN ? OP_LT : OP_GT, x, best));
        if (dtype_is_float(r->acc)) better = lop(b, OP_OR, better, lop(b, OP_AND, lop(b, OP_NE, best, best), lop(b, OP_EQ, x, x)));    /* a number beats NaN */
        better = let(b, better, "better");
        LX *here = level_find(b, r->x->u.reduce.idx[0]);
        set(b, r->v->re, lx_select(a, better, x, best));
        set(b, r->v->at, lx_select(a, better, here, lx_var(a, r->v->at)));
        return;
    }
    }
}

/* ---- loops ----------------------------------------------------------------------------------------------------- */
static void nest(Run *r, int k);
/* Everything below a place where conditions hold. */
static void guarded(Run *r, int n, X *const *guard, int next) {
    Build *b = r->b;
    LX *c = NULL;
    for (int k = 0; k < n; k++) c = land(b, c, lower_real(b, guard[k]));
    if (!c || (c->k == LX_INT && c->i)) { nest(r, next); return; }
    if (c->k == LX_INT) return;
    c = let(b, c, "cond");
    level_push(b, LV_IF);
    nest(r, next);
    level_pop_if(b, c);
}
static LX *ceil_or_floor(Build *b, LX *x, int64_t c, bool up) {
    if (c == 1) return x;
    if (up) x = lop(b, OP_ADD, x, I64(c - 1));
    return lop(b, OP_FLOORDIV, x, I64(c));
}
/* What the lanes of a loop leave is put together. */
static void merge_lanes(Run *r, LS *s) {
    Arena *a = r->b->l->a;
    ReduceOp op = r->x->u.reduce.op;
    ScalarOp how = op == R_SUM || r->second ? OP_ADD : op == R_PROD ? OP_MUL : op == R_MIN ? OP_MIN : op == R_ANY ? OP_OR : op == R_ALL ? OP_AND : OP_MAX;
    for (int j = 0; j < r->rows; j++) {
        vec_add(a, s->red, (LaneReduce){ r->row[j].re, how });
        if (r->row[j].im) vec_add(a, s->red, (LaneReduce){ r->row[j].im, how });
        if (r->row[j].found) vec_add(a, s->red, (LaneReduce){ r->row[j].found, OP_OR });
    }
}
static void loop_all(Run *r, Axis *ax, int k, bool lanes) {
    Build *b = r->b;
    Arena *a = b->l->a;
    LX *lo = I64(0), *hi = lx_size(a, ax->index->space->extent);
    for (int j = 0; j < ax->bound.n; j++) {
        AxisBound *q = &ax->bound.at[j];
        LX *at = lower_i64(b, q->at);
        if (q->upper) hi = lop(b, OP_MIN, hi, lop(b, OP_ADD, ceil_or_floor(b, at, q->coef, false), I64(1)));
        else lo = lop(b, OP_MAX, lo, ceil_or_floor(b, at, q->coef, true));
    }
    lo = let(b, lo, "first");
    hi = let(b, hi, "last");
    Var *i = var_new(b, ax->index->name, DT_I64, false);
    level_push(b, lanes ? LV_LANE : LV_LOOP);
    level_bind(b->level, a, ax->index, lx_var(a, i));
    guarded(r, ax->guard.n, ax->guard.at, k + 1);
    LS *s = level_pop_for(b, i, lo, hi, lanes ? LOOP_LANE : LOOP_SERIAL);
    if (lanes) merge_lanes(r, s);
}
/* Rows that a walk along a fibre will read lane by lane some steps on: their addresses hang on maps, so the machine can't foresee them. */
typedef struct Ahead { Run *r; const Index *index, *lane; bool anywhere; int n; X *read[4]; } Ahead;
/* A number of its own for each element, which lie anywhere */
static bool is_far(const Ahead *h, const X *e) {
    const X *at = e->u.read.v->rank ? x_uncast(e->u.read.idx[0]) : NULL;
    return h->anywhere && at && at->k == X_READ && at->u.read.v->target && !has_few_values(at->u.read.v->target) && !e->u.read.v->target;
}
static bool see_ahead(X *e, void *data) {
    Ahead *h = data;
    if (e->k != X_READ) return e->k != X_REDUCE;             /* the indices of an inner sum are not bound yet */
    Value *v = e->u.read.v;
    bool plain = v->rank > 0 && !dtype_is_complex(v->dt) && h->n < 4 && h->r->b->l->place[v->id].buf && x_in_range(e);       /* whatever element stands there */
    for (int k = 0; k < v->rank; k++) plain &= e->u.read.bnd[k] == BND_NONE;
    if (!plain || !x_uses_index(e, h->index) || (!x_uses_index(e, h->lane) && !is_far(h, e))) return true;
    X *all = h->r->x;                                         /* the same reduction's inner loops are not open yet either */
    for (int k = 0; k < all->u.reduce.n; k++)
        if (all->u.reduce.idx[k] != h->index && !level_find(h->r->b, all->u.reduce.idx[k]) && x_uses_index(e, all->u.reduce.idx[k])) return true;
    for (int k = 0; k < e->u.read.v->rank; k++)               /* through a map: e itself goes up step by step */
        if (x_uses_index(e->u.read.idx[k], h->index)) { h->read[h->n++] = e; break; }
    return false;
}
static const Index *lane_index(Build *b) {
    for (Level *v = b->level; v; v = v->up) if (v->kind == LV_LANE && v->bound.n) return v->bound.at[0].index;
    return NULL;
}
static void close_inline(Build *b) {                         /* the level's statements go to the one around it */
    Block in = b->level->block;
    b->level = b->level->up;
    for (int j = 0; j < in.n; j++) vec_add(b->l->a, b->level->block, in.at[j]);
}
static LX *element_at(Build *b, const Rows *rows, LX *at, const char *name) {
    return rows->items ? let(b, lx_cast(b->l->a, lx_load(b->l->a, rows->items, at, NULL), DT_I64), name) : at;
}
/* The element that is read some steps on, bound in a level of its own. */
static void open_ahead(Run *r, Axis *ax, LX *at, int steps) {
    Build *b = r->b;
    Arena *a = b->l->a;
    LX *next = lop(b, OP_MIN, lop(b, OP_ADD, at, I64(steps)), lop(b, OP_SUB, lx_size(a, ax->rows->count), I64(1)));   /* the next rows follow this one */
    level_push(b, LV_LOOP);
    level_bind(b->level, a, ax->index, element_at(b, ax->rows, let(b, next, "next"), "ahead"));
}
/* Where elements of a fibre lie anywhere in their maps these are fetched still earlier: else the loads of what is prefetched would wait. */
static void prefetch_maps(Run *r, Axis *ax, const Ahead *h) {
    Build *b = r->b;
    Value *done[8];
    int n = 0;
    for (int k = 0; k < h->n; k++) for (int q = 0; q < h->read[k]->u.read.v->rank; q++) {
        X *e = h->read[k]->u.read.idx[q];
        while (e->k == X_CAST) e = e->u.cast.arg;
        if (e->k != X_READ || e->u.read.v->rank != 1 || e->u.read.idx[0]->k != X_INDEX || e->u.read.idx[0]->u.index != ax->index || n == 8) continue;
        Buf *from = b->l->place[e->u.read.v->id].buf;
        bool seen = !from;
        for (int j = 0; j < n; j++) seen |= done[j] == e->u.read.v;
        if (seen) continue;
        done[n++] = e->u.read.v;
        LS *s = stmt(b, LS_PREFETCH);
        s->buf = from, s->index = level_find(b, ax->index);
    }
}
static void prefetch_rows(Run *r, Axis *ax, LX *at) {
    enum { STEPS = 12 };
    Build *b = r->b;
    Ahead h = { .r = r, .index = ax->index, .lane = lane_index(b), .anywhere = ax->rows->items || part_by_type(b->l, ax->index->space) };
    if (!b->l->machine || !h.lane || b->path) return;
    x_walk(r->x->u.reduce.body, see_ahead, &h);
    if (!h.n) return;
    if (ax->rows->items) {
        open_ahead(r, ax, at, 2 * STEPS);
        prefetch_maps(r, ax, &h);
        close_inline(b);
    }
    open_ahead(r, ax, at, STEPS);
    for (int k = 0; k < h.n; k++) {
        Value *v = h.read[k]->u.read.v;
        LX *sub[8], *flat[MOST_ROWS];
        int save = b->row;
        for (int m = 0; m < r->rows; m++) {
            if (r->rows > 1) b->row = m;
            for (int q = 0; q < v->rank; q++) sub[q] = lower_i64(b, h.read[k]->u.read.idx[q]);
            flat[m] = flat_position(b, v, sub, &b->l->place[v->id]);
        }
        b->row = save;
        for (int m = 0; m < r->rows && (!m || (x_uses_index(h.read[k], h.lane) && varies_by_row(b->tile, h.read[k]))); m++) {
            LS *s = stmt(b, LS_PREFETCH);
            s->buf = b->l->place[v->id].buf, s->index = flat[m];
        }
    }
    close_inline(b);
}
static void loop_rows(Run *r, Axis *ax, int k, bool lanes) {
    Build *b = r->b;
    Arena *a = b->l->a;
    Space *target = ax->rows->map[0]->target;
    LX *key = let(b, lower_i64(b, ax->key), "row"), *guard = NULL;
    if (ax->key->space != target) guard = let(b, lop(b, OP_AND, lop(b, OP_GE, key, I64(0)), lop(b, OP_LT, key, lx_size(a, target->extent))), "inside");
    LX *lo = let(b, lx_load(a, ax->rows->start, key, guard), "first"), *hi = let(b, lx_load(a, ax->rows->start, lop(b, OP_ADD, key, I64(1)), guard), "last");
    Var *at = var_new(b, arena_printf(a, "%s_at", ax->index->name), DT_I64, false);
    level_push(b, lanes ? LV_LANE : LV_LOOP);
    prefetch_rows(r, ax, lx_var(a, at));
    ReduceOp op = r->x->u.reduce.op;                          /* one condition is the fibre's own: a count needs no elements, an argmax does */
    int uses = 2 * (x_uses_index(r->x->u.reduce.body, ax->index) || op == R_ARGMIN || op == R_ARGMAX);
    for (int c = 0; c < r->x->u.reduce.n_cond; c++) uses += x_uses_index(r->x->u.reduce.cond[c], ax->index);
    if (uses > 1) level_bind(b->level, a, ax->index, element_at(b, ax->rows, lx_var(a, at), ax->index->name));
    guarded(r, ax->guard.n, ax->guard.at, k + 1);
    LS *s = level_pop_for(b, at, lo, hi, lanes ? LOOP_LANE : LOOP_SERIAL);
    if (!lanes) return;
    merge_lanes(r, s);
    s->width = b->l->machine->vector_bytes / dtype_bytes(register_type(r->acc));       /* fibres are short, as a rule */
}
static void loop_solve(Run *r, Axis *ax, int k) {
    Build *b = r->b;
    Arena *a = b->l->a;
    LX *at = let(b, lower_i64(b, ax->equals), "at"), *c = NULL;
    if (ax->coef != 1) {
        c = lop(b, OP_EQ, lop(b, OP_MOD, at, I64(ax->coef)), I64(0));
        at = let(b, lop(b, OP_FLOORDIV, at, I64(ax->coef)), ax->index->name);
    }
    if (ax->coef != 1 || ax->equals->space != ax->index->space)
        c = land(b, c, lop(b, OP_AND, lop(b, OP_GE, at, I64(0)), lop(b, OP_LT, at, lx_size(a, ax->index->space->extent))));
    level_push(b, LV_IF);
    level_bind(b->level, a, ax->index, at);
    guarded(r, ax->guard.n, ax->guard.at, k + 1);
    if (c) { level_pop_if(b, c); return; }
    Block in = b->level->block;
    b->level = b->level->up;
    for (int j = 0; j < in.n; j++) vec_add(a, b->level->block, in.at[j]);
}
/* Lanes go along what lies side by side in memory: the index that is the last subscript of most reads comes outermost, if the loops are free. */
typedef struct Last { const Index *index; int reads; } Last;
static bool see_last(X *e, void *data) {
    Last *p = data;
    if (e->k == X_READ && e->u.read.v->rank) {
        X *sub = e->u.read.idx[e->u.read.v->rank - 1];
        p->reads += sub->k == X_INDEX && sub->u.index == p->index;
    }
    return true;
}
static bool free_range(const Run *r, const Axis *ax) {         /* does not hang on other indices of the sum */
    for (int j = 0; j < ax->bound.n; j++) for (int k = 0; k < r->x->u.reduce.n; k++) if (x_uses_index(ax->bound.at[j].at, r->x->u.reduce.idx[k])) return false;
    return ax->mode == AX_ALL && !ax->guard.n;
}
static void lanes_along_memory(Run *r) {
    int best = 0, most = -1;
    for (int k = 0; k < r->order.n; k++) {
        Axis *ax = &r->order.axis[k];
        if (!free_range(r, ax)) return;
        Last p = { ax->index, 0 };
        int64_t n;
        x_walk(r->x->u.reduce.body, see_last, &p);
        if (ext_is_const(ax->index->space->extent, &n) && n < SHORT) p.reads = 0;
        if (p.reads > most) most = p.reads, best = k;
    }
    Axis first = r->order.axis[best];
    for (int k = best; k > 0; k--) r->order.axis[k] = r->order.axis[k - 1];
    r->order.axis[0] = first;
}
/* The elements of a fibre are a range, and all that is read by them lies side by side. */
typedef struct Ranges { const Index *e; bool all; int reads; } Ranges;
static bool see_range(X *x, void *data) {
    Ranges *p = data;
    if (x->k != X_READ || !x_uses_index(x, p->e)) return p->all;
    int last = x->u.read.v->rank - 1;
    int64_t one;
    while (last > 0 && ext_is_const(x->u.read.v->axis[last]->extent, &one) && one == 1 && !x_uses_index(x->u.read.idx[last], p->e)) last--;
    for (int k = 0; k < last; k++) p->all &= !x_uses_index(x->u.read.idx[k], p->e);
    p->all &= last >= 0 && x->u.read.idx[last]->k == X_INDEX && x->u.read.bnd[last] == BND_NONE;
    p->reads++;
    return false;
}
static bool reads_ranges(const Run *r, const Axis *ax) {
    Ranges p = { .e = ax->index, .all = r->b->l->machine && !ax->rows->items && r->order.n == 1 && !ax->guard.n && !has_reduce(r->x->u.reduce.body) && !dtype_is_complex(r->acc) };
    if (p.all) x_walk(r->x->u.reduce.body, see_range, &p);
    return p.all && p.reads;
}
/* Outside all lanes, the outermost loop may use them. */
static bool can_lane(Run *r, int k) {
    Build *b = r->b;
    ReduceOp op = r->x->u.reduce.op;
    int64_t n;
    if (r->order.axis[k].mode == AX_SOLVE || (ext_is_const(r->order.axis[k].index->space->extent, &n) && n < SHORT)) return false;
    if (r->order.axis[k].mode == AX_ROWS && !reads_ranges(r, &r->order.axis[k])) return false;
    if (!b->blocked || k || op == R_ARGMIN || op == R_ARGMAX || (op == R_PROD && r->v->im) || r->acc == DT_I8 || r->acc == DT_U8) return false;
    for (Level *v = b->level; v; v = v->up) if (v->kind == LV_LANE || v->kind == LV_LOOP) return false;
    return true;
}
static void each_row(Run *r, void (*f)(Run *r)) {
    int save = r->b->row;
    for (int k = 0; k < r->rows; k++) {
        r->v = &r->row[k];
        if (r->rows > 1) r->b->row = k;
        f(r);
    }
    r->b->row = save;
}
/* The products that a sum's body adds up, at most `most`; 0: it is something else. */
static int products(X *e, X **term, int most) {
    if (e->k != X_OP || most < 1) return 0;
    if (e->u.op.op == OP_MUL) { *term = e; return 1; }
    int n = e->u.op.op == OP_ADD ? products(e->u.op.arg[0], term, most) : 0, m = n ? products(e->u.op.arg[1], term + n, most - n) : 0;
    return m ? n + m : 0;
}
/* Rows of a tile add product by product: each is one operation of the machine, and only what the rows share of that one needs registers. */
static void add_up(Run *r) {
    enum { MOST = 4 };
    X *term[MOST], *body = r->x->u.reduce.body;
    int n = r->rows > 1 && r->x->u.reduce.op == R_SUM && dtype_is_float(r->acc) && body->dt == r->acc ? products(body, term, MOST) : 0;
    for (int k = 0; k < (n > 1 ? n : 1); k++) {
        r->term = n > 1 ? term[k] : NULL;
        each_row(r, accumulate);
    }
    r->term = NULL;
}
static void nest(Run *r, int k) {
    if (k == r->order.n) { add_up(r); return; }
    Axis *ax = &r->order.axis[k];
    switch (ax->mode) {
    case AX_ALL: loop_all(r, ax, k, can_lane(r, k)); return;
    case AX_ROWS: loop_rows(r, ax, k, can_lane(r, k)); return;
    case AX_SOLVE: loop_solve(r, ax, k); return;
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */
static void open_accumulators(Run *r) {
    Build *b = r->b;
    Arena *a = b->l->a;
    ReduceOp op = r->x->u.reduce.op;
    Dtype t = register_type(r->acc);
    bool cplx = dtype_is_complex(r->acc);
    LX *zero = zero_pair(b, r->acc).re, *one = dtype_is_float(t) ? lx_real(a, 1, t) : lx_cast(a, lx_int(a, 1), t);
    switch (op) {
    case R_SUM: r->v->re = mutable_var(b, "sum", zero); if (cplx) r->v->im = mutable_var(b, "sum_im", zero); return;
    case R_PROD: r->v->re = mutable_var(b, "prod", one); if (cplx) r->v->im = mutable_var(b, "prod_im", zero); return;
    case R_ANY: case R_ALL: r->v->re = mutable_var(b, reduce_name[op], lx_bool(a, op == R_ALL)); return;
    case R_MIN: case R_MAX:
        r->v->re = mutable_var(b, reduce_name[op], limit(b, r->acc, op == R_MAX));
        if (r->x->u.reduce.other) r->v->found = mutable_var(b, "found", lx_bool(a, false));
        return;
    case R_LOGSUMEXP:
        if (!r->second) { r->v->re = mutable_var(b, "max", limit(b, r->acc, true)); return; }
        r->v->max = r->v->re;
        r->v->re = mutable_var(b, "sum", zero);
        return;
    case R_ARGMIN: case R_ARGMAX:
        r->v->re = mutable_var(b, "best", limit(b, r->acc, op == R_ARGMAX));
        r->v->at = mutable_var(b, "at", I64(-1));
        return;
    }
}
static Pair result_of(Run *r) {
    Build *b = r->b;
    Arena *a = b->l->a;
    X *x = r->x, *other = x->u.reduce.other;
    ReduceOp op = x->u.reduce.op;
    if (op == R_LOGSUMEXP) {
        LX *m = lx_var(a, r->v->max), *flat = lop(b, OP_EQ, lx_op(a, OP_ABS, m, NULL), lx_real(a, INFINITY, m->dt));
        LX *v = lx_select(a, flat, m, lop(b, OP_ADD, m, lx_op(a, OP_LOG, lx_var(a, r->v->re), NULL)));
        return convert(b, (Pair){ let(b, v, "logsumexp"), NULL }, r->acc, x->dt);
    }
    if (op == R_ARGMIN || op == R_ARGMAX) {
        LX *at = lx_var(a, r->v->at);
        if (!other) return (Pair){ at, NULL };
        LX *o = convert(b, lower_expr(b, other), other->dt, DT_I64).re;
        return (Pair){ let(b, lx_select(a, lop(b, OP_GE, at, I64(0)), at, o), "at"), NULL };
    }
    Pair v = { lx_var(a, r->v->re), r->v->im ? lx_var(a, r->v->im) : NULL };
    v = convert(b, v, r->acc, x->dt);
    if (!other || !r->v->found) return v;
    Pair o = convert(b, lower_expr(b, other), other->dt, x->dt);
    return (Pair){ let(b, lx_select(a, lx_var(a, r->v->found), v.re, o.re), reduce_name[op]), NULL };
}

/* sum(j) a[j] * sum(k) B[j, k] * c[k]  ->  sum(j, k) a[j] * B[j, k] * c[k]: where lanes go along the sum, one accumulator per lane beats one sum
 * per step.  NULL: it isn't of that form. */
static X *product_with(Arena *a, X *e, X **inner) {           /* the product without its one inner sum, which is left in *inner */
    if (e->k == X_REDUCE && e->u.reduce.op == R_SUM && !e->u.reduce.n_cond && !*inner) { *inner = e; return e->u.reduce.body; }
    if (e->k != X_OP || e->u.op.op != OP_MUL || dtype_is_complex(e->dt)) return has_reduce(e) ? NULL : e;
    X *p = product_with(a, e->u.op.arg[0], inner), *q = p ? product_with(a, e->u.op.arg[1], inner) : NULL;
    return q ? x_op(a, OP_MUL, p, q) : NULL;
}
static X *one_sum(Arena *a, X *x) {
    X *inner = NULL, *body = x->u.reduce.op == R_SUM && !x->u.reduce.n_cond ? product_with(a, x->u.reduce.body, &inner) : NULL;
    int n = x->u.reduce.n + (inner ? inner->u.reduce.n : 0);
    if (!body || !inner || n > 16 || inner->u.reduce.acc != x->u.reduce.acc || !dtype_is_float(x->u.reduce.acc)) return NULL;
    Index *idx[16];
    for (int k = 0; k < n; k++) idx[k] = k < x->u.reduce.n ? x->u.reduce.idx[k] : inner->u.reduce.idx[k - x->u.reduce.n];
    return x_reduce(a, R_SUM, n, idx, 0, NULL, body, NULL, x->u.reduce.acc);
}
/* All rows of the tile can go through one loop: nothing that shapes the loops differs between them. */
bool rows_share_loops(const Tile *t, X *x) {
    ReduceOp op = x->u.reduce.op;
    for (int k = 0; k < x->u.reduce.n_cond; k++) if (varies_by_row(t, x->u.reduce.cond[k])) return false;
    return op != R_ARGMIN && op != R_ARGMAX && op != R_LOGSUMEXP;
}
static Dtype accumulated_in(const X *x) {
    ReduceOp op = x->u.reduce.op;
    Dtype body = x->u.reduce.body->dt, acc = op == R_ANY || op == R_ALL ? DT_BOOL : op == R_ARGMIN || op == R_ARGMAX || x->u.reduce.acc == DT_NONE ? body : x->u.reduce.acc;
    return dtype_is_complex(body) && !dtype_is_complex(acc) ? dtype_complex_of(acc) : acc;
}
Fold *fold_open(Build *b, X *reduce) {
    Run *r = NEW(b->l->a, Run);
    *r = (Run){ .b = b, .x = reduce, .acc = accumulated_in(reduce), .rows = 1 };
    r->v = &r->row[0];
    open_accumulators(r);
    return r;
}
void fold_add(Fold *f) { accumulate(f); }
Pair fold_close(Fold *f) { return result_of(f); }
/* In sum(e: f(e) = v) x, f(e) is v: what is read there is the same for all of the sum. */
static X *known_there(Build *b, X *x) {
    Arena *a = b->l->a;
    X *e = x;
    for (int c = 0; c < x->u.reduce.n_cond; c++) {
        Index *i, *v;
        X *map, *value;
        if (!reduce_fibre(x, c, &i, &map, &value) || !(v = position_index(value))) continue;
        while (map->k == X_CAST) map = map->u.cast.arg;
        if (map->k != X_READ || map->u.read.v->rank != 1 || map->u.read.v->target != v->space || map->u.read.bnd[0] != BND_NONE || !x_reads(x->u.reduce.body, map->u.read.v)) continue;
        X *at = x_index(a, v), *body = x_replace(b->l->p, e->u.reduce.body, 1, &map, &at);
        e = x_reduce(a, x->u.reduce.op, x->u.reduce.n, x->u.reduce.idx, x->u.reduce.n_cond, x->u.reduce.cond, body, x->u.reduce.other, x->u.reduce.acc);
    }
    return e;
}
Pair lower_reduce(Build *b, X *x) {
    Arena *a = b->l->a;
    X *at;
    Buf *counted = distinct_of(b->l, x, &at);
    if (counted) return (Pair){ .re = let(b, lx_load(a, counted, lower_i64(b, at), path_guard(b)), "count") };
    for (Level *v = b->level; v; v = v->up)
        for (int k = 0; k < v->memo.n; k++) if ((!v->memo.at[k].path || v->memo.at[k].path == b->path) && (v->memo.at[k].row < 0 || v->memo.at[k].row == b->row) && x_equal(v->memo.at[k].x, x)) return v->memo.at[k].value;
    X *joined = b->blocked && !lane_index(b) && b->l->machine ? one_sum(a, x) : NULL, *whole = x;
    x = known_there(b, joined ? joined : x);
    Run r = { .b = b, .x = x, .acc = accumulated_in(x) };
    ReduceOp op = x->u.reduce.op;
    if (!reduce_order(b->l, x, &r.order)) return zero_pair(b, x->dt);
    if (b->blocked && r.order.n > 1) lanes_along_memory(&r);
    Level *save = b->level, *home = home_of(b, x);
    Path *path = b->path;
    if (path && !x_in_range(x)) home = save;
    /* out of a branch: under those of its conditions that are known there */
    LX *guard = NULL;
    for (Path *p = path; p; p = p->up) {
        b->level = save;                /* from where all its indices are seen */
        int depth = depth_of(b, p->cond);
        b->level = home;
        if (depth > home->depth || (home->depth < p->at->depth && !x_in_range(p->cond))) continue;
        Path one = *p;
        one.up = NULL;
        b->path = &one;
        guard = land(b, path_guard(b), guard);
    }
    b->level = home;
    b->path = NULL;                     /* all of it holds inside, or nothing inside needs it */
    int row = row_of(b, x);
    r.rows = row >= 0 && !path && rows_share_loops(b->tile, x) ? b->tile->rows : 1;
    each_row(&r, open_accumulators);
    for (int pass = 0; pass < (op == R_LOGSUMEXP ? 2 : 1); pass++) {
        if (pass) { r.second = true; each_row(&r, open_accumulators); }
        if (guard) level_push(b, LV_IF);
        guarded(&r, r.order.first.n, r.order.first.at, 0);
        if (guard) level_pop_if(b, guard);
    }
    if (home == save) b->path = path;
    Pair result = { NULL, NULL };
    int here = b->row;
    for (int k = 0; k < r.rows; k++) {
        r.v = &r.row[k];
        if (r.rows > 1) b->row = k;
        Pair v = result_of(&r);
        vec_add(a, home->memo, (Memo){ whole, guard ? path : NULL, v, r.rows > 1 ? k : row });
        if (r.rows == 1 || k == here) result = v;
    }
    b->row = here;
    b->level = save, b->path = path;
    return result;
}
