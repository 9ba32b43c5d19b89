/* back.c - reverse mode within one expression: from the cotangent of the whole to that of each read.
 *
 * Parts that several places share by pointer are gone through once per guard.  A cotangent is guarded by the conditions of the `if`s
 * above it, kept apart from its value until the end, so what the branch not taken would give (1/0, log 0) is never multiplied in. */
#include "diff/inside.h"
#include <string.h>

/* ---- reductions that become values of their own ------------------------------------------------------------------------------ */
typedef struct Free { VEC(Index *) found, bound; Arena *a; } Free;
static bool collect_bound(X *e, void *data) {
    Free *f = data;
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n; k++) vec_add(f->a, f->bound, e->u.reduce.idx[k]);
    return true;
}
static bool collect_free(X *e, void *data) {
    Free *f = data;
    if (e->k != X_INDEX) return true;
    for (int k = 0; k < f->bound.n; k++) if (f->bound.at[k] == e->u.index) return true;
    for (int k = 0; k < f->found.n; k++) if (f->found.at[k] == e->u.index) return true;
    vec_add(f->a, f->found, e->u.index);
    for (int k = f->found.n - 1; k > 0 && f->found.at[k - 1]->id > f->found.at[k]->id; k--) {
        Index *t = f->found.at[k];
        f->found.at[k] = f->found.at[k - 1], f->found.at[k - 1] = t;
    }
    return true;
}
static bool sees_partial(X *e, void *data) {
    if (e->k != X_OP) return true;
    ScalarOp op = e->u.op.op;
    *(bool *)data |= scalar_info[op].defined != EVERYWHERE || op == OP_CBRT || op == OP_ATAN2         /* numbers at 0, but with no slope there */
                     || op == OP_EXP || op == OP_EXP2 || op == OP_EXPM1 || op == OP_SINH || op == OP_COSH;
    return !*(bool *)data;
}
/* Whether e may be infinite or no number for usual arguments, or have a derivative that is: 0 times that is not 0. */
static bool is_partial(X *e) {
    bool found = false;
    x_walk(e, sees_partial, &found);
    return found;
}
/* What indices are by the conditions of the sums around a place: along the fibre dst(e) = v, v is dst(e). outer, inner: pairs that such a
 * condition ties to each other, of which there are far fewer than of all their elements. */
typedef struct Known { VEC(Index *) idx, outer, inner; VEC(X *) as; } Known;
static void known_to(Known *k, int idx, int pairs) { k->idx.n = k->as.n = idx, k->outer.n = k->inner.n = pairs; }
typedef struct Tie { Arena *a; Known *known; int n; Index **idx; X *other; } Tie;
static bool tie(X *e, void *data) {
    Tie *t = data;
    if (e->k != X_INDEX) return true;
    for (int j = 0; j < t->n; j++) if (t->idx[j] == e->u.index) return true;
    for (int j = 0; j < t->n; j++) {
        if (!x_uses_index(t->other, t->idx[j])) continue;
        vec_add(t->a, t->known->outer, e->u.index);
        vec_add(t->a, t->known->inner, t->idx[j]);
    }
    return true;
}
static X *bare(X *e) { while (e->k == X_CAST && dtype_is_int(e->dt) && dtype_is_int(e->u.cast.arg->dt)) e = e->u.cast.arg; return e; }
static void know(Arena *a, Known *known, int n, Index **idx, int n_cond, X **cond) {
    for (int k = 0; k < n_cond; k++) for (int side = 0; side < 2; side++) {
        if (cond[k]->k != X_OP || cond[k]->u.op.op != OP_EQ) break;
        X *i = bare(cond[k]->u.op.arg[side]), *m = bare(cond[k]->u.op.arg[1 - side]);
        Tie t = { a, known, n, idx, m };
        x_walk(i, tie, &t);
        if (i->k != X_INDEX || m->space != i->u.index->space || !x_in_range(m) || x_uses_index(m, i->u.index)) continue;
        bool outer = true, moves = false;
        for (int j = 0; j < n; j++) outer &= idx[j] != i->u.index, moves |= x_uses_index(m, idx[j]);
        if (!outer || !moves) continue;
        vec_add(a, known->idx, i->u.index);
        vec_add(a, known->as, m);
    }
}
typedef struct Within { X *e; bool all; } Within;
static bool see_within(X *e, void *data) {
    Within *w = data;
    if (e->k == X_INDEX) w->all &= x_uses_index(w->e, e->u.index);
    return w->all;
}
/* The conditions in c that the known indices don't meet by themselves; NULL: all do. */
static X *unmet(Arena *a, X *c) {
    if (c->k == X_OP && c->u.op.op == OP_AND) return dx_and(a, unmet(a, c->u.op.arg[0]), unmet(a, c->u.op.arg[1]));
    if (c->k == X_IF && c->u.if_.other->k == X_INT && !c->u.if_.other->u.i) return dx_and(a, unmet(a, c->u.if_.cond), unmet(a, c->u.if_.then));
    bool met = c->k == X_OP && c->u.op.op == OP_EQ && dtype_is_int(c->u.op.arg[0]->dt) && x_equal(bare(c->u.op.arg[0]), bare(c->u.op.arg[1]));
    return met && x_in_range(c) ? NULL : c;
}
/* e as a value over the indices that it depends on, read at them; NULL when these are too many. Where it stands inside conditions that its
 * reads or arguments may depend on, it is computed where they hold only; an index that the others determine is none that it depends on. */
