/* lower.c - a program of the inter-operator IR becomes a Unit of the loop IR.
 *
 * Work starts from the outputs: need_value() lowers the node that makes a value after everything it reads, so what nothing needs is never
 * computed.  What is structural is computed in `bind`, the rest in `run`; nodes inside an iterate go where their round's steps go.
 * An output is computed in the caller's memory, unless a later step of the run can fail: then it is computed in the workspace and
 * copied at the end, since a failed run leaves outputs untouched. */
#include "lower/lower.h"
#include "lower/memory.h"
#include <string.h>

/* ---- buffers and steps -------------------------------------------------------------------------------------- */
bool in_bind(const Value *v) { return v->structural; }

Ext *product_of(Lower *l, Space *const *axis, int from, int to) {
    Ext *n = ext_const(l->a, 1);
    for (int k = from; k < to; k++) n = ext_op(l->a, EXT_MUL, n, axis[k]->extent);
    return n;
}
Ext *count_of(Lower *l, const Value *v) { return product_of(l, v->axis, 0, v->rank); }
Buf *buf_new(Lower *l, const char *name, Dtype dt, Ext *count, BufRole role, Loc loc) {
    Buf *b = NEW(l->a, Buf);
    bool pairs = dtype_is_complex(dt);
    b->id = l->u->buf.n, b->name = plain_name(l, name), b->dt = pairs ? dtype_real_of(dt) : dt, b->role = role, b->iface = -1, b->loc = loc;
    b->count = pairs ? ext_op(l->a, EXT_MUL, count, ext_const(l->a, 2)) : count;
    b->read_only = role != BUF_OUTPUT && role != BUF_WORK && role != BUF_LOCAL;
    vec_add(l->a, l->u->buf, b);
    return b;
}
LH *host_add(Lower *l, LHKind k, Loc loc) {
    LH *h = NEW(l->a, LH);
    h->k = k, h->loc = loc;
    vec_add(l->a, *l->host, h);
    return h;
}
LH *host_call(Lower *l, RtCall c, Loc loc, int n, Ext *const *arg) {
    LH *h = host_add(l, LH_CALL, loc);
    h->call = c;
    for (int k = 0; k < n; k++) vec_add(l->a, h->arg, arg[k]);
    return h;
}
void host_copy(Lower *l, Buf *dst, Buf *src, Loc loc) {
    LH *h = host_add(l, LH_COPY, loc);
    h->dst = dst, h->src = src;
}
void host_alloc(Lower *l, Buf *b) { host_add(l, LH_ALLOC, b->loc)->dst = b; }
Buf *value_buf(Lower *l, Value *v) {
    Place *pl = &l->place[v->id];
    if (pl->buf) return pl->buf;
    Ext *n = count_of(l, v);
    if (pl->ring) {                                          /* only so many elements of the time axis */
        n = ext_const(l->a, pl->ring);
        for (int k = 0; k < v->rank; k++) if (k != pl->time) n = ext_op(l->a, EXT_MUL, n, v->axis[k]->extent);
    }
    BufRole role = in_bind(v) ? BUF_PLAN : l->direct[v->id] ? BUF_OUTPUT : BUF_WORK;
    pl->buf = buf_new(l, v->name, v->dt, n, role, v->loc);
    pl->buf->of = v;
    pl->made_in = l->host;
    if (role == BUF_PLAN) host_alloc(l, pl->buf);
    return pl->buf;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------- */
static bool lower_node(Lower *l, Node *n) {
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_CONST: return lower_source(l, n);
    case N_COMPUTE: return lower_compute(l, n);
    case N_RECUR: return lower_recur(l, n);
    case N_TRANSFORM: return lower_transform(l, n);
    case N_SELECT: return lower_select(l, n);
    case N_FACTOR: return lower_factor(l, n);
    case N_ITERATE: return lower_iterate(l, n);
    case N_DERIVE: return lower_derive(l, n);
    }
    return false;
}
bool need_value(Lower *l, Value *v) {
    Node *n = v->node;
    if (l->state[n->id] == 2) return true;
    if (l->state[n->id] == 1) return true;                   /* a member of the recurrence at hand */
    l->state[n->id] = 1;
    HostBlock *save = l->host;
    if (in_bind(v)) l->host = &l->u->bind;
    bool ok = lower_node(l, n);
    l->host = save;
    l->state[n->id] = 2;
    return ok && !l->cx->n_errors;
}
typedef struct Need { Lower *l; bool ok; } Need;
static bool need_read(X *e, void *data) {
    Need *n = data;
    X *row;
    if (n->ok && distinct_of(n->l, e, &row)) { n->ok = need_expr(n->l, row); return false; }
    if (e->k == X_READ && n->ok) n->ok = need_value(n->l, e->u.read.v);
    return n->ok;
}
bool need_expr(Lower *l, X *x) {
    Need n = { l, true };
    x_walk(x, need_read, &n);
    return n.ok;
}

