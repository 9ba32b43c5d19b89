/* recur.c - a recurrence becomes one kernel that walks along time.
 *
 * Axes that every member has and that every read between members leaves alone (classes) are parallel: they are the kernel's items, and
 * the last one its lanes when it is the last axis of each member.  The other axes of a member are loops inside a step.
 *
 *     S[b,t,i,j] = a[b,t,i] * S[b,t-1,i,j] + k[b,t,i] * v[b,t,j]          items b; lanes j; for t: for i: S, then o
 *     o[b,t,j] = sum(i) q[b,t,i] * S[b,t,i,j]
 *
 * A member that nobody needs for every t keeps only its last elements, in a ring (Place.ring).  For that, equations that read it step by
 * step, as `o` does, are pulled into the kernel and computed along; reads of the last elements after the end stay possible. */
#include "lower/linear.h"
#include "lower/lower.h"

enum { MOST_RING = 64 };

/* ---- who reads what, how far back ----------------------------------------------------------------------------- */
typedef struct Reach {                   /* of one reader's reads of the group's values */
    Lower *l; Node *node; bool reverse;
    Index *time;                         /* of the reader; NULL: only reads of the last elements are fine */
    const bool *dep;                     /* by value id: depends on the group */
    bool ok; int64_t far;
} Reach;
static bool is_result(const Node *n, const Value *v) {
    for (int k = 0; k < n->n_result; k++) if (n->result[k] == v) return true;
    return false;
}
static int time_axis_of(const Node *n, const Value *v) {
    for (int k = 0; k < n->u.recur.member.n; k++) if (n->u.recur.member.at[k].value == v) return n->u.recur.member.at[k].time_axis;
    return -1;
}
/* x = extent + c  */
static bool from_extent(X *x, const Ext *extent, Arena *a, int64_t *c) {
    while (x->k == X_CAST) x = x->u.cast.arg;
    int64_t v;
    if (x->k == X_EXT) {
        if (!ext_is_const(ext_op(a, EXT_SUB, x->u.ext, (Ext *)extent), &v)) return false;
        *c = v;
        return true;
    }
    if (x->k == X_INT && ext_is_const(extent, &v)) { *c = x->u.i - v; return true; }
    if (x->k != X_OP || (x->u.op.op != OP_ADD && x->u.op.op != OP_SUB)) return false;
    X *q = x->u.op.arg[1];
    while (q->k == X_CAST) q = q->u.cast.arg;
    if (q->k != X_INT || !from_extent(x->u.op.arg[0], extent, a, c)) return false;
    *c += x->u.op.op == OP_ADD ? q->u.i : -q->u.i;
    return true;
}
/* How far before the reader's own step a subscript reaches: -1 when that isn't known, or it isn't before. */
static int64_t steps_back(Reach *r, X *sub, const Index *time) {
    Linear f;
    Index *at[1] = { (Index *)time };
    if (!linear_of(r->l->a, sub, 1, at, &f) || f.coef[0] != 1) return -1;
    int64_t least = f.constant, most = f.constant;           /* shift of the subscript against the step */
    for (X *rest = f.rest; rest; rest = NULL) {              /* minus an index of a small range: t - d */
        bool minus = false;
        if (rest->k == X_OP && rest->u.op.op == OP_NEG) minus = true, rest = rest->u.op.arg[0];
        while (rest->k == X_CAST) rest = rest->u.cast.arg;
        int64_t n;
        if (rest->k != X_INDEX || !ext_is_const(rest->u.index->space->extent, &n)) return -1;
        if (minus) least -= n - 1; else most += n - 1;
        break;
    }
    if (r->reverse) { int64_t t = least; least = -most, most = -t; }
    return most <= 0 && -least < MOST_RING ? -least : -1;
}
static bool reach(X *e, void *data) {
    Reach *r = data;
    if (e->k != X_READ || !r->dep[e->u.read.v->id] || !r->ok) return r->ok;
    Value *v = e->u.read.v;
    r->ok = is_result(r->node, v);
    if (!r->ok) return false;
    int t = time_axis_of(r->node, v);
    int64_t back = r->time ? steps_back(r, e->u.read.idx[t], r->time) : -1, c;
    Boundary bnd = e->u.read.bnd[t];                         /* what lies before the first may be a later one, which isn't there yet */
    if (back > 0 && (bnd == BND_PERIODIC || bnd == BND_REFLECT)) return r->ok = false;
    if (back < 0) {                                          /* the last elements, after the end */
        X *sub = e->u.read.idx[t];
        while (sub->k == X_CAST) sub = sub->u.cast.arg;
        if (r->reverse) back = sub->k == X_INT ? sub->u.i : -1;
        else back = from_extent(sub, v->axis[t]->extent, r->l->a, &c) ? -1 - c : -1;
        r->ok = !r->time && back >= 0 && back < MOST_RING;
    }
    if (back > r->far) r->far = back;
    return r->ok;
}
typedef struct Uses { const bool *dep; bool any; } Uses;
static void see_use(Value *v, void *data) { Uses *u = data; u->any |= u->dep[v->id]; }
static bool depends(const Node *n, const bool *dep) {
    Uses u = { dep, false };
    node_each_use(n, see_use, &u);
    return u.any;
}
/* Whether m reads a member of n, one that full[] leaves out when it is given. */
typedef struct Members { const Node *n; const bool *full; bool any; } Members;
static void see_member(Value *v, void *data) {
    Members *u = data;
    u->any |= is_result(u->n, v) && !(u->full && u->full[v->id]);
}
static bool reads_member(const Node *m, const Node *n, const bool *full) {
    Members u = { n, full, false };
    node_each_use(m, see_member, &u);
    return u.any;
}
static bool is_output(Lower *l, const Value *v) {
    for (int k = 0; k < l->p->output.n; k++) if (l->p->output.at[k].value == v) return true;
    return false;
}
/* ---- which members become rings, which equations are pulled in --------------------------------------------------- */
typedef struct Readers { Lower *l; Node *node; bool *dep, *full; int64_t far; VEC(Node *) pulled; } Readers;
typedef struct MarkFull { Node *node; bool *full; } MarkFull;
static void mark_full(Value *v, void *data) {
    MarkFull *m = data;
    if (is_result(m->node, v)) m->full[v->id] = true;
}
/* Whether something that n reads, at any distance, is being lowered already, as what shares a kernel with the reader at hand: that would wait for
 * itself. */
