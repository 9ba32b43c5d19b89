/* recompute.c - values that wait for a late reader are computed again for it, so that a run fits into a limit.
 *
 *     z = ..; y reads z; .. peak ..; d.y reads z         ->        z = ..; y reads z; .. peak ..; z' = .., (again 7); d.y reads z'
 *
 * What the way back needs is what is in use at the step where most memory is (memory_peak) with readers before and after it; that a
 * reader is part of a derivative doesn't matter.  Each such value has a price: the operations of computing it again from what is there at
 * that time, which is inputs, parameters and what waits anyway, and with them what its operands are made of where these are gone.  The most
 * bytes for a price are taken first, until the peak is below the limit; then the program is lowered again, which shows the next peak.  The best
 * that was found counts.  All of it is decisions on the program, also what waits although it could be computed again. */
#include "diff/diff.h"
#include "lower/lower.h"
#include "lower/memory.h"
#include "pass/pass.h"
#include <math.h>
#include <string.h>

enum { MOST_ROUNDS = 60, PATIENCE = 8, MOST_CHAIN = 24, MOST_SHOWN = 24 };

/* ---- one program, lowered ----------------------------------------------------------------------------------------------------------- */
typedef struct Kept { Program *p; Unit *u; Sizes sizes; const Buf **buf; int *at; bool *top, *output, *gone, *needed; int peak; } Kept;
/* buf, output, gone, needed by value id; at: by node id, the step at which it is computed; top: not in the body of a loop */

typedef struct Earliest { const Kept *k; const Node *reader; int *at; } Earliest;
static void earliest(Value *v, void *data) {
    Earliest *e = data;
    int at = e->k->at[e->reader->id];
    if (at >= 0 && !e->k->buf[v->id] && (e->at[v->node->id] < 0 || at < e->at[v->node->id])) e->at[v->node->id] = at;
}
static Kept kept_of(Program *p, Unit *u) {
    Arena *a = p->arena;
    Kept k = { p, u, { .p = p }, NEWN(a, const Buf *, p->n_value + 1), NEWN(a, int, p->n_node + 1), NEWN(a, bool, p->n_node + 1),
               NEWN(a, bool, p->n_value + 1), NEWN(a, bool, p->n_value + 1), NEWN(a, bool, p->n_value + 1), memory_peak(p, u) };
    for (int j = 0; j < p->n_node; j++) k.at[j] = -1;
    for (int j = 0; j < p->node.n; j++) k.top[p->node.at[j]->id] = true;
    for (int j = 0; j < p->output.n; j++) k.output[p->output.at[j].value->id] = true;
    for (int j = 0; j < u->buf.n; j++) {
        const Buf *b = u->buf.at[j];
        if (!b->of || b->of->id >= p->n_value) continue;
        k.buf[b->of->id] = b;
        int *at = &k.at[b->of->node->id];
        if (b->role != BUF_PLAN && (*at < 0 || b->first < *at)) *at = b->first;
    }
    for (int j = p->node.n - 1; j >= 0; j--) {     /* what has no memory is computed where it is read */
        Earliest e = { &k, p->node.at[j], k.at };
        node_each_use(p->node.at[j], earliest, &e);
    }
    return k;
}
static double bytes_of(Kept *k, const Value *v) {
    double n = (double)dtype_bytes(v->dt);
    for (int j = 0; j < v->rank; j++) n *= size_space(&k->sizes, v->axis[j]);
    return n;
}
static bool is_whole(Kept *k, const Value *v) {            /* not only the last elements of a recurrence */
    const Buf *b = k->buf[v->id];
    return b && size_ext(&k->sizes, b->count) * (double)dtype_bytes(b->dt) >= bytes_of(k, v);
}
static bool can_repeat(const Kept *k, const Value *v) {
    const Node *n = v->node;
    return n->kind == N_COMPUTE && k->top[n->id] && !v->target && !v->structural && !n->u.compute.check_range;
}
static bool is_there(Kept *k, const Value *v) {            /* behind the peak */
    NodeKind kind = v->node->kind;
    if (kind == N_INPUT || kind == N_PARAM || kind == N_CONST || v->structural) return true;
    const Buf *b = k->buf[v->id];
    return b && is_whole(k, v) && (b->role != BUF_WORK || (b->last > k->peak && !k->gone[v->id]));
}

