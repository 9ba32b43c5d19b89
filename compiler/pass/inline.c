/* inline.c - equations that are cheaper to compute again than to store and load become part of what reads them.
 *
 *     z[v,j] = y[v,j] + b[j];  out[v,j] = max(z[v,j], 0)     ->     out[v,j] = max(y[v,j] + b[j], 0)
 *
 * Law: a read of t at indices k is t's expression at k. Inlined are: copies and constants, everywhere; expressions without a reduction,
 * of at most two cheap operations, when few read them; any expression without a reduction, and a copied result of any kind, when the
 * one read of it is at indices of its own, so that nothing is computed more often than before. Outputs, maps and operands of other
 * nodes stay. The values have no reader then; dce drops them. */
#include "pass/pass.h"
#include "pass/query.h"
#include "ir/schedule.h"
#include <string.h>

/* own: the last read seen is at own indices, evaluated as often; weight: operations, with those of what is inlined in it */
typedef struct Use { int reads, others, weight; bool own; } Use;
typedef struct Inline {
    Program *p;
    Use *use;                              /* by old value id */
    const char *const *label;              /* by old value id: its name in schedules */
    bool linear;                           /* sums are reordered later: that pass multiplies out what is recomputed */
    bool *old_mark, *mark;                 /* to be inlined: by old value id, by new one */
    int cap, weight;
    Index *loop[64]; int n_loop;           /* indices around the expression that is looked at */
    const X *fibre[64]; int n_fibre;       /* reductions around it */
    const Node *body;                      /* the iterate that it stands in: what is made outside would be computed in every round */
} Inline;

static void other_use(Value *v, void *data) { ((Inline *)data)->use[v->id].others++; }
/* Whether index i takes, inside the reductions around, one value per value of the others:  dst(e) = i */
static bool tied(const Inline *s, const Index *i) {
    for (int k = 0; k < s->n_fibre; k++) for (int j = 0; j < s->fibre[k]->u.reduce.n_cond; j++) {
        X *value;
        if (reduce_fibre(s->fibre[k], j, NULL, NULL, &value) && position_index(value) == i) return true;
    }
    return false;
}
static bool at_own_indices(const Inline *s, const X *read) {
    int n = read->u.read.v->rank;
    for (int k = 0; k < n; k++) {
        const Index *i = read->u.read.bnd[k] == BND_NONE ? position_index(read->u.read.idx[k]) : NULL;
        if (!i) return false;
        for (int j = 0; j < k; j++) if (position_index(read->u.read.idx[j]) == i) return false;
    }
    for (int j = 0; j < s->n_loop; j++) {
        bool used = tied(s, s->loop[j]);
        for (int k = 0; k < n && !used; k++) used = position_index(read->u.read.idx[k]) == s->loop[j];
        if (!used) return false;
    }
    return true;
}
static bool count(X *e, void *data) {
    Inline *s = data;
    if (e->k == X_READ) {
        Use *u = &s->use[e->u.read.v->id];
        u->reads++;
        u->own = !s->body && at_own_indices(s, e);
        for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) u->others++;
        return true;
    }
    if (e->k != X_REDUCE || s->n_loop + e->u.reduce.n > 64 || s->n_fibre == 64) return true;
    int n_loop = s->n_loop;
    for (int k = 0; k < e->u.reduce.n_cond; k++) x_walk(e->u.reduce.cond[k], count, s);
    if (e->u.reduce.other) x_walk(e->u.reduce.other, count, s);
    for (int k = 0; k < e->u.reduce.n; k++) s->loop[s->n_loop++] = e->u.reduce.idx[k];
    s->fibre[s->n_fibre++] = e;
    x_walk(e->u.reduce.body, count, s);
    s->n_loop = n_loop, s->n_fibre--;
    return false;
}
static void count_node(Inline *s, Node *n) {
    switch (n->kind) {
    case N_COMPUTE:
        s->n_loop = 0;
        for (int k = 0; k < n->result[0]->rank && k < 64; k++) s->loop[s->n_loop++] = n->u.compute.idx[k];
        if (n->result[0]->structural) node_each_use(n, other_use, s);
        x_walk(n->u.compute.expr, count, s);
        return;
    case N_ITERATE:
        for (int k = 0; k < n->u.iterate.n; k++) other_use(n->u.iterate.init[k], s), other_use(n->u.iterate.next[k], s);
        other_use(n->u.iterate.until, s);
        s->body = n;
        for (int k = 0; k < n->u.iterate.body.n; k++) count_node(s, n->u.iterate.body.at[k]);
        s->body = NULL;
        return;
    case N_INPUT: case N_PARAM: case N_CONST: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_DERIVE: node_each_use(n, other_use, s); return;
    }
}