static X *as_value(Program *p, X *e, X *guard, const Known *known, Node **made) {
    Free f = { .a = p->arena };
    bool guarded = guard && (!x_in_range(e) || is_partial(e));
    if (guarded) e = x_if(p->arena, guard, e, dx_number(p->arena, 0, e->dt));
    for (int k = known ? known->idx.n - 1 : -1; k >= 0; k--) {
        Within w = { e, x_uses_index(e, known->idx.at[k]) };
        X *to = x_cast(p->arena, known->as.at[k], DT_I64);
        if (w.all) x_walk(to, see_within, &w);
        if (w.all) e = tidy_subscripts(p->arena, x_substitute(p, e, 1, &known->idx.at[k], &to));
    }
    if (guarded) {
        X *c = unmet(p->arena, e->u.if_.cond);
        e = c ? x_if(p->arena, c, e->u.if_.then, e->u.if_.other) : e->u.if_.then;
    }
    x_walk(e, collect_bound, &f);
    x_walk(e, collect_free, &f);
    if (f.found.n > 8) return NULL;
    for (int k = 0; known && k < known->outer.n; k++) if (x_uses_index(e, known->outer.at[k]) && x_uses_index(e, known->inner.at[k])) return NULL;
    Index **idx = NEWN(p->arena, Index *, f.found.n + 1);
    X **to = NEWN(p->arena, X *, f.found.n + 1);
    for (int k = 0; k < f.found.n; k++) idx[k] = program_index(p, f.found.at[k]->name, f.found.at[k]->space), to[k] = x_index(p->arena, idx[k]);
    Value *v = diff_compute(p, NULL, idx, f.found.n, x_substitute(p, e, f.found.n, f.found.at, to), e->loc);
    *made = v->node;
    return diff_read(p, v, f.found.at);
}
static bool sees_reduce(X *e, void *data) { if (e->k == X_REDUCE) *(bool *)data = true; return !*(bool *)data; }
static bool has_reduce(X *e) {
    bool found = false;
    if (e) x_walk(e, sees_reduce, &found);
    return found;
}

/* Where a derivative of what stands around a reduction depends on the reduction itself (f(sum ..), sum .. * sum ..), the way into its
 * body would compute it anew for each element. */
