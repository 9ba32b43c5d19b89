/* compute.c - one equation becomes one kernel: which axes are its items, which are lanes.
 *
 *     y[v, j] = sum(e: dst(e) = v, i) ..     ->   item v; lanes j, each with its sums          (reductions stay inside a lane)
 *     s[e] = sum(j) a[e, j] * b[j]           ->   item e; lanes over the sum
 *     y[n] = exp(x[n])                       ->   items are pieces of PIECE elements; lanes over a piece
 *     d[x] = sum(k: -1..1) u[x + k]          ->   item x, no lanes: one thread each */
#include "lower/pieces.h"

enum { PIECE = 512, LEAST_PIECE = 64 };

static bool long_space(const Space *s) {
    int64_t n;
    if (ext_is_const(s->extent, &n)) return n > PIECE;
    return s->kind != SP_DIM && s->kind != SP_RANGE;
}
static bool is_known(const Space *s) { int64_t n; return ext_is_const(s->extent, &n); }

void finish_equation(Build *b, Value *v, Index **idx, X *expr) {
    LX *at[8];
    for (int k = 0; k < v->rank; k++) at[k] = level_find(b, idx[k]);
    Pair x = convert(b, lower_expr(b, expr), expr->dt, v->dt);
    store_pair(b, value_buf(b->l, v), flat_position(b, v, at, &b->l->place[v->id]), x);
}
static void finish(Build *b, Value *v, Index **idx, X *expr) {
    if (b->family) fuse_finish(b, b->family);
    else finish_equation(b, v, idx, expr);
}
/* The number that a command says, which is done by that, or 0. */
static int64_t said_number(Lower *l, Command *say, const Value *v, const char *what) {
    if (!say) return 0;
    schedule_done(say, l->label[v->id]);
    Command *c = command_new(l->a, say->verb, l->label[v->id]);
    command_numbers(c, 1, say->number[0], 0);
    decided(l, c, arena_printf(l->a, what, (long long)say->number[0], l->label[v->id]), "a schedule says so", v->loc);
    return say->number[0];
}
static void close_lanes(Build *b, const Value *v, Var *j, LX *lo, LX *hi) {
    LS *s = level_pop_for(b, j, lo, hi, LOOP_LANE);
    s->width = (int)said_number(b->l, asked(b->l, V_VECTOR, v), v, "%lld lanes of %s at a time");
}
/* One axis is lanes, the others are items. */
static void lanes_along(Build *b, Value *v, Index **idx, X *expr, int lane) {
    Arena *a = b->l->a;
    Var *j = var_new(b, idx[lane]->name, DT_I64, false);
    Index *item[8];
    int n = 0;
    for (int k = 0; k < v->rank; k++) if (k != lane) item[n++] = idx[k];
    bind_axes(b, n, item, lx_var(a, b->k->item));
    level_push(b, LV_LANE);
    level_bind(b->level, a, idx[lane], lx_var(a, j));
    finish(b, v, idx, expr);
    close_lanes(b, v, j, I64(0), lx_size(a, idx[lane]->space->extent));
}
/* As above, but the last axis is cut in pieces, which are items too. */
static void lanes_in_pieces(Build *b, Value *v, Index **idx, X *expr, int64_t size) {
    Arena *a = b->l->a;
    int r = v->rank - 1;
    LX *n = lx_size(a, idx[r]->space->extent), *pieces = lx_size(a, ext_op(a, EXT_CEILDIV, idx[r]->space->extent, ext_const(a, size)));
    LX *item = lx_var(a, b->k->item), *piece = r ? let(b, lop(b, OP_MOD, item, pieces), "piece") : item;
    if (r) bind_axes(b, r, idx, let(b, lop(b, OP_FLOORDIV, item, pieces), "rest"));
    LX *lo = let(b, lop(b, OP_MUL, piece, I64(size)), "first");
    LX *hi = let(b, lop(b, OP_MIN, n, lop(b, OP_ADD, lo, I64(size))), "last");
    Var *j = var_new(b, idx[r]->name, DT_I64, false);
    level_push(b, LV_LANE);
    level_bind(b->level, a, idx[r], lx_var(a, j));
    finish(b, v, idx, expr);
    close_lanes(b, v, j, lo, hi);
}
static void prefetch_items(Build *b, Value *v, Index **idx, X *expr) {
    enum { AHEAD = 16 };
    Command *say = asked(b->l, V_PREFETCH, v);
    int ahead = say ? (int)say->number[0] : AHEAD;
    Lower *l = b->l;
    Arena *a = l->a;
    if (!l->machine || !v->rank || in_bind(v) || !reads_later_rows(l, idx[0], expr)) return;
    if (say) schedule_done(say, l->label[v->id]);
    if (!ahead || left_alone(l, V_PREFETCH, v)) return;
    Command *c = command_new(a, V_PREFETCH, l->label[v->id]);
    command_numbers(c, 1, ahead, 0);
    decided(l, c, arena_printf(a, "rows that %s reads %d items later are asked for", l->label[v->id], ahead), "they lie anywhere", v->loc);
    LX *n = lx_size(a, idx[0]->space->extent), *next = lop(b, OP_MIN, lop(b, OP_ADD, level_find(b, idx[0]), I64(ahead)), lop(b, OP_SUB, n, I64(1)));
    prefetch_later(b, idx[0], expr, next, NULL);
}
/* A few positions of the last axis, when sums of theirs go through one loop: what they share is loaded once, and their lanes are merged together. */
static int side_by_side(const Build *b, const Value *v, Index **idx, X *expr) {
    enum { MOST = 8 };
    int64_t n;
    if (!b->l->machine || b->family || v->rank < 2 || dtype_is_complex(v->dt) || !has_reduce(expr)) return 0;
    return ext_is_const(idx[v->rank - 1]->space->extent, &n) && n >= 2 && n <= MOST && n <= MOST_ROWS ? (int)n : 0;
}
static void items_only(Build *b, Value *v, Index **idx, X *expr) {
    Tile t = { .index = v->rank ? idx[v->rank - 1] : NULL, .rows = side_by_side(b, v, idx, expr) };
    for (int k = 0; k < t.rows; k++) t.at[k] = t.slot[k] = I64(k);
    if (t.rows) b->k->extent = product_of(b->l, v->axis, 0, v->rank - 1);
    if (v->rank) bind_axes(b, t.rows ? v->rank - 1 : v->rank, idx, lx_var(b->l->a, b->k->item));
    prefetch_items(b, v, idx, expr);
    if (t.rows) b->tile = &t;
    for (b->row = 0; b->row < (t.rows ? t.rows : 1); b->row++) finish(b, v, idx, expr);
    b->row = 0, b->tile = NULL;
}

