/* parts.c - tensors defined part by part: one equation for each part of a sum axis, for even and for odd points, for the pairs of a product axis.
 *
 *     y[b, i] = u[b, i]                 y's axis is in + (heads, dk): two parts, the second one a product
 *     y[b, in + (m, p)] = v[b, m, p]
 * All equations become one: a choice by the position along each split axis, in which every part's indices are counted from its own start. */
#include "sema/scope.h"
#include <string.h>

enum { MAX_PARTS = 256, MAX_LEADS = 7, MAX_PRODUCT = 8 };
struct Part {                            /* lead[0] + lead[1] + .. + (leaf[0], leaf[1], ..), or m*leaf[0] + r */
    Expr *lead[8], *leaf[8];
    int n_lead, n;
    int64_t m, r;                        /* m = 1: not split so */
};
/* Whether x is written as a space: a name, (heads, dk), g.nodes, 2*X, X/2, pad(X, 1, 1), and sums of those in parentheses. */
static bool names_space(Env *e, Expr *x) {
    switch (x->kind) {
    case E_NAME: {
        if (local_index(e, x->name.s)) return false;
        Bind *b = scope_find(e->scope, x->name.s);
        const char *dot = b ? NULL : strrchr(x->name.s, '.');
        if (dot) b = scope_find(e->scope, intern_n(e->s->cx, x->name.s, (size_t)(dot - x->name.s)));
        return b && (dot ? b->kind == B_GRAPH : b->kind == B_SPACE);
    }
    case E_RANGE: return x->parens;
    case E_TUPLE:
        for (int k = 0; k < x->arg.n; k++) if (!names_space(e, x->arg.at[k])) return false;
        return x->arg.n > 0;
    case E_BINARY:
        if (x->op == B_ADD) return x->parens && names_space(e, x->arg.at[0]) && names_space(e, x->arg.at[1]);
        if (x->op == B_MUL) return x->arg.at[0]->kind == E_INT && names_space(e, x->arg.at[1]);
        return x->op == B_DIV && x->arg.at[1]->kind == E_INT && names_space(e, x->arg.at[0]);
    case E_CALL:
        return x->call.n == 3 && x->arg.at[0]->kind == E_NAME && (!strcmp(x->arg.at[0]->name.s, "pad") || !strcmp(x->arg.at[0]->name.s, "crop")) && names_space(e, x->call.at[0].value);
    default: return false;
    }
}
/* A + B + i: the spaces in front, and in *leaf what stands behind them; 0: x begins with no space; -1 after a diagnostic. */
int leading_spaces(Env *e, Expr *x, Expr *lead[8], Expr **leaf) {
    VEC(Expr *) term = { 0 };                                        /* from the last to the second */
    Expr *y = x;
    for (; y->kind == E_BINARY && y->op == B_ADD && !(y->parens && y != x); y = y->arg.at[0]) vec_add(e->s->a, term, y->arg.at[1]);
    *leaf = x;
    int n = term.n, m = 0;
    if (!n || !names_space(e, y)) return 0;
    lead[m++] = y;
    while (n > 1 && names_space(e, term.at[n - 1])) {
        if (m == MAX_LEADS) { diag_error(e->s->cx, D_NOT_A_SPACE, term.at[n - 2]->loc, "a sum axis has at most %d parts: `%s` would be in one more", MAX_LEADS + 1, expr_text(e->s->cx, term.at[n - 2])); return -1; }
        lead[m++] = term.at[--n];
    }
    *leaf = term.at[--n];
    while (n > 0) {                                                  /* A + i + 1: all that is left */
        Expr *sum = NEW(e->s->a, Expr);
        *sum = (Expr){ .kind = E_BINARY, .op = B_ADD, .loc = (*leaf)->loc };
        vec_add(e->s->a, sum->arg, *leaf);
        vec_add(e->s->a, sum->arg, term.at[--n]);
        *leaf = sum;
    }
    return m;
}
/* The index that a name on the left stands for. */
Index *left_index(Env *e, Expr *u, const char *tensor) {
    if (u->kind == E_NAME) {
        Bind *b = scope_find(e->scope, u->name.s);
        if (b && b->kind == B_INDEX) {
            if (local_index(e, u->name.s)) { diag_error(e->s->cx, D_UNUSED_INDEX, u->loc, "`%s` stands twice on the left of `%s`", u->name.s, tensor); return NULL; }
            Index *i = program_index(e->s->p, u->name.s, b->space);
            push_index(e, u->name.s, i);
            return i;
        }
        if (!b) { unknown_name(e, u->name); return NULL; }
        if (b->kind == B_POISON) return NULL;
    }
    diag_help(diag_error(e->s->cx, D_UNUSED_INDEX, u->loc, "`%s` on the left of `%s` is not an index", expr_text(e->s->cx, u), tensor), "declare one: index i: ...");
    return NULL;
}
/* m*i + r: m, r and i; m is 1 when x has another form */
static int64_t every(Expr *x, int64_t *r, Expr **i) {
    *r = 0;
    if (x->kind == E_BINARY && x->op == B_ADD && x->arg.at[1]->kind == E_INT) *r = x->arg.at[1]->i, x = x->arg.at[0];
    if (x->kind != E_BINARY || x->op != B_MUL || x->arg.at[0]->kind != E_INT || x->arg.at[0]->i < 2) return 1;
    *i = x->arg.at[1];
    return x->arg.at[0]->i;
}
/* Whether x is 2*i or 2*i + 1 with i over X, where axis is 2*X: a place that axis surely has. */
bool is_scaled_place(Env *e, Space *axis, Expr *x) {
    int64_t r;
    Expr *i;
    int64_t m = every(x, &r, &i);
    Bind *b = m > 1 && i->kind == E_NAME ? scope_find(e->scope, i->name.s) : NULL;
    return b && b->kind == B_INDEX && b->space && r >= 0 && r < m && m < 1 << 20 && axis->n_part == 1 && axis->part[0] == b->space && space_scaled(e->s, b->space, (int)m, 1) == axis;
}
static bool part_of(Env *e, Expr *u, Part *p) {
    *p = (Part){ .leaf = { u }, .n = 1, .m = 1 };
    if ((p->n_lead = leading_spaces(e, u, p->lead, &p->leaf[0])) < 0) return false;
    Expr *x = p->leaf[0];
    if (x->kind == E_TUPLE) {
        if (x->arg.n > MAX_PRODUCT) { diag_error(e->s->cx, D_NOT_A_SPACE, x->arg.at[MAX_PRODUCT]->loc, "a product has at most %d spaces", MAX_PRODUCT); return false; }
        p->n = 0;
        for (int k = 0; k < x->arg.n; k++) p->leaf[p->n++] = x->arg.at[k];
        return true;
    }
    if (!p->n_lead) p->m = every(x, &p->r, &p->leaf[0]);
    return true;
}
/* The space of the positions that the leaf of p counts; NULL after a diagnostic. */
static Space *leaf_space(Env *e, const Part *p, const char *name) {
    Space *sp[8];
    for (int j = 0; j < p->n; j++) {
        Bind *b = p->leaf[j]->kind == E_NAME ? scope_find(e->scope, p->leaf[j]->name.s) : NULL;
        int64_t r;
        Expr *i;
        if (p->n_lead && p->n == 1 && every(p->leaf[0], &r, &i) > 1) {
            diag_help(diag_error(e->s->cx, D_UNUSED_INDEX, p->leaf[0]->loc, "`%s` stands for some places of a part of `%s` only", expr_text(e->s->cx, p->leaf[0]), name),
                      "define a tensor over that part alone, u[%s] = .., and the part by it: index w: ..; %s[.. + w] = u[w]", expr_text(e->s->cx, p->leaf[0]), name);
            return NULL;
        }
        if (!b || b->kind != B_INDEX) { Env f = *e; left_index(&f, p->leaf[j], name); return NULL; }
        if (!(sp[j] = b->space)) return NULL;
    }
    return p->n > 1 ? space_product(e->s, sp, p->n) : p->m > 1 ? space_scaled(e->s, sp[0], (int)p->m, 1) : sp[0];
}
bool parts_find(Sema *s, Scope *c, const char *name, Stmt **eq, int n_eq, int skip, Parts *r) {
    Expr *first = eq[0]->lhs.at[0];
    int rank = first->kind == E_SUBSCRIPT ? first->sub.n : 0;
    *r = (Parts){ .name = name, .eq = eq, .n_eq = n_eq, .rank = rank, .skip = skip, .plain = n_eq == 1 };
    if (rank > 8) { diag_error(s->cx, D_WRONG_RANK, first->loc, "`%s` has more than 8 dimensions", name); return false; }
    if (n_eq > MAX_PARTS) { diag_error(s->cx, D_UNSUPPORTED, first->loc, "`%s` has more than %d equations", name, MAX_PARTS); return false; }
    bool behind[8] = { false };                                      /* the axis is known as one of several parts, not from an index over one */
    r->part = NEWN(s->a, Part, n_eq * rank + 1);
    r->axis = NEWN(s->a, Space *, rank + 1);
    for (int q = 0; q < n_eq; q++) {
        Expr *l = eq[q]->lhs.at[0];
        Env e = env_of(s, c);
        if ((l->kind == E_SUBSCRIPT ? l->sub.n : 0) != rank) { diag_note(diag_error(s->cx, D_WRONG_RANK, l->loc, "`%s` has %d subscripts here, and %d elsewhere", name, l->sub.n, rank), first->loc, "here"); return false; }
        for (int k = 0; k < rank; k++) {
            if (k == skip) continue;
            Part *p = &r->part[q * rank + k];
            if (!part_of(&e, l->sub.at[k].e, p)) return false;
            r->plain &= p->n == 1 && p->m == 1 && !p->n_lead && p->leaf[0]->kind != E_TUPLE;
            Space *whole = leaf_space(&e, p, name), *all[8];
            if (!whole) return false;
            for (int j = 0; j < p->n_lead; j++) if (!(all[j] = space_of(&e, p->lead[j]))) return false;
            if (p->n_lead) all[p->n_lead] = whole, whole = space_sum(s, all, p->n_lead + 1);
            if (!r->axis[k] || (p->n_lead && (!behind[k] || r->axis[k]->n_part < whole->n_part))) r->axis[k] = whole, behind[k] = p->n_lead > 0;
        }
    }
    return true;
}
/* The type of an equation's right side. */
static X *settle(Env *e, X *x, const char *dtype, Loc at) {
    if (dtype) return coerce(e, x, dtype_from_name(dtype), at);
    if ((x->k == X_INT && x->dt != DT_BOOL && !x->space)) return coerce(e, x, e->s->real, at);
    if (x->space && x->k != X_INDEX && x->k != X_INT && x->k != X_EXT) return x_cast(e->s->a, x, DT_I32);      /* a map: its values are positions */
    return as_number(e, x);
}
static void other_axis(Sema *s, const Parts *r, const Part *p, int k, const Space *is) {
    diag_error(s->cx, D_SPACE_MISMATCH, p->leaf[0]->loc, "dimension %d of `%s` is `%s` in one equation and `%s` in another", k + 1, r->name, r->axis[k]->name, is->name);
}
/* The positions of p's leaves, counted from z; in *when what holds for z in this part (NULL: for all). */
static bool part_positions(Env *e, const Parts *r, const Part *p, int k, Index *z, Index **from, X **to, int *m, X **when) {
    Arena *a = e->s->a;
    Space *whole = leaf_space(e, p, r->name);
    Index *leaf[8];
    X *at = x_index(a, z);
    *when = NULL;
    if (!whole) return false;
    for (int j = 0; j < p->n; j++) if (!(leaf[j] = left_index(e, p->leaf[j], r->name))) return false;
    if (p->m > 1) {
        X *step = x_int(a, p->m, DT_I64);
        *when = x_op(a, OP_EQ, x_op(a, OP_MOD, at, step), x_int(a, p->r, DT_I64));
        from[*m] = leaf[0], to[(*m)++] = x_op(a, OP_FLOORDIV, at, step);
        return true;
    }
    if (whole != r->axis[k]) {
        Ext *off = ext_const(a, 0);
        if (r->axis[k]->kind != SP_SUM) {
            other_axis(e->s, r, p, k, whole);
            return false;
        }
        for (int j = 0; j < p->n_lead; j++) {
            Space *l = space_of(e, p->lead[j]);
            if (!l) return false;
            if (l != r->axis[k]->part[j]) { diag_error(e->s->cx, D_SPACE_MISMATCH, p->lead[j]->loc, "`%s` is not part %d of `%s`", l->name, j + 1, r->axis[k]->name); return false; }
            off = ext_op(a, EXT_ADD, off, l->extent);
        }
        if (whole != r->axis[k]->part[p->n_lead]) { diag_error(e->s->cx, D_SPACE_MISMATCH, p->leaf[0]->loc, "`%s` is not part %d of `%s`", whole->name, p->n_lead + 1, r->axis[k]->name); return false; }
        X *below = x_op(a, OP_LT, at, x_ext(a, ext_op(a, EXT_ADD, off, whole->extent)));
        *when = p->n_lead ? x_op(a, OP_AND, x_op(a, OP_GE, at, x_ext(a, off)), below) : below;
        at = x_op(a, OP_SUB, at, x_ext(a, off));                     /* a position of the part, no longer one of z's space */
    }
    for (int j = p->n - 1; j > 0; j--) {
        X *w = x_ext(a, leaf[j]->space->extent);
        from[*m] = leaf[j], to[(*m)++] = x_op(a, OP_MOD, at, w);
        at = x_op(a, OP_FLOORDIV, at, w);
    }
    from[*m] = leaf[0], to[(*m)++] = at;
    return true;
}
/* Every part once: the cells of the dimensions that are split; -1 stands for a whole dimension. */
typedef int CellRow[8];
/* The first cell that no equation has, as a person would name it. */
static const char *first_missing(Sema *s, const Parts *r, CellRow *cell, const int *want) {
    int at[8] = { 0 };
    for (bool has = true; has; ) {
        has = false;
        for (int q = 0; q < r->n_eq && !has; q++) {
            bool in = true;
            for (int k = 0; k < r->rank; k++) in &= cell[q][k] < 0 || cell[q][k] == at[k];
            has = in;
        }
        if (!has) break;
        for (int k = r->rank - 1; k >= 0 && ++at[k] == want[k]; k--) at[k] = 0;
    }
    const char *text = "";
    for (int k = 0; k < r->rank; k++) {
        if (want[k] < 2) continue;
        bool sum = true;
        for (int q = 0; q < r->n_eq; q++) sum &= r->part[q * r->rank + k].m == 1;
        text = arena_printf(s->a, "%s%s", text, *text ? " with " : "");
        text = sum ? arena_printf(s->a, "%spart `%s` of dimension %d", text, r->axis[k]->part[at[k]]->name, k + 1) : arena_printf(s->a, "%splaces %d*.. + %d of dimension %d", text, want[k], at[k], k + 1);
    }
    return text;
}
static bool covered_once(Sema *s, Scope *c, const Parts *r) {
    int64_t cells = 1, covered = 0;
    CellRow *cell = NEWN(s->a, CellRow, r->n_eq);
    int want[8];
    for (int k = 0; k < r->rank; k++) {
        want[k] = 1;
        for (int q = 0; q < r->n_eq; q++) {
            const Part *p = &r->part[q * r->rank + k];
            Env e = env_of(s, c);
            cell[q][k] = -1;
            if (k == r->skip || (p->m == 1 && !p->n_lead && leaf_space(&e, p, r->name) == r->axis[k])) continue;
            cell[q][k] = p->m > 1 ? (int)p->r : p->n_lead;
            if (p->m > 1 || r->axis[k]->kind == SP_SUM) want[k] = p->m > 1 ? (int)p->m : r->axis[k]->n_part;
            if (p->m > 1 && (p->r < 0 || p->r >= p->m || p->m > 1024)) { diag_error(s->cx, D_OUT_OF_RANGE, r->eq[q]->loc, "the parts of dimension %d of `%s` are %lld*.. + 0 to %lld", k + 1, r->name, (long long)p->m, (long long)p->m - 1); return false; }
            for (int o = 0; o < q; o++) {
                const Part *w = &r->part[o * r->rank + k];
                if (w->m == 1 || p->m == 1 || w->m == p->m) continue;
                diag_note(diag_error(s->cx, D_PART_MISSING, r->eq[q]->loc, "dimension %d of `%s` is split into %lld here, and otherwise elsewhere", k + 1, r->name, (long long)p->m), r->eq[o]->loc, "here");
                return false;
            }
            Space *whole = leaf_space(&e, p, r->name);
            if (p->m > 1 && whole != r->axis[k]) { other_axis(s, r, p, k, whole); return false; }
        }
        cells *= want[k];
        if (cells > 1 << 20) { diag_error(s->cx, D_UNSUPPORTED, r->eq[0]->loc, "`%s` has too many parts", r->name); return false; }
    }
    for (int q = 0; q < r->n_eq; q++) {
        int64_t own = 1;
        for (int k = 0; k < r->rank; k++) if (cell[q][k] < 0) own *= want[k];
        covered += own;
        for (int o = 0; o < q; o++) {
            bool meet = true;
            for (int k = 0; k < r->rank; k++) meet &= cell[q][k] < 0 || cell[o][k] < 0 || cell[q][k] == cell[o][k];
            if (meet) { diag_note(diag_error(s->cx, D_PART_OVERLAP, r->eq[q]->loc, cells > 1 ? "this part of `%s` is defined twice" : "`%s` is defined already", r->name), r->eq[o]->loc, "it is defined here"); return false; }
        }
    }
    if (covered < cells) {
        diag_help(diag_error(s->cx, D_PART_MISSING, r->eq[0]->loc, "`%s` has %lld parts, and equations for %lld of them: there is none for %s", r->name, (long long)cells, (long long)covered, first_missing(s, r, cell, want)),
                  "write an equation for each part");
        return false;
    }
    return true;
}
X *parts_join(Sema *s, Scope *c, Parts *r, Index **idx) {
    Arena *a = s->a;
    Env e = env_of(s, c);
    r->at = r->eq[0]->rhs.at[0]->loc;
    if (r->plain) {
        for (int k = 0; k < r->rank; k++) if (k != r->skip) push_index(&e, r->eq[0]->lhs.at[0]->sub.at[k].e->name.s, idx[k]);
        X *x = type_expr(&e, r->eq[0]->rhs.at[0]);
        return x ? settle(&e, x, r->eq[0]->dtype, r->eq[0]->rhs.at[0]->loc) : NULL;
    }
    X **value = NEWN(a, X *, r->n_eq), **when = NEWN(a, X *, r->n_eq), *result = NULL;
    Dtype t = DT_NONE;
    for (int q = 0; q < r->n_eq; q++) {
        Env f = e;
        Index *from[64];
        X *to[64];
        int m = 0;
        for (int k = 0; k < r->rank; k++) {
            X *w = NULL;
            if (k == r->skip) continue;
            if (!part_positions(&f, r, &r->part[q * r->rank + k], k, idx[k], from, to, &m, &w)) return NULL;
            if (w) when[q] = when[q] ? x_op(a, OP_AND, when[q], w) : w;
        }
        X *v = type_expr(&f, r->eq[q]->rhs.at[0]);
        if (!v || !(v = settle(&f, v, r->eq[q]->dtype, r->eq[q]->rhs.at[0]->loc))) return NULL;
        Dtype both = t == DT_NONE || t == v->dt || t == DT_BOOL || v->dt == DT_BOOL ? v->dt : wider_type(t, v->dt);
        if (both != t) t = both, r->at = r->eq[q]->rhs.at[0]->loc;
        value[q] = x_substitute(s->p, v, m, from, to);
    }
    for (int q = 0; q < r->n_eq; q++) if (!(value[q] = coerce(&e, value[q], r->want != DT_NONE ? r->want : t, r->eq[q]->rhs.at[0]->loc))) return NULL;
    if (!covered_once(s, c, r)) return NULL;
    result = value[r->n_eq - 1];
    for (int q = r->n_eq - 2; q >= 0; q--) result = x_if(a, when[q], value[q], result);
    return result;
}