typedef struct Outline {
    Program *p;
    VEC(Node *) made;
    VEC(X *) from, to, where;              /* where: the conditions that it is computed under; NULL: everywhere */
    X *guard;                              /* around the place at hand */
    Known known;
} Outline;
static X *outlined(Outline *o, X *e, bool linear);
typedef struct OutlineStep { Outline *o; bool linear; } OutlineStep;
static X *outline_operand(X *e, void *data) { OutlineStep *s = data; return outlined(s->o, e, s->linear); }
static X *outline_body(Outline *o, X *e) {
    X *around = o->guard;
    int known = o->known.idx.n, pairs = o->known.outer.n;
    know(o->p->arena, &o->known, e->u.reduce.n, e->u.reduce.idx, e->u.reduce.n_cond, e->u.reduce.cond);
    for (int k = 0; k < e->u.reduce.n_cond; k++) o->guard = dx_and(o->p->arena, o->guard, e->u.reduce.cond[k]);
    X *body = outlined(o, e->u.reduce.body, e->u.reduce.op == R_SUM);
    o->guard = around;
    known_to(&o->known, known, pairs);
    X *other = e->u.reduce.other ? outlined(o, e->u.reduce.other, true) : NULL;
    if (body == e->u.reduce.body && other == e->u.reduce.other) return e;
    X *r = NEW(o->p->arena, X);
    *r = *e;
    r->u.reduce.body = body, r->u.reduce.other = other;
    return r;
}
static X *outlined(Outline *o, X *e, bool linear) {
    Arena *a = o->p->arena;
    OutlineStep same = { o, linear }, none = { o, false };
    if (!has_reduce(e)) return e;
    switch (e->k) {
    case X_REDUCE:
        if (linear && e->u.reduce.op == R_SUM) return outline_body(o, e);
        X *where = o->guard && (!x_in_range(e) || is_partial(e)) ? o->guard : NULL;
        for (int k = 0; k < o->from.n; k++) if (x_equal(e, o->from.at[k]) && (!o->where.at[k] || (where && x_equal(where, o->where.at[k])))) return o->to.at[k];
        Node *made;
        X *r = as_value(o->p, e, where, &o->known, &made);
        if (!r) return outline_body(o, e);
        vec_add(a, o->where, where);
        vec_add(a, o->made, made);
        vec_add(a, o->from, e);
        vec_add(a, o->to, r);
        return r;
    case X_OP:
        switch (e->u.op.op) {
        case OP_ADD: case OP_SUB: case OP_NEG: case OP_CONJ: case OP_RE: case OP_IM: case OP_COMPLEX: case OP_CHECKPOINT: return x_map_operands(a, e, outline_operand, &same);
        case OP_MUL: return x_map_operands(a, e, outline_operand, has_reduce(e->u.op.arg[0]) && has_reduce(e->u.op.arg[1]) ? &none : &same);
        case OP_DIV: return x_map_operands(a, e, outline_operand, has_reduce(e->u.op.arg[1]) ? &none : &same);
        default: return x_map_operands(a, e, outline_operand, &none);
        }
    case X_IF: {
        X *c = outlined(o, e->u.if_.cond, false), *around = o->guard;
        o->guard = dx_and(a, around, c);
        X *t = outlined(o, e->u.if_.then, linear);
        o->guard = dx_and(a, around, x_op(a, OP_NOT, c, NULL));
        X *q = outlined(o, e->u.if_.other, linear);
        o->guard = around;
        return c == e->u.if_.cond && t == e->u.if_.then && q == e->u.if_.other ? e : x_if(a, c, t, q);
    }
    case X_CAST: case X_BITCAST: return x_map_operands(a, e, outline_operand, &same);
    case X_READ: case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: return e;
    }
    return e;
}
/* Wherever one stands it is read. */
static X *as_outlined(X *e, void *data) {
    Outline *o = data;
    for (int k = 0; e->k == X_REDUCE && k < o->from.n; k++) if (!o->where.at[k] && x_equal(e, o->from.at[k])) return o->to.at[k];
    return x_map_operands(o->p->arena, e, as_outlined, o);
}
/* A derivative repeats the parts of an expression as often as there are ways through it, and the next one those of that: of large ones the
 * parts become values as well, those of a large body of a reduction too. *size: how many things are in what is left. */
