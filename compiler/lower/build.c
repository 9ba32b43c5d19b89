/* build.c - making one kernel: levels, names for intermediate results, loops that recover indices. */
#include "lower/lower.h"
#include <string.h>

const char *plain_name(Lower *l, const char *name) { return *name == '%' ? arena_printf(l->a, "t%s", name + 1) : name; }

Kernel *kernel_new(Lower *l, const char *name, const char *what, Ext *extent, Loc loc) {
    Kernel *k = NEW(l->a, Kernel);
    k->id = l->u->kernel.n, k->name = plain_name(l, name), k->what = what, k->extent = extent, k->loc = loc;
    k->item = NEW(l->a, Var);
    k->item->name = "item", k->item->dt = DT_I64;
    return k;
}
Build build_start(Lower *l, Kernel *k) {
    Build b = { .l = l, .k = k };
    level_push(&b, LV_ITEM);
    return b;
}
Level *level_push(Build *b, LevelKind k) {
    Level *v = NEW(b->l->a, Level);
    v->up = b->level, v->kind = k, v->depth = b->level ? b->level->depth + 1 : 0;
    return b->level = v;
}
void level_bind(Level *v, Arena *a, Index *i, LX *at) { vec_add(a, v->bound, (BoundIndex){ i, at }); }
LX *level_find(Build *b, const Index *i) {
    if (b->tile && b->tile->index == i) return b->tile->at[b->row];
    for (Level *v = b->level; v; v = v->up) for (int k = 0; k < v->bound.n; k++) if (v->bound.at[k].index == i) return v->bound.at[k].at;
    return NULL;
}
LS *stmt(Build *b, LSKind k) {
    LS *s = NEW(b->l->a, LS);
    s->k = k, s->loc = b->k->loc;
    vec_add(b->l->a, b->level->block, s);
    return s;
}
LS *level_pop_for(Build *b, Var *var, LX *lo, LX *hi, LoopKind k) {
    Level *v = b->level;
    b->level = v->up;
    LS *s = stmt(b, LS_FOR);
    s->var = var, s->lo = lo, s->hi = hi, s->loop = k, s->body = v->block;
    return s;
}
LS *level_pop_if(Build *b, LX *cond) {
    Level *v = b->level;
    b->level = v->up;
    LS *s = stmt(b, LS_IF);
    s->x = cond, s->body = v->block;
    return s;
}
Var *var_new(Build *b, const char *name, Dtype dt, bool is_mutable) {
    Var *v = NEW(b->l->a, Var);
    v->name = plain_name(b->l, name), v->dt = dt, v->mutable_ = is_mutable;
    return v;
}
LX *let(Build *b, LX *x, const char *name) {
    if (x->k == LX_INT || x->k == LX_REAL || x->k == LX_VAR || x->k == LX_SIZE) return x;
    LS *s = stmt(b, LS_LET);
    s->var = var_new(b, name, x->dt, false), s->x = x;
    return lx_var(b->l->a, s->var);
}
Pair let_pair(Build *b, Pair p, const char *name) {
    if (!p.im) return (Pair){ let(b, p.re, name), NULL };
    LX *re = let(b, p.re, arena_printf(b->l->a, "%s_re", name));
    return (Pair){ re, let(b, p.im, arena_printf(b->l->a, "%s_im", name)) };
}
void set(Build *b, Var *v, LX *x) { LS *s = stmt(b, LS_SET); s->var = v, s->x = x; }
Var *mutable_var(Build *b, const char *name, LX *init) {
    LS *s = stmt(b, LS_VAR);
    s->var = var_new(b, name, init->dt, true), s->x = init;
    return s->var;
}
void store(Build *b, Buf *to, LX *at, LX *x) { LS *s = stmt(b, LS_STORE); s->buf = to, s->index = at, s->x = x; }
void store_pair(Build *b, Buf *to, LX *at, Pair x) {
    if (!x.im) { store(b, to, at, x.re); return; }
    x = let_pair(b, x, "z");
    LX *twice = let(b, lop(b, OP_MUL, at, I64(2)), "at");
    store(b, to, twice, x.re);
    store(b, to, lop(b, OP_ADD, twice, I64(1)), x.im);
}
LX *lop(Build *b, ScalarOp op, LX *p, LX *q) { return lx_op(b->l->a, op, p, q); }
LX *land(Build *b, LX *p, LX *q) { return !p ? q : !q ? p : lop(b, OP_AND, p, q); }

