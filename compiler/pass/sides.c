/* sides.c - the rows of a typed sum are chosen for each type by itself: on the side where the type's edges meet fewer nodes.
 *
 *     y[v, j] = sum(e: dst(e) = v) c[e] * sum(i) h[src(e), i] * W[etype(e), i, j]
 *
 * costs a product with W for each pair (etype, src) that occurs when it is multiplied first, one for each pair (etype, dst) when it is summed first.
 * A relation like "lives in" has many sources and few destinations; its inverse has it the other way round. So linear's one order, here
 *     t[q, i] = sum(e: Q.pair(e) = q) c[e] * h[src(e), i];   y[v, j] = sum(q, i: Q.dst(q) = v) t[q, i] * W[Q.etype(q), i, j]       Q = unique(etype, dst)
 * becomes both:
 *     few[r] = the types that meet clearly fewer src than dst;   A = filter(e: few(etype(e)));   B = the others
 *     z[p, j] = sum(i) h[P.src(p), i] * W[P.etype(p), i, j]                                    P = unique(etype, src) of A
 *     y[v, j] = sum(a: dst(A.e(a)) = v) c[A.e(a)] * z[P.pair(a), j]  +  what y is above, of B instead of all edges
 *
 * Law. A sum over edges is the sum over some of them and that over the others; a factor that doesn't depend on an index leaves the sum over it.
 * FB15k-237 with inverse edges has 150,000 pairs at either end, and 63,000 so.  How many there are is
 * (about "fewest(g.etype, g.src, g.dst)" ..), where it is known. */
#include "pass/place.h"
#include "pass/query.h"
#include "pass/term.h"
#include <math.h>
#include <string.h>

enum { MOST_SUMS = 4, WORTH_PERCENT = 95 };
/* One sum of y, as linear has left it; what its parts are. */
typedef struct Sum {
    const X *x; Index *q; X *value;        /* sum(q, inner.. : Q.d(q) = value) t[q, ..] * g */
    Node *rows; int type, end;             /* Q, and which of its keys are which */
    Node *t; X *read;                      /* the equation of t, and how it is read */
    const X *body; Index *e;               /* t = sum(e: Q.pair(e) = q) c * x */
    int n_inner; Index *inner[MOST_BOUND];
    int n_g, n_c, n_x; X *g[MOST_FACTORS], *c[MOST_FACTORS], *f[MOST_FACTORS];     /* of t's, the c have no inner index; f: the x */
    X *from;                               /* src(e): what the x depend on, beside the type */
} Sum;
/* Some of the edges */
typedef struct Side { Value *e; Index *i; } Side;
typedef struct Sides { Program *p; Sizes sizes; int *readers; Node *node; const char *label; bool asked; int n; X *made[MOST_SUMS]; Sum sum[MOST_SUMS]; double before, after; } Sides;

