/* number.c - edges are numbered anew when a graph is bound: by the map along which most sums walk, then by type; or, where they walk along pairs of a type
 * and a node only, by type, then by node.
 *
 *     a[e] = exp(s[e] - m[dst(e)]);   y[v] = sum(e: dst(e) = v) a[e]            edges of one v lie side by side in s, a, dst
 *
 * Which edge has which number matters to the caller only.  Where nothing of the caller's has rows over the edges, or over some of them, but the graph's
 * own maps, and nothing takes an edge's number for a number, the maps are sorted once: then the fibres of the first are ranges, what is read through it stays in
 * the cache, and edges of one fibre and type follow one another.  Fibres keep their elements, in another order of their own.
 *
 * A part of such edges, made by a filter, is in their order, or by type first where sums walk along its pairs of a type and a node. */
#include "lower/lower.h"
#include <string.h>

typedef struct Numbers { const Graph *g; const Node **filter; /* by space id: what has made it */ bool ok; int uses[4]; } Numbers;       /* uses: walks along dst, src, pairs (type, dst), (type, src) */
/* Edges, or some of them in the same order */
static bool are_edges(const Numbers *n, const Space *s) {
    while (s != n->g->edges && n->filter[s->id]) s = n->filter[s->id]->u.derive.key[0]->axis[0];
    return s == n->g->edges;
}
static bool has_edges(const Numbers *n, const Value *v) {
    for (int k = 0; k < v->rank; k++) if (are_edges(n, v->axis[k])) return true;
    return false;
}
/* The map of all edges that a map of some of them is a part of */
static const Value *of_all(const Value *map) {
    for (const Value *m; (m = map_filtered(map)) != NULL;) map = m;
    return map;
}
/* F.e(a) = e: which of some edges is this one? */
static bool same_edge(const Numbers *n, const X *reduce, int cond) {
    X *map, *value;
    if (!reduce_fibre(reduce, cond, NULL, &map, &value)) return false;
    const X *m = x_uncast(map), *v = x_uncast(value);
    return m->k == X_READ && is_filter_map(m->u.read.v) && x_uncast(m->u.read.idx[0])->k == X_INDEX && v->k == X_INDEX && are_edges(n, v->u.index->space);
}
/* Edges may stand where they choose an edge's row or are compared with one, and nowhere else. */
static bool see_number(X *e, void *data) {
    Numbers *n = data;
    if (e->k == X_INDEX) n->ok &= !are_edges(n, e->u.index->space);
    if (e->k == X_REDUCE) {
        ReduceOp op = e->u.reduce.op;
        for (int k = 0; k < e->u.reduce.n; k++) n->ok &= !are_edges(n, e->u.reduce.idx[k]->space) || (op != R_ARGMIN && op != R_ARGMAX);
        for (int k = 0; k < e->u.reduce.n_cond; k++) {
            X *map;
            if (!reduce_fibre(e, k, NULL, &map, NULL)) continue;
            const X *m = x_uncast(map);
            if (m->k != X_READ) continue;
            const Value *of = m->u.read.v;
            while (of->node->kind == N_DERIVE && of->node->u.derive.cut && of == of->node->result[1]) of = of->node->u.derive.key[0];      /* pieces of its fibres */
            of = of_all(of);
            n->uses[0] += of == n->g->dst, n->uses[1] += of == n->g->src;
            const Node *u = of->node;
            if (u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.n != 2 || of != u->result[2] || of_all(u->u.derive.key[0]) != n->g->etype) continue;
            n->uses[2] += of_all(u->u.derive.key[1]) == n->g->dst, n->uses[3] += of_all(u->u.derive.key[1]) == n->g->src;
        }
        for (int k = 0; k < e->u.reduce.n_cond; k++) if (!same_edge(n, e, k)) x_walk(e->u.reduce.cond[k], see_number, n);
        x_walk(e->u.reduce.body, see_number, n);
        if (e->u.reduce.other) x_walk(e->u.reduce.other, see_number, n);
        return false;
    }
    if (e->k != X_READ) return n->ok;
    for (int k = 0; k < e->u.read.v->rank; k++) {
        X *sub = e->u.read.idx[k];
        const X *at = x_uncast(sub);
        if (e->u.read.other[k]) x_walk(e->u.read.other[k], see_number, n);
        bool rows = are_edges(n, e->u.read.v->axis[k]);
        if (rows && e->u.read.bnd[k] == BND_NONE && at->k == X_INDEX && are_edges(n, at->u.index->space)) continue;
        if (rows && e->u.read.bnd[k] == BND_NONE && at->k == X_READ && is_filter_map(at->u.read.v) && x_uncast(at->u.read.idx[0])->k == X_INDEX) continue;
        if (rows) n->ok = false;
        x_walk(sub, see_number, n);
    }
    n->ok &= !is_filter_map(e->u.read.v) || !are_edges(n, e->u.read.v->axis[0]);      /* an edge's number as a number */
    return false;
}
static void see_expr(X *e, void *data) { x_walk(e, see_number, data); }
static bool see_node(Numbers *n, Node *node) {
    bool over = false;
    for (int k = 0; k < node->n_result; k++) {
        over |= has_edges(n, node->result[k]);
        if (node->result[k]->target && are_edges(n, node->result[k]->target) && !is_filter_map(node->result[k])) return false;
    }
    switch (node->kind) {
    case N_INPUT: if (over && !node->u.input.role) return false; break;
    case N_COMPUTE: break;
    case N_DERIVE: {
        bool domain = over;
        for (int k = 0; k < node->u.derive.n; k++) domain |= has_edges(n, node->u.derive.key[k]) || (node->u.derive.kind == DV_JOIN && has_edges(n, node->u.derive.key2[k]));
        if (domain && node->u.derive.kind == DV_JOIN) return false;
        break;
    }
    case N_ITERATE:                                          /* bodies may do anything with edges */
    case N_PARAM: case N_CONST: case N_RECUR: case N_TRANSFORM: case N_SELECT: case N_FACTOR: if (over) return false; break;
    }
    node_each_expr(node, see_expr, n);
    return n->ok;
}
Value *numbered_by(Lower *l, const Graph *g, Value **then) {
    Numbers n = { .g = g, .filter = NEWN(l->a, const Node *, l->p->space.n + 1), .ok = g->given && l->machine };
    for (int k = 0; k < l->p->node.n; k++) {
        Node *f = l->p->node.at[k];
        if (f->kind == N_DERIVE && f->u.derive.kind == DV_FILTER) n.filter[f->u.derive.space->id] = f;
    }
    for (int k = 0; k < l->p->node.n && n.ok; k++) n.ok = see_node(&n, l->p->node.at[k]);
    for (int k = 0; k < l->p->output.n && n.ok; k++) n.ok = !has_edges(&n, l->p->output.at[k].value) && !(l->p->output.at[k].value->target && are_edges(&n, l->p->output.at[k].value->target));
    if (!n.ok || n.uses[0] + n.uses[1] + n.uses[2] + n.uses[3] == 0) return NULL;
    if (n.uses[0] + n.uses[1] == 0) { *then = n.uses[2] >= n.uses[3] ? g->dst : g->src; return g->etype; }
    *then = value_is_used(l, g->etype) ? g->etype : NULL;
    return n.uses[0] >= n.uses[1] ? g->dst : g->src;
}
/* The caller's array of a map */
static Buf *given_map(Lower *l, Numbering *n, Value *v) {
    for (int k = 0; n && k < n->map.n; k++) if (n->map.at[k] == v) return n->raw.at[k];
    Buf *b = buf_new(l, v->name, v->dt, count_of(l, v), BUF_GRAPH, v->loc);
    const char *role = v->node->u.input.role;
    for (int k = 0; k < l->u->graph.n; k++) {
        IfaceGraph *g = &l->u->graph.at[k];
        if (strcmp(g->name, v->node->u.input.graph->name)) continue;
        *(!strcmp(role, "src") ? &g->src : !strcmp(role, "dst") ? &g->dst : !strcmp(role, "etype") ? &g->etype : &g->ntype) = b;
        b->iface = k;
    }
    if (n) { vec_add(l->a, n->map, v); vec_add(l->a, n->raw, b); }
    return b;
}
static Buf *bind_buf(Lower *l, const char *name, Dtype dt, Ext *count, Loc loc) {
    Buf *b = buf_new(l, name, dt, count, BUF_PLAN, loc);
    host_alloc(l, b);
    return b;
}
/* How edges of a graph are numbered: made when the first of its maps is asked for. */
static Numbering *numbering_of(Lower *l, const Graph *g) {
    for (int k = 0; k < l->numbering.n; k++) if (l->numbering.at[k]->g == g) return l->numbering.at[k];
    Numbering *n = NEW(l->a, Numbering);
    *n = (Numbering){ .g = g };
    n->by = numbered_by(l, g, &n->then);
    vec_add(l->a, l->numbering, n);
    if (!n->by) return n;
    Arena *a = l->a;
    Ext *edges = g->edges->extent, *groups = n->by->target->extent;
    Rows *rows = NEW(a, Rows);
    *rows = (Rows){ .n = 1, .map = { n->by }, .made_in = &l->u->bind, .count = edges };
    rows->start = bind_buf(l, arena_printf(a, "start_%s", n->by->name), DT_I64, ext_op(a, EXT_ADD, groups, ext_const(a, 1)), n->by->loc);
    n->order = bind_buf(l, arena_printf(a, "order_%s", n->by->name), DT_I32, edges, n->by->loc);
    LH *h = host_call(l, RT_FIBRE, n->by->loc, 3, (Ext *[]){ edges, ext_const(a, n->then ? 2 : 1), groups });
    vec_add(a, h->buf, given_map(l, n, n->by));
    if (n->then) vec_add(a, h->buf, given_map(l, n, n->then));
    vec_add(a, h->buf, rows->start);
    vec_add(a, h->buf, n->order);
    vec_add(a, l->rows, rows);
    return n;
}

