/* subscript.c - the space check: what may subscript a dimension, and what reads beyond its edge give. */
#include "sema/scope.h"
#include <string.h>

static Boundary rule(EdgeRule r) {
    switch (r) {
    case EDGE_ZERO: return BND_ZERO;
    case EDGE_PERIODIC: return BND_PERIODIC;
    case EDGE_REFLECT: return BND_REFLECT;
    case EDGE_REPLICATE: return BND_REPLICATE;
    case EDGE_ELSE: return BND_ELSE;
    case EDGE_DEFAULT: break;
    }
    return BND_NONE;
}
Boundary boundary_of(EdgeRule grid) { return grid == EDGE_DEFAULT ? BND_ZERO : rule(grid); }
/* A literal is checked against the extent, now or when the sizes are known; NULL, without a word, when it is surely outside. */
X *literal_position(Env *e, Space *axis, const X *q, const char *what, Loc at) {
    int64_t n, v = q->u.i - (axis->kind == SP_RANGE ? axis->lo : 0);
    bool known = ext_is_const(axis->extent, &n);
    if (v < 0 || (known && v >= n)) return NULL;
    if (!known) {
        Check c = { ext_const(e->s->a, v), '<', axis->extent, arena_printf(e->s->a, "subscript %lld of `%s` is outside its dimension `%s`", (long long)q->u.i, what, axis->name), at };
        vec_add(e->s->a, e->s->p->check, c);
    }
    return x_int(e->s->a, v, DT_I64);
}
/* position in `axis` of a subscript; *bnd and *other say what lies beyond */
static X *position(Env *e, Space *axis, Expr *x, const Subscript *u, int k, const char *tensor, Boundary *bnd, X **other) {
    Sema *s = e->s;
    Arena *a = s->a;
    *bnd = BND_NONE;
    Expr *lead[8], *leaf;
    int n_lead = leading_spaces(e, x, lead, &leaf);
    if (n_lead < 0) return NULL;
    if ((n_lead || x->kind == E_TUPLE) && u && u->edge != EDGE_DEFAULT) {
        diag_help(diag_error(s->cx, D_BAD_BOUNDARY, x->loc, "`%s` is never beyond the edge of dimension %d of `%s`", expr_text(s->cx, x), k + 1, tensor), "leave the rule out");
        return NULL;
    }
    if (axis->kind == SP_SUM && (n_lead || x->kind == E_TUPLE)) {    /* A + B + i: the part behind A and B */
        Ext *off = ext_const(a, 0);
        int64_t none;
        bool fits = n_lead < axis->n_part;
        for (int j = 0; j < n_lead && fits; j++) {
            Space *l = space_of(e, lead[j]);
            if (!l) return NULL;
            fits = l == axis->part[j];
            off = ext_op(a, EXT_ADD, off, l->extent);
        }
        if (fits) {
            X *o, *q = position(e, axis->part[n_lead], leaf, NULL, k, n_lead ? arena_printf(a, "%s + ..` of `%s", axis->part[n_lead - 1]->name, tensor) : tensor, bnd, &o);
            if (!q) return NULL;
            if (*bnd != BND_NONE) { diag_help(diag_error(s->cx, D_BAD_BOUNDARY, leaf->loc, "a read beyond the edge of `%s` can't stand behind other parts", axis->part[n_lead]->name), "give the part a tensor over `%s` alone, and subscript that", axis->part[n_lead]->name); return NULL; }
            return ext_is_const(off, &none) && !none ? q : x_op(a, OP_ADD, x_ext(a, off), x_cast(a, q, DT_I64));
        }
    }
    if (n_lead) {
        diag_help(diag_error(s->cx, D_SPACE_MISMATCH, x->loc, "`%s` is not behind parts of `%s`, dimension %d of `%s`", expr_text(s->cx, leaf), axis->name, k + 1, tensor),
                  axis->kind == SP_SUM ? "parts are named in order: i, %s + j" : "only a sum of spaces has parts: input %.0s%s[in + out]", axis->kind == SP_SUM ? axis->part[0]->name : "", tensor);
        return NULL;
    }
    if (x->kind == E_TUPLE) {
        if (axis->kind != SP_PRODUCT || axis->n_part != x->arg.n) {
            diag_error(s->cx, D_SPACE_MISMATCH, x->loc, "dimension %d of `%s` is `%s`, not a product of %d spaces", k + 1, tensor, axis->name, x->arg.n);
            return NULL;
        }
        X *sum = NULL;
        for (int j = 0; j < x->arg.n; j++) {
            Boundary b; X *o;
            X *q = position(e, axis->part[j], x->arg.at[j], NULL, j, arena_printf(a, "(..) in %s", tensor), &b, &o);
            if (!q) return NULL;
            if (b != BND_NONE) { diag_help(diag_error(s->cx, D_BAD_BOUNDARY, x->arg.at[j]->loc, "a read beyond the edge of `%s` can't stand inside a pair", axis->part[j]->name), "give the pair's tensor an equation over `%s` alone", axis->part[j]->name); return NULL; }
            q = x_cast(a, q, DT_I64);                            /* the value of a map is an i32 */
            sum = sum ? x_op(a, OP_ADD, x_op(a, OP_MUL, sum, x_ext(a, axis->part[j]->extent)), q) : q;
        }
        return sum;
    }
    X *q = type_expr(e, x);
    if (!q) return NULL;
    if (!dtype_is_int(q->dt)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "a subscript is an index or an integer, this is %s", dtype_name(q->dt)); return NULL; }
    EdgeRule edge = u ? u->edge : EDGE_DEFAULT;
    for (const Space *first = axis; q->space && edge == EDGE_DEFAULT && first; first = first->kind == SP_SUM ? first->part[0] : NULL) if (q->space == first) return q;
    if (q->space && q->space != axis && !(q->space->kind == SP_RANGE && edge != EDGE_DEFAULT)) {
        Diag *d = diag_error(s->cx, D_SPACE_MISMATCH, x->loc, "`%s` ranges over `%s`, but dimension %d of `%s` is `%s`", expr_text(s->cx, x), q->space->name, k + 1, tensor, axis->name);
        Bind *b = x->kind == E_NAME ? scope_find(e->scope, x->name.s) : NULL;
        if (b) diag_note(d, b->loc, "`%s` is declared here", x->name.s);
        diag_help(d, "subscript it with an index over `%s`, or a map into it", axis->name);
        return NULL;
    }
    if (q->k == X_INT && !q->space) {
        X *at = literal_position(e, axis, q, tensor, x->loc);
        if (at) return at;
        if (edge == EDGE_DEFAULT) { diag_error(s->cx, D_OUT_OF_RANGE, x->loc, "%lld is outside `%s`, dimension %d of `%s`", (long long)q->u.i, axis->name, k + 1, tensor); return NULL; }
    }
    q = x_cast(a, as_number(e, q), DT_I64);
    if (axis->kind == SP_RANGE && axis->lo) q = x_op(a, OP_SUB, q, x_int(a, axis->lo, DT_I64));
    if (edge == EDGE_PERIODIC && u->other) {
        Ext *m = extent_of(e, u->other);
        if (!m) return NULL;
        if (!ext_equal(m, axis->extent)) { diag_error(s->cx, D_BAD_BOUNDARY, u->other->loc, "dimension %d of `%s` is `%s`: the remainder is taken by its size", k + 1, tensor, axis->name); return NULL; }
    }
    if (!u && is_scaled_place(e, axis, x)) return q;                 /* never beyond the edge, so it may stand behind other parts and in a pair */
    *bnd = edge != EDGE_DEFAULT ? rule(edge) : axis->kind == SP_GRID ? axis->boundary : axis->kind == SP_SEQ ? BND_ZERO : BND_NONE;
    if (edge == EDGE_ELSE) {
        *other = as_number(e, type_expr(e, u->other));
        return *other ? q : NULL;
    }
    if (*bnd == BND_NONE && !u) {
        diag_help(diag_error(s->cx, D_BAD_BOUNDARY, x->loc, "index arithmetic inside a pair or behind other parts has no boundary rule"), "give a tensor over `%s` an equation of its own, and subscript that", axis->name);
        return NULL;
    }
    if (*bnd == BND_NONE) {
        const char *at = expr_text(s->cx, x);
        Diag *d = diag_error(s->cx, D_BAD_BOUNDARY, x->loc, "what lies beyond the edge of `%s`, dimension %d of `%s`, is not said", axis->name, k + 1, tensor);
        if (axis->n_part && axis->kind != SP_PRODUCT) diag_help(d, "write %s[%s else 0]", tensor, at);      /* `mod` takes no size as n + m */
        else diag_help(d, "write %s[(%s) mod %s], or [%s else 0]", tensor, at, axis->name, at);
        return NULL;
    }
    return q;
}
X *read_tensor(Env *e, Value *v, Expr *at, Subscript *sub, int n, const char *name) {
    Sema *s = e->s;
    if (n != v->rank) {
        diag_note(diag_error(s->cx, D_WRONG_RANK, at->loc, "`%s` has %d dimension%s, and %d subscript%s here", name, v->rank, v->rank == 1 ? "" : "s", n, n == 1 ? "" : "s"), v->loc, "it is defined here");
        return NULL;
    }
    X *idx[16], *other[16] = { NULL };
    Boundary bnd[16];
    bool ok = n <= 16;
    for (int k = 0; k < n && k < 16; k++) {
        if (!(idx[k] = position(e, v->axis[k], sub[k].e, &sub[k], k, name, &bnd[k], &other[k]))) ok = false;
        else if (other[k] && !(other[k] = coerce(e, other[k], v->dt, sub[k].loc))) ok = false;
    }
    if (!ok) return NULL;
    /* outside its group, what lies before the first element is what the equation for T.first-1 says */
    if (v->node->kind == N_RECUR && v->node != s->recur && v->result < v->node->u.recur.member.n) {
        Member *m = &v->node->u.recur.member.at[v->result];
        int t = m->time_axis;
        if (m->before.n && bnd[t] == BND_ZERO && sub[t].edge == EDGE_DEFAULT) {
            X *val = NULL, *last = v->node->u.recur.reverse ? x_ext(s->a, ext_op(s->a, EXT_SUB, v->axis[t]->extent, ext_const(s->a, 1))) : NULL;
            for (int b = 0; b < m->before.n; b++) {
                X *at_b = x_before_first(s->p, v, t, &m->before.at[b], idx, bnd, other);
                X *where = x_int(s->a, last ? -m->before.at[b].offset : m->before.at[b].offset, DT_I64);
                if (last) where = x_op(s->a, OP_ADD, last, where);
                if (!val) val = v->dt == DT_BOOL || dtype_is_int(v->dt) ? x_int(s->a, 0, v->dt) : dtype_is_complex(v->dt) ? x_complex(s->a, 0, 0, v->dt) : x_real(s->a, 0, v->dt);
                val = x_if(s->a, x_op(s->a, OP_EQ, idx[t], where), at_b, val);
            }
            bnd[t] = BND_ELSE, other[t] = val;
        }
    }
    X *r = x_read(s->a, v, idx, bnd, other);
    r->loc = at->loc;
    return r;
}
