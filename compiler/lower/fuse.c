/* fuse.c - equations over the same spaces, without sums, become one kernel with a store for each, when they read the same elements or one
 * reads what another computes at the same place.
 *
 *     m'[i] = .. m[i] .. g[i];   v'[i] = .. v[i] .. g[i];   p'[i] = p[i] - .. m'[i] / v'[i]
 *     ->   for i:  load m g v p;  store m' v' p'
 *
 * So an update of a parameter goes through its memory once.  What only members of the family read is kept in a register and not stored.
 * Families are found before anything is lowered, in the order of the program: an equation joins the first family it fits, unless it
 * depends on that family through something outside of it.  Then the families and what is left form a graph without circles again. */
#include "lower/lower.h"

enum { MOST_MEMBERS = 8, MOST_SHARED = 64 };

/* ---- what may join --------------------------------------------------------------------------------------------- */
static bool may_be_member(Lower *l, const Node *n) {
    if (n->kind != N_COMPUTE) return false;
    const Value *v = n->result[0];
    return v->rank > 0 && !in_bind(v) && !n->u.compute.check_range && !has_reduce(n->u.compute.expr) && !asked_to_store(l, v);
}
static const Node *member_of(const Family *f, const Value *v) {
    for (int k = 0; k < f->node.n; k++) if (f->node.at[k]->result[0] == v) return f->node.at[k];
    return NULL;
}
static X *own_read(Lower *l, const Family *f, Value *v) {
    X *at[8];
    for (int k = 0; k < v->rank; k++) at[k] = x_index(l->a, f->idx[k]);
    return x_read(l->a, v, at, NULL, NULL);
}
/* n's equation with the family's indices */
static X *with_indices(Lower *l, const Family *f, const Node *n) {
    X *at[8];
    int rank = n->result[0]->rank;
    for (int k = 0; k < rank; k++) at[k] = x_index(l->a, f->idx[k]);
    return x_substitute(l->p, n->u.compute.expr, rank, n->u.compute.idx, at);
}
/* The reads of an equation: does it read members elsewhere than at its own place, and does it share one whose address follows all indices? */
typedef struct Look { Lower *l; const Family *f; bool apart, shares; } Look;
static bool see_read(X *e, void *data) {
    Look *k = data;
    if (e->k != X_READ) return !k->apart;
    if (member_of(k->f, e->u.read.v)) {
        Dtype dt = e->u.read.v->dt;                          /* a number that is rounded in memory is read from there */
        if (dt == DT_F16 || dt == DT_BF16 || !x_equal(e, own_read(k->l, k->f, e->u.read.v))) k->apart = true;
        k->shares = true;
        return !k->apart;
    }
    bool all = true;
    for (int j = 0; j < k->f->rank; j++) all &= x_uses_index(e, k->f->idx[j]);
    for (int j = 0; j < k->f->read.n && all && !k->shares; j++) k->shares = x_equal(k->f->read.at[j], e);
    return true;
}
static bool keep_read(X *e, void *data) {
    Look *k = data;
    Family *f = (Family *)(uintptr_t)k->f;
    if (e->k == X_READ && f->read.n < MOST_SHARED) vec_add(k->l->a, f->read, e);
    return true;
}

/* ---- does it depend on the family through others? -------------------------------------------------------------- */
typedef struct Reach { FusePlan *p; const Family *f; bool found; } Reach;
static void visit(Reach *r, Node *n);
static void visit_value(Value *v, void *data) { visit(data, v->node); }
static void visit(Reach *r, Node *n) {
    Lower *l = r->p->l;
    if (r->found || r->p->seen[n->id] == r->p->stamp) return;
    r->p->seen[n->id] = r->p->stamp;
    const Family *own = l->family[n->id];
    if (own == r->f) { r->found = true; return; }
    for (int k = 0; own && k < own->node.n; k++) {
        r->p->seen[own->node.at[k]->id] = r->p->stamp;
        node_each_use(own->node.at[k], visit_value, r);
    }
    node_each_use(n, visit_value, r);
    if (n->kind != N_RECUR) return;                          /* its kernel may take in equations that read it, with all that these read */
    for (int k = 0; k < l->p->node.n; k++) for (int j = 0; j < n->n_result; j++)
        if (l->p->node.at[k]->kind == N_COMPUTE && node_reads(l->p->node.at[k], n->result[j])) { node_each_use(l->p->node.at[k], visit_value, r); break; }
}
static void visit_outside(Value *v, void *data) {
    Reach *r = data;
    if (!member_of(r->f, v)) visit(r, v->node);
}
bool fuse_depends(FusePlan *p, const Family *f, Node *n) {
    Reach r = { p, f, false };
    p->stamp++;
    node_each_use(n, visit_outside, &r);
    return r.found;
}

