/* dce.c - drops nodes that no output needs. The interface stays: inputs, parameters and the maps of given graphs; so do checks.
 * A derived space stays while anything lives over it, is counted by it, or reads its maps.
 *
 *     t[i] = exp(x[i]);  y[i] = 2*x[i];  output y     ->     y[i] = 2*x[i];  output y
 *
 * Goes backwards through the nodes until nothing new is found (a second round is needed only for derived spaces). */
#include "pass/pass.h"

typedef struct Live { Program *p; bool *value, *sym, *node; bool changed; } Live;

static void live_value(Value *v, void *data) {
    Live *l = data;
    if (!l->value[v->id]) l->value[v->id] = l->changed = true;
}
static void live_ext(Live *l, const Ext *e) {
    if (!e || e->op == EXT_CONST) return;
    if (e->op == EXT_SYM) { if (!l->sym[e->sym->id]) l->sym[e->sym->id] = l->changed = true; return; }
    live_ext(l, e->a);
    live_ext(l, e->b);
}
static bool live_x(X *e, void *data) {
    Live *l = data;
    if (e->k == X_EXT) live_ext(l, e->u.ext);
    if (e->space) live_ext(l, e->space->extent);
    if (e->k == X_REDUCE) for (int k = 0; k < e->u.reduce.n; k++) live_ext(l, e->u.reduce.idx[k]->space->extent);
    return true;
}
static void live_expr(X *e, void *data) { x_walk(e, live_x, data); }
static void live_axes(Live *l, const Value *v) {
    for (int k = 0; k < v->rank; k++) live_ext(l, v->axis[k]->extent);
    if (v->target) live_ext(l, v->target->extent);
}
static bool interface(const Node *n) { return n->kind == N_PARAM || n->kind == N_INPUT; }
static void node(Live *l, Node *n) {
    bool live = interface(n);
    for (int k = 0; k < n->n_result; k++) live = live || l->value[n->result[k]->id];
    if (n->kind == N_DERIVE && n->u.derive.space->extent->op == EXT_SYM) live = live || l->sym[n->u.derive.space->extent->sym->id];
    if (!live) return;
    if (!l->node[n->id]) l->node[n->id] = l->changed = true;
    for (int k = 0; k < n->n_result; k++) live_axes(l, n->result[k]);
    if (n->kind == N_ITERATE) {                             /* its body: what the next round and the test need */
        for (int k = 0; k < n->u.iterate.n; k++) live_value(n->u.iterate.init[k], l), live_value(n->u.iterate.next[k], l);
        live_value(n->u.iterate.until, l);
        for (int k = n->u.iterate.body.n - 1; k >= 0; k--) node(l, n->u.iterate.body.at[k]);
        return;
    }
    node_each_use(n, live_value, l);
    node_each_expr(n, live_expr, l);
}
static bool keep(const Node *n, void *data) { return ((Live *)data)->node[n->id]; }

Program *pass_dce(Program *p) {
    Live l = { p, NEWN(p->arena, bool, p->n_value + 1), NEWN(p->arena, bool, p->sym.n + 1), NEWN(p->arena, bool, p->n_node + 1), false };
    for (int k = 0; k < p->output.n; k++) live_value(p->output.at[k].value, &l);
    for (int k = 0; k < p->check.n; k++) live_ext(&l, p->check.at[k].a), live_ext(&l, p->check.at[k].b);
    do {
        l.changed = false;
        for (int k = p->node.n - 1; k >= 0; k--) node(&l, p->node.at[k]);
    } while (l.changed);
    return program_rewrite(p, &(Rewrite){ .data = &l, .keep = keep });
}
