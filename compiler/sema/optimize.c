/* optimize.c - the training step of a model:  optimize loss with adamw(lr = 0.001) over "h1.*", "emb"
 *
 * The program with `training` true is the step: beside the model's own outputs it has W.next for each parameter W that an optimize statement
 * takes, and W.m.next for each state m of its update; states are parameters W.m.  Nothing is written in place: the caller gives arrays for
 * what comes next and exchanges them for the next step.  With `training` = gradients the program
 * ends before the updates, with W.grad.  A parameter belongs to the first statement that names it, else to the first without `over`; frozen ones, maps and what no statement takes stay as they are.  gnorm is the norm of all gradients of one statement. */
#include "diff/diff.h"
#include "sema/scope.h"
#include <string.h>

typedef struct Group { Stmt *st; Model *update; Value *loss; VEC(Value *) param, grad; } Group;

/* `*` stands for any text */
static bool matches(const char *pattern, const char *name) {
    for (; *pattern; pattern++, name++) {
        if (*pattern == '*') {
            for (; ; name++) { if (matches(pattern + 1, name)) return true; if (!*name) return false; }
        }
        if (*pattern != *name) return false;
    }
    return !*name;
}
static bool trained(const Value *v) { return !v->node->u.param.frozen && !v->target && (dtype_is_float(v->dt) || dtype_is_complex(v->dt)); }
static Group *group_of(Group *g, int n, const Value *v) {
    for (int k = 0; k < n; k++) for (int j = 0; j < g[k].st->expr.n; j++) if (matches(g[k].st->expr.at[j]->spelling, v->name)) return &g[k];
    for (int k = 0; k < n; k++) if (!g[k].st->expr.n) return &g[k];
    return NULL;
}
static bool known_patterns(Sema *s, const Stmt *st) {
    bool ok = true;
    for (int j = 0; j < st->expr.n; j++) {
        const char *all[256];
        int found = 0, n = 0;
        for (int k = 0; k < s->p->param.n; k++) {
            found += matches(st->expr.at[j]->spelling, s->p->param.at[k]->name);
            if (n < 256) all[n++] = s->p->param.at[k]->name;
        }
        if (found) continue;
        const char *near = did_you_mean(s->cx, st->expr.at[j]->spelling, all, n);
        Diag *d = diag_error(s->cx, D_UNKNOWN_NAME, st->expr.at[j]->loc, "no parameter is named `%s`", st->expr.at[j]->spelling);
        if (near) diag_help(d, "did you mean \"%s\"?", near); else if (n) diag_help(d, "the first one is \"%s\"; * stands for any text", all[0]);
        ok = false;
    }
    return ok;
}
static bool begin_group(Env *e, Stmt *st, Group *g) {
    Sema *s = e->s;
    Expr *call = st->rhs.at[1], *f = call->kind == E_CALL ? call->arg.at[0] : NULL;
    *g = (Group){ .st = st };
    Model *m = f && f->kind == E_NAME ? find_model(s, e->scope->file, f->name.s) : NULL;
    if (!m && f && f->kind == E_NAME) m = std_model(s, f->name.s);
    if (!m || !m->is_update) {
        diag_help(diag_error(s->cx, D_BAD_UPDATE, call->loc, "`%s` is no call of an update", expr_text(s->cx, call)), "with adamw(lr = 0.001)");
        return false;
    }
    g->update = m;
    if (!model_read(s->cx, m) || !(g->loss = tensor_value(e, st->rhs.at[0]))) return false;
    if (g->loss->rank || !dtype_is_float(g->loss->dt)) {
        diag_note(diag_error(s->cx, D_BAD_UPDATE, st->rhs.at[0]->loc, "`%s` is not one real number", expr_text(s->cx, st->rhs.at[0])), g->loss->loc, "it is defined here");
        return false;
    }
    if (update_tensors(m) != 2) { diag_note(diag_error(s->cx, D_BAD_UPDATE, call->loc, "`%s` takes more than a parameter and its gradient", m->name.s), m->loc, "it is declared here"); return false; }
    return known_patterns(s, st);
}
/* sqrt of the sum of all |g|^2, tensor by tensor in order */
static Value *norm_of(Env *e, Group *g) {
    Arena *a = e->s->a;
    Dtype dt = e->s->real;
    X *total = NULL;
    for (int k = 0; k < g->grad.n; k++) {
        Value *v = g->grad.at[k];
        Index *idx[8];
        X *at[8];
        for (int j = 0; j < v->rank; j++) idx[j] = program_index(e->s->p, "i", v->axis[j]), at[j] = x_index(a, idx[j]);
        X *x = x_read(a, v, at, NULL, NULL);
        if (dtype_is_complex(v->dt)) x = x_op(a, OP_ABS, x, NULL);
        x = x_cast(a, x, dt);
        x = x_op(a, OP_MUL, x, x);
        Index **own = NEWN(a, Index *, v->rank + 1);
        memcpy(own, idx, sizeof *own * (size_t)v->rank);
        if (v->rank) x = x_reduce(a, R_SUM, v->rank, own, 0, NULL, x, NULL, dt);
        Value *part = materialise(e, x, NULL, 0, arena_printf(a, "%s.gnorm2", g->param.at[k]->name), g->st->loc);
        if (!part) return NULL;
        X *read = x_read(a, part, NULL, NULL, NULL);
        total = total ? x_op(a, OP_ADD, total, read) : read;
    }
    return total ? materialise(e, x_op(a, OP_SQRT, total, NULL), NULL, 0, "gnorm", g->st->loc) : NULL;
}
static Value *state_of(Env *e, const Value *p, const Decl *d) {
    Sema *s = e->s;
    double re = 0, im = 0;
    if (d->init && !constant_value(e, d->init, &re, &im)) return NULL;
    Node *n = program_node(s->p, N_PARAM, d->loc);
    n->u.param.init = re != 0 ? "const" : "zero", n->u.param.n_init_arg = re != 0, n->u.param.init_arg[0] = re, n->u.param.frozen = true;
    Dtype dt = dtype_is_complex(p->dt) || dtype_bytes(p->dt) >= dtype_bytes(s->real) ? p->dt : s->real;
    Value *v = program_value(s->p, n, intern(s->cx, arena_printf(s->a, "%s.%s", p->name, d->name.s)), dt, p->rank, p->axis);
    vec_add(s->a, s->p->node, n);
    vec_add(s->a, s->p->param, v);
    return v;
}
static Expr *name_expr(Sema *s, const char *name, Loc at) {
    Expr *x = NEW(s->a, Expr);
    *x = (Expr){ .kind = E_NAME, .loc = at, .name = { intern(s->cx, name), at } };
    return x;
}
/* passes v to the call under its name; inside `in` it has a name that no text can have */
static void pass(Sema *s, Scope *in, Expr *args, const char *name, Value *v, Loc at) {
    const char *own = intern(s->cx, arena_printf(s->a, "optimize %s", name));
    Def *d = NEW(s->a, Def);
    *d = (Def){ .name = own, .loc = at, .scope = in, .state = 2, .value = v };
    vec_add(s->a, in->bind, (Bind){ .name = own, .kind = B_DEF, .loc = at, .def = d });
    vec_add(s->a, args->call, (NamedArg){ { intern(s->cx, name), at }, name_expr(s, own, at) });
}
/* The next value in the type of what it replaces. */
static bool add_next(Env *e, Scope *done, const char *name, const Value *old, Loc at) {
    Sema *s = e->s;
    Bind *b = scope_find(done, intern(s->cx, arena_printf(s->a, "%s'", name)));
    Value *v = b && b->kind == B_DEF ? def_value(s, b->def) : NULL;
    if (!v) return false;
    if (v->dt != old->dt || v->rank != old->rank || v->node->kind == N_PARAM) {
        Index *idx[8];
        X *i[8];
        for (int j = 0; j < old->rank; j++) idx[j] = program_index(s->p, "i", old->axis[j]), i[j] = x_index(s->a, idx[j]);
        X *x = x_read(s->a, v, v->rank ? i : NULL, NULL, NULL);
        if (dtype_is_complex(x->dt) && !dtype_is_complex(old->dt)) { diag_error(s->cx, D_TYPE_MISMATCH, at, "the next value of `%s` is complex", old->name); return false; }
        if (!(v = materialise(e, x_cast(s->a, x, old->dt), idx, old->rank, NULL, at))) return false;
    }
    vec_add(s->a, s->p->output, (Output){ intern(s->cx, arena_printf(s->a, "%s.next", old->name)), v });
    return true;
}
static bool update_one(Env *e, Group *g, int at, Value *gnorm) {
    Sema *s = e->s;
    Value *p = g->param.at[at];
    Loc loc = g->st->loc;
    Scope *in = NEW(s->a, Scope);
    *in = (Scope){ .up = e->scope, .model = e->scope->model, .file = e->scope->file, .prefix = e->scope->prefix, .call = loc };
    Expr *args = NEW(s->a, Expr);
    *args = (Expr){ .kind = E_CALL, .loc = loc };
    Env inner = env_of(s, in);
    pass(s, in, args, g->update->arg.at[0].name.s, p, loc);
    pass(s, in, args, g->update->arg.at[1].name.s, g->grad.at[at], loc);
    if (gnorm) pass(s, in, args, "gnorm", gnorm, loc);
    VEC(Value *) state = { 0 };
    for (int k = 0; k < g->update->body.n; k++) for (int j = 0; g->update->body.at[k]->kind == S_STATE && j < g->update->body.at[k]->decl.n; j++) {
        Decl *d = &g->update->body.at[k]->decl.at[j];
        Value *v = state_of(e, p, d);
        if (!v) return false;
        vec_add(s->a, state, v);
        pass(s, in, args, d->name.s, v, loc);
    }
    Scope *done = instantiate(&inner, g->update, g->st->rhs.at[1], args, intern(s->cx, arena_printf(s->a, "%s.%s", p->name, g->update->name.s)), loc);
    if (!done || !add_next(e, done, g->update->arg.at[0].name.s, p, loc)) return false;
    for (int k = 0; k < state.n; k++) if (!add_next(e, done, strrchr(state.at[k]->name, '.') + 1, state.at[k], loc)) return false;
    return true;
}
bool has_optimize(Stmt *const *body, int n) {
    for (int k = 0; k < n; k++) if (body[k]->kind == S_OPTIMIZE) return true;
    return false;
}
void run_optimize(Sema *s, Scope *c, Stmt *const *body, int n) {
    Env env = env_of(s, c), *e = &env;
    Group *g = NEWN(s->a, Group, n + 1);
    int n_group = 0, errors = s->cx->n_errors;
    for (int k = 0; k < n; k++) if (body[k]->kind == S_OPTIMIZE) begin_group(e, body[k], &g[n_group++]);
    if (s->cx->n_errors > errors) return;
    for (int k = 0; k < s->p->param.n; k++) {
        Value *v = s->p->param.at[k];
        Group *of = trained(v) ? group_of(g, n_group, v) : NULL;
        if (of) vec_add(s->a, of->param, v);
    }
    for (int k = 0; k < n_group; k++) {
        if (!g[k].param.n) { diag_error(s->cx, D_BAD_UPDATE, g[k].st->loc, "no parameter is left for this statement"); continue; }
        Diff *d = diff_new(s->p, g[k].loss, NULL);
        for (int j = 0; j < g[k].param.n; j++) {
            Value *grad = diff_adjoint(d, g[k].param.at[j], g[k].st->loc);
            if (!grad && s->cx->n_errors == errors) diag_error(s->cx, D_NO_DERIVATIVE, g[k].st->loc, "`%s` has no derivative by `%s`", g[k].loss->name, g[k].param.at[j]->name);
            vec_add(s->a, g[k].grad, grad);
        }
    }
    if (s->cx->n_errors > errors) return;
    for (int k = 0; k < n_group && s->gradients; k++) for (int j = 0; j < g[k].param.n; j++)
        vec_add(s->a, s->p->output, (Output){ intern(s->cx, arena_printf(s->a, "%s.grad", g[k].param.at[j]->name)), g[k].grad.at[j] });
    for (int k = 0; k < n_group && !s->gradients; k++) {
        Value *gnorm = update_reads(s, g[k].update, intern(s->cx, "gnorm")) ? norm_of(e, &g[k]) : NULL;
        for (int j = 0; j < g[k].param.n; j++) if (!update_one(e, &g[k], j, gnorm)) return;
    }
}
