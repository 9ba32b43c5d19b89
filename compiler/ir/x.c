/* x.c - scalar expressions: constructors, substitution, walking, comparing. Expressions are immutable and may be shared. */
#include "ir/ir.h"
#include <assert.h>
#include <string.h>

static X *make(Arena *a, XKind k, Dtype dt) {
    X *e = NEW(a, X);
    e->k = k, e->dt = dt, e->loc = NO_LOC;
    return e;
}
X *x_int(Arena *a, int64_t v, Dtype dt) { X *e = make(a, X_INT, dt); e->u.i = v; return e; }
X *x_real(Arena *a, double v, Dtype dt) { X *e = make(a, X_REAL, dt); e->u.c.re = v; return e; }
X *x_complex(Arena *a, double re, double im, Dtype dt) { X *e = make(a, X_COMPLEX, dt); e->u.c.re = re, e->u.c.im = im; return e; }
X *x_index(Arena *a, Index *i) { X *e = make(a, X_INDEX, DT_I64); e->u.index = i, e->space = i->space; return e; }
X *x_size(Arena *a, Ext *v) { X *e = make(a, X_EXT, DT_I64); e->u.ext = v; return e; }
X *x_ext(Arena *a, Ext *v) {
    int64_t n;
    return ext_is_const(v, &n) ? x_int(a, n, DT_I64) : x_size(a, v);
}
X *x_read(Arena *a, Value *v, X **idx, const Boundary *bnd, X **other) {
    X *e = make(a, X_READ, v->dt);
    size_t n = (size_t)v->rank;
    e->space = v->target;
    e->u.read.v = v;
    e->u.read.idx = NEWN(a, X *, n + 1);
    e->u.read.bnd = NEWN(a, Boundary, n + 1);
    e->u.read.other = NEWN(a, X *, n + 1);
    if (n) memcpy(e->u.read.idx, idx, n * sizeof *idx);
    if (n && bnd) memcpy(e->u.read.bnd, bnd, n * sizeof *bnd);
    if (n && other) memcpy(e->u.read.other, other, n * sizeof *other);
    return e;
}
X *x_op(Arena *a, ScalarOp op, X *p, X *q) {
    const ScalarInfo *s = &scalar_info[op];
    Dtype dt = p->dt;
    assert((s->arity == 2) == (q != NULL));
    if (s->class_ == CMP || s->class_ == LOGIC) dt = DT_BOOL;
    else if (s->class_ == PART) dt = dtype_real_of(p->dt);
    else if (op == OP_COMPLEX) dt = dtype_complex_of(p->dt);
    X *e = make(a, X_OP, dt);
    e->u.op.op = op, e->u.op.n = s->arity, e->u.op.arg[0] = p, e->u.op.arg[1] = q;
    e->loc = p->loc;
    return e;
}
X *x_cast(Arena *a, X *p, Dtype dt) {
    if (p->dt == dt) return p;
    X *e = make(a, X_CAST, dt);
    e->u.cast.arg = p, e->loc = p->loc;
    e->space = dtype_is_int(dt) && dtype_is_int(p->dt) ? p->space : NULL;
    return e;
}
X *x_bitcast(Arena *a, X *p, Dtype dt) {
    X *e = make(a, X_BITCAST, dt);
    e->u.cast.arg = p, e->loc = p->loc;
    return e;
}
X *x_if(Arena *a, X *c, X *t, X *o) {
    assert(c->dt == DT_BOOL && t->dt == o->dt);
    X *e = make(a, X_IF, t->dt);
    e->u.if_.cond = c, e->u.if_.then = t, e->u.if_.other = o, e->loc = c->loc;
    e->space = t->space == o->space ? t->space : NULL;
    return e;
}
X *x_reduce(Arena *a, ReduceOp op, int n, Index **idx, int n_cond, X **cond, X *body, X *other, Dtype acc) {
    X *e = make(a, X_REDUCE, op == R_ARGMIN || op == R_ARGMAX ? DT_I64 : op == R_ANY || op == R_ALL ? DT_BOOL : body->dt);
    if (op == R_ARGMIN || op == R_ARGMAX) e->space = idx[0]->space;
    e->u.reduce.op = op, e->u.reduce.n = n, e->u.reduce.n_cond = n_cond;
    e->u.reduce.idx = NEWN(a, Index *, n + 1);
    e->u.reduce.cond = NEWN(a, X *, n_cond + 1);
    memcpy(e->u.reduce.idx, idx, sizeof *idx * (size_t)n);
    if (n_cond) memcpy(e->u.reduce.cond, cond, sizeof *cond * (size_t)n_cond);
    e->u.reduce.body = body, e->u.reduce.other = other, e->u.reduce.acc = acc, e->loc = body->loc;
    return e;
}

