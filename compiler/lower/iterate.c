/* iterate.c - a loop with a test becomes a host loop.
 *
 *     carried = init                       one buffer per carried value, which is the result's as well
 *     loop max:
 *       head    what the test needs
 *       stop if test
 *       body    everything else;  carried = next
 *
 * What the body reads from outside is computed before the loop.  The next values are whole before the first of them is copied, and one
 * that is another's present value goes through a buffer of its own, so the copies happen as if at once. */
#include "lower/lower.h"

typedef struct Outside { Lower *l; bool *inside; bool ok; } Outside;
static void mark_inside(Outside *o, const Node *it) {
    for (int k = 0; k < it->u.iterate.n; k++) o->inside[it->u.iterate.carried[k]->id] = true;
    for (int k = 0; k < it->u.iterate.body.n; k++) {
        const Node *b = it->u.iterate.body.at[k];
        for (int r = 0; r < b->n_result; r++) o->inside[b->result[r]->id] = true;
        if (b->kind == N_ITERATE) mark_inside(o, b);
    }
}
static void need_outside(Value *v, void *data) {
    Outside *o = data;
    if (o->ok && !o->inside[v->id]) o->ok = need_value(o->l, v);
}
static void advance(Lower *l, Node *n) {
    int count = n->u.iterate.n;
    Buf **from = NEWN(l->a, Buf *, count + 1);
    for (int k = 0; k < count; k++) {
        from[k] = l->place[n->u.iterate.next[k]->id].buf;
        for (int j = 0; j < k; j++) {                       /* overwritten by an earlier copy */
            if (from[k] != l->place[n->u.iterate.carried[j]->id].buf) continue;
            Value *c = n->u.iterate.carried[k];
            Buf *own = buf_new(l, arena_printf(l->a, "%s_next", plain_name(l, c->name)), from[k]->dt, from[k]->count, BUF_WORK, n->loc);
            host_copy(l, own, from[k], n->loc);
            from[k] = own;
        }
    }
    for (int k = 0; k < count; k++) {
        Buf *to = l->place[n->u.iterate.carried[k]->id].buf;
        if (to != from[k]) host_copy(l, to, from[k], n->loc);
    }
}
bool lower_iterate(Lower *l, Node *n) {
    int count = n->u.iterate.n;
    Outside o = { l, NEWN(l->a, bool, l->p->n_value + 1), true };
    mark_inside(&o, n);
    node_each_use(n, need_outside, &o);
    if (!o.ok) return false;
    for (int k = 0; k < count; k++) {
        Buf *b = value_buf(l, n->result[k]);
        l->place[n->u.iterate.carried[k]->id] = l->place[n->result[k]->id];
        host_copy(l, b, l->place[n->u.iterate.init[k]->id].buf, n->loc);
    }
    if (!n->u.iterate.max) return true;
    HostBlock *outer = l->host;
    LH *loop = host_add(l, LH_LOOP, n->loc);
    loop->max = n->u.iterate.max;
    l->host = &loop->head;
    bool ok = need_value(l, n->u.iterate.until);
    l->host = &loop->body;
    for (int k = 0; k < count && ok; k++) ok = need_value(l, n->u.iterate.next[k]);
    if (ok) advance(l, n);
    l->host = outer;
    if (ok) loop->src = l->place[n->u.iterate.until->id].buf;
    return ok;
}
