/* typed.c - typed sums and how they depend on edges; see typed.h. */
#include "pass/typed.h"
#include "pass/place.h"
#include "pass/query.h"

X *typed_product(const Typed *s, X *const *f, int n) { return x_product(s->p->arena, f, n, s->node->result[0]->dt); }
X *typed_edge_term(const Typed *s, const Part *p) { return p->n_c ? x_op(s->p->arena, OP_MUL, typed_product(s, p->c, p->n_c), typed_product(s, p->f, p->n_f)) : typed_product(s, p->f, p->n_f); }
static bool is_pairs(const Node *u) { return u->kind == N_DERIVE && u->u.derive.kind == DV_UNIQUE && u->u.derive.n == 2 && !u->u.derive.cut; }
static bool simple_sum(X *e, Dtype dt) { return e->k == X_REDUCE && e->u.reduce.op == R_SUM && !e->u.reduce.other && e->dt == dt && e->u.reduce.acc == dt && x_in_range(e); }
/* The equation that e reads, an element of it */
static Node *equation_read(const Typed *s, const X *e, Dtype dt) {
    if (e->k != X_READ || !e->u.read.v->rank || e->u.read.v->rank > MOST_AXES || e->u.read.v->id >= s->n_value || e->dt != dt || e->u.read.v->target) return NULL;
    for (int k = 0; k < e->u.read.v->rank; k++) if (e->u.read.bnd[k] != BND_NONE) return NULL;
    return e->u.read.v->node->kind == N_COMPUTE ? e->u.read.v->node : NULL;
}