static X **kept(Arena *a, X *const *list, int n) {
    X **r = NEWN(a, X *, n + 1);
    if (n) memcpy(r, list, sizeof *list * (size_t)n);
    return r;
}
/* Calls f(child) for every child in order and stores what it returns in a copy; the copy is made only when something changed. */
X *x_map_operands(Arena *a, X *e, X *(*f)(X *, void *), void *d) {
    enum { FEW = 8 };
    X c = *e, *r, *first[FEW], *second[FEW] = { NULL };
    bool changed = false;
#define CHILD(slot) do { r = f(slot, d); if (r != (slot)) changed = true; } while (0)
    switch (e->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: return e;
    case X_READ: {
        int n = e->u.read.v->rank;                                   /* at most 8 */
        for (int k = 0; k < n; k++) {
            CHILD(e->u.read.idx[k]);
            first[k] = r;
            if (e->u.read.other[k]) { CHILD(e->u.read.other[k]); second[k] = r; }
        }
        if (changed) c.u.read.idx = kept(a, first, n), c.u.read.other = kept(a, second, n);
        break;
    }
    case X_OP:
        for (int k = 0; k < e->u.op.n; k++) { CHILD(e->u.op.arg[k]); c.u.op.arg[k] = r; }
        break;
    case X_CAST: case X_BITCAST: CHILD(e->u.cast.arg); c.u.cast.arg = r; break;
    case X_IF:
        CHILD(e->u.if_.cond); c.u.if_.cond = r;
        CHILD(e->u.if_.then); c.u.if_.then = r;
        CHILD(e->u.if_.other); c.u.if_.other = r;
        break;
    case X_REDUCE: {
        int n = e->u.reduce.n_cond;
        X **cond = n > FEW ? NEWN(a, X *, n) : first;
        for (int k = 0; k < n; k++) { CHILD(e->u.reduce.cond[k]); cond[k] = r; }
        if (changed) c.u.reduce.cond = n > FEW ? cond : kept(a, first, n);
        CHILD(e->u.reduce.body); c.u.reduce.body = r;
        if (e->u.reduce.other) { CHILD(e->u.reduce.other); c.u.reduce.other = r; }
        break;
    }
    }
#undef CHILD
    if (!changed) return e;
    X *n = NEW(a, X);
    *n = c;
    return n;
}

