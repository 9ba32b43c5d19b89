/* compile.c - scalar expressions to Ops: sizes, strides and kinds of numbers are settled here, once per run of a node. */
#include "interp/inside.h"
#include <string.h>

static Op *op_new(Interp *I, OpKind k, Dtype dt) {
    Op *o = NEW(I->arena, Op);
    o->k = k, o->dt = o->from = dt, o->c = o->cfrom = class_of(dt);
    return o;
}
static MemberRun *member_of(Interp *I, const Value *v) {
    for (int k = 0; I->group && k < I->group->n; k++) if (I->group->member[k].m->value == v) return &I->group->member[k];
    return NULL;
}
typedef struct Find { Interp *I; bool found; } Find;
static bool find_member(X *e, void *data) {
    Find *f = data;
    if (e->k == X_READ && member_of(f->I, e->u.read.v)) f->found = true;
    return !f->found;
}
bool reads_group(Interp *I, X *e) {
    Find f = { I, false };
    x_walk(e, find_member, &f);
    return f.found;
}

typedef struct Collect { Interp *I; VEC(Index *) used, bound; } Collect;
static bool collect(X *e, void *data) {
    Collect *c = data;
    if (e->k == X_REDUCE) for (int k = 0; k < e->u.reduce.n; k++) vec_add(c->I->arena, c->bound, e->u.reduce.idx[k]);
    if (e->k != X_INDEX) return true;
    for (int k = 0; k < c->used.n; k++) if (c->used.at[k] == e->u.index) return true;
    vec_add(c->I->arena, c->used, e->u.index);
    return true;
}
void free_indices_of(Interp *I, X *e, Index **bound, int n_bound, int **index, int *n) {
    Collect c = { .I = I };
    x_walk(e, collect, &c);
    for (int k = 0; k < n_bound; k++) vec_add(I->arena, c.bound, bound[k]);
    *index = NEWN(I->arena, int, c.used.n + 1);
    *n = 0;
    for (int k = 0; k < c.used.n; k++) {
        bool inner = false;
        for (int j = 0; j < c.bound.n; j++) inner |= c.bound.at[j] == c.used.at[k];
        if (!inner) (*index)[(*n)++] = c.used.at[k]->id;
    }
}

static Op *compile_read(Interp *I, X *e) {
    Value *v = e->u.read.v;
    Array *a = &I->val[v->id];
    if (!a->re && !a->i) { fail(I, D_INTERNAL, e->loc, "`%s` is read before it has a value", v->name); return NULL; }
    Op *o = op_new(I, O_READ, v->dt);
    Read *r = o->u.read = NEW(I->arena, Read);
    *r = (Read){ .from = a, .v = v, .loc = e->loc, .rank = v->rank, .member = member_of(I, v) };
    int64_t stride = 1;
    for (int k = v->rank - 1; k >= 0; k--) {
        Subscript *s = &r->sub[k];
        X *x = e->u.read.idx[k];
        while (x->k == X_CAST && dtype_bytes(x->dt) >= 4 && dtype_is_int(x->dt) && x->u.cast.arg->k == X_INDEX) x = x->u.cast.arg;
        *s = (Subscript){ .index = -1, .stride = stride, .extent = a->extent[k], .bnd = e->u.read.bnd[k] };
        stride *= a->extent[k];
        if (!(s->e = compile(I, x))) return NULL;
        if (x->k == X_INDEX) s->index = x->u.index->id;
        if (s->bnd == BND_ELSE && e->u.read.other[k] && !(s->other = compile(I, e->u.read.other[k]))) return NULL;
        if (s->e->c != IS_INT || (s->other && s->other->c != o->c)) { fail(I, D_INTERNAL, e->loc, "a subscript of `%s` has a wrong type", v->name); return NULL; }
    }
    return o;
}
Op *compile(Interp *I, X *e) {
    Op *o;
    switch (e->k) {
    case X_INT:
        o = op_new(I, O_CONST, e->dt);
        if (o->c == IS_INT) o->u.i = wrap(e->u.i, e->dt); else o->u.z.re = (double)e->u.i;
        return o;
    case X_REAL: case X_COMPLEX: o = op_new(I, O_CONST, e->dt); o->u.z = (Complex){ e->u.c.re, e->u.c.im }; return o;
    case X_EXT:
        o = op_new(I, O_CONST, e->dt);
        o->u.i = ext_eval(e->u.ext, I->size);          /* may be negative on purpose: a difference of sizes */
        return o;
    case X_INDEX:
        if (e->u.index->id < 0 || e->u.index->id >= I->p->n_index) { fail(I, D_INTERNAL, e->loc, "index `%s` is not of this program", e->u.index->name); return NULL; }
        o = op_new(I, O_INDEX, e->dt);
        o->u.index = e->u.index->id;
        return o;
    case X_READ: return compile_read(I, e);
    case X_OP:
        o = op_new(I, O_SCALAR, e->dt);
        o->op = e->u.op.op;
        for (int k = 0; k < e->u.op.n; k++) if (!(o->a[k] = compile(I, e->u.op.arg[k]))) return NULL;
        o->from = o->a[0]->dt, o->cfrom = o->a[0]->c;
        if (o->a[1] && o->a[1]->c != o->cfrom) { fail(I, D_INTERNAL, e->loc, "`%s` of %s and %s", scalar_info[o->op].name, dtype_name(o->from), dtype_name(o->a[1]->dt)); return NULL; }
        return o;
    case X_CAST: case X_BITCAST:
        o = op_new(I, e->k == X_CAST ? O_CAST : O_BITCAST, e->dt);
        if (!(o->a[0] = compile(I, e->u.cast.arg))) return NULL;
        o->from = o->a[0]->dt, o->cfrom = o->a[0]->c;
        return o;
    case X_IF:
        o = op_new(I, O_IF, e->dt);
        if (!(o->a[0] = compile(I, e->u.if_.cond)) || !(o->a[1] = compile(I, e->u.if_.then)) || !(o->a[2] = compile(I, e->u.if_.other))) return NULL;
        if (o->a[0]->c != IS_INT || o->a[1]->c != o->c || o->a[2]->c != o->c) { fail(I, D_INTERNAL, e->loc, "the branches of an if have different types"); return NULL; }
        return o;
    case X_REDUCE: return compile_reduce(I, e);
    }
    return NULL;
}
