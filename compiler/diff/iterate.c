/* iterate.c - the adjoint of a loop with a test.
 *
 * A loop is what it does: its rounds, as many as there were, are gone through from the last to the first by a loop of their own, whose
 * body is a copy of the forward one at the state of that round followed by its adjoint.  The states that this needs are kept by the
 * forward loop in tensors with the round as first axis:
 *
 *     iterate x = x0 until .. { x' = f(x, w) }              also carries  round = 0,  x.kept[r]: x.kept'[r] = if r = round then x else x.kept[r]
 *     iterate x' = y', w' = 0, at = round - 1 until at < 0 { x' = df/dx(x.kept[at], w) x',  w' = w' + df/dw(x.kept[at], w) x',  at = at - 1 }
 *
 * An implicit one ends where x = f(x, w), and has the derivative of that solution: l = y' + df/dx(x, w) l by a loop of the same kind,
 * w' = df/dw(x, w) l, and nothing for where it began. */
#include "diff/inside.h"
#include <math.h>
#include <string.h>

/* What an iterate's node gives to the values it begins with and reads. */
struct Given { VEC(Value *) v; VEC(Value *) bar; };
typedef VEC(Node *) Nodes;

/* ---- carrying more -------------------------------------------------------------------------------------------------------------- */
static Value *grow(Arena *a, Value ***list, int n, Value *v) {
    *list = arena_grow(a, *list, sizeof **list * (size_t)n, sizeof **list * (size_t)(n + 1));
    return (*list)[n] = v;
}
int iterate_carry(Program *p, Node *n, const char *name, Value *init) {
    int k = n->u.iterate.n++;
    Value *now = NEW(p->arena, Value);
    *now = *init;
    now->id = p->n_value++, now->node = n, now->result = k, now->loc = n->loc, now->structural = false;
    now->name = arena_printf(p->arena, "%s.now", name);
    grow(p->arena, &n->u.iterate.init, k, init);
    grow(p->arena, &n->u.iterate.carried, k, now);
    grow(p->arena, &n->u.iterate.next, k, NULL);
    Value *r = program_value(p, n, name, init->dt, init->rank, init->axis);
    r->target = init->target;
    return k;
}
static Index **indices(Program *p, const Value *v) {
    Index **idx = NEWN(p->arena, Index *, v->rank + 1);
    for (int k = 0; k < v->rank; k++) idx[k] = program_index(p, "i", v->axis[k]);
    return idx;
}
/* A tensor like v of zeros. */
static Value *zeros(Program *p, const Value *v, const char *name) { return diff_compute(p, name, indices(p, v), v->rank, dx_number(p->arena, 0, v->dt), v->loc); }
static void move_before(Program *p, const Node *n) {       /* the last node */
    int at = 0, last = p->node.n - 1;
    Node *q = p->node.at[last];
    while (at < last && p->node.at[at] != n) at++;
    memmove(&p->node.at[at + 1], &p->node.at[at], sizeof *p->node.at * (size_t)(last - at));
    p->node.at[at] = q;
}
/* A node of the body instead of the program. */
static Value *into_body(Program *p, Node *n, Value *v) {
    vec_add(p->arena, n->u.iterate.body, p->node.at[--p->node.n]);
    return v;
}
static bool plain_read(const X *e, const Value *v) { return e->k == X_READ && e->u.read.v == v; }
static int counter_of(Program *p, Node *n) {
    for (int k = 0; k < n->u.iterate.n; k++) {
        const Node *init = n->u.iterate.init[k]->node, *next = n->u.iterate.next[k]->node;
        if (n->u.iterate.carried[k]->dt != DT_I64 || n->u.iterate.carried[k]->rank || init->kind != N_COMPUTE || next->kind != N_COMPUTE) continue;
        const X *e = init->u.compute.expr, *f = next->u.compute.expr;
        bool from_0 = e->k == X_INT && e->u.i == 0, by_1 = f->k == X_OP && f->u.op.op == OP_ADD && f->u.op.arg[1]->k == X_INT && f->u.op.arg[1]->u.i == 1;
        if (from_0 && by_1 && plain_read(f->u.op.arg[0], n->u.iterate.carried[k])) return k;
    }
    Value *first = diff_compute(p, "rounds.start", NULL, 0, x_int(p->arena, 0, DT_I64), n->loc);
    move_before(p, n);
    int k = iterate_carry(p, n, "rounds", first);
    n->u.iterate.next[k] = into_body(p, n, diff_compute(p, "rounds'", NULL, 0, x_op(p->arena, OP_ADD, diff_read(p, n->u.iterate.carried[k], NULL), x_int(p->arena, 1, DT_I64)), n->loc));
    return k;
}
/* Whether its rounds end when the counter, carried value c, is as large as the space: until counter >= size. */
static bool counts_to(const Node *n, int c, const Space *s) {
    const X *e = n->u.iterate.until->node->kind == N_COMPUTE ? n->u.iterate.until->node->u.compute.expr : NULL;
    return e && e->k == X_OP && e->u.op.op == OP_GE && plain_read(e->u.op.arg[0], n->u.iterate.carried[c]) && e->u.op.arg[1]->k == X_EXT && ext_equal(e->u.op.arg[1]->u.ext, s->extent);
}
/* The states of carried value k at the beginning of every round: a result of n. */
static Value *kept(Diff *d, Node *n, int k, Space **rounds) {
    Program *p = d->p;
    Arena *a = p->arena;
    Value *now = n->u.iterate.carried[k];
    for (int j = 0; j < n->u.iterate.n; j++) {
        X *at, *x;
        if (!compute_updates_slice(n->u.iterate.next[j]->node, n->u.iterate.carried[j], &at, &x) || !plain_read(x, now)) continue;
        int64_t length;                    /* one of the program's own has perhaps a place for the last or the first rounds only */
        bool whole = n->u.iterate.carried[j]->rank == now->rank + 1;
        const Space *first = n->u.iterate.carried[j]->axis[0];
        if (whole) whole = counts_to(n, counter_of(p, n), first) || (ext_is_const(first->extent, &length) && length >= n->u.iterate.max);
        for (int i = 0; whole && i < now->rank; i++) whole = x->u.read.idx[i]->k == X_INDEX && x->u.read.idx[i]->u.index == n->u.iterate.next[j]->node->u.compute.idx[i + 1];
        if (whole && plain_read(at, n->u.iterate.carried[counter_of(p, n)])) return n->result[j];
    }
    if (now->rank > 7) { diff_refuse(d, n->loc, arena_printf(a, "the rounds of `%s` would be kept with 9 dimensions", n->result[k]->name)); return NULL; }
    int c = counter_of(p, n);
    if (!*rounds) *rounds = program_space(p, SP_RANGE, arena_printf(a, "%lld rounds", (long long)n->u.iterate.max), ext_const(a, n->u.iterate.max));
    Index *idx[8] = { program_index(p, "r", *rounds) }, *own[8] = { program_index(p, "r", *rounds) };
    for (int i = 0; i < now->rank; i++) idx[i + 1] = program_index(p, "i", now->axis[i]), own[i + 1] = program_index(p, "i", now->axis[i]);
    const char *name = arena_printf(a, "%s.kept", n->result[k]->name);
    Value *start = diff_compute(p, arena_printf(a, "%s.start", name), idx, now->rank + 1, dx_number(a, 0, now->dt), n->loc);
    move_before(p, n);
    int j = iterate_carry(p, n, name, start);
    X *here = x_op(a, OP_EQ, x_cast(a, x_index(a, own[0]), DT_I64), diff_read(p, n->u.iterate.carried[c], NULL));
    X *x = x_if(a, here, diff_read(p, now, own + 1), diff_read(p, n->u.iterate.carried[j], own));
    n->u.iterate.next[j] = into_body(p, n, diff_compute(p, arena_printf(a, "%s'", name), own, now->rank + 1, x, n->loc));
    return n->result[j];
}

