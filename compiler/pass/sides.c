/* sides.c - the rows of a typed sum are chosen for each type by itself: on the side where the type's edges meet fewer nodes.
 *
 *     y[v, j] = sum(e: dst(e) = v) c[e] * sum(i) h[src(e), i] * W[etype(e), i, j]
 *
 * costs a product with W for each pair (etype, src) that occurs when it is multiplied first, one for each pair (etype, dst) when it is summed first.
 * A relation like "lives in" has many sources and few destinations; its inverse has it the other way round. So linear's one order, here
 *     t[q, i] = sum(e: Q.pair(e) = q) c[e] * h[src(e), i];   y[v, j] = sum(q, i: Q.dst(q) = v) t[q, i] * W[Q.etype(q), i, j]       Q = unique(etype, dst)
 * becomes both, of the edges A whose type meets clearly fewer src than dst, and of the others, B (apart.c):
 *     z[p, j] = sum(i) h[P.src(p), i] * W[P.etype(p), i, j]                                    P = unique(etype, src) of A
 *     y[v, j] = sum(a: dst(A.e(a)) = v) c[A.e(a)] * z[P.pair(a), j]  +  what y is above, of B instead of all edges
 *
 * Gradients of the matrices are sums by type, of outer products of what the two ends have:
 *     dW[r, i, j] = sum(q: Q.etype(q) = r) t[q, i] * g[Q.dst(q), j]
 * becomes  sum(p: P.etype(p) = r) h[P.src(p), i] * (sum(a: P.pair(a) = p) c[A.e(a)] * g[dst(A.e(a)), j])  +  the same of B. What is summed may have
 * several terms, some of which depend on the edge and its type only. Scores of edges have one sum for each,
 *     s[e] = sum(i, j) x[src(e), i] * A[etype(e), i, j] * y[dst(e), j]
 * of rows that are multiplied with A at sources, sum(a: A.e(a) = e) .., or at destinations, sum(b: B.e(b) = e) .. (lower/divided.c).
 *
 * Law. A sum over edges is the sum over some of them and that over the others; a factor that doesn't depend on an index leaves the sum over it.
 * Clearly fewer are under two thirds, since the rows of z are stored and those of y are added to once more.  FB15k-237 with inverse edges has 150,000
 * pairs at either end, and 64,000 so.  How many there are is (about "fewest(g.etype, g.src, g.dst)" ..), where it is known. What several sums read,
 * like t of a step of training, is not needed any more when all of them are rewritten, which is decided for them together. */
#include "pass/place.h"
#include "pass/query.h"
#include "pass/typed.h"
#include <math.h>
#include <string.h>

enum { WORTH_PERCENT = 95 };
/* A sum, and its time as it is and rewritten */
typedef struct Candidate {
    Sum sum;
    bool asked, pays;                      /* a command says so; worth it, with every reader of `via` */
    double before, after, time_before, time_after;
} Candidate;
typedef struct Sides { Program *p; Sizes sizes; Aparts aparts; Typed typed; int *readers; const char *const *label; Node *node; VEC(Candidate) found; int n; X *made[MOST_TERMS]; } Sides;

