/* iterate.c - a loop with a test becomes a host loop.
 *
 *     carried = init                       one buffer per carried value, which is the result's as well
 *     loop max:
 *       head    what the test needs
 *       stop if test
 *       body    everything else;  carried = next
 *
 * A next value that differs from the present one in one slice, x'[r] = if r = k then .. else x[r], or whose elements depend on no other
 * element of it, x'[i] = x[i] + .., is computed in place, after everything else that reads the present one.
 *
 * What the body reads from outside is computed before the loop.  The next values are whole before the first of them is copied, and one
 * that is another's present value goes through a buffer of its own, so the copies happen as if at once. */
#include "lower/lower.h"
#include <string.h>

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
/* ---- next values in place --------------------------------------------------------------------------------------------------------- */
typedef enum InPlace { COPIED, BY_ELEMENT, BY_SLICE } InPlace;
typedef struct Count { const Value *v; int n; } Count;
static void count_use(Value *v, void *data) { Count *c = data; c->n += c->v == v; }
static int nodes_using(const Node *n, const Value *v) {
    int all = 0;
    for (int k = 0; k < n->u.iterate.body.n; k++) {
        Count c = { v, 0 };
        node_each_use(n->u.iterate.body.at[k], count_use, &c);
        all += c.n > 0;
    }
    for (int k = 0; k < n->u.iterate.n; k++) all += n->u.iterate.next[k] == v;
    return all + (n->u.iterate.until == v);
}
/* That every read of v is of the element that is computed, and none is repeated in a reduction. */
typedef struct Own { const Value *v; Index **idx; bool only; } Own;
static bool see_own(X *e, void *data) {
    Own *o = data;
    if (e->k == X_REDUCE) {
        Count c = { o->v, 0 };
        for (int k = 0; k < e->u.reduce.n_cond; k++) c.n += x_reads(e->u.reduce.cond[k], o->v);
        c.n += x_reads(e->u.reduce.body, o->v) || (e->u.reduce.other && x_reads(e->u.reduce.other, o->v));
        o->only &= !c.n;
        return false;
    }
    if (e->k == X_READ && e->u.read.v == o->v)
        for (int k = 0; k < o->v->rank; k++) o->only &= e->u.read.idx[k]->k == X_INDEX && e->u.read.idx[k]->u.index == o->idx[k];
    return o->only;
}
static InPlace in_place(const Lower *l, const Node *n, int k) {
    Value *next = n->u.iterate.next[k], *now = n->u.iterate.carried[k];
    Node *made = next->node;
    X *at, *x;
    bool in_body = false;
    for (int j = 0; j < n->u.iterate.body.n; j++) in_body |= n->u.iterate.body.at[j] == made;
    if (!in_body || made->kind != N_COMPUTE || made->u.compute.check_range || in_bind(next) || l->state[made->id] || nodes_using(n, next) != 1) return COPIED;
    if (compute_updates_slice(made, now, &at, &x) && !x_reads(at, now) && !x_reads(x, now)) return BY_SLICE;
    Own o = { now, made->u.compute.idx, true };
    x_walk(made->u.compute.expr, see_own, &o);
    return o.only && nodes_using(n, now) == 1 && x_reads(made->u.compute.expr, now) ? BY_ELEMENT : COPIED;
}
/* Which next values are computed how; slices come last, so none may read another one's tensor. */
static InPlace *plan_in_place(const Lower *l, const Node *n) {
    InPlace *how = NEWN(l->a, InPlace, n->u.iterate.n + 1);
    for (int k = 0; k < n->u.iterate.n; k++) how[k] = in_place(l, n, k);
    for (int k = 0; k < n->u.iterate.n; k++)
        for (int j = 0; j < n->u.iterate.n && how[k] == BY_SLICE; j++)
            if (j != k && how[j] == BY_SLICE && x_reads(n->u.iterate.next[k]->node->u.compute.expr, n->u.iterate.carried[j])) how[k] = COPIED;
    return how;
}
static bool lower_slice(Lower *l, Node *n, const Value *now) {
    Value *v = n->result[0];
    Arena *a = l->a;
    X *where, *x;
    int r = v->rank;
    bool lanes = r > 1;
    if (!compute_updates_slice(n, now, &where, &x)) return false;
    Build build = build_start(l, kernel_of(l, n, product_of(l, v->axis, 1, lanes ? r - 1 : r))), *b = &build;
    LX *at = let(b, lower_i64(b, where), "slice"), *size = lx_size(a, v->axis[0]->extent);
    level_push(b, LV_IF);
    level_bind(b->level, a, n->u.compute.idx[0], at);
    if (r > 2) bind_axes(b, r - 2, n->u.compute.idx + 1, lx_var(a, b->k->item));
    Var *j = lanes ? var_new(b, n->u.compute.idx[r - 1]->name, DT_I64, false) : NULL;
    if (lanes) level_push(b, LV_LANE), level_bind(b->level, a, n->u.compute.idx[r - 1], lx_var(a, j));
    finish_equation(b, v, n->u.compute.idx, x);
    if (lanes) level_pop_for(b, j, I64(0), lx_size(a, v->axis[r - 1]->extent), LOOP_LANE);
    level_pop_if(b, lop(b, OP_AND, lop(b, OP_GE, at, I64(0)), lop(b, OP_LT, at, size)));
    kernel_add(l, b, lanes ? MAP_BLOCKED : MAP_FLAT);
    return true;
}
static bool next_values(Lower *l, Node *n) {
    int count = n->u.iterate.n;
    InPlace *how = plan_in_place(l, n);
    bool ok = true;
    for (int k = 0; k < count && ok; k++) if (how[k] == COPIED) ok = need_value(l, n->u.iterate.next[k]);
    for (int k = 0; k < count && ok; k++) {
        if (how[k] != BY_ELEMENT) continue;
        l->place[n->u.iterate.next[k]->id] = l->place[n->u.iterate.carried[k]->id];
        ok = need_value(l, n->u.iterate.next[k]);
    }
    for (int k = 0; k < count && ok; k++) if (how[k] == BY_SLICE) ok = need_expr(l, n->u.iterate.next[k]->node->u.compute.expr);
    for (int k = 0; k < count && ok; k++) {
        Node *made = n->u.iterate.next[k]->node;
        if (how[k] != BY_SLICE || l->pulled_into[made->id]) continue;       /* a recurrence has computed it along, in a buffer of its own */
        l->place[n->u.iterate.next[k]->id] = l->place[n->u.iterate.carried[k]->id];
        l->state[made->id] = 2;
        ok = lower_slice(l, made, n->u.iterate.carried[k]);
    }
    return ok;
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
    if (ok) ok = next_values(l, n);
    if (ok) advance(l, n);
    l->host = outer;
    if (ok) loop->src = l->place[n->u.iterate.until->id].buf;
    return ok;
}
