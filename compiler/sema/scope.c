/* scope.c - names, and expressions that stand for spaces and sizes. Spaces are shared: equal expressions over equal parts are one Space. */
#include "sema/scope.h"
#include <stdlib.h>
#include <string.h>

static size_t place(const char *name, int cap) { return ((uintptr_t)name >> 4) * 11400714819323198485u >> 32 & (size_t)(cap - 1); }
/* The last binding of a name in one scope. Many are found through a table, which takes in what was added since. */
static Bind *own_bind(Scope *s, const char *name) {
    if (s->bind.n <= 16 || !s->a) {
        for (int k = s->bind.n - 1; k >= 0; k--) if (s->bind.at[k].name == name) return &s->bind.at[k];
        return NULL;
    }
    if (3 * s->bind.n > 2 * s->cap) {
        s->cap = 64;
        while (s->cap < 3 * s->bind.n) s->cap *= 2;
        s->slot = NEWN(s->a, int, s->cap);
        s->hashed = 0;
    }
    for (; s->hashed < s->bind.n; s->hashed++) {                      /* slots hold the place from 1 on */
        size_t p = place(s->bind.at[s->hashed].name, s->cap);
        while (s->slot[p] && s->bind.at[s->slot[p] - 1].name != s->bind.at[s->hashed].name) p = (p + 1) & (size_t)(s->cap - 1);
        s->slot[p] = s->hashed + 1;
    }
    size_t p = place(name, s->cap);
    while (s->slot[p] && s->bind.at[s->slot[p] - 1].name != name) p = (p + 1) & (size_t)(s->cap - 1);
    return s->slot[p] ? &s->bind.at[s->slot[p] - 1] : NULL;
}
Bind *scope_find(Scope *s, const char *name) {
    for (; s; s = s->up) { Bind *b = own_bind(s, name); if (b) return b; }
    return NULL;
}
Bind *scope_add(Sema *s, Scope *c, Name n, BindKind k) {
    Bind *have = own_bind(c, n.s);
    if (have) {                                                      /* if its use was reported, that is enough */
        if (!have->unknown) diag_note(diag_error(s->cx, D_DUPLICATE_NAME, n.loc, "`%s` is declared already", n.s), have->loc, "here");
        return have;
    }
    Bind b = { .name = n.s, .kind = k, .loc = n.loc };
    vec_add(s->a, c->bind, b);
    return &c->bind.at[c->bind.n - 1];
}
/* b, an argument such as act = relu, is the function that its expression names: `to`, or a primitive one. */
void bind_function(Bind *b, Bind *to) {
    if (to && to->kind == B_LET) b->kind = B_LET, b->let = to->let, b->scope = to->scope;
    else b->kind = B_FUNCTION, b->function = to && to->kind == B_FUNCTION ? to->function : b->expr->name.s;
}
/* What stands for n where it is looked for in vain: a function, a model, a tensor that is known only later. */
static Diag *known_otherwise(Env *e, Name n) {
    Context *cx = e->s->cx;
    for (int k = 0; k < OP_COUNT; k++) if (!strcmp(scalar_info[k].name, n.s)) return diag_help(diag_error(cx, D_UNKNOWN_NAME, n.loc, "`%s` is a function, not a number", n.s), "apply it: %s(...)", n.s);
    if (find_model(e->s, e->scope->file, n.s)) return diag_help(diag_error(cx, D_UNKNOWN_NAME, n.loc, "`%s` is a model, not a tensor", n.s), "call it by an equation of its own: h = %s(...)(...)", n.s);
    for (Scope *c = e->scope; c; c = c->up) for (int k = 0; k < c->n_body; k++) {
        Stmt *st = c->body[k];
        const Name *found = NULL;
        for (int j = 0; j < st->decl.n && !found; j++) if (st->decl.at[j].name.s == n.s) found = &st->decl.at[j].name;
        for (int j = 0; j < st->lhs.n && !found; j++) {
            Expr *l = st->lhs.at[j]->kind == E_SUBSCRIPT ? st->lhs.at[j]->arg.at[0] : st->lhs.at[j];
            if (l->kind == E_NAME && l->name.s == n.s) found = &l->name;
        }
        if (found && found->loc.line) return diag_note(diag_error(cx, D_STRUCTURE_FROM_DATA, n.loc, "`%s` is needed here before the model runs", n.s), found->loc, "it is known only then");
    }
    return NULL;
}
static void not_found(Env *e, Name n, bool function) {
    const char *all[512];
    int m = 0;
    Bind *said = scope_find(e->scope, n.s);
    if (said && said->kind == B_POISON) return;
    if (!function && known_otherwise(e, n)) return;
    for (Scope *s = e->scope; s; s = s->up) for (int k = 0; k < s->bind.n && m < 400; k++) if (!s->bind.at[k].unknown) all[m++] = s->bind.at[k].name;
    static const char *const other[] = { "size", "step", "coord", "freq", "clamp", "bitcast", "int", "real" };
    for (int k = 0; k < OP_COUNT && function && m < 512; k++) all[m++] = scalar_info[k].name;
    for (size_t k = 0; k < sizeof other / sizeof *other && function && m < 512; k++) all[m++] = other[k];
    const char *near = did_you_mean(e->s->cx, n.s, all, m);
    Diag *d = diag_error(e->s->cx, D_UNKNOWN_NAME, n.loc, "nothing here is named `%s`", n.s);
    if (near) diag_help(d, "did you mean `%s`?", near);
    vec_add(e->s->a, e->scope->bind, (Bind){ .name = n.s, .kind = B_POISON, .loc = n.loc, .unknown = true });      /* said once */
}
void unknown_name(Env *e, Name n) { not_found(e, n, false); }
void unknown_function(Env *e, Name n) { not_found(e, n, true); }
void undefined_output(Env *e, Name n) {
    const char *all[512];
    int m = 0;
    for (int k = 0; k < e->scope->bind.n && m < 512; k++) if (e->scope->bind.at[k].kind == B_DEF) all[m++] = e->scope->bind.at[k].name;
    const char *near = did_you_mean(e->s->cx, n.s, all, m);
    Diag *d = diag_error(e->s->cx, D_UNDEFINED_TENSOR, n.loc, "output `%s` is defined by no equation", n.s);
    if (near) diag_help(d, "did you mean `%s`?", near);
}
Space *shared_space(Sema *s, SpaceKind k, const char *name, Ext *extent, Space **part, int n) {
    for (int j = 0; j < s->p->space.n; j++) {
        Space *o = s->p->space.at[j];
        if (o->kind != k || o->n_part != n || strcmp(o->name, name)) continue;
        bool same = ext_equal(o->extent, extent);
        for (int q = 0; q < n; q++) same &= o->part[q] == part[q];
        if (same) return o;
    }
    Space *r = program_space(s->p, k, name, extent);
    r->n_part = n;
    for (int q = 0; q < n; q++) r->part[q] = part[q];
    return r;
}
static Space *composed(Sema *s, SpaceKind k, Space **part, int n, const char *sep, ExtOp op) {
    const char *name = k == SP_PRODUCT ? "(" : "";
    Ext *x = NULL;
    for (int j = 0; j < n; j++) {
        bool nested = k == SP_SUM && part[j]->kind == SP_SUM;
        name = arena_printf(s->a, nested ? "%s%s(%s)" : "%s%s%s", name, j ? sep : "", part[j]->name);
        x = x ? ext_op(s->a, op, x, part[j]->extent) : part[j]->extent;
    }
    return shared_space(s, k, k == SP_PRODUCT ? arena_printf(s->a, "%s)", name) : name, x, part, n);
}
Space *space_sum(Sema *s, Space **part, int n) { return composed(s, SP_SUM, part, n, " + ", EXT_ADD); }
Space *space_product(Sema *s, Space **part, int n) { return composed(s, SP_PRODUCT, part, n, ", ", EXT_MUL); }
int64_t coarse_step(Sema *s, Space **g) {
    int64_t every = 1;
    for (bool found = true; found && (*g)->kind == SP_GRID && (*g)->n_part == 1; ) {
        found = false;
        Space *up = (*g)->part[0];
        Ext *e = (*g)->extent;
        const char *slash = strrchr((*g)->name, '/');
        int64_t den = slash ? strtoll(slash + 1, NULL, 10) : 0;
        if (den > 1 && den < 1 << 20 && ext_equal(e, ext_op(s->a, EXT_CEILDIV, up->extent, ext_const(s->a, den)))) found = true, every *= den, *g = up;
        if (every > 1 << 20) break;
    }
    return every;
}
Space *space_scaled(Sema *s, Space *g, int num, int den) {
    if (den == 1 && g->kind == SP_GRID) {                      /* twice X/2 is X again */
        Space *up = g;
        if (g->n_part == 1 && coarse_step(s, &up) == num) return up;
    }
    Ext *x = ext_op(s->a, EXT_CEILDIV, ext_op(s->a, EXT_MUL, g->extent, ext_const(s->a, num)), ext_const(s->a, den));
    Space *r = shared_space(s, g->kind == SP_GRID ? SP_GRID : SP_DIM, den > 1 ? arena_printf(s->a, "%s/%d", g->name, den) : arena_printf(s->a, "%d*%s", num, g->name), x, &g, 1);
    r->boundary = g->boundary;
    return r;
}
Ext *extent_of(Env *e, Expr *x) {
    Arena *a = e->s->a;
    if (x->kind == E_INT) return ext_const(a, x->i);
    if (x->kind == E_UNARY && x->op == U_NEG) { Ext *v = extent_of(e, x->arg.at[0]); return v ? ext_op(a, EXT_SUB, ext_const(a, 0), v) : NULL; }
    if (x->kind == E_CALL && x->call.n == 1 && x->arg.at[0]->kind == E_NAME && !strcmp(x->arg.at[0]->name.s, "size")) return extent_of(e, x->call.at[0].value);
    if (x->kind == E_BINARY && (x->op <= B_MOD)) {
        static const ExtOp op[] = { EXT_ADD, EXT_SUB, EXT_MUL, EXT_FLOORDIV, EXT_FLOORDIV, EXT_MOD };
        Ext *l = extent_of(e, x->arg.at[0]), *r = extent_of(e, x->arg.at[1]);
        Bind *g = x->op == B_DIV && x->arg.at[0]->kind == E_NAME ? scope_find(e->scope, x->arg.at[0]->name.s) : NULL;
        bool grid = g && g->kind == B_SPACE && g->space && g->space->kind == SP_GRID;      /* the points 0, 2, 4, ... of a grid */
        return l && r ? ext_op(a, grid ? EXT_CEILDIV : op[x->op], l, r) : NULL;
    }
    if (x->kind == E_NAME) {
        Bind *b = scope_find(e->scope, x->name.s);
        if (b && b->kind == B_CONST) {
            Env up = env_of(e->s, b->scope);
            if (!unrolled(e->s, x->loc)) return NULL;
            if (e->s->level > 500) { diag_error(e->s->cx, D_CYCLE, x->loc, "constant `%s` is needed for itself", x->name.s); return NULL; }
            e->s->level++;
            Ext *r = extent_of(&up, b->expr);
            e->s->level--;
            return r;
        }
    }
    bool call = x->kind == E_CALL && x->arg.at[0]->kind == E_NAME && (!strcmp(x->arg.at[0]->name.s, "pad") || !strcmp(x->arg.at[0]->name.s, "crop"));
    if (x->kind != E_NAME && x->kind != E_TUPLE && x->kind != E_RANGE && !call) {
        diag_error(e->s->cx, D_NOT_A_SPACE, x->loc, "`%s` is no size", expr_text(e->s->cx, x));
        return NULL;
    }
    Space *s = space_of(e, x);
    return s ? s->extent : NULL;
}
/* A number: n + 1 is a size, no axis of two parts. */
static bool is_size(Env *e, const Expr *x) {
    Bind *b = x->kind == E_NAME ? scope_find(e->scope, x->name.s) : NULL;
    return x->kind == E_INT || (b && b->kind == B_CONST);
}
Space *space_of(Env *e, Expr *x) {
    Sema *s = e->s;
    if (x->kind == E_NAME) {
        Bind *b = scope_find(e->scope, x->name.s);
        if (b && b->kind == B_SPACE) return b->space || !b->let ? b->space : derive_space(s, b);
        if (b && b->kind == B_INDEX) return b->space;                    /* modes k: the name is the space's too */
        if (b && b->kind == B_POISON) return NULL;
        if (b && b->kind == B_CONST) { Ext *v = extent_of(e, x); return v ? shared_space(s, SP_DIM, ext_text(s->a, v), v, NULL, 0) : NULL; }
        const char *dot = strrchr(x->name.s, '.');
        if (dot) {
            Bind *g = scope_find(e->scope, intern_n(s->cx, x->name.s, (size_t)(dot - x->name.s)));
            if (g && g->kind == B_GRAPH) {
                Graph *q = g->graph;
                if (!strcmp(dot, ".nodes")) return q->dst_nodes;
                if (!strcmp(dot, ".edges")) return q->edges;
                if (!strcmp(dot, ".ntypes")) return q->ntypes;
                if (!strcmp(dot, ".etypes")) return q->etypes;
                if (!strcmp(dot + 1, strrchr(q->src_nodes->name, '.') + 1)) return q->src_nodes;
                if (!strcmp(dot + 1, strrchr(q->dst_nodes->name, '.') + 1)) return q->dst_nodes;
                diag_help(diag_error(s->cx, D_NOT_A_SPACE, x->loc, "graph `%s` has no space `%s`", g->name, dot + 1), "it has nodes, edges, ntypes and etypes");
                return NULL;
            }
        }
        if (!b) { unknown_name(e, x->name); return NULL; }
        diag_note(diag_error(s->cx, D_NOT_A_SPACE, x->loc, "`%s` is not a space", x->name.s), b->loc, "it is declared here");
        return NULL;
    }
    if (x->kind == E_TUPLE) {
        Space *part[8];
        if (x->arg.n > 8) { diag_error(s->cx, D_NOT_A_SPACE, x->arg.at[8]->loc, "a product has at most 8 spaces"); return NULL; }
        for (int k = 0; k < x->arg.n; k++) if (!(part[k] = space_of(e, x->arg.at[k]))) return NULL;
        return space_product(s, part, x->arg.n);
    }
    if (x->kind == E_RANGE) {
        Ext *lo = extent_of(e, x->arg.at[0]), *hi = extent_of(e, x->arg.at[1]);
        int64_t l, h;
        if (!lo || !hi) return NULL;
        if (!ext_is_const(lo, &l)) { diag_help(diag_error(s->cx, D_NOT_A_SPACE, x->loc, "the first end of a range is a constant"), "count from 0 and add: 0..n, and i + %s where it is used", ext_text(s->a, lo)); return NULL; }
        if (ext_is_const(hi, &h) && h < l) { diag_error(s->cx, D_NOT_A_SPACE, x->loc, "the range %lld..%lld is empty", (long long)l, (long long)h); return NULL; }
        Ext *n = ext_op(s->a, EXT_ADD, ext_op(s->a, EXT_SUB, hi, lo), ext_const(s->a, 1));
        Space *r = shared_space(s, SP_RANGE, arena_printf(s->a, "%lld..%s", (long long)l, ext_text(s->a, hi)), n, NULL, 0);
        r->lo = l;
        return r;
    }
    if (x->kind == E_BINARY && x->op == B_ADD && !is_size(e, x->arg.at[0]) && !is_size(e, x->arg.at[1])) {
        Space *l = space_of(e, x->arg.at[0]), *r = space_of(e, x->arg.at[1]), *part[8];
        if (!l || !r) return NULL;
        if (l->kind == SP_MODES || r->kind == SP_MODES) {
            diag_help(diag_error(s->cx, D_NOT_A_SPACE, x->loc, "frequencies are no part of a sum axis"), "give them an axis of their own");
            return NULL;
        }
        int n = 0;
        if (l->kind == SP_SUM && !x->arg.at[0]->parens) for (; n < l->n_part; n++) part[n] = l->part[n]; else part[n++] = l;
        if (n >= 8) { diag_error(s->cx, D_NOT_A_SPACE, x->arg.at[1]->loc, "a sum axis has at most 8 parts: `%s` would be one more", r->name); return NULL; }
        part[n++] = r;
        return space_sum(s, part, n);
    }
    if (x->kind == E_BINARY && x->op == B_DIV && x->arg.at[1]->kind == E_INT && x->arg.at[1]->i > 0) {
        Space *g = space_of(e, x->arg.at[0]);
        if (!g || g->kind == SP_GRID) return g && x->arg.at[1]->i < 1 << 20 ? space_scaled(s, g, 1, (int)x->arg.at[1]->i) : NULL;
    }
    if (x->kind == E_BINARY && x->op == B_MUL && x->arg.at[0]->kind == E_INT && x->arg.at[0]->i > 0 && x->arg.at[0]->i < 1 << 20) {
        Space *g = space_of(e, x->arg.at[1]);
        return g ? space_scaled(s, g, (int)x->arg.at[0]->i, 1) : NULL;
    }
    if (x->kind == E_CALL && x->arg.at[0]->kind == E_NAME && x->call.n == 3 && (!strcmp(x->arg.at[0]->name.s, "pad") || !strcmp(x->arg.at[0]->name.s, "crop"))) {
        bool pad = x->arg.at[0]->name.s[0] == 'p';             /* a and b points more, or fewer, at the two ends */
        Space *g = space_of(e, x->call.at[0].value);
        Ext *lo = extent_of(e, x->call.at[1].value), *hi = extent_of(e, x->call.at[2].value);
        if (!g || !lo || !hi) return NULL;
        Ext *n = ext_op(s->a, pad ? EXT_ADD : EXT_SUB, g->extent, ext_op(s->a, EXT_ADD, lo, hi));
        int64_t v;
        if (ext_is_const(n, &v) && v < 1) { diag_error(s->cx, D_DIM_OVERFLOW, x->loc, "nothing is left of `%s`", g->name); return NULL; }
        if (!ext_is_const(n, NULL)) vec_add(s->a, s->p->check, (Check){ ext_const(s->a, 1), 'L', n, arena_printf(s->a, "nothing is left of `%s`", g->name), x->loc });
        Space *r = shared_space(s, g->kind == SP_GRID ? SP_GRID : SP_DIM, arena_printf(s->a, "%s(%s, %s, %s)", pad ? "pad" : "crop", g->name, ext_text(s->a, lo), ext_text(s->a, hi)), n, &g, 1);
        r->boundary = g->boundary;
        return r;
    }
    if (x->kind == E_INT || (x->kind == E_BINARY && x->op <= B_MOD)) {
        Ext *v = extent_of(e, x);
        int64_t n;
        if (!v) return NULL;
        if (ext_is_const(v, &n) && (n < 1 || n >= INT32_MAX)) { diag_error(s->cx, D_DIM_OVERFLOW, x->loc, "a size of %lld is not between 1 and 2147483646", (long long)n); return NULL; }
        return shared_space(s, SP_DIM, ext_text(s->a, v), v, NULL, 0);
    }
    diag_error(s->cx, D_NOT_A_SPACE, x->loc, "`%s` is not a space", expr_text(s->cx, x));
    return NULL;
}
const char *dotted(Sema *s, Scope *c, const char *name) {
    if (*c->prefix) name = arena_printf(s->a, "%s.%s", c->prefix, name);
    if (c->round) name = arena_printf(s->a, "%s.%s", name, c->round);
    return intern(s->cx, name);
}
/* Seen in f: its own models first, then those of the files it uses, in order and depth first; each file is looked at once. */
static Model *model_in(File *f, const char *name, int walk) {
    if (f->walk == walk) return NULL;
    f->walk = walk;
    for (int k = 0; k < f->model.n; k++) if (f->model.at[k]->name.s == name) return f->model.at[k];
    Model *m = NULL;
    for (int k = 0; k < f->use.n && !m; k++) if (f->use.at[k].file) m = model_in(f->use.at[k].file, name, walk);
    return m;
}
Model *find_model(Sema *s, File *f, const char *name) { return model_in(f, name, ++s->cx->walks); }