/* ---- what depends on what --------------------------------------------------------------------------------------------------------- */
typedef struct Mark { bool *at; int n; bool found; } Mark;
static void mark(Value *v, void *data) { Mark *m = data; if (v->id < m->n) m->at[v->id] = true; }
static void mark_flowing(Value *v, void *data) { if (dx_flows(v->dt)) mark(v, data); }
static void marked(Value *v, void *data) { Mark *m = data; m->found |= v->id < m->n && m->at[v->id]; }
static bool makes_marked(const Node *n, const Mark *m) {
    for (int k = 0; k < n->n_result; k++) if (n->result[k]->id < m->n && m->at[n->result[k]->id]) return true;
    return false;
}
/* Carried values whose cotangent counts: those with one from outside, and what their next values read. */
static bool *taking(Diff *d, const Node *n, Value **from) {
    int count = n->u.iterate.n;
    bool *takes = NEWN(d->p->arena, bool, count + 1);
    for (int k = 0; k < count; k++) takes[k] = from[k] != NULL;
    for (bool again = true; again;) {
        Mark m = { NEWN(d->p->arena, bool, d->p->n_value + 1), d->p->n_value, false };
        again = false;
        for (int k = 0; k < count; k++) if (takes[k]) mark(n->u.iterate.next[k], &m);
        for (int k = n->u.iterate.body.n - 1; k >= 0; k--) if (makes_marked(n->u.iterate.body.at[k], &m)) node_each_use(n->u.iterate.body.at[k], mark_flowing, &m);
        for (int k = 0; k < count; k++) {
            Value *c = n->u.iterate.carried[k];
            if (!takes[k] && dx_flows(c->dt) && m.at[c->id]) takes[k] = again = true;
        }
    }
    return takes;
}
/* What the body of n reads that stands before the loop, real or complex, each once. */
typedef struct Outer { Program *p; Mark inside, seen; VEC(Value *) v; } Outer;
static void outer(Value *v, void *data) {
    Outer *o = data;
    if (!dx_flows(v->dt) || o->inside.at[v->id] || o->seen.at[v->id]) return;
    o->seen.at[v->id] = true;
    vec_add(o->p->arena, o->v, v);
}
static void inside(Mark *m, const Node *n) {
    for (int k = 0; k < n->u.iterate.n; k++) mark(n->u.iterate.carried[k], m);
    for (int k = 0; k < n->u.iterate.body.n; k++) {
        const Node *b = n->u.iterate.body.at[k];
        for (int r = 0; r < b->n_result; r++) mark(b->result[r], m);
        if (b->kind == N_ITERATE) inside(m, b);
    }
}
static Outer outer_of(Program *p, const Node *n) {
    Outer o = { .p = p, .inside = { NEWN(p->arena, bool, p->n_value + 1), p->n_value, false }, .seen = { NEWN(p->arena, bool, p->n_value + 1), p->n_value, false } };
    inside(&o.inside, n);
    for (int k = 0; k < n->u.iterate.n; k++) outer(n->u.iterate.next[k], &o);
    for (int k = 0; k < n->u.iterate.body.n; k++) node_each_use(n->u.iterate.body.at[k], outer, &o);
    return o;
}

