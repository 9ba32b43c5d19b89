/* layer.c - tensors by name: those of this scope, and through layers their outputs and parameters (h1, h1.y, h1.W, h.0.inner.W). */
#include "sema/scope.h"
#include <stdlib.h>
#include <string.h>

Expr *checkpointed(Expr *x) {
    const Expr *f = x && x->kind == E_CALL ? x->arg.at[0] : NULL;
    return f && f->kind == E_NAME && !strcmp(f->name.s, "checkpoint") && x->call.n == 1 && !x->call.at[0].name.s ? x->call.at[0].value : NULL;
}
Value *checkpoint_of(Sema *s, Value *v) {
    if (!dtype_is_float(v->dt) && !dtype_is_complex(v->dt)) return v;
    Node *n = program_node(s->p, N_COMPUTE, v->loc);
    Index **idx = n->u.compute.idx = NEWN(s->a, Index *, v->rank + 1);
    X *at[8] = { NULL };
    for (int k = 0; k < v->rank; k++) idx[k] = program_index(s->p, "i", v->axis[k]), at[k] = x_index(s->a, idx[k]);
    n->u.compute.expr = x_op(s->a, OP_CHECKPOINT, x_read(s->a, v, at, NULL, NULL), NULL);
    vec_add(s->a, s->p->node, n);
    return program_value(s->p, n, v->name, v->dt, v->rank, v->axis);
}
/* What a layer gives to those outside of it. */
static void checkpoint_outputs(Sema *s, Scope *c) {
    for (int k = 0; k < c->output.n; k++) {
        Bind *o = scope_find(c, c->output.at[k]);
        Value *v = o && o->kind == B_DEF ? def_value(s, o->def) : NULL;
        if (v) o->def->value = checkpoint_of(s, v);
    }
}
static Bind *shared_layer(Bind *b) {                           /* y = cell(x = a): the layer cell, or NULL */
    Expr *callee = b->call->arg.at[0];
    Bind *layer = callee->kind == E_NAME ? scope_find((Scope *)b->graph, callee->name.s) : NULL;
    return layer && layer->kind == B_LAYER && !layer->scope ? layer : NULL;
}
static Scope *layer_scope(Env *e, Bind *b) {
    if (b->scope || b->kind != B_LAYER) return b->scope;
    Sema *s = e->s;
    Expr *call = b->call, *callee = call->arg.at[0];
    Scope *home = (Scope *)b->graph;                           /* the scope of the assignment is kept here by declare_body */
    Env in = env_of(s, home);
    Bind *layer = shared_layer(b);
    if (callee->kind != E_CALL && !layer) {
        if (b->model) diag_help(diag_error(s->cx, D_MISSING_ARGUMENT, b->loc, "layer `%s` is named but not called", b->name), "call it: y = %s(x = ...)", b->name);
        else unknown_name(&in, callee->name);
        b->kind = B_POISON;
        return NULL;
    }
    if (callee->kind != E_CALL && !layer->model) {                /* itself the call of something that is no layer */
        diag_note(diag_error(s->cx, D_NOT_A_MODEL, b->loc, "`%s` is not a layer that can be called", layer->name), layer->loc, "it is defined here");
        b->kind = B_POISON;
        return NULL;
    }
    for (int k = 0; k < s->calling.n; k++) if (s->calling.at[k].call == call && s->calling.at[k].home == home) {
        diag_error(s->cx, D_CYCLE, b->loc, "`%s` is needed for itself", b->name);
        return NULL;
    }
    vec_add(s->a, s->calling, (struct Calling){ call, home });
    if (callee->kind == E_CALL) b->scope = instantiate(&in, b->model, callee, call, dotted(s, home, b->name), b->loc);
    else b->scope = instantiate(&in, layer->model, layer->call, call, dotted(s, (Scope *)layer->graph, layer->name), b->loc);     /* the parameters are the cell's */
    s->calling.n--;
    if (b->checkpoint && b->scope) checkpoint_outputs(s, b->scope);
    return b->scope;
}
static bool is_called(Bind *b) { return b->call->arg.at[0]->kind == E_CALL || shared_layer(b); }
void layer_check(Env *e, Bind *b) {
    if (b->kind == B_LAYER && is_called(b)) layer_scope(e, b);
}

