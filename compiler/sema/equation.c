/* equation.c - tensors from their equations, on demand, repeats, and calls of models. */
#include "sema/scope.h"
#include <stdlib.h>
#include <string.h>

/* ---- equations --------------------------------------------------------------------------------------------- */
Value *define(Sema *s, Def *d) {
    Parts r;
    if (!parts_find(s, d->scope, d->name, d->eq.at, d->eq.n, -1, &r)) return NULL;
    Node *node = program_node(s->p, N_COMPUTE, d->eq.at[0]->loc);
    Env e = env_of(s, d->scope);
    Index **idx = NEWN(s->a, Index *, r.rank + 1);
    for (int k = 0; k < r.rank; k++) {
        idx[k] = r.plain ? left_index(&e, d->eq.at[0]->lhs.at[0]->sub.at[k].e, d->name) : program_index(s->p, arena_printf(s->a, "z%d", k), r.axis[k]);
        if (!idx[k]) return NULL;
    }
    X *x = parts_join(s, d->scope, &r, idx);
    if (!x) return NULL;
    node->u.compute.idx = idx;
    node->u.compute.expr = x;
    Value *v = program_value(s->p, node, dotted(s, d->scope, d->name), x->dt, r.rank, r.axis);
    if (x->dt == DT_I32) v->target = x->space;
    vec_add(s->a, s->p->node, node);
    return v;
}

/* However it is laid out. */
static bool same_text(const char *p, const char *q) {
    for (;; p++, q++) {
        while (*p == ' ') p++;
        while (*q == ' ') q++;
        if (*p != *q || !*p) return *p == *q;
    }
}
/* map cell[q]: Q -> X = clamp(...) */
static Value *define_map(Sema *s, Def *d) {
    Decl *m = d->decl;
    Env e = env_of(s, d->scope);
    Arena *a = s->a;
    Space *axis[8], *target = space_of(&e, m->to);
    int n = m->from.n;
    Index **idx = NEWN(a, Index *, n + 1);
    if (!target || n > 8) return NULL;
    if (m->index.n != n) { diag_error(s->cx, D_WRONG_ARITY, m->loc, "map `%s` has %d space%s and %d ind%s", d->name, n, n == 1 ? "" : "s", m->index.n, m->index.n == 1 ? "ex" : "ices"); return NULL; }
    for (int k = 0; k < n; k++) {
        if (!(axis[k] = space_of(&e, m->from.at[k]))) return NULL;
        idx[k] = program_index(s->p, m->index.at[k].s, axis[k]);
        push_index(&e, m->index.at[k].s, idx[k]);
    }
    Expr *v = m->value;
    bool clamp = v->kind == E_CALL && v->call.n == 1 && v->arg.at[0]->kind == E_NAME && !strcmp(v->arg.at[0]->name.s, "clamp");
    if (clamp) v = v->call.at[0].value;
    bool mod = false;                                        /* round the target; by another number it is arithmetic */
    if (v->kind == E_BINARY && v->op == B_MOD) {
        const char *by = expr_text(s->cx, v->arg.at[1]), *to = expr_text(s->cx, m->to);
        mod = same_text(by, to) || same_text(by, arena_printf(a, "size(%s)", to));
    }
    X *x = type_expr(&e, mod ? v->arg.at[0] : v);
    if (!x) return NULL;
    if (dtype_is_float(x->dt) && x->k == X_OP && (x->u.op.op == OP_FLOOR || x->u.op.op == OP_ROUND || x->u.op.op == OP_CEIL || x->u.op.op == OP_TRUNC)) x = x_cast(a, x, DT_I64);
    if (!dtype_is_int(x->dt)) { diag_help(diag_error(s->cx, D_TYPE_MISMATCH, v->loc, "the values of a map are integers, this is %s", dtype_name(x->dt)), "floor(..), round(..) or int(..)"); return NULL; }
    x = x_cast(a, x, DT_I64);
    X *size = x_ext(a, target->extent);
    if (mod) x = x_op(a, OP_MOD, x, size);
    if (clamp) x = x_op(a, OP_MIN, x_op(a, OP_MAX, x, x_int(a, 0, DT_I64)), x_op(a, OP_SUB, size, x_int(a, 1, DT_I64)));
    Node *node = program_node(s->p, N_COMPUTE, d->loc);
    node->u.compute.idx = idx;
    node->u.compute.expr = x_cast(a, x, DT_I32);
    node->u.compute.check_range = !mod && !clamp;
    Value *r = program_value(s->p, node, dotted(s, d->scope, d->name), DT_I32, n, axis);
    r->target = target;
    vec_add(a, s->p->node, node);
    return r;
}

