/* checkpoint.c - what stands under checkpoint(..) is not kept for the way back but computed again there.
 *
 *     z[i] = tanh(x[i]);  h[i] = checkpoint(exp(z[i]))
 *     d.z[i] = d.h[i] * exp(z~2[i])                              z~2[i] = tanh(x[i]), (again 1)
 *
 * A value is under a checkpoint when everything on the ways to y that reads it does so inside checkpoint(..), or is under one itself.
 * Equations in which checkpoint(..) stands are the borders: they keep their values, so a chain of layers under a checkpoint each keeps what
 * goes from layer to layer.  What else reads z than the way to y doesn't matter, nor what is never read on the way back.
 *
 * The adjoints are made as without checkpoints; then what was made reads copies of the values under checkpoints, each made before its first
 * reader.  Copies have a number (Value.again) that keeps passes from taking one for what it is a copy of.  Loops with a test keep the
 * states of their rounds themselves (iterate.c); what they give isn't computed again. */
#include "diff/inside.h"
#include <string.h>

/* ---- what is under a checkpoint --------------------------------------------------------------------------------------------------- */
static bool see_checkpoint(X *e, void *data) {
    if (e->k == X_OP && e->u.op.op == OP_CHECKPOINT) *(bool *)data = true;
    return !*(bool *)data;
}
bool has_checkpoint(X *e) {
    bool found = false;
    x_walk(e, see_checkpoint, &found);
    return found;
}
static void see_border(X *e, void *data) { *(bool *)data |= has_checkpoint(e); }
static bool is_border(Node *n) {
    bool found = false;
    node_each_expr(n, see_border, &found);
    return found;
}
typedef struct Outside { const Value *v; bool read; } Outside;
static bool see_outside(X *e, void *data) {
    Outside *o = data;
    o->read |= e->k == X_READ && e->u.read.v == o->v;
    return !o->read && !(e->k == X_OP && e->u.op.op == OP_CHECKPOINT);
}
static void read_outside(X *e, void *data) { x_walk(e, see_outside, data); }
/* The number of the checkpoint that hides this reading of v, 0: none. */
static int hides(const Diff *d, Node *reader, const Value *v) {
    int number = 0;
    for (int k = 0; k < reader->n_result; k++) if (reader->result[k]->id < d->n && d->under[reader->result[k]->id]) number = d->under[reader->result[k]->id];
    if (number || (reader->kind != N_COMPUTE && reader->kind != N_RECUR)) return number;
    Outside o = { v, false };
    node_each_expr(reader, read_outside, &o);
    return o.read ? 0 : reader->id + 1;
}
static int hidden(Diff *d, Node *n) {
    int number = 0;
    for (int k = 0; k < n->n_result; k++) {
        Value *v = n->result[k];
        if (v->id >= d->n || diff_is_root(d, v)) return 0;
        for (int j = 0; j < d->seen[v->id].reader.n; j++) {
            Node *reader = d->seen[v->id].reader.at[j];
            int by = reader == n ? number : hides(d, reader, v);         /* a recurrence reads itself */
            if (!by && reader != n) return 0;
            if (by > number) number = by;
        }
    }
    return number;
}
void checkpoint_begin(Diff *d) {
    Program *p = d->p;
    bool any = false;
    for (int k = 0; k < p->node.n && !any; k++) any = is_border(p->node.at[k]);
    if (!any) return;
    d->under = NEWN(p->arena, int, d->n + 1), d->copy = NEWN(p->arena, Value *, d->n + 1);
    for (int k = p->node.n - 1; k >= 0; k--) {
        Node *n = p->node.at[k];
        bool can = n->kind == N_COMPUTE || n->kind == N_RECUR || n->kind == N_TRANSFORM || n->kind == N_FACTOR;
        int number = can && !n->result[0]->target && !is_border(n) ? hidden(d, n) : 0;
        for (int j = 0; number && j < n->n_result; j++) d->under[n->result[j]->id] = number;
    }
}

/* ---- copies ------------------------------------------------------------------------------------------------------------------------- */
typedef struct Copies { Diff *d; VEC(Node *) node; const Node *at; /* whose operands are looked at: a recurrence reads itself */ } Copies;
static void need(Value *v, void *data) {
    Copies *c = data;
    Diff *d = c->d;
    const Node *reader = c->at;
    if (v->id >= d->n || !d->under[v->id] || d->copy[v->id] || v->node == reader) return;
    c->at = v->node;
    node_each_use(v->node, need, c);
    c->at = reader;
    d->p->again = d->under[v->id];
    Node *n = clone_node(d->p, v->node, d->copy);
    d->p->again = 0;
    vec_add(d->p->arena, c->node, n);
    for (int k = 0; k < n->n_result; k++)
        vec_add(d->p->arena, d->p->decision, (Decision){ .pass = "checkpoint", .what = arena_printf(d->p->arena, "%s is computed again on the way back", v->node->result[k]->name),
            .why = "it stands under checkpoint(..)", .loc = v->node->loc });
}
/* Everything made since node number `from` reads the copies. */
void checkpoint_finish(Diff *d, int from) {
    Program *p = d->p;
    if (!d->under || d->failed) return;
    Copies c = { .d = d };
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        if (n->id >= from) {
            c.at = n;
            node_each_use(n, need, &c);
            node_reads_instead(p, n, d->copy, d->n);
        }
        vec_add(p->arena, c.node, n);
    }
    memcpy(&p->node, &c.node, sizeof p->node);
}
