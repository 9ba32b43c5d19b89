/* divided.c - an equation whose edges a filter divides: those of each part by a kernel of their own, which stores where its edges are.
 *
 *     s[e] = c[e] * (sum(a: A.e(a) = e) x[a] + sum(b: B.e(b) = e) y[b]),   A = filter(f), B = filter(not f)
 *         ->   for a:  s[A.e(a)] = c[A.e(a)] * x[a];     for b:  s[B.e(b)] = c[B.e(b)] * y[b]
 *
 * Each edge is in one of the two, and one of the sums is its one term. A filter's map goes up, so the kernels store in order. */
#include "lower/tile.h"
#include "pass/query.h"

typedef struct Half { X *sum; Value *map; } Half;
typedef struct Halves { const Node *n; int count; Half of[2]; } Halves;
static bool see_half(X *e, void *data) {
    Halves *h = data;
    if (e->k != X_REDUCE) return true;
    Index *i;
    X *map, *value;
    if (e->u.reduce.op != R_SUM || e->u.reduce.other || e->u.reduce.n != 1 || e->u.reduce.n_cond != 1 || !reduce_fibre(e, 0, &i, &map, &value)) return false;
    const X *m = x_uncast(map);
    if (position_index(value) != h->n->u.compute.idx[0] || m->k != X_READ || !is_filter_map(m->u.read.v) || position_index(m->u.read.idx[0]) != i) return false;
    if (h->count < 2) h->of[h->count] = (Half){ e, m->u.read.v };
    h->count++;
    return false;
}
/* q keeps just what p doesn't */
static bool opposite(Program *p, const Value *a, const Value *b) {
    const Node *x = a->node->u.derive.key[0]->node, *y = b->node->u.derive.key[0]->node;
    if (x->kind != N_COMPUTE || y->kind != N_COMPUTE || x->result[0]->rank != 1 || y->result[0]->rank != 1) return false;
    X *at = x_index(p->arena, x->u.compute.idx[0]), *f = x->u.compute.expr, *g = x_substitute(p, y->u.compute.expr, 1, y->u.compute.idx, &at);
    return g->k == X_OP && g->u.op.op == OP_NOT && x_equal(g->u.op.arg[0], f);
}
bool divided_plan(Lower *l, const Node *n) {
    Value *v = n->result[0];
    Halves h = { .n = n };
    if (!l->machine || !v->rank || !dtype_is_float(v->dt) || in_bind(v) || n->u.compute.check_range || l->place[v->id].ring) return false;
    x_walk(n->u.compute.expr, see_half, &h);
    return h.count == 2 && (opposite(l->p, h.of[0].map, h.of[1].map) || opposite(l->p, h.of[1].map, h.of[0].map));
}
typedef struct Pick { Lower *l; const Halves *h; int half; } Pick;
static X *pick(X *e, void *data) {
    const Pick *p = data;
    if (e == p->h->of[p->half].sum) return x_cast(p->l->a, e->u.reduce.body, e->dt);
    return e == p->h->of[1 - p->half].sum ? x_real(p->l->a, 0, e->dt) : e;
}
/* The equation over one part, whose memory is that of v's rows there */
static Node *half_of(Lower *l, const Node *n, const Halves *h, int half) {
    Value *v = n->result[0], *map = h->of[half].map, *w = lower_view(l, v, v->rank);
    Node *part = NEW(l->a, Node);
    Index *i = h->of[half].sum->u.reduce.idx[0];
    X *own = x_index(l->a, i), *at = x_read(l->a, map, &own, NULL, NULL);
    w->axis[0] = map->axis[0];
    for (int k = 1; k < v->rank; k++) w->axis[k] = v->axis[k];
    l->place[w->id].at = l->place[map->id].buf;
    *part = *n;
    part->result = NEWN(l->a, Value *, 1);
    part->result[0] = w, part->u.compute.idx = NEWN(l->a, Index *, v->rank);
    for (int k = 0; k < v->rank; k++) part->u.compute.idx[k] = k ? n->u.compute.idx[k] : i;
    X *whole = x_map(l->a, n->u.compute.expr, pick, &(Pick){ l, h, half });
    part->u.compute.expr = x_at(l->p, whole, 1, n->u.compute.idx, &at);
    return part;
}
/* The nodes to lower in place of n */
void divided_parts(Lower *l, const Node *n, Node *part[2]) {
    Halves h = { .n = n };
    x_walk(n->u.compute.expr, see_half, &h);
    value_buf(l, n->result[0]);
    for (int k = 0; k < 2; k++) part[k] = half_of(l, n, &h, k);
}
