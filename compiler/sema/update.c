/* update.c - update programs: rules for one parameter, generic over its axes, as models.
 *
 *     update lion(p, g; lr, b1 = 0.9, b2 = 0.99) { state m = 0;  p' = p - lr * sign(b1 * m + (1 - b1) * g);  m' = b2 * m + (1 - b2) * g }
 * for a parameter with two axes becomes the text
 *     model lion(lr, b1 = 0.9, b2 = 0.99, p.0: dim, p.1: dim) {
 *       index p.0.i: p.0, p.1.i: p.1
 *       input p[p.0, p.1], g[p.0, p.1], m[p.0, p.1]
 *       output p'[p.0.i, p.1.i] = p[p.0.i, p.1.i] - lr * sign(..)
 *       output m'[..] = ..
 *     }
 * and is called like any model.  Without subscripts, p, g, the states and what is computed from them stand for the element at hand;
 * `sum(p) x` ranges over all elements of the parameter, `sum(p.last) x` over its last axis.  What depends on no element is one number.
 * With subscripts, `update muon(p[i, j], g; lr)`, the last axes have the names given and the equations are written with them; axes before
 * those are a batch that nobody writes. */
#include "sema/scope.h"
#include <string.h>

typedef struct Spec {
    Sema *s; const Model *u; Model *m;
    int rank, n_lead, fresh;
    const char *first;                       /* the parameter's name */
    VEC(const char *) element;               /* tensors that have the axes of the parameter */
    Stmt *index;                             /* the declaration of all index names */
} Spec;
typedef struct Lead { Name at[8]; int n; } Lead;                     /* the indices that unwritten axes have here */