static X *times(const Sides *s, X *x, X *const *f, int n) { return n ? x_op(s->p->arena, OP_MUL, x, typed_product(&s->typed, f, n)) : x; }
static X *plus(const Sides *s, X *x, X *y) { return x ? x_op(s->p->arena, OP_ADD, x, y) : y; }
/* ---- does it pay? -------------------------------------------------------------------------------------------------- */
static double elements(Sides *s, X *e, const Sum *m, bool inner) {
    Index *idx[MOST_AXES];
    double r = 1;
    int n = x_free_indices(e, idx, MOST_AXES);
    for (int k = 0; k < n; k++) {
        bool is = false;
        for (int j = 0; j < m->n_inner; j++) is |= idx[k] == m->inner[j];
        if (idx[k] != m->at.e && (inner || !is)) r *= size_space(s->typed.sizes, idx[k]->space);
    }
    return r;
}
/* Its time now and rewritten, what several read by their parts. False: not even then */
static bool weigh(Sides *s, Candidate *c, int readers) {
    const Sum *m = &c->sum;
    Program *p = s->p;
    double few = size_fewest(s->typed.sizes, m->at.type, m->at.from, m->at.end), edges = size_space(s->typed.sizes, m->at.e->space), ends = size_space(s->typed.sizes, m->at.end->target);
    double term = 0, row = 0, inner = 1, outer = 1, own = elements(s, typed_product(&s->typed, m->g, m->n_g), m, false), bytes = dtype_bytes(m->node->result[0]->dt);
    int far = 0;
    for (int k = 0; k < m->n_inner; k++) inner *= size_space(s->typed.sizes, m->inner[k]->space);
    for (int k = 0; k < m->n_outer; k++) outer *= size_space(s->typed.sizes, m->outer[k]->space);
    for (int k = 0; k < m->n_part; k++) {
        const Part *one = &m->part[k];
        term = fmax(term, elements(s, typed_edge_term(&s->typed, one), m, true));
        row = fmax(row, elements(s, x_op(p->arena, OP_MUL, typed_product(&s->typed, one->f, one->n_f), typed_product(&s->typed, m->g, m->n_g)), m, false));
        far += one->far;
    }
    if (!m->summed && !m->by_edge && term > row) return false;     /* wider rows to be summed than now, as with several heads */
    double first = edges * 2 * term / readers, rows = 2 * inner * row;     /* t; a row times its matrix */
    Estimate before, after, more;
    if (m->by_edge) {
        double heads = row / outer;
        before = (Estimate){ m->rows * rows / readers + edges * 2 * outer * heads, 0 }, after = (Estimate){ few * rows / readers + edges * 2 * fmax(outer, inner) * heads, 0 };
        more = (Estimate){ 0, edges * bytes };
    } else if (m->by_type) {                                 /* the rows are summed on both sides, and the result is there three times */
        before = (Estimate){ m->rows * rows + first, 0 }, after = (Estimate){ few * far * rows + first + edges * far * own, 0 };
        more = (Estimate){ 0, (few / 2 * far * own + 2 * size_space(s->typed.sizes, m->at.type->target) * row) * bytes };
    } else {                                                 /* rows of one side are stored; those of y are added to twice */
        before = (Estimate){ m->rows * rows + (m->summed ? first : edges * 2 * row), 0 }, after = (Estimate){ few * rows + (m->summed ? first / 2 : edges * term) + edges * m->n_part * row, 0 };
        more = (Estimate){ 0, (few / 2 * row + 0.6 * ends * row) * bytes };
    }
    c->before = before.flops, c->after = after.flops;
    c->time_before = estimate_time(p, before), c->time_after = estimate_time(p, after) + estimate_time(p, more);
    return true;
}
/* What reads the same rows is rewritten together, or not at all. A command means those sums of its equation that pay, or all of them where none does. */
static void decide(Sides *s) {
    Candidate *c = s->found.at;
    int n = s->found.n;
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 0; k < n; k++) {
            const Node *via = c[k].sum.via;
            int readers = 0;
            double before = 0, after = 0;
            for (int j = 0; j < n; j++) if (c[j].sum.via == via && c[j].pays) readers++, before += c[j].time_before, after += c[j].time_after;
            bool stays = readers == s->readers[via->result[0]->id] && after < before * WORTH_PERCENT / 100;
            changed |= c[k].pays && !stays;
            c[k].pays &= stays;
        }
    }
    for (int k = 0; k < n; k++) for (int j = 0; j < n && c[k].asked; j++) if (c[j].sum.node == c[k].sum.node && c[j].pays) c[k].asked = false;
}

