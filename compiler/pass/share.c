/* share.c - what an expression computes more than once becomes an equation of its own: reductions, and operations that are not cheap.
 *
 *     s[e] = if sum(j) z[e,j]*a[j] > 0 then sum(j) z[e,j]*a[j] else 0   ->   t[e] = sum(j) z[e,j]*a[j];  s[e] = if t[e] > 0 then t[e] else 0
 *
 * The larger of two nested ones is taken first. It must not depend on indices bound around it, and be evaluated in any case at one of
 * its places: a branch that isn't taken computes nothing. Whole equations that are equal are cse's. */
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
    if (e->k == X_IF) {
        x_walk(e->u.if_.cond, look, s);
        s->branch++;
        x_walk(e->u.if_.then, look, s);
        x_walk(e->u.if_.other, look, s);
        s->branch--;
        return false;
    }
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
Program *pass_share(Program *p) {
    Program *q = program_copy(p);
    Share s = { .p = q };
    for (int k = 0; k < q->node.n; k++) {                    /* new equations are at the end and are looked at in turn */
        s.node = q->node.at[k];
        q->again = s.node->n_result ? s.node->result[0]->again : 0;
        if (s.node->kind == N_COMPUTE && !s.node->result[0]->structural) while (once(&s)) {}
    }
    q->again = 0;
    program_sort(q);
    return q;
}