static X *plain(X *e) {
    while (e->k == X_CAST && dtype_is_int(e->dt)) e = e->u.cast.arg;
    return e;
}
static X *at_index(Program *p, Value *map, Index *i) { return x_read(p->arena, map, (X *[]){ x_index(p->arena, i) }, NULL, NULL); }
/* ---- is it such a sum? ------------------------------------------------------------------------------------------ */
/* e depends on q by way of this map only */
typedef struct Through { const Index *q; const Value *map; bool ok; } Through;
static bool see_through(X *e, void *data) {
    Through *t = data;
    if (e->k == X_READ && e->u.read.v == t->map && position_index(e->u.read.idx[0]) == t->q) return false;
    t->ok &= e->k != X_INDEX || e->u.index != t->q;
    return t->ok;
}
static bool only_through(X *e, const Index *q, const Value *map) {
    Through t = { q, map, true };
    x_walk(e, see_through, &t);
    return t.ok;
}
static bool simple_sum(const X *e, Dtype dt) { return e->k == X_REDUCE && e->u.reduce.op == R_SUM && e->u.reduce.n_cond == 1 && !e->u.reduce.other && e->dt == dt && e->u.reduce.acc == dt && x_in_range((X *)(uintptr_t)e); }
/* The factors beside t: those depend on q through its type only. */
static bool match_outer(Sides *s, Sum *m) {
    X *f[MOST_FACTORS];
    int n = x_factors(m->x->u.reduce.body, f, MOST_FACTORS);
    for (int k = 0; k < n; k++) {
        const Node *t = f[k]->k == X_READ && f[k]->u.read.v->rank ? f[k]->u.read.v->node : NULL;
        if (t && !m->t && t->kind == N_COMPUTE && s->readers[f[k]->u.read.v->id] == 1 && position_index(f[k]->u.read.idx[0]) == m->q && f[k]->dt == m->x->dt) m->t = f[k]->u.read.v->node, m->read = f[k];
        else if (only_through(f[k], m->q, m->rows->result[m->type])) m->g[m->n_g++] = f[k];
        else return false;
    }
    for (int k = 0; k < m->x->u.reduce.n; k++) if (m->x->u.reduce.idx[k] != m->q) {
        if (m->n_inner == MOST_BOUND) return false;
        m->inner[m->n_inner++] = m->x->u.reduce.idx[k];
    }
    return m->t && m->n_inner && m->n_g;
}
/* t's own factors: those with an inner index depend on e through its other end, and the type. */
static bool match_inner(Sides *s, Sum *m) {
    X *f[MOST_FACTORS], *at[MOST_AXES];
    const X *e = m->body = m->t->u.compute.expr;
    Index *q = m->t->u.compute.idx[0];
    X *map, *value;
    int rank = m->t->result[0]->rank;
    if (rank > MOST_AXES || !simple_sum(e, m->x->dt) || e->u.reduce.n != 1 || !reduce_fibre(e, 0, &m->e, &map, &value) || m->t->result[0]->target) return false;
    map = plain(map);
    if (map->k != X_READ || map->u.read.v != m->rows->result[2] || position_index(map->u.read.idx[0]) != m->e || position_index(value) != q) return false;
    for (int k = 0; k < rank; k++) {
        if (m->read->u.read.bnd[k] != BND_NONE || (k && x_uses_index(m->read->u.read.idx[k], m->q))) return false;
        at[k] = m->read->u.read.idx[k];
    }
    int n = x_factors(e->u.reduce.body, f, MOST_FACTORS);
    Value *type = m->rows->u.derive.key[m->type];
    for (int k = 0; k < n; k++) {
        if (x_uses_index(f[k], q)) return false;
        X *own = x_at(s->p, f[k], rank - 1, m->t->u.compute.idx + 1, at + 1);
        bool inner = false;
        for (int j = 0; j < m->n_inner; j++) inner |= x_uses_index(own, m->inner[j]);
        if (inner) m->f[m->n_x++] = own; else m->c[m->n_c++] = own;
    }
    if (!m->n_x) return false;
    Keys keys = keys_of(s->p, x_product(s->p->arena, m->f, m->n_x, m->x->dt));
    for (int g = 0; g < keys.group.n; g++) for (int b = 0; b < keys.group.at[g].n_base; b++) {
        const Group *of = &keys.group.at[g];
        if (of->base[b] != m->e) continue;
        for (int k = 0; k < of->n; k++) {
            const X *key = of->key[k];
            if (key->u.read.v->rank != 1 || position_index(key->u.read.idx[0]) != m->e) return false;
            if (key->u.read.v == type) continue;
            if (m->from || !key_is_structural(key)) return false;
            m->from = of->key[k];
        }
    }
    for (int k = 0; k < keys.bare.n; k++) if (keys.bare.at[k] == m->e) return false;
    return m->from && m->from->u.read.v != m->rows->u.derive.key[m->end];
}
/* A row of z is of plain dims: what its factors read depends on no other node. */
static bool rows_alone(Sides *s, const Sum *m) {
    Index *idx[MOST_AXES];
    int n = x_free_indices(x_op(s->p->arena, OP_MUL, x_product(s->p->arena, (X **)(uintptr_t)m->g, m->n_g, m->x->dt), x_product(s->p->arena, (X **)(uintptr_t)m->f, m->n_x, m->x->dt)), idx, MOST_AXES);
    for (int k = 0; k < n; k++) if (idx[k] != m->q && idx[k] != m->e && idx[k]->space->kind >= SP_NODES) return false;
    return n > 0 && n < MOST_AXES;
}
static bool match(Sides *s, const X *e, Sum *m) {
    Dtype dt = s->node->result[0]->dt;
    X *map;
    *m = (Sum){ .x = e };
    if ((dt != DT_F32 && dt != DT_F64) || !simple_sum(e, dt) || e->u.reduce.n < 2 || !reduce_fibre(e, 0, &m->q, &map, &m->value)) return false;
    map = plain(map);
    if (map->k != X_READ || position_index(map->u.read.idx[0]) != m->q) return false;
    Node *u = map->u.read.v->node;
    if (u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.n != 2 || u->u.derive.cut || u->u.derive.space != m->q->space || map->u.read.v == u->result[2]) return false;
    m->rows = u, m->end = map->u.read.v->result, m->type = 1 - m->end;
    return match_outer(s, m) && match_inner(s, m) && rows_alone(s, m);
}
/* ---- does it pay? -------------------------------------------------------------------------------------------------- */
static double elements(Sides *s, X *e, const Index *but) {
    Index *idx[MOST_AXES];
    double r = 1;
    int n = x_free_indices(e, idx, MOST_AXES);
    for (int k = 0; k < n; k++) if (idx[k] != but) r *= size_space(&s->sizes, idx[k]->space);
    return r;
}
static bool pays(Sides *s, const Sum *m) {
    Program *p = s->p;
    Value *type = m->rows->u.derive.key[m->type], *end = m->rows->u.derive.key[m->end], *from = m->from->u.read.v;
    double rows = size_space(&s->sizes, m->rows->u.derive.space), width = 1, inner = 1;
    double few = size_fewest(&s->sizes, type, from, end);
    X *g = x_reduce(p->arena, R_SUM, m->n_inner, (Index **)(uintptr_t)m->inner, 0, NULL, x_op(p->arena, OP_MUL, x_product(p->arena, m->g, m->n_g, m->x->dt), x_product(p->arena, m->f, m->n_x, m->x->dt)), NULL, m->x->dt);
    for (int k = 0; k < m->n_inner; k++) inner *= size_space(&s->sizes, m->inner[k]->space);
    width = elements(s, x_at(p, g, 1, &m->q, &(X *){ x_index(p->arena, m->e) }), m->e);
    double bytes = width * dtype_bytes(m->x->dt), ends = size_space(&s->sizes, end->target);
    Estimate before = { rows * 2 * inner * width, 0 };
    Estimate after = { few * 2 * inner * width, 0 }, more = { 0, few / 2 * bytes + 0.6 * ends * bytes };      /* the rows of one side are stored; those of y are added to twice */
    s->before += before.flops, s->after += after.flops;
    return estimate_time(p, after) + estimate_time(p, more) < estimate_time(p, before) * WORTH_PERCENT / 100;
}
/* ---- the two sums ----------------------------------------------------------------------------------------------------- */
static X *count_of_type(Program *p, const Node *unique, int type, Index *r) {
    Arena *a = p->arena;
    Index *q = program_index(p, "p", unique->u.derive.space);
    X *is = x_op(a, OP_EQ, at_index(p, unique->result[type], q), x_cast(a, x_index(a, r), DT_I32));
    return x_reduce(a, R_SUM, 1, &q, 1, &is, x_int(a, 1, DT_I64), NULL, DT_I64);
}
static Value *edges_where(Program *p, const char *name, Index *e, X *keep) {
    for (int k = 0; k < p->node.n; k++) if (p->node.at[k]->kind == N_DERIVE && !strcmp(p->node.at[k]->u.derive.space->name, name)) return p->node.at[k]->result[0];
    Loc loc = e->space->loc;
    Value *mask = program_equation(p, arena_printf(p->arena, "%s.where", name), 1, &e, keep, loc);
    Space *space = program_space(p, SP_DERIVED, name, ext_sym(p->arena, program_sym(p, name, SYM_DATA, loc)));
    space->loc = loc;
    Node *n = program_node(p, N_DERIVE, loc);
    n->u.derive.kind = DV_FILTER, n->u.derive.space = space, n->u.derive.n = 1, n->u.derive.key[0] = mask;
    vec_add(p->arena, p->node, n);
    Value *v = program_value(p, n, intern(p->cx, arena_printf(p->arena, "%s.e", name)), DT_I32, 1, &space);
    v->target = e->space, v->structural = true;
    return v;
}
/* few[r] of the types, by the pairs that occur; the same for all sums over these maps */
static Value *few_types(Program *p, const Sum *m, const char *name) {
    Arena *a = p->arena;
    for (int k = 0; k < p->node.n; k++) if (p->node.at[k]->n_result && !strcmp(p->node.at[k]->result[0]->name, name)) return p->node.at[k]->result[0];
    X *keys[2] = { at_index(p, m->rows->u.derive.key[m->type], m->e), at_index(p, m->from->u.read.v, m->e) };
    Node *other = unique_node(p, 2, keys, m->e, NULL);
    Index *r = program_index(p, "r", m->rows->u.derive.key[m->type]->target);
    X *there = x_op(a, OP_MUL, count_of_type(p, other, key_place(other, keys[0]), r), x_int(a, 5, DT_I64)), *here = x_op(a, OP_MUL, count_of_type(p, m->rows, m->type, r), x_int(a, 4, DT_I64));
    return program_equation(p, name, 1, &r, x_op(a, OP_LT, there, here), m->e->space->loc);
}
static Side side_of(Program *p, const Sum *m, bool few) {
    Arena *a = p->arena;
    const char *type = m->rows->u.derive.key[m->type]->name, *from = m->from->u.read.v->name, *end = m->rows->u.derive.key[m->end]->name;
    Value *types = few_types(p, m, intern(p->cx, arena_printf(a, "few(%s, %s, %s)", type, from, end)));
    Index *e = program_index(p, m->e->name, m->e->space);
    X *at = at_index(p, m->rows->u.derive.key[m->type], e), *is = x_read(a, types, &at, NULL, NULL);
    Side s = { .e = edges_where(p, intern(p->cx, few ? arena_printf(a, "side(%s, %s, %s)", type, from, end) : arena_printf(a, "side(%s, %s, %s)", type, end, from)), e, few ? is : x_op(a, OP_NOT, is, NULL)) };
    s.i = program_index(p, m->e->name, s.e->axis[0]);
    return s;
}
/* e of some of the edges: src(A.e(a)), which is a map of its own for each. */
typedef struct Maps { Program *p; const Side *s; } Maps;
static X *own_map(X *e, void *data) {
    const Maps *m = data;
    if (e->k != X_READ || e->u.read.v->rank != 1 || !e->u.read.v->target || e->u.read.bnd[0] != BND_NONE) return e;
    const X *at = plain(e->u.read.idx[0]);
    if (at->k != X_READ || at->u.read.v != m->s->e || position_index(at->u.read.idx[0]) != m->s->i || !key_is_structural(e)) return e;
    return at_index(m->p, map_of_key(m->p, e, m->s->i, NULL), m->s->i);
}
static X *of_side(Program *p, const Sum *m, const Side *s, X *e) {
    X *at = at_index(p, s->e, s->i);
    return x_at(p, e, 1, (Index **)(uintptr_t)&m->e, &at);
}
static X *with_own_maps(Program *p, const Side *s, X *e) { return x_map(p->arena, e, own_map, &(Maps){ p, s }); }
static Value *equation_of(Sides *s, int n, Index **own, X *e) {
    Value *v = program_equation(s->p, intern(s->p->cx, arena_printf(s->p->arena, "%s.t", s->node->result[0]->name)), n, own, e, s->node->loc);
    v->storage = STORE_COMPACT;
    return v;
}
/* sum(a: dst(a) = value) c * z[P.pair(a), ..] */
static X *multiplied_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = side_of(p, m, true);
    X *type = of_side(p, m, &side, at_index(p, m->rows->u.derive.key[m->type], m->e)), *to = of_side(p, m, &side, at_index(p, m->rows->u.derive.key[m->end], m->e));
    X *what = at_index(p, m->rows->result[m->type], m->q), *g = x_replace(p, x_product(a, m->g, m->n_g, m->x->dt), 1, &what, &type);
    X *body = x_op(a, OP_MUL, of_side(p, m, &side, x_product(a, m->f, m->n_x, m->x->dt)), g);
    X *z = x_substitute(p, x_reduce(a, R_SUM, m->n_inner, (Index **)(uintptr_t)m->inner, 0, NULL, body, NULL, m->x->dt), 0, NULL, NULL);
    Group by = { .n_base = 1, .base = { side.i }, .n = 2, .key = { type, of_side(p, m, &side, m->from) } };
    Rows rows = rows_make(p, &by, AT_UNIQUE, NULL);
    z = rows_apply(p, &by, &rows, z);
    Index *idx[MOST_AXES], *own[MOST_AXES];
    X *at[MOST_AXES], *new[MOST_AXES];
    int n = x_free_indices(z, idx, MOST_AXES);
    for (int k = 0; k < n; k++) {
        own[k] = program_index(p, idx[k]->name, idx[k]->space), new[k] = x_index(a, own[k]);
        at[k] = idx[k] == rows.own[0] ? rows.at[0] : x_index(a, idx[k]);
    }
    Value *v = equation_of(s, n, own, x_substitute(p, z, n, idx, new));
    X *is = x_op(a, OP_EQ, with_own_maps(p, &side, to), x_cast(a, m->value, DT_I32));
    X *term = x_read(a, v, at, NULL, NULL);
    if (m->n_c) term = x_op(a, OP_MUL, with_own_maps(p, &side, of_side(p, m, &side, x_product(a, m->c, m->n_c, m->x->dt))), term);
    return x_reduce(a, R_SUM, 1, &side.i, 1, &is, term, NULL, m->x->dt);
}
/* sum(q, i: R.dst(q) = value) t[q, i] * g, with R = unique(etype, dst) of the other edges */
static X *summed_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = side_of(p, m, false);
    X *key[2] = { NULL };
    key[m->type] = of_side(p, m, &side, at_index(p, m->rows->u.derive.key[m->type], m->e)), key[m->end] = of_side(p, m, &side, at_index(p, m->rows->u.derive.key[m->end], m->e));
    Group by = { .n_base = 1, .base = { side.i }, .n = 2, .key = { key[0], key[1] } };
    Rows rows = rows_make(p, &by, AT_UNIQUE, NULL);
    int rank = m->t->result[0]->rank;
    Index *own[MOST_AXES], *q = program_index(p, m->q->name, rows.own[0]->space);
    X *new[MOST_AXES], *at[MOST_AXES];
    own[0] = rows.own[0];
    for (int k = 1; k < rank; k++) own[k] = program_index(p, m->t->u.compute.idx[k]->name, m->t->u.compute.idx[k]->space), new[k] = x_index(a, own[k]);
    X *is = x_op(a, OP_EQ, rows.at[0], x_cast(a, x_index(a, own[0]), DT_I32));
    X *body = x_at(p, m->body->u.reduce.body, rank - 1, m->t->u.compute.idx + 1, new + 1);
    body = with_own_maps(p, &side, of_side(p, m, &side, body));
    Value *v = equation_of(s, rank, own, x_substitute(p, x_reduce(a, R_SUM, 1, &side.i, 1, &is, body, NULL, m->x->dt), 0, NULL, NULL));
    at[0] = x_index(a, q);
    for (int k = 1; k < rank; k++) at[k] = m->read->u.read.idx[k];
    X *what = at_index(p, m->rows->result[m->type], m->q), *with = at_index(p, rows.unique->result[key_place(rows.unique, key[m->type])], q);
    X *term = x_op(a, OP_MUL, x_read(a, v, at, NULL, NULL), x_replace(p, x_product(a, m->g, m->n_g, m->x->dt), 1, &what, &with));
    X *there = x_op(a, OP_EQ, at_index(p, rows.unique->result[key_place(rows.unique, key[m->end])], q), x_cast(a, m->value, DT_I32));
    Index *idx[MOST_BOUND + 1] = { q };
    memcpy(idx + 1, m->inner, sizeof *idx * (size_t)m->n_inner);
    return x_substitute(p, x_reduce(a, R_SUM, m->n_inner + 1, idx, 1, &there, term, NULL, m->x->dt), 0, NULL, NULL);
}
static bool is_made(const Sides *s, const X *e) {
    for (int k = 0; k < s->n; k++) if (s->made[k] == e) return true;
    return false;
}
/* a + (multiplied first + summed first) = (a + multiplied first) + summed first: what lower/push.c makes one kernel of */
static X *rewrite(X *e, void *data) {
    Sides *s = data;
    Arena *a = s->p->arena;
    Sum m;
    if (e->k == X_OP && e->u.op.op == OP_ADD) for (int side = 0; side < 2; side++) {
        X *one = e->u.op.arg[side], *rest = e->u.op.arg[1 - side];
        if (is_made(s, one) && !is_made(s, rest)) return x_op(a, OP_ADD, x_op(a, OP_ADD, rest, one->u.op.arg[0]), one->u.op.arg[1]);
    }
    if (s->n == MOST_SUMS || !match(s, e, &m) || !(pays(s, &m) || s->asked)) return e;
    s->sum[s->n] = m;
    X *first = multiplied_first(s, &m), *second = summed_first(s, &m);
    return s->made[s->n++] = x_op(a, OP_ADD, first, second);
}
static void note_read(Value *v, void *data) { ((Sides *)data)->readers[v->id]++; }
static bool reads_once(X *e, void *data) {
    Sides *s = data;
    if (e->k == X_READ) s->readers[e->u.read.v->id]++;
    return true;
}
static void count_reads(X *e, void *data) { x_walk(e, reads_once, data); }
Program *pass_sides(Program *p) {
    Program *q = program_plain(p);
    const char *const *label = schedule_names(q);
    Sides s = { .p = q, .sizes = { .p = q }, .readers = NEWN(q->arena, int, q->n_value + 1) };
    int n = q->node.n;
    for (int k = 0; k < n; k++) if (q->node.at[k]->kind == N_COMPUTE) node_each_expr(q->node.at[k], count_reads, &s); else node_each_use(q->node.at[k], note_read, &s);
    for (int k = 0; k < q->output.n; k++) s.readers[q->output.at[k].value->id] += 2;
    for (int k = 0; k < n; k++) {
        Node *node = s.node = q->node.at[k];
        if (node->kind != N_COMPUTE || node->result[0]->structural) continue;
        s.label = label[node->result[0]->id], s.n = 0, s.before = s.after = 0;
        Command *command = schedule_find(q, V_SIDES, s.label);
        s.asked = command != NULL;
        if (!command && schedule_only(q)) continue;
        q->again = node->result[0]->again;
        X *x = x_map(q->arena, node->u.compute.expr, rewrite, &s);
        q->again = 0;
        if (!s.n) continue;
        node->u.compute.expr = x;
        if (command) schedule_done(command, s.label); else command = command_new(q->arena, V_SIDES, s.label);
        vec_add(q->arena, q->decision, (Decision){ .pass = "sides", .what = arena_printf(q->arena, "terms of %s are multiplied first where their %s meets fewer of %s than of %s", s.label,
            s.sum[0].rows->u.derive.key[s.sum[0].type]->name, s.sum[0].from->u.read.v->name, s.sum[0].rows->u.derive.key[s.sum[0].end]->name), .why = s.asked ? "the schedule says so" : "each type has fewer rows on one side",
            .before = { s.before, 0 }, .after = { s.after, 0 }, .runner_up = "all are summed first", .runner = { s.before, 0 }, .loc = node->loc, .command = command });
    }
    program_sort(q);
    return pass_dce(q);
}