/* ---- the two sums ----------------------------------------------------------------------------------------------------- */
/* An equation over `row` and what else e depends on; how it is read where the row is `at`. whole: its axes are in the reader's order */
static X *equation_of(Sides *s, X *e, Index *row, X *at, bool whole) {
    Program *p = s->p;
    Index *idx[MOST_AXES], *own[MOST_AXES + 1] = { row };
    X *new[MOST_AXES], *sub[MOST_AXES + 1] = { at };
    int n = x_free_indices(e, idx, MOST_AXES), rank = 1, m = 0;
    const Node *node = s->typed.node;
    for (int k = node->result[0]->rank - 1; k >= 0 && whole; k--) for (int j = 1; j < n; j++) if (idx[j] == node->u.compute.idx[k]) {
        memmove(idx + 1, idx, sizeof *idx * (size_t)j);
        idx[0] = node->u.compute.idx[k];
    }
    for (int k = 0; k < n; k++) if (idx[k] != row) {
        own[rank] = program_index(p, idx[k]->name, idx[k]->space), sub[rank] = x_index(p->arena, idx[k]);
        idx[m] = idx[k], new[m++] = x_index(p->arena, own[rank++]);
    }
    Value *v = program_equation(p, intern(p->cx, arena_printf(p->arena, "%s.t", s->typed.node->result[0]->name)), rank, own, x_substitute(p, e, m, idx, new), s->typed.node->loc);
    if (!whole) v->storage = STORE_COMPACT;
    return x_read(p->arena, v, sub, NULL, NULL);
}
static X *edge_terms(const Sides *s, const Sum *m) {
    X *all = NULL;
    for (int k = 0; k < m->n_part; k++) if (m->part[k].far) all = plus(s, all, typed_edge_term(&s->typed, &m->part[k]));
    return all;
}
/* f * g * s, summed over the inner indices */
static X *row_of(const Sides *s, const Sum *m, const Part *one) {
    X *f = x_op(s->p->arena, OP_MUL, typed_product(&s->typed, one->f, one->n_f), typed_product(&s->typed, m->g, m->n_g));
    if (m->n_inner) f = x_reduce(s->p->arena, R_SUM, m->n_inner, (Index **)(uintptr_t)m->inner, 0, NULL, f, NULL, f->dt);
    return times(s, f, m->s, m->n_s);
}
static X *edge_factors(const Sides *s, const Sum *m, const Part *one) {
    X *c = typed_product(&s->typed, one->c, one->n_c), *zero = x_int(s->p->arena, 0, DT_I64);
    for (int j = m->n_counts; j < m->n_inner; j++) c = x_substitute(s->p, c, 1, (Index **)(uintptr_t)&m->inner[j], &zero);
    return c;
}
/* A part that depends on no other end gains nothing: it stays a sum over all pairs, of the sums of c times a row for each type. */
static X *near_part(Sides *s, const Sum *m, const Part *one) {
    Program *p = s->p;
    Arena *a = p->arena;
    const Node *u = m->pairs;
    Index *q = program_index(p, "p", u->u.derive.space), *own = program_index(p, "p", q->space), *e = program_index(p, m->at.e->name, m->at.e->space), *r = program_index(p, "r", m->at.type->target);
    X *at = x_index(a, e), *is = x_op(a, OP_EQ, x_read_at(p, u->result[2], e), x_cast(a, x_index(a, own), DT_I32)), *c = x_at(p, edge_factors(s, m, one), 1, (Index **)(uintptr_t)&m->at.e, &at);
    X *sum = equation_of(s, x_reduce(a, R_SUM, 1, &e, 1, &is, c, NULL, c->dt), own, x_index(a, q), false);
    int type = u->u.derive.key[0] == m->at.type ? 0 : 1;
    X *there[2], *edge[2], *types = x_index(a, r), *row;
    for (int k = 0; k < 2; k++) there[k] = x_read_at(p, u->result[k], q), edge[k] = x_read_at(p, u->u.derive.key[k], m->at.e);
    if (m->by_type) row = x_replace(p, typed_product(&s->typed, m->g, m->n_g), 2, edge, there);
    else row = equation_of(s, x_replace(p, row_of(s, m, one), 1, &edge[type], &types), r, there[type], false);
    Index *to = program_index(p, "r", m->at.type->target);      /* by type: an equation of its own, as f may have indices that it hasn't */
    X *cond = x_op(a, OP_EQ, there[m->by_type ? type : 1 - type], x_cast(a, m->by_type ? x_index(a, to) : m->value, DT_I32)), *body = x_op(a, OP_MUL, sum, row);
    X *all = x_reduce(a, R_SUM, 1, &q, 1, &cond, body, NULL, body->dt);
    return m->by_type ? equation_of(s, all, to, m->value, false) : all;
}
static X *near_parts(Sides *s, const Sum *m) {
    X *all = NULL, *type = x_read_at(s->p, m->at.type, m->at.e);
    for (int k = 0; k < m->n_part; k++) if (!m->part[k].far) {
        X *one = near_part(s, m, &m->part[k]);
        if (m->by_type) one = x_op(s->p->arena, OP_MUL, one, x_replace(s->p, typed_product(&s->typed, m->part[k].f, m->part[k].n_f), 1, &type, (X **)(uintptr_t)&m->value));
        all = plus(s, all, one);
    }
    return all;
}
/* sum(a: where a's map is `row`) of a term of the edges on that side */
static X *sum_where(Sides *s, const Sum *m, const Side *side, X *map, X *row, X *term) {
    Program *p = s->p;
    X *is = x_op(p->arena, OP_EQ, apart_own_maps(p, side, map), x_cast(p->arena, row, DT_I32)), *own = apart_own_maps(p, side, apart_expr(p, &m->at, side, term));
    return x_reduce(p->arena, R_SUM, 1, (Index **)(uintptr_t)&side->i, 1, &is, own, NULL, term->dt);
}
/* An equation over the pairs of a side: the sum of a term of its edges; how it is read at q */
static X *summed_rows(Sides *s, const Sum *m, const Side *side, const Rows *rows, X *term, Index *q) {
    return equation_of(s, sum_where(s, m, side, rows->at[0], x_index(s->p->arena, rows->own[0]), term), rows->own[0], x_index(s->p->arena, q), false);
}
/* sum(a: end(a) = value) of c * z[P.pair(a), ..] for each part */
static X *multiplied_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = apart_side(&s->aparts, &m->at, true);
    Group by;
    Rows rows = apart_rows(p, &m->at, &side, m->at.from, &by);
    X *all = NULL;
    for (int k = 0; k < m->n_part; k++) {
        const Part *one = &m->part[k];
        if (!one->far) continue;
        X *z = equation_of(s, rows_apply(p, &by, &rows, apart_expr(p, &m->at, &side, row_of(s, m, one))), rows.own[0], apart_own_maps(p, &side, rows.at[0]), false);
        all = plus(s, all, one->n_c ? x_op(a, OP_MUL, apart_own_maps(p, &side, apart_expr(p, &m->at, &side, edge_factors(s, m, one))), z) : z);
    }
    X *is = x_op(a, OP_EQ, apart_own_maps(p, &side, apart_expr(p, &m->at, &side, x_read_at(p, m->at.end, m->at.e))), x_cast(a, m->value, DT_I32));
    return x_reduce(a, R_SUM, 1, &side.i, 1, &is, all, NULL, all->dt);
}
/* sum(q, inner: R.end(q) = value) t[q, ..] * g * s, with R = unique(type, end) of the other edges */
static X *summed_first(Sides *s, const Sum *m) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = apart_side(&s->aparts, &m->at, false);
    Group by;
    Rows rows = apart_rows(p, &m->at, &side, m->at.end, &by);
    Index *q = program_index(p, "p", rows.own[0]->space), *idx[MOST_BOUND + 1] = { q };
    X *own = x_index(a, q), *t = summed_rows(s, m, &side, &rows, edge_terms(s, m), q);
    X *row = x_op(a, OP_MUL, t, x_at(p, rows_apply(p, &by, &rows, apart_expr(p, &m->at, &side, typed_product(&s->typed, m->g, m->n_g))), 1, &rows.own[0], &own));
    X *there = x_op(a, OP_EQ, x_read_at(p, rows.unique->result[key_place(rows.unique, by.key[1])], q), x_cast(a, m->value, DT_I32));
    memcpy(idx + 1, m->inner, sizeof *idx * (size_t)m->n_inner);
    X *sum;
    if (m->n_s) {
        X *scale = x_at(p, rows_apply(p, &by, &rows, apart_expr(p, &m->at, &side, typed_product(&s->typed, m->s, m->n_s))), 1, &rows.own[0], &own);
        row = x_op(a, OP_MUL, x_reduce(a, R_SUM, m->n_inner, idx + 1, 0, NULL, row, NULL, t->dt), scale);
        sum = x_reduce(a, R_SUM, 1, idx, 1, &there, row, NULL, t->dt);
    } else sum = x_reduce(a, R_SUM, m->n_inner + 1, idx, 1, &there, row, NULL, t->dt);
    return x_substitute(p, sum, 0, NULL, NULL);
}
/* d[value, ..] with d[r, ..] = sum(q: R.type(q) = r) t[q] * f, R = unique(type, end) of some edges, t the sum of a term of them */
static X *outer_of_rows(Sides *s, const Sum *m, bool few, Value *end, X *term, X *f) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = apart_side(&s->aparts, &m->at, few);
    Group by;
    Rows rows = apart_rows(p, &m->at, &side, end, &by);
    Index *q = program_index(p, "p", rows.own[0]->space), *r = program_index(p, "r", m->at.type->target);
    X *own = x_index(a, q), *there = x_op(a, OP_EQ, x_read_at(p, rows.unique->result[key_place(rows.unique, by.key[0])], q), x_cast(a, x_index(a, r), DT_I32));
    X *row = x_op(a, OP_MUL, summed_rows(s, m, &side, &rows, term, q), x_at(p, rows_apply(p, &by, &rows, apart_expr(p, &m->at, &side, f)), 1, &rows.own[0], &own));
    return equation_of(s, x_reduce(a, R_SUM, 1, &q, 1, &there, row, NULL, row->dt), r, m->value, true);
}
static X *by_type(Sides *s, const Sum *m) {
    Program *p = s->p;
    X *g = typed_product(&s->typed, m->g, m->n_g), *type = x_read_at(p, m->at.type, m->at.e), *all = near_parts(s, m);
    for (int k = 0; k < m->n_part; k++) {
        const Part *one = &m->part[k];
        X *f = typed_product(&s->typed, one->f, one->n_f), *term = one->n_c ? x_op(p->arena, OP_MUL, typed_product(&s->typed, one->c, one->n_c), g) : g;
        if (one->far) all = plus(s, all, outer_of_rows(s, m, true, m->at.from, term, f));
    }
    all = plus(s, all, outer_of_rows(s, m, false, m->at.end, edge_terms(s, m), g));
    return m->n_s ? x_op(p->arena, OP_MUL, all, x_replace(p, typed_product(&s->typed, m->s, m->n_s), 1, &type, (X **)(uintptr_t)&m->value)) : all;
}
/* sum(a: A.e(a) = e) of what the pair of a has, with that of its other end, and the same of B */
static X *half_of_edges(Sides *s, const Sum *m, bool few) {
    Program *p = s->p;
    Arena *a = p->arena;
    Side side = apart_side(&s->aparts, &m->at, few);
    Group by;
    Rows rows = apart_rows(p, &m->at, &side, few ? m->at.from : m->at.end, &by);
    X *f = typed_product(&s->typed, m->part[0].f, m->part[0].n_f), *g = typed_product(&s->typed, m->g, m->n_g), *t = typed_product(&s->typed, m->s, m->n_s), *at = x_index(a, m->at.e);
    X *row = few ? x_reduce(a, R_SUM, m->n_outer, (Index **)(uintptr_t)m->outer, 0, NULL, x_op(a, OP_MUL, f, g), NULL, f->dt) :
                   x_reduce(a, R_SUM, m->n_inner, (Index **)(uintptr_t)m->inner, 0, NULL, x_op(a, OP_MUL, t, g), NULL, f->dt);
    X *z = equation_of(s, rows_apply(p, &by, &rows, apart_expr(p, &m->at, &side, row)), rows.own[0], apart_own_maps(p, &side, rows.at[0]), false);
    X *term = x_op(a, OP_MUL, z, apart_own_maps(p, &side, apart_expr(p, &m->at, &side, few ? t : f)));
    term = x_reduce(a, R_SUM, few ? m->n_inner : m->n_outer, (Index **)(uintptr_t)(few ? m->inner : m->outer), 0, NULL, term, NULL, term->dt);
    X *is = x_op(a, OP_EQ, x_read_at(p, side.e, side.i), x_cast(a, at, DT_I32));
    return x_substitute(p, x_reduce(a, R_SUM, 1, &side.i, 1, &is, term, NULL, term->dt), 0, NULL, NULL);
}
static bool is_made(const Sides *s, const X *e) {
    for (int k = 0; k < s->n; k++) if (s->made[k] == e) return true;
    return false;
}
static const Sum *taken(const Sides *s, const X *e) {
    for (int k = 0; k < s->found.n; k++) if (s->found.at[k].sum.x == e && (s->found.at[k].pays || s->found.at[k].asked)) return &s->found.at[k].sum;
    return NULL;
}
/* a + (multiplied first + summed first) = (a + multiplied first) + summed first: what lower/push.c makes one kernel of */
static X *rewrite(X *e, void *data) {
    Sides *s = data;
    Arena *a = s->p->arena;
    if (e->k == X_OP && e->u.op.op == OP_ADD) for (int side = 0; side < 2; side++) {
        X *one = e->u.op.arg[side], *rest = e->u.op.arg[1 - side];
        if (is_made(s, one) && !is_made(s, rest)) return x_op(a, OP_ADD, x_op(a, OP_ADD, rest, one->u.op.arg[0]), one->u.op.arg[1]);
    }
    const Sum *m = taken(s, e);
    if (!m) return e;
    if (m->by_type) return by_type(s, m);
    if (m->by_edge) return times(s, x_op(a, OP_ADD, half_of_edges(s, m, true), half_of_edges(s, m, false)), m->part[0].c, m->part[0].n_c);
    X *first = plus(s, near_parts(s, m), multiplied_first(s, m)), *sum = x_op(a, OP_ADD, first, summed_first(s, m));
    if (s->n < MOST_TERMS) s->made[s->n++] = sum;
    return sum;
}
static void note_read(Value *v, void *data) { ((Sides *)data)->readers[v->id]++; }
static bool reads_once(X *e, void *data) {
    Sides *s = data;
    if (e->k == X_READ) s->readers[e->u.read.v->id]++;
    return true;
}
static void count_reads(X *e, void *data) { x_walk(e, reads_once, data); }
static bool collect(X *e, void *data) {
    Sides *s = data;
    Candidate c = { 0 };
    if (typed_sum(&s->typed, e, &c.sum)) vec_add(s->p->arena, s->found, c);
    return true;
}
static void rewrite_equation(Sides *s, Node *node) {
    Program *p = s->p;
    const char *label = s->label[node->result[0]->id];
    const Sum *first = NULL;
    double before = 0, after = 0;
    for (int k = s->found.n - 1; k >= 0; k--) {
        const Candidate *c = &s->found.at[k];
        if (c->sum.node == node && (c->pays || c->asked)) first = &c->sum, before += c->before, after += c->after;
    }
    if (!first) return;
    s->typed.node = node, s->n = 0;
    p->again = node->result[0]->again;
    node->u.compute.expr = x_map(p->arena, node->u.compute.expr, rewrite, s);
    p->again = 0;
    Command *asked = schedule_find(p, V_SIDES, label), *command = asked ? asked : command_new(p->arena, V_SIDES, label);
    if (asked) schedule_done(asked, label);
    const char *type = first->at.type->name, *from = first->at.from->name, *end = first->at.end->name;
    vec_add(p->arena, p->decision, (Decision){ .pass = "sides", .what = first->by_edge ? arena_printf(p->arena, "rows of %s are multiplied where their %s meets fewer of %s or %s", label, type, from, end) : first->by_type ?
        arena_printf(p->arena, "terms of %s are summed by pairs of %s and %s where these are fewer than those of %s and %s", label, type, from, type, end) :
        arena_printf(p->arena, "terms of %s are multiplied first where their %s meets fewer of %s than of %s", label, type, from, end),
        .why = asked ? "the schedule says so" : "each type has fewer rows on one side",
        .before = { before, 0 }, .after = { after, 0 }, .runner_up = "as they are", .runner = { before, 0 }, .loc = node->loc, .command = command });
}
Program *pass_sides(Program *p) {
    Program *q = program_plain(p);
    Sides s = { .p = q, .sizes = { .p = q }, .aparts = { .p = q }, .readers = NEWN(q->arena, int, q->n_value + 1), .label = schedule_names(q) };
    s.typed = (Typed){ .p = q, .sizes = &s.sizes, .n_value = q->n_value };
    int n = q->node.n;
    for (int k = 0; k < n; k++) if (q->node.at[k]->kind == N_COMPUTE) node_each_expr(q->node.at[k], count_reads, &s); else node_each_use(q->node.at[k], note_read, &s);
    for (int k = 0; k < q->output.n; k++) s.readers[q->output.at[k].value->id] += 2;
    for (int k = 0; k < n; k++) {
        Node *node = s.typed.node = q->node.at[k];
        if (node->kind != N_COMPUTE || node->result[0]->structural) continue;
        Command *asked = schedule_find(q, V_SIDES, s.label[node->result[0]->id]);
        int from = s.found.n;
        if (asked && asked->n_number) schedule_done(asked, s.label[node->result[0]->id]);
        else if (asked || !schedule_only(q)) x_walk(node->u.compute.expr, collect, &s);
        for (int j = from; j < s.found.n; j++) s.found.at[j].asked = asked;
    }
    for (int k = 0; k < s.found.n; k++) {
        Candidate *c = &s.found.at[k];
        s.typed.node = c->sum.node;
        c->pays = weigh(&s, c, s.readers[c->sum.via->result[0]->id]);
    }
    decide(&s);
    for (int k = 0; k < n; k++) rewrite_equation(&s, q->node.at[k]);
    program_sort(q);
    q = pass_dce(q);
    return s.aparts.made.n ? pass_cse(q) : q;                /* what two sums read */
}
