/* order.c - chooses the loops of a reduction: fibres `f(e) = v` run over one row, linear equations are solved for one index,
 * inequalities cut ranges, the rest is tested as soon as its indices are known.
 *
 *     sum(c, p, d: 2*p + d = x)      ->      for c, for d (the small one), p = (x - d) / 2 if that is whole and in range */
#include "lower/linear.h"
#include "lower/reduce.h"

typedef struct Plan { Lower *l; const X *r; Order *o; bool used[16], placed[16]; } Plan;

static bool known(Plan *p, const X *x, int but) {           /* x uses no unplaced bound index other than `but` */
    for (int k = 0; k < p->r->u.reduce.n; k++) if (k != but && !p->placed[k] && x_uses_index(x, p->r->u.reduce.idx[k])) return false;
    return true;
}
static X *strip(X *x) {
    while (x->k == X_CAST && dtype_is_int(x->dt) && dtype_is_int(x->u.cast.arg->dt) && (x->u.cast.arg->space || dtype_bytes(x->dt) >= dtype_bytes(x->u.cast.arg->dt))) x = x->u.cast.arg;
    return x;
}
static bool is_member_now(Lower *l, const Value *v) { return v->node->kind == N_RECUR && l->state[v->node->id] == 1; }
/* f(g(i)) with maps of one argument: their number, outermost first. 0: it is none. */
static int chain_of(Plan *p, X *x, const Index *i, Value **map) {
    int n = 0;
    for (x = strip(x); x->k == X_READ && n < 8; x = strip(x->u.read.idx[0])) {
        Value *v = x->u.read.v;
        if (v->rank != 1 || v->dt != DT_I32 || !v->target || x->u.read.bnd[0] != BND_NONE || is_member_now(p->l, v)) return 0;
        map[n++] = v;
    }
    return x->k == X_INDEX && x->u.index == i ? n : 0;
}
static X *sides(const X *cond, int swap, X **other) {
    *other = cond->u.op.arg[1 - swap];
    return cond->u.op.arg[swap];
}
/* Whether condition c determines index k once all its other indices are placed; fills the axis when `ax` is given. */
static bool determines(Plan *p, int c, int k, Axis *ax) {
    X *cond = p->r->u.reduce.cond[c], *key;
    int n = p->r->u.reduce.n;
    Index *const *idx = p->r->u.reduce.idx;
    if (cond->k != X_OP || cond->u.op.op != OP_EQ || !x_uses_index(cond, idx[k])) return false;
    Linear l;
    if (linear_difference(p->l->a, cond->u.op.arg[0], cond->u.op.arg[1], n, idx, &l) && l.coef[k]) {
        if (!ax) return true;
        if (l.coef[k] < 0) linear_difference(p->l->a, cond->u.op.arg[1], cond->u.op.arg[0], n, idx, &l);
        ax->mode = AX_SOLVE, ax->coef = l.coef[k], ax->equals = linear_solve(p->l->a, &l, n, idx, k);
        return true;
    }
    for (int s = 0; s < 2; s++) {
        Value *map[8];
        X *side = sides(cond, s, &key);
        int m = chain_of(p, side, idx[k], map);
        if (!m || x_uses_index(key, idx[k]) || !dtype_is_int(key->dt)) continue;
        if (!ax) return true;
        ax->mode = AX_ROWS, ax->key = key;
        return (ax->rows = rows_of(p->l, m, map)) != NULL;
    }
    return false;
}
static int64_t weight(const Space *s) { int64_t v; return ext_is_const(s->extent, &v) ? v : INT64_MAX; }
/* Number of rows that a fibre condition leads to, roughly: spaces of unknown size are large. */
static int64_t rows_count(Plan *p, int c, int k) {
    Value *map[8];
    X *key, *cond = p->r->u.reduce.cond[c];
    for (int s = 0; s < 2; s++) {
        int m = chain_of(p, sides(cond, s, &key), p->r->u.reduce.idx[k], map);
        if (!m) continue;
        SpaceKind t = map[0]->target->kind;
        int64_t w = weight(map[0]->target);
        return w != INT64_MAX ? w : t == SP_ETYPES || t == SP_NTYPES ? 1 << 20 : INT64_MAX;
    }
    return INT64_MAX;                                       /* an equation: one position */
}
static void cut_range(Plan *p, int c, int k, Axis *ax) {
    X *cond = p->r->u.reduce.cond[c];
    if (cond->k != X_OP) return;
    ScalarOp op = cond->u.op.op;
    if (op != OP_LT && op != OP_LE && op != OP_GT && op != OP_GE) return;
    Linear l;
    int n = p->r->u.reduce.n;
    Arena *a = p->l->a;
    if (!linear_difference(a, cond->u.op.arg[0], cond->u.op.arg[1], n, p->r->u.reduce.idx, &l) || !l.coef[k] || l.coef[k] == INT64_MIN) return;
    /* coef * i  op  at */
    X *at = linear_solve(a, &l, n, p->r->u.reduce.idx, k);
    int64_t coef = l.coef[k];
    bool upper = op == OP_LT || op == OP_LE;
    if (op == OP_LT) at = x_op(a, OP_SUB, at, x_int(a, 1, DT_I64));
    if (op == OP_GT) at = x_op(a, OP_ADD, at, x_int(a, 1, DT_I64));
    if (coef < 0) coef = -coef, at = x_op(a, OP_NEG, at, NULL), upper = !upper;
    vec_add(a, ax->bound, (AxisBound){ upper, at, coef });
    p->used[c] = true;
}
static bool place(Plan *p, int k, int by) {
    Axis *ax = &p->o->axis[p->o->n++];
    const X *r = p->r;
    *ax = (Axis){ .index = r->u.reduce.idx[k] };
    if (by >= 0) {
        p->used[by] = true;
        if (!determines(p, by, k, ax)) return false;
    }
    for (int c = 0; c < r->u.reduce.n_cond && by < 0; c++)
        if (!p->used[c] && x_uses_index(r->u.reduce.cond[c], ax->index) && known(p, r->u.reduce.cond[c], k)) cut_range(p, c, k, ax);
    p->placed[k] = true;
    for (int c = 0; c < r->u.reduce.n_cond; c++)
        if (!p->used[c] && known(p, r->u.reduce.cond[c], -1)) { p->used[c] = true; vec_add(p->l->a, ax->guard, r->u.reduce.cond[c]); }
    return true;
}
bool reduce_order(Lower *l, const X *r, Order *o) {
    Plan p = { .l = l, .r = r, .o = o };
    int n = r->u.reduce.n, n_cond = r->u.reduce.n_cond;
    *o = (Order){ .n = 0 };
    if (n > 16 || n_cond > 16) { diag_error(l->cx, D_UNSUPPORTED, r->loc, "a reduction has at most 16 indices and 16 conditions"); return false; }
    for (int c = 0; c < n_cond; c++) if (known(&p, r->u.reduce.cond[c], -1)) { p.used[c] = true; vec_add(l->a, o->first, r->u.reduce.cond[c]); }
    for (int done = 0; done < n; done++) {
        int best = -1, by = -1;
        /* an index that is determined now; of several conditions the one that leaves least */
        for (int k = 0; k < n && best < 0; k++) {
            if (p.placed[k]) continue;
            int64_t most = -1;
            for (int c = 0; c < n_cond; c++) {
                if (p.used[c] || !known(&p, r->u.reduce.cond[c], k) || !determines(&p, c, k, NULL)) continue;
                int64_t w = rows_count(&p, c, k);
                if (w > most) most = w, best = k, by = c;
            }
        }
        /* else one that no condition will determine, else the smallest */
        for (int pass = 0; pass < 2 && best < 0; pass++) {
            int64_t least = INT64_MAX;
            for (int k = 0; k < n; k++) {
                if (p.placed[k]) continue;
                bool later = false;
                for (int c = 0; c < n_cond; c++) later |= !p.used[c] && determines(&p, c, k, NULL);
                if (!pass && later) continue;
                int64_t w = weight(r->u.reduce.idx[k]->space);
                if (best < 0 || (pass && w < least)) best = k, least = w;
            }
        }
        if (!place(&p, best, by)) return false;
    }
    return true;
}
