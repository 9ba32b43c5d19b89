/* cse.c - equal computes are done once: same axes, dtype, target and expression up to the names of indices.
 *
 *     a[v,i] = exp(x[v,i]);  b[u,j] = exp(x[u,j]);  y = a + b     ->     a[v,i] = exp(x[v,i]);  y = a + a
 *
 * In dependence order, so what reads merged values merges in turn. An output keeps a compute of its own (it has memory of its own),
 * and so does what an iterate computes in its body. Candidates are found by a hash that doesn't see indices. */
#include "pass/pass.h"
#include <string.h>

typedef struct Entry { uint64_t hash; Node *node; } Entry;
typedef struct Table { VEC(Entry) entry; int *slot; int cap; const bool *output; } Table;

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 1099511628211u; }
static bool hash_x(X *e, void *data) {
    uint64_t *h = data;
    *h = mix(mix(*h, (uint64_t)e->k), (uint64_t)e->dt);
    switch (e->k) {
    case X_INT: *h = mix(*h, (uint64_t)e->u.i); break;
    case X_REAL: { uint64_t bits; memcpy(&bits, &e->u.c.re, sizeof bits); *h = mix(*h, bits); break; }
    case X_READ: *h = mix(*h, (uint64_t)e->u.read.v->id); break;
    case X_OP: *h = mix(*h, (uint64_t)e->u.op.op); break;
    case X_REDUCE: *h = mix(mix(*h, (uint64_t)e->u.reduce.op), (uint64_t)e->u.reduce.n); break;
    case X_COMPLEX: case X_INDEX: case X_EXT: case X_CAST: case X_BITCAST: case X_IF: break;
    }
    return true;
}
uint64_t x_hash(X *e) { uint64_t h = 1469598103934665603u; x_walk(e, hash_x, &h); return h; }
static uint64_t hash_node(const Node *n) {
    const Value *v = n->result[0];
    uint64_t h = mix(1469598103934665603u, (uint64_t)v->dt);
    for (int k = 0; k < v->rank; k++) h = mix(h, (uint64_t)v->axis[k]->id);
    x_walk(n->u.compute.expr, hash_x, &h);
    return h;
}
static bool equal(Program *p, const Node *a, const Node *b) {
    const Value *x = a->result[0], *y = b->result[0];
    if (x->dt != y->dt || x->rank != y->rank || x->target != y->target || x->storage != y->storage || x->structural != y->structural || x->again != y->again || a->u.compute.check_range != b->u.compute.check_range) return false;
    X **to = NEWN(p->arena, X *, x->rank + 1);
    for (int k = 0; k < x->rank; k++) {
        if (x->axis[k] != y->axis[k]) return false;
        to[k] = x_index(p->arena, a->u.compute.idx[k]);
    }
    return x_equal(a->u.compute.expr, x_substitute(p, b->u.compute.expr, x->rank, b->u.compute.idx, to));
}
static void grow(Program *p, Table *t) {
    t->cap = t->cap ? 2 * t->cap : 256;
    t->slot = NEWN(p->arena, int, t->cap);
    for (int k = 0; k < t->entry.n; k++) {
        int s = (int)(t->entry.at[k].hash & (uint64_t)(t->cap - 1));
        while (t->slot[s]) s = (s + 1) & (t->cap - 1);
        t->slot[s] = k + 1;
    }
}
static Value *merge(Program *to, Node *n, const Node *old, void *data) {
    Table *t = data;
    if (2 * (t->entry.n + 1) > t->cap) grow(to, t);
    uint64_t h = hash_node(n);
    int s = (int)(h & (uint64_t)(t->cap - 1));
    for (; t->slot[s]; s = (s + 1) & (t->cap - 1)) {
        Entry *e = &t->entry.at[t->slot[s] - 1];
        if (e->hash == h && !t->output[old->result[0]->id] && equal(to, e->node, n)) return e->node->result[0];
    }
    vec_add(to->arena, t->entry, (Entry){ h, n });
    t->slot[s] = t->entry.n;
    return NULL;
}
Program *pass_cse(Program *p) {
    bool *output = NEWN(p->arena, bool, p->n_value + 1);
    for (int k = 0; k < p->output.n; k++) output[p->output.at[k].value->id] = true;
    Table t = { .output = output };
    return program_rewrite(p, &(Rewrite){ .data = &t, .merge = merge });
}
