/* structure.c - marks the values that are known when graphs and maps are bound (Value.structural): graph maps, the results of derived
 * spaces, the keys of these, maps that passes have made of such, and the maps of fibre conditions  f(e) = value  when they can be known by then. What marked values
 * are computed from is marked with them.
 *
 *     map part: g.nodes -> P ; y[p] = sum(v: part(v) = p) x[v]       ->     `part` is structural: rows of it are sorted once, not per call
 *
 * A key of a derived space that depends on data is an error: the space is made once. A fibre map that does is none: its condition is
 * then tested element by element. */
#include "pass/pass.h"

typedef struct Marks {
    Program *p;
    bool *mark, *inside;                   /* by value id; inside: made in an iterate, which structure never is */
    signed char *can;                      /* 0 unknown, 1 may be structural, -1 depends on data */
    const Value **why;                     /* the data that it depends on */
} Marks;

typedef struct Ask { Marks *m; const Value *bad; } Ask;
static bool may(Marks *m, const Value *v);
static void ask_use(Value *v, void *data) {
    Ask *a = data;
    if (!a->bad && !may(a->m, v)) a->bad = a->m->why[v->id];
}
/* Dependence order bounds the depth by the length of one chain of maps; values are asked in order below, so it is one step here. */
static bool may(Marks *m, const Value *v) {
    if (m->can[v->id]) return m->can[v->id] > 0;
    const Node *n = v->node;
    Ask a = { m, NULL };
    switch (n->kind) {
    case N_INPUT: if (!n->u.input.graph && !v->target) a.bad = v; break;
    case N_CONST: case N_DERIVE: break;
    case N_COMPUTE:
        if (m->inside[v->id]) a.bad = v;
        else node_each_use(n, ask_use, &a);
        break;
    case N_PARAM: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: case N_ITERATE: a.bad = v; break;
    }
    m->why[v->id] = a.bad;
    m->can[v->id] = a.bad ? -1 : 1;
    return !a.bad;
}
static void mark(Value *v, void *data) {
    Marks *m = data;
    if (m->mark[v->id]) return;
    m->mark[v->id] = true;
    if (v->node->kind == N_COMPUTE) node_each_use(v->node, mark, m);
}
/* Every map of a chain f(g(e)) */
static bool mark_map(X *e, void *data) {
    Marks *m = data;
    if (e->k == X_READ && e->u.read.v->target && may(m, e->u.read.v)) mark(e->u.read.v, m);
    return true;
}
static bool fibres(X *e, void *data) {
    if (e->k != X_REDUCE) return true;
    for (int k = 0; k < e->u.reduce.n_cond; k++) {
        X *map;
        if (reduce_fibre(e, k, NULL, &map, NULL) && map->k != X_INDEX) x_walk(map, mark_map, data);
    }
    return true;
}
static void fibres_of(X *e, void *data) { x_walk(e, fibres, data); }
static void inside(Marks *m, const Node *n) {
    if (n->kind != N_ITERATE) return;
    for (int k = 0; k < n->u.iterate.body.n; k++) {
        const Node *b = n->u.iterate.body.at[k];
        for (int j = 0; j < b->n_result; j++) m->inside[b->result[j]->id] = true;
        inside(m, b);
    }
}
static bool keys(Marks *m, Node *n) {
    bool ok = true;
    for (int side = 0; side <= (n->u.derive.kind == DV_JOIN); side++) for (int k = 0; k < n->u.derive.n; k++) {
        Value *key = side ? n->u.derive.key2[k] : n->u.derive.key[k];
        if (may(m, key)) { mark(key, m); continue; }
        const Value *why = m->why[key->id];
        Diag *d = diag_error(m->p->cx, D_STRUCTURE_FROM_DATA, n->loc, "space `%s` depends on `%s`, which is known only when the model runs", n->u.derive.space->name, key->name);
        if (why != key) diag_note(d, why->loc, "`%s` depends on `%s`", key->name, why->name);
        diag_help(d, "derived spaces are made once, of the maps of graphs and of input maps");
        ok = false;
    }
    return ok;
}
Program *pass_structure(Program *p) {
    Arena *a = p->arena;
    Marks m = { .p = p, .mark = NEWN(a, bool, p->n_value + 1), .inside = NEWN(a, bool, p->n_value + 1),
                .can = NEWN(a, signed char, p->n_value + 1), .why = NEWN(a, const Value *, p->n_value + 1) };
    bool ok = true;
    for (int k = 0; k < p->node.n; k++) inside(&m, p->node.at[k]);
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        for (int j = 0; j < n->n_result; j++) {
            bool can = may(&m, n->result[j]);                /* in order, so that asking never goes deep */
            if (n->kind == N_DERIVE || (n->kind == N_INPUT && n->u.input.graph) || (can && n->result[j]->structural)) mark(n->result[j], &m);
        }
        if (n->kind == N_DERIVE) ok = keys(&m, n) && ok;
        node_each_expr(n, fibres_of, &m);
    }
    /* the maps of derived graphs are graph maps like others */
    for (int k = 0; k < p->graph.n; k++) {
        const Graph *g = p->graph.at[k];
        Value *const map[] = { g->src, g->dst, g->etype, g->ntype };
        for (int j = 0; j < 4; j++) if (map[j] && may(&m, map[j])) mark(map[j], &m);
    }
    return ok ? program_rewrite(p, &(Rewrite){ .structural = m.mark }) : NULL;
}