typedef struct Waits { Lower *l; const Node *but; bool *seen, any; } Waits;
static void see_wait(Value *v, void *data) {
    Waits *w = data;
    Node *n = v->node;
    if (w->any || n == w->but || w->seen[n->id] || w->l->state[n->id] == 2) return;
    w->seen[n->id] = true;
    w->any = w->l->state[n->id] == 1;
    if (!w->any) node_each_use(n, see_wait, w);
}
static bool waits(Readers *s, const Node *n) {
    Waits w = { s->l, s->node, NEWN(s->l->a, bool, s->l->p->n_node + 1), false };
    node_each_use(n, see_wait, &w);
    return w.any;
}
static void reader(Readers *s, Node *n) {
    Lower *l = s->l;
    Reach r = { .l = l, .node = s->node, .reverse = s->node->u.recur.reverse, .dep = s->dep, .ok = n->kind == N_COMPUTE && l->state[n->id] != 2 && !l->pulled_into[n->id] };
    if (r.ok) {
        Value *v = n->result[0];
        Space *time = s->node->u.recur.time->space;
        Reach last = r;
        x_walk(n->u.compute.expr, reach, &last);             /* reads after the end? */
        if (last.ok) { if (last.far > s->far) s->far = last.far; return; }
        for (int k = 0; k < v->rank; k++) if (v->axis[k] == time) {
            Reach step = r;
            step.time = n->u.compute.idx[k];
            x_walk(n->u.compute.expr, reach, &step);
            if (!step.ok || n->u.compute.check_range || asked_to_store(l, v) || waits(s, n)) continue;
            if (step.far > s->far) s->far = step.far;
            vec_add(l->a, s->pulled, n);
            return;
        }
    }
    node_each_use(n, mark_full, &(MarkFull){ s->node, s->full });
}
static int pulled_time_axis(Readers *s, Node *n) {           /* the axis along which its reads go step by step */
    Value *v = n->result[0];
    for (int k = 0; k < v->rank; k++) {
        Reach r = { .l = s->l, .node = s->node, .reverse = s->node->u.recur.reverse, .dep = s->dep, .ok = true, .time = n->u.compute.idx[k] };
        if (v->axis[k] != s->node->u.recur.time->space) continue;
        x_walk(n->u.compute.expr, reach, &r);
        if (r.ok) return k;
    }
    return -1;
}
/* Fills full[] for the members and the list of pulled equations. */
static void find_readers(Readers *s) {
    Lower *l = s->l;
    Node *n = s->node;
    bool inside = true;                                      /* of an iterate: its readers are not looked through */
    for (int k = 0; k < l->p->node.n; k++) inside &= l->p->node.at[k] != n;
    for (int k = 0; k < n->n_result; k++) s->dep[n->result[k]->id] = true, s->full[n->result[k]->id] = inside || is_output(l, n->result[k]);
    for (int k = 0; k < n->u.recur.member.n; k++) {
        Reach r = { .l = l, .node = n, .reverse = n->u.recur.reverse, .dep = s->dep, .ok = true, .time = n->u.recur.time };
        x_walk(n->u.recur.member.at[k].expr, reach, &r);
        if (!r.ok) for (int j = 0; j < n->n_result; j++) s->full[n->result[j]->id] = true;
        if (r.far > s->far) s->far = r.far;
    }
    if (inside) return;
    bool behind = false;
    for (int k = 0; k < l->p->node.n; k++) {
        Node *m = l->p->node.at[k];
        if (m == n) { behind = true; continue; }
        if (!behind || !depends(m, s->dep)) continue;
        for (int j = 0; j < m->n_result; j++) s->dep[m->result[j]->id] = true;
        if (reads_member(m, n, NULL)) reader(s, m);
    }
    /* an equation that reads only members which are stored anyway stays a kernel of its own */
    int kept = 0;
    for (int k = 0; k < s->pulled.n; k++) if (reads_member(s->pulled.at[k], n, s->full)) s->pulled.at[kept++] = s->pulled.at[k];
    s->pulled.n = kept;
}