/* h = block(d)(x = h): the output of a call, or NULL in *is when the statement is no such thing */
static Value *whole_call(Sema *s, Scope *c, Stmt *st, const char *name, bool *is) {
    Expr *in_checkpoint = checkpointed(st->rhs.at[0]), *x = in_checkpoint ? in_checkpoint : st->rhs.at[0], *callee = x->kind == E_CALL ? x->arg.at[0] : NULL;
    *is = false;
    if (!callee || st->lhs.at[0]->kind != E_NAME) return NULL;
    Expr *mn = callee->kind == E_CALL ? callee->arg.at[0] : callee;
    Bind *layer = callee->kind == E_NAME ? scope_find(c, callee->name.s) : NULL;
    if (callee->kind != E_CALL && (!layer || layer->kind != B_LAYER)) return NULL;
    *is = true;
    Model *m = callee->kind == E_CALL && mn->kind == E_NAME ? find_model(s, c->file, mn->name.s) : NULL;
    if (!m && callee->kind == E_CALL && mn->kind == E_NAME) m = std_model(s, mn->name.s);
    if (!m && callee->kind == E_CALL) { diag_error(s->cx, D_NOT_A_MODEL, mn->loc, "`%s` is not a model", expr_text(s->cx, mn)); return NULL; }
    Env in = env_of(s, c);
    Bind b = { .name = name, .kind = B_LAYER, .loc = st->loc, .model = m, .call = x, .graph = (Graph *)c, .checkpoint = in_checkpoint };
    return layer_output(&in, &b, st->loc);
}
static const char *left_name(Stmt *st) {
    if ((st->kind != S_EQUATION && st->kind != S_OUTPUT) || !st->lhs.n) return NULL;
    Expr *l = st->lhs.at[0]->kind == E_SUBSCRIPT ? st->lhs.at[0]->arg.at[0] : st->lhs.at[0];
    return l->kind == E_NAME ? l->name.s : NULL;
}
/* repeat l: lo..hi { ... }: rounds in scopes of their own; what has a value before the first round is carried from round to round. */
static void run_repeat(Sema *s, Def *d) {
    Stmt *r = d->repeat;
    Scope *up = d->scope;
    Env e = env_of(s, up);
    VEC(Def *) carried = { 0 };
    for (int k = 0; k < up->def.n; k++) if (up->def.at[k]->repeat == r) { vec_add(s->a, carried, up->def.at[k]); up->def.at[k]->state = 1; }
    Value **now = NEWN(s->a, Value *, carried.n + 1);
    Ext *lo = extent_of(&e, r->rhs.at[0]), *hi = extent_of(&e, r->count);
    int64_t from = 0, to = 0;
    bool ok = lo && hi;
    if (ok && (!ext_is_const(lo, &from) || !ext_is_const(hi, &to) || to < from || to - from > 4096)) {
        diag_help(diag_error(s->cx, D_DIM_UNKNOWN, r->loc, "how often this repeats must be known, and at most 4096 times"), "fix it: -D NAME=VALUE");
        ok = false;
    }
    for (int k = 0; k < carried.n && ok; k++) {                  /* the values before the first round */
        Def start = { .name = carried.at[k]->name, .loc = carried.at[k]->loc, .scope = up };
        start.eq.at = carried.at[k]->eq.at, start.eq.n = carried.at[k]->eq.n;
        Bind *b = start.eq.n ? NULL : scope_find(up->up, start.name);
        now[k] = start.eq.n ? def_value(s, &start) : b && b->kind == B_DEF ? def_value(s, b->def) : NULL;
        ok = now[k] != NULL;
    }
    for (int64_t round = from; round < to && ok; round++) {
        if (!unrolled(s, r->loc)) { ok = false; break; }
        Scope *c = NEW(s->a, Scope), *body = NEW(s->a, Scope);
        const char *text = arena_printf(s->a, up->round ? "%s.%lld" : "%s%lld", up->round ? up->round : "", (long long)round);
        *c = (Scope){ .up = up, .model = up->model, .file = up->file, .prefix = up->prefix, .call = r->loc, .round = text };
        Expr *n = NEW(s->a, Expr);
        *n = (Expr){ .kind = E_INT, .loc = r->loc, .i = round };
        vec_add(s->a, c->bind, (Bind){ .name = r->name.s, .kind = B_CONST, .loc = r->loc, .expr = n, .scope = c });
        for (int k = 0; k < carried.n; k++) {                   /* inside, the name is the value of the round before */
            Def *in = NEW(s->a, Def);
            *in = (Def){ .name = carried.at[k]->name, .loc = carried.at[k]->loc, .scope = c, .state = 2, .value = now[k] };
            vec_add(s->a, c->bind, (Bind){ .name = in->name, .kind = B_DEF, .loc = in->loc, .def = in });
        }
        *body = (Scope){ .up = c, .model = c->model, .file = c->file, .prefix = c->prefix, .call = r->loc, .round = text };
        VEC(Stmt *) rest = { 0 };
        Def *step = NEWN(s->a, Def, carried.n + 1);
        for (int k = 0; k < carried.n; k++) step[k] = (Def){ .name = carried.at[k]->name, .loc = carried.at[k]->loc, .scope = body };
        for (int j = 0; j < r->body.n; j++) {
            const char *l = left_name(r->body.at[j]);
            bool carry = false;
            for (int k = 0; k < carried.n; k++) if (carried.at[k]->name == l) { vec_add(s->a, step[k].eq, r->body.at[j]); carry = true; }
            if (!carry) vec_add(s->a, rest, r->body.at[j]);
        }
        declare_body(s, body, rest.at, rest.n, false);
        order_scope(s, body);
        order_elaborate(s, body, true);
        Value **next = NEWN(s->a, Value *, carried.n + 1);
        for (int k = 0; k < carried.n && ok; k++) {
            Bind *inner = step[k].eq.n ? NULL : scope_find(body, step[k].name);      /* an inner repeat carries it */
            if (step[k].eq.n) next[k] = def_value(s, &step[k]);
            else if (inner && inner->kind == B_DEF) next[k] = def_value(s, inner->def);
            ok = next[k] != NULL;
            if (ok && (next[k]->rank != now[k]->rank || next[k]->dt != now[k]->dt)) {
                diag_note(diag_error(s->cx, D_SPACE_MISMATCH, step[k].loc, "`%s` changes its %s from round to round", step[k].name, next[k]->dt != now[k]->dt ? "type" : "number of dimensions"), now[k]->loc, "it starts here");
                ok = false;
            }
        }
        now = next;
    }
    for (int k = 0; k < carried.n; k++) carried.at[k]->value = ok ? now[k] : NULL, carried.at[k]->state = 2;
}

