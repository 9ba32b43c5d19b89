/* hoist.c - parts of an equation that depend on its indices through maps only, or on fewer of them, become equations of their own.
 *
 *     y[v,i] = sum(e: dst(e) = v) a[e] * exp(x[src(e),i])     ->     t[u,i] = exp(x[u,i]);  y[v,i] = sum(e: dst(e) = v) a[e] * t[src(e),i]
 *
 * Law: equal keys give equal values. The part may be anything that is not a plain read; the largest ones are tried first. A part inside
 * a branch is computed for all rows then, so its subscripts must stay in range by themselves. Where the rows are, and whether it pays at
 * all, is a matter of cost: the equation with and without the part, the part, and the launch of one more kernel. */
#include "pass/place.h"
#include "pass/query.h"
#include "pass/hoist.h"
#include <string.h>

enum { WORTH_PERCENT = 90, MOST_TRIES = 200 };
static const double launch = 1e5;
typedef struct Hoist {
    Program *p; Sizes *s; Node *n;
    bool unique;
    VEC(const X *) around;                  /* reductions that the part stands in */
    int branch, tries;
    const char *label; bool early;         /* as schedules name it */
    X *what; Choice choice;                 /* found */
} Hoist;

/* dst(e) = v around a part that depends on both: as rows of its own it would be computed for all pairs */
static bool is_tied(const Hoist *h, const X *e) {
    for (int k = 0; k < h->around.n; k++) for (int c = 0; c < h->around.at[k]->u.reduce.n_cond; c++) {
        Index *bound;
        X *value;
        if (!reduce_fibre(h->around.at[k], c, &bound, NULL, &value) || !x_uses_index(e, bound)) continue;
        Index *i = position_index(value);
        if (i && x_uses_index(e, i)) return true;
    }
    return false;
}
static double time_of(Hoist *h, X *e) { return estimate_time(h->s->p, estimate_equation(h->s, h->n->result[0]->rank, h->n->u.compute.idx, e, false)); }
static X *without(Hoist *h, X *what, Value *v, const Placed *b) {
    X *with = x_read(h->p->arena, v, (X **)b->at, NULL, NULL);
    with->loc = what->loc;
    return x_replace(h->p, h->n->u.compute.expr, 1, &what, &with);
}
/* What a schedule says of the part at hand, the `tries`-th that could stand apart. */
static Command *said(const Hoist *h) {
    for (int k = h->p->schedule.n - 1; k >= 0; k--) {
        Command *c = h->p->schedule.at[k];
        if (c->verb == V_APART && c->early == h->early && c->number[0] == h->tries && !strcmp(c->name.at[0], h->label)) return c;
    }
    return NULL;
}
static bool pays(Hoist *h, X *e) {
    Index *idx[MOST_AXES];
    int n = x_free_indices(e, idx, MOST_AXES);
    if (n < 0 || e->space || h->tries++ > MOST_TRIES || is_tied(h, e) || (h->branch && !x_is_safe(e, idx, n))) return false;
    Choice c = choice_of(h->p, n, idx, e);
    Command *say = said(h);
    if (say ? !choice_set(&c, say->at.at, say->at.n) : schedule_only(h->p)) return false;
    if (say) { schedule_done(say, h->label); h->what = e, h->choice = c; return true; }
    choose_rows(h->s, &c, 1, false, h->unique, 100);
    Trials trial = { 0 };
    Placed b = place_rows(h->p, &c, &trial);
    if (!b.ok) return false;
    Value *v = program_equation(h->p, h->n->result[0]->name, b.rank, b.own, b.expr, h->n->loc);
    h->p->node.n--;
    double before = time_of(h, h->n->u.compute.expr), own = estimate_time(h->s->p, estimate_equation(h->s, b.rank, b.own, b.expr, true)) + launch;
    if (own >= before || own + time_of(h, without(h, e, v, &b)) > before * WORTH_PERCENT / 100) return false;
    h->what = e, h->choice = c;
    return true;
}
static bool look(X *e, void *data) {
    Hoist *h = data;
    if (h->what) return false;
    bool part = (dtype_is_float(e->dt) || dtype_is_complex(e->dt)) && (e->k == X_OP || e->k == X_REDUCE || e->k == X_IF) && e != h->n->u.compute.expr;
    if (part && pays(h, e)) return false;
    if (e->k == X_REDUCE) {
        vec_add(h->p->arena, h->around, e);
        bool guarded = !x_in_range(e->u.reduce.body);       /* by conditions */
        h->branch += guarded;
        for (int k = 0; k < e->u.reduce.n_cond; k++) x_walk(e->u.reduce.cond[k], look, h);
        x_walk(e->u.reduce.body, look, h);
        h->branch -= guarded;
        h->around.n--;
        if (e->u.reduce.other) x_walk(e->u.reduce.other, look, h);
        return false;
    }
    return e->k != X_IF || x_walk_if(e, look, h, &h->branch);
}
void hoist(Program *p, Sizes *s, Node *n, bool unique, const char *pass, const char *label) {
    if (n->kind != N_COMPUTE || n->result[0]->structural || n->result[0]->target) return;
    Hoist h = { .p = p, .s = s, .n = n, .unique = unique, .label = label, .early = !unique };
    p->again = n->result[0]->again;
    for (;;) {
        h.what = NULL;
        x_walk(n->u.compute.expr, look, &h);
        if (!h.what) { p->again = 0; return; }
        RowsBy at[MOST_AXES];
        Command *command = command_new(p->arena, V_APART, label);
        command_numbers(command, 1, h.tries, 0);
        command->early = h.early;
        for (int k = 0, n_at = choice_rows(&h.choice, at); k < n_at; k++) vec_add(p->arena, command->at, at[k]);
        Placed b = place_rows(p, &h.choice, NULL);
        Estimate before = estimate_equation(s, n->result[0]->rank, n->u.compute.idx, n->u.compute.expr, false);
        Value *v = program_equation(p, intern(p->cx, arena_printf(p->arena, "%s.t", n->result[0]->name)), b.rank, b.own, b.expr, n->loc);
        v->storage = b.compact ? STORE_COMPACT : b.full ? STORE_FULL : STORE_WHOLE;
        n->u.compute.expr = without(&h, h.what, v, &b);
        Estimate after = estimate_add(estimate_equation(s, n->result[0]->rank, n->u.compute.idx, n->u.compute.expr, false), estimate_equation(s, b.rank, b.own, b.expr, true));
        vec_add(p->arena, p->decision, (Decision){ pass, arena_printf(p->arena, "%s is computed apart from %s: %s", v->name, n->result[0]->name, choice_text(p, &h.choice, h.choice.place)),
            "it depends on fewer rows than its place has", before, after, "where it stood", before, n->loc, command });
    }
}
