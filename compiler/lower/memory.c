/* memory.c - the order of a run's steps, and the bytes of its workspace.
 *
 * Lowering on demand leaves each step as early as what asked for it first.  A step moves where that frees memory:
 *
 *     back      to just behind the last step that it depends on, when more dies with it than it makes: an update of a parameter to where its
 *               gradient is known, so that cotangents don't wait for all updates
 *     forwards  to just before the first step that depends on it, when more is made by it than dies with it: what is computed again for
 *               the way back (Value.again), to where the cotangent is there
 *
 * Steps depend on each other when they touch one buffer and one of them writes it; what can fail stays before outputs that are written after
 * it.  Kernels and their digits stay as they are.  Sizes that are not known are those of estimates. */
#include "lower/lower.h"
#include "lower/memory.h"
#include <math.h>
#include <stdlib.h>

enum { ALIGN = 64 };                       /* of runtime/plan.c, as is the way in which buffers are laid out */

typedef struct Order { Unit *u; double *bytes; char *mark; } Order;       /* by buffer id */
enum { READS = 1, WRITES = 2 };
typedef void Visit(void *data, Buf *b, int how);

static void each_buffer(const LH *h, Visit *f, void *data) {
    for (int k = 0; h->kernel && k < h->kernel->buf.n; k++) f(data, h->kernel->buf.at[k], h->kernel->writes.at[k] ? READS | WRITES : READS);
    for (int k = 0; k < h->buf.n; k++) if (h->buf.at[k]) f(data, h->buf.at[k], READS | WRITES);
    if (h->dst) f(data, h->dst, READS | WRITES);
    if (h->src) f(data, h->src, READS);
    for (int k = 0; k < h->head.n; k++) each_buffer(h->head.at[k], f, data);
    for (int k = 0; k < h->body.n; k++) each_buffer(h->body.at[k], f, data);
}
static void set_mark(void *data, Buf *b, int how) { Order *o = data; o->mark[b->id] |= (char)how; }
static void no_mark(void *data, Buf *b, int how) { Order *o = data; (void)how; o->mark[b->id] = 0; }
typedef struct Clash { const Order *o; bool any, output; } Clash;
static void clash(void *data, Buf *b, int how) {
    Clash *c = data;
    int there = c->o->mark[b->id];
    c->any |= there && ((there | how) & WRITES);
    c->output |= (how & WRITES) && b->role == BUF_OUTPUT;
}
typedef struct Touch { const Buf *b; bool any; } Touch;
static void touch(void *data, Buf *b, int how) { Touch *t = data; (void)how; t->any |= b == t->b; }
bool memory_touches(const LH *step, const Buf *b) {
    Touch t = { b, false };
    each_buffer(step, touch, &t);
    return t.any;
}
typedef struct Change { const Order *o; int step; double made, freed; bool output, again; } Change;
static void change(void *data, Buf *b, int how) {
    Change *c = data;
    c->output |= (how & WRITES) && b->role == BUF_OUTPUT;
    c->again |= (how & WRITES) && b->of && b->of->again;
    if (b->role != BUF_WORK || b->first == b->last) return;
    if (b->first == c->step) c->made += c->o->bytes[b->id];
    if (b->last == c->step) c->freed += c->o->bytes[b->id];
}
static bool depends(const Order *o, const LH *other, bool fails, bool output) {
    Clash c = { o, false, false };
    each_buffer(other, clash, &c);
    return c.any || other->k == LH_CHECK || (fails && c.output) || (output && step_can_fail(other));
}
static void move(Order *o, int from, int to) {
    HostBlock *run = &o->u->run;
    LH *h = run->at[from];
    for (int k = from; k < to; k++) run->at[k] = run->at[k + 1];
    for (int k = from; k > to; k--) run->at[k] = run->at[k - 1];
    run->at[to] = h;
    loop_lifetimes(o->u);
}
static bool tidy(Order *o, int k, bool back) {
    const HostBlock *run = &o->u->run;
    const LH *h = run->at[k];
    Change c = { o, k, 0, 0, false, false };
    each_buffer(h, change, &c);
    if (h->k == LH_CHECK || (back ? c.freed <= c.made : c.made < c.freed || (c.made == c.freed && !c.again))) return false;      /* again: so that what it reads may follow */
    int to = k;
    bool fails = step_can_fail(h);
    each_buffer(h, set_mark, o);
    while (back ? to > 0 && !depends(o, run->at[to - 1], false, c.output) : to + 1 < run->n && !depends(o, run->at[to + 1], fails, false)) to += back ? -1 : 1;
    each_buffer(h, no_mark, o);
    if (to == k || (!back && to + 1 == run->n)) return false;
    move(o, k, to);
    return true;
}
static double bytes_of(Sizes *s, const Buf *b) { return ceil(size_ext(s, b->count) * (double)dtype_bytes(b->dt) / ALIGN) * ALIGN; }
void memory_order(Program *p, Unit *u) {
    Sizes s = { .p = p };
    Order o = { u, NEWN(u->arena, double, u->buf.n + 1), NEWN(u->arena, char, u->buf.n + 1) };
    for (int k = 0; k < u->buf.n; k++) if (u->buf.at[k]->role == BUF_WORK) o.bytes[k] = bytes_of(&s, u->buf.at[k]);
    for (int k = 0; k < u->run.n; k++) tidy(&o, k, true);
    for (int k = u->run.n - 1; k >= 0; k--) for (int times = 0; times < u->run.n && tidy(&o, k, false); times++) { }     /* another one stands there now */
}