enum { LARGE = 400, PIECE = 60 };
static bool counts(X *e, void *data) { (void)e; return ++*(int *)data <= 2 * LARGE; }
static int size_of(X *e) {
    int n = 0;
    x_walk(e, counts, &n);
    return n;
}
static X *piece(Outline *o, X *e, int size, int *left) {
    *left = size;
    if (size <= PIECE || !dx_flows(e->dt)) return e;
    X *where = o->guard && (!x_in_range(e) || is_partial(e)) ? o->guard : NULL;
    X *r = NULL;
    for (int k = 0; k < o->from.n && !r; k++) if (x_equal(e, o->from.at[k]) && (!o->where.at[k] || (where && x_equal(where, o->where.at[k])))) r = o->to.at[k];
    if (!r) {
        Node *made;
        if (!(r = as_value(o->p, e, where, &o->known, &made))) return e;
        vec_add(o->p->arena, o->made, made);
        vec_add(o->p->arena, o->where, where);
        vec_add(o->p->arena, o->from, e);
        vec_add(o->p->arena, o->to, r);
    }
    *left = 1 + r->u.read.v->rank;
    return r;
}
static X *in_pieces(Outline *o, X *e, int *size) {
    Arena *a = o->p->arena;
    int n = 1, m;
    X *r = NEW(a, X);
    *r = *e;
    switch (e->k) {
    case X_OP:
        for (int k = 0; k < e->u.op.n; k++) r->u.op.arg[k] = in_pieces(o, e->u.op.arg[k], &m), n += m;
        break;
    case X_CAST: r->u.cast.arg = in_pieces(o, e->u.cast.arg, &m), n += m; break;
    case X_IF: {
        X *around = o->guard;
        n += size_of(e->u.if_.cond);
        o->guard = dx_and(a, around, e->u.if_.cond);
        r->u.if_.then = in_pieces(o, e->u.if_.then, &m), n += m;
        o->guard = dx_and(a, around, x_op(a, OP_NOT, e->u.if_.cond, NULL));
        r->u.if_.other = in_pieces(o, e->u.if_.other, &m), n += m;
        o->guard = around;
        break;
    }
    case X_REDUCE: {
        X *around = o->guard;
        if (size_of(e->u.reduce.body) > LARGE && dx_flows(e->dt)) {
            int known = o->known.idx.n, pairs = o->known.outer.n;
            know(a, &o->known, e->u.reduce.n, e->u.reduce.idx, e->u.reduce.n_cond, e->u.reduce.cond);
            for (int k = 0; k < e->u.reduce.n_cond; k++) o->guard = dx_and(a, o->guard, e->u.reduce.cond[k]);
            r->u.reduce.body = in_pieces(o, e->u.reduce.body, &m);
            o->guard = around;
            known_to(&o->known, known, pairs);
            e = r;
        }
        int all = size_of(e);
        *size = all < PIECE / 2 ? all : PIECE / 2;           /* what stands around it is no smaller without it */
        return e;
    }
    case X_READ: case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: case X_BITCAST: *size = size_of(e); return e;
    }
    return piece(o, r, n, size);
}
/* The whole is a value already, and so is what stands behind the condition that it is computed under. */
static X *whole_in_pieces(Outline *o, X *e) {
    int left;
    X *r = NEW(o->p->arena, X), *around = o->guard;
    *r = *e;
    if (e->k == X_REDUCE) return in_pieces(o, e, &left);
    if (e->k == X_OP) for (int k = 0; k < e->u.op.n; k++) r->u.op.arg[k] = in_pieces(o, e->u.op.arg[k], &left);
    if (e->k == X_CAST) r->u.cast.arg = whole_in_pieces(o, e->u.cast.arg);
    if (e->k == X_IF) {
        o->guard = dx_and(o->p->arena, around, e->u.if_.cond);
        r->u.if_.then = whole_in_pieces(o, e->u.if_.then);
        o->guard = dx_and(o->p->arena, around, x_op(o->p->arena, OP_NOT, e->u.if_.cond, NULL));
        r->u.if_.other = whole_in_pieces(o, e->u.if_.other);
        o->guard = around;
    }
    return r;
}
/* Only where it takes no more than the equation itself. */
void term_share(Program *p, Term *t) {
    int ways = t->frame->up ? 1 : term_ways(t);
    if (ways == 1 || ways * (size_of(t->x) + (t->guard ? size_of(t->guard) : 0)) <= LARGE) return;
    Node *made;
    X *r = as_value(p, t->guard ? x_if(p->arena, t->guard, t->x, dx_number(p->arena, 0, t->x->dt)) : t->x, NULL, NULL, &made);
    if (!r) return;
    t->x = r;
    if (x_in_range(t->read)) t->guard = NULL;              /* it is 0 there */
}
void outline(Program *p, Node *n) {
    if (n->kind != N_COMPUTE || !dx_flows(n->result[0]->dt)) return;
    Outline o = { .p = p };
    X *e = n->u.compute.expr;
    int end = p->node.n;
    bool guarded = e->k == X_IF && e->u.if_.then->k == X_REDUCE && (e->u.if_.other->k == X_REAL || e->u.if_.other->k == X_COMPLEX);        /* as one that was outlined is */
    if (guarded) o.guard = e->u.if_.cond;
    X *body = e->k == X_REDUCE ? outline_body(&o, e) : guarded ? outline_body(&o, e->u.if_.then) : outlined(&o, e, true);
    n->u.compute.expr = guarded && body != e->u.if_.then ? x_if(p->arena, e->u.if_.cond, body, e->u.if_.other) : guarded ? e : body;
    o.guard = NULL;
    if (size_of(n->u.compute.expr) > LARGE) n->u.compute.expr = whole_in_pieces(&o, n->u.compute.expr);
    int at = 0;
    while (at < end && p->node.at[at] != n) at++;
    if (!o.made.n || at == end) return;
    n->u.compute.expr = as_outlined(n->u.compute.expr, &o);
    /* they stand before the node that reads them */
    memmove(&p->node.at[at + o.made.n], &p->node.at[at], sizeof *p->node.at * (size_t)(end - at));
    memcpy(&p->node.at[at], o.made.at, sizeof *o.made.at * (size_t)o.made.n);
    for (int k = 0; k < o.made.n; k++) outline(p, o.made.at[k]);
}

