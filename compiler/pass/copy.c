/* copy.c - the frame of a pass: a new program, node by node in the same order, with hooks for what changes.
 * Sizes are shared; spaces, graphs, values, indices and nodes are the copy's own, so that no old object points to a new one. */
#include "pass/pass.h"
#include <string.h>

typedef struct Copy {
    Program *from, *to;
    const Rewrite *how;
    Space **space; Graph **graph; Value **value; Index **index;          /* by old id */
} Copy;

static Index *new_index(Copy *c, const Index *i) {
    if (!i) return NULL;
    if (!c->index[i->id]) c->index[i->id] = program_index(c->to, i->name, c->space[i->space->id]);
    return c->index[i->id];
}
static Index **new_indices(Copy *c, Index *const *idx, int n) {
    Index **r = NEWN(c->to->arena, Index *, n + 1);
    for (int k = 0; k < n; k++) r[k] = new_index(c, idx[k]);
    return r;
}
static Value *new_use(Copy *c, const Value *v) { return v ? c->value[v->id] : NULL; }
static X *expr(Copy *c, const X *old) {
    if (!old) return NULL;
    Arena *a = c->to->arena;
    X *e = NEW(a, X);
    *e = *old;
    if (old->space) e->space = c->space[old->space->id];
    switch (old->k) {
    case X_INT: case X_REAL: case X_COMPLEX: case X_EXT: break;
    case X_INDEX: e->u.index = new_index(c, old->u.index); break;
    case X_READ: {
        int n = old->u.read.v->rank;
        e->u.read.v = new_use(c, old->u.read.v);
        e->u.read.idx = NEWN(a, X *, n + 1), e->u.read.other = NEWN(a, X *, n + 1);
        for (int k = 0; k < n; k++) e->u.read.idx[k] = expr(c, old->u.read.idx[k]), e->u.read.other[k] = expr(c, old->u.read.other[k]);
        break;
    }
    case X_OP: for (int k = 0; k < old->u.op.n; k++) e->u.op.arg[k] = expr(c, old->u.op.arg[k]); break;
    case X_CAST: case X_BITCAST: e->u.cast.arg = expr(c, old->u.cast.arg); break;
    case X_IF:
        e->u.if_.cond = expr(c, old->u.if_.cond);
        e->u.if_.then = expr(c, old->u.if_.then);
        e->u.if_.other = expr(c, old->u.if_.other);
        break;
    case X_REDUCE:
        e->u.reduce.idx = new_indices(c, old->u.reduce.idx, old->u.reduce.n);
        e->u.reduce.cond = NEWN(a, X *, old->u.reduce.n_cond + 1);
        for (int k = 0; k < old->u.reduce.n_cond; k++) e->u.reduce.cond[k] = expr(c, old->u.reduce.cond[k]);
        e->u.reduce.body = expr(c, old->u.reduce.body);
        e->u.reduce.other = expr(c, old->u.reduce.other);
        break;
    }
    return c->how->expr ? c->how->expr(c->to, e, c->how->data) : e;
}
static void new_result(Copy *c, Node *n, const Value *old) {
    Space *axis[64], **at = old->rank <= 64 ? axis : NEWN(c->to->arena, Space *, old->rank);
    for (int k = 0; k < old->rank; k++) at[k] = c->space[old->axis[k]->id];
    Value *v = program_value(c->to, n, old->name, old->dt, old->rank, at);
    v->target = old->target ? c->space[old->target->id] : NULL;
    v->storage = old->storage, v->loc = old->loc, v->again = old->again;
    v->structural = c->how->structural ? c->how->structural[old->id] : old->structural;
    c->value[old->id] = v;
}
static Node *node(Copy *c, const Node *old);
/* The copy, or NULL when another value is used for its result. */
static Node *node_or_merged(Copy *c, const Node *old, bool merge) {
    int n_value = c->to->n_value, n_node = c->to->n_node;
    Node *n = node(c, old);
    Value *same = merge && c->how->merge && n->kind == N_COMPUTE ? c->how->merge(c->to, n, old, c->how->data) : NULL;
    if (!same) return n;
    c->to->n_value = n_value, c->to->n_node = n_node, c->value[old->result[0]->id] = same;      /* ids stay dense */
    return NULL;
}
static bool dropped(const Copy *c, const Value *v) { return c->how->dead && c->how->dead[v->id]; }
static void iterate(Copy *c, Node *n, const Node *old) {
    int m = 0;
    Arena *a = c->to->arena;
    Value **init = n->u.iterate.init = NEWN(a, Value *, old->u.iterate.n + 1), **next = n->u.iterate.next = NEWN(a, Value *, old->u.iterate.n + 1);
    Value **carried = n->u.iterate.carried = NEWN(a, Value *, old->u.iterate.n + 1);
    n->u.iterate.max = old->u.iterate.max, n->u.iterate.implicit = old->u.iterate.implicit;
    for (int k = 0; k < old->u.iterate.n; k++) {
        Node outside = { .loc = old->loc };                  /* carried values are none of the node's results */
        if (dropped(c, old->result[k])) continue;
        init[m] = new_use(c, old->u.iterate.init[k]);
        new_result(c, &outside, old->u.iterate.carried[k]);
        carried[m] = new_use(c, old->u.iterate.carried[k]);
        carried[m]->node = n, carried[m]->result = m, m++;
    }
    n->u.iterate.n = m;
    for (int k = 0; k < old->u.iterate.body.n; k++) {
        const Node *b = old->u.iterate.body.at[k];
        if (c->how->keep && !c->how->keep(b, c->how->data)) continue;
        Node *copy = node_or_merged(c, b, c->how->in_bodies);
        if (copy) vec_add(a, n->u.iterate.body, copy);
    }
    m = 0;
    for (int k = 0; k < old->u.iterate.n; k++) if (!dropped(c, old->result[k])) next[m++] = new_use(c, old->u.iterate.next[k]);
    n->u.iterate.until = new_use(c, old->u.iterate.until);
}
static Node *node(Copy *c, const Node *old) {
    Arena *a = c->to->arena;
    Node *n = program_node(c->to, old->kind, old->loc);
    if (old->kind != N_ITERATE) for (int k = 0; k < old->n_result; k++) if (!dropped(c, old->result[k])) new_result(c, n, old->result[k]);
    switch (old->kind) {
    case N_INPUT:
        n->u.input.role = old->u.input.role;
        n->u.input.graph = old->u.input.graph ? c->graph[old->u.input.graph->id] : NULL;
        break;
    case N_PARAM: n->u.param = old->u.param; break;
    case N_CONST: n->u.constant = old->u.constant; break;
    case N_COMPUTE:
        n->u.compute.idx = new_indices(c, old->u.compute.idx, old->result[0]->rank);
        n->u.compute.expr = expr(c, old->u.compute.expr);
        n->u.compute.check_range = old->u.compute.check_range;
        break;
    case N_RECUR:
        n->u.recur.time = new_index(c, old->u.recur.time), n->u.recur.reverse = old->u.recur.reverse;
        for (int k = 0; k < old->u.recur.member.n; k++) {
            const Member *o = &old->u.recur.member.at[k];
            if (dropped(c, o->value)) continue;
            Member m = { .value = new_use(c, o->value), .time_axis = o->time_axis };
            m.idx = new_indices(c, o->idx, o->value->rank);
            m.expr = expr(c, o->expr);
            for (int j = 0; j < o->before.n; j++) {
                Before b = { .offset = o->before.at[j].offset };
                b.idx = new_indices(c, o->before.at[j].idx, o->value->rank);
                b.expr = expr(c, o->before.at[j].expr);
                vec_add(a, m.before, b);
            }
            vec_add(a, n->u.recur.member, m);
        }
        break;
    case N_TRANSFORM: n->u.transform = old->u.transform, n->u.transform.in = new_use(c, old->u.transform.in); break;
    case N_SELECT: n->u.select = old->u.select, n->u.select.in = new_use(c, old->u.select.in); break;
    case N_FACTOR:
        n->u.factor = old->u.factor;
        for (int k = 0; k < 2; k++) n->u.factor.in[k] = k < old->u.factor.n_in ? new_use(c, old->u.factor.in[k]) : NULL;
        break;
    case N_ITERATE:
        iterate(c, n, old);
        for (int k = 0; k < old->n_result; k++) if (!dropped(c, old->result[k])) new_result(c, n, old->result[k]);
        break;
    case N_DERIVE:
        n->u.derive = old->u.derive, n->u.derive.space = c->space[old->u.derive.space->id];
        for (int k = 0; k < old->u.derive.n; k++) n->u.derive.key[k] = new_use(c, old->u.derive.key[k]), n->u.derive.key2[k] = new_use(c, old->u.derive.key2[k]);
        break;
    }
    return n;
}
static void graphs(Copy *c, bool maps) {
    for (int k = 0; k < c->from->graph.n; k++) {
        const Graph *o = c->from->graph.at[k];
        Graph *g = c->graph[o->id];
        if (!maps) {
            g->id = o->id, g->name = o->name, g->given = o->given;
            Space *const from[] = { o->src_nodes, o->dst_nodes, o->edges, o->ntypes, o->etypes };
            Space **const to[] = { &g->src_nodes, &g->dst_nodes, &g->edges, &g->ntypes, &g->etypes };
            for (int j = 0; j < 5; j++) *to[j] = from[j] ? c->space[from[j]->id] : NULL;
            vec_add(c->to->arena, c->to->graph, g);
        } else g->src = new_use(c, o->src), g->dst = new_use(c, o->dst), g->etype = new_use(c, o->etype), g->ntype = new_use(c, o->ntype);
    }
}
Program *program_rewrite(Program *p, const Rewrite *how) {
    Program *to = program_new(p->cx, p->name);
    Arena *a = to->arena;
    Copy copy = { p, to, how, NEWN(a, Space *, p->space.n + 1), NEWN(a, Graph *, p->graph.n + 1), NEWN(a, Value *, p->n_value + 1), NEWN(a, Index *, p->n_index + 1) }, *c = &copy;
    to->loc = p->loc, to->is_part = p->is_part;
    for (int k = 0; k < p->sym.n; k++) vec_add(a, to->sym, p->sym.at[k]);
    for (int k = 0; k < p->graph.n; k++) c->graph[k] = NEW(a, Graph);
    for (int k = 0; k < p->space.n; k++) {
        const Space *o = p->space.at[k];
        Space *s = program_space(to, o->kind, o->name, o->extent);
        int id = s->id;
        *s = *o, s->id = id;
        for (int j = 0; j < o->n_part; j++) s->part[j] = c->space[o->part[j]->id];      /* parts are older: the verifier says so */
        if (o->graph) s->graph = c->graph[o->graph->id];
        c->space[o->id] = s;
    }
    graphs(c, false);
    for (int k = 0; k < p->check.n; k++) vec_add(a, to->check, p->check.at[k]);
    for (int k = 0; k < p->about.n; k++) vec_add(a, to->about, p->about.at[k]);
    for (int k = 0; k < p->schedule.n; k++) vec_add(a, to->schedule, p->schedule.at[k]);
    for (int k = 0; k < p->decision.n; k++) vec_add(a, to->decision, p->decision.at[k]);
    for (int k = 0; k < p->node.n; k++) {
        Node *old = p->node.at[k];
        if (how->keep && !how->keep(old, how->data)) continue;
        Node *n = node_or_merged(c, old, true);
        if (n) vec_add(a, to->node, n);
    }
    graphs(c, true);
    for (int k = 0; k < p->input.n; k++) vec_add(a, to->input, new_use(c, p->input.at[k]));
    for (int k = 0; k < p->param.n; k++) vec_add(a, to->param, new_use(c, p->param.at[k]));
    for (int k = 0; k < p->output.n; k++) vec_add(a, to->output, (Output){ p->output.at[k].name, new_use(c, p->output.at[k].value) });
    return to;
}
