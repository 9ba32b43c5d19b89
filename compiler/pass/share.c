/* share.c - what an expression computes more than once becomes an equation of its own: reductions, and operations that are not cheap.
 *
 *     s[e] = if sum(j) z[e,j]*a[j] > 0 then sum(j) z[e,j]*a[j] else 0   ->   t[e] = sum(j) z[e,j]*a[j];  s[e] = if t[e] > 0 then t[e] else 0
 *
 * The larger of two nested ones is taken first. It must not depend on indices bound around it, and be evaluated in any case at one of
 * its places: a branch that isn't taken computes nothing. Whole equations that are equal are cse's.
 *
 * Reductions that several equations compute are treated in the same way, as derivatives often have those of what they are taken of:
 *     s[e] = m[t(e)] * sum(j) a[e,j]*b[e,j];  d[r] = sum(e: t(e) = r) c[e] * sum(j) a[e,j]*b[e,j]
 *     ->   x[e] = sum(j) a[e,j]*b[e,j];  s[e] = m[t(e)] * x[e];  d[r] = sum(e: t(e) = r) c[e] * x[e] */
#include "pass/pass.h"
#include "pass/query.h"

typedef struct Seen { X *x; int times; bool always; } Seen;
typedef struct Share {
    Program *p;
    Node *node;
    VEC(Seen) seen;
    VEC(Index *) bound;
    int branch;                            /* depth of branches around */
    X *what, *with;                        /* while replacing */
} Share;
enum { MOST = 256 };                       /* candidates of one expression */

static void note(Share *s, X *e) {
    for (int k = 0; k < s->seen.n; k++) if (x_equal(s->seen.at[k].x, e)) {
        s->seen.at[k].times++, s->seen.at[k].always |= !s->branch;
        return;
    }
    if (s->seen.n < MOST) vec_add(s->p->arena, s->seen, (Seen){ e, 1, !s->branch });
}
static bool look(X *e, void *data) {
    Share *s = data;
    bool number = dtype_is_float(e->dt) || dtype_is_complex(e->dt) || e->k == X_REDUCE;        /* positions are worth more as formulas */
    if (number && !x_is_cheap(e) && !x_uses_any(e, s->bound.at, s->bound.n)) note(s, e);
    if (e->k == X_IF) return x_walk_if(e, look, s, &s->branch);
    if (e->k == X_REDUCE) {
        int n = s->bound.n;
        s->branch++;                       /* its body runs for no element when it ranges over nothing */
        for (int k = 0; k < e->u.reduce.n; k++) vec_add(s->p->arena, s->bound, e->u.reduce.idx[k]);
        for (int k = 0; k < e->u.reduce.n_cond; k++) x_walk(e->u.reduce.cond[k], look, s);
        x_walk(e->u.reduce.body, look, s);
        s->bound.n = n;
        if (e->u.reduce.other) x_walk(e->u.reduce.other, look, s);
        s->branch--;
        return false;
    }
    return true;
}
static X *replace(X *e, void *data) {
    Share *s = data;
    return x_equal(e, s->what) ? s->with : e;
}
/* One equation more, or false when nothing is computed twice. Parents are noted before their children: the largest comes first. */
static bool once(Share *s) {
    s->seen.n = s->bound.n = s->branch = 0;
    x_walk(s->node->u.compute.expr, look, s);
    Arena *a = s->p->arena;
    for (int k = 0; k < s->seen.n; k++) {
        Seen *c = &s->seen.at[k];
        if (c->times < 2 || !c->always || c->x->space || c->x == s->node->u.compute.expr) continue;
        int n = 0, rank = s->node->result[0]->rank;
        Index **own = NEWN(a, Index *, rank + 1), **from = NEWN(a, Index *, rank + 1);
        X **at = NEWN(a, X *, rank + 1), **to = NEWN(a, X *, rank + 1);
        for (int j = 0; j < rank; j++) if (x_uses_index(c->x, s->node->u.compute.idx[j])) {
            from[n] = s->node->u.compute.idx[j];
            own[n] = program_index(s->p, from[n]->name, from[n]->space);
            at[n] = x_index(a, from[n]), to[n] = x_index(a, own[n]), n++;
        }
        Value *v = program_equation(s->p, NULL, n, own, x_substitute(s->p, c->x, n, from, to), s->node->loc);
        s->what = c->x, s->with = x_read(a, v, at, NULL, NULL);
        s->with->loc = c->x->loc;
        s->node->u.compute.expr = x_map(a, s->node->u.compute.expr, replace, s);
        return true;
    }
    return false;
}

/* ---- by several equations -------------------------------------------------------------------------------------------- */
enum { SHORT = 8 };                        /* terms of a sum that is computed again */
typedef struct Free { int n; Index *idx[8]; } Free;
typedef struct Site { X *x; Node *node; uint64_t hash; bool always; Free free; } Site;
typedef struct Sites { Program *p; Node *node; VEC(Site) at; VEC(Index *) bound; int depth; } Sites;