/* ---- the workspace as the runtime lays it out ------------------------------------------------------------------------------------------- */
typedef struct Room { double bytes, offset; const Buf *b; } Room;
static int larger(const void *a, const void *b) {
    const Room *p = a, *q = b;
    return p->bytes > q->bytes ? -1 : p->bytes < q->bytes ? 1 : p->b->id - q->b->id;
}
static int lower(const void *a, const void *b) {
    const Room *p = *(Room *const *)a, *q = *(Room *const *)b;
    return p->offset < q->offset ? -1 : p->offset > q->offset ? 1 : p->b->id - q->b->id;
}
double memory_workspace(Program *p, const Unit *u) {
    Sizes s = { .p = p };
    Room *b = NEWN(u->arena, Room, u->buf.n + 1), **beside = NEWN(u->arena, Room *, u->buf.n + 1);
    int n = 0;
    double end = 0;
    for (int k = 0; k < u->buf.n; k++) if (u->buf.at[k]->role == BUF_WORK) b[n++] = (Room){ bytes_of(&s, u->buf.at[k]), 0, u->buf.at[k] };
    qsort(b, (size_t)n, sizeof *b, larger);
    for (int k = 0; k < n; k++) {
        int m = 0;
        double at = 0;
        for (int j = 0; j < k; j++) if (b[j].b->first <= b[k].b->last && b[k].b->first <= b[j].b->last) beside[m++] = &b[j];
        qsort(beside, (size_t)m, sizeof *beside, lower);
        for (int j = 0; j < m && (beside[j]->offset < at || beside[j]->offset - at < b[k].bytes); j++) at = fmax(at, beside[j]->offset + beside[j]->bytes);
        b[k].offset = at;
        end = fmax(end, at + b[k].bytes);
    }
    return end ? end + ALIGN - 1 : 0;
}
int memory_peak(Program *p, const Unit *u) {
    Sizes s = { .p = p };
    double *live = NEWN(u->arena, double, u->run.n + 2);
    int at = 0;
    for (int k = 0; k < u->buf.n; k++) {
        const Buf *b = u->buf.at[k];
        if (b->role != BUF_WORK) continue;
        live[b->first] += bytes_of(&s, b), live[b->last + 1] -= bytes_of(&s, b);
    }
    for (int k = 1; k < u->run.n; k++) {
        live[k] += live[k - 1];
        if (live[k] > live[at]) at = k;
    }
    return at;
}
