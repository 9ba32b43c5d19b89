/* iterate.c - loops with a test.
 *
 *     iterate x[i] = x0[i], n = 1 until n < tol max 200 { x'[i] = ...; n' = ... }
 *
 * Inside, `x` is the value of the round and x' that of the next.  The body is elaborated like any equations; afterwards the nodes that
 * depend on what is carried move into the loop, and the others stay before it. */
#include "sema/scope.h"
#include <string.h>

static void mark_reads(X *x, void *d);
typedef struct Depends { bool *inside; bool found; } Depends;
static bool depends_visit(X *x, void *data) {
    Depends *d = data;
    if (x->k == X_READ && d->inside[x->u.read.v->id]) d->found = true;
    return !d->found;
}
static void mark_reads(X *x, void *data) { if (x) x_walk(x, depends_visit, data); }
static bool node_depends(Node *n, bool *inside) {
    Depends d = { inside, false };
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: break;
    case N_COMPUTE: mark_reads(n->u.compute.expr, &d); break;
    case N_RECUR:
        for (int k = 0; k < n->u.recur.member.n; k++) {
            Member *m = &n->u.recur.member.at[k];
            mark_reads(m->expr, &d);
            for (int b = 0; b < m->before.n; b++) mark_reads(m->before.at[b].expr, &d);
        }
        break;
    case N_TRANSFORM: d.found = inside[n->u.transform.in->id]; break;
    case N_SELECT: d.found = inside[n->u.select.in->id]; break;
    case N_FACTOR: for (int k = 0; k < n->u.factor.n_in; k++) d.found |= inside[n->u.factor.in[k]->id]; break;
    case N_ITERATE:
        for (int k = 0; k < n->u.iterate.n; k++) d.found |= inside[n->u.iterate.init[k]->id];
        for (int k = 0; k < n->u.iterate.body.n; k++) d.found |= node_depends(n->u.iterate.body.at[k], inside);
        break;
    case N_DERIVE:
        for (int k = 0; k < n->u.derive.n; k++) d.found |= inside[n->u.derive.key[k]->id] || (n->u.derive.key2[k] && inside[n->u.derive.key2[k]->id]);
        break;
    }
    return d.found;
}
static Expr *base_of(Expr *l) { return l->kind == E_SUBSCRIPT ? l->arg.at[0] : l; }