/* Operations of an expression, at most 1000; 100 and more: not cheap; 1000: with a reduction. */
enum { REDUCES = 1000 };
static bool weigh(X *e, void *data) {
    Inline *s = data;
    switch (e->k) {
    case X_REDUCE: s->weight = REDUCES; return false;
    case X_OP: s->weight += x_is_cheap(e) ? 1 : 100; break;
    case X_IF: s->weight++; break;
    case X_READ: if (s->old_mark[e->u.read.v->id]) s->weight += s->use[e->u.read.v->id].weight; break;
    case X_INT: case X_REAL: case X_COMPLEX: case X_INDEX: case X_EXT: case X_CAST: case X_BITCAST: break;
    }
    return s->weight < REDUCES;
}
static bool is_copy(const X *e) {
    if (e->k != X_READ) return false;
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return false;
    return true;
}
/* Everything that reads v is named by a command. */
static bool names_all(const Inline *s, const Command *c, const Value *v) {
    for (int k = 0; k < s->p->node.n; k++) {
        const Node *r = s->p->node.at[k];
        bool found = !node_reads(r, v);
        for (int j = 0; r->kind == N_COMPUTE && j < c->in.n && !found; j++) found = !strcmp(c->in.at[j], s->label[r->result[0]->id]);
        if (!found) return false;
    }
    return true;
}
static bool same_names(const NameList *a, const NameList *b) {
    bool same = a->n == b->n;
    for (int k = 0; k < a->n && same; k++) same = !strcmp(a->at[k], b->at[k]);
    return same;
}
/* A command that is obeyed here stands in what explain prints: other choices follow from it. */
static void obeyed(const Inline *s, Command *c, const Node *n) {
    const char *name = s->label[n->result[0]->id];
    bool fuse = c->verb == V_FUSE;                           /* once for all of its names: each may be read by the next */
    schedule_done(c, name);
    for (int k = 0; k < s->p->decision.n && fuse; k++) {
        const Command *d = s->p->decision.at[k].command;
        if (d && d->verb == V_FUSE && same_names(&d->name, &c->name)) return;
    }
    Command *same = command_new(s->p->arena, c->verb, fuse ? NULL : name);
    for (int k = 0; k < c->name.n && fuse; k++) vec_add(s->p->arena, same->name, c->name.at[k]);
    for (int k = 0; k < c->in.n; k++) vec_add(s->p->arena, same->in, c->in.at[k]);
    vec_add(s->p->arena, s->p->decision, (Decision){ .pass = "inline", .loc = n->loc, .command = same });
}
/* What a command asks of v: 1 to be inlined, -1 not to be, 0 nothing. */
static int said(const Inline *s, const Node *n) {
    const char *name = s->label[n->result[0]->id];
    Command *c = schedule_find(s->p, V_RECOMPUTE, name);
    if (c && (!c->in.n || names_all(s, c, n->result[0])) && !(s->linear && linear_source(s->p, (Node *)n))) { obeyed(s, c, n); return 1; }
    if (schedule_fuses(s->p, name) && !x_has_reduce(n->u.compute.expr)) { obeyed(s, schedule_find(s->p, V_FUSE, name), n); return 1; }
    return schedule_keeps(s->p, name) || schedule_unfused(s->p, name) || schedule_find(s->p, V_FUSE, name) || schedule_find(s->p, V_TILE, name) ? -1 : 0;
}
static bool is_named_to_be_stored(const Inline *s, const Node *n) {
    return schedule_find(s->p, V_STORE, s->label[n->result[0]->id]);
}
/* In dependence order: what is inlined in n is known. */
static bool worth(const Inline *s, const Node *n) {
    const Value *v = n->result[0];
    const Use *u = &s->use[v->id];
    if (v->target || v->structural || n->u.compute.check_range || n->u.compute.expr->space || u->others || !u->reads) return false;
    int say = s->p->schedule.n ? said(s, n) : 0;
    if (say > 0) return true;
    if (say) return !u->weight && !is_named_to_be_stored(s, n);                /* copies and constants aren't computed at all */
    if (!u->weight || (u->reads == 1 && u->own && u->weight < REDUCES)) return true;
    return u->weight <= 2 && u->reads <= 2;
}
/* A result that only a copy reads: then the copy computes it. */
static const Value *copied(const Inline *s, const Node *n) {
    const X *e = n->u.compute.expr;
    if (!is_copy(e) || e->u.read.v->node->kind != N_COMPUTE || e->u.read.v->rank != n->result[0]->rank) return NULL;
    const Use *u = &s->use[e->u.read.v->id];
    return u->reads == 1 && !u->others && u->own && !e->u.read.v->target && !e->u.read.v->node->u.compute.expr->space ? e->u.read.v : NULL;
}
static void choose(Inline *s, const Node *n) {
    if (n->kind == N_ITERATE) for (int k = 0; k < n->u.iterate.body.n; k++) choose(s, n->u.iterate.body.at[k]);
    if (n->kind != N_COMPUTE) return;
    s->weight = 0;
    x_walk(n->u.compute.expr, weigh, s);
    s->use[n->result[0]->id].weight = s->weight < REDUCES ? s->weight : REDUCES;
    if (worth(s, n)) { s->old_mark[n->result[0]->id] = true; return; }
    const Value *v = copied(s, n);
    if (v) s->old_mark[v->id] = true;
}
/* Remembers for each new compute whether its old one is inlined. */
static Value *made(Program *to, Node *copy, const Node *old, void *data) {
    Inline *s = data;
    int id = copy->result[0]->id;
    if (id >= s->cap) {
        int cap = 2 * id + 64;
        s->mark = arena_grow(to->arena, s->mark, sizeof(bool) * (size_t)s->cap, sizeof(bool) * (size_t)cap);
        s->cap = cap;
    }
    s->mark[id] = s->old_mark[old->result[0]->id];
    return NULL;
}
static X *expand(Program *to, X *e, void *data) {
    Inline *s = data;
    if (e->k != X_READ || e->u.read.v->id >= s->cap || !s->mark[e->u.read.v->id]) return e;
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return e;
    const Node *n = e->u.read.v->node;
    return x_at(to, n->u.compute.expr, e->u.read.v->rank, n->u.compute.idx, e->u.read.idx);
}
static bool comes(const char *list, const char *pass) {
    const char *at = list ? strstr(list, pass) : NULL;
    return at && (at == list || at[-1] == ',');
}
Program *pass_inline(Program *p) {
    Inline s = { .p = p, .use = NEWN(p->arena, Use, p->n_value + 1), .old_mark = NEWN(p->arena, bool, p->n_value + 1) };
    s.label = schedule_names(p), s.linear = comes(p->later, "linear");
    for (int k = 0; k < p->node.n; k++) count_node(&s, p->node.at[k]);
    for (int k = 0; k < p->output.n; k++) other_use(p->output.at[k].value, &s);
    for (int k = 0; k < p->graph.n; k++) {
        const Graph *g = p->graph.at[k];
        Value *const map[] = { g->src, g->dst, g->etype, g->ntype };
        for (int j = 0; j < 4; j++) if (map[j]) other_use(map[j], &s);
    }
    for (int k = 0; k < p->node.n; k++) choose(&s, p->node.at[k]);
    return program_rewrite(p, &(Rewrite){ .data = &s, .expr = expand, .merge = made });
}
