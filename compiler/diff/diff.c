/* diff.c - reverse mode over nodes: who reads what on the way to y, and the adjoints asked for so far. */
#include "diff/inside.h"
#include <string.h>

Value *diff_compute(Program *p, const char *name, Index **idx, int n, X *e, Loc loc) {
    Node *node = program_node(p, N_COMPUTE, loc);
    Space **axis = NEWN(p->arena, Space *, n + 1);
    node->u.compute.idx = NEWN(p->arena, Index *, n + 1);
    for (int k = 0; k < n; k++) axis[k] = idx[k]->space, node->u.compute.idx[k] = idx[k];
    node->u.compute.expr = e;
    Value *v = program_value(p, node, name, e->dt, n, axis);
    v->loc = loc;
    vec_add(p->arena, p->node, node);
    return v;
}
X *diff_position(Arena *a, X *v, const Space *s) {
    X *last = x_op(a, OP_SUB, x_cast(a, x_ext(a, s->extent), DT_I64), x_int(a, 1, DT_I64));
    return x_op(a, OP_MIN, x_cast(a, v, DT_I64), last);
}
X *diff_read(Program *p, Value *v, Index **idx) {
    X *at[8] = { NULL };
    for (int k = 0; k < v->rank; k++) at[k] = x_index(p->arena, idx[k]);
    return x_read(p->arena, v, at, NULL, NULL);
}
bool diff_refuse(Diff *d, Loc loc, const char *what) {
    if (!d->failed) diag_error(d->p->cx, D_NO_DERIVATIVE, loc, "%s", what);
    d->failed = true;
    return false;
}

/* ---- the ways to y --------------------------------------------------------------------------------------------------------- */
typedef struct Walk { Diff *d; Node *n; } Walk;
static void lead(Value *v, void *data) {
    Diff *d = data;
    if (v->id < d->n) d->seen[v->id].leads = true;
}
static void reader(Value *v, void *data) {
    Walk *w = data;
    Seen *s = v->id < w->d->n ? &w->d->seen[v->id] : NULL;
    if (s && (!s->reader.n || s->reader.at[s->reader.n - 1] != w->n)) vec_add(w->d->p->arena, s->reader, w->n);
}
static bool leads(const Diff *d, const Node *n) {
    for (int k = 0; k < n->n_result; k++) if (n->result[k]->id < d->n && d->seen[n->result[k]->id].leads) return true;
    return false;
}
static void ways(Diff *d) {
    Program *p = d->p;
    d->n = p->n_value;
    d->seen = NEWN(p->arena, Seen, d->n + 1);
    for (int k = 0; k < d->root.n; k++) d->seen[d->root.at[k].y->id].leads = true;
    for (int k = p->node.n - 1; k >= 0; k--) if (leads(d, p->node.at[k])) node_each_use(p->node.at[k], lead, d);
}
Diff *diff_new(Program *p, Value *y, Value *seed) {
    Diff *d = NEW(p->arena, Diff);
    *d = (Diff){ .p = p };
    vec_add(p->arena, d->root, (Root){ y, seed });
    ways(d);
    chunk_recurrences(d);
    diff_begin(d);
    checkpoint_begin(d);
    return d;
}
bool diff_is_root(const Diff *d, const Value *v) {
    for (int k = 0; k < d->root.n; k++) if (d->root.at[k].y == v) return true;
    return false;
}
void diff_begin(Diff *d) {
    Program *p = d->p;
    ways(d);
    VEC(Node *) on_way = { 0 };
    for (int k = 0; k < p->node.n; k++) if (leads(d, p->node.at[k])) vec_add(p->arena, on_way, p->node.at[k]);
    for (int k = 0; k < on_way.n; k++) outline(p, on_way.at[k]);
    ways(d);                               /* with the nodes that were outlined */
    for (int k = 0; k < p->node.n; k++) {
        Walk w = { d, p->node.at[k] };
        if (leads(d, w.n)) node_each_use(w.n, reader, &w);
    }
}

/* ---- adjoints ------------------------------------------------------------------------------------------------------------------ */
/* What the equation of n gives to v. */
static void compute_terms(Diff *d, Node *n, const Value *wanted, Terms *out) {
    Value *w = n->result[0], *bar = dx_flows(w->dt) ? diff_value(d, w) : NULL;
    if (!bar) return;
    Frame *f = NEW(d->p->arena, Frame);
    *f = (Frame){ NULL, w->rank, n->u.compute.idx, 0, NULL, NULL };
    back(d, n->u.compute.expr, diff_read(d->p, bar, n->u.compute.idx), f, wanted, diff_read(d->p, w, n->u.compute.idx), false, out);
}
X *diff_external(Diff *d, Value *v, Index **u) {
    X *all = NULL;
    for (int k = 0; k < d->root.n; k++) {
        const Root *r = &d->root.at[k];
        if (r->y == v) all = dx_add(d->p->arena, all, r->seed ? diff_read(d->p, r->seed, u) : dx_number(d->p->arena, 1, v->dt));
    }
    const Seen *s = &d->seen[v->id];
    for (int k = 0; k < s->reader.n && !d->failed; k++) {
        Node *n = s->reader.at[k];
        Terms t = { 0 };
        if (n == v->node) continue;        /* a recurrence reads itself */
        if (n->kind == N_COMPUTE) compute_terms(d, n, v, &t);
        else if (n->kind == N_RECUR) recur_terms(d, n, v, &t);
        else all = dx_add(d->p->arena, all, node_contribution(d, n, v, u));
        terms_merge(d->p->arena, &t);
        for (int j = 0; j < t.n && !d->failed; j++) {
            term_share(d->p, &t.at[j]);
            X *x = gather(d->p, &t.at[j], u);
            if (!x) diff_refuse(d, v->loc, arena_printf(d->p->arena, "the derivative of `%s` sums over more than 16 indices", v->name));
            else all = dx_add(d->p->arena, all, x);
        }
    }
    return all;
}