/* ---- classes of axes that all members share ------------------------------------------------------------------------- */
enum { MOST_AXES = 512 };
typedef struct Classes { Group *g; int n, *up, *member, *axis; bool *bad; int base; GroupMember *of; } Classes;
static int root(Classes *c, int k) { while (c->up[k] != k) k = c->up[k]; return k; }
static int axis_number(Classes *c, int member, int axis) {
    for (int k = 0; k < c->n; k++) if (c->member[k] == member && c->axis[k] == axis) return k;
    return -1;
}
static bool relate(X *e, void *data) {
    Classes *c = data;
    if (e->k != X_READ) return true;
    for (int m = 0; m < c->g->member.n; m++) {
        GroupMember *to = &c->g->member.at[m];
        if (to->value != e->u.read.v) continue;
        for (int q = 0; q < to->value->rank; q++) {
            if (q == to->time_axis) continue;
            int here = axis_number(c, m, q), there = -1;
            X *sub = e->u.read.idx[q];
            while (sub->k == X_CAST) sub = sub->u.cast.arg;
            for (int k = 0; k < c->of->value->rank; k++)
                if (k != c->of->time_axis && sub->k == X_INDEX && sub->u.index == c->of->idx[k]) there = axis_number(c, (int)(c->of - c->g->member.at), k);
            if (there < 0) { c->bad[root(c, here)] = true; continue; }
            int p = root(c, here), r = root(c, there);
            if (p == r) continue;
            c->bad[r] |= c->bad[p];
            c->up[p] = r;
        }
    }
    return true;
}
/* Numbers the good classes in the order of the first member's axes; returns how many. first[c]: an index of each. */
static int find_classes(Lower *l, Group *g, Index **first) {
    int total = 0, n = 0;
    for (int m = 0; m < g->member.n; m++) total += g->member.at[m].value->rank;
    Classes c = { .g = g, .up = NEWN(l->a, int, total), .member = NEWN(l->a, int, total), .axis = NEWN(l->a, int, total), .bad = NEWN(l->a, bool, total) };
    for (int m = 0; m < g->member.n; m++) for (int k = 0; k < g->member.at[m].value->rank; k++)
        c.up[c.n] = c.n, c.member[c.n] = m, c.axis[c.n] = k, c.bad[c.n] = k == g->member.at[m].time_axis, c.n++;
    for (int m = 0; m < g->member.n; m++) {
        c.of = &g->member.at[m];
        x_walk(c.of->expr, relate, &c);
        if (c.of->given) for (int j = 0; j < c.of->given->before.n; j++) x_walk(c.of->given->before.at[j].expr, relate, &c);
    }
    for (int m = 0; m < g->member.n; m++) for (int k = 0; k < 8; k++) g->member.at[m].class_of[k] = -1;
    for (int k = 0; k < g->member.at[0].value->rank; k++) {
        int r = root(&c, axis_number(&c, 0, k)), found = 0;
        bool once = !c.bad[r];
        for (int m = 0; m < g->member.n && once; m++) {
            int times = 0;
            for (int q = 0; q < c.n; q++) times += c.member[q] == m && root(&c, q) == r;
            once = times == 1;
            found++;
        }
        if (!once || found < g->member.n) continue;
        for (int q = 0; q < c.n; q++) if (root(&c, q) == r) g->member.at[c.member[q]].class_of[c.axis[q]] = n;
        first[n++] = g->member.at[0].idx[k];
    }
    return n;
}

