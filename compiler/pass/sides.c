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
 * Clearly fewer are under two thirds, since the rows of z are stored and those of y are added to once more.  FB15k-237 with inverse edges has 150,000
 * pairs at either end, and 64,000 so.  How many there are is (about "fewest(g.etype, g.src, g.dst)" ..), where it is known. */
#include "pass/place.h"
#include "pass/query.h"
#include "pass/term.h"
#include <math.h>
#include <string.h>

enum { MOST_SUMS = 4, WORTH_PERCENT = 95 };
/* One sum of y, as linear has left it, in the terms of its edges: sum(e, inner.. : end(e) = value) c * f * g; g depends on e through its type, f through
 * its other end (and the type), and only these have inner indices. */
typedef struct Sum {
    X *value; Index *e;
    Value *type, *end, *from;
    double rows;                           /* that there are now */
    int n_inner; Index *inner[MOST_BOUND];
    int n_c, n_f, n_g; X *c[MOST_FACTORS], *f[MOST_FACTORS], *g[MOST_FACTORS];
} Sum;
/* Some of the edges */
typedef struct Side { Value *e; Index *i; } Side;
/* What has been made for some maps: few[r], and the edges on either side */
typedef struct Apart { Value *type, *end, *from, *few, *side[2]; } Apart;
typedef struct Sides { Program *p; Sizes sizes; int n_value, *readers; VEC(Apart) apart; Node *node; const char *label; bool asked; int n; X *made[MOST_SUMS]; Sum sum[MOST_SUMS]; double before, after; } Sides;

static X *plain(X *e) {
    while (e->k == X_CAST && dtype_is_int(e->dt)) e = e->u.cast.arg;
    return e;
}
static X *at_index(Program *p, Value *map, Index *i) { return x_read(p->arena, map, (X *[]){ x_index(p->arena, i) }, NULL, NULL); }
static X *product(const Sides *s, X *const *f, int n) { return x_product(s->p->arena, f, n, s->node->result[0]->dt); }
/* The map that e reads at the index i, or NULL */
static Value *map_at(X *e, const Index *i) {
    e = plain(e);
    return e->k == X_READ && e->u.read.v->rank == 1 && e->u.read.bnd[0] == BND_NONE && position_index(e->u.read.idx[0]) == i ? e->u.read.v : NULL;
}
/* The equation that e reads, when nothing else does */
static Node *own_equation(const Sides *s, const X *e, Dtype dt) {
    if (e->k != X_READ || !e->u.read.v->rank || e->u.read.v->rank > MOST_AXES || e->u.read.v->id >= s->n_value || s->readers[e->u.read.v->id] != 1 || e->dt != dt || e->u.read.v->target) return NULL;
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return NULL;
    return e->u.read.v->node->kind == N_COMPUTE ? e->u.read.v->node : NULL;
}
static bool is_pairs(const Node *u) { return u->kind == N_DERIVE && u->u.derive.kind == DV_UNIQUE && u->u.derive.n == 2 && !u->u.derive.cut; }
static bool simple_sum(X *e, Dtype dt) { return e->k == X_REDUCE && e->u.reduce.op == R_SUM && !e->u.reduce.other && e->dt == dt && e->u.reduce.acc == dt && x_in_range(e); }

