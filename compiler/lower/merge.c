/* merge.c - axes that lie side by side everywhere become one, so that lanes go along all of it.
 *
 *     z[p, m, j] = sum(i) h[src(p), i] * W[etype(p), i, m, j]      ->      z'[p, q] = sum(i) h[src(p), i] * W'[etype(p), i, q],   q = (m, j)
 *     s[e, m] = exp(t[e, m])                                       ->      s'[q] = exp(t'[q])
 *
 * z' and W' are views: other axes over the same memory.  The last two axes of an equation are merged when all that it reads by one of their
 * indices it reads by both, one after the other; with sums, only while the last axis is short, as longer ones fill the lanes by themselves. */
#include "lower/lower.h"

enum { LONG = 64 };                                          /* lanes: four vectors of the widest machine */

Value *lower_view(Lower *l, const Value *v, int rank) {
    Value *w = NEW(l->a, Value);
    *w = *v;
    w->id = l->n_value++, w->rank = rank, w->axis = NEWN(l->a, Space *, v->rank);
    Place *place = NEWN(l->a, Place, l->n_value);            /* a slot more in all that is kept by value */
    bool *direct = NEWN(l->a, bool, l->n_value);
    const char **label = NEWN(l->a, const char *, l->n_value);
    for (int j = 0; j < w->id; j++) place[j] = l->place[j], direct[j] = l->direct[j], label[j] = l->label[j];
    place[w->id] = l->place[v->id], direct[w->id] = direct[v->id], label[w->id] = label[v->id];
    l->place = place, l->direct = direct, l->label = label;
    return w;
}
/* The value with axes k and k + 1 as one; the same view for the same question. */
static Value *view_of(Lower *l, Value *v, int k, Space *both) {
    for (int j = 0; j < l->view.n; j++) if (l->view.at[j].of == v && l->view.at[j].axis == k && l->view.at[j].view->axis[k] == both) return l->view.at[j].view;
    Value *w = lower_view(l, v, v->rank - 1);
    for (int j = 0; j < w->rank; j++) w->axis[j] = j < k ? v->axis[j] : j == k ? both : v->axis[j + 1];
    vec_add(l->a, l->view, (View){ v, k, w });
    return w;
}

typedef struct Merge { Lower *l; const Index *outer, *inner; Index *both; bool ok, found, sums; } Merge;
/* Where a read is subscripted by both: that axis; -1: by neither; -2: in another way */
static int merged_axis(const Merge *m, const X *read) {
    int at = -1;
    for (int k = 0; k < read->u.read.v->rank; k++) {
        const X *sub = read->u.read.idx[k];
        bool plain = sub->k == X_INDEX && read->u.read.bnd[k] == BND_NONE;
        if (plain && sub->u.index == m->outer && at < 0 && k + 1 < read->u.read.v->rank) {
            const X *next = read->u.read.idx[k + 1];
            Space *const *axis = read->u.read.v->axis + k;
            if (next->k != X_INDEX || next->u.index != m->inner || read->u.read.bnd[k + 1] != BND_NONE) return -2;
            if (axis[0] != m->outer->space || axis[1] != m->inner->space) return -2;         /* a part of a sum axis: its rows lie further apart */
            at = k++;
        } else if (x_uses_index(sub, m->outer) || x_uses_index(sub, m->inner)) return -2;
        else if (read->u.read.other[k] && (x_uses_index(read->u.read.other[k], m->outer) || x_uses_index(read->u.read.other[k], m->inner))) return -2;
    }
    return at;
}
static bool see(X *e, void *data) {
    Merge *m = data;
    m->sums |= e->k == X_REDUCE;
    if (e->k == X_INDEX) m->ok &= e->u.index != m->outer && e->u.index != m->inner;
    if (e->k != X_READ) return m->ok;
    int at = merged_axis(m, e);
    const Place *pl = &m->l->place[e->u.read.v->id];
    m->ok &= at != -2 && (at < 0 || (!pl->ring && !pl->staged && e->u.read.v->node->kind != N_RECUR));
    m->found |= at >= 0;
    return m->ok && at < 0;                                  /* the other subscripts use neither index */
}
static X *replace(X *e, void *data) {
    Merge *m = data;
    int at = e->k == X_READ ? merged_axis(m, e) : -1;
    if (at < 0) return e;
    Value *v = view_of(m->l, e->u.read.v, at, m->both->space);
    X *idx[8];
    Boundary bnd[8];
    X *other[8];
    for (int k = 0; k < v->rank; k++) {
        int from = k <= at ? k : k + 1;
        idx[k] = k == at ? x_index(m->l->a, m->both) : e->u.read.idx[from], bnd[k] = k == at ? BND_NONE : e->u.read.bnd[from], other[k] = k == at ? NULL : e->u.read.other[from];
    }
    return x_read(m->l->a, v, idx, bnd, other);
}
typedef struct Operands { Merge *m; bool ok; } Operands;
static bool see_operand(X *e, void *data) {
    Operands *o = data;
    if (e->k == X_READ && o->ok && merged_axis(o->m, e) >= 0) o->ok = need_value(o->m->l, e->u.read.v) && o->m->l->place[e->u.read.v->id].buf;
    return o->ok;
}
static Node *merge_last(Lower *l, Node *n) {
    Value *v = n->result[0];
    int r = v->rank;
    if (r < 2 || dtype_is_complex(v->dt) || l->place[v->id].ring) return NULL;
    Index **idx = n->u.compute.idx;
    Space *outer = idx[r - 2]->space, *inner = idx[r - 1]->space;
    Merge m = { .l = l, .outer = idx[r - 2], .inner = idx[r - 1], .ok = outer == v->axis[r - 2] && inner == v->axis[r - 1] };
    int64_t n_outer = 0, n_inner = 0;
    bool known = ext_is_const(outer->extent, &n_outer) && ext_is_const(inner->extent, &n_inner);
    if (m.ok) x_walk(n->u.compute.expr, see, &m);
    if (!m.ok || !m.found || (m.sums && (!known || n_inner >= LONG || n_outer < 2 || n_outer > LONG))) return NULL;
    Operands need = { &m, true };
    x_walk(n->u.compute.expr, see_operand, &need);
    if (!need.ok) return NULL;
    Space *both = NEW(l->a, Space);
    *both = (Space){ .id = inner->id, .kind = known ? SP_DIM : SP_PRODUCT, .name = arena_printf(l->a, "%s_%s", outer->name, inner->name),
                     .extent = ext_op(l->a, EXT_MUL, outer->extent, inner->extent), .loc = inner->loc };
    m.both = program_index(l->p, arena_printf(l->a, "%s_%s", m.outer->name, m.inner->name), both);
    Node *to = NEW(l->a, Node);
    *to = *n;
    value_buf(l, v);
    to->result = NEW(l->a, Value *);
    to->result[0] = view_of(l, v, r - 2, both);
    to->u.compute.idx = NEWN(l->a, Index *, r);
    for (int k = 0; k < r - 1; k++) to->u.compute.idx[k] = k < r - 2 ? idx[k] : m.both;
    to->u.compute.expr = x_map(l->a, n->u.compute.expr, replace, &m);
    return to;
}
Node *merge_axes(Lower *l, Node *n) {
    if (!l->machine) return n;
    for (Node *next; (next = merge_last(l, n)); ) n = next;
    return n;
}