/* ---- the kernel ------------------------------------------------------------------------------------------------------ */
static void bind_class(Build *b, Group *g, int c, LX *at) {
    for (int m = 0; m < g->member.n; m++)
        for (int k = 0; k < g->member.at[m].value->rank; k++)
            if (g->member.at[m].class_of[k] == c) level_bind(b->level, b->l->a, g->member.at[m].idx[k], at);
}
static void store_member(Build *b, GroupMember *m) {
    LX *at[8];
    for (int k = 0; k < m->value->rank; k++) at[k] = level_find(b, m->idx[k]);
    Pair x = convert(b, lower_expr(b, m->expr), m->expr->dt, m->value->dt);
    store_pair(b, value_buf(b->l, m->value), flat_position(b, m->value, at, &b->l->place[m->value->id]), x);
}
/* The axes of a member that are not parallel: the last one as lanes outside, the others as loops inside. */
static void step(Build *b, GroupMember *m, bool in_lanes) {
    Arena *a = b->l->a;
    Value *v = m->value;
    int axis[8], n = 0, lane = -1;
    for (int k = 0; k < v->rank; k++) if (k != m->time_axis && m->class_of[k] < 0) axis[n++] = k;
    if (n && !in_lanes && !few(v->axis[axis[n - 1]])) lane = axis[--n];
    Var *var[8], *j = NULL;
    if (lane >= 0) {
        j = var_new(b, m->idx[lane]->name, DT_I64, false);
        level_push(b, LV_LANE);
        level_bind(b->level, a, m->idx[lane], lx_var(a, j));
    }
    for (int k = 0; k < n; k++) {
        var[k] = var_new(b, m->idx[axis[k]]->name, DT_I64, false);
        level_push(b, LV_SERIAL);
        level_bind(b->level, a, m->idx[axis[k]], lx_var(a, var[k]));
    }
    store_member(b, m);
    for (int k = n - 1; k >= 0; k--) level_pop_for(b, var[k], I64(0), lx_size(a, v->axis[axis[k]]->extent), LOOP_SERIAL);
    if (lane >= 0) level_pop_for(b, j, I64(0), lx_size(a, v->axis[lane]->extent), LOOP_LANE);
}
static bool last_everywhere(const Group *g, int c) {         /* class c is the last axis of each member */
    for (int m = 0; m < g->member.n; m++) if (g->member.at[m].class_of[g->member.at[m].value->rank - 1] != c) return false;
    return true;
}
static void make_kernel(Lower *l, Group *g, Kernel *k) {
    Arena *a = l->a;
    Index *first[8];
    int n = find_classes(l, g, first), lane = n && last_everywhere(g, n - 1) && !few(first[n - 1]->space) ? n - 1 : -1;
    k->extent = ext_const(a, 1);
    for (int c = 0; c < n; c++) if (c != lane) k->extent = ext_op(a, EXT_MUL, k->extent, first[c]->space->extent);
    Build b = build_start(l, k);
    b.group = g;
    b.blocked = lane < 0;
    LX *rest = lx_var(a, k->item);
    for (int c = (lane < 0 ? n : n - 1) - 1; c >= 0; c--) {
        LX *extent = lx_size(a, first[c]->space->extent);
        bind_class(&b, g, c, let(&b, c ? lop(&b, OP_MOD, rest, extent) : rest, first[c]->name));
        if (c) rest = let(&b, lop(&b, OP_FLOORDIV, rest, extent), "rest");
    }
    Var *j = NULL, *count = var_new(&b, g->reverse ? "step" : g->time->name, DT_I64, false);
    if (lane >= 0) {
        j = var_new(&b, first[lane]->name, DT_I64, false);
        level_push(&b, LV_LANE);
        bind_class(&b, g, lane, lx_var(a, j));
    }
    LX *length = lx_size(a, g->time->space->extent), *t = lx_var(a, count);
    level_push(&b, LV_TIME);
    if (g->reverse) t = let(&b, lop(&b, OP_SUB, lop(&b, OP_SUB, length, lx_int(a, 1)), t), g->time->name);
    level_bind(b.level, a, g->time, t);
    for (int m = 0; m < g->member.n; m++) {
        Index *own = g->member.at[m].idx[g->member.at[m].time_axis];
        if (own != g->time) level_bind(b.level, a, own, t);
    }
    for (int m = 0; m < g->member.n; m++) step(&b, &g->member.at[m], lane >= 0);
    level_pop_for(&b, count, lx_int(a, 0), length, LOOP_SERIAL);
    if (lane >= 0) level_pop_for(&b, j, lx_int(a, 0), lx_size(a, first[lane]->space->extent), LOOP_LANE);
    kernel_add(l, &b, MAP_BLOCKED);
}

