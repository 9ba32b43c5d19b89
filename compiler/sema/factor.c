/* factor.c - factorisations and selections: the body becomes a tensor with the axes acted on in place, the node makes its results,
 * and the equation reads them.
 *
 *     x[b, i] = solve(i, j) A[b, i, j], y[b, i]          U[i, r], s[r], V[j, r] = svd(i, j) A[i, j]
 *     pick[t, r], val[t, r] = top(m) score[t, m]         order[r], y[r] = sort(m) x[m]
 *
 * A factorisation acts on the last two axes; all axes before are batch, in order of the indices' creation. */
#include "sema/scope.h"
#include <string.h>

typedef struct Kind { const char *name; FactorKind kind; int n_in, n_result; bool square; } Kind;
static const Kind kinds[] = {
    { "cholesky", F_CHOLESKY, 1, 1, true }, { "solve", F_SOLVE, 2, 1, true }, { "lstsq", F_LSTSQ, 2, 1, false }, { "logdet", F_LOGDET, 1, 1, true },
    { "inverse", F_INVERSE, 1, 1, true }, { "qr", F_QR, 1, 2, false }, { "svd", F_SVD, 1, 3, false }, { "eigh", F_EIGH, 1, 2, true }, { "eig", F_EIG, 1, 2, true },
};
typedef struct Factor { const Kind *kind; Node *node; Index *batch[16], *i, *j, *column; int n_batch; Dtype dt; } Factor;