LX *bind_axes(Build *b, int n, Index **idx, LX *flat) {
    Arena *a = b->l->a;
    LX *rest = flat;
    for (int k = n - 1; k >= 0; k--) {
        LX *extent = lx_size(a, idx[k]->space->extent);
        LX *at = k ? lop(b, OP_MOD, rest, extent) : rest;
        level_bind(b->level, a, idx[k], let(b, at, idx[k]->name));
        if (k) rest = let(b, lop(b, OP_FLOORDIV, rest, extent), "rest");
    }
    return rest;
}

/* ---- where an expression belongs -------------------------------------------------------------------------- */
typedef struct Depth { Build *b; int depth; } Depth;
static bool deepest(X *x, void *data) {
    Depth *d = data;
    if (x->k != X_INDEX) return true;
    for (Level *v = d->b->level; v && v->depth > d->depth; v = v->up)
        for (int k = 0; k < v->bound.n; k++) if (v->bound.at[k].index == x->u.index) d->depth = v->depth;
    return true;
}
int depth_of(Build *b, X *x) {
    Depth d = { b, 0 };
    x_walk(x, deepest, &d);
    return d.depth;
}
Level *home_of(Build *b, X *x) {
    int depth = depth_of(b, x);
    /* conditions directly below that level stay around the expression: what they exclude is not computed */
    Level *v = b->level, *home = v;
    for (; v && v->depth > depth; v = v->up) if (v->kind != LV_IF || v->bound.n) home = v->up;
    return home;
}

/* ---- finishing ---------------------------------------------------------------------------------------------- */
int64_t work_of(const Block *b) {
    int64_t w = 0;
    for (int k = 0; k < b->n; k++) {
        const LS *s = b->at[k];
        int64_t in = 1 + work_of(&s->body) + work_of(&s->other);
        if (s->k == LS_FOR) in *= s->hi->k == LX_INT && s->lo->k == LX_INT ? s->hi->i - s->lo->i : s->loop == LOOP_LANE ? 64 : 16;
        w += in > 0 ? in : 0;
        if (w > 1000000000) return 1000000000;
    }
    return w;
}
static bool has_lanes(const Block *b) {
    for (int k = 0; k < b->n; k++) if ((b->at[k]->k == LS_FOR && b->at[k]->loop == LOOP_LANE) || has_lanes(&b->at[k]->body) || has_lanes(&b->at[k]->other)) return true;
    return false;
}
static void drop_barriers(Block *b) {
    int n = 0;
    for (int k = 0; k < b->n; k++) {
        if (b->at[k]->k == LS_BARRIER) continue;
        drop_barriers(&b->at[k]->body);
        drop_barriers(&b->at[k]->other);
        b->at[n++] = b->at[k];
    }
    b->n = n;
}
void kernel_add(Lower *l, Build *b, KernelMap map) {
    Kernel *k = b->k;
    k->body = b->level->block;
    k->map = map == MAP_BLOCKED && has_lanes(&k->body) ? MAP_BLOCKED : MAP_FLAT;
    if (k->map == MAP_FLAT) drop_barriers(&k->body);
    k->work = work_of(&k->body);
    k->id = l->u->kernel.n;
    vec_add(l->a, l->u->kernel, k);
    host_add(l, LH_KERNEL, k->loc)->kernel = k;
}
