/* pieces.c - sums along something long with few results: gradients of biases, losses, sums by type. The positions are cut in pieces of equal length,
 * which are items; what a sum has in several pieces is added in their order.
 *
 *     b[j] = sum(v) d[v, j]                       ->   rest[piece, j] = sum(v in piece) d[v, j];  b[j] = sum(piece) rest[piece, j]
 *     m[r] = sum(e: etype(e) = r) c[e] * x[e]     ->   by pieces of the edges in the order of their types; a type that begins in a piece writes m[r]
 *                                                      itself, what it has in later pieces waits in rest[piece]; so do pairs of types
 *
 * The length of a piece depends on the number of positions only, so results do not depend on the number of threads. */
#include "lower/pieces.h"

enum { FEWEST_ROWS = 512 /* of a piece */, MOST_PIECES = 64, REST = 1 << 19 /* elements that wait */, LONG = 1024, FEW = 1024 /* results */ };

/* ---- what is a long sum ---------------------------------------------------------------------------------------------- */
static X *bare(X *x) {
    while (x->k == X_CAST && dtype_is_int(x->dt) && dtype_is_int(x->u.cast.arg->dt)) x = x->u.cast.arg;
    return x;
}
bool long_key(const Long *s, int axis) {
    for (int k = 0; k < s->n_key; k++) if (s->key[k] == axis) return true;
    return false;
}
/* Types, or combinations of types that occur */
static bool has_few_rows(const Value *map) {
    const Node *u = map->node;
    if (has_few_values(map->target)) return true;
    if (!u || u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || map != u->result[u->u.derive.n]) return false;
    for (int k = 0; k < u->u.derive.n; k++) if (!has_few_values(u->u.derive.key[k]->target)) return false;
    return true;
}
/* The condition  f(g(p)) = r  with r an axis of the result. */
static bool match_key(const Node *n, const X *c, Long *s) {
    const X *sum = s->sum;
    MapChain *chain = &s->map[s->n_key];
    if (sum->u.reduce.n != 1 || c->k != X_OP || c->u.op.op != OP_EQ) return false;
    for (int k = 0; k < 2; k++) {
        X *map = bare(c->u.op.arg[k]), *at = bare(c->u.op.arg[1 - k]);
        if (at->k != X_INDEX || !map_chain(map, sum->u.reduce.idx[0], chain) || at->u.index->space != chain->map[0]->target || !has_few_rows(chain->map[0])) continue;
        for (int j = 0; j < n->result[0]->rank; j++) if (n->u.compute.idx[j] == at->u.index && !long_key(s, j)) { s->key[s->n_key++] = j; return true; }
    }
    return false;
}
typedef struct Sums { X *one; int n; } Sums;
static bool see_sum(X *e, void *data) {
    Sums *s = data;
    if (e->k != X_REDUCE) return true;
    s->one = e, s->n++;
    return false;
}
static bool long_enough(Lower *l, const X *sum) {
    int64_t n;
    Ext *all = ext_const(l->a, 1);
    for (int k = 0; k < sum->u.reduce.n; k++) all = ext_op(l->a, EXT_MUL, all, sum->u.reduce.idx[k]->space->extent);
    return !ext_is_const(all, &n) || n >= LONG;
}
/* So small that pairs with another such space have numbers of 32 bits */
static bool is_small(const Space *s) {
    int64_t n;
    return s->kind == SP_NTYPES || s->kind == SP_ETYPES || (ext_is_const(s->extent, &n) && n <= 1 << 15);
}
bool long_sum(Lower *l, const Node *n, Long *s) {
    Sums sums = { NULL, 0 };
    *s = (Long){ .along = -1 };
    if (!l->machine || in_bind(n->result[0]) || dtype_is_complex(n->result[0]->dt) || n->u.compute.check_range) return false;
    x_walk(n->u.compute.expr, see_sum, &sums);
    X *sum = sums.one;
    if (sums.n != 1 || sum->u.reduce.op != R_SUM || sum->u.reduce.n_cond > 2 || (sum != n->u.compute.expr && !x_in_range(sum))) return false;
    X *body = sum->u.reduce.body;
    s->sum = sum, s->acc = sum->u.reduce.acc == DT_NONE ? body->dt : sum->u.reduce.acc;
    if (!dtype_is_float(s->acc) || register_type(s->acc) != register_type(body->dt)) return false;
    for (int c = 0; c < sum->u.reduce.n_cond; c++) if (!match_key(n, sum->u.reduce.cond[c], s)) return false;
    if (s->n_key > 1) for (int k = 0; k < s->n_key; k++) if (!is_small(s->map[k].map[0]->target)) return false;
    s->acc = register_type(s->acc);
    return long_enough(l, sum);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------------- */
bool pieces_open(Work *w) {
    Lower *l = w->l;
    Arena *a = l->a;
    Value *v = w->n->result[0];
    const Long *s = w->s;
    const X *sum = s->sum;
    w->rows = ext_const(a, 1);
    for (int k = 0; k < sum->u.reduce.n; k++) if (s->along < 0 || s->along == k) w->rows = ext_op(a, EXT_MUL, w->rows, sum->u.reduce.idx[k]->space->extent);
    if (s->n_key && !(w->fibre = s->n_key == 1 ? rows_of(l, s->map[0].n, s->map[0].map) : rows_of_pairs(l, &s->map[0], &s->map[1]))) return false;
    Ext *one = ext_const(a, 1), *each = one;                  /* elements of one key's sums */
    for (int k = 0; k < v->rank; k++) if (!long_key(s, k)) each = ext_op(a, EXT_MUL, each, v->axis[k]->extent);
    int64_t size, most = MOST_PIECES;
    if (ext_is_const(each, &size) && size) most = REST / size < 8 ? 8 : REST / size < MOST_PIECES ? REST / size : MOST_PIECES;
    w->length = ext_op(a, EXT_MAX, ext_const(a, FEWEST_ROWS), ext_op(a, EXT_CEILDIV, w->rows, ext_const(a, most)));
    w->pieces = ext_op(a, EXT_MAX, one, ext_op(a, EXT_CEILDIV, w->rows, w->length));
    w->whole = w->n->u.compute.expr == sum && v->dt == s->acc;
    w->sums = w->whole ? value_buf(l, v) : buf_new(l, arena_printf(a, "%s_sums", v->name), s->acc, count_of(l, v), BUF_WORK, v->loc);
    w->rest = buf_new(l, arena_printf(a, "%s_rest", v->name), s->acc, ext_op(a, EXT_MUL, w->pieces, each), BUF_WORK, v->loc);
    return true;
}
/* rest has all axes but the keys'. */
LX *pieces_place(Build *b, const Work *w, LX *piece) {
    Value *v = w->n->result[0];
    Index **idx = w->n->u.compute.idx;
    LX *flat = piece;
    for (int k = 0; k < v->rank; k++) {
        if (piece && long_key(w->s, k)) continue;
        LX *at = level_find(b, idx[k]);
        flat = flat ? lop(b, OP_ADD, lop(b, OP_MUL, flat, lx_size(b->l->a, v->axis[k]->extent)), at) : at;
    }
    return flat ? flat : I64(0);
}
void pieces_bind(Build *b, const Work *w, LX *at) {
    Arena *a = b->l->a;
    const X *sum = w->s->sum;
    if (w->fibre && w->fibre->items) at = let(b, lx_cast(a, lx_load(a, w->fibre->items, at, NULL), DT_I64), sum->u.reduce.idx[0]->name);
    bind_axes(b, sum->u.reduce.n, sum->u.reduce.idx, at);
}
/* Which type the row before or at the end of a piece has */
static LX *key_of(Build *b, const Work *w, LX *at, LX *guard) {
    Arena *a = b->l->a;
    if (w->fibre->items) at = let(b, lx_cast(a, lx_load(a, w->fibre->items, at, guard), DT_I64), "row");
    return lx_cast(a, lx_load(a, w->fibre->key, at, guard), DT_I64);
}
void pieces_walk(Build *b, const Work *w, LX *piece, void (*each)(Build *b, const Work *w, const Part *part, void *data), void *data) {
    Arena *a = b->l->a;
    LX *n = lx_size(a, w->rows), *from = let(b, lop(b, OP_MUL, piece, lx_size(a, w->length)), "from"), *to = let(b, lop(b, OP_MIN, n, lop(b, OP_ADD, from, lx_size(a, w->length))), "to");
    if (!w->fibre) {
        each(b, w, &(Part){ from, to, let(b, lop(b, OP_EQ, piece, I64(0)), "begins"), piece }, data);
        return;
    }
    const Long *s = w->s;
    Index *r = w->n->u.compute.idx[s->key[0]], *q = s->n_key > 1 ? w->n->u.compute.idx[s->key[1]] : NULL;
    LX *groups = lx_size(a, q ? ext_op(a, EXT_MUL, r->space->extent, q->space->extent) : r->space->extent), *second = q ? lx_size(a, q->space->extent) : NULL;
    LX *inside = let(b, lop(b, OP_GT, piece, I64(0)), "inside"), *ends = let(b, lop(b, OP_LT, to, n), "ends");
    LX *first = let(b, key_of(b, w, lop(b, OP_SUB, from, I64(1)), inside), "first_key");
    LX *last = let(b, lx_select(a, ends, key_of(b, w, lop(b, OP_SUB, to, I64(1)), ends), lop(b, OP_SUB, groups, I64(1))), "last_key");
    Var *u = var_new(b, r->name, DT_I64, false);
    level_push(b, LV_SERIAL);
    level_bind(b->level, a, r, q ? let(b, lop(b, OP_FLOORDIV, lx_var(a, u), second), r->name) : lx_var(a, u));
    if (q) level_bind(b->level, a, q, let(b, lop(b, OP_MOD, lx_var(a, u), second), q->name));
    LX *start = let(b, lx_load(a, w->fibre->start, lx_var(a, u), NULL), "start"), *end = let(b, lx_load(a, w->fibre->start, lop(b, OP_ADD, lx_var(a, u), I64(1)), NULL), "end");
    LX *lo = let(b, lop(b, OP_MAX, start, from), "lo"), *hi = let(b, lop(b, OP_MIN, end, to), "hi");
    each(b, w, &(Part){ lo, hi, let(b, lop(b, OP_GE, start, from), "begins"), piece }, data);
    level_pop_for(b, u, first, lop(b, OP_ADD, last, I64(1)), LOOP_SERIAL);
}
void pieces_merge(const Work *w) {
    Lower *l = w->l;
    Arena *a = l->a;
    Value *v = w->n->result[0];
    Index **idx = w->n->u.compute.idx;
    Ext *items = ext_const(a, 1);
    Index *item[8];
    int n = 0, lane = w->lane_axis;
    for (int k = 0; k < v->rank; k++) if (k != lane) items = ext_op(a, EXT_MUL, items, v->axis[k]->extent), item[n++] = idx[k];
    Build build = build_start(l, kernel_of(l, w->n, items)), *b = &build;
    b->blocked = true;
    if (n) bind_axes(b, n, item, lx_var(a, b->k->item));
    LX *first = I64(1), *last = lx_size(a, w->pieces), *length = lx_size(a, w->length);
    if (w->fibre) {
        const Long *s = w->s;
        LX *u = level_find(b, idx[s->key[0]]);
        if (s->n_key > 1) u = let(b, lop(b, OP_ADD, lop(b, OP_MUL, u, lx_size(a, v->axis[s->key[1]]->extent)), level_find(b, idx[s->key[1]])), "group");
        LX *start = let(b, lx_load(a, w->fibre->start, u, NULL), "start"), *end = let(b, lx_load(a, w->fibre->start, lop(b, OP_ADD, u, I64(1)), NULL), "end");
        first = let(b, lop(b, OP_ADD, lop(b, OP_FLOORDIV, start, length), I64(1)), "first");
        last = let(b, lop(b, OP_FLOORDIV, lop(b, OP_SUB, lop(b, OP_ADD, end, length), I64(1)), length), "last");
        first = let(b, lx_select(a, lop(b, OP_EQ, start, end), last, first), "first");
    }
    LX *more = w->whole ? let(b, lop(b, OP_LT, first, last), "more") : NULL;
    if (more) level_push(b, LV_IF);
    Var *j = lane >= 0 ? var_new(b, idx[lane]->name, DT_I64, false) : NULL, *k = var_new(b, "piece", DT_I64, false);
    if (j) {
        level_push(b, LV_LANE);
        level_bind(b->level, a, idx[lane], lx_var(a, j));
    }
    Var *sum = mutable_var(b, "sum", lx_load(a, w->sums, pieces_place(b, w, NULL), NULL));
    level_push(b, LV_SERIAL);
    set(b, sum, lop(b, OP_ADD, lx_var(a, sum), lx_load(a, w->rest, pieces_place(b, w, lx_var(a, k)), NULL)));
    level_pop_for(b, k, first, last, LOOP_SERIAL);
    if (w->whole) store(b, w->sums, pieces_place(b, w, NULL), lx_var(a, sum));
    else {
        X *x = (X *)(uintptr_t)w->s->sum;
        vec_add(a, b->level->memo, (Memo){ x, NULL, convert(b, (Pair){ lx_var(a, sum), NULL }, w->s->acc, x->dt), -1 });
        finish_equation(b, v, idx, w->n->u.compute.expr);
    }
    if (j) level_pop_for(b, j, I64(0), lx_size(a, idx[lane]->space->extent), LOOP_LANE);
    if (more) level_pop_if(b, more);
    kernel_add(l, b, MAP_BLOCKED);
}

/* ---- a sum without tiles --------------------------------------------------------------------------------------------- */
/* The sum over the positions of a piece: all of it, with its longest index cut, or the rows of one fibre one by one. */
typedef struct Cut { Index *from, *to; X *sum; } Cut;
static LX *add_up(Build *b, const Work *w, const Part *part, const Cut *cut) {
    Arena *a = b->l->a;
    const X *x = w->s->sum;
    if (cut->sum) return convert(b, lower_expr(b, cut->sum), x->dt, w->s->acc).re;
    Var *sum = mutable_var(b, "sum", zero_pair(b, w->s->acc).re), *at = var_new(b, "at", DT_I64, false);
    level_push(b, LV_SERIAL);
    pieces_bind(b, w, lx_var(a, at));
    set(b, sum, lop(b, OP_ADD, lx_var(a, sum), convert(b, lower_expr(b, x->u.reduce.body), x->u.reduce.body->dt, w->s->acc).re));
    level_pop_for(b, at, part->lo, part->hi, LOOP_SERIAL);
    return lx_var(a, sum);
}
static void store_when(Build *b, Buf *to, LX *at, LX *x, LX *guard) {
    store(b, to, at, x);
    b->level->block.at[b->level->block.n - 1]->guard = guard;
}
static void add_part(Build *b, const Work *w, const Part *part, void *data) {
    Arena *a = b->l->a;
    Index **idx = w->n->u.compute.idx;
    const Cut *cut = data;
    if (cut->sum) {
        level_bind(b->level, a, cut->from, part->lo);
        level_bind(b->level, a, cut->to, part->hi);
    }
    LX *waits = let(b, lop(b, OP_AND, lx_op(a, OP_NOT, part->begins, NULL), lop(b, OP_LT, part->lo, part->hi)), "waits");
    Var *j = w->lane_axis >= 0 ? var_new(b, idx[w->lane_axis]->name, DT_I64, false) : NULL;
    if (j) {
        level_push(b, LV_LANE);
        level_bind(b->level, a, idx[w->lane_axis], lx_var(a, j));
    }
    LX *sum = let(b, add_up(b, w, part, cut), "part");
    store_when(b, w->sums, pieces_place(b, w, NULL), sum, part->begins);
    store_when(b, w->rest, pieces_place(b, w, part->piece), sum, waits);
    if (j) level_pop_for(b, j, I64(0), lx_size(a, idx[w->lane_axis]->space->extent), LOOP_LANE);
}
bool pieces_plan(Lower *l, Node *n, Long *s) {
    Value *v = n->result[0];
    int64_t size = 1, extent;
    if (!long_sum(l, n, s)) return false;
    for (int k = 0; k < v->rank; k++) {
        if (long_key(s, k)) continue;
        if (!ext_is_const(v->axis[k]->extent, &extent) || extent > FEW || (size *= extent) > FEW) return false;
    }
    for (int k = 0; !s->n_key && s->along < 0 && k < s->sum->u.reduce.n; k++)
        if (!ext_is_const(s->sum->u.reduce.idx[k]->space->extent, &extent) || extent >= LONG) s->along = k;
    return s->n_key || s->along >= 0;
}
bool pieces_lower(Lower *l, Node *n, const Long *s) {
    Arena *a = l->a;
    Value *v = n->result[0];
    Index **idx = n->u.compute.idx, *inside;
    Work w = { .l = l, .n = n, .s = s, .lane_axis = lane_axis(l, n, &inside) };
    if (long_key(s, w.lane_axis)) w.lane_axis = -1;
    if (!pieces_open(&w)) return false;
    Cut cut = { 0 };
    if (s->along >= 0) {                                     /* sum(.. where from <= p and p < to) */
        const X *x = s->sum;
        Space *places = x->u.reduce.idx[s->along]->space;
        cut.from = program_index(l->p, "from", places), cut.to = program_index(l->p, "to", places);
        X *at = x_cast(a, x_index(a, x->u.reduce.idx[s->along]), DT_I64);
        X *cond[] = { x_op(a, OP_GE, at, x_index(a, cut.from)), x_op(a, OP_LT, at, x_index(a, cut.to)) };
        cut.sum = x_reduce(a, R_SUM, x->u.reduce.n, x->u.reduce.idx, 2, cond, x->u.reduce.body, x->u.reduce.other, x->u.reduce.acc);
    }
    Ext *items = w.pieces;
    for (int k = 0; k < v->rank; k++) if (!long_key(s, k) && k != w.lane_axis) items = ext_op(a, EXT_MUL, items, v->axis[k]->extent);
    Build build = build_start(l, kernel_of(l, n, items)), *b = &build;
    b->blocked = true;
    LX *rest = lx_var(a, b->k->item);
    for (int k = v->rank - 1; k >= 0; k--) {
        if (long_key(s, k) || k == w.lane_axis) continue;
        LX *size = lx_size(a, v->axis[k]->extent);
        level_bind(b->level, a, idx[k], let(b, lop(b, OP_MOD, rest, size), idx[k]->name));
        rest = let(b, lop(b, OP_FLOORDIV, rest, size), "rest");
    }
    pieces_walk(b, &w, rest, add_part, &cut);
    kernel_add(l, b, MAP_BLOCKED);
    if (b->k->work < 1 << 20) b->k->work *= FEWEST_ROWS / 16;      /* loops of unknown length are taken for 16 rounds */
    pieces_merge(&w);
    return !l->cx->n_errors;
}
