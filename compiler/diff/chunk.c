/* chunk.c - a recurrence under a checkpoint, or one whose states are much of --memory-limit, goes piece by piece, so that its states need not be kept for every step.
 *
 *     S[t] = checkpoint(f(S[t-1], x[t]));  y[t] = g(S[t], q[t])         ->
 *     iterate piece = 0, h = 0, y = 0 until piece >= pieces {
 *       w[r] = f(w[r-1], x[piece * k + r]),  w[-1] = h                    a recurrence of k steps
 *       h' = w[k-1];  y'[t] = if t // k = piece then g(w[t - piece * k], q[t]) else y[t];  piece' = piece + 1 }
 *
 * The way back through such a loop (iterate.c) keeps h of each round and goes through a round's steps again: T / k states and k more at a time,
 * which are fewest for k = sqrt(T).  A last piece that is not full repeats its last state.  Equations that read the states step by step go
 * into the loop; reads of the last state are its result.  A recurrence that looks further back than one step, or whose states are
 * read in other ways, keeps them all, which is said. */
#include "diff/inside.h"
#include <math.h>
#include <string.h>

enum { USUAL = 32 };                       /* steps of a piece when the number of all is not known */
typedef struct Chunk {
    Program *p; Arena *a;
    Node *n;                               /* the recurrence */
    bool *dep;                             /* by value id: depends on it */
    bool *carries;                         /* by member: the step after reads it, or somebody the last of all */
    VEC(Node *) along, last;               /* readers: of each step, of the last one */
    const char *why;                       /* it can't be done; NULL: it can */
    int64_t k; Ext *size; bool full;       /* full: all pieces are known to be */
    Space *steps; Index *step; Value **w, *piece;
    Index *time;                           /* of the expression at hand */
    int64_t value_n;
} Chunk;

static int member_of(const Chunk *c, const Value *v) {
    for (int k = 0; k < c->n->u.recur.member.n; k++) if (c->n->u.recur.member.at[k].value == v) return k;
    return -1;
}
/* e = t + *off */
static bool offset_of(const X *e, const Index *t, int64_t *off) {
    while (e->k == X_CAST) e = e->u.cast.arg;
    *off = 0;
    if (e->k == X_INDEX) return e->u.index == t;
    if (e->k != X_OP || (e->u.op.op != OP_ADD && e->u.op.op != OP_SUB) || e->u.op.arg[1]->k != X_INT) return false;
    const X *i = e->u.op.arg[0];
    while (i->k == X_CAST) i = i->u.cast.arg;
    *off = e->u.op.op == OP_ADD ? e->u.op.arg[1]->u.i : -e->u.op.arg[1]->u.i;
    return i->k == X_INDEX && i->u.index == t;
}
static bool is_last(const Chunk *c, const X *e) {          /* the last step of all, in the recurrence's order */
    int64_t size, off = 0;
    while (e->k == X_CAST) e = e->u.cast.arg;
    if (c->n->u.recur.reverse) return e->k == X_INT && e->u.i == 0;
    if (e->k == X_INT) return ext_is_const(c->size, &size) && e->u.i == size - 1;
    if (e->k == X_OP && (e->u.op.op == OP_SUB || e->u.op.op == OP_ADD) && e->u.op.arg[1]->k == X_INT) off = e->u.op.op == OP_ADD ? e->u.op.arg[1]->u.i : -e->u.op.arg[1]->u.i, e = e->u.op.arg[0];
    while (e->k == X_CAST) e = e->u.cast.arg;
    return off == -1 && e->k == X_EXT && ext_equal(e->u.ext, c->size);
}

