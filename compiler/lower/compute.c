/* compute.c - one equation becomes one kernel: which axes are its items, which are lanes.
 *
 *     y[v, j] = sum(e: dst(e) = v, i) ..     ->   item v; lanes j, each with its sums          (reductions stay inside a lane)
 *     s[e] = sum(j) a[e, j] * b[j]           ->   item e; lanes over the sum
 *     y[n] = exp(x[n])                       ->   items are pieces of PIECE elements; lanes over a piece
 *     d[x] = sum(k: -1..1) u[x + k]          ->   item x, no lanes: one thread each */
#include "lower/tile.h"

enum { PIECE = 512, FEW = 4 };

static bool long_space(const Space *s) {
    int64_t n;
    if (ext_is_const(s->extent, &n)) return n > PIECE;
    return s->kind != SP_DIM && s->kind != SP_RANGE;
}
bool few(const Space *s) { int64_t n; return ext_is_const(s->extent, &n) && n < FEW; }

void finish_equation(Build *b, Value *v, Index **idx, X *expr) {
    LX *at[8];
    for (int k = 0; k < v->rank; k++) at[k] = level_find(b, idx[k]);
    Pair x = convert(b, lower_expr(b, expr), expr->dt, v->dt);
    store_pair(b, value_buf(b->l, v), flat_position(b, v, at, &b->l->place[v->id]), x);
}
/* All axes but the last are items, the last is lanes. */
static void lanes_last(Build *b, Value *v, Index **idx, X *expr) {
    Arena *a = b->l->a;
    int r = v->rank - 1;
    Var *j = var_new(b, idx[r]->name, DT_I64, false);
    bind_axes(b, r, idx, lx_var(a, b->k->item));
    level_push(b, LV_LANE);
    level_bind(b->level, a, idx[r], lx_var(a, j));
    finish_equation(b, v, idx, expr);
    level_pop_for(b, j, I64(0), lx_size(a, idx[r]->space->extent), LOOP_LANE);
}
/* As above, but the last axis is cut in pieces, which are items too. */
static void lanes_in_pieces(Build *b, Value *v, Index **idx, X *expr) {
    Arena *a = b->l->a;
    int r = v->rank - 1;
    LX *n = lx_size(a, idx[r]->space->extent), *pieces = lx_size(a, ext_op(a, EXT_CEILDIV, idx[r]->space->extent, ext_const(a, PIECE)));
    LX *item = lx_var(a, b->k->item), *piece = r ? let(b, lop(b, OP_MOD, item, pieces), "piece") : item;
    if (r) bind_axes(b, r, idx, let(b, lop(b, OP_FLOORDIV, item, pieces), "rest"));
    LX *lo = let(b, lop(b, OP_MUL, piece, I64(PIECE)), "first");
    LX *hi = let(b, lop(b, OP_MIN, n, lop(b, OP_ADD, lo, I64(PIECE))), "last");
    Var *j = var_new(b, idx[r]->name, DT_I64, false);
    level_push(b, LV_LANE);
    level_bind(b->level, a, idx[r], lx_var(a, j));
    finish_equation(b, v, idx, expr);
    level_pop_for(b, j, lo, hi, LOOP_LANE);
}
static void items_only(Build *b, Value *v, Index **idx, X *expr) {
    if (v->rank) bind_axes(b, v->rank, idx, lx_var(b->l->a, b->k->item));
    finish_equation(b, v, idx, expr);
}

static void untiled(Build *b, Node *n) {
    Value *v = n->result[0];
    Arena *a = b->l->a;
    Index **idx = n->u.compute.idx;
    X *expr = n->u.compute.expr;
    bool sums = has_reduce(expr);
    Space *last = v->rank ? v->axis[v->rank - 1] : NULL;
    b->blocked = true;
    if (!sums && last && long_space(last)) {
        b->k->extent = ext_op(a, EXT_MUL, product_of(b->l, v->axis, 0, v->rank - 1), ext_op(a, EXT_CEILDIV, last->extent, ext_const(a, PIECE)));
        lanes_in_pieces(b, v, idx, expr);
    } else if (v->rank > (sums ? 1 : 0) && !few(last)) {
        b->k->extent = product_of(b->l, v->axis, 0, v->rank - 1);
        lanes_last(b, v, idx, expr);
    } else items_only(b, v, idx, expr);
    kernel_add(b->l, b, MAP_BLOCKED);
}
Kernel *kernel_of(Lower *l, const Node *n, Ext *extent) {
    return kernel_new(l, n->result[0]->name, source_line(l, n->loc, n->result[0]->name), extent, n->loc);
}

bool lower_compute(Lower *l, Node *n) {
    Value *v = n->result[0];
    TilePlan p;
    int axis = 0;
    bool push = push_plan(l, n, &p), tiled = !push && tile_plan(l, n, &p, &axis);
    if (push || tiled) tile_stage(&p);
    if (!(push || tiled ? tile_need(&p) : need_expr(l, n->u.compute.expr))) return false;
    if (l->pulled_into[n->id]) return true;                  /* a recurrence among its operands has computed it along */
    Ext *all = count_of(l, v);
    if (push) { if (!push_lower(&p)) return false; }
    else if (tiled) { if (!tile_lower(&p, axis)) return false; }
    else {
        Build b = build_start(l, kernel_of(l, n, all));
        untiled(&b, n);
    }
    if (!n->u.compute.check_range) return true;
    Buf *to = l->place[v->id].buf;
    LH *h = host_call(l, RT_CHECK_RANGE, n->loc, 3, (Ext *[]){ all, v->target->extent, ext_const(l->a, to->id) });
    vec_add(l->a, h->buf, to);
    return !l->cx->n_errors;
}