/* ---- candidates ----------------------------------------------------------------------------------------------------------------------- */
typedef struct Again { Value *v; VEC(Node *) node, reader; VEC(const Value *) used; double saved; Estimate cost; } Again;
typedef struct Chain { Kept *k; Again *a; bool ok; } Chain;
static void chain(Value *v, void *data);
static void repeat(Chain *c, const Node *n) {
    for (int j = 0; j < c->a->node.n; j++) if (c->a->node.at[j] == n) return;
    if (c->a->node.n >= MOST_CHAIN) { c->ok = false; return; }
    node_each_use(n, chain, c);
    Estimate one = estimate_equation(&c->k->sizes, n->result[0]->rank, n->u.compute.idx, n->u.compute.expr, true);
    c->a->cost = estimate_add(c->a->cost, one);
    vec_add(c->k->p->arena, c->a->node, (Node *)(uintptr_t)n);
}
static void chain(Value *v, void *data) {
    Chain *c = data;
    if (!c->ok) return;
    if (is_there(c->k, v)) { vec_add(c->k->p->arena, c->a->used, (const Value *)v); return; }
    double small = bytes_of(c->k, v);
    if (is_whole(c->k, v) && !c->k->gone[v->id] && (4 * small <= c->a->saved || !can_repeat(c->k, v))) {      /* it waits instead */
        c->a->saved -= small;
        vec_add(c->k->p->arena, c->a->used, (const Value *)v);
    } else if (can_repeat(c->k, v)) repeat(c, v->node);
    else c->ok = false;
}
static bool uses_at(const Unit *u, const Buf *b, int step) { return b->first == step || b->last == step || memory_touches(u->run.at[step], b); }
typedef struct Reads { const Value *v; bool any; } Reads;
static void see_read(Value *v, void *data) { Reads *r = data; r->any |= v == r->v; }
/* v computed again for its readers behind the peak; false when nothing is saved by it */
static bool again_of(Kept *k, Value *v, Again *a) {
    const Buf *b = k->buf[v->id];
    *a = (Again){ .v = v };
    if (!b || b->role != BUF_WORK || b->first >= k->peak || b->last <= k->peak || k->output[v->id] || k->gone[v->id] || k->needed[v->id]) return false;
    if (!can_repeat(k, v) || !is_whole(k, v) || uses_at(k->u, b, k->peak)) return false;
    for (int j = 0; j < k->p->node.n; j++) {
        Reads r = { v, false };
        if (k->at[k->p->node.at[j]->id] > k->peak) node_each_use(k->p->node.at[j], see_read, &r);
        if (r.any) vec_add(k->p->arena, a->reader, k->p->node.at[j]);
    }
    if (!a->reader.n) return false;
    a->saved = bytes_of(k, v);
    Chain c = { k, a, true };
    k->gone[v->id] = true;
    repeat(&c, v->node);
    k->gone[v->id] = false;
    return c.ok && a->saved > 0;
}
static double worth(const Kept *k, const Again *a) { return a->saved / (estimate_time(k->p, a->cost) + 1); }