static const char *primed(Spec *p, const char *name) { return intern(p->s->cx, arena_printf(p->s->a, "%s'", name)); }
static bool is_element(const Spec *p, const char *name) {
    for (int k = 0; k < p->element.n; k++) if (p->element.at[k] == name) return true;
    return false;
}
static const char *name_of(Spec *p, const Expr *x) { return x->kind == E_PRIME ? primed(p, x->name.s) : x->kind == E_NAME ? x->name.s : NULL; }
static Expr *name_expr(Spec *p, const char *name, Loc at) {
    Expr *x = NEW(p->s->a, Expr);
    *x = (Expr){ .kind = E_NAME, .loc = at, .name = { name, at }, .height = 1 };
    return x;
}
static const char *axis_name(Spec *p, int k) { return intern(p->s->cx, arena_printf(p->s->a, "%s.%d", p->first, k)); }
/* A new index over axis k of the parameter. */
static Name index_over(Spec *p, int k, const char *name, Loc at) {
    Name n = { name ? name : intern(p->s->cx, arena_printf(p->s->a, "%s.%d.i%d", p->first, k, p->fresh++)), at };
    vec_add(p->s->a, p->index->index, n);
    vec_add(p->s->a, p->index->expr, name_expr(p, axis_name(p, k), at));
    return n;
}
/* all axes, or the last: what `sum(p)` and `sum(p.last)` bind; 0: name is an index of the text */
static int bound_axes(const Spec *p, const char *name) {
    size_t n = strlen(p->first);
    if (name == p->first) return 1;
    return !strncmp(name, p->first, n) && !strcmp(name + n, ".last") ? 2 : 0;
}
static bool depends(Spec *p, const Expr *x) {
    if (!x) return false;
    const char *n = name_of(p, x);
    if (n && is_element(p, n)) return true;
    if (x->kind == E_REDUCE) for (int k = 0; k < x->bind.n; k++) if (bound_axes(p, x->bind.at[k].index.s) == 1) return false;
    bool r = depends(p, x->other);
    for (int k = x->kind == E_CALL; k < x->arg.n; k++) r |= depends(p, x->arg.at[k]);
    bool size = x->kind == E_CALL && x->arg.at[0]->kind == E_NAME && !strcmp(x->arg.at[0]->name.s, "size");
    for (int k = 0; k < x->call.n && !size; k++) r |= depends(p, x->call.at[k].value);
    for (int k = 0; k < x->sub.n; k++) r |= depends(p, x->sub.at[k].e) | depends(p, x->sub.at[k].other);
    for (int k = 0; k < x->bind.n; k++) r |= depends(p, x->bind.at[k].cond);
    return r;
}
static Expr *rewrite(Spec *p, const Expr *x, const Lead *l);
static Expr *element_read(Spec *p, const char *name, const Expr *subscript, const Lead *l, Loc at) {
    Expr *base = name_expr(p, name, at), *r = NEW(p->s->a, Expr);
    static const Lead none = { .n = 0 };
    if (!is_element(p, name)) l = &none;
    if (!l->n && !subscript) return base;
    *r = (Expr){ .kind = E_SUBSCRIPT, .loc = at, .height = subscript ? subscript->height : 2 };
    vec_add(p->s->a, r->arg, base);
    for (int k = 0; k < l->n; k++) vec_add(p->s->a, r->sub, (Subscript){ name_expr(p, l->at[k].s, at), EDGE_DEFAULT, NULL, at });
    for (int k = 0; subscript && k < subscript->sub.n; k++) {
        Subscript q = subscript->sub.at[k];
        q.e = rewrite(p, q.e, l), q.other = rewrite(p, q.other, l);
        vec_add(p->s->a, r->sub, q);
    }
    return r;
}
/* size(p): the number of elements */
static Expr *count(Spec *p, Loc at) {
    Expr *all = NULL;
    for (int k = 0; k < p->rank; k++) {
        Expr *f = NEW(p->s->a, Expr), *both = NEW(p->s->a, Expr);
        *f = (Expr){ .kind = E_CALL, .loc = at, .height = 2 };
        vec_add(p->s->a, f->arg, name_expr(p, intern(p->s->cx, "size"), at));
        vec_add(p->s->a, f->call, (NamedArg){ { NULL, at }, name_expr(p, axis_name(p, k), at) });
        *both = (Expr){ .kind = E_BINARY, .op = B_MUL, .loc = at, .height = 9 };
        if (all) { vec_add(p->s->a, both->arg, all); vec_add(p->s->a, both->arg, f); }
        all = all ? both : f;
    }
    if (all) return all;
    all = NEW(p->s->a, Expr);
    *all = (Expr){ .kind = E_INT, .loc = at, .i = 1, .height = 1 };
    return all;
}
static Expr *rewrite(Spec *p, const Expr *x, const Lead *l) {
    Arena *a = p->s->a;
    if (!x) return NULL;
    if (name_of(p, x)) return element_read(p, name_of(p, x), NULL, l, x->loc);
    if (x->kind == E_SUBSCRIPT && name_of(p, x->arg.at[0])) return element_read(p, name_of(p, x->arg.at[0]), x, l, x->loc);
    if (x->kind == E_CALL && x->arg.at[0]->kind == E_NAME && !strcmp(x->arg.at[0]->name.s, "size") && x->call.n == 1 && x->call.at[0].value->kind == E_NAME && x->call.at[0].value->name.s == p->first)
        return count(p, x->loc);
    Expr *r = NEW(a, Expr);
    Lead own = *l;
    *r = *x;
    memset(&r->arg, 0, sizeof r->arg), memset(&r->call, 0, sizeof r->call), memset(&r->sub, 0, sizeof r->sub), memset(&r->bind, 0, sizeof r->bind);
    bool all = false;
    for (int k = 0; k < x->bind.n; k++) {
        Binder b = x->bind.at[k];
        int what = bound_axes(p, b.index.s), from = what == 1 ? 0 : p->n_lead - 1;
        if (!what) { b.cond = rewrite(p, b.cond, &own); vec_add(a, r->bind, b); continue; }
        all |= what == 1 || !p->n_lead;
        if (p->u->arg.at[0].index.n) {
            diag_help(diag_error(p->s->cx, D_BAD_UPDATE, b.index.loc, "`%s` has subscripts here, `sum(%s)` does not", p->first, b.index.s), "sum(%s, ...)", p->u->arg.at[0].index.at[0].s);
            return NULL;
        }
        for (int q = from < 0 ? 0 : from; q < p->n_lead; q++) own.at[q] = index_over(p, q, NULL, b.index.loc);
        for (int q = from < 0 ? 0 : from; q < p->n_lead; q++) vec_add(a, r->bind, (Binder){ own.at[q], q == p->n_lead - 1 ? rewrite(p, b.cond, &own) : NULL });
    }
    if (all && !r->bind.n) return x->arg.n ? rewrite(p, x->arg.at[0], l) : count(p, x->loc);      /* a parameter without axes is its one element */
    for (int k = 0; k < x->arg.n; k++) vec_add(a, r->arg, x->kind == E_CALL && !k ? x->arg.at[k] : rewrite(p, x->arg.at[k], &own));
    for (int k = 0; k < x->call.n; k++) vec_add(a, r->call, (NamedArg){ x->call.at[k].name, rewrite(p, x->call.at[k].value, l) });
    for (int k = 0; k < x->sub.n; k++) vec_add(a, r->sub, (Subscript){ rewrite(p, x->sub.at[k].e, l), x->sub.at[k].edge, rewrite(p, x->sub.at[k].other, l), x->sub.at[k].loc });
    r->other = rewrite(p, x->other, l);
    return r;
}
static Expr *left_base(const Expr *l) { return l->kind == E_SUBSCRIPT ? l->arg.at[0] : (Expr *)(uintptr_t)l; }
/* Which tensors depend on the element: a fixed point, for equations stand in any order. */
static void find_elements(Spec *p, Stmt *const *body, int n_body) {
    for (bool more = true; more; ) {
        more = false;
        for (int k = 0; k < n_body; k++) {
            const Stmt *st = body[k];
            if (st->body.n) { int before = p->element.n; find_elements(p, st->body.at, st->body.n); more |= p->element.n > before; }
            bool dep = false;
            for (int j = 0; j < st->rhs.n; j++) dep |= st->kind != S_LET && depends(p, st->rhs.at[j]);
            for (int j = 0; j < st->lhs.n && dep; j++) {
                const char *n = name_of(p, left_base(st->lhs.at[j]));
                if (!n || is_element(p, n)) continue;
                vec_add(p->s->a, p->element, n);
                more = true;
            }
        }
    }
}
static Stmt *statement(Spec *p, const Stmt *st, const Lead *l) {
    Arena *a = p->s->a;
    Stmt *r = NEW(a, Stmt);
    *r = *st;
    if (st->kind == S_LET) return r;                                  /* a function of numbers */
    memset(&r->lhs, 0, sizeof r->lhs), memset(&r->rhs, 0, sizeof r->rhs), memset(&r->body, 0, sizeof r->body);
    for (int k = 0; k < st->lhs.n; k++) vec_add(a, r->lhs, rewrite(p, st->lhs.at[k], l));
    for (int k = 0; k < st->rhs.n; k++) vec_add(a, r->rhs, rewrite(p, st->rhs.at[k], l));
    for (int k = 0; k < st->body.n; k++) vec_add(a, r->body, statement(p, st->body.at[k], l));
    r->cond = rewrite(p, st->cond, l);
    return r;
}
static void add_input(Spec *p, Stmt *to, Name n, int rank) {
    Decl d = { .name = n, .loc = n.loc };
    for (int k = 0; k < rank; k++) vec_add(p->s->a, d.axis, name_expr(p, axis_name(p, k), n.loc));
    vec_add(p->s->a, to->decl, d);
}
static bool mentions(Spec *p, const Stmt *st, const char *name);
static bool expr_mentions(Spec *p, const Expr *x, const char *name) {
    if (!x) return false;
    if (x->kind == E_NAME && x->name.s == name) return true;
    bool r = expr_mentions(p, x->other, name);
    for (int k = 0; k < x->arg.n; k++) r |= expr_mentions(p, x->arg.at[k], name);
    for (int k = 0; k < x->call.n; k++) r |= expr_mentions(p, x->call.at[k].value, name);
    for (int k = 0; k < x->sub.n; k++) r |= expr_mentions(p, x->sub.at[k].e, name);
    for (int k = 0; k < x->bind.n; k++) r |= expr_mentions(p, x->bind.at[k].cond, name);
    return r;
}
static bool mentions(Spec *p, const Stmt *st, const char *name) {
    bool r = expr_mentions(p, st->cond, name);
    for (int k = 0; k < st->rhs.n; k++) r |= expr_mentions(p, st->rhs.at[k], name);
    for (int k = 0; k < st->body.n; k++) r |= mentions(p, st->body.at[k], name);
    return r;
}
bool update_reads(Sema *s, const Model *u, const char *name) {
    Spec p = { .s = s };
    for (int k = 0; k < u->body.n; k++) if (mentions(&p, u->body.at[k], name)) return true;
    return false;
}
int update_tensors(const Model *u) {
    int n = 0;
    while (n < u->arg.n && u->arg.at[n].tensor) n++;
    return n;
}
static Expr *call_of(Spec *p, const char *f, Expr *x, Loc at) {
    Expr *r = NEW(p->s->a, Expr);
    *r = (Expr){ .kind = E_CALL, .loc = at, .height = x->height + 1 };
    vec_add(p->s->a, r->arg, name_expr(p, intern(p->s->cx, f), at));
    vec_add(p->s->a, r->call, (NamedArg){ { NULL, at }, x });
    return r;
}
/* gnorm = sqrt(sum(p) abs(g) * abs(g)): of this parameter's gradient alone */
static Stmt *own_norm(Spec *p, Name norm, Loc at) {
    Arena *a = p->s->a;
    Expr *square = NEW(a, Expr), *sum = NEW(a, Expr);
    Lead l = { .n = p->rank };
    *square = (Expr){ .kind = E_BINARY, .op = B_MUL, .loc = at, .height = 4 };
    *sum = (Expr){ .kind = E_REDUCE, .loc = at, .name = { intern(p->s->cx, "sum"), at }, .height = 5 };
    for (int k = 0; k < p->rank; k++) {
        l.at[k] = index_over(p, k, NULL, at);
        vec_add(a, sum->bind, (Binder){ l.at[k], NULL });
    }
    for (int k = 0; k < 2; k++) vec_add(a, square->arg, call_of(p, "abs", element_read(p, p->u->arg.at[1].name.s, NULL, &l, at), at));
    vec_add(a, sum->arg, square);
    Stmt *st = NEW(a, Stmt);
    *st = (Stmt){ .kind = S_EQUATION, .loc = at };
    vec_add(a, st->lhs, name_expr(p, norm.s, at));
    vec_add(a, st->rhs, call_of(p, "sqrt", p->rank ? sum : square, at));
    return st;
}
/* u for a parameter with that many axes; gnorm: its callers give the norm of all gradients. NULL after a diagnostic at `at`. */
Model *update_model(Sema *s, const Model *u, int rank, bool gnorm, Loc at) {
    Context *cx = s->cx;
    Arena *a = s->a;
    for (int k = 0; k < s->special.n; k++) if (s->special.at[k].update == u && s->special.at[k].rank == rank && s->special.at[k].gnorm == gnorm) return s->special.at[k].m;
    int n_tensor = update_tensors(u), written = n_tensor ? u->arg.at[0].index.n : 0, errors = cx->n_errors;
    if (n_tensor < 2) { diag_help(diag_error(cx, D_BAD_UPDATE, u->loc, "update `%s` does not say what it updates", u->name.s), "update %s(p, g; lr) { p' = p - lr * g }", u->name.s); return NULL; }
    if (rank < written) {
        diag_note(diag_error(cx, D_BAD_UPDATE, at, "`%s` is for parameters with %d axes or more, this one has %d", u->name.s, written, rank), u->loc, "it is declared here");
        return NULL;
    }
    Model *m = NEW(a, Model);
    *m = (Model){ .name = u->name, .loc = u->loc, .file = u->file };
    Spec spec = { .s = s, .u = u, .m = m, .rank = rank, .n_lead = rank - written, .first = u->arg.at[0].name.s }, *p = &spec;
    Stmt *input = NEW(a, Stmt);
    p->index = NEW(a, Stmt);
    *input = (Stmt){ .kind = S_INPUT, .loc = u->loc }, *p->index = (Stmt){ .kind = S_INDEX, .loc = u->loc };
    vec_add(a, m->body, input);
    if (rank) vec_add(a, m->body, p->index);
    for (int k = n_tensor; k < u->arg.n; k++) vec_add(a, m->arg, u->arg.at[k]);
    for (int k = 0; k < rank; k++) vec_add(a, m->arg, (ModelArg){ .name = { axis_name(p, k), u->loc }, .kind = A_DIM, .loc = u->loc });
    Lead lead = { .n = p->n_lead };
    for (int k = 0; k < rank; k++) {
        Name i = index_over(p, k, k < p->n_lead ? NULL : u->arg.at[0].index.at[k - p->n_lead].s, u->loc);
        if (k < p->n_lead) lead.at[k] = i;
    }
    VEC(Name) due = { 0 };                                            /* what must have a next value */
    for (int k = 0; k < n_tensor; k++) {
        add_input(p, input, u->arg.at[k].name, rank);
        vec_add(a, p->element, u->arg.at[k].name.s);
    }
    vec_add(a, due, u->arg.at[0].name);
    for (int k = 0; k < u->body.n; k++) for (int j = 0; u->body.at[k]->kind == S_STATE && j < u->body.at[k]->decl.n; j++) {
        Name n = u->body.at[k]->decl.at[j].name;
        add_input(p, input, n, rank);
        vec_add(a, p->element, n.s);
        vec_add(a, due, n);
    }
    Name norm = { intern(cx, "gnorm"), u->loc };
    bool defined = false;
    for (int k = 0; k < u->body.n; k++) for (int j = 0; j < u->body.at[k]->lhs.n; j++) defined |= name_of(p, left_base(u->body.at[k]->lhs.at[j])) == norm.s;
    bool norm_read = !defined && update_reads(s, u, norm.s);
    if (norm_read && gnorm) add_input(p, input, norm, 0);
    for (int k = 0; k < due.n; k++) vec_add(a, p->element, primed(p, due.at[k].s));        /* they have the axes of what they replace */
    find_elements(p, u->body.at, u->body.n);
    if (norm_read && !gnorm) vec_add(a, m->body, own_norm(p, norm, u->loc));
    bool *have = NEWN(a, bool, due.n + 1);
    for (int k = 0; k < u->body.n; k++) {
        const Stmt *st = u->body.at[k];
        switch (st->kind) {
        case S_STATE: continue;
        case S_DIM: case S_CONST: case S_INDEX: case S_LET: case S_REPEAT: case S_ITERATE: case S_EQUATION: break;
        default: diag_help(diag_error(cx, D_BAD_UPDATE, st->loc, "this does not belong into an update"), "it has states, equations, constants and functions"); continue;
        }
        Stmt *r = statement(p, st, &lead);
        for (int j = 0; j < st->lhs.n; j++) {
            const Expr *l = left_base(st->lhs.at[j]);
            int q = 0;
            while (l->kind == E_PRIME && q < due.n && due.at[q].s != l->name.s) q++;
            if (l->kind != E_PRIME || q == due.n) { if (l->kind == E_PRIME) diag_help(diag_error(cx, D_BAD_UPDATE, l->loc, "`%s` is neither the parameter nor a state", l->name.s), "state %s = 0", l->name.s); continue; }
            have[q] = true;
            r->kind = S_OUTPUT, r->is_output = true;
        }
        vec_add(a, m->body, r);
    }
    for (int k = 0; k < due.n; k++) if (!have[k]) diag_help(diag_error(cx, D_BAD_UPDATE, due.at[k].loc, "`%s` has no next value", due.at[k].s), "%s' = ...", due.at[k].s);
    if (cx->n_errors > errors) return NULL;
    vec_add(a, s->special, (struct Special){ u, rank, gnorm, m });
    return m;
}