static void elaborate(Sema *s, Def *d);
Value *def_value(Sema *s, Def *d) {
    if (d->state == 2 || (d->state == 1 && d->value)) return d->value;
    if (d->state == 1) {
        diag_help(diag_error(s->cx, D_CYCLE, d->loc, "`%s` depends on itself", d->name), "a circle is allowed only through the previous element: %s[.., t-1, ..]", d->name);
        d->state = 2;
        return NULL;
    }
    const char *outer = s->defining;
    s->defining = dotted(s, d->scope, d->name);
    elaborate(s, d);
    s->defining = outer;
    return d->value;
}
/* h, checkpoint(h): the name */
static Expr *whole_name(Expr *x) {
    Expr *in = checkpointed(x);
    if (in) x = in;
    return x->kind == E_NAME ? x : NULL;
}
static void elaborate(Sema *s, Def *d) {
    if (d->group) { recur_elaborate(s, d); return; }
    d->state = 1;
    Value *v = NULL;
    Stmt *q = d->eq.n ? d->eq.at[0] : NULL;
    bool call = false;
    if (d->repeat) { run_repeat(s, d); return; }
    if (d->iterate) { run_iterate(s, d); return; }
    if (d->many) { d->state = 2; define_many(s, d->many, d->scope); return; }
    if (d->decl) v = define_map(s, d);
    else if (q && q->rhs.n && d->eq.n == 1 && ((v = whole_call(s, d->scope, q, d->name, &call)) || call)) { }
    else if (d->decl) v = define_map(s, d);
    else if (q && q->lhs.at[0]->kind == E_NAME && q->rhs.n && q->rhs.at[0]->kind == E_WRT && d->eq.n == 1) {
        Env e = env_of(s, d->scope);
        v = derivative(&e, q->rhs.at[0]);
    } else if (q && q->lhs.at[0]->kind == E_NAME && q->rhs.n && whole_name(q->rhs.at[0]) && d->eq.n == 1) {
        Env e = env_of(s, d->scope);                             /* z = h: the whole tensor */
        Expr *x = whole_name(q->rhs.at[0]);
        Bind *b = scope_find(d->scope, x->name.s);
        if (b && b->kind == B_CONST) v = define(s, d); else v = tensor_value(&e, x);
        if (v && x != q->rhs.at[0]) v = checkpoint_of(s, v);
    } else if (q) v = define(s, d);
    d->state = 2;
    d->value = v;
}

