/* clone.c - nodes of a body once more, reading other values: the way back through a loop goes through a copy of its body. */
#include "diff/inside.h"
#include <string.h>

typedef struct Clone { Program *p; Value **to; int n; } Clone;       /* to has n elements */
static Value *mapped(const Clone *c, Value *v) { return v && v->id < c->n && c->to[v->id] ? c->to[v->id] : v; }
static X *reads_mapped(X *e, void *data) {
    const Clone *c = data;
    if (e->k != X_READ || mapped(c, e->u.read.v) == e->u.read.v) return e;
    X *r = x_read(c->p->arena, mapped(c, e->u.read.v), e->u.read.idx, e->u.read.bnd, e->u.read.other);
    r->loc = e->loc;
    return r;
}
static X *expr(const Clone *c, X *e, int n, Index **from, Index **own) {
    X **at = NEWN(c->p->arena, X *, n + 1);
    for (int k = 0; k < n; k++) at[k] = x_index(c->p->arena, own[k]);
    return x_map(c->p->arena, x_substitute(c->p, e, n, from, at), reads_mapped, (void *)c);
}
static Index **indices(const Clone *c, Index **from, int n) {
    Index **own = NEWN(c->p->arena, Index *, n + 1);
    for (int k = 0; k < n; k++) own[k] = program_index(c->p, from[k]->name, from[k]->space);
    return own;
}
static Value *result(const Clone *c, Node *n, const Value *v) {
    Value *r = program_value(c->p, n, v->name, v->dt, v->rank, v->axis);
    r->target = v->target, r->loc = v->loc;
    return c->to[v->id] = r;
}
static void recurrence(const Clone *c, Node *r, const Node *n) {
    Index *time = n->u.recur.time, *own_time = r->u.recur.time = program_index(c->p, time->name, time->space);
    r->u.recur.reverse = n->u.recur.reverse;
    for (int k = 0; k < n->u.recur.member.n; k++) {
        const Member *m = &n->u.recur.member.at[k];
        int rank = m->value->rank;
        Member w = { .value = c->to[m->value->id], .time_axis = m->time_axis, .idx = indices(c, m->idx, rank) };
        w.idx[m->time_axis] = own_time;
        w.expr = expr(c, m->expr, rank, m->idx, w.idx);
        for (int j = 0; j < m->before.n; j++) {
            const Before *b = &m->before.at[j];
            Before q = { .offset = b->offset, .idx = NEWN(c->p->arena, Index *, rank + 1) };
            Index **from = NEWN(c->p->arena, Index *, rank + 1), **own = NEWN(c->p->arena, Index *, rank + 1);
            int count = 0;
            for (int i = 0; i < rank; i++) if (b->idx[i]) q.idx[i] = program_index(c->p, b->idx[i]->name, b->idx[i]->space), from[count] = b->idx[i], own[count++] = q.idx[i];
            q.expr = expr(c, b->expr, count, from, own);
            vec_add(c->p->arena, w.before, q);
        }
        vec_add(c->p->arena, r->u.recur.member, w);
    }
}
static void loop(const Clone *c, Node *r, const Node *n) {
    Arena *a = c->p->arena;
    int count = r->u.iterate.n = n->u.iterate.n;
    r->u.iterate.max = n->u.iterate.max, r->u.iterate.implicit = n->u.iterate.implicit;
    r->u.iterate.init = NEWN(a, Value *, count + 1), r->u.iterate.carried = NEWN(a, Value *, count + 1), r->u.iterate.next = NEWN(a, Value *, count + 1);
    for (int k = 0; k < count; k++) {
        const Value *v = n->u.iterate.carried[k];
        Node outside = { .loc = n->loc };  /* carried values are none of the node's results */
        r->u.iterate.init[k] = mapped(c, n->u.iterate.init[k]);
        Value *w = r->u.iterate.carried[k] = result(c, &outside, v);
        w->node = r, w->result = k;
    }
    for (int k = 0; k < n->u.iterate.body.n; k++) vec_add(a, r->u.iterate.body, clone_node(c->p, n->u.iterate.body.at[k], c->to));
    for (int k = 0; k < count; k++) r->u.iterate.next[k] = mapped(c, n->u.iterate.next[k]);
    r->u.iterate.until = mapped(c, n->u.iterate.until);
}
Node *clone_node(Program *p, const Node *n, Value **to) {
    Clone clone = { p, to, p->n_value }, *c = &clone;
    Node *r = program_node(p, n->kind, n->loc);
    if (n->kind == N_ITERATE) loop(c, r, n);
    for (int k = 0; k < n->n_result; k++) result(c, r, n->result[k]);
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_DERIVE: break;      /* none of them stands in a body */
    case N_CONST: r->u.constant = n->u.constant; break;
    case N_COMPUTE:
        r->u.compute.idx = indices(c, n->u.compute.idx, n->result[0]->rank);
        r->u.compute.expr = expr(c, n->u.compute.expr, n->result[0]->rank, n->u.compute.idx, r->u.compute.idx);
        r->u.compute.check_range = n->u.compute.check_range;
        break;
    case N_RECUR: recurrence(c, r, n); break;
    case N_TRANSFORM: r->u.transform = n->u.transform, r->u.transform.in = mapped(c, n->u.transform.in); break;
    case N_SELECT: r->u.select = n->u.select, r->u.select.in = mapped(c, n->u.select.in); break;
    case N_FACTOR:
        r->u.factor = n->u.factor;
        for (int k = 0; k < n->u.factor.n_in; k++) r->u.factor.in[k] = mapped(c, n->u.factor.in[k]);
        break;
    case N_ITERATE: break;
    }
    return r;
}
void node_reads_instead(Program *p, Node *q, Value **to, int n) {
    Clone clone = { p, to, n }, *c = &clone;
    switch (q->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: case N_DERIVE: break;
    case N_COMPUTE: q->u.compute.expr = x_map(p->arena, q->u.compute.expr, reads_mapped, c); break;
    case N_RECUR:
        for (int k = 0; k < q->u.recur.member.n; k++) {
            Member *m = &q->u.recur.member.at[k];
            m->expr = x_map(p->arena, m->expr, reads_mapped, c);
            for (int j = 0; j < m->before.n; j++) m->before.at[j].expr = x_map(p->arena, m->before.at[j].expr, reads_mapped, c);
        }
        break;
    case N_TRANSFORM: q->u.transform.in = mapped(c, q->u.transform.in); break;
    case N_SELECT: q->u.select.in = mapped(c, q->u.select.in); break;
    case N_FACTOR: for (int k = 0; k < q->u.factor.n_in; k++) q->u.factor.in[k] = mapped(c, q->u.factor.in[k]); break;
    case N_ITERATE:
        for (int k = 0; k < q->u.iterate.n; k++) q->u.iterate.init[k] = mapped(c, q->u.iterate.init[k]), q->u.iterate.next[k] = mapped(c, q->u.iterate.next[k]);
        for (int k = 0; k < q->u.iterate.body.n; k++) node_reads_instead(p, q->u.iterate.body.at[k], to, n);
        break;
    }
}