/* x'[i] = ... as an equation for the name "x'" */
static Stmt *unprimed(Sema *s, Stmt *st) {
    if (st->lhs.n != 1 || base_of(st->lhs.at[0])->kind != E_PRIME) return st;
    Stmt *r = NEW(s->a, Stmt);
    Expr *l = NEW(s->a, Expr), *name = NEW(s->a, Expr), *old = st->lhs.at[0];
    *r = *st, *l = *old;
    *name = *base_of(old);
    name->kind = E_NAME;
    name->name.s = intern(s->cx, arena_printf(s->a, "%s'", name->name.s));
    if (old->kind == E_SUBSCRIPT) {
        l->arg.at = NEWN(s->a, Expr *, 1);
        l->arg.at[0] = name, l->arg.n = l->arg.cap = 1;
    } else l = name;
    r->lhs.at = NEWN(s->a, Expr *, 1);
    r->lhs.at[0] = l, r->lhs.n = r->lhs.cap = 1;
    return r;
}
void run_iterate(Sema *s, Def *d) {
    Stmt *st = d->iterate;
    Scope *up = d->scope;
    Arena *a = s->a;
    Env e = env_of(s, up);
    int n = st->lhs.n;
    Def **def = NEWN(a, Def *, n + 1);
    Value **init = NEWN(a, Value *, n + 1), **carried = NEWN(a, Value *, n + 1), **next = NEWN(a, Value *, n + 1);
    bool ok = true;
    for (int k = 0; k < n; k++) {
        Expr *l = base_of(st->lhs.at[k]);
        for (int j = 0; j < up->def.n; j++) if (l->kind == E_NAME && up->def.at[j]->name == l->name.s && up->def.at[j]->iterate == st) def[k] = up->def.at[j];
        if (!def[k]) ok = false; else def[k]->state = 1;
    }
    Ext *max = st->count ? extent_of(&e, st->count) : NULL;
    int64_t rounds = 0;
    if (!max) ok = false;
    else if (!ext_is_const(max, &rounds) || rounds < 0) { diag_error(s->cx, D_BAD_ITERATE, st->count->loc, "the largest number of rounds is a constant, 0 or more"); ok = false; }
    for (int k = 0; k < n && ok; k++) {                          /* the start values */
        Stmt *eq = NEW(a, Stmt);
        *eq = (Stmt){ .kind = S_EQUATION, .loc = st->loc };
        vec_add(a, eq->lhs, st->lhs.at[k]);
        vec_add(a, eq->rhs, st->rhs.at[k]);
        Def start = { .name = intern(s->cx, arena_printf(a, "%s.start", def[k]->name)), .loc = def[k]->loc, .scope = up };
        vec_add(a, start.eq, eq);
        if (!(init[k] = def_value(s, &start))) ok = false;
    }
    if (!ok) goto done;
    Program *p = s->p;
    int before = p->node.n;
    Node *node = program_node(p, N_ITERATE, st->loc);
    Scope *in = NEW(a, Scope), *body = NEW(a, Scope);
    *in = (Scope){ .up = up, .model = up->model, .file = up->file, .prefix = up->prefix, .round = up->round, .call = st->loc };
    for (int k = 0; k < n; k++) {
        Value *v = carried[k] = NEW(a, Value);
        *v = *init[k];
        v->id = p->n_value++, v->node = node, v->result = k, v->loc = def[k]->loc, v->structural = false;
        v->name = arena_printf(a, "%s.now", dotted(s, up, def[k]->name));
        Def *now = NEW(a, Def);
        *now = (Def){ .name = def[k]->name, .loc = def[k]->loc, .scope = in, .state = 2, .value = v };
        vec_add(a, in->bind, (Bind){ .name = now->name, .kind = B_DEF, .loc = now->loc, .def = now });
    }
    *body = (Scope){ .up = in, .model = up->model, .file = up->file, .prefix = up->prefix, .round = up->round, .call = st->loc };
    VEC(Stmt *) list = { 0 };
    for (int k = 0; k < st->body.n; k++) vec_add(a, list, st->body.at[k]->kind == S_EQUATION ? unprimed(s, st->body.at[k]) : st->body.at[k]);
    int errors = s->cx->n_errors;
    declare_body(s, body, list.at, list.n, false);
    order_scope(s, body);
    order_elaborate(s, body, true);
    for (int k = 0; k < body->bind.n; k++) {                     /* x' of something that is not carried */
        const char *b = body->bind.at[k].name;
        size_t len = strlen(b);
        if (!len || b[len - 1] != '\'') continue;
        bool known = false;
        for (int j = 0; j < n; j++) known |= strlen(def[j]->name) == len - 1 && !strncmp(def[j]->name, b, len - 1);
        if (!known) diag_help(diag_error(s->cx, D_BAD_ITERATE, body->bind.at[k].loc, "`%s` is defined, but this iterate does not carry `%.*s`", b, (int)len - 1, b), "iterate %.*s = ...", (int)len - 1, b);
    }
    Env inside_env = env_of(s, body);
    for (int k = 0; k < n; k++) {
        const char *prime = intern(s->cx, arena_printf(a, "%s'", def[k]->name));
        Bind *b = scope_find(body, prime);
        if (!b) {
            diag_help(diag_error(s->cx, D_BAD_ITERATE, def[k]->loc, "`%s` has no next value", def[k]->name), "write %s' = ... in the body", def[k]->name);
            ok = false;
            continue;
        }
        next[k] = b->kind == B_DEF ? def_value(s, b->def) : NULL;
        if (!next[k]) { ok = false; continue; }
        bool same = next[k]->rank == init[k]->rank && next[k]->target == init[k]->target;
        for (int j = 0; same && j < init[k]->rank; j++) same = next[k]->axis[j] == init[k]->axis[j];
        if (!same) { diag_note(diag_error(s->cx, D_SPACE_MISMATCH, b->loc, "`%s` has other dimensions than `%s`", prime, def[k]->name), def[k]->loc, "it starts here"); ok = false; continue; }
        Index *idx[8];
        X *at[8];
        for (int j = 0; j < init[k]->rank; j++) idx[j] = program_index(p, "i", init[k]->axis[j]), at[j] = x_index(a, idx[j]);
        bool own = next[k]->node != node;                        /* a value that is carried on as it is gets a node of its own */
        if (next[k]->dt != init[k]->dt || !own) {
            X *x = coerce(&inside_env, x_read(a, next[k], at, NULL, NULL), init[k]->dt, b->loc);
            next[k] = x ? materialise(&inside_env, x, idx, init[k]->rank, NULL, b->loc) : NULL;
            if (!next[k]) { ok = false; continue; }
            next[k]->target = init[k]->target;
        }
    }
    X *until = type_expr(&inside_env, st->cond);
    if (!until) ok = false;
    else if (until->dt != DT_BOOL) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, st->cond->loc, "the test of an iterate is true or false, this is %s", dtype_name(until->dt)), "until norm2 < tol"); ok = false; }
    Value *test = ok ? materialise(&inside_env, until, NULL, 0, NULL, st->cond->loc) : NULL;
    if (!test || s->cx->n_errors > errors) ok = false;
    if (!ok) goto done;
    /* nodes that depend on what is carried, and those that make the next values and the test, belong to the loop */
    bool *inside = NEWN(a, bool, p->n_value + 1);
    for (int k = 0; k < n; k++) inside[carried[k]->id] = true;
    VEC(Node *) stay = { 0 };
    for (int k = before; k < p->node.n; k++) {
        Node *q = p->node.at[k];
        bool move = node_depends(q, inside);
        for (int j = 0; j < q->n_result; j++) move |= q->result[j] == test;
        if (move) {
            for (int j = 0; j < q->n_result; j++) inside[q->result[j]->id] = true;
            vec_add(a, node->u.iterate.body, q);
        } else vec_add(a, stay, q);
    }
    p->node.n = before;
    for (int k = 0; k < stay.n; k++) vec_add(a, p->node, stay.at[k]);
    node->u.iterate.n = n, node->u.iterate.init = init, node->u.iterate.carried = carried, node->u.iterate.next = next;
    node->u.iterate.until = test, node->u.iterate.max = rounds, node->u.iterate.implicit = st->implicit;
    for (int k = 0; k < n; k++) {
        Value *v = program_value(p, node, dotted(s, up, def[k]->name), init[k]->dt, init[k]->rank, init[k]->axis);
        v->target = init[k]->target, v->loc = def[k]->loc;
        def[k]->value = v;
    }
    vec_add(a, p->node, node);
done:
    for (int k = 0; k < n; k++) if (def[k]) def[k]->state = 2;
}