/* ---- outputs ---------------------------------------------------------------------------------------------------- */
static bool can_be_direct(const Value *v) {
    NodeKind k = v->node->kind;
    return k != N_INPUT && k != N_PARAM && k != N_CONST && !in_bind(v);
}
static void count_sizes(const Ext *e, bool *data) {
    if (e->op == EXT_SYM) *data |= e->sym->kind == SYM_DATA;
    else if (e->op != EXT_CONST) count_sizes(e->a, data), count_sizes(e->b, data);
}
/* Whether sizes hold: before anything is built, or after the derived spaces are when these appear in it. */
static void add_checks(Lower *l, bool derived) {
    for (int k = 0; k < l->p->check.n; k++) {
        const Check *c = &l->p->check.at[k];
        bool data = false;
        count_sizes(c->a, &data);
        count_sizes(c->b, &data);
        if (data != derived) continue;
        LH *h = host_add(l, LH_CHECK, c->loc);
        h->a = c->a, h->b = c->b, h->rel = c->rel, h->message = c->message;
    }
}
/* Data that the checks of derived sizes speak of must exist even when no output needs it. */
static bool need_derived(Lower *l) {
    for (int k = 0; k < l->p->node.n; k++) {
        Node *n = l->p->node.at[k];
        if (n->kind == N_DERIVE && !only_counted(l, n) && !need_value(l, n->result[0])) return false;
    }
    return true;
}
static bool fails(const HostBlock *b);
bool step_can_fail(const LH *h) { return h->k == LH_CALL || h->k == LH_CHECK || (h->k == LH_LOOP && (fails(&h->head) || fails(&h->body))); }
static bool fails(const HostBlock *b) {
    for (int k = 0; k < b->n; k++) if (step_can_fail(b->at[k])) return true;
    return false;
}
static bool writes(const HostBlock *b, const Buf *buf);
static bool step_writes(const LH *h, const Buf *buf) {
    switch (h->k) {
    case LH_KERNEL:
        for (int k = 0; k < h->kernel->buf.n; k++) if (h->kernel->buf.at[k] == buf && h->kernel->writes.at[k]) return true;
        return false;
    case LH_CALL:
        for (int k = 0; k < h->buf.n; k++) if (h->buf.at[k] == buf) return true;
        return false;
    case LH_COPY: case LH_ALLOC: return h->dst == buf;
    case LH_LOOP: return writes(&h->head, buf) || writes(&h->body, buf);
    case LH_CHECK: return false;
    }
    return false;
}
static bool writes(const HostBlock *b, const Buf *buf) {
    for (int k = 0; k < b->n; k++) if (step_writes(b->at[k], buf)) return true;
    return false;
}
/* Outputs that are written before the last step that can fail move to the workspace. */
static void stage_outputs(Lower *l) {
    HostBlock *run = &l->u->run;
    int last = -1;
    for (int k = 0; k < run->n; k++) if (step_can_fail(run->at[k])) last = k;
    for (int k = 0; k < l->u->output.n; k++) {
        IfaceItem *item = &l->u->output.at[k];
        Buf *b = item->buf;
        bool early = false;
        for (int j = 0; j <= last && !early; j++) early = step_writes(run->at[j], b);
        if (!early) continue;
        b->role = BUF_WORK, b->iface = -1;
        item->buf = buf_new(l, b->name, b->dt, b->count, BUF_OUTPUT, b->loc);
        item->buf->iface = k;
        host_copy(l, item->buf, b, b->loc);
    }
}
static bool lower_outputs(Lower *l) {
    Program *p = l->p;
    for (int k = 0; k < p->output.n; k++) {
        Value *v = p->output.at[k].value;
        if (can_be_direct(v)) l->direct[v->id] = true;
    }
    for (int k = 0; k < p->output.n; k++) if (!need_value(l, p->output.at[k].value)) return false;
    for (int k = 0; k < p->output.n; k++) {
        Value *v = p->output.at[k].value;
        IfaceItem item = iface_item(l, p->output.at[k].name, v);
        Buf *from = l->place[v->id].buf;
        if (from->role == BUF_OUTPUT && from->iface < 0) item.buf = from;
        else {
            item.buf = buf_new(l, p->output.at[k].name, from->dt, from->count, BUF_OUTPUT, v->loc);
            host_copy(l, item.buf, from, v->loc);
        }
        item.buf->iface = k;
        vec_add(l->a, l->u->output, item);
    }
    return true;
}

Unit *lower_program(Program *p, const Machine *machine) {
    Arena *a = p->cx->arena;
    int errors = p->cx->n_errors;
    Lower l = { .p = p, .u = NEW(a, Unit), .cx = p->cx, .a = a, .place = NEWN(a, Place, p->n_value + 1), .state = NEWN(a, int8_t, p->n_node + 1),
                .pulled_into = NEWN(a, Node *, p->n_node + 1), .direct = NEWN(a, bool, p->n_value + 1), .machine = machine, .label = schedule_names(p), .n_value = p->n_value };
    Unit *u = l.u;
    u->cx = p->cx, u->arena = a, u->name = p->name, u->is_part = p->is_part, u->signature = source_line(&l, p->loc, p->name);
    for (int k = 0; k < p->sym.n; k++) vec_add(a, u->sym, p->sym.at[k]);
    fuse_plan(&l);
    l.host = &u->bind;
    add_checks(&l, false);
    if (!lower_interface(&l) || !need_derived(&l)) return NULL;
    add_checks(&l, true);
    l.host = &u->run;
    if (!lower_outputs(&l) || p->cx->n_errors > errors) return NULL;
    loop_finish(u);
    memory_order(p, u);
    stage_outputs(&l);
    loop_finish(u);
    return u;
}