static void untiled(Build *b, Node *n) {
    Value *v = n->result[0];
    Arena *a = b->l->a;
    Index **idx = b->family ? b->family->idx : n->u.compute.idx;
    X *expr = n->u.compute.expr;
    bool sums = has_reduce(expr);
    Index *inside;
    int lane = b->family ? (lanes_pay(n) ? v->rank - 1 : -1) : lane_axis(b->l, n, &inside);
    Space *last = v->rank ? v->axis[v->rank - 1] : NULL;
    b->blocked = true;
    if (!sums && last && (long_space(last) || (v->rank == 1 && !is_known(last)))) {
        Command *split = asked(b->l, V_SPLIT, v);
        if (split && split->number[0] < LEAST_PIECE) schedule_refuse(b->l->p, split, "`%s` has no fibres to be cut, and an item of its kernel has at least %d elements", v->name, LEAST_PIECE), split = NULL;
        int64_t said = said_number(b->l, split, v, "an item is %lld elements of %s"), piece = said ? said : PIECE;
        b->k->extent = ext_op(a, EXT_MUL, product_of(b->l, v->axis, 0, v->rank - 1), ext_op(a, EXT_CEILDIV, last->extent, ext_const(a, piece)));
        lanes_in_pieces(b, v, idx, expr, piece);
    } else if (v->rank > (sums ? 1 : 0) && lane >= 0) {
        b->k->extent = ext_op(a, EXT_MUL, product_of(b->l, v->axis, 0, lane), product_of(b->l, v->axis, lane + 1, v->rank));
        lanes_along(b, v, idx, expr, lane);
    } else items_only(b, v, idx, expr);
    kernel_add(b->l, b, MAP_BLOCKED);
}
Kernel *kernel_of(Lower *l, const Node *n, Ext *extent) {
    return kernel_new(l, n->result[0]->name, source_line(l, n->loc, n->result[0]->name), extent, n->loc);
}