/* ---- the body's adjoint --------------------------------------------------------------------------------------------------------- */
/* Between these two the program is the body: a copy of it, at the carried values `at`, whose next values have the cotangents `seed`. */
typedef struct Inner { Nodes before; Diff *diff; } Inner;
static Inner enter(Diff *d, const Node *n, Value **at, const bool *takes, Value **seed) {
    Program *p = d->p;
    Inner in = { .diff = NEW(p->arena, Diff) };
    memcpy(&in.before, &p->node, sizeof p->node);
    memset(&p->node, 0, sizeof p->node);
    Value **to = NEWN(p->arena, Value *, p->n_value + 1);
    for (int k = 0; k < n->u.iterate.n; k++) to[n->u.iterate.carried[k]->id] = at[k];
    for (int k = 0; k < n->u.iterate.body.n; k++) vec_add(p->arena, p->node, clone_node(p, n->u.iterate.body.at[k], to));
    *in.diff = (Diff){ .p = p };
    for (int k = 0; k < n->u.iterate.n; k++) {
        Value *v = n->u.iterate.next[k];
        if (takes[k]) vec_add(p->arena, in.diff->root, (Root){ to[v->id] ? to[v->id] : v, seed[k] });
    }
    diff_begin(in.diff);
    return in;
}
static Nodes leave(Diff *d, Inner *in) {
    Nodes made;
    memcpy(&made, &d->p->node, sizeof made);
    memcpy(&d->p->node, &in->before, sizeof in->before);
    d->failed |= in->diff->failed;
    return made;
}
/* The nodes that the loop's next values and test need go into it, those that don't change before it. state: what stands for the carried
 * values of n, at the beginning of round `round`; those that are read are kept by n. */
