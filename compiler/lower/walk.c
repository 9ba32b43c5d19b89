/* walk.c - equations of a few heads over edges and over the nodes where these arrive become one kernel that walks along the fibres, when they follow
 * one another there.
 *
 *     m[v, h] = max(e: dst(e) = v) s[e, h];   p[e, h] = exp(s[e, h] - m[dst(e), h]);   t[v, h] = sum(e: dst(e) = v) p[e, h];   a[e, h] = p[e, h] / t[dst(e), h]
 *     ->   for v, lanes h:  for e of v: m;  for e of v: p, t;  for e of v: a
 *
 * So a fibre is in the cache from its scores to its weights, m and t are never stored, and a takes the memory of p.  Edges must be numbered by the map
 * (number.c), so that a fibre is a range.  Without heads lanes lie along the edges, which many fibres are too short for: those stay apart.  An equation over edges reads others at its own edge, and
 * those over nodes at its edge's node; one over nodes is a reduction over its fibre.  A loop is a phase: what reads a node's result is in a later one than
 * what that result is made of.  Families are found in the order of the program, like those of fuse.c, and hold a reduction and an equation over edges. */
#include "lower/lower.h"

enum { MOST_MEMBERS = 12, MOST_HEADS = 15 };

static X *plain(X *e) {
    while (e->k == X_CAST && dtype_is_int(e->dt) && dtype_is_int(e->u.cast.arg->dt)) e = e->u.cast.arg;
    return e;
}
static bool is_index(X *e, const Index *i) { e = plain(e); return e->k == X_INDEX && e->u.index == i; }
static bool is_map_of(X *e, const Value *map, const Index *i) {
    e = plain(e);
    return e->k == X_READ && e->u.read.v == map && e->u.read.bnd[0] == BND_NONE && is_index(e->u.read.idx[0], i);
}
static bool over_edges(const Family *f, const Node *n) { return n->result[0]->axis[0] == f->edge->space; }

/* ---- what an equation is in the indices of the family ------------------------------------------------------------------ */
typedef struct Rename { Lower *l; const Family *f; } Rename;
/* The edge's node is the node of the walk. */
static X *rename_node(X *e, void *data) {
    Rename *r = data;
    Arena *a = r->l->a;
    if (e->k != X_READ) return e;
    if (e->u.read.v == r->f->along && is_map_of(e, r->f->along, r->f->edge)) return x_cast(a, x_index(a, r->f->at), DT_I32);
    X *idx[8];
    bool any = false;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        bool node = e->u.read.idx[k]->k == X_CAST && is_index(e->u.read.idx[k], r->f->at);
        idx[k] = node ? plain(e->u.read.idx[k]) : e->u.read.idx[k], any |= node;
    }
    return any ? x_read(a, e->u.read.v, idx, e->u.read.bnd, e->u.read.other) : e;
}
static X *renamed(Lower *l, const Family *f, X *e, int n, Index **from, Index *const *to) {
    X *at[4];
    for (int k = 0; k < n; k++) at[k] = x_index(l->a, to[k]);
    Rename r = { l, f };
    return x_map(l->a, x_substitute(l->p, e, n, from, at), rename_node, &r);
}
/* An equation over edges; of one over nodes, the reduction without its condition */
static X *in_walk(Lower *l, const Family *f, const Node *n) {
    Index **own = n->u.compute.idx, *from[4], *to[4];
    int m = 0;
    X *e = n->u.compute.expr;
    from[m] = own[0], to[m++] = over_edges(f, n) ? f->edge : f->at;
    from[m] = own[1], to[m++] = f->head;
    if (over_edges(f, n)) return renamed(l, f, e, m, from, to);
    X *other = e->u.reduce.other ? renamed(l, f, e->u.reduce.other, m, from, to) : NULL;
    from[m] = e->u.reduce.idx[0], to[m++] = f->edge;
    X *r = x_reduce(l->a, e->u.reduce.op, 1, (Index **)(uintptr_t)&f->edge, 0, NULL, renamed(l, f, e->u.reduce.body, m, from, to), other, e->u.reduce.acc);
    r->dt = e->dt, r->loc = e->loc;
    return r;
}
static X *own_read(Lower *l, const Family *f, Value *v) {
    X *at[2] = { x_index(l->a, v->axis[0] == f->edge->space ? f->edge : f->at), x_index(l->a, f->head) };
    return x_read(l->a, v, at, NULL, NULL);
}