/* ---- is it such a sum? ------------------------------------------------------------------------------------------ */
static bool add_factor(X **f, int *n, X *e) {
    if (*n == MOST_FACTORS) return false;
    f[(*n)++] = e;
    return true;
}
/* Inner indices of one value, like those of one head, don't count, unless there are only such */
static void ones_last(Sum *m) {
    int64_t size;
    m->n_counts = 0;
    for (int k = 0; k < m->n_inner; k++) {
        Index *i = m->inner[k];
        if (ext_is_const(i->space->extent, &size) && size == 1) continue;
        m->inner[k] = m->inner[m->n_counts], m->inner[m->n_counts++] = i;
    }
    if (!m->n_counts) m->n_counts = m->n_inner;
}
static bool is_inner(const Sum *m, const X *e) {
    for (int k = 0; k < m->n_counts; k++) if (x_uses_index(e, m->inner[k])) return true;
    return false;
}
static bool is_outer(const Sum *m, const X *e) {
    for (int k = 0; k < m->n_outer; k++) if (x_uses_index(e, m->outer[k])) return true;
    return false;
}
/* The factors of a product; a sum of products among them gives its own, and its indices are inner ones. */
static bool factors_inside(Sum *m, X *e, X **f, int *n) {
    X *own[MOST_FACTORS];
    int some = x_factors(e, own, MOST_FACTORS);
    for (int k = 0; k < some; k++) {
        if (!simple_sum(own[k], e->dt) || own[k]->u.reduce.n_cond) { if (!add_factor(f, n, own[k])) return false; continue; }
        for (int j = 0; j < own[k]->u.reduce.n; j++) {
            if (m->n_inner == MOST_BOUND) return false;
            m->inner[m->n_inner++] = own[k]->u.reduce.idx[j];
        }
        if (!factors_inside(m, own[k]->u.reduce.body, f, n)) return false;
    }
    return true;
}
/* What a factor depends on the edge through: 0 its type at most, 1 one other map, -1 otherwise */
static int through(const Typed *s, X *f, const Ends *at, Value **map) {
    Keys keys = keys_of(s->p, f);
    *map = NULL;
    for (int k = 0; k < keys.bare.n; k++) if (keys.bare.at[k] == at->e) return -1;
    for (int g = 0; g < keys.group.n; g++) for (int b = 0; b < keys.group.at[g].n_base; b++) {
        const Group *of = &keys.group.at[g];
        for (int k = 0; k < of->n && of->base[b] == at->e; k++) {
            Value *v = x_map_at(of->key[k], at->e);
            if (!v || of->n_base != 1 || !key_is_structural(of->key[k])) return -1;
            if (v == at->type) continue;
            if (*map && v != *map) return -1;
            *map = v;
        }
    }
    return *map != NULL;
}
/* The terms of t, read at `at`, all their factors as c for now */
static bool parts_of(Typed *s, const Node *t, X *const *at, X *body, Sum *m) {
    if (body->k == X_OP && body->u.op.op == OP_ADD) return parts_of(s, t, at, body->u.op.arg[0], m) && parts_of(s, t, at, body->u.op.arg[1], m);
    if (m->n_part == MOST_PARTS) return false;
    Part *p = &m->part[m->n_part++];
    p->n_c = x_factors(body, p->c, MOST_FACTORS), p->n_f = 0, p->far = false;
    for (int k = 0; k < p->n_c; k++) p->c[k] = x_at(s->p, p->c[k], t->result[0]->rank, t->u.compute.idx, at);
    return true;
}
/* sum(q, inner: Q.end(q) = value) t[q, ..] * g, or Q.type(q) = value, with t[q, ..] = sum(e: Q.pair(e) = q) parts and Q = unique(type, end) */
static bool summed_first_now(Typed *s, X *x, Sum *m, X **f, int *n) {
    Index *q, *e;
    X *map, *value, *at[MOST_AXES];
    Node *t = NULL;
    if (!reduce_fibre(x, 0, &q, &map, &m->value)) return false;
    Value *key = x_map_at(map, q);
    Node *u = key ? key->node : NULL;
    if (!u || !is_pairs(u) || u->u.derive.space != q->space || key->result > 1) return false;
    m->by_type = key->target->kind == SP_ETYPES && u->result[1 - key->result]->target->kind != SP_ETYPES;
    int end = m->by_type ? 1 - key->result : key->result, read = -1;
    m->at.end = u->u.derive.key[end], m->at.type = u->u.derive.key[1 - end];
    for (int k = 0; k < x->u.reduce.n; k++) if (x->u.reduce.idx[k] != q) {
        if (m->n_inner == MOST_BOUND) return false;
        m->inner[m->n_inner++] = x->u.reduce.idx[k];
    }
    *n = 0;
    if (!factors_inside(m, x->u.reduce.body, f, n)) return false;
    for (int k = 0; k < *n && read < 0; k++) if ((t = equation_read(s, f[k], x->dt)) != NULL && position_index(f[k]->u.read.idx[0]) == q) read = k;
    if (read < 0 || !simple_sum(t->u.compute.expr, x->dt) || t->u.compute.expr->u.reduce.n != 1 || t->u.compute.expr->u.reduce.n_cond != 1) return false;
    if (!reduce_fibre(t->u.compute.expr, 0, &e, &map, &value) || x_map_at(map, e) != u->result[2] || position_index(value) != t->u.compute.idx[0]) return false;
    for (int k = 0; k < t->result[0]->rank; k++) {
        at[k] = f[read]->u.read.idx[k];
        if (k && x_uses_index(at[k], q)) return false;
    }
    m->at.e = e, m->rows = size_space(s->sizes, q->space), m->via = t, m->pairs = u, m->summed = true;
    if (!parts_of(s, t, at, t->u.compute.expr->u.reduce.body, m)) return false;
    for (int k = 0; k < m->n_part; k++) for (int j = 0; j < m->part[k].n_c; j++) if (x_uses_index(m->part[k].c[j], q)) return false;
    f[read] = f[--*n];
    X *what[2], *with[2];
    for (int k = 0; k < 2; k++) what[k] = x_read_at(s->p, u->result[k], q), with[k] = x_read_at(s->p, u->u.derive.key[k], e);
    for (int k = 0; k < *n; k++) {
        f[k] = x_replace(s->p, f[k], 2, what, with);
        if (x_uses_index(f[k], q)) return false;
    }
    return true;
}
/* z[P.pair(e), ..] among the factors of x, z[p, ..] = sum(inner) f: these in terms of e; the others are the one part's. The end of P's pairs, or NULL */
static Value *rows_read(Typed *s, X *x, Sum *m, X **f, int *n) {
    X *c[MOST_FACTORS], *at[MOST_AXES];
    int n_c = x_factors(x->u.reduce.body, c, MOST_FACTORS), read = -1;
    Node *z = NULL, *u = NULL;
    for (int k = 0; k < n_c && read < 0; k++) {
        Index *e = m->at.e;
        if (!(z = equation_read(s, c[k], x->dt))) continue;
        X *row = c[k]->u.read.idx[0];
        if (!e && row->k == X_READ && row->u.read.v->rank == 1) e = position_index(row->u.read.idx[0]);
        Value *pair = e ? x_map_at(row, e) : NULL;
        u = pair ? pair->node : NULL;
        if (u && is_pairs(u) && pair == u->result[2]) read = k, m->at.e = e;
    }
    if (read < 0) return NULL;
    int type = u->u.derive.key[0]->target->kind == SP_ETYPES ? 0 : u->u.derive.key[1]->target->kind == SP_ETYPES ? 1 : -1;
    if (type < 0) return NULL;
    m->at.type = u->u.derive.key[type], m->rows = size_space(s->sizes, u->u.derive.space), m->via = z, m->pairs = u;
    Index *p = program_index(s->p, "p", u->u.derive.space);
    for (int k = 0; k < z->result[0]->rank; k++) at[k] = k ? c[read]->u.read.idx[k] : x_index(s->p->arena, p);
    for (int k = 1; k < z->result[0]->rank; k++) if (x_uses_index(at[k], m->at.e)) return NULL;
    *n = 0;
    if (!factors_inside(m, z->u.compute.expr, f, n)) return NULL;
    X *what[2], *with[2];
    for (int k = 0; k < 2; k++) what[k] = x_read_at(s->p, u->result[k], p), with[k] = x_read_at(s->p, u->u.derive.key[k], m->at.e);
    for (int k = 0; k < *n; k++) {
        f[k] = x_replace(s->p, x_at(s->p, f[k], z->result[0]->rank, z->u.compute.idx, at), 2, what, with);
        if (x_uses_index(f[k], p)) return NULL;
    }
    Part *own = &m->part[m->n_part++];
    *own = (Part){ 0 };
    for (int k = 0; k < n_c; k++) if (k != read && !add_factor(own->c, &own->n_c, c[k])) return NULL;
    return u->u.derive.key[1 - type];
}
/* sum(e: end(e) = value) c * z[P.pair(e), ..], with z[p, ..] = sum(inner) f * g and P = unique(type, from) */
static bool multiplied_first_now(Typed *s, X *x, Sum *m, X **f, int *n) {
    X *map;
    if (x->u.reduce.n != 1 || !reduce_fibre(x, 0, &m->at.e, &map, &m->value) || !(m->at.end = x_map_at(map, m->at.e))) return false;
    return m->at.end->target && key_is_structural(x_read_at(s->p, m->at.end, m->at.e)) && rows_read(s, x, m, f, n);
}
/* sum(outer) c * z[Q.pair(e), ..], with z[q, ..] = sum(inner) g * s and Q = unique(type, end), where e is the equation's own */
static bool score_now(Typed *s, X *x, Sum *m, X **f, int *n) {
    if (x->u.reduce.n > MOST_BOUND) return false;
    m->by_edge = true;
    for (int k = 0; k < x->u.reduce.n; k++) m->outer[m->n_outer++] = x->u.reduce.idx[k];
    return (m->at.end = rows_read(s, x, m, f, n)) && m->at.e == s->node->u.compute.idx[0];
}
/* One end of the edges, the same for all that depend on it */
static bool same_end(Value **end, Value *v) {
    if (*end && *end != v) return false;
    *end = v;
    return true;
}
/* Factors of rows: matrices of types, scales, what depends on the far end (when multiplied first), or what each edge has */
static bool sort_factors(Typed *s, Sum *m, X **f, int n) {
    Value *map;
    for (int k = 0; k < n; k++) {
        int by = through(s, f[k], &m->at, &map);
        bool inner = is_inner(m, f[k]), ok;
        if (m->by_edge) ok = by == 0 ? add_factor(m->g, &m->n_g, f[k]) : by > 0 && map == m->at.end && add_factor(m->s, &m->n_s, f[k]);
        else if (m->by_type) ok = by == 0 ? add_factor(m->s, &m->n_s, f[k]) : by > 0 && map == m->at.end && add_factor(m->g, &m->n_g, f[k]);
        else if (inner && by == 0) ok = add_factor(m->g, &m->n_g, f[k]);
        else if (inner) ok = !m->summed && add_factor(m->part[0].f, &m->part[0].n_f, f[k]);
        else if (by == 0) ok = add_factor(m->s, &m->n_s, f[k]);
        else {
            ok = true;
            for (int j = 0; j < m->n_part; j++) ok = ok && add_factor(m->part[j].c, &m->part[j].n_c, f[k]);
        }
        if (!ok) return false;
    }
    return true;
}
static bool sort_part(Typed *s, Sum *m, Part *p) {
    Value *map;
    int n = p->n_c;
    p->n_c = 0;
    for (int k = 0; k < n; k++) {
        int by = through(s, p->c[k], &m->at, &map);
        bool row = m->by_type ? by == 0 || (by > 0 && map != m->at.end) : m->by_edge ? is_outer(m, p->c[k]) : is_inner(m, p->c[k]);
        if (row && m->by_edge && by == 0) { if (!add_factor(m->g, &m->n_g, p->c[k])) return false; }
        else if (!row) p->c[p->n_c++] = p->c[k];
        else if (!add_factor(p->f, &p->n_f, p->c[k])) return false;
    }
    int by = p->n_f ? through(s, typed_product(s, p->f, p->n_f), &m->at, &map) : -1;
    p->far = by > 0;
    return by == 0 || (by > 0 && same_end(&m->at.from, map));
}
static bool plain_indices(const Sum *m, X *e) {            /* nothing of it depends on another node */
    Index *idx[MOST_AXES];
    int n = x_free_indices(e, idx, MOST_AXES);
    for (int k = 0; k < n; k++) if (idx[k] != m->at.e && idx[k]->space->kind >= SP_NODES) return false;
    return n >= 0;
}
bool typed_sum(Typed *s, X *x, Sum *m) {
    X *f[MOST_FACTORS];
    int n = 0;
    Dtype dt = s->node->result[0]->dt;
    if ((dt != DT_F32 && dt != DT_F64) || x->k != X_REDUCE || !simple_sum(x, dt) || x->u.reduce.n_cond > 1) return false;
    *m = (Sum){ .x = x, .node = s->node };
    if (!x->u.reduce.n_cond) {
        if (!s->node->result[0]->rank || !score_now(s, x, m, f, &n)) return false;
    } else if (!summed_first_now(s, x, m, f, &n)) {
        *m = (Sum){ .x = x, .node = s->node };
        if (!multiplied_first_now(s, x, m, f, &n)) return false;
    }
    if (m->by_type ? m->n_inner > 0 : !m->n_inner) return false;
    ones_last(m);
    if (!sort_factors(s, m, f, n) || !m->n_g) return false;
    bool far = false;
    for (int k = 0; k < m->n_part; k++) {
        if (!sort_part(s, m, &m->part[k]) || !plain_indices(m, x_op(s->p->arena, OP_MUL, typed_edge_term(s, &m->part[k]), typed_product(s, m->g, m->n_g)))) return false;
        far |= m->part[k].far;
    }
    Index *position = m->value ? position_index(m->value) : NULL;
    if (position) m->value = x_index(s->p->arena, position);
    Value *end = m->at.end;
    return far && m->at.from != end && end != m->at.type && (!m->by_edge || m->n_s) && (!m->n_s || plain_indices(m, typed_product(s, m->s, m->n_s)));
}