static void place(Diff *d, Node *r, Nodes *made, Node *n, Value **state, Value *round) {
    Program *p = d->p;
    Arena *a = p->arena;
    Space *rounds = NULL;
    Mark live = { NEWN(a, bool, p->n_value + 1), p->n_value, false }, changes = { NEWN(a, bool, p->n_value + 1), p->n_value, false };
    for (int k = 0; k < r->u.iterate.n; k++) mark(r->u.iterate.init[k], &live), mark(r->u.iterate.next[k], &live), mark(r->u.iterate.carried[k], &changes);
    mark(r->u.iterate.until, &live);
    for (int k = made->n - 1; k >= 0; k--) if (makes_marked(made->at[k], &live)) node_each_use(made->at[k], mark, &live);
    int count = state ? n->u.iterate.n : 0, rounds_at = state ? counter_of(p, n) : -1;
    for (int k = 0; k < count && !d->failed; k++) {
        if (!live.at[state[k]->id]) continue;
        Value *all = k == rounds_at ? NULL : kept(d, n, k, &rounds);
        if (!all && k != rounds_at) return;
        X *at[8] = { diff_read(p, round, NULL) };
        for (int i = 0; i < state[k]->rank; i++) at[i + 1] = x_index(a, state[k]->node->u.compute.idx[i]);
        state[k]->node->u.compute.expr = all ? x_read(a, all, at, NULL, NULL) : at[0];        /* the number of a round needs not be kept */
        vec_add(a, r->u.iterate.body, state[k]->node);
        mark(state[k], &changes);
    }
    for (int k = 0; k < made->n; k++) {
        Node *q = made->at[k];
        if (!makes_marked(q, &live)) continue;
        changes.found = false;
        node_each_use(q, marked, &changes);
        for (int j = 0; j < q->n_result; j++) changes.found |= q->result[j] == r->u.iterate.until;
        if (!changes.found) { vec_add(a, p->node, q); continue; }
        for (int j = 0; j < q->n_result; j++) mark(q->result[j], &changes);
        vec_add(a, r->u.iterate.body, q);
    }
}
/* The loop backwards with its cotangents, one for each carried value that takes one, which begins as what comes from outside. */
static Node *backwards(Diff *d, const Node *n, Value **from, const bool *takes, int *at, Value **seed) {
    Program *p = d->p;
    Node *r = program_node(p, N_ITERATE, n->loc);
    r->u.iterate.max = n->u.iterate.max, r->u.iterate.implicit = n->u.iterate.implicit;
    for (int k = 0; k < n->u.iterate.n; k++) {
        if (!takes[k]) continue;
        const Value *v = n->result[k];
        const char *name = arena_printf(p->arena, "d.%s.back", v->name);
        at[k] = iterate_carry(p, r, name, from[k] ? from[k] : zeros(p, v, NULL));
        seed[k] = r->u.iterate.carried[at[k]];
    }
    return r;
}
static Value *sum_of(Program *p, Value *x, Value *y) {      /* NULL: zero; not both */
    if (!x || !y) return x ? x : y;
    Index **idx = indices(p, x);
    return diff_compute(p, NULL, idx, x->rank, dx_add(p->arena, diff_read(p, x, idx), diff_read(p, y, idx)), x->loc);
}
static void give(Diff *d, struct Given *g, Value *v, Value *bar) {
    vec_add(d->p->arena, g->v, v);
    vec_add(d->p->arena, g->bar, bar);
}
static void unrolled(Diff *d, Node *n, Value **from, struct Given *g) {
    Program *p = d->p;
    Arena *a = p->arena;
    int rounds = counter_of(p, n), count = n->u.iterate.n, *at = NEWN(a, int, count + 1);        /* from[] has room for the counter */
    bool *takes = taking(d, n, from);
    Outer o = outer_of(p, n);
    Value **seed = NEWN(a, Value *, count + 1), **state = NEWN(a, Value *, count + 1);
    Node *r = backwards(d, n, from, takes, at, seed);
    X *one = x_int(a, 1, DT_I64);
    int round = iterate_carry(p, r, "round", diff_compute(p, "round.last", NULL, 0, x_op(a, OP_SUB, diff_read(p, n->result[rounds], NULL), one), n->loc));
    Value *now = r->u.iterate.carried[round];
    for (int k = 0; k < count; k++) {
        const Value *v = n->u.iterate.carried[k];
        Node *s = program_node(p, N_COMPUTE, n->loc);
        s->u.compute.idx = indices(p, v);
        state[k] = program_value(p, s, arena_printf(a, "%s.then", n->result[k]->name), v->dt, v->rank, v->axis);
        state[k]->target = v->target;
    }
    Inner in = enter(d, n, state, takes, seed);
    for (int k = 0; k < count; k++) {
        if (!takes[k]) continue;
        Value *next = diff_value(in.diff, state[k]);
        r->u.iterate.next[at[k]] = next ? next : zeros(p, state[k], NULL);
        give(d, g, n->u.iterate.init[k], r->result[at[k]]);
    }
    for (int k = 0; k < o.v.n; k++) {
        Value *w = o.v.at[k];
        Index **u = indices(p, w);
        X *more = diff_external(in.diff, w, u);
        if (!more) continue;
        int c = iterate_carry(p, r, arena_printf(a, "d.%s.all", w->name), zeros(p, w, NULL));
        X *all = diff_read(p, r->u.iterate.carried[c], u);
        X *next = more->k == X_IF && dx_is(more->u.if_.other, 0) ? x_if(a, more->u.if_.cond, dx_add(a, all, more->u.if_.then), all) : dx_add(a, all, more);
        r->u.iterate.next[c] = diff_compute(p, NULL, u, w->rank, next, w->loc);
        give(d, g, w, r->result[c]);
    }
    r->u.iterate.next[round] = diff_compute(p, NULL, NULL, 0, x_op(a, OP_SUB, diff_read(p, now, NULL), one), n->loc);
    r->u.iterate.until = diff_compute(p, NULL, NULL, 0, x_op(a, OP_LT, diff_read(p, now, NULL), x_int(a, 0, DT_I64)), n->loc);
    Nodes made = leave(d, &in);
    if (d->failed) return;
    place(d, r, &made, n, state, now);
    vec_add(a, p->node, r);
}
/* Whether no element of the cotangents moves by more than rounding, measured by the largest of them. */
static X *settled(Program *p, const Node *r, const Node *n, const bool *takes, const int *at) {
    Arena *a = p->arena;
    Dtype real = DT_F32;
    X *moved = NULL, *size = NULL;
    for (int k = 0; k < n->u.iterate.n; k++) if (takes[k] && dtype_real_of(n->result[k]->dt) == DT_F64) real = DT_F64;
    for (int k = 0; k < n->u.iterate.n; k++) {
        if (!takes[k]) continue;
        Value *now = r->u.iterate.carried[at[k]], *next = r->u.iterate.next[at[k]];
        for (int which = 0; which < 2; which++) {
            Index **idx = indices(p, now);
            X *x = diff_read(p, next, idx), *zero = dx_number(a, 0, real);
            if (!which) x = dx_sub(a, x, diff_read(p, now, idx));
            x = x_cast(a, x_op(a, OP_ABS, x, NULL), real);
            if (now->rank) x = x_reduce(a, R_MAX, now->rank, idx, 0, NULL, x, zero, real);
            Value *most = diff_compute(p, NULL, NULL, 0, x, n->loc);
            X **all = which ? &size : &moved, *one = diff_read(p, most, NULL);
            *all = *all ? x_op(a, OP_MAX, *all, one) : one;
        }
    }
    return x_op(a, OP_LE, moved, dx_mul(a, size, dx_number(a, ldexp(1, real == DT_F64 ? -52 : -23), real)));
}
static void solution(Diff *d, Node *n, Value **from, struct Given *g) {
    Program *p = d->p;
    Arena *a = p->arena;
    int count = n->u.iterate.n, *at = NEWN(a, int, count + 1);
    bool *takes = taking(d, n, from);
    Outer o = outer_of(p, n);
    Value **seed = NEWN(a, Value *, count + 1);
    Node *r = backwards(d, n, from, takes, at, seed);
    int still = iterate_carry(p, r, "settled", diff_compute(p, NULL, NULL, 0, x_int(a, 0, DT_BOOL), n->loc));
    Inner in = enter(d, n, n->result, takes, seed);
    for (int k = 0; k < count; k++) {
        if (!takes[k]) continue;
        Value *next = sum_of(p, from[k], diff_value(in.diff, n->result[k]));
        r->u.iterate.next[at[k]] = next ? next : zeros(p, n->result[k], NULL);
    }
    r->u.iterate.next[still] = diff_compute(p, NULL, NULL, 0, settled(p, r, n, takes, at), n->loc);
    r->u.iterate.until = diff_compute(p, NULL, NULL, 0, diff_read(p, r->u.iterate.carried[still], NULL), n->loc);
    Nodes made = leave(d, &in);
    if (d->failed) return;
    place(d, r, &made, NULL, NULL, NULL);
    vec_add(a, p->node, r);
    for (int k = 0; k < count; k++) if (takes[k]) seed[k] = r->result[at[k]];
    in = enter(d, n, n->result, takes, seed);
    for (int k = 0; k < o.v.n; k++) {
        Value *bar = diff_value(in.diff, o.v.at[k]);
        if (bar) give(d, g, o.v.at[k], bar);
    }
    made = leave(d, &in);
    for (int k = 0; k < made.n; k++) vec_add(a, p->node, made.at[k]);
}