/* ---- what may join -------------------------------------------------------------------------------------------------------- */
static int member(const Family *f, const Value *v) {
    for (int k = 0; k < f->node.n; k++) if (f->node.at[k]->result[0] == v) return k;
    return -1;
}
static bool plain_equation(const Lower *l, const Node *n) {
    if (n->kind != N_COMPUTE || n->u.compute.check_range) return false;
    const Value *v = n->result[0];
    return v->rank == 2 && !in_bind(v) && !dtype_is_complex(v->dt) && v->dt != DT_F16 && v->dt != DT_BF16 && !asked_to_store(l, v);
}
/* A reduction over the fibres of a map, one for each node: that map */
static Value *map_of_fibres(const Node *n) {
    X *e = n->u.compute.expr, *map, *at;
    if (e->k != X_REDUCE || e->u.reduce.n != 1 || e->u.reduce.n_cond != 1 || !reduce_fibre(e, 0, NULL, &map, &at) || !is_index(at, n->u.compute.idx[0])) return NULL;
    map = plain(map);
    if (map->k != X_READ || map->u.read.v->rank != 1 || !is_map_of(map, map->u.read.v, e->u.reduce.idx[0])) return NULL;
    if (has_reduce(e->u.reduce.body) || (e->u.reduce.other && has_reduce(e->u.reduce.other))) return NULL;
    switch (e->u.reduce.op) {
    case R_SUM: case R_PROD: case R_MIN: case R_MAX: case R_ANY: case R_ALL: return map->u.read.v;
    case R_ARGMIN: case R_ARGMAX: case R_LOGSUMEXP: return NULL;
    }
    return NULL;
}
static bool few_heads(const Node *n) {
    int64_t heads;
    return n->result[0]->rank == 2 && ext_is_const(n->result[0]->axis[1]->extent, &heads) && heads >= 2 && heads <= MOST_HEADS;
}
typedef struct Look { Lower *l; const Family *f; bool apart, reads; } Look;
static bool see_read(X *e, void *data) {
    Look *k = data;
    if (e->k != X_READ || member(k->f, e->u.read.v) < 0) return !k->apart;
    k->reads = true;
    k->apart |= !x_equal(e, own_read(k->l, k->f, e->u.read.v));
    return !k->apart;
}
/* NULL: it fits; else why not */
static const char *misfit(FusePlan *p, const Family *f, Node *n, bool asked) {
    Lower *l = p->l;
    if (!plain_equation(l, n)) return "is computed in another way, or stored for others";
    bool edges = over_edges(f, n);
    if (edges ? has_reduce(n->u.compute.expr) : map_of_fibres(n) != f->along) return "is no reduction over the same fibres, and has sums";
    if (n->result[0]->axis[1] != f->head->space) return "ranges over other spaces";
    Look k = { l, f, false, asked };
    X *e = in_walk(l, f, n);
    x_walk(edges ? e : e->u.reduce.body, see_read, &k);
    if (!edges && e->u.reduce.other) x_walk(e->u.reduce.other, see_read, &k);
    if (k.apart) return "reads another of them elsewhere than along the walk";
    if (f->node.n && !k.reads) return "reads none of the others";
    if (f->node.n && fuse_depends(p, f, n)) return "depends on another of them through something else";
    return f->node.n >= MOST_MEMBERS ? "is one too many" : NULL;
}
static Family *family_new(FusePlan *p, Value *map, const Node *first, Command *c) {
    Lower *l = p->l;
    Family *f = NEW(l->a, Family);
    *f = (Family){ .along = map, .command = c, .edge = program_index(l->p, "e", map->axis[0]), .at = program_index(l->p, "v", map->target),
                    .head = program_index(l->p, first->u.compute.idx[1]->name, first->result[0]->axis[1]) };
    return f;
}
static void join(FusePlan *p, Family *f, Node *n) {
    if (!f->node.n) vec_add(p->l->a, p->all, f);
    vec_add(p->l->a, f->node, n);
    p->l->family[n->id] = f;
}
/* The map that edges are numbered by, if n could be in a walk along it */
static Value *map_for(const Lower *l, Value *const *by, const Node *n) {
    if (!plain_equation(l, n) || !few_heads(n)) return NULL;
    for (int g = 0; g < l->p->graph.n; g++) {
        if (!by[g]) continue;
        if (n->result[0]->axis[0] == l->p->graph.at[g]->edges && !has_reduce(n->u.compute.expr)) return by[g];
        if (n->result[0]->axis[0] == by[g]->target && map_of_fibres(n) == by[g]) return by[g];
    }
    return NULL;
}
static bool holds_both(const Family *f) {
    int edges = 0;
    for (int k = 0; k < f->node.n; k++) edges += over_edges(f, f->node.at[k]);
    return edges && edges < f->node.n;
}
bool walk_command(Lower *l, const Command *c) {
    for (int k = 0; k < l->p->node.n; k++) {
        const Node *n = l->p->node.at[k];
        if (n->kind == N_COMPUTE && has_reduce(n->u.compute.expr) && schedule_find(l->p, V_TOGETHER, l->label[n->result[0]->id]) == c) return true;
    }
    return false;
}
/* Whether a command names anything that could be in a walk */
static bool names_walk(const Lower *l, Value *const *by, const Command *c) {
    for (int k = 0; k < l->p->node.n; k++) {
        const Node *n = l->p->node.at[k];
        if (n->kind == N_COMPUTE && map_for(l, by, n) && schedule_find(l->p, V_TOGETHER, l->label[n->result[0]->id]) == c) return true;
    }
    return false;
}
static void by_command(FusePlan *p, Command *c, Value *const *by, Node *n) {
    Lower *l = p->l;
    const char *name = l->label[n->result[0]->id], *why = NULL;
    if (!l->machine) { schedule_done(c, name); return; }     /* a GPU has a thread for each edge */
    Family *to = NULL;
    for (int j = 0; j < p->all.n && !to; j++) if (p->all.at[j]->command == c) to = p->all.at[j];
    Value *map = map_for(l, by, n);
    if (!to && !map && !has_reduce(n->u.compute.expr) && !names_walk(l, by, c)) return;      /* the one with sums is refused */
    if (!to && !map) why = has_reduce(n->u.compute.expr) ? "has sums, or is stored for others" : "has no few heads over edges or the nodes where these arrive";
    if (!why && !to) to = family_new(p, map, n, c);
    if (!why) why = misfit(p, to, n, true);
    if (why) { schedule_refuse(l->p, c, "`%s` %s", name, why); return; }
    join(p, to, n);
    schedule_done(c, name);
}
void walk_plan(FusePlan *p) {
    Lower *l = p->l;
    bool only = schedule_only(l->p);
    Value **by = NEWN(l->a, Value *, l->p->graph.n + 1);
    Value *then = NULL;
    for (int g = 0; l->machine && g < l->p->graph.n; g++) by[g] = numbered_by(l, l->p->graph.at[g], &then);
    for (int k = 0; k < l->p->node.n; k++) {
        Node *n = l->p->node.at[k];
        if (n->kind != N_COMPUTE) continue;
        Value *map = map_for(l, by, n);
        Command *c = l->p->schedule.n ? schedule_find(l->p, V_TOGETHER, l->label[n->result[0]->id]) : NULL;
        if (c && walk_command(l, c)) by_command(p, c, by, n);
        if (c || only || !map) continue;
        Family *to = NULL;
        for (int j = 0; j < p->all.n && !to; j++) if (!p->all.at[j]->command && p->all.at[j]->along == map && !misfit(p, p->all.at[j], n, false)) to = p->all.at[j];
        if (!to) to = family_new(p, map, n, NULL);
        if (to->node.n || !misfit(p, to, n, false)) join(p, to, n);
    }
    for (int k = 0; k < p->all.n; k++) {
        Family *f = p->all.at[k];
        if (f->node.n > 1 && (f->command || holds_both(f))) continue;
        for (int j = 0; j < f->node.n; j++) l->family[f->node.at[j]->id] = NULL;
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------------------- */
typedef struct Step { Node *n; X *x; int phase, last; /* phase of its last reader here */ bool outside, stored; Fold *fold; } Step;
typedef struct After { const Family *f; const Step *step; int phase; } After;
static bool see_before(X *e, void *data) {
    After *p = data;
    int k = e->k == X_READ ? member(p->f, e->u.read.v) : -1;
    if (k >= 0) { int from = p->step[k].phase + !over_edges(p->f, p->step[k].n); if (from > p->phase) p->phase = from; }
    return true;
}
static int plan_steps(Lower *l, const Family *f, Step *s) {
    int phases = 0;
    for (int k = 0; k < f->node.n; k++) {
        s[k] = (Step){ .n = f->node.at[k], .x = in_walk(l, f, f->node.at[k]), .outside = fuse_reads_outside(l, f, f->node.at[k]->result[0]) };
        After p = { f, s, 0 };
        x_walk(s[k].x, see_before, &p);
        s[k].phase = s[k].last = p.phase;
        if (p.phase >= phases) phases = p.phase + 1;
        for (int j = 0; j < k; j++) if (s[k].phase > s[j].last && x_reads(s[k].x, s[j].n->result[0])) s[j].last = s[k].phase;
    }
    for (int k = 0; k < f->node.n; k++) s[k].stored = s[k].outside || (over_edges(f, s[k].n) && s[k].last > s[k].phase);
    return phases;
}
/* Where an equation over edges is kept: in the memory of one that is read for the last time for it, or before. */
static void place_edges(Lower *l, const Family *f, Step *s) {
    bool *taken = NEWN(l->a, bool, f->node.n + 1);
    for (int k = 0; k < f->node.n; k++) {
        Value *v = s[k].n->result[0];
        if (!s[k].stored || !over_edges(f, s[k].n)) continue;
        for (int j = 0; j < k && !l->place[v->id].buf && !l->direct[v->id]; j++) {
            const Value *w = s[j].n->result[0];
            bool free = !taken[j] && s[j].stored && !s[j].outside && over_edges(f, s[j].n) && w->dt == v->dt && s[j].phase < s[k].phase && s[j].last <= s[k].phase;
            for (int i = k + 1; i < f->node.n && free; i++) free = !x_reads(s[i].x, w);
            if (free) taken[j] = true, l->place[v->id].buf = l->place[w->id].buf, l->place[v->id].made_in = l->place[w->id].made_in;
        }
        value_buf(l, v);
    }
}
static void keep(Build *b, const Family *f, const Step *s, Pair x) {
    Lower *l = b->l;
    Value *v = s->n->result[0];
    LX *at[2] = { level_find(b, over_edges(f, s->n) ? f->edge : f->at), level_find(b, f->head) };
    if (s->stored) store_pair(b, value_buf(l, v), flat_position(b, v, at, &l->place[v->id]), x);
    vec_add(l->a, b->level->memo, (Memo){ own_read(l, f, v), NULL, x, -1 });
}
static void phase(Build *b, const Family *f, Step *s, int which, LX *first, LX *last) {
    Lower *l = b->l;
    for (int k = 0; k < f->node.n; k++) if (s[k].phase == which && !over_edges(f, s[k].n)) s[k].fold = fold_open(b, s[k].x);
    Var *e = var_new(b, "e", DT_I64, false);
    level_push(b, LV_LOOP);
    level_bind(b->level, l->a, f->edge, lx_var(l->a, e));
    for (int k = 0; k < f->node.n; k++) {
        if (s[k].phase != which) continue;
        if (!over_edges(f, s[k].n)) { fold_add(s[k].fold); continue; }
        Value *v = s[k].n->result[0];
        keep(b, f, &s[k], let_pair(b, convert(b, lower_expr(b, s[k].x), s[k].x->dt, v->dt), v->name));
    }
    level_pop_for(b, e, first, last, LOOP_SERIAL);
    for (int k = 0; k < f->node.n; k++) {
        if (s[k].phase != which || over_edges(f, s[k].n)) continue;
        Value *v = s[k].n->result[0];
        keep(b, f, &s[k], let_pair(b, convert(b, fold_close(s[k].fold), s[k].x->dt, v->dt), v->name));
    }
}
void walk_lower(Lower *l, Family *f) {
    Arena *a = l->a;
    Step *s = NEWN(a, Step, f->node.n + 1);
    int phases = plan_steps(l, f, s);
    place_edges(l, f, s);
    Rows *rows = rows_of(l, 1, &f->along);
    if (!rows) return;
    Build build = build_start(l, kernel_of(l, f->node.at[0], f->at->space->extent)), *b = &build;
    for (int k = 1; k < f->node.n; k++) b->k->what = arena_printf(a, "%s%s %s", b->k->what, k == 1 ? "; with" : ",", plain_name(l, f->node.at[k]->result[0]->name));
    LX *item = lx_var(a, b->k->item);
    b->blocked = true;
    level_bind(b->level, a, f->at, item);
    LX *first = let(b, lx_load(a, rows->start, item, NULL), "first"), *last = let(b, lx_load(a, rows->start, lop(b, OP_ADD, item, I64(1)), NULL), "last");
    Var *head = var_new(b, f->head->name, DT_I64, false);
    level_push(b, LV_LANE);
    level_bind(b->level, a, f->head, lx_var(a, head));
    for (int k = 0; k < phases; k++) phase(b, f, s, k, first, last);
    level_pop_for(b, head, I64(0), lx_size(a, f->head->space->extent), LOOP_LANE);
    kernel_add(l, b, MAP_BLOCKED);
}