/* ---- parts of layers ----------------------------------------------------------------------------------------
 * `h1.y` is an output; `h1.W`, `h1.inner.W`, `h.0.W` a parameter by the name that it has in weight files, seen from this model.  The layer,
 * or the repeat that makes it, is elaborated first; from then on the program has the parameter under its whole name. */
static Value *parameter(Sema *s, const char *whole) {
    for (int k = 0; k < s->p->param.n; k++) if (s->p->param.at[k]->name == whole) return s->p->param.at[k];
    return NULL;
}
static bool assigns(const Stmt *block, const char *name, const char *callee) {        /* name = ..; or .. = callee(..) */
    for (int k = 0; k < block->body.n; k++) {
        const Stmt *st = block->body.at[k];
        if (st->kind == S_REPEAT && assigns(st, name, callee)) return true;
        if (!st->lhs.n) continue;
        const Expr *l = st->lhs.at[0]->kind == E_SUBSCRIPT ? st->lhs.at[0]->arg.at[0] : st->lhs.at[0];
        if (name && l->kind == E_NAME && l->name.s == name) return true;
        const Expr *r = st->rhs.n ? st->rhs.at[0] : NULL, *in = checkpointed((Expr *)r);
        if (in) r = in;
        if (callee && r && r->kind == E_CALL && r->arg.at[0]->kind == E_NAME && r->arg.at[0]->name.s == callee) return true;
    }
    return false;
}
/* What a repeat around or in scope c carries, when its rounds assign `name` or call `callee`. */
static Def *repeated(Scope *c, const char *name, const char *callee) {
    for (int k = 0; k < c->def.n; k++) if (c->def.at[k]->repeat && assigns(c->def.at[k]->repeat, name, callee)) return c->def.at[k];
    return NULL;
}
/* Elaborates a call of a layer that is only named, so that its parameters are there; *none: nothing calls it. */
static bool call_named(Env *e, Bind *b, bool *none) {
    bool ok = true;
    *none = true;
    for (Scope *c = e->scope; c; c = c->up) {
        for (int k = 0; k < c->bind.n; k++) {
            Bind *q = &c->bind.at[k];
            if (q->kind != B_LAYER || q->call->arg.at[0]->kind != E_NAME || q->call->arg.at[0]->name.s != b->name || !is_called(q)) continue;
            *none = false;
            return layer_scope(e, q) != NULL;
        }
        Def *d = repeated(c, NULL, b->name);
        if (d && d->state == 0) ok &= def_value(e->s, d) != NULL;
        if (d) *none = false;
        if (c == (Scope *)b->graph) break;
    }
    return ok && !*none;
}
static Value *layer_part(Env *e, Name n) {
    Sema *s = e->s;
    const char *dot = strchr(n.s, '.');
    if (!dot) { unknown_name(e, n); return NULL; }
    const char *head = intern_n(s->cx, n.s, (size_t)(dot - n.s)), *part = intern(s->cx, dot + 1), *prefix = NULL;
    Bind *b = scope_find(e->scope, head);
    Scope *c = NULL;
    if (b && b->kind == B_POISON) return NULL;
    if (b && b->kind == B_LAYER && is_called(b)) {
        if (!(c = layer_scope(e, b))) return NULL;
        for (int k = 0; k < c->output.n; k++) if (c->output.at[k] == part) {
            Bind *o = scope_find(c, part);
            return o && o->kind == B_DEF ? def_value(s, o->def) : NULL;
        }
        prefix = c->prefix;
    } else if (b && b->kind == B_LAYER) {
        prefix = dotted(s, (Scope *)b->graph, head);
        Value *v = parameter(s, intern(s->cx, arena_printf(s->a, "%s.%s", prefix, part)));
        if (v) return v;
        bool none;
        if (!call_named(e, b, &none)) {
            if (none) diag_help(diag_note(diag_error(s->cx, D_MISSING_ARGUMENT, n.loc, "layer `%s` is named but not called, so it has no parameters", head), b->loc, "it is named here"), "call it: y = %s(x = ...)", head);
            return NULL;
        }
    } else {
        for (Scope *up = e->scope; up && !prefix; up = up->up) {
            Def *d = repeated(up, head, NULL);
            if (!d) continue;
            if (d->state == 0 && !def_value(s, d)) return NULL;
            prefix = dotted(s, up, head);
        }
        if (!prefix) { unknown_name(e, n); return NULL; }
    }
    Value *v = parameter(s, intern(s->cx, arena_printf(s->a, "%s.%s", prefix, part)));
    if (v) return v;
    const char *all[256];
    int m = 0;
    size_t len = strlen(prefix);
    for (int k = 0; c && k < c->output.n && m < 256; k++) all[m++] = c->output.at[k];
    for (int k = 0; k < s->p->param.n && m < 256; k++) {
        const char *q = s->p->param.at[k]->name;
        if (!strncmp(q, prefix, len) && q[len] == '.') all[m++] = q + len + 1;
    }
    Diag *d = diag_error(s->cx, D_BAD_LAYER, n.loc, "`%s` has no %sparameter `%s`", head, c ? "output or " : "", part);
    const char *near = did_you_mean(s->cx, part, all, m);
    if (near) diag_help(d, "did you mean `%s.%s`?", head, near);
    return NULL;
}
Value *layer_output(Env *e, Bind *b, Loc at) {          /* h1[v, j]: the one output of a layer */
    Scope *c = layer_scope(e, b);
    if (!c) return NULL;
    if (c->output.n == 1) {
        Bind *o = scope_find(c, c->output.at[0]);
        return o && o->kind == B_DEF ? def_value(e->s, o->def) : NULL;
    }
    Diag *d = diag_error(e->s->cx, D_BAD_LAYER, at, "`%s` has %d outputs: say which", b->name, c->output.n);
    if (c->output.n) diag_help(d, "%s.%s", b->name, c->output.at[0]);
    return NULL;
}
Value *tensor_value(Env *e, Expr *x) {
    if (x->kind == E_WRT) return derivative(e, x);
    if (x->kind == E_PRIME) {
        Name n = { intern(e->s->cx, arena_printf(e->s->a, "%s'", x->name.s)), x->loc };
        Bind *b = scope_find(e->scope, n.s);
        if (b && b->kind == B_DEF) return def_value(e->s, b->def);
        const char *dot = strchr(n.s, '.');                      /* u.p', the next value that an update gives */
        Bind *l = dot ? scope_find(e->scope, intern_n(e->s->cx, n.s, (size_t)(dot - n.s))) : NULL;
        if (!b && l && l->kind == B_LAYER) return layer_part(e, n);
        if (!b) diag_help(diag_error(e->s->cx, D_BAD_ITERATE, x->loc, "`%s` belongs into an iterate that carries `%s`", n.s, x->name.s), "iterate %s = ... until ... max ... { %s = ... }", x->name.s, n.s);
        return NULL;
    }
    if (x->kind != E_NAME) {
        Diag *d = diag_error(e->s->cx, D_NOT_A_TENSOR, x->loc, "`%s` is not a tensor", expr_text(e->s->cx, x));
        if (x->kind == E_CALL) diag_help(d, "name it by an equation of its own: h = %s", expr_text(e->s->cx, x));
        return NULL;
    }
    const char *n = x->name.s;
    Bind *b = scope_find(e->scope, n);
    if (!b) return layer_part(e, x->name);
    if (b->kind == B_DEF) return def_value(e->s, b->def);
    if (b->kind == B_LAYER) return layer_output(e, b, x->loc);
    if (b->kind != B_POISON) diag_note(diag_error(e->s->cx, D_NOT_A_TENSOR, x->loc, "`%s` is not a tensor", n), b->loc, "it is declared here");
    return NULL;
}