/* The node without its results. */
static bool open_factor(Env *outer, Expr *x, Factor *f) {
    Sema *s = outer->s;
    *f = (Factor){ 0 };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) if (!strcmp(kinds[k].name, x->name.s)) f->kind = &kinds[k];
    if (!f->kind || x->bind.n != 2) { diag_error(s->cx, D_BAD_FACTOR, x->loc, "`%s` acts on two indices: %s(i, j) ...", x->name.s, x->name.s); return false; }
    if (x->arg.n != f->kind->n_in) { diag_error(s->cx, D_BAD_FACTOR, x->loc, "`%s` takes %d tensor%s, not %d", x->name.s, f->kind->n_in, f->kind->n_in == 1 ? "" : "s", x->arg.n); return false; }
    Env in = *outer;
    if (!(f->i = bind_index(&in, x->bind.at[0].index)) || !(f->j = bind_index(&in, x->bind.at[1].index))) return false;
    if (f->kind->square && f->i->space != f->j->space) {
        diag_error(s->cx, D_BAD_FACTOR, x->loc, "`%s` takes square matrices, but `%s` ranges over `%s` and `%s` over `%s`", x->name.s, f->i->name, f->i->space->name, f->j->name, f->j->space->name);
        return false;
    }
    X *body[2] = { NULL, NULL };
    Index *free_[2][16];
    int n[2] = { 0, 0 };
    for (int k = 0; k < f->kind->n_in; k++) {
        if (!(body[k] = as_number(&in, type_expr(&in, x->arg.at[k])))) return false;
        if (body[k]->dt == DT_BOOL) { diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[k]->loc, "`%s` takes numbers, this is bool", x->name.s); return false; }
        if (dtype_is_int(body[k]->dt) && !(body[k] = coerce(&in, body[k], s->real, x->loc))) return false;
        if (body[k]->dt == DT_F16 || body[k]->dt == DT_BF16) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, x->arg.at[k]->loc, "`%s` works in f32 and f64, this is %s", x->name.s, dtype_name(body[k]->dt)), "f32(...)"); return false; }
        n[k] = free_indices(&in, body[k], free_[k], 16);
    }
    if (f->kind->n_in == 2 && body[0]->dt != body[1]->dt) {
        Dtype t = dtype_is_complex(body[0]->dt) || dtype_is_complex(body[1]->dt) ? dtype_complex_of(dtype_is_complex(body[0]->dt) ? body[0]->dt : body[1]->dt) : DT_F64;
        for (int k = 0; k < 2; k++) if (!(body[k] = coerce(&in, body[k], t, x->arg.at[k]->loc))) return false;
    }
    f->dt = body[0]->dt;
    for (int k = 0; k < n[0]; k++) if (free_[0][k] != f->i && free_[0][k] != f->j) f->batch[f->n_batch++] = free_[0][k];
    for (int k = 0; k < n[1]; k++) {                             /* the right side: its last own index is the column */
        Index *q = free_[1][k];
        if (q == f->j) { diag_help(diag_error(s->cx, D_BAD_FACTOR, x->arg.at[1]->loc, "the right side of `%s` has rows `%s`, no `%s`", x->name.s, f->i->name, f->j->name), "A[%s, %s] x[%s] = b[%s]: write b[.., %s, ..]", f->i->name, f->j->name, f->j->name, f->i->name, f->i->name); return false; }
        bool have = q == f->i;
        for (int j = 0; j < f->n_batch; j++) have |= f->batch[j] == q;
        if (have) continue;
        if (f->column && f->n_batch < 16) f->batch[f->n_batch++] = f->column;
        f->column = q;
    }
    f->node = program_node(s->p, N_FACTOR, x->loc);
    f->node->u.factor.kind = f->kind->kind, f->node->u.factor.n_in = f->kind->n_in;
    for (int k = 0; k < f->kind->n_in; k++) {
        Index *idx[20];
        int m = 0;
        for (; m < f->n_batch; m++) idx[m] = f->batch[m];
        idx[m++] = f->i;
        if (k == 0) idx[m++] = f->j; else if (f->column) idx[m++] = f->column;
        if (!(f->node->u.factor.in[k] = materialise(&in, body[k], idx, m, NULL, x->arg.at[k]->loc))) return false;
    }
    return true;
}
X *type_factor(Env *e, Expr *x) {
    Sema *s = e->s;
    Factor f;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) if (!strcmp(kinds[k].name, x->name.s) && kinds[k].n_result > 1) {
        diag_help(diag_error(s->cx, D_BAD_FACTOR, x->loc, "`%s` has %d results, so it is the whole right side of an equation with %d left sides", x->name.s, kinds[k].n_result, kinds[k].n_result),
                  kinds[k].kind == F_QR ? "Q[i, r], R[r, j] = qr(i, j) A[i, j]" : kinds[k].kind == F_SVD ? "U[i, r], s[r], V[j, r] = svd(i, j) A[i, j]" : "w[r], V[i, r] = %s(i, j) A[i, j]", x->name.s);
        return NULL;
    }
    if (!open_factor(e, x, &f)) return NULL;
    Index *idx[20];
    int n = 0;
    for (; n < f.n_batch; n++) idx[n] = f.batch[n];
    const Index *own[2] = { f.kind->kind == F_LOGDET ? NULL : f.kind->kind == F_LSTSQ ? f.j : f.i, f.kind->kind == F_CHOLESKY || f.kind->kind == F_INVERSE ? f.j : NULL };
    for (int k = 0; k < 2; k++) if (own[k]) {                    /* read at the indices of the same names on the left */
        Index *q = local_index(e, own[k]->name);
        if (!q || q->space != own[k]->space) { diag_help(diag_error(s->cx, D_UNBOUND_INDEX, x->loc, "the result of `%s` is read at `%s`, which is not on the left", x->name.s, own[k]->name), "put `%s` on the left", own[k]->name); return NULL; }
        idx[n++] = q;
    }
    if (f.column) idx[n++] = f.column;
    Space *axis[20];
    X *at[20];
    for (int k = 0; k < n; k++) axis[k] = idx[k]->space, at[k] = x_index(s->a, idx[k]);
    Value *v = program_value(s->p, f.node, NULL, f.kind->kind == F_LOGDET ? dtype_real_of(f.dt) : f.dt, n, axis);
    vec_add(s->a, s->p->node, f.node);
    X *r = x_read(s->a, v, at, NULL, NULL);
    r->loc = x->loc;
    return r;
}