/* ---- the way back --------------------------------------------------------------------------------------------------------------- */
typedef struct Cot { X *guard, *x; } Cot;
typedef struct Part { X *e; bool reaches; VEC(Cot) cot; } Part;
typedef struct Back {
    Diff *d; Arena *a;
    const Value *wanted;
    const Frame *frame;
    X *root_e, *root;
    bool in_recur;
    Terms *out;
    VEC(Part) part; int *slot; int cap;    /* parts in postorder; slot: a table by address, never walked */
} Back;

static int *slot_of(Back *b, const X *e) {
    if (2 * b->part.n >= b->cap) {
        b->cap = b->cap ? 2 * b->cap : 32;
        b->slot = NEWN(b->a, int, b->cap);
        for (int k = 0; k < b->part.n; k++) {
            size_t h = (size_t)(((uintptr_t)b->part.at[k].e >> 4) * 0x9e3779b97f4a7c15u >> 20);
            while (b->slot[h % (size_t)b->cap]) h++;
            b->slot[h % (size_t)b->cap] = k + 1;
        }
    }
    size_t h = (size_t)(((uintptr_t)e >> 4) * 0x9e3779b97f4a7c15u >> 20);
    while (b->slot[h % (size_t)b->cap] && b->part.at[b->slot[h % (size_t)b->cap] - 1].e != e) h++;
    return &b->slot[h % (size_t)b->cap];
}
/* Whether a derivative can flow from e to a read of the wanted value; adds e and what is in it to the parts. */
static bool visit(Back *b, X *e) {
    if (!dx_flows(e->dt)) return false;
    int k = *slot_of(b, e);
    if (k) return b->part.at[k - 1].reaches;
    bool reaches = false;
    switch (e->k) {
    case X_READ:
        reaches = e->u.read.v == b->wanted;
        for (int j = 0; j < e->u.read.v->rank; j++) if (e->u.read.other[j]) reaches |= visit(b, e->u.read.other[j]);
        break;
    case X_OP: for (int j = 0; j < e->u.op.n; j++) reaches |= visit(b, e->u.op.arg[j]); break;
    case X_CAST: reaches = visit(b, e->u.cast.arg); break;
    case X_BITCAST: reaches = x_reads(e->u.cast.arg, b->wanted); break;
    case X_IF: reaches = visit(b, e->u.if_.then); reaches |= visit(b, e->u.if_.other); break;
    case X_REDUCE: reaches = x_reads(e->u.reduce.body, b->wanted) || (e->u.reduce.other && x_reads(e->u.reduce.other, b->wanted)); break;
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: break;
    }
    vec_add(b->a, b->part, (Part){ .e = e, .reaches = reaches });
    *slot_of(b, e) = b->part.n;
    return reaches;
}
static void give(Back *b, X *e, X *guard, X *x) {
    int k = dx_flows(e->dt) ? *slot_of(b, e) : 0;
    if (!k || !b->part.at[k - 1].reaches) return;
    Part *p = &b->part.at[k - 1];
    for (int j = 0; j < p->cot.n; j++) if (p->cot.at[j].guard == guard) { p->cot.at[j].x = dx_add(b->a, p->cot.at[j].x, x); return; }
    vec_add(b->a, p->cot, (Cot){ guard, x });
}
static X *conj_of(Arena *a, X *x) { return dtype_is_complex(x->dt) ? x_op(a, OP_CONJ, x, NULL) : x; }
static X *value_of(Back *b, X *e) { return e == b->root_e && b->root ? b->root : e; }