typedef struct Subst { Program *p; int n; Index **from; X **to; } Subst;
static X *subst(X *e, void *data) {
    Subst *s = data;
    if (e->k == X_INDEX) {
        for (int k = 0; k < s->n; k++) if (s->from[k] == e->u.index) return s->to[k];
        return e;
    }
    if (e->k != X_REDUCE) return x_map_operands(s->p->arena, e, subst, s);
    /* bound indices are renewed, so that one index is bound in one place only */
    int m = e->u.reduce.n;
    Subst inner = { s->p, s->n + m, NEWN(s->p->arena, Index *, s->n + m), NEWN(s->p->arena, X *, s->n + m) };
    Index **idx = NEWN(s->p->arena, Index *, m + 1);
    for (int k = 0; k < m; k++) {
        idx[k] = program_index(s->p, e->u.reduce.idx[k]->name, e->u.reduce.idx[k]->space);
        inner.from[k] = e->u.reduce.idx[k], inner.to[k] = x_index(s->p->arena, idx[k]);
    }
    for (int k = 0; k < s->n; k++) inner.from[m + k] = s->from[k], inner.to[m + k] = s->to[k];
    X *c = x_map_operands(s->p->arena, e, subst, &inner);
    X *r = NEW(s->p->arena, X);
    *r = *c;
    r->u.reduce.idx = idx;
    return r;
}
X *x_substitute(Program *p, X *e, int n, Index **from, X **to) {
    Subst s = { p, n, from, to };
    return subst(e, &s);
}
X *x_before_first(Program *p, const Value *v, int t, const Before *b, X **idx, const Boundary *bnd, X **other) {
    Arena *a = p->arena;
    Index *from[8];
    X *to[8], *inside[8] = { NULL }, *zero = x_int(a, 0, DT_I64), *one = x_int(a, 1, DT_I64);
    int n = 0;
    for (int k = 0; k < v->rank; k++) {
        if (k == t) continue;
        X *i = x_cast(a, idx[k], DT_I64), *size = x_ext(a, v->axis[k]->extent), *last = x_op(a, OP_SUB, size, one), *period = x_op(a, OP_MUL, x_int(a, 2, DT_I64), last);
        switch (bnd[k]) {
        case BND_NONE: break;
        case BND_ZERO: case BND_ELSE: inside[k] = x_op(a, OP_AND, x_op(a, OP_GE, i, zero), x_op(a, OP_LT, i, size)); break;
        case BND_PERIODIC: i = x_op(a, OP_MOD, i, size); break;
        case BND_REPLICATE: i = x_op(a, OP_MIN, x_op(a, OP_MAX, i, zero), last); break;
        case BND_REFLECT:
            i = x_op(a, OP_MOD, i, x_op(a, OP_MAX, period, one));
            i = x_if(a, x_op(a, OP_LT, i, size), i, x_op(a, OP_SUB, period, i));
            break;
        }
        from[n] = b->idx[k], to[n++] = i;
    }
    X *r = x_substitute(p, b->expr, n, from, to);
    X *nothing = dtype_is_complex(v->dt) ? x_complex(a, 0, 0, v->dt) : dtype_is_float(v->dt) ? x_real(a, 0, v->dt) : x_int(a, 0, v->dt);
    for (int k = v->rank - 1; k >= 0; k--) if (inside[k]) r = x_if(a, inside[k], r, bnd[k] == BND_ELSE ? other[k] : nothing);
    return r;
}

void x_walk(X *e, bool (*f)(X *, void *), void *d) {
    if (!f(e, d)) return;
    switch (e->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: return;
    case X_READ:
        for (int k = 0; k < e->u.read.v->rank; k++) {
            x_walk(e->u.read.idx[k], f, d);
            if (e->u.read.other[k]) x_walk(e->u.read.other[k], f, d);
        }
        return;
    case X_OP: for (int k = 0; k < e->u.op.n; k++) x_walk(e->u.op.arg[k], f, d); return;
    case X_CAST: case X_BITCAST: x_walk(e->u.cast.arg, f, d); return;
    case X_IF: x_walk(e->u.if_.cond, f, d); x_walk(e->u.if_.then, f, d); x_walk(e->u.if_.other, f, d); return;
    case X_REDUCE:
        for (int k = 0; k < e->u.reduce.n_cond; k++) x_walk(e->u.reduce.cond[k], f, d);
        x_walk(e->u.reduce.body, f, d);
        if (e->u.reduce.other) x_walk(e->u.reduce.other, f, d);
        return;
    }
}
bool x_walk_if(X *e, bool (*f)(X *, void *), void *d, int *branch) {
    x_walk(e->u.if_.cond, f, d);
    ++*branch;
    x_walk(e->u.if_.then, f, d);
    x_walk(e->u.if_.other, f, d);
    --*branch;
    return false;
}