/* The indices that are bound around e, in the order in which they appear; false: there are too many */
typedef struct Find { const X *in; Free *f; bool ok; } Find;
static bool binds(const X *e, const Index *i) {
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n; k++) if (e->u.reduce.idx[k] == i) return true;
    return false;
}
typedef struct Inside { const Index *i; bool yes; } Inside;
static bool see_inside(X *e, void *data) { Inside *s = data; s->yes |= binds(e, s->i); return !s->yes; }
static bool see_free(X *e, void *data) {
    Find *d = data;
    if (e->k != X_INDEX) return d->ok;
    for (int k = 0; k < d->f->n; k++) if (d->f->idx[k] == e->u.index) return true;
    Inside s = { e->u.index, false };
    x_walk((X *)(uintptr_t)d->in, see_inside, &s);
    if (s.yes) return true;
    if (d->f->n == 8) return d->ok = false;
    d->f->idx[d->f->n++] = e->u.index;
    return true;
}
static bool is_long(const X *e) {
    int64_t n, all = 1;
    for (int k = 0; k < e->u.reduce.n; k++) {
        if (!ext_is_const(e->u.reduce.idx[k]->space->extent, &n)) return true;
        all *= n < SHORT ? n : SHORT;
    }
    return all >= SHORT;
}
static bool see_site(X *e, void *data) {
    Sites *s = data;
    if (e->k == X_IF) return x_walk_if(e, see_site, s, &s->depth);
    if (e->k != X_REDUCE) return true;
    Site at = { .x = e, .node = s->node, .hash = x_hash(e), .always = !s->depth };
    Find d = { e, &at.free, true };
    x_walk(e, see_free, &d);
    if (d.ok && !e->space && is_long(e) && s->at.n < 4 * MOST) vec_add(s->p->arena, s->at, at);
    s->depth++;
    for (int k = 0; k < e->u.reduce.n_cond; k++) x_walk(e->u.reduce.cond[k], see_site, s);
    x_walk(e->u.reduce.body, see_site, s);
    if (e->u.reduce.other) x_walk(e->u.reduce.other, see_site, s);
    s->depth--;
    return false;
}
static X **reads_of(Program *p, const Free *f) {
    X **at = NEWN(p->arena, X *, f->n + 1);
    for (int k = 0; k < f->n; k++) at[k] = x_index(p->arena, f->idx[k]);
    return at;
}
static bool same_site(Program *p, const Site *a, const Site *b) {
    if (a->hash != b->hash || a->free.n != b->free.n || a->x->dt != b->x->dt || a->node->result[0]->again != b->node->result[0]->again) return false;
    for (int k = 0; k < a->free.n; k++) if (a->free.idx[k]->space != b->free.idx[k]->space) return false;
    return x_equal(a->x, x_substitute(p, b->x, b->free.n, (Index **)(uintptr_t)b->free.idx, reads_of(p, &a->free)));
}
/* Where the site's values are: the equation itself when it is nothing else, or a new one. order[k]: which free index is subscript k */
static Value *values_of(Program *p, const Site *a, int *order) {
    Value *v = a->node->result[0];
    Free own = a->free;
    if (a->node->u.compute.expr == a->x && v->dt == a->x->dt && v->rank == own.n && !v->target && !a->node->u.compute.check_range) {
        for (int k = 0; k < own.n; k++) for (int j = 0; j < own.n; j++) if (a->node->u.compute.idx[k] == own.idx[j]) order[k] = j;
        return v;
    }
    for (int k = 0; k < own.n; k++) order[k] = k, own.idx[k] = program_index(p, own.idx[k]->name, own.idx[k]->space);
    p->again = v->again;
    const char *name = *v->name == '%' ? NULL : arena_printf(p->arena, "%s.t", v->name);
    return program_equation(p, name, own.n, own.idx, x_substitute(p, a->x, own.n, (Index **)(uintptr_t)a->free.idx, reads_of(p, &own)), a->node->loc);
}
static void read_at(Share *s, const Site *a, Value *v, const int *order) {
    if (v == a->node->result[0]) return;
    X *at[8];
    for (int k = 0; k < a->free.n; k++) at[k] = x_index(s->p->arena, a->free.idx[order[k]]);
    s->what = a->x, s->with = x_read(s->p->arena, v, at, NULL, NULL);
    s->with->loc = a->x->loc;
    a->node->u.compute.expr = x_map(s->p->arena, a->node->u.compute.expr, replace, s);
}
/* One reduction that several equations compute, or false. Larger ones are noted first; all of its rows are computed by one of the places anyway. */
static bool several(Share *s) {
    Program *p = s->p;
    Sites t = { .p = p };
    for (int k = 0; k < p->node.n; k++) {
        t.node = p->node.at[k];
        if (t.node->kind == N_COMPUTE && !t.node->result[0]->structural) x_walk(t.node->u.compute.expr, see_site, &t);
    }
    for (int k = 0; k < t.at.n; k++) {
        const Site *a = &t.at.at[k];
        if (!a->always) continue;
        Value *v = NULL;
        int order[8];
        for (int j = 0; j < t.at.n; j++) {
            const Site *b = &t.at.at[j];
            bool whole = a->x == a->node->u.compute.expr && b->x == b->node->u.compute.expr;
            if (b->node == a->node || whole || !same_site(p, a, b)) continue;
            if (!v) v = values_of(p, a, order);
            read_at(s, b, v, order);
        }
        if (!v) continue;
        read_at(s, a, v, order);
        return true;
    }
    return false;
}
Program *pass_share(Program *p) {
    Program *q = program_copy(p);
    Share s = { .p = q };
    for (int k = 0; k < q->node.n; k++) {                    /* new equations are at the end and are looked at in turn */
        s.node = q->node.at[k];
        q->again = s.node->n_result ? s.node->result[0]->again : 0;
        if (s.node->kind == N_COMPUTE && !s.node->result[0]->structural) while (once(&s)) {}
    }
    while (several(&s)) {}
    q->again = 0;
    program_sort(q);
    return q;
}