/* Commands that are obeyed by the way this kernel is made, and the commands that ask for it. */
static void say_kernel(Lower *l, const Value *v, bool push, bool tiled, const TilePlan *p) {
    const char *name = l->label[v->id];
    Command *tile = asked(l, V_TILE, v), *scatter = asked(l, V_SCATTER, v), *gather = asked(l, V_GATHER, v);
    if (tile && (push || tiled || tile->number[0] == 1)) schedule_done(tile, name);
    if (scatter && push) schedule_done(scatter, name);
    if (gather) schedule_done(gather, name);
    if (push) decided(l, command_new(l->a, V_SCATTER, name), arena_printf(l->a, "the terms of %s are computed by type and added to their rows", name), "each fibre has terms of many types", v->loc);
    if (!push && !tiled) return;
    Command *c = command_new(l->a, V_TILE, name);
    command_numbers(c, 2, p->tile.rows, p->width);
    decided(l, c, arena_printf(l->a, "%d rows and %d lanes of %s at a time", p->tile.rows, p->width, name), "what rows share is loaded once, and the sums fit the registers", v->loc);
}
static int unroll_innermost(Block *b, int rounds) {
    int n = 0;
    for (int k = 0; k < b->n; k++) {
        LS *s = b->at[k];
        int inside = unroll_innermost(&s->body, rounds) + unroll_innermost(&s->other, rounds);
        if (!inside && s->k == LS_FOR && s->loop == LOOP_SERIAL) s->unroll = rounds, inside = 1;
        n += inside;
    }
    return n;
}
/* UNROLL and PARALLEL, in the kernels of v: those from number `from` on. */
static void shape_kernels(Lower *l, const Value *v, int from) {
    int loops = 0;
    Command *rounds = schedule_find(l->p, V_UNROLL, l->label[v->id]), *share = schedule_find(l->p, V_PARALLEL, l->label[v->id]);      /* of any target */
    for (int k = from; k < l->u->kernel.n && rounds; k++) loops += unroll_innermost(&l->u->kernel.at[k]->body, (int)rounds->number[0]);
    if (loops) said_number(l, rounds, v, "%lld rounds of the innermost loops of %s at a time");
    if (from == l->u->kernel.n || !share) return;
    int64_t items = said_number(l, share, v, "a thread takes %lld items of %s at a time");
    for (int k = from; k < l->u->kernel.n; k++) l->u->kernel.at[k]->work = items ? -items : -INT64_MAX;
}
static bool kernels(Lower *l, Node *n, TilePlan *p, bool push, bool tiled, int axis) {
    int from = l->u->kernel.n;
    bool ok = true;
    if (push) ok = push_lower(p);
    else if (tiled) ok = tile_lower(p, axis);
    else {
        Build b = build_start(l, kernel_of(l, n, count_of(l, n->result[0])));
        untiled(&b, n);
    }
    shape_kernels(l, n->result[0], from);
    return ok;
}
bool lower_part(Lower *l, Node *n, const TilePlan *whole) {
    TilePlan p;
    int axis = 0;
    bool push = push_plan(l, n, &p), tiled = !push && tile_plan(l, n, &p, &axis);
    p.tile.rows = whole->tile.rows, p.width = whole->width;
    return kernels(l, n, &p, push, tiled, axis);
}
/* A kernel for the edges of each part */
static bool parts(Lower *l, Node *n) {
    Node *part[2];
    divided_parts(l, n, part);
    bool ok = true;
    for (int k = 0; k < 2; k++) ok = ok && need_expr(l, part[k]->u.compute.expr) && kernels(l, part[k], NULL, false, false, 0);
    return ok;
}
/* Several equations, one kernel. */
static bool lower_family(Lower *l, Node *n, Family *f) {
    if (!fuse_need(l, f)) return false;
    if (f->node.n) {
        Node *first = f->node.at[0];
        if (f->along && f->node.n > 1) { walk_lower(l, f); fuse_done(l, f); return l->state[n->id] == 2 || l->pulled_into[n->id]; }
        Build b = build_start(l, kernel_of(l, first, count_of(l, first->result[0])));
        if (f->node.n > 1) b.family = f;
        for (int k = 1; k < f->node.n; k++) b.k->what = arena_printf(l->a, "%s%s %s", b.k->what, k == 1 ? "; with" : ",", plain_name(l, f->node.at[k]->result[0]->name));
        int from = l->u->kernel.n;
        untiled(&b, first);
        shape_kernels(l, first->result[0], from);
    }
    fuse_done(l, f);
    return l->state[n->id] == 2 || l->pulled_into[n->id];
}
bool lower_compute(Lower *l, Node *whole) {
    if (l->family[whole->id]) return lower_family(l, whole, l->family[whole->id]);
    Node *n = merge_axes(l, whole);
    Value *v = n->result[0];
    TilePlan p;
    int axis = 0;
    bool divided = divided_plan(l, n), push = !divided && push_plan(l, n, &p), tiled = !push && !divided && tile_plan(l, n, &p, &axis);
    Outer o;
    Long whole_sum;
    bool outer = tiled && outer_plan(&p, axis, &o), pieces = !push && !tiled && !divided && pieces_plan(l, n, &whole_sum);
    if (push || (tiled && !outer)) tile_stage(&p);
    if (!(push || tiled ? tile_need(&p) : need_expr(l, n->u.compute.expr))) return false;
    if (l->pulled_into[n->id]) return true;                  /* a recurrence among its operands has computed it along */
    Ext *all = count_of(l, v);
    say_kernel(l, v, push, tiled, &p);
    if (!(divided ? parts(l, n) : outer ? outer_lower(&p, &o) : pieces ? pieces_lower(l, n, &whole_sum) : kernels(l, n, &p, push, tiled, axis))) return false;
    if (!n->u.compute.check_range) return true;
    Buf *to = l->place[v->id].buf;
    LH *h = host_call(l, RT_CHECK_RANGE, n->loc, 3, (Ext *[]){ all, v->target->extent, ext_const(l->a, to->id) });
    vec_add(l->a, h->buf, to);
    return !l->cx->n_errors;
}
