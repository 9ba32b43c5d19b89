/* recur.c - the adjoint of a recurrence is a recurrence that runs the other way, of the adjoints of its members.
 *
 * Member k receives what others read of it (external), and what the members of the same group read of it at t + c; seen from element t
 * that was the equation at t - c.  Outside the group, a read of a member beyond the first element gives what `before` gives. */
#include "diff/inside.h"
#include <string.h>

static Member *member_of(Node *n, const Value *v) {
    for (int k = 0; k < n->u.recur.member.n; k++) if (n->u.recur.member.at[k].value == v) return &n->u.recur.member.at[k];
    return NULL;
}
/* Reads of members as anybody outside may write them: beyond the first element stands what `before` says, else 0. */
typedef struct Outside { Program *p; Node *n; } Outside;
static X *outside(X *e, void *data) {
    Outside *o = data;
    Arena *a = o->p->arena;
    Member *m = e->k == X_READ ? member_of(o->n, e->u.read.v) : NULL;
    if (!m || e->u.read.idx[m->time_axis]->k == X_INDEX) return e;
    int t = m->time_axis, rank = e->u.read.v->rank;
    Boundary *bnd = NEWN(a, Boundary, rank + 1);
    X **other = NEWN(a, X *, rank + 1);
    memcpy(bnd, e->u.read.bnd, sizeof *bnd * (size_t)rank);
    memcpy(other, e->u.read.other, sizeof *other * (size_t)rank);
    bool own = bnd[t] == BND_ELSE;         /* the read says itself what lies beyond, where nothing is given there */
    X *beyond = own ? other[t] : dx_number(a, 0, e->dt);
    bnd[t] = m->before.n || own ? BND_ELSE : BND_ZERO;
    for (int k = m->before.n - 1; k >= 0; k--) {
        Before *b = &m->before.at[k];
        X *value = x_before_first(o->p, e->u.read.v, t, b, e->u.read.idx, e->u.read.bnd, e->u.read.other);
        X *last = x_op(a, OP_SUB, x_ext(a, e->u.read.v->axis[t]->extent), x_int(a, 1 + b->offset, DT_I64));
        X *place = o->n->u.recur.reverse ? last : x_int(a, b->offset, DT_I64);
        beyond = x_if(a, x_op(a, OP_EQ, x_cast(a, e->u.read.idx[t], DT_I64), place), value, beyond);
    }
    if (bnd[t] == BND_ELSE) other[t] = beyond;
    return x_read(a, e->u.read.v, e->u.read.idx, bnd, other);
}
static X *from_outside(Diff *d, Node *n, X *e) {
    Outside o = { d->p, n };
    return e ? x_map(d->p->arena, e, outside, &o) : NULL;
}
static Frame *frame_of(Diff *d, const Member *m) {
    Frame *f = NEW(d->p->arena, Frame);
    *f = (Frame){ NULL, m->value->rank, m->idx, 0, NULL, NULL };
    return f;
}
/* The reductions around a place likewise: their conditions may read members, too. The same copy for the same frame. */
typedef struct Frames { VEC(const Frame *) from, to; } Frames;
static const Frame *frame_from_outside(Diff *d, Node *n, Frames *seen, const Frame *f) {
    Arena *a = d->p->arena;
    if (!f || !f->up) return f;            /* the equation itself */
    for (int k = 0; k < seen->from.n; k++) if (seen->from.at[k] == f) return seen->to.at[k];
    Frame *r = NEW(a, Frame);
    *r = *f;
    r->up = frame_from_outside(d, n, seen, f->up);
    r->around = from_outside(d, n, f->around);
    r->cond = NEWN(a, X *, f->n_cond + 1);
    for (int k = 0; k < f->n_cond; k++) r->cond[k] = from_outside(d, n, f->cond[k]);
    vec_add(a, seen->from, f);
    vec_add(a, seen->to, r);
    return r;
}
/* The terms of `wanted` in the equations of the members, with their adjoints bar as cotangents. */
static void member_terms(Diff *d, Node *n, Value **bar, const Value *wanted, Terms *out) {
    for (int k = 0; k < n->u.recur.member.n && !d->failed; k++) {
        Member *m = &n->u.recur.member.at[k];
        if (!bar[k]) continue;
        Terms t = { 0 };
        Frames seen = { 0 };
        back(d, m->expr, diff_read(d->p, bar[k], m->idx), frame_of(d, m), wanted, diff_read(d->p, m->value, m->idx), true, &t);
        for (int j = 0; j < t.n; j++) {
            t.at[j].x = from_outside(d, n, t.at[j].x);
            t.at[j].guard = from_outside(d, n, t.at[j].guard);
            t.at[j].frame = frame_from_outside(d, n, &seen, t.at[j].frame);
            vec_add(d->p->arena, *out, t.at[j]);
        }
    }
}
static X *gathered(Diff *d, Terms *t, X **at) {
    X *all = NULL;
    terms_merge(d->p->arena, t);
    for (int j = 0; j < t->n; j++) {
        X *one = gather_at(d->p, &t->at[j], at);
        if (!one) { diff_refuse(d, t->at[j].read->loc, arena_printf(d->p->arena, "the derivative of `%s` sums over more than 16 indices", t->at[j].read->u.read.v->name)); return NULL; }
        all = dx_add(d->p->arena, all, one);
    }
    return all;
}
Value **recur_adjoint(Diff *d, Node *n) {
    Program *p = d->p;
    Arena *a = p->arena;
    int members = n->u.recur.member.n;
    for (int k = 0; k < d->recur.n; k++) if (d->recur.at[k] == n) return d->recur_adjoint.at[k];
    Value **bar = NEWN(a, Value *, members + 1), **external = NEWN(a, Value *, members + 1);
    vec_add(a, d->recur, n);
    vec_add(a, d->recur_adjoint, bar);
    /* what comes from outside first: it may need the adjoints of later nodes */
    bool *takes = NEWN(a, bool, members + 1), any = false;
    for (int k = 0; k < members && !d->failed; k++) {
        Value *v = n->u.recur.member.at[k].value;
        if (!dx_flows(v->dt)) continue;
        Index **u = NEWN(a, Index *, v->rank + 1);
        for (int j = 0; j < v->rank; j++) u[j] = program_index(p, "u", v->axis[j]);
        X *x = d->seen[v->id].leads || diff_is_root(d, v) ? diff_external(d, v, u) : NULL;
        if (x) external[k] = diff_compute(p, arena_printf(a, "d.%s.out", v->name), u, v->rank, x, v->loc), takes[k] = any = true;
    }
    if (!any || d->failed) return NULL;
    for (bool again = true; again;) {      /* members that those with an adjoint read */
        again = false;
        for (int k = 0; k < members; k++) for (int j = 0; j < members && takes[k]; j++) {
            Terms t = { 0 };
            Member *m = &n->u.recur.member.at[k];
            if (takes[j] || !dx_flows(n->u.recur.member.at[j].value->dt)) continue;
            back(d, m->expr, dx_number(a, 1, m->value->dt), frame_of(d, m), n->u.recur.member.at[j].value, NULL, true, &t);
            if (t.n) takes[j] = again = true;
        }
    }
    Node *r = program_node(p, N_RECUR, n->loc);
    r->u.recur.time = program_index(p, n->u.recur.time->name, n->u.recur.time->space);
    r->u.recur.reverse = !n->u.recur.reverse;
    for (int k = members - 1; k >= 0; k--) {            /* what is read in the same step comes first */
        Member *m = &n->u.recur.member.at[k];
        if (!takes[k]) continue;
        Member w = { .time_axis = m->time_axis, .idx = NEWN(a, Index *, m->value->rank + 1) };
        for (int j = 0; j < m->value->rank; j++) w.idx[j] = j == m->time_axis ? r->u.recur.time : program_index(p, m->idx[j]->name, m->idx[j]->space);
        bar[k] = w.value = program_value(p, r, arena_printf(a, "d.%s", m->value->name), m->value->dt, m->value->rank, m->value->axis);
        w.value->loc = m->value->loc;
        vec_add(a, r->u.recur.member, w);
    }
    for (int q = 0; q < r->u.recur.member.n && !d->failed; q++) {
        Member *w = &r->u.recur.member.at[q];
        int k = 0;
        while (bar[k] != w->value) k++;
        X *at[8] = { NULL }, *x = external[k] ? diff_read(p, external[k], w->idx) : NULL;
        for (int j = 0; j < w->value->rank; j++) at[j] = x_index(a, w->idx[j]);
        Terms t = { 0 };
        member_terms(d, n, bar, n->u.recur.member.at[k].value, &t);
        x = dx_add(a, x, gathered(d, &t, at));
        w->expr = x ? x : dx_number(a, 0, w->value->dt);
    }
    if (d->failed) return NULL;
    vec_add(a, p->node, r);
    return bar;
}
/* What the equations and first elements of a recurrence give to a value outside it. */
void recur_terms(Diff *d, Node *n, const Value *wanted, Terms *out) {
    Program *p = d->p;
    Arena *a = p->arena;
    Value **bar = recur_adjoint(d, n);
    if (!bar || d->failed) return;
    member_terms(d, n, bar, wanted, out);
    for (int k = 0; k < n->u.recur.member.n; k++) {
        Member *m = &n->u.recur.member.at[k];
        for (int q = 0; q < m->before.n && !d->failed; q++) {      /* S[first - 1, ..] = before: its cotangent is what members read there */
            Before *b = &m->before.at[q];
            Terms t = { 0 }, in = { 0 };
            member_terms(d, n, bar, m->value, &t);
            X *at[8] = { NULL };
            Index **idx = NEWN(a, Index *, m->value->rank + 1);
            int rank = 0;
            for (int j = 0; j < m->value->rank; j++) {
                if (j != m->time_axis) { at[j] = x_index(a, b->idx[j]); idx[rank++] = b->idx[j]; continue; }
                at[j] = n->u.recur.reverse ? x_op(a, OP_SUB, x_ext(a, m->value->axis[j]->extent), x_int(a, 1 + b->offset, DT_I64)) : x_int(a, b->offset, DT_I64);
            }
            X *x = gathered(d, &t, at);
            if (!x) continue;
            Frame *f = NEW(a, Frame);
            *f = (Frame){ NULL, rank, idx, 0, NULL, NULL };
            /* a value of its own, so that the way back through `before` doesn't sum it anew for each element */
            Index **own = NEWN(a, Index *, rank + 1);
            X **to = NEWN(a, X *, rank + 1);
            for (int j = 0; j < rank; j++) own[j] = program_index(p, idx[j]->name, idx[j]->space), to[j] = x_index(a, own[j]);
            Value *c = diff_compute(p, arena_printf(a, "d.%s.first", m->value->name), own, rank, x_substitute(p, x, rank, idx, to), m->value->loc);
            back(d, b->expr, diff_read(p, c, idx), f, wanted, NULL, false, &in);
            for (int j = 0; j < in.n; j++) vec_add(a, *out, in.at[j]);
        }
    }
}