static void back_op(Back *b, X *e, Cot c) {
    Arena *a = b->a;
    X *p = e->u.op.arg[0], *q = e->u.op.n > 1 ? e->u.op.arg[1] : NULL, *zero = dx_number(a, 0, dtype_real_of(e->dt));
    switch (e->u.op.op) {                  /* the functions that are not holomorphic */
    case OP_RE: if (dtype_is_complex(p->dt)) { give(b, p, c.guard, x_op(a, OP_COMPLEX, c.x, zero)); return; } give(b, p, c.guard, c.x); return;
    case OP_IM: if (dtype_is_complex(p->dt)) give(b, p, c.guard, x_op(a, OP_COMPLEX, zero, c.x)); return;
    case OP_CONJ: give(b, p, c.guard, conj_of(a, c.x)); return;
    case OP_COMPLEX: give(b, p, c.guard, x_op(a, OP_RE, c.x, NULL)); give(b, q, c.guard, x_op(a, OP_IM, c.x, NULL)); return;
    case OP_ABS:
        if (!dtype_is_complex(p->dt)) break;
        {   /* p / |p|, 0 at 0 */
            X *r = value_of(b, e), *big = x_op(a, OP_GT, r, zero);
            give(b, p, dx_and(a, c.guard, big), dx_mul(a, x_cast(a, dx_div(a, c.x, r), p->dt), p));
        }
        return;
    case OP_ARG: {
        if (!dtype_is_complex(p->dt)) return;
        X *re = x_op(a, OP_RE, p, NULL), *im = x_op(a, OP_IM, p, NULL), *n = dx_add(a, dx_mul(a, re, re), dx_mul(a, im, im)), *s = dx_div(a, c.x, n);
        give(b, p, c.guard, x_op(a, OP_COMPLEX, x_op(a, OP_NEG, dx_mul(a, s, im), NULL), dx_mul(a, s, re)));
        return;
    }
    default: break;
    }
    for (int k = 0; k < e->u.op.n; k++) {
        int at = dx_flows(e->u.op.arg[k]->dt) ? *slot_of(b, e->u.op.arg[k]) : 0;
        X *f;
        if (!at || !b->part.at[at - 1].reaches || !partial(b->d, e, k, value_of(b, e), &f) || !f) continue;
        if (f->k == X_IF && (dx_is(f->u.if_.then, 0) || dx_is(f->u.if_.other, 0))) {      /* min, max, pow: the other side counts nothing, not even a NaN */
            bool off = dx_is(f->u.if_.then, 0);
            X *cond = off ? x_op(a, OP_NOT, f->u.if_.cond, NULL) : f->u.if_.cond;
            give(b, e->u.op.arg[k], dx_and(a, c.guard, cond), dx_mul(a, c.x, conj_of(a, off ? f->u.if_.other : f->u.if_.then)));
            continue;
        }
        give(b, e->u.op.arg[k], c.guard, dx_mul(a, c.x, conj_of(a, f)));
    }
}
/* The lexicographic number of the bound indices: which element comes first. */
static X *order_of(Arena *a, int n, Index **idx) {
    X *at = x_index(a, idx[0]);
    for (int k = 1; k < n; k++) at = x_op(a, OP_ADD, x_op(a, OP_MUL, x_cast(a, at, DT_I64), x_ext(a, idx[k]->space->extent)), x_index(a, idx[k]));
    return at;
}
static X *reduce_like(Program *p, X *e, ReduceOp op, X *extra, X *body, X *other) {
    int m = e->u.reduce.n_cond;
    X **cond = NEWN(p->arena, X *, m + 2);
    memcpy(cond, e->u.reduce.cond, sizeof *cond * (size_t)m);
    if (extra) cond[m++] = extra;
    X *r = x_reduce(p->arena, op, e->u.reduce.n, e->u.reduce.idx, m, cond, body, other, body->dt == DT_F16 || body->dt == DT_BF16 ? DT_F32 : body->dt);
    return x_substitute(p, r, 0, NULL, NULL);          /* bound indices of its own */
}
/* All that holds where the body of f's reduction is looked at, from outside. */
static X *holds_in(Arena *a, const Frame *f) {
    if (!f) return NULL;
    X *all = dx_and(a, holds_in(a, f->up), f->around);
    for (int k = 0; k < f->n_cond; k++) all = dx_and(a, all, f->cond[k]);
    return all;
}
static void know_in(Arena *a, const Frame *f, Known *known) {
    if (!f) return;
    know_in(a, f->up, known);
    know(a, known, f->n, f->idx, f->n_cond, f->cond);
}
static X *plain(Back *b, X *x, X *guard) { /* not computed anew for each element of a body */
    if (b->in_recur || !has_reduce(x)) return x;
    Node *made;
    Known known = { 0 };
    know_in(b->a, b->frame, &known);
    X *r = as_value(b->d->p, x, dx_and(b->a, holds_in(b->a, b->frame), guard), &known, &made);
    return r ? r : x;
}
static void back_reduce(Back *b, X *e, Cot c) {
    Program *p = b->d->p;
    Arena *a = b->a;
    X *body = e->u.reduce.body, *x = plain(b, c.x, c.guard), *guard = c.guard ? plain(b, c.guard, NULL) : NULL, *r = value_of(b, e);
    Frame *f = NEW(a, Frame);
    *f = (Frame){ b->frame, e->u.reduce.n, e->u.reduce.idx, e->u.reduce.n_cond, e->u.reduce.cond, guard };
    switch (e->u.reduce.op) {
    case R_SUM: break;
    case R_PROD: {                         /* the product of the others */
        X *here = order_of(a, f->n, f->idx);
        Index **idx = NEWN(a, Index *, f->n + 1);
        X **to = NEWN(a, X *, f->n + 1), **cond = NEWN(a, X *, f->n_cond + 2);
        for (int k = 0; k < f->n; k++) idx[k] = program_index(p, f->idx[k]->name, f->idx[k]->space), to[k] = x_index(a, idx[k]);
        for (int k = 0; k < f->n_cond; k++) cond[k] = x_substitute(p, f->cond[k], f->n, f->idx, to);
        cond[f->n_cond] = x_op(a, OP_NE, order_of(a, f->n, idx), here);
        X *others = x_reduce(a, R_PROD, f->n, idx, f->n_cond + 1, cond, x_substitute(p, body, f->n, f->idx, to), NULL, e->u.reduce.acc);
        x = dx_mul(a, x, conj_of(a, others));
        break;
    }
    case R_LOGSUMEXP: {
        X *real = x_op(a, OP_GT, body, dx_number(a, -1.0 / 0.0, body->dt));
        guard = dx_and(a, guard, real);
        x = dx_mul(a, x, x_op(a, OP_EXP, dx_sub(a, body, r), NULL));
        break;
    }
    case R_MIN: case R_MAX: {              /* the first that equals it */
        X *here = order_of(a, f->n, f->idx), *first = reduce_like(p, e, R_MIN, x_op(a, OP_EQ, body, r), here, x_int(a, -1, DT_I64));
        first = plain(b, first, c.guard);
        guard = dx_and(a, guard, x_op(a, OP_EQ, x_cast(a, here, DT_I64), first));
        break;
    }
    case R_ANY: case R_ALL: case R_ARGMIN: case R_ARGMAX: return;
    }
    if (e->u.reduce.other && dx_flows(e->u.reduce.other->dt) && x_reads(e->u.reduce.other, b->wanted)) {
        X *any = reduce_like(p, e, R_ANY, NULL, x_int(a, 1, DT_BOOL), NULL);
        Terms in = { 0 };
        back(b->d, e->u.reduce.other, c.x, b->frame, b->wanted, NULL, b->in_recur, &in);
        for (int k = 0; k < in.n; k++) { in.at[k].guard = dx_and(a, dx_and(a, c.guard, x_op(a, OP_NOT, any, NULL)), in.at[k].guard); vec_add(a, *b->out, in.at[k]); }
    }
    Terms in = { 0 };
    back(b->d, body, x, f, b->wanted, NULL, b->in_recur, &in);
    for (int k = 0; k < in.n; k++) { in.at[k].guard = dx_and(a, guard, in.at[k].guard); vec_add(a, *b->out, in.at[k]); }
}
/* In range of all axes that have an `else`, and the negation for one of them. */
static X *beyond(Back *b, X *e, int k) {
    Arena *a = b->a;
    X *i = x_cast(a, e->u.read.idx[k], DT_I64);
    return x_op(a, OP_OR, x_op(a, OP_LT, i, x_int(a, 0, DT_I64)), x_op(a, OP_GE, i, x_ext(a, e->u.read.v->axis[k]->extent)));
}
static void back_read(Back *b, X *e, Cot c) {
    if (e->u.read.v == b->wanted) vec_add(b->a, *b->out, (Term){ e, c.guard, c.x, b->frame });
    X *inside = c.guard;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        if (!e->u.read.other[k]) continue;
        X *out = beyond(b, e, k);
        give(b, e->u.read.other[k], dx_and(b->a, inside, out), c.x);
        inside = dx_and(b->a, inside, x_op(b->a, OP_NOT, out, NULL));
    }
}
void back(Diff *d, X *e, X *x, const Frame *frame, const Value *wanted, X *root, bool in_recur, Terms *out) {
    X *whole = e->k == X_OP && e->u.op.op == OP_CHECKPOINT ? e->u.op.arg[0] : e;          /* has the value of root, too */
    Back b = { .d = d, .a = d->p->arena, .wanted = wanted, .frame = frame, .root_e = whole, .root = root, .in_recur = in_recur, .out = out };
    if (!visit(&b, e)) return;
    give(&b, e, NULL, x);
    for (int k = b.part.n - 1; k >= 0 && !d->failed; k--) {
        X *q = b.part.at[k].e;
        for (int j = 0; j < b.part.at[k].cot.n && b.part.at[k].reaches; j++) {
            Cot c = b.part.at[k].cot.at[j];
            Arena *a = b.a;
            switch (q->k) {
            case X_READ: back_read(&b, q, c); break;
            case X_OP: back_op(&b, q, c); break;
            case X_CAST: {
                Dtype to = q->u.cast.arg->dt;
                X *y = dtype_is_complex(c.x->dt) && !dtype_is_complex(to) ? x_op(a, OP_RE, c.x, NULL) : c.x;
                give(&b, q->u.cast.arg, c.guard, x_cast(a, y, to));
                break;
            }
            case X_BITCAST: diff_refuse(d, q->loc, "bits taken as another type have no derivative"); break;
            case X_IF:
                give(&b, q->u.if_.then, dx_and(a, c.guard, q->u.if_.cond), c.x);
                give(&b, q->u.if_.other, dx_and(a, c.guard, x_op(a, OP_NOT, q->u.if_.cond, NULL)), c.x);
                break;
            case X_REDUCE: back_reduce(&b, q, c); break;
            case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: break;
            }
        }
    }
}