/* ---- several left sides ------------------------------------------------------------------------------------------ */
static Def *left_def(Scope *c, Stmt *st, int k) {
    Expr *q = st->lhs.at[k]->kind == E_SUBSCRIPT ? st->lhs.at[k]->arg.at[0] : st->lhs.at[k];
    for (int j = 0; j < c->def.n; j++) if (q->kind == E_NAME && c->def.at[j]->name == q->name.s && c->def.at[j]->many == st) return c->def.at[j];
    return NULL;
}
/* left side k as indices; names that stand on several left sides are one index */
static bool left_indices(Env *e, Stmt *st, int k, Index **idx, int *n) {
    Expr *l = st->lhs.at[k];
    *n = 0;
    if (l->kind != E_SUBSCRIPT) return true;
    if (l->sub.n > 8) { diag_error(e->s->cx, D_WRONG_RANK, l->loc, "`%s` has more than 8 dimensions", expr_text(e->s->cx, l->arg.at[0])); return false; }
    for (int j = 0; j < l->sub.n; j++) {
        Expr *u = l->sub.at[j].e;
        Index *i = u->kind == E_NAME ? local_index(e, u->name.s) : NULL;
        if (!i && !(i = left_index(e, u, expr_text(e->s->cx, l->arg.at[0])))) return false;
        for (int q = 0; q < *n; q++) if (idx[q] == i) { diag_error(e->s->cx, D_UNUSED_INDEX, u->loc, "`%s` stands twice on the left", i->name); return false; }
        idx[(*n)++] = i;
    }
    return true;
}
/* result `v` with axes `have` as the tensor d with axes `want` */
static bool give(Env *e, Def *d, Value *v, Index **have, Index **want, int n, Loc at) {
    bool same = true;
    for (int k = 0; k < n; k++) same &= have[k] == want[k];
    const char *name = dotted(e->s, d->scope, d->name);
    if (same) { v->name = name, v->loc = at, d->value = v; return true; }
    X *to[20];
    for (int k = 0; k < n; k++) to[k] = x_index(e->s->a, have[k]);
    Value *r = materialise(e, x_read(e->s->a, v, to, NULL, NULL), want, n, name, at);
    if (r) r->target = v->target;
    d->value = r;
    return r != NULL;
}
static bool same_set(Index **a, int n, Index **b, int m) {
    if (n != m) return false;
    for (int k = 0; k < n; k++) { bool have = false; for (int j = 0; j < m; j++) have |= a[k] == b[j]; if (!have) return false; }
    return true;
}
static bool define_factor(Env *e, Stmt *st, Scope *c, Expr *x) {
    Sema *s = e->s;
    Factor f;
    Index *left[4][8];
    int n[4];
    const Kind *kind = NULL;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) if (!strcmp(kinds[k].name, x->name.s)) kind = &kinds[k];
    if (!kind || kind->n_result != st->lhs.n) { diag_error(s->cx, D_BAD_FACTOR, st->loc, "`%s` has %d result%s, and here are %d left sides", x->name.s, kind ? kind->n_result : 1, kind && kind->n_result == 1 ? "" : "s", st->lhs.n); return false; }
    for (int k = 0; k < st->lhs.n; k++) if (!left_indices(e, st, k, left[k], &n[k])) return false;
    if (!open_factor(e, x, &f)) return false;
    Index *i = local_index(e, f.i->name), *j = local_index(e, f.j->name), *r = NULL;
    for (int k = 0; k < st->lhs.n; k++) for (int q = 0; q < n[k]; q++) {
        Index *w = left[k][q];
        bool batch = w == i || w == j;
        for (int b = 0; b < f.n_batch; b++) batch |= f.batch[b] == w;
        if (!batch && r && r != w) { diag_error(s->cx, D_BAD_FACTOR, st->lhs.at[k]->loc, "`%s` is on the left, but the matrices don't depend on it", w->name); return false; }
        if (!batch) r = w;
    }
    if (!r) { diag_help(diag_error(s->cx, D_BAD_FACTOR, st->loc, "an index for the results of `%s` is missing on the left", x->name.s), "one over a space of the smaller size"); return false; }
    Ext *want = f.kind->square ? f.i->space->extent : ext_op(s->a, EXT_MIN, f.i->space->extent, f.j->space->extent);
    int64_t p, q;
    if (ext_is_const(want, &p) && ext_is_const(r->space->extent, &q)) { if (p != q) { diag_error(s->cx, D_BAD_FACTOR, st->loc, "`%s` has %lld elements, but `%s` gives %lld", r->space->name, (long long)q, x->name.s, (long long)p); return false; } }
    else if (!ext_equal(want, r->space->extent)) vec_add(s->a, s->p->check, (Check){ want, '=', r->space->extent, arena_printf(s->a, "`%s` must have as many elements as `%s` gives", r->space->name, x->name.s), st->loc });
    /* which of i, j, r each result has, in this order */
    static const char *const shape[] = { [F_QR] = "ir rj", [F_SVD] = "ir r jr", [F_EIGH] = "r ir", [F_EIG] = "r ir" };
    const char *t = shape[f.kind->kind];
    Index *have[4][20];
    for (int k = 0; k < st->lhs.n; k++) {
        int m = 0;
        for (; m < f.n_batch; m++) have[k][m] = f.batch[m];
        for (; *t && *t != ' '; t++) {
            Index *w = *t == 'i' ? i : *t == 'j' ? j : r;
            if (!w || (w != r && w->space != (*t == 'i' ? f.i : f.j)->space)) { diag_error(s->cx, D_BAD_FACTOR, st->lhs.at[k]->loc, "result %d of `%s` has the index `%s`", k + 1, x->name.s, *t == 'i' ? f.i->name : f.j->name); return false; }
            have[k][m++] = w;
        }
        t += *t == ' ';
        if (!same_set(have[k], m, left[k], n[k])) {
            const char *text = "";
            for (int b = 0; b < m; b++) text = arena_printf(s->a, "%s%s%s", text, b ? ", " : "", have[k][b]->name);
            diag_help(diag_error(s->cx, D_BAD_FACTOR, st->lhs.at[k]->loc, "result %d of `%s` has other indices", k + 1, x->name.s), "they are: %s", text);
            return false;
        }
        Space *axis[20];
        for (int b = 0; b < m; b++) axis[b] = have[k][b]->space;
        bool real = (f.kind->kind == F_SVD && k == 1) || (f.kind->kind == F_EIGH && k == 0);
        program_value(s->p, f.node, NULL, f.kind->kind == F_EIG ? dtype_complex_of(f.dt) : real ? dtype_real_of(f.dt) : f.dt, m, axis);
    }
    vec_add(s->a, s->p->node, f.node);
    bool ok = true;
    for (int k = 0; k < st->lhs.n; k++) { Def *d = left_def(c, st, k); if (d) ok &= give(e, d, f.node->result[k], have[k], left[k], n[k], st->loc); }
    return ok;
}
static bool define_select(Env *e, Stmt *st, Scope *c, Expr *x) {
    Sema *s = e->s;
    bool top = !strcmp(x->name.s, "top"), down = !strcmp(x->name.s, "sort_down");
    if (!top && !down && strcmp(x->name.s, "sort")) { diag_error(s->cx, D_BAD_SELECTION, x->loc, "`%s` has one result", x->name.s); return false; }
    if (st->lhs.n != 2 || x->bind.n != 1) { diag_help(diag_error(s->cx, D_BAD_SELECTION, st->loc, "`%s` takes one index and gives places and values", x->name.s), "p[.., r], y[.., r] = %s(m) ...", x->name.s); return false; }
    Index *left[2][8], *m;
    int n[2];
    for (int k = 0; k < 2; k++) if (!left_indices(e, st, k, left[k], &n[k])) return false;
    Env in = *e;
    if (!(m = bind_index(&in, x->bind.at[0].index))) return false;
    X *body = as_number(&in, type_expr(&in, x->arg.at[0]));
    if (!body) return false;
    if (body->dt == DT_BOOL || dtype_is_complex(body->dt)) { diag_error(s->cx, D_TYPE_MISMATCH, x->loc, "`%s` needs an order, %s has none", x->name.s, dtype_name(body->dt)); return false; }
    if (!x_uses_index(body, m)) { diag_error(s->cx, D_BAD_SELECTION, x->loc, "what is chosen from does not depend on `%s`", m->name); return false; }
    Index *free_[16], *r = NULL;
    int nf = free_indices(&in, body, free_, 16), place = -1;
    for (int k = 0; k < n[0]; k++) {
        bool used = false;
        for (int j = 0; j < nf; j++) used |= free_[j] == left[0][k];
        if (used) continue;
        if (r) { diag_error(s->cx, D_BAD_SELECTION, st->lhs.at[0]->loc, "both `%s` and `%s` could count the places: what is chosen from depends on neither", r->name, left[0][k]->name); return false; }
        r = left[0][k], place = k;
    }
    if (!r) { diag_help(diag_error(s->cx, D_BAD_SELECTION, st->lhs.at[0]->loc, "an index that counts the places is missing on the left"), "p[.., r], y[.., r] = %s(%s) ...", x->name.s, m->name); return false; }
    if (!same_set(left[0], n[0], left[1], n[1])) { diag_error(s->cx, D_BAD_SELECTION, st->lhs.at[1]->loc, "places and values have the same indices"); return false; }
    int64_t p, q;
    const char *text = arena_printf(s->a, top ? "`%s` has more places than `%s` has elements" : "`%s` must have as many elements as `%s`", r->space->name, m->space->name);
    if (r->space != m->space && !ext_equal(r->space->extent, m->space->extent)) {
        if (ext_is_const(r->space->extent, &p) && ext_is_const(m->space->extent, &q)) { if (top ? p > q : p != q) { diag_error(s->cx, D_BAD_SELECTION, st->loc, "%s", text); return false; } }
        else vec_add(s->a, s->p->check, (Check){ r->space->extent, top ? 'L' : '=', m->space->extent, text, st->loc });
    }
    Index *idx[8];
    Space *axis[8];
    for (int k = 0; k < n[0]; k++) idx[k] = left[0][k], axis[k] = idx[k]->space;
    idx[place] = m;
    for (int k = 0; k < nf; k++) {
        bool have = false;
        for (int j = 0; j < n[0]; j++) have |= idx[j] == free_[k];
        if (!have) { diag_error(s->cx, D_UNBOUND_INDEX, x->loc, "what is chosen from depends on `%s`, which is not on the left", free_[k]->name); return false; }
    }
    Value *v = materialise(&in, body, idx, n[0], NULL, x->loc);
    if (!v) return false;
    Node *node = program_node(s->p, N_SELECT, x->loc);
    node->u.select.kind = top ? SEL_TOP : SEL_SORT, node->u.select.in = v, node->u.select.axis = place, node->u.select.descending = top || down;
    Value *pick = program_value(s->p, node, NULL, DT_I32, n[0], axis);
    pick->target = m->space;
    program_value(s->p, node, NULL, body->dt, n[0], axis);
    vec_add(s->a, s->p->node, node);
    bool ok = true;
    for (int k = 0; k < 2; k++) { Def *d = left_def(c, st, k); if (d) ok &= give(e, d, node->result[k], left[0], left[k], n[k], st->loc); }
    return ok;
}
bool define_many(Sema *s, Stmt *st, Scope *c) {
    Env e = env_of(s, c);
    for (int k = 0; k < st->lhs.n; k++) { Def *d = left_def(c, st, k); if (d) d->state = 1; }
    Expr *x = st->rhs.n ? st->rhs.at[0] : NULL;
    const Expr *head = x, *beside = NULL;
    while (head && head->kind == E_BINARY && !head->parens && (head->op == B_ADD || head->op == B_SUB)) beside = head->arg.at[1], head = head->arg.at[0];
    if (head && (!beside || head->parens || (head->kind != E_FACTOR && head->kind != E_SELECT))) head = NULL;
    bool ok = false;
    if (x && x->kind == E_FACTOR) ok = st->lhs.n <= 3 && define_factor(&e, st, c, x);
    else if (x && x->kind == E_SELECT) ok = define_select(&e, st, c, x);
    else if (head) diag_help(diag_error(s->cx, D_BAD_DECLARATION, beside->loc, "`%s` ended at the `+` or `-` before this: what has several results stands alone", head->name.s),
                             "put the sum in parentheses, or give the results names and add in an equation of its own");
    else diag_help(diag_error(s->cx, D_BAD_DECLARATION, st->loc, "an equation with several left sides is a selection or a factorisation"), "write one equation for each tensor");
    if (x && x->kind == E_FACTOR && st->lhs.n > 3) diag_error(s->cx, D_BAD_FACTOR, st->loc, "no factorisation has %d results", st->lhs.n);
    for (int k = 0; k < st->lhs.n; k++) { Def *d = left_def(c, st, k); if (d) { d->state = 2; if (!ok) d->value = NULL; } }
    return ok;
}