/* ---- families ---------------------------------------------------------------------------------------------------- */
static bool same_spaces(const Family *f, const Node *n) {
    const Value *v = n->result[0], *w = f->node.at[0]->result[0];
    if (v->rank != w->rank) return false;
    for (int k = 0; k < v->rank; k++) if (v->axis[k] != w->axis[k]) return false;
    return lanes_pay(n) == lanes_pay(f->node.at[0]);
}
/* NULL: it fits; else why not */
static const char *misfit(FusePlan *p, const Family *f, Node *n, bool asked) {
    if (!may_be_member(p->l, n)) return "has sums, or is stored for others";
    if (!same_spaces(f, n)) return "ranges over other spaces";
    Look k = { p->l, f, false, asked };
    x_walk(with_indices(p->l, f, n), see_read, &k);
    if (k.apart) return "reads another of them elsewhere than at its own place";
    if (!k.shares) return "shares nothing with the others";
    if (fuse_depends(p, f, n)) return "depends on another of them through something else";
    return f->node.n >= MOST_MEMBERS ? "is one too many" : NULL;
}
static void join(FusePlan *p, Family *f, Node *n) {
    Lower *l = p->l;
    if (!f->node.n) f->rank = n->result[0]->rank, f->idx = n->u.compute.idx;
    vec_add(l->a, f->node, n);
    l->family[n->id] = f;
    Look k = { .l = l, .f = f };
    x_walk(with_indices(l, f, n), keep_read, &k);
}
static Family *family_new(FusePlan *p, Command *c) {
    Family *f = NEW(p->l->a, Family);
    f->command = c;
    vec_add(p->l->a, p->all, f);
    return f;
}
static void by_command(FusePlan *p, Command *c, Node *n) {
    const char *name = p->l->label[n->result[0]->id];
    for (int k = 0; k < p->all.n; k++) if (p->all.at[k]->command == c) {
        const char *why = misfit(p, p->all.at[k], n, true);
        if (why) { schedule_refuse(p->l->p, c, "`%s` %s", name, why); return; }
        join(p, p->all.at[k], n);
        schedule_done(c, name);
        return;
    }
    if (!may_be_member(p->l, n)) { schedule_refuse(p->l->p, c, "`%s` has sums, or is stored for others", name); return; }
    join(p, family_new(p, c), n);
    schedule_done(c, name);
}
void fuse_plan(Lower *l) {
    FusePlan p = { .l = l, .seen = NEWN(l->a, int, l->p->n_node + 1) };
    bool only = schedule_only(l->p);
    l->family = NEWN(l->a, Family *, l->p->n_node + 1);
    walk_plan(&p);
    p.all.n = 0;
    for (int k = 0; k < l->p->node.n; k++) {
        Node *n = l->p->node.at[k];
        Command *c = l->p->schedule.n && n->n_result ? schedule_find(l->p, V_TOGETHER, l->label[n->result[0]->id]) : NULL;
        if (l->family[n->id] || (c && walk_command(l, c))) continue;
        if (c) { by_command(&p, c, n); continue; }
        if (only || !may_be_member(l, n)) continue;
        Family *to = NULL;
        for (int j = 0; j < p.all.n && !to; j++) if (!p.all.at[j]->command && !misfit(&p, p.all.at[j], n, false)) to = p.all.at[j];
        join(&p, to ? to : family_new(&p, NULL), n);
    }
    for (int k = 0; k < p.all.n; k++) if (p.all.at[k]->node.n == 1) l->family[p.all.at[k]->node.at[0]->id] = NULL;
}

/* ---- the kernel --------------------------------------------------------------------------------------------------- */
typedef struct Outer { const Family *f; const Value *v; bool any; } Outer;
static void see_use(Value *v, void *data) { Outer *o = data; o->any |= v == o->v; }
bool fuse_reads_outside(Lower *l, const Family *f, const Value *v) {
    Outer o = { f, v, false };
    for (int k = 0; k < l->p->node.n && !o.any; k++) if (l->family[l->p->node.at[k]->id] != f || l->state[l->p->node.at[k]->id] == 2) node_each_use(l->p->node.at[k], see_use, &o);
    for (int k = 0; k < l->p->output.n; k++) o.any |= l->p->output.at[k].value == v;
    return o.any;
}
bool fuse_need(Lower *l, Family *f) {
    for (int k = 0; k < f->node.n; k++) l->state[f->node.at[k]->id] = 1;
    for (int k = 0; k < f->node.n; k++) if (!need_expr(l, f->node.at[k]->u.compute.expr)) return false;
    int kept = 0;                                            /* a recurrence among the operands may have computed some along */
    for (int k = 0; k < f->node.n; k++) if (!l->pulled_into[f->node.at[k]->id]) f->node.at[kept++] = f->node.at[k];
    f->node.n = kept;
    if (kept < 2) return true;
    Command *c = command_new(l->a, V_TOGETHER, l->label[f->node.at[0]->result[0]->id]);
    for (int k = 1; k < kept; k++) vec_add(l->a, c->name, l->label[f->node.at[k]->result[0]->id]);
    decided(l, c, arena_printf(l->a, "%d equations are computed by one kernel, from %s on", kept, c->name.at[0]), f->along ? "they follow one another along the same fibres" : "they read the same elements", f->node.at[0]->loc);
    return true;
}
/* All members at the indices that are bound. */
void fuse_finish(Build *b, Family *f) {
    Lower *l = b->l;
    LX *at[8];
    for (int k = 0; k < f->rank; k++) at[k] = level_find(b, f->idx[k]);
    for (int k = 0; k < f->node.n; k++) {
        Value *v = f->node.at[k]->result[0];
        X *e = with_indices(l, f, f->node.at[k]);
        Pair x = let_pair(b, convert(b, lower_expr(b, e), e->dt, v->dt), v->name);
        if (fuse_reads_outside(l, f, v)) store_pair(b, value_buf(l, v), flat_position(b, v, at, &l->place[v->id]), x);
        vec_add(l->a, b->level->memo, (Memo){ own_read(l, f, v), NULL, x, -1 });
    }
}
void fuse_done(Lower *l, const Family *f) { for (int k = 0; k < f->node.n; k++) l->state[f->node.at[k]->id] = 2; }