/* ---- parts of the edges --------------------------------------------------------------------------------------------- */
typedef struct Walks { const Space *part; const Numbering *n; int rows, pairs; } Walks;       /* how many sums walk along its rows, along its pairs */
static bool see_walk(X *e, void *data) {
    Walks *w = data;
    for (int k = 0; e->k == X_REDUCE && k < e->u.reduce.n_cond; k++) {
        X *map;
        if (!reduce_fibre(e, k, NULL, &map, NULL)) continue;
        const X *m = x_uncast(map), *at = m->k == X_READ && m->u.read.v->rank == 1 ? x_uncast(m->u.read.idx[0]) : NULL;
        if (!at) continue;
        const Value *of = m->u.read.v;
        if (at->k == X_READ && is_filter_map(at->u.read.v) && at->u.read.v->axis[0] == w->part) w->rows += of == w->n->by;
        while (of->node->kind == N_DERIVE && of->node->u.derive.cut && of == of->node->result[1]) of = of->node->u.derive.key[0];      /* pieces of its fibres */
        if (of->axis[0] != w->part) continue;
        w->rows += map_filtered(of) == w->n->by;
        const Node *u = of->node;
        if (u->kind != N_DERIVE || u->u.derive.kind != DV_UNIQUE || u->u.derive.n != 2 || of != u->result[2]) continue;
        w->pairs += map_filtered(u->u.derive.key[0]) == w->n->then && map_filtered(u->u.derive.key[1]) == w->n->by;
    }
    return true;
}
static void see_walks(X *e, void *data) { x_walk(e, see_walk, data); }
const Numbering *part_by_type(Lower *l, const Space *part) {
    for (int k = 0; k < l->numbering.n; k++) {
        Numbering *n = l->numbering.at[k];
        int known = 0;
        while (known < n->part.n && n->part.at[known].space != part) known++;
        if (known == n->part.n) {
            Walks w = { .part = part, .n = n };
            for (int j = 0; n->by && n->then && j < l->p->node.n; j++) {
                const Node *f = l->p->node.at[j];
                bool is_part = f->kind == N_DERIVE && f->u.derive.kind == DV_FILTER && f->u.derive.space == part && f->u.derive.key[0]->axis[0] == n->g->edges;
                for (int q = 0; is_part && q < l->p->node.n; q++) node_each_expr(l->p->node.at[q], see_walks, &w);
            }
            vec_add(l->a, n->part, (PartOrder){ part, w.pairs > w.rows });
        }
        if (n->part.at[known].by_type) return n;
    }
    return NULL;
}
/* map[k] = what is at from[order[k]] of `of` */
static Buf *picked(Lower *l, Value *map, const char *name, Buf *of, Buf *order) {
    Buf *to = bind_buf(l, name, DT_I32, order->count, map->loc);
    Build b = build_start(l, kernel_new(l, to->name, name, order->count, map->loc));
    LX *at = let(&b, lx_cast(l->a, lx_load(l->a, order, lx_var(l->a, b.k->item), NULL), DT_I64), "from");
    store(&b, to, lx_var(l->a, b.k->item), lx_load(l->a, of, at, NULL));
    kernel_add(l, &b, MAP_FLAT);
    return to;
}
void part_order(Lower *l, Value *e) {
    const Numbering *n = part_by_type(l, e->axis[0]);
    Buf *up = l->place[e->id].buf;
    if (!n || !need_value(l, n->then)) return;
    Arena *a = l->a;
    Ext *types = n->then->target->extent;
    Buf *type = picked(l, e, arena_printf(a, "%s_type", e->name), l->place[n->then->id].buf, up);
    Buf *start = bind_buf(l, arena_printf(a, "%s_start", e->name), DT_I64, ext_op(a, EXT_ADD, types, ext_const(a, 1)), e->loc);
    Buf *order = bind_buf(l, arena_printf(a, "%s_order", e->name), DT_I32, up->count, e->loc);
    LH *h = host_call(l, RT_FIBRE, e->loc, 3, (Ext *[]){ up->count, ext_const(a, 1), types });
    vec_add(a, h->buf, type);
    vec_add(a, h->buf, start);
    vec_add(a, h->buf, order);
    l->place[e->id].buf = picked(l, e, arena_printf(a, "%s_by_type", e->name), up, order);
}

/* The map of a graph as compiled code sees it. */
Buf *graph_map(Lower *l, Value *v) {
    Arena *a = l->a;
    l->host = &l->u->bind;                                   /* need_value() puts back what it was */
    Numbering *n = v->axis[0] == v->node->u.input.graph->edges ? numbering_of(l, v->node->u.input.graph) : NULL;
    Buf *raw = given_map(l, n, v);
    if (!n || !n->by) return raw;
    Buf *to = bind_buf(l, arena_printf(a, "%s_in_order", v->name), v->dt, count_of(l, v), v->loc);
    Build b = build_start(l, kernel_new(l, to->name, arena_printf(a, "%s with edges in the order of %s", v->name, n->by->name), raw->count, v->loc));
    LX *at = lx_var(a, b.k->item), *from = let(&b, lx_cast(a, lx_load(a, n->order, at, NULL), DT_I64), "given");
    store(&b, to, at, lx_load(a, raw, from, NULL));
    kernel_add(l, &b, MAP_FLAT);
    return to;
}