/* ---- one round --------------------------------------------------------------------------------------------------------------------------- */
static const char *megabytes(Arena *a, double n) { return n < 1e4 ? arena_printf(a, "%.0f bytes", n) : n < 1e7 ? arena_printf(a, "%.0f KB", n / 1e3) : arena_printf(a, "%.1f MB", n / 1e6); }
typedef struct Copy { Program *q; Value **to; int n; } Copy;
static X *reads_copy(X *e, void *data) {
    Copy *c = data;
    if (e->k != X_READ || e->u.read.v->id >= c->n || !c->to[e->u.read.v->id]) return e;
    return x_read(c->q->arena, c->to[e->u.read.v->id], e->u.read.idx, e->u.read.bnd, e->u.read.other);
}
/* In the copy q of k's program, whose nodes stand at the same places. */
static void apply(Kept *k, const Again *a, Program *q, const int *place, int number) {
    Copy c = { q, NEWN(q->arena, Value *, q->n_value + 1), q->n_value };
    q->again = number;
    for (int j = 0; j < a->node.n; j++) {
        const Node *n = q->node.at[place[a->node.at[j]->id]];
        int rank = n->result[0]->rank;
        Index **own = NEWN(q->arena, Index *, rank + 1);
        X **at = NEWN(q->arena, X *, rank + 1);
        for (int i = 0; i < rank; i++) own[i] = program_index(q, n->u.compute.idx[i]->name, n->u.compute.idx[i]->space), at[i] = x_index(q->arena, own[i]);
        X *e = x_map(q->arena, x_substitute(q, n->u.compute.expr, rank, n->u.compute.idx, at), reads_copy, &c);
        Value *v = program_equation(q, n->result[0]->name, rank, own, e, n->loc);
        v->storage = n->result[0]->storage;
        c.to[n->result[0]->id] = v;
    }
    q->again = 0;
    Value *v = q->node.at[place[a->v->node->id]]->result[a->v->result], *copy = c.to[v->id];
    memset(c.to, 0, sizeof *c.to * (size_t)c.n);
    c.to[v->id] = copy;                        /* readers read the value itself only */
    for (int j = 0; j < a->reader.n; j++) node_reads_instead(q, q->node.at[place[a->reader.at[j]->id]], c.to, c.n);
    const char *with = "";
    for (int j = 0; j < a->node.n; j++) if (a->node.at[j] != a->v->node) with = arena_printf(q->arena, "%s%s%s", with, *with ? ", " : ", with ", a->node.at[j]->result[0]->name);
    vec_add(q->arena, q->decision, (Decision){ .pass = "memory", .what = arena_printf(q->arena, "%s is computed again for %s%s%s", v->name, a->reader.at[0]->result[0]->name, a->reader.n > 1 ? " and others" : "", with),
        .why = arena_printf(q->arena, "the limit leaves no room for its %s until then", megabytes(q->arena, bytes_of(k, a->v))), .after = a->cost,
        .runner_up = "it is kept", .loc = v->loc });
    for (int j = 0; j < a->used.n; j++) k->needed[a->used.at[j]->id] = true;
    k->gone[a->v->id] = true;
}
/* The program with as much computed again as frees `much` bytes at the peak; NULL when nothing can be. */
static Program *round_of(Program *p, Unit *u, double much, int *number) {
    Kept k = kept_of(p, u);
    Program *q = NULL;
    int *place = NEWN(p->arena, int, p->n_node + 1);
    for (int j = 0; j < p->node.n; j++) place[p->node.at[j]->id] = j;
    while (much > 0) {
        Again best = { 0 };
        for (int j = 0; j < p->n_value; j++) {
            Again a;
            const Buf *b = k.buf[j];
            if (b && again_of(&k, (Value *)(uintptr_t)b->of, &a) && (!best.v || worth(&k, &a) > worth(&k, &best))) best = a;
        }
        if (!best.v) break;
        if (!q) q = program_copy(p);
        apply(&k, &best, q, place, ++*number);
        much -= best.saved;
    }
    if (q) program_sort(q);
    return q ? program_copy(q) : NULL;
}
static int highest(const Program *p) {
    int n = 0;
    for (int k = 0; k < p->node.n; k++) for (int j = 0; j < p->node.at[k]->n_result; j++) if (p->node.at[k]->result[j]->again > n) n = p->node.at[k]->result[j]->again;
    return n;
}
Unit *lower_within(Program **program, const Machine *machine, double limit, double *least) {
    Program *p = *program;
    int decisions = p->decision.n, number = highest(p), waits = 0;
    Unit *u = lower_program(p, machine), *best = u;
    if (!u) return NULL;
    *least = memory_workspace(p, u);
    double now = *least;
    for (int k = 0; k < MOST_ROUNDS && *least > limit && waits < PATIENCE; k++, waits++) {
        int last = p->decision.n;
        p->decision.n = decisions;             /* what lowering decides is decided anew */
        Program *q = round_of(p, u, fmin(now - limit, now / 8), &number);           /* little by little: the peak moves */
        p->decision.n = last;
        if (!q) break;
        p = q, decisions = p->decision.n;
        if (!(u = lower_program(p, machine))) return NULL;
        now = memory_workspace(p, u);
        if (now < *least) *least = now, best = u, *program = p, waits = 0;
    }
    return best;
}
/* What waits for a late reader where most is in use, the largest first. */
void memory_explain(Program *p, Unit *u) {
    Kept k = kept_of(p, u);
    bool *told = NEWN(p->arena, bool, p->n_value + 1);
    for (int times = 0; times < MOST_SHOWN; times++) {
        Again best = { 0 };
        for (int j = 0; j < p->n_value; j++) {
            Again a;
            if (k.buf[j] && !told[j] && again_of(&k, (Value *)(uintptr_t)k.buf[j]->of, &a) && (!best.v || bytes_of(&k, a.v) > bytes_of(&k, best.v))) best = a;
        }
        if (!best.v) return;
        told[best.v->id] = true;
        vec_add(p->arena, p->decision, (Decision){ .pass = "memory", .what = arena_printf(p->arena, "%s is kept for %s%s", best.v->name, best.reader.at[0]->result[0]->name, best.reader.n > 1 ? " and others" : ""),
            .why = arena_printf(p->arena, "its %s fit", megabytes(p->arena, bytes_of(&k, best.v))), .runner_up = "computed again for it", .runner = best.cost, .loc = best.v->loc });
    }
}