bool lower_recur(Lower *l, Node *n) {
    Arena *a = l->a;
    Readers s = { .l = l, .node = n, .dep = NEWN(a, bool, l->p->n_value + 1), .full = NEWN(a, bool, l->p->n_value + 1) };
    find_readers(&s);
    Group g = { .node = n, .time = n->u.recur.time, .reverse = n->u.recur.reverse };
    for (int k = 0; k < n->u.recur.member.n; k++) {
        Member *m = &n->u.recur.member.at[k];
        vec_add(a, g.member, (GroupMember){ m->value, m->idx, m->time_axis, m->expr, m, { 0 }, n });
        Place *pl = &l->place[m->value->id];
        pl->time = m->time_axis;
        pl->ring = s.full[m->value->id] ? 0 : s.far + 1;
        if (!need_expr(l, m->expr)) return false;
        for (int j = 0; j < m->before.n; j++) if (!need_expr(l, m->before.at[j].expr)) return false;
    }
    for (int k = 0; k < s.pulled.n; k++) {
        Node *c = s.pulled.at[k];
        vec_add(a, g.member, (GroupMember){ c->result[0], c->u.compute.idx, pulled_time_axis(&s, c), c->u.compute.expr, NULL, { 0 }, c });
        l->pulled_into[c->id] = n;
    }
    for (int k = 0; k < s.pulled.n; k++) if (!need_expr(l, s.pulled.at[k]->u.compute.expr)) return false;
    for (int k = 0; k < g.member.n; k++) value_buf(l, g.member.at[k].value);
    make_kernel(l, &g, kernel_new(l, n->result[0]->name, source_line(l, n->loc, n->result[0]->name), NULL, n->loc));
    for (int k = 0; k < s.pulled.n; k++) l->state[s.pulled.at[k]->id] = 2;
    return !l->cx->n_errors;
}