typedef struct Reads { const Value *v; bool found; } Reads;
static bool sees_read(X *e, void *data) {
    Reads *r = data;
    if (e->k == X_READ && e->u.read.v == r->v) r->found = true;
    return !r->found;
}
bool x_reads(X *e, const Value *v) {
    Reads r = { v, false };
    x_walk(e, sees_read, &r);
    return r.found;
}

typedef struct MapRun { Arena *a; X *(*f)(X *, void *); void *data; } MapRun;
static X *map_one(X *e, void *d) {
    MapRun *m = d;
    return m->f(x_map_operands(m->a, e, map_one, m), m->data);
}
X *x_map(Arena *a, X *e, X *(*f)(X *, void *), void *data) {
    MapRun m = { a, f, data };
    return map_one(e, &m);
}

typedef struct Find { const Index *i; bool found; } Find;
static bool find(X *e, void *d) {
    Find *f = d;
    if (e->k == X_INDEX && e->u.index == f->i) f->found = true;
    return !f->found;
}
bool x_uses_index(const X *e, const Index *i) {
    Find f = { i, false };
    x_walk((X *)e, find, &f);
    return f.found;
}

typedef struct Pairs { const Index *a, *b; const struct Pairs *up; } Pairs;
static bool equal(const X *a, const X *b, const Pairs *up) {
    if (a == b && !up) return true;
    if (a->k != b->k || a->dt != b->dt) return false;
    switch (a->k) {
    case X_INT: return a->u.i == b->u.i;
    case X_REAL: case X_COMPLEX: return !memcmp(&a->u.c, &b->u.c, a->k == X_REAL ? sizeof(double) : 2 * sizeof(double));
    case X_INDEX:
        for (; up; up = up->up) if (up->a == a->u.index || up->b == b->u.index) return up->a == a->u.index && up->b == b->u.index;
        return a->u.index == b->u.index;
    case X_EXT: return ext_equal(a->u.ext, b->u.ext);
    case X_READ:
        if (a->u.read.v != b->u.read.v) return false;
        for (int k = 0; k < a->u.read.v->rank; k++) {
            if (a->u.read.bnd[k] != b->u.read.bnd[k] || !equal(a->u.read.idx[k], b->u.read.idx[k], up)) return false;
            if (!a->u.read.other[k] != !b->u.read.other[k]) return false;
            if (a->u.read.other[k] && !equal(a->u.read.other[k], b->u.read.other[k], up)) return false;
        }
        return true;
    case X_OP:
        if (a->u.op.op != b->u.op.op) return false;
        for (int k = 0; k < a->u.op.n; k++) if (!equal(a->u.op.arg[k], b->u.op.arg[k], up)) return false;
        return true;
    case X_CAST: case X_BITCAST: return equal(a->u.cast.arg, b->u.cast.arg, up);
    case X_IF: return equal(a->u.if_.cond, b->u.if_.cond, up) && equal(a->u.if_.then, b->u.if_.then, up) && equal(a->u.if_.other, b->u.if_.other, up);
    case X_REDUCE: {
        int n = a->u.reduce.n, m = a->u.reduce.n_cond;
        if (a->u.reduce.op != b->u.reduce.op || n != b->u.reduce.n || m != b->u.reduce.n_cond || a->u.reduce.acc != b->u.reduce.acc ||
            !a->u.reduce.other != !b->u.reduce.other || n > 16) return false;
        Pairs here[16];
        for (int k = 0; k < n; k++) {
            if (a->u.reduce.idx[k]->space != b->u.reduce.idx[k]->space) return false;
            here[k] = (Pairs){ a->u.reduce.idx[k], b->u.reduce.idx[k], k ? &here[k - 1] : up };
        }
        const Pairs *in = n ? &here[n - 1] : up;
        for (int k = 0; k < m; k++) if (!equal(a->u.reduce.cond[k], b->u.reduce.cond[k], in)) return false;
        return equal(a->u.reduce.body, b->u.reduce.body, in) && (!a->u.reduce.other || equal(a->u.reduce.other, b->u.reduce.other, in));
    }
    }
    return false;
}
bool x_equal(const X *a, const X *b) { return equal(a, b, NULL); }