/* ---- is it such a sum? ------------------------------------------------------------------------------------------ */
/* The factors of an equation's sum, where it is read at `at` */
static int factors_there(Sides *s, const Node *n, X *const *at, X **f) {
    X *own[MOST_FACTORS];
    int m = x_factors(n->u.compute.expr->u.reduce.body, own, MOST_FACTORS);
    for (int k = 0; k < m; k++) f[k] = x_at(s->p, own[k], n->result[0]->rank, n->u.compute.idx, at);
    return m;
}
/* sum(q, inner: Q.end(q) = value) t[q, ..] * g, with t[q, ..] = sum(e: Q.pair(e) = q) c * f and Q = unique(type, end) */
static bool summed_first_now(Sides *s, X *x, Sum *m, X **f, int *n) {
    Arena *a = s->p->arena;
    Index *q, *e;
    X *map, *g[MOST_FACTORS], *at[MOST_AXES];
    Node *t = NULL;
    if (!simple_sum(x, x->dt) || x->u.reduce.n_cond != 1 || !reduce_fibre(x, 0, &q, &map, &m->value)) return false;
    Value *end = map_at(map, q);
    Node *u = end ? end->node : NULL;
    if (!u || !is_pairs(u) || u->u.derive.space != q->space || end->result > 1) return false;
    m->end = u->u.derive.key[end->result], m->type = u->u.derive.key[1 - end->result];
    int n_g = x_factors(x->u.reduce.body, g, MOST_FACTORS), read = -1;
    for (int k = 0; k < n_g && !t; k++) if ((t = own_equation(s, g[k], x->dt)) != NULL && position_index(g[k]->u.read.idx[0]) == q) read = k; else t = NULL;
    if (!t || !simple_sum(t->u.compute.expr, x->dt) || t->u.compute.expr->u.reduce.n != 1 || t->u.compute.expr->u.reduce.n_cond != 1) return false;
    X *value;
    if (!reduce_fibre(t->u.compute.expr, 0, &e, &map, &value) || map_at(map, e) != u->result[2] || position_index(value) != t->u.compute.idx[0]) return false;
    for (int k = 0; k < t->result[0]->rank; k++) {
        at[k] = g[read]->u.read.idx[k];
        if (k && x_uses_index(at[k], q)) return false;
    }
    for (int k = 0; k < x->u.reduce.n; k++) if (x->u.reduce.idx[k] != q) {
        if (m->n_inner == MOST_BOUND) return false;
        m->inner[m->n_inner++] = x->u.reduce.idx[k];
    }
    m->e = e, m->rows = size_space(&s->sizes, q->space);
    *n = factors_there(s, t, at, f);
    for (int k = 0; k < *n; k++) if (x_uses_index(f[k], q)) return false;
    X *type = at_index(s->p, u->result[1 - end->result], q), *own = x_read(a, m->type, (X *[]){ x_index(a, e) }, NULL, NULL);
    for (int k = 0; k < n_g; k++) if (k != read) {
        if (*n == MOST_FACTORS) return false;
        f[*n] = x_replace(s->p, g[k], 1, &type, &own);
        if (x_uses_index(f[(*n)++], q)) return false;
    }
    return true;
}
/* sum(e: end(e) = value) c * z[P.pair(e), ..], with z[p, ..] = sum(inner) f * g and P = unique(type, from) */
static bool multiplied_first_now(Sides *s, X *x, Sum *m, X **f, int *n) {
    X *map, *c[MOST_FACTORS], *at[MOST_AXES];
    if (!simple_sum(x, x->dt) || x->u.reduce.n != 1 || x->u.reduce.n_cond != 1 || !reduce_fibre(x, 0, &m->e, &map, &m->value) || !(m->end = map_at(map, m->e))) return false;
    if (!m->end->target || !key_is_structural(at_index(s->p, m->end, m->e))) return false;
    int n_c = x_factors(x->u.reduce.body, c, MOST_FACTORS), read = -1;
    Node *z = NULL, *u = NULL;
    for (int k = 0; k < n_c && !z; k++) {
        if (!(z = own_equation(s, c[k], x->dt))) continue;
        Value *pair = map_at(c[k]->u.read.idx[0], m->e);
        u = pair ? pair->node : NULL;
        if (u && is_pairs(u) && pair == u->result[2] && simple_sum(z->u.compute.expr, x->dt) && !z->u.compute.expr->u.reduce.n_cond) read = k; else z = NULL;
    }
    if (!z || z->u.compute.expr->u.reduce.n > MOST_BOUND) return false;
    int type = u->u.derive.key[0]->target->kind == SP_ETYPES ? 0 : u->u.derive.key[1]->target->kind == SP_ETYPES ? 1 : -1;
    if (type < 0) return false;
    m->type = u->u.derive.key[type], m->rows = size_space(&s->sizes, u->u.derive.space);
    for (int k = 0; k < z->u.compute.expr->u.reduce.n; k++) m->inner[m->n_inner++] = z->u.compute.expr->u.reduce.idx[k];
    Index *p = program_index(s->p, "p", u->u.derive.space);
    for (int k = 0; k < z->result[0]->rank; k++) at[k] = k ? c[read]->u.read.idx[k] : x_index(s->p->arena, p);
    for (int k = 1; k < z->result[0]->rank; k++) if (x_uses_index(at[k], m->e)) return false;
    *n = factors_there(s, z, at, f);
    X *what[2], *with[2];
    for (int k = 0; k < 2; k++) what[k] = at_index(s->p, u->result[k], p), with[k] = at_index(s->p, u->u.derive.key[k], m->e);
    for (int k = 0; k < *n; k++) {
        f[k] = x_replace(s->p, f[k], 2, what, with);
        if (x_uses_index(f[k], p)) return false;
    }
    for (int k = 0; k < n_c; k++) if (k != read) {
        if (*n == MOST_FACTORS) return false;
        f[(*n)++] = c[k];
    }
    return true;
}
/* The keys that e's factors depend on it through; false when there are others than the type and one map more. */
static bool other_end(Sides *s, X *e, Sum *m) {
    Keys keys = keys_of(s->p, e);
    for (int k = 0; k < keys.bare.n; k++) if (keys.bare.at[k] == m->e) return false;
    for (int g = 0; g < keys.group.n; g++) for (int b = 0; b < keys.group.at[g].n_base; b++) {
        const Group *of = &keys.group.at[g];
        for (int k = 0; k < of->n && of->base[b] == m->e; k++) {
            Value *v = map_at(of->key[k], m->e);
            if (!v || of->n_base != 1 || !key_is_structural(of->key[k])) return false;
            if (v != m->type && m->from && v != m->from) return false;
            if (v != m->type) m->from = v;
        }
    }
    return true;
}
static bool match(Sides *s, X *x, Sum *m) {
    X *f[MOST_FACTORS];
    int n = 0;
    Dtype dt = s->node->result[0]->dt;
    if ((dt != DT_F32 && dt != DT_F64) || x->dt != dt || x->k != X_REDUCE) return false;
    *m = (Sum){ 0 };
    if (!summed_first_now(s, x, m, f, &n)) {
        *m = (Sum){ 0 };
        if (!multiplied_first_now(s, x, m, f, &n)) return false;
    }
    for (int k = 0; k < n; k++) {
        bool inner = false, e = x_uses_index(f[k], m->e), type = e && keys_cover(f[k], m->e, 1, &(X *){ at_index(s->p, m->type, m->e) });
        for (int j = 0; j < m->n_inner; j++) inner |= x_uses_index(f[k], m->inner[j]);
        if (inner && (type || !e)) m->g[m->n_g++] = f[k];
        else if (inner) m->f[m->n_f++] = f[k];
        else m->c[m->n_c++] = f[k];
    }
    if (!m->n_inner || !m->n_f || !m->n_g || !other_end(s, product(s, m->f, m->n_f), m) || !m->from || m->from == m->end || m->end == m->type) return false;
    Index *idx[MOST_AXES];                                   /* rows are of plain dims: nothing that they are made of depends on another node */
    X *all = x_op(s->p->arena, OP_MUL, x_op(s->p->arena, OP_MUL, product(s, m->f, m->n_f), product(s, m->g, m->n_g)), m->n_c ? product(s, m->c, m->n_c) : product(s, m->g, m->n_g));
    int free = x_free_indices(all, idx, MOST_AXES);
    for (int k = 0; k < free; k++) if (idx[k] != m->e && idx[k]->space->kind >= SP_NODES) return false;
    return free > 0 && free < MOST_AXES;
}
/* ---- does it pay? -------------------------------------------------------------------------------------------------- */
static double elements(Sides *s, X *e, const Index *but) {
    Index *idx[MOST_AXES];
    double r = 1;
    int n = x_free_indices(e, idx, MOST_AXES);
    for (int k = 0; k < n; k++) if (idx[k] != but) r *= size_space(&s->sizes, idx[k]->space);
    return r;
}
static X *row_sum(const Sides *s, const Sum *m) {
    return x_reduce(s->p->arena, R_SUM, m->n_inner, (Index **)(uintptr_t)m->inner, 0, NULL, x_op(s->p->arena, OP_MUL, product(s, m->f, m->n_f), product(s, m->g, m->n_g)), NULL, s->node->result[0]->dt);
}
static X *edge_term(const Sides *s, const Sum *m) { return m->n_c ? x_op(s->p->arena, OP_MUL, product(s, m->c, m->n_c), product(s, m->f, m->n_f)) : product(s, m->f, m->n_f); }
static bool pays(Sides *s, const Sum *m, bool summed) {
    Program *p = s->p;
    double row = elements(s, row_sum(s, m), m->e), term = elements(s, edge_term(s, m), m->e), bytes = row * dtype_bytes(s->node->result[0]->dt);
    if (!summed && term > row) return false;                 /* wider rows to be summed than now, as with several heads */
    double few = size_fewest(&s->sizes, m->type, m->from, m->end), edges = size_space(&s->sizes, m->e->space), ends = size_space(&s->sizes, m->end->target), inner = 1;
    for (int k = 0; k < m->n_inner; k++) inner *= size_space(&s->sizes, m->inner[k]->space);
    Estimate before = { m->rows * 2 * inner * row + edges * 2 * (summed ? term : row), 0 };
    Estimate after = { few * 2 * inner * row + edges * (term + row), 0 }, more = { 0, few / 2 * bytes + 0.6 * ends * bytes };      /* rows of one side are stored; those of y are added to twice */
    s->before += before.flops, s->after += after.flops;
    return estimate_time(p, after) + estimate_time(p, more) < estimate_time(p, before) * WORTH_PERCENT / 100;
}
/* ---- the two sums ----------------------------------------------------------------------------------------------------- */
static X *count_of_type(Program *p, const Node *unique, const X *type, Index *r) {
    Arena *a = p->arena;
    Index *q = program_index(p, "p", unique->u.derive.space);
    X *is = x_op(a, OP_EQ, at_index(p, unique->result[key_place(unique, type)], q), x_cast(a, x_index(a, r), DT_I32));
    return x_reduce(a, R_SUM, 1, &q, 1, &is, x_int(a, 1, DT_I64), NULL, DT_I64);
}
/* A name that no space has: maps of several spaces may have one name */
static const char *fresh(Program *p, const char *name) {
    const char *own = name;
    for (int k = 0, times = 1; k < p->space.n; k++) if (!strcmp(p->space.at[k]->name, own)) own = arena_printf(p->arena, "%s~%d", name, ++times), k = -1;
    return intern(p->cx, own);
}
static Value *edges_where(Program *p, const char *name, Index *e, X *keep) {
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
/* few[r] of the types, by the pairs that occur, and the edges of these and of the others */
static Apart take_apart(Program *p, const Sum *m) {
    Arena *a = p->arena;
    Apart made = { .type = m->type, .end = m->end, .from = m->from };
    const char *type = m->type->name, *from = m->from->name, *end = m->end->name;
    X *key = at_index(p, m->type, m->e), *pair[2][2] = { { key, at_index(p, m->from, m->e) }, { key, at_index(p, m->end, m->e) } }, *count[2];
    Index *r = program_index(p, "r", m->type->target);
    for (int k = 0; k < 2; k++) count[k] = x_op(a, OP_MUL, count_of_type(p, unique_node(p, 2, pair[k], m->e, NULL), key, r), x_int(a, k ? 2 : 3, DT_I64));
    made.few = program_equation(p, intern(p->cx, arena_printf(a, "few(%s, %s, %s)", type, from, end)), 1, &r, x_op(a, OP_LT, count[0], count[1]), m->e->space->loc);
    for (int k = 0; k < 2; k++) {
        Index *e = program_index(p, m->e->name, m->e->space);
        X *at = at_index(p, m->type, e), *is = x_read(a, made.few, &at, NULL, NULL);
        const char *name = k ? arena_printf(a, "side(%s, %s, %s)", type, end, from) : arena_printf(a, "side(%s, %s, %s)", type, from, end);
        made.side[k] = edges_where(p, fresh(p, name), e, k ? x_op(a, OP_NOT, is, NULL) : is);
    }
    return made;
}
/* The edges of the few, or the others */
static Side side_of(Sides *s, const Sum *m, int which) {
    const Apart *found = NULL;
    for (int k = 0; k < s->apart.n; k++) if (s->apart.at[k].type == m->type && s->apart.at[k].end == m->end && s->apart.at[k].from == m->from) found = &s->apart.at[k];
    if (!found) {
        vec_add(s->p->arena, s->apart, take_apart(s->p, m));
        found = &s->apart.at[s->apart.n - 1];
    }
    return (Side){ found->side[which], program_index(s->p, m->e->name, found->side[which]->axis[0]) };
}
/* e of some of the edges: src(A.e(a)) ... */
static X *of_side(Program *p, const Sum *m, const Side *s, X *e) {
    X *at = at_index(p, s->e, s->i);
    return x_at(p, e, 1, (Index **)(uintptr_t)&m->e, &at);
}
/* ... which is a map of its own for each */
typedef struct Maps { Program *p; const Side *s; } Maps;
static X *own_map(X *e, void *data) {
    const Maps *m = data;
    if (e->k != X_READ || e->u.read.v->rank != 1 || !e->u.read.v->target || e->u.read.bnd[0] != BND_NONE || map_at(e->u.read.idx[0], m->s->i) != m->s->e || !key_is_structural(e)) return e;
    return at_index(m->p, map_of_key(m->p, e, m->s->i, NULL), m->s->i);
}
static X *with_own_maps(Program *p, const Side *s, X *e) { return x_map(p->arena, e, own_map, &(Maps){ p, s }); }
static Rows pairs_of(Program *p, const Sum *m, const Side *side, Value *end, Group *by) {
    *by = (Group){ .n_base = 1, .base = { side->i }, .n = 2, .key = { of_side(p, m, side, at_index(p, m->type, m->e)), of_side(p, m, side, at_index(p, end, m->e)) } };
    return rows_make(p, by, AT_UNIQUE, NULL);
}
/* An equation over `row` and what else e depends on but the edge; how it is read where the row is `at` */
static X *equation_of(Sides *s, X *e, Index *row, X *at, const Index *edge) {
    Program *p = s->p;
    Index *idx[MOST_AXES], *own[MOST_AXES + 1] = { row };
    X *new[MOST_AXES], *sub[MOST_AXES + 1] = { at };
    int n = x_free_indices(e, idx, MOST_AXES), rank = 1, m = 0;
    for (int k = 0; k < n; k++) if (idx[k] != row && idx[k] != edge) {
        own[rank] = program_index(p, idx[k]->name, idx[k]->space), sub[rank] = x_index(p->arena, idx[k]);
        idx[m] = idx[k], new[m++] = x_index(p->arena, own[rank++]);
    }
    Value *v = program_equation(p, intern(p->cx, arena_printf(p->arena, "%s.t", s->node->result[0]->name)), rank, own, x_substitute(p, e, m, idx, new), s->node->loc);
    v->storage = STORE_COMPACT;
    return x_read(p->arena, v, sub, NULL, NULL);
}
/* sum(a: end(a) = value) c * z[P.pair(a), ..] */
static X *multiplied_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = side_of(s, m, 0);
    Group by;
    Rows rows = pairs_of(p, m, &side, m->from, &by);
    X *z = equation_of(s, rows_apply(p, &by, &rows, of_side(p, m, &side, row_sum(s, m))), rows.own[0], rows.at[0], NULL);
    X *is = x_op(a, OP_EQ, with_own_maps(p, &side, of_side(p, m, &side, at_index(p, m->end, m->e))), x_cast(a, m->value, DT_I32));
    X *term = m->n_c ? x_op(a, OP_MUL, with_own_maps(p, &side, of_side(p, m, &side, product(s, m->c, m->n_c))), z) : z;
    return x_reduce(a, R_SUM, 1, &side.i, 1, &is, term, NULL, z->dt);
}
/* sum(q, i: R.end(q) = value) t[q, i] * g, with R = unique(type, end) of the other edges */
static X *summed_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = side_of(s, m, 1);
    Group by;
    Rows rows = pairs_of(p, m, &side, m->end, &by);
    Index *q = program_index(p, "p", rows.own[0]->space), *idx[MOST_BOUND + 1] = { q };
    X *is = x_op(a, OP_EQ, rows.at[0], x_cast(a, x_index(a, rows.own[0]), DT_I32)), *term = with_own_maps(p, &side, of_side(p, m, &side, edge_term(s, m)));
    X *t = equation_of(s, x_reduce(a, R_SUM, 1, &side.i, 1, &is, term, NULL, term->dt), rows.own[0], x_index(a, q), NULL);
    X *own = x_index(a, q), *g = rows_apply(p, &by, &rows, of_side(p, m, &side, product(s, m->g, m->n_g)));
    X *there = x_op(a, OP_EQ, at_index(p, rows.unique->result[key_place(rows.unique, by.key[1])], q), x_cast(a, m->value, DT_I32));
    memcpy(idx + 1, m->inner, sizeof *idx * (size_t)m->n_inner);
    return x_substitute(p, x_reduce(a, R_SUM, m->n_inner + 1, idx, 1, &there, x_op(a, OP_MUL, t, x_at(p, g, 1, &rows.own[0], &own)), NULL, t->dt), 0, NULL, NULL);
}
static bool is_made(const Sides *s, const X *e) {
    for (int k = 0; k < s->n; k++) if (s->made[k] == e) return true;
    return false;
}
/* a + (multiplied first + summed first) = (a + multiplied first) + summed first: what lower/push.c makes one kernel of */
static X *rewrite(X *e, void *data) {
    Sides *s = data;
    Arena *a = s->p->arena;
    Sum *m = &s->sum[s->n];
    if (e->k == X_OP && e->u.op.op == OP_ADD) for (int side = 0; side < 2; side++) {
        X *one = e->u.op.arg[side], *rest = e->u.op.arg[1 - side];
        if (is_made(s, one) && !is_made(s, rest)) return x_op(a, OP_ADD, x_op(a, OP_ADD, rest, one->u.op.arg[0]), one->u.op.arg[1]);
    }
    if (s->n == MOST_SUMS || !match(s, e, m) || !(pays(s, m, e->u.reduce.n > 1) || s->asked)) return e;
    X *first = multiplied_first(s, m), *second = summed_first(s, m);
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
    Sides s = { .p = q, .sizes = { .p = q }, .n_value = q->n_value, .readers = NEWN(q->arena, int, q->n_value + 1) };
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
            s.sum[0].type->name, s.sum[0].from->name, s.sum[0].end->name), .why = s.asked ? "the schedule says so" : "each type has fewer rows on one side",
            .before = { s.before, 0 }, .after = { s.after, 0 }, .runner_up = "as they are", .runner = { s.before, 0 }, .loc = node->loc, .command = command });
    }
    program_sort(q);
    return pass_dce(q);
}