Value *diff_value(Diff *d, Value *v) {
    if (d->failed || v->id >= d->n || !dx_flows(v->dt)) return NULL;
    Seen *s = &d->seen[v->id];
    if (s->asked || (!s->leads && !diff_is_root(d, v))) return s->adjoint;
    s->asked = true;
    if (v->node->kind == N_RECUR && v->node->u.recur.member.n) {
        Value **bar = recur_adjoint(d, v->node);
        return s->adjoint = bar ? bar[v->result] : NULL;
    }
    Index **u = NEWN(d->p->arena, Index *, v->rank + 1);
    for (int k = 0; k < v->rank; k++) u[k] = program_index(d->p, "u", v->axis[k]);
    X *x = diff_external(d, v, u);
    if (!x || d->failed) return NULL;
    return s->adjoint = diff_compute(d->p, arena_printf(d->p->arena, "d.%s", v->name ? v->name : "t"), u, v->rank, x, v->loc);
}
static bool fits(Diff *d, Value *v, Loc at) {
    if (dx_flows(v->dt)) return true;
    return diff_refuse(d, at, arena_printf(d->p->arena, "`%s` is %s: only real and complex numbers have derivatives", v->name, v->target ? "a map" : dtype_name(v->dt)));
}
Value *diff_adjoint(Diff *d, Value *x, Loc at) {
    d->failed = false;                     /* an earlier request was answered by a diagnosis */
    if (!fits(d, d->root.at[0].y, at) || !fits(d, x, at)) return NULL;
    Value *r = diff_gradient(d, x);
    if (r || d->failed) return r;
    diff_refuse(d, at, arena_printf(d->p->arena, "`%s` does not depend on `%s`, or only through integers, conditions or stop()", d->root.at[0].y->name, x->name));
    return NULL;
}
Value *diff_gradient(Diff *d, Value *x) {
    int from = d->p->n_node;
    Value *r = diff_value(d, x);
    checkpoint_finish(d, from);
    return r;
}
/* Reverse mode twice: the adjoint of x is linear in the seed, and the derivative of a linear function is the function. */
Value *diff_tangent(Program *p, Value *y, Value *x, Value *direction, Loc at) {
    Index **u = NEWN(p->arena, Index *, y->rank + 1), **w = NEWN(p->arena, Index *, x->rank + 1);
    for (int k = 0; k < y->rank; k++) u[k] = program_index(p, "u", y->axis[k]);
    Value *seed = diff_compute(p, "seed", u, y->rank, dx_number(p->arena, 1, y->dt), at);
    Value *bar = diff_adjoint(diff_new(p, y, seed), x, at);
    if (!bar) return NULL;
    for (int k = 0; k < x->rank; k++) w[k] = program_index(p, "w", x->axis[k]);
    X *a = diff_read(p, bar, w), *b = diff_read(p, direction, w), *dot;
    if (dtype_is_complex(x->dt)) {
        X *c = dx_mul(p->arena, x_op(p->arena, OP_CONJ, a, NULL), b);
        dot = x_op(p->arena, OP_RE, c, NULL);
    } else dot = dx_mul(p->arena, a, b);
    if (x->rank) dot = x_reduce(p->arena, R_SUM, x->rank, w, 0, NULL, dot, NULL, dot->dt == DT_F16 || dot->dt == DT_BF16 ? DT_F32 : dot->dt);
    Value *s = diff_compute(p, "dot", NULL, 0, dot, at);
    return diff_adjoint(diff_new(p, s, NULL), seed, at);
}

static X *unmark(X *e, void *data) { (void)data; return e->k == X_OP && (e->u.op.op == OP_STOP || e->u.op.op == OP_CHECKPOINT) ? e->u.op.arg[0] : e; }
static void unmark_nodes(Program *p, Node **node, int n) {
    for (int k = 0; k < n; k++) {
        Node *q = node[k];
        if (q->kind == N_COMPUTE) q->u.compute.expr = x_map(p->arena, q->u.compute.expr, unmark, NULL);
        if (q->kind == N_ITERATE) unmark_nodes(p, q->u.iterate.body.at, q->u.iterate.body.n);
        for (int j = 0; q->kind == N_RECUR && j < q->u.recur.member.n; j++) {
            Member *m = &q->u.recur.member.at[j];
            m->expr = x_map(p->arena, m->expr, unmark, NULL);
            for (int i = 0; i < m->before.n; i++) m->before.at[i].expr = x_map(p->arena, m->before.at[i].expr, unmark, NULL);
        }
    }
}
void diff_finish(Program *p) { unmark_nodes(p, p->node.at, p->node.n); }