/* ---- whether it can be done ----------------------------------------------------------------------------------------------------------- */
static void no(Chunk *c, const char *why) { if (!c->why) c->why = why; }
static bool see_own(X *e, void *data) {
    Chunk *c = data;
    int m = e->k == X_READ ? member_of(c, e->u.read.v) : -1, t = m < 0 ? 0 : c->n->u.recur.member.at[m].time_axis;
    int64_t off;
    if (m < 0) return true;
    if (!offset_of(e->u.read.idx[t], c->time, &off) || (off && off != (c->n->u.recur.reverse ? 1 : -1))) no(c, "an equation reads more than one step back");
    else if (off && e->u.read.bnd[t] != BND_ZERO && e->u.read.bnd[t] != BND_NONE) no(c, "an equation says what lies beyond the first element");
    else if (off) c->carries[m] = true;
    return true;
}
typedef struct Reads { Chunk *c; bool along, last, any; } Reads;
static bool see_reader(X *e, void *data) {
    Reads *r = data;
    int m = e->k == X_READ ? member_of(r->c, e->u.read.v) : -1;
    int64_t off;
    if (m < 0) return true;
    const X *at = e->u.read.idx[r->c->n->u.recur.member.at[m].time_axis];
    r->any = true;
    r->last &= is_last(r->c, at);
    r->along &= r->c->time && offset_of(at, r->c->time, &off) && !off;
    return true;
}
static void see_dep(Value *v, void *data) { Chunk *c = data; if (v->id < c->value_n && c->dep[v->id]) no(c, "an equation that reads its steps depends on another one that does"); }
static void see_dep_but(Value *v, void *data) { if (member_of(data, v) < 0) see_dep(v, data); }
static void reader(Chunk *c, Node *q) {
    if (q->kind != N_COMPUTE) { no(c, "something else than an equation reads it"); return; }
    const Value *v = q->result[0];
    Reads last = { c, true, true, false };
    c->time = NULL;
    x_walk(q->u.compute.expr, see_reader, &last);
    if (last.last) { vec_add(c->a, c->last, q); return; }
    for (int k = 0; k < v->rank; k++) {
        Reads step = { c, true, true, false };
        c->time = q->u.compute.idx[k];
        if (v->axis[k] != c->n->u.recur.time->space) continue;
        x_walk(q->u.compute.expr, see_reader, &step);
        if (!step.along) continue;
        if (v->target || q->u.compute.check_range) no(c, "a map is made of it");
        node_each_use(q, see_dep_but, c);
        vec_add(c->a, c->along, q);
        return;
    }
    no(c, "an equation reads its steps in another order");
}
typedef struct Uses { Chunk *c; bool member, dep; } Uses;
static void see_use(Value *v, void *data) {
    Uses *u = data;
    u->member |= member_of(u->c, v) >= 0;
    u->dep |= v->id < u->c->value_n && u->c->dep[v->id];
}
static void look(Chunk *c) {
    Program *p = c->p;
    bool behind = false;
    for (int k = 0; k < c->n->u.recur.member.n; k++) {
        const Member *m = &c->n->u.recur.member.at[k];
        c->time = c->n->u.recur.time;
        x_walk(m->expr, see_own, c);
        if (m->before.n > 1 || (m->before.n && m->before.at[0].offset != -1)) no(c, "more than one element before the first is given");
        if (m->value->rank > 7) no(c, "it has 8 dimensions");
        c->dep[m->value->id] = true;
    }
    for (int k = 0; k < p->node.n; k++) {
        Node *q = p->node.at[k];
        if (q == c->n) { behind = true; continue; }
        Uses u = { c, false, false };
        if (behind) node_each_use(q, see_use, &u);
        if (u.member) reader(c, q);
        for (int j = 0; u.dep && j < q->n_result; j++) c->dep[q->result[j]->id] = true;
    }
    for (int k = 0; k < c->last.n; k++) for (int m = 0; m < c->n->u.recur.member.n; m++) if (node_reads(c->last.at[k], c->n->u.recur.member.at[m].value)) c->carries[m] = true;
    if (!c->along.n && !c->last.n) no(c, "nothing reads it");
}
/* About the root, and a divisor if there is one near it. */
static void choose(Chunk *c) {
    int64_t n = 0;
    bool known = ext_is_const(c->size, &n);
    int64_t root = known ? (int64_t)ceil(sqrt((double)n)) : USUAL;
    c->k = root;
    for (int64_t d = root; known && d <= 2 * root && d <= n; d++) if (n % d == 0) { c->k = d; break; }
    if (known && n % c->k) for (int64_t d = root; d >= 1 && 2 * d >= root; d--) if (n % d == 0) { c->k = d; break; }
    c->full = known && n % c->k == 0;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------------------------ */
static X *times(Chunk *c, X *r) {                          /* which step of all step r of this piece is: its place in the recurrence's order */
    return x_op(c->a, OP_ADD, x_op(c->a, OP_MUL, diff_read(c->p, c->piece, NULL), x_int(c->a, c->k, DT_I64)), r);
}
static X *turned(Chunk *c, X *at) { return c->n->u.recur.reverse ? x_op(c->a, OP_SUB, x_op(c->a, OP_SUB, x_ext(c->a, c->size), x_int(c->a, 1, DT_I64)), at) : at; }
static X *step_reads(X *e, void *data) {
    Chunk *c = data;
    if (e->k == X_OP && e->u.op.op == OP_CHECKPOINT) return e->u.op.arg[0];
    int m = e->k == X_READ ? member_of(c, e->u.read.v) : -1, rank = e->k == X_READ ? e->u.read.v->rank : 0;
    int64_t off;
    if (m < 0) return e;
    X **idx = NEWN(c->a, X *, rank + 1);
    Boundary *bnd = NEWN(c->a, Boundary, rank + 1);
    int t = c->n->u.recur.member.at[m].time_axis;
    memcpy(idx, e->u.read.idx, sizeof *idx * (size_t)rank);
    memcpy(bnd, e->u.read.bnd, sizeof *bnd * (size_t)rank);
    offset_of(idx[t], c->time, &off);
    X *r = x_index(c->a, c->step);
    idx[t] = off ? x_op(c->a, OP_SUB, r, x_int(c->a, 1, DT_I64)) : r;
    bnd[t] = off ? BND_ZERO : BND_NONE;
    return x_read(c->a, c->w[m], idx, bnd, e->u.read.other);
}
/* e, of step t, at step `step` of the piece, over own indices; beyond the last of all: other */
static X *at_step(Chunk *c, X *e, Index *t, int rank, Index *const *from, Index *const *own, X *other) {
    X **to = NEWN(c->a, X *, rank + 1);
    Index **old = NEWN(c->a, Index *, rank + 1);
    X *order = times(c, x_index(c->a, c->step));
    int n = 0;
    c->time = t;
    e = x_map(c->a, e, step_reads, c);
    for (int k = 0; k < rank; k++) old[n] = from[k], to[n++] = from[k] == t ? turned(c, order) : x_index(c->a, own[k]);
    e = x_substitute(c->p, e, n, old, to);
    return c->full ? e : x_if(c->a, x_op(c->a, OP_LT, order, x_ext(c->a, c->size)), e, other);
}
static Index **fresh(Chunk *c, const Value *v, int time) { /* indices over its axes; the step at the time */
    Index **idx = NEWN(c->a, Index *, v->rank + 1);
    for (int k = 0; k < v->rank; k++) idx[k] = k == time ? c->step : program_index(c->p, "i", v->axis[k]);
    return idx;
}
static int without(Index **idx, int rank, int axis, Index **out) {
    int n = 0;
    for (int k = 0; k < rank; k++) if (k != axis) out[n++] = idx[k];
    return n;
}
static Value *zeros(Chunk *c, const char *name, Index **idx, int n, Dtype dt, Loc loc) { return diff_compute(c->p, name, idx, n, dx_number(c->a, 0, dt), loc); }
/* The pieces' recurrence: a member for each, beginning with what is carried. */
static Node *steps_of(Chunk *c, Value **now) {
    Node *r = program_node(c->p, N_RECUR, c->n->loc);
    int members = c->n->u.recur.member.n;
    r->u.recur.time = c->step;
    for (int k = 0; k < members; k++) {
        const Member *m = &c->n->u.recur.member.at[k];
        Space *axis[8];
        for (int j = 0; j < m->value->rank; j++) axis[j] = j == m->time_axis ? c->steps : m->value->axis[j];
        c->w[k] = program_value(c->p, r, arena_printf(c->a, "%s.piece", m->value->name), m->value->dt, m->value->rank, axis);
    }
    for (int k = 0; k < members; k++) {
        const Member *m = &c->n->u.recur.member.at[k];
        Member q = { .value = c->w[k], .time_axis = m->time_axis, .idx = fresh(c, m->value, m->time_axis) };
        X *at[8] = { NULL }, *other = dx_number(c->a, 0, m->value->dt);
        Boundary bnd[8] = { BND_NONE };
        for (int j = 0; j < m->value->rank; j++) at[j] = x_index(c->a, q.idx[j]);
        at[m->time_axis] = x_op(c->a, OP_SUB, at[m->time_axis], x_int(c->a, 1, DT_I64)), bnd[m->time_axis] = BND_ZERO;
        if (c->carries[k]) other = x_read(c->a, c->w[k], at, bnd, NULL);
        q.expr = at_step(c, m->expr, c->n->u.recur.time, m->value->rank, m->idx, q.idx, other);
        if (c->carries[k]) {
            Before b = { .offset = -1, .idx = fresh(c, m->value, -1) };
            Index *own[8];
            b.idx[m->time_axis] = NULL;
            without(b.idx, m->value->rank, m->time_axis, own);
            b.expr = diff_read(c->p, now[k], own);
            vec_add(c->a, q.before, b);
        }
        vec_add(c->a, r->u.recur.member, q);
    }
    return r;
}
static Value *body_value(Node *it, Program *p, Value *v) { vec_add(p->arena, it->u.iterate.body, p->node.at[--p->node.n]); return v; }
static Node *loop_of(Chunk *c, int *state, int *result) {
    Program *p = c->p;
    Arena *a = c->a;
    Node *it = program_node(p, N_ITERATE, c->n->loc);
    int members = c->n->u.recur.member.n;
    int64_t known;
    Ext *count = ext_op(a, EXT_CEILDIV, c->size, ext_const(a, c->k));
    Loc loc = c->n->loc;
    const char *name = c->n->u.recur.time->space->name;
    Space *pieces = program_space(p, SP_DIM, arena_printf(a, "pieces of %s", name), count);
    it->u.iterate.max = ext_is_const(count, &known) ? known : INT32_MAX;
    c->steps = program_space(p, SP_SEQ, arena_printf(a, "%lld of %s", (long long)c->k, name), ext_const(a, c->k));
    c->step = program_index(p, "r", c->steps);
    int at = iterate_carry(p, it, "piece", zeros(c, "piece.start", NULL, 0, DT_I64, loc));
    c->piece = it->u.iterate.carried[at];
    Value **now = NEWN(a, Value *, members + 1);
    int *kept = NEWN(a, int, members + 1);
    for (int k = 0; k < members; k++) {
        const Member *m = &c->n->u.recur.member.at[k];
        Index *own[9], **idx = fresh(c, m->value, -1);
        int n = without(idx, m->value->rank, m->time_axis, own + 1);
        if (!c->carries[k]) continue;
        X *first = dx_number(a, 0, m->value->dt);
        if (m->before.n) {
            Index *from[8];
            X *to[8];
            without(m->before.at[0].idx, m->value->rank, m->time_axis, from);
            for (int j = 0; j < n; j++) to[j] = x_index(a, own[j + 1]);
            first = x_substitute(p, m->before.at[0].expr, n, from, to);
        }
        const char *of = m->value->name;
        state[k] = iterate_carry(p, it, arena_printf(a, "%s.last", of), diff_compute(p, arena_printf(a, "%s.first", of), own + 1, n, first, loc));
        now[k] = it->u.iterate.carried[state[k]];
        own[0] = program_index(p, "i", pieces);
        kept[k] = iterate_carry(p, it, arena_printf(a, "%s.kept", of), zeros(c, arena_printf(a, "%s.kept.start", of), own, n + 1, m->value->dt, loc));
    }
    for (int k = 0; k < c->along.n; k++) {
        const Value *v = c->along.at[k]->result[0];
        result[k] = iterate_carry(p, it, v->name, zeros(c, arena_printf(a, "%s.start", v->name), fresh(c, v, -1), v->rank, v->dt, loc));
    }
    vec_add(a, it->u.iterate.body, steps_of(c, now));
    for (int k = 0; k < members; k++) {
        const Member *m = &c->n->u.recur.member.at[k];
        if (!c->carries[k]) continue;
        Index *own[9], **idx = fresh(c, m->value, -1);
        int n = without(idx, m->value->rank, m->time_axis, own + 1);
        X *to[8] = { NULL };
        for (int j = 0; j < m->value->rank; j++) to[j] = j == m->time_axis ? x_int(a, c->k - 1, DT_I64) : x_index(a, idx[j]);
        it->u.iterate.next[state[k]] = body_value(it, p, diff_compute(p, NULL, own + 1, n, x_read(a, c->w[k], to, NULL, NULL), loc));
        own[0] = program_index(p, "i", pieces);
        for (int j = 1; j <= n; j++) own[j] = program_index(p, "i", own[j]->space);
        X *here = x_op(a, OP_EQ, x_cast(a, x_index(a, own[0]), DT_I64), diff_read(p, c->piece, NULL));
        it->u.iterate.next[kept[k]] = body_value(it, p, diff_compute(p, NULL, own, n + 1, x_if(a, here, diff_read(p, now[k], own + 1), diff_read(p, it->u.iterate.carried[kept[k]], own)), loc));
    }
    for (int k = 0; k < c->along.n; k++) {
        Node *q = c->along.at[k];
        Value *v = q->result[0];
        int t = 0;
        for (bool found = false; !found; t += !found) {
            Reads step = { c, true, true, false };
            c->time = q->u.compute.idx[t];
            if (v->axis[t] == c->n->u.recur.time->space) x_walk(q->u.compute.expr, see_reader, &step);
            found = step.any && step.along;
        }
        Index **idx = fresh(c, v, t);
        Value *part = body_value(it, p, diff_compute(p, arena_printf(a, "%s.piece", v->name), idx, v->rank,
            at_step(c, q->u.compute.expr, q->u.compute.idx[t], v->rank, q->u.compute.idx, idx, dx_number(a, 0, v->dt)), q->loc));
        Index **own = fresh(c, v, -1);
        X *to[8] = { NULL }, *order = turned(c, x_index(a, own[t]));
        for (int j = 0; j < v->rank; j++) to[j] = x_index(a, own[j]);
        to[t] = x_op(a, OP_SUB, order, x_op(a, OP_MUL, diff_read(p, c->piece, NULL), x_int(a, c->k, DT_I64)));
        X *here = x_op(a, OP_EQ, x_op(a, OP_FLOORDIV, order, x_int(a, c->k, DT_I64)), diff_read(p, c->piece, NULL));
        it->u.iterate.next[result[k]] = body_value(it, p, diff_compute(p, NULL, own, v->rank, x_if(a, here, x_read(a, part, to, NULL, NULL), diff_read(p, it->u.iterate.carried[result[k]], own)), q->loc));
    }
    it->u.iterate.next[at] = body_value(it, p, diff_compute(p, NULL, NULL, 0, x_op(a, OP_ADD, diff_read(p, c->piece, NULL), x_int(a, 1, DT_I64)), loc));
    it->u.iterate.until = body_value(it, p, diff_compute(p, NULL, NULL, 0, x_op(a, OP_GE, diff_read(p, c->piece, NULL), x_ext(a, count)), loc));
    return it;
}
typedef struct Last { Chunk *c; const Node *it; const int *state; } Last;
static X *last_reads(X *e, void *data) {
    Last *l = data;
    int m = e->k == X_READ ? member_of(l->c, e->u.read.v) : -1, n = 0;
    X *idx[8];
    if (m < 0) return e;
    for (int k = 0; k < e->u.read.v->rank; k++) if (k != l->c->n->u.recur.member.at[m].time_axis) idx[n++] = e->u.read.idx[k];
    return x_read(l->c->a, l->it->result[l->state[m]], n ? idx : NULL, NULL, NULL);
}
static void rewrite(Chunk *c) {
    Program *p = c->p;
    int was = p->node.n, members = c->n->u.recur.member.n, *state = NEWN(c->a, int, members + 1), *result = NEWN(c->a, int, c->along.n + 1);
    Node *it = loop_of(c, state, result);
    for (int k = 0; k < c->along.n; k++) {
        Node *q = c->along.at[k];
        q->u.compute.expr = diff_read(p, it->result[result[k]], q->u.compute.idx);
    }
    Last l = { c, it, state };
    for (int k = 0; k < c->last.n; k++) c->last.at[k]->u.compute.expr = x_map(c->a, c->last.at[k]->u.compute.expr, last_reads, &l);
    /* what doesn't depend on the recurrence, what the loop begins with, the loop, the others */
    VEC(Node *) order = { 0 };
    for (int late = 0; late < 2; late++) {
        for (int k = 0; k < was; k++) {
            Node *q = p->node.at[k];
            bool dep = q != c->n && q->n_result && c->dep[q->result[0]->id];
            if (dep == late) vec_add(c->a, order, q);
        }
        for (int k = was; k < p->node.n && !late; k++) vec_add(c->a, order, p->node.at[k]);
        if (!late) vec_add(c->a, order, it);
    }
    memcpy(&p->node, &order, sizeof p->node);
}
static bool marked(const Node *n) {
    for (int k = 0; n->kind == N_RECUR && k < n->u.recur.member.n; k++) if (has_checkpoint(n->u.recur.member.at[k].expr)) return true;
    return false;
}
/* Bytes of all its states, where a size that is not known is a usual one. */
static double bytes_of(const Node *n) {
    double all = 0;
    for (int k = 0; k < n->n_result; k++) {
        double bytes = (double)dtype_bytes(n->result[k]->dt);
        for (int j = 0; j < n->result[k]->rank; j++) {
            const Space *s = n->result[k]->axis[j];
            int64_t size;
            bytes *= ext_is_const(s->extent, &size) ? (double)size : s->kind == SP_SEQ ? 1024 : 64;
        }
        all += bytes;
    }
    return all;
}
void chunk_recurrences(Diff *d) {
    Program *p = d->p;
    VEC(Node *) found = { 0 };
    for (int k = 0; k < p->node.n; k++) {
        Node *n = p->node.at[k];
        bool leads = false;
        for (int j = 0; j < n->n_result; j++) leads |= n->result[j]->id < d->n && d->seen[n->result[j]->id].leads;
        bool large = n->kind == N_RECUR && p->cx->memory_limit && 4 * bytes_of(n) > (double)p->cx->memory_limit;
        if (leads && (large || marked(n))) vec_add(p->arena, found, n);
    }
    for (int k = 0; k < found.n; k++) {
        Node *n = found.at[k];
        int members = n->u.recur.member.n;
        Chunk c = { .p = p, .a = p->arena, .n = n, .dep = NEWN(p->arena, bool, p->n_value + 1), .carries = NEWN(p->arena, bool, members + 1),
                    .size = n->u.recur.time->space->extent, .w = NEWN(p->arena, Value *, members + 1), .value_n = p->n_value };
        look(&c);
        choose(&c);
        for (int j = 0; j < members; j++) if (diff_is_root(d, n->result[j])) no(&c, "the derivative is of it");
        const char *name = n->result[0]->name;
        vec_add(p->arena, p->decision, (Decision){ .pass = "checkpoint", .loc = n->loc,
            .what = c.why ? arena_printf(p->arena, "%s is kept for every step", name) : arena_printf(p->arena, "%s is kept at every %lld steps, and computed again in between", name, (long long)c.k),
            .why = c.why ? c.why : marked(n) ? "it stands under checkpoint(..)" : "its states for every step are more than a quarter of the limit" });
        if (!c.why) rewrite(&c);
    }
}