static struct Given *iterate_adjoint(Diff *d, Node *n) {
    Arena *a = d->p->arena;
    for (int k = 0; k < d->iterate.n; k++) if (d->iterate.at[k] == n) return d->iterate_adjoint.at[k];
    int count = n->u.iterate.n;
    Value **from = NEWN(a, Value *, count + 2);
    bool any = false;
    for (int k = 0; k < count; k++) any |= (from[k] = diff_value(d, n->result[k])) != NULL;
    struct Given *g = NEW(a, struct Given);
    vec_add(a, d->iterate, n);
    vec_add(a, d->iterate_adjoint, g);
    if (!any || d->failed) return g;
    if (!n->u.iterate.max) { for (int k = 0; k < count; k++) if (from[k]) give(d, g, n->u.iterate.init[k], from[k]); }
    else if (n->u.iterate.implicit) solution(d, n, from, g);
    else unrolled(d, n, from, g);
    return g;
}
X *iterate_back(Diff *d, Node *n, const Value *wanted, Index **u) {
    struct Given *g = iterate_adjoint(d, n);
    X *all = NULL;
    for (int k = 0; k < g->v.n && !d->failed; k++) if (g->v.at[k] == wanted) all = dx_add(d->p->arena, all, diff_read(d->p, g->bar.at[k], u));
    return all;
}
