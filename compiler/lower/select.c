/* select.c - top and sort become one call of the runtime over (outer, n, inner). A result that nobody reads gets no buffer. */
#include "lower/lower.h"

typedef struct Use { const Value *v; bool found; } Use;
static void is_it(Value *v, void *data) { Use *u = data; u->found |= v == u->v; }
bool value_is_used(Lower *l, const Value *v) {
    Use u = { v, false };
    for (int k = 0; k < l->p->output.n; k++) u.found |= l->p->output.at[k].value == v;
    for (int k = 0; k < l->p->node.n && !u.found; k++) node_each_use(l->p->node.at[k], is_it, &u);
    return u.found;
}
bool lower_select(Lower *l, Node *n) {
    Value *in = n->u.select.in, *pick = n->result[0];
    int axis = n->u.select.axis;
    if (!need_value(l, in)) return false;
    Ext *arg[] = { ext_const(l->a, in->dt), product_of(l, in->axis, 0, axis), in->axis[axis]->extent, product_of(l, in->axis, axis + 1, in->rank),
                   pick->axis[axis]->extent, ext_const(l->a, n->u.select.descending || n->u.select.kind == SEL_TOP) };
    LH *h = host_call(l, RT_SORT, n->loc, sizeof arg / sizeof *arg, arg);
    vec_add(l->a, h->buf, l->place[in->id].buf);
    for (int k = 0; k < n->n_result; k++) vec_add(l->a, h->buf, value_is_used(l, n->result[k]) ? value_buf(l, n->result[k]) : NULL);
    return true;
}
