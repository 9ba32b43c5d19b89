/* dce.c - drops what no output needs: nodes, members of recurrences, values that an iterate carries. The interface stays: inputs,
 * parameters and the maps of given graphs; so do checks. A derived space stays while anything lives over it, is counted by it, or
 * reads its maps.
 *
 *     t[i] = exp(x[i]);  y[i] = 2*x[i];  output y     ->     y[i] = 2*x[i];  output y
 *
 * Goes backwards through the nodes until nothing new is found. */
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
static bool live_read(X *e, void *data) {
    if (e->k == X_READ) live_value(e->u.read.v, data);
    return true;
}
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
    if (n->kind == N_ITERATE) {                             /* its body: what the test, results and the next round of what lives need */
        live_value(n->u.iterate.until, l);
        for (int k = 0; k < n->u.iterate.n; k++) {
            if (!l->value[n->result[k]->id] && !l->value[n->u.iterate.carried[k]->id]) continue;
            live_value(n->result[k], l), live_value(n->u.iterate.carried[k], l);
            live_value(n->u.iterate.init[k], l), live_value(n->u.iterate.next[k], l);
        }
        for (int k = n->u.iterate.body.n - 1; k >= 0; k--) node(l, n->u.iterate.body.at[k]);
        return;
    }
    if (n->kind == N_RECUR) {                               /* members that live, and those that these read */
        for (int k = 0; k < n->u.recur.member.n; k++) {
            Member *m = &n->u.recur.member.at[k];
            if (!l->value[m->value->id]) continue;
            live_expr(m->expr, l), x_walk(m->expr, live_read, l);
            for (int j = 0; j < m->before.n; j++) live_expr(m->before.at[j].expr, l), x_walk(m->before.at[j].expr, live_read, l);
        }
        return;
    }
    node_each_use(n, live_value, l);
    node_each_expr(n, live_expr, l);
}
/* Results that go although their node stays. An iterate that only counts its rounds keeps its values: it has to carry something. */
static void parts(const Live *l, const Node *n, bool *dead) {
    int live = 0;
    for (int k = 0; k < n->n_result; k++) live += l->value[n->result[k]->id];
    if ((n->kind == N_RECUR || n->kind == N_ITERATE) && live) for (int k = 0; k < n->n_result; k++) dead[n->result[k]->id] = !l->value[n->result[k]->id];
    if (n->kind == N_ITERATE) for (int k = 0; k < n->u.iterate.body.n; k++) parts(l, n->u.iterate.body.at[k], dead);
}
static bool keep(const Node *n, void *data) { return ((Live *)data)->node[n->id]; }

Program *pass_dce(Program *p) {
    Live l = { p, NEWN(p->arena, bool, p->n_value + 1), NEWN(p->arena, bool, p->sym.n + 1), NEWN(p->arena, bool, p->n_node + 1), false };
    for (int k = 0; k < p->output.n; k++) live_value(p->output.at[k].value, &l);
    for (int k = 0; k < p->check.n; k++) live_ext(&l, p->check.at[k].a), live_ext(&l, p->check.at[k].b);
    bool *dead = NEWN(p->arena, bool, p->n_value + 1);
    do {
        l.changed = false;
        for (int k = p->node.n - 1; k >= 0; k--) node(&l, p->node.at[k]);
    } while (l.changed);
    for (int k = 0; k < p->node.n; k++) parts(&l, p->node.at[k], dead);
    return program_rewrite(p, &(Rewrite){ .data = &l, .keep = keep, .dead = dead });
}