/* Sizes in front that are left out because the tensors show them: linear(d)(x = h) gives `out`, N and in follow from h. */
static bool shown(Model *m, ModelArg *g, Expr *args) {
    for (int k = 0; k < args->call.n; k++) for (int j = 0; j < m->body.n; j++) {
        Stmt *st = m->body.at[j];
        for (int q = 0; st->kind == S_INPUT && q < st->decl.n; q++) if (st->decl.at[q].name.s == args->call.at[k].name.s)
            for (int r = 0; r < st->decl.at[q].axis.n; r++) if (st->decl.at[q].axis.at[r]->kind == E_NAME && st->decl.at[q].axis.at[r]->name.s == g->name.s) return true;
    }
    return false;
}
static int skipped(Model *m, Expr *generic, Expr *args) {
    int n = 0, skip = 0;
    for (int k = 0; k < generic->call.n; k++) n += !generic->call.at[k].name.s;
    for (int k = n; k < m->arg.n; k++) {                          /* in order from the first, when the rest follows */
        ModelArg *g = &m->arg.at[k];
        bool named = false;
        for (int j = 0; j < generic->call.n; j++) named |= generic->call.at[j].name.s == g->name.s;
        if (!named && !g->value && g->kind != A_VALUE && !shown(m, g, args)) skip++;
    }
    for (int k = 0; k < skip; k++) if (k >= m->arg.n || m->arg.at[k].kind == A_GRAPH || m->arg.at[k].kind == A_VALUE || !shown(m, &m->arg.at[k], args)) return 0;
    return skip;
}
/* The size that an argument has when none is given; it may name the arguments before it. */
static Space *default_space(Sema *s, Scope *c, ModelArg *g) {
    Env e = env_of(s, c);
    if (g->kind == A_DIM) return space_of(&e, g->value);
    Ext *size = extent_of(&e, g->value);
    if (!size) return NULL;
    Space *r = shared_space(s, g->kind == A_SEQ ? SP_SEQ : SP_GRID, arena_printf(s->a, "%s = %s", g->name.s, ext_text(s->a, size)), size, NULL, 0);
    r->boundary = boundary_of(g->edge);
    return r;
}
/* ---- calls of models ------------------------------------------------------------------------------------- */
Scope *instantiate(Env *e, Model *m, Expr *generic, Expr *args, const char *prefix, Loc at) {
    Sema *s = e->s;
    for (int k = 0; k < s->active.n; k++) if (s->active.at[k] == m) {
        diag_note(diag_error(s->cx, D_RECURSIVE_MODEL, at, "model `%s` calls itself", m->name.s), m->loc, "it is declared here");
        return NULL;
    }
    if (!unrolled(s, at) || !model_read(s->cx, m)) return NULL;
    Model *update = m->is_update ? m : NULL;
    if (update) {                                                /* for the axes of what it updates */
        const char *first = m->arg.n ? m->arg.at[0].name.s : "p";
        Value *v = NULL;
        int k = 0;
        bool gnorm = false;
        for (int j = 0; j < args->call.n; j++) gnorm |= args->call.at[j].name.s && !strcmp(args->call.at[j].name.s, "gnorm");
        while (k < args->call.n && args->call.at[k].name.s != first) k++;
        if (k == args->call.n) { diag_help(diag_error(s->cx, D_MISSING_ARGUMENT, at, "input `%s` is missing", first), "%s(...)(%s = ..., ...)", m->name.s, first); return NULL; }
        if (!(v = tensor_value(e, args->call.at[k].value)) || !(m = update_model(s, m, v->rank, gnorm, at))) return NULL;
    }
    File *file = e->scope->file;
    for (int k = 0; k < s->file.n; k++) for (int j = 0; j < s->file.at[k]->model.n; j++) if (s->file.at[k]->model.at[j] == (update ? update : m)) file = s->file.at[k];
    Scope *top = e->scope;
    while (top->up) top = top->up;
    Scope *c = NEW(s->a, Scope);
    *c = (Scope){ .up = top, .model = m, .file = file, .prefix = prefix, .call = at };
    bool ok = true;
    Expr *given[64] = { NULL };
    int place = skipped(m, generic, args);
    for (int k = 0; k < generic->call.n; k++) {
        NamedArg *g = &generic->call.at[k];
        int j = place;
        if (g->name.s) {
            for (j = 0; j < m->arg.n && m->arg.at[j].name.s != g->name.s; j++) { }
            if (j == m->arg.n) { diag_note(diag_error(s->cx, D_UNKNOWN_ARGUMENT, g->name.loc, "model `%s` has no argument `%s`", m->name.s, g->name.s), m->loc, "it is declared here"); ok = false; continue; }
        } else if (place++ >= m->arg.n) { diag_note(diag_error(s->cx, D_WRONG_ARITY, generic->loc, "model `%s` takes %d argument%s, not %d", m->name.s, m->arg.n, m->arg.n == 1 ? "" : "s", generic->call.n), m->loc, "it is declared here"); return NULL; }
        if (j < 64) given[j] = g->value;
    }
    /* the tensors first: sizes that are not given follow from them */
    struct Passed { Name name; Value *v; };
    VEC(struct Passed) tensor = { 0 };
    for (int k = 0; k < args->call.n; k++) {
        NamedArg *g = &args->call.at[k];
        if (!g->name.s) { diag_help(diag_error(s->cx, D_UNKNOWN_ARGUMENT, g->value->loc, "tensors are passed by name"), "%s(...)(x = ...)", m->name.s); ok = false; continue; }
        Value *v = tensor_value(e, g->value);
        if (!v) { ok = false; continue; }
        vec_add(s->a, tensor, (struct Passed){ g->name, v });
    }
    for (int k = 0; k < m->arg.n && k < 64; k++) {
        ModelArg *g = &m->arg.at[k];
        Expr *x = given[k];
        BindKind kind = g->kind == A_GRAPH ? B_GRAPH : g->kind == A_VALUE ? B_CONST : B_SPACE;
        Bind *b = scope_add(s, c, g->name, kind);
        if (g->kind == A_GRAPH) {
            Bind *q = x && x->kind == E_NAME ? scope_find(e->scope, x->name.s) : NULL;
            if (q && q->kind == B_GRAPH) b->graph = q->graph;
            else { diag_error(s->cx, D_MISSING_ARGUMENT, x ? x->loc : at, "argument `%s` of `%s` is a graph", g->name.s, m->name.s); b->kind = B_POISON; ok = false; }
        } else if (g->kind == A_VALUE) {
            b->expr = x ? x : g->value;
            b->scope = x ? e->scope : top;
            if (!b->expr) { diag_error(s->cx, D_MISSING_ARGUMENT, at, "argument `%s` of `%s` is missing", g->name.s, m->name.s); b->kind = B_POISON; ok = false; }
            else if (b->expr->kind == E_NAME) {                  /* act = relu: a function, unless it is a constant here */
                Bind *q = scope_find(b->scope, b->expr->name.s);
                if (!q || q->kind == B_LET || q->kind == B_FUNCTION) bind_function(b, q);
            }
        } else {
            if (x) { b->space = space_of(e, x); if (!b->space) { b->kind = B_POISON; ok = false; continue; } }
            else if (g->value) b->space = default_space(s, c, g);
            else for (int j = 0; j < m->body.n && !b->space; j++) {
                Stmt *st = m->body.at[j];
                for (int q = 0; st->kind == S_INPUT && q < st->decl.n; q++) for (int w = 0; w < tensor.n; w++) if (tensor.at[w].name.s == st->decl.at[q].name.s)
                    for (int r = 0; r < st->decl.at[q].axis.n && r < tensor.at[w].v->rank; r++)
                        if (st->decl.at[q].axis.at[r]->kind == E_NAME && st->decl.at[q].axis.at[r]->name.s == g->name.s) b->space = tensor.at[w].v->axis[r];
            }
            if (b->space && ((g->kind == A_SEQ && b->space->kind != SP_SEQ) || (g->kind == A_GRID && b->space->kind != SP_GRID))) {
                diag_help(diag_note(diag_error(s->cx, D_SPACE_MISMATCH, x ? x->loc : at, "`%s` of `%s` is a %s, `%s` is none", g->name.s, m->name.s, g->kind == A_SEQ ? "seq" : "grid", b->space->name), g->loc, "it is declared here"),
                          "declare `%s` as a %s", b->space->name, g->kind == A_SEQ ? "seq" : "grid");
                b->kind = B_POISON, ok = false;
            } else if (b->space && g->kind == A_GRID) {
                static const char *const word[] = { "", "zero", "periodic", "reflect", "replicate", "" };
                Boundary want = boundary_of(g->edge);
                if (g->edge != EDGE_DEFAULT && b->space->boundary != want) {      /* no rule named: the caller's */
                    diag_note(diag_error(s->cx, D_SPACE_MISMATCH, x ? x->loc : at, "grid `%s` of `%s` is %s beyond its edge, `%s` is %s", g->name.s, m->name.s, word[want], b->space->name, word[b->space->boundary]), g->loc, "it is declared here");
                    b->kind = B_POISON, ok = false;
                }
            }
            if (!b->space) { if (!x) diag_help(diag_error(s->cx, D_DIM_UNKNOWN, at, "`%s` of `%s` follows from no argument", g->name.s, m->name.s), "give it by name: %s = ...", g->name.s); b->kind = B_POISON; ok = false; }
        }
    }
    if (!ok) return NULL;
    for (int k = 0; k < tensor.n; k++) {
        Def *d = NEW(s->a, Def);
        *d = (Def){ .name = tensor.at[k].name.s, .loc = tensor.at[k].name.loc, .scope = c, .state = 2, .value = tensor.at[k].v };
        Bind *b = scope_add(s, c, tensor.at[k].name, B_DEF);
        b->def = d;
    }
    vec_add(s->a, s->active, m);
    declare_body(s, c, m->body.at, m->body.n, false);
    /* arguments that are no inputs, inputs that are no arguments */
    for (int k = 0; k < tensor.n; k++) {
        bool input = false;
        for (int j = 0; j < m->body.n; j++) for (int q = 0; q < m->body.at[j]->decl.n; q++)
            if ((m->body.at[j]->kind == S_INPUT || m->body.at[j]->kind == S_MAP) && m->body.at[j]->decl.at[q].name.s == tensor.at[k].name.s) input = true;
        if (!input) { diag_note(diag_error(s->cx, D_UNKNOWN_ARGUMENT, tensor.at[k].name.loc, "model `%s` has no input `%s`", m->name.s, tensor.at[k].name.s), m->loc, "it is declared here"); ok = false; }
    }
    order_scope(s, c);
    order_elaborate(s, c, false);                                /* outputs now, while the model counts as being called */
    for (int k = 0; k < c->output.n; k++) {
        Env in = env_of(s, c);
        if (!scope_find(c, c->output.at[k])) undefined_output(&in, (Name){ c->output.at[k], c->output_at.at[k] }), ok = false;
    }
    s->active.n--;
    return ok ? c : NULL;
}
