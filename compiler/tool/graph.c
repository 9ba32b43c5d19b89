/* graph.c - graphs for a run: arrays of an archive, triples, random ones.  How many nodes and types there are may be said by the graph, by
 * arrays over them, or follow from the ids; ids are checked when all that is known. */
#include "tool/load.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST = INT32_MAX - 1 };                             /* of nodes, edges, types */
static int32_t *graph_memory(Load *l, const Graph *g, int64_t n) {
    int32_t *m = data_memory(l->o, l->d, g->edges->loc, g->name, n, sizeof *m);
    if (!m) l->bad = true;
    return m;
}
/* One large id makes as many nodes: the least that each takes, its type and where its edges begin, has to be had. */
static bool has_room(Load *l, const Graph *g, const char *from, const char *what, int64_t n) {
    enum { EACH = 16 };
    uint64_t bytes = n > 0 ? EACH * (uint64_t)n : 0;
    if (bytes <= machine_memory()) return true;
    diag_help(refuse(l, D_OUT_OF_MEMORY, g->edges->loc, "graph `%s` of %s has %" PRId64 " %s: memory for them can't be had, at least %.1f GB", g->name, from, n, what, (double)bytes / 1e9),
              "if so many are not meant, number them from 0 without gaps");
    return false;
}
static int64_t scalar_of(const pgn_bundle *b, const char *name) {
    const pgn_tensor *t = in_bundle(b, name);
    int64_t v = -1;
    if (t && t->n == 1 && dtype_is_whole(t->dtype)) element_get(t, 0, 0, &v);
    return v;
}
static const int32_t *ids(Load *l, const Graph *g, const pgn_bundle *b, const char *from, const char *name, int64_t *n, int64_t *least) {
    const pgn_tensor *t = in_bundle(b, name);
    *least = 0;
    if (!t) return NULL;
    if (t->rank != 1 || !dtype_is_whole(t->dtype)) { refuse(l, D_BAD_INPUT_FILE, NO_LOC, "`%s: %s` is not a list of integers", from, name); return NULL; }
    if (t->n > MOST) { refuse(l, D_BAD_INPUT_VALUE, NO_LOC, "`%s: %s` has %" PRId64 " values: fewer than 2^31 are supported", from, name, t->n); return NULL; }
    int32_t *r = graph_memory(l, g, t->n);
    *n = t->n;
    for (int64_t k = 0; r && k < t->n; k++) {
        int64_t v = 0;
        element_get(t, k, 0, &v);
        if (v < 0 || v > MOST) { refuse(l, D_BAD_INPUT_VALUE, NO_LOC, "`%s: %s` has the value %" PRId64 " at position %" PRId64, from, name, v, k); return NULL; }
        r[k] = (int32_t)v;
        if (v >= *least) *least = v + 1;
    }
    return r;
}
static bool graph_random(Load *l, const Graph *g, const char *src, pgn_graph_view *v, Least *least) {
    long long n, m, r, seed = 0, kinds = 1;
    int end = 0;
    if (sscanf(src + 7, "%lld,%lld,%lld%n,%lld%n,%lld%n", &n, &m, &r, &end, &seed, &end, &kinds, &end) < 3 || src[7 + end] ||
        n < 0 || m < 0 || r < 0 || kinds < 1 || (m && (!n || !r)) || n > MOST || m > MOST || r > MOST || kinds > MOST) {
        refuse(l, D_USAGE, NO_LOC, "--graph %s=%s: random:NODES,EDGES,TYPES[,SEED[,NODE TYPES]] with fewer than 2^31 of each", g->name, src);
        return false;
    }
    *v = (pgn_graph_view){ n, n, m, kinds, r, NULL, NULL, NULL, NULL };
    *least = (Least){ .from = least->from, .src_nodes = n, .dst_nodes = n, .ntypes = kinds, .etypes = r };
    if (!has_room(l, g, src, "nodes", n)) return false;
    int32_t *all = graph_memory(l, g, 3 * m + n);
    for (int64_t e = 0; all && e < m; e++) {
        all[e] = (int32_t)(uniform((uint64_t)seed, (uint64_t)(3 * e)) * (double)n);
        all[m + e] = (int32_t)(uniform((uint64_t)seed, (uint64_t)(3 * e + 1)) * (double)n);
        all[2 * m + e] = (int32_t)(uniform((uint64_t)seed, (uint64_t)(3 * e + 2)) * (double)r);
    }
    for (int64_t k = 0; all && k < n; k++) all[3 * m + k] = (int32_t)(uniform((uint64_t)seed ^ 0x6e6f6465, (uint64_t)k) * (double)kinds);
    v->src = all, v->dst = all + m, v->etype = all + 2 * m, v->ntype = all + 3 * m;
    return all != NULL;
}
/* FILE or FILE,inverse: triples of names, or a list of edges by number */
static bool graph_text(Load *l, const Graph *g, const char *src, bool edges, pgn_graph_view *v) {
    bool two = g->src_nodes != g->dst_nodes;                           /* each side is numbered in its own space */
    char *path = arena_strndup(l->o->cx->arena, src, strlen(src)), *comma = strstr(path, ",inverse");
    if (comma) *comma = 0;
    pgn_graph t;
    pgn_error e;
    if (two && comma) {
        diag_help(refuse(l, D_USAGE, NO_LOC, "--graph %s=%s: its edges go from `%s` to `%s`, none goes back", g->name, src, g->src_nodes->name, g->dst_nodes->name),
                  "leave out `,inverse`; `graph r = reverse(%s)` in the model has the edges backwards", g->name);
        return false;
    }
    if (two ? (edges ? pgn_bipartite_edges_read : pgn_bipartite_triples_read)(path, &t, &e) : (edges ? pgn_edges_read : pgn_triples_read)(path, comma != NULL, &t, &e)) return failed(l, &e);
    *v = pgn_graph_as_view(&t);
    int32_t **map[] = { &t.src, &t.dst, &t.etype, &t.ntype };
    for (int k = 0; k < 4; k++) { vec_add(l->o->cx->arena, l->d->owned, *map[k]); *map[k] = NULL; }
    pgn_graph_free(&t);
    return true;
}
/* `prefix` is "g." or nothing. Counts that no array of the graph tells are left -1. */
static bool graph_arrays(Load *l, const Graph *g, const pgn_bundle *b, const char *prefix, pgn_graph_view *v, Least *least) {
    Context *cx = l->o->cx;
    Arena *a = cx->arena;
    bool two = g->src_nodes != g->dst_nodes;
    int64_t m = 0, m2 = 0, m3 = 0, nt = -1;
#define NAME(what) arena_printf(a, "%s%s", prefix, what)
    v->src = ids(l, g, b, least->from, NAME("src"), &m, &least->src_nodes), v->dst = ids(l, g, b, least->from, NAME("dst"), &m2, &least->dst_nodes);
    v->etype = ids(l, g, b, least->from, NAME("etype"), &m3, &least->etypes), v->ntype = ids(l, g, b, least->from, NAME("ntype"), &nt, &least->ntypes);
    if (l->bad) return false;
    if (!v->src || !v->dst) {
        diag_help(refuse(l, D_MISSING_INPUT, g->edges->loc, "graph `%s` is not given", g->name),
                  "--graph %s=FILE.tsv, or --inputs FILE.npz with %s.src and %s.dst", g->name, g->name, g->name);
        return false;
    }
    if (m != m2 || (v->etype && m3 != m)) {
        refuse(l, D_SIZE_CONFLICT, g->edges->loc, "graph `%s` of %s: src, dst and etype have %" PRId64 ", %" PRId64 " and %" PRId64 " elements", g->name,
               least->from, m, m2, v->etype ? m3 : m);
        return false;
    }
    if (!two) least->src_nodes = least->dst_nodes = least->src_nodes > least->dst_nodes ? least->src_nodes : least->dst_nodes;
    if (!v->etype && m) least->etypes = 1;
    if (!v->ntype) least->ntypes = 1;
    int64_t nodes = scalar_of(b, NAME("num_nodes"));
    int64_t src_nodes = two ? scalar_of(b, NAME("num_src_nodes")) : nodes, dst_nodes = two ? scalar_of(b, NAME("num_dst_nodes")) : nodes;
    if (nt >= 0 && dst_nodes >= 0 && nt != dst_nodes) {
        refuse(l, D_SIZE_CONFLICT, g->edges->loc, "graph `%s` has %" PRId64 " nodes, ntype has %" PRId64 " elements", g->name, dst_nodes, nt);
        return false;
    }
    if (nt >= 0) dst_nodes = nt, src_nodes = two ? src_nodes : nt;
    v->src_nodes = src_nodes, v->dst_nodes = dst_nodes, v->edges = m, v->ntypes = scalar_of(b, NAME("num_ntypes")), v->etypes = scalar_of(b, NAME("num_etypes"));
#undef NAME
    return true;
}
static bool read_graph(Load *l, Graph *g, pgn_graph_view *v, Least *least) {
    Options *o = l->o;
    const char *src = NULL, *dotted = arena_printf(o->cx->arena, "%s.", g->name);
    for (int k = 0; k < o->graph.n; k++) if (!strcmp(o->graph.at[k].name, g->name)) src = o->graph.at[k].value;
    least->from = src ? src : o->inputs ? o->inputs : "";
    if (!src) return graph_arrays(l, g, l->archive, dotted, v, least);
    if (!strncmp(src, "random:", 7)) return graph_random(l, g, src, v, least);
    if (ends_with(src, ".npz") || ends_with(src, ".safetensors")) {
        const pgn_bundle *b = read_archive(l, src);
        return b && graph_arrays(l, g, b, in_bundle(b, arena_printf(o->cx->arena, "%ssrc", dotted)) ? dotted : "", v, least);
    }
    if (strstr(src, ".tsv") || strstr(src, ".txt")) return graph_text(l, g, src, false, v);
    if (strstr(src, ".edges") || strstr(src, ".csv")) return graph_text(l, g, src, true, v);
    diag_help(refuse(l, D_USAGE, NO_LOC, "--graph %s=%s: this is no graph", g->name, src),
              "arrays FILE.npz, triples FILE.tsv or FILE.txt, numbered edges FILE.edges or FILE.csv (text also .gz), random:NODES,EDGES,TYPES,SEED,NODE TYPES");
    return false;
}
static void check_count(Load *l, const Least *q, Space *s, int64_t least, const char *what) {
    int64_t have = ext_eval(s->extent, l->d->size);
    if (least <= have) return;
    const char *who = s->extent->op == EXT_SYM ? l->who[s->extent->sym->id] : NULL;
    refuse(l, D_BAD_INPUT_VALUE, q->graph->edges->loc, "graph `%s` of %s names %s %" PRId64 ", but there are %" PRId64 "%s%s", q->graph->name, q->from, what, least - 1,
           have, who ? " by " : "", who ? who : "");
}
void load_graph(Load *l, Graph *g, pgn_graph_view *v, Least *least) {
    *v = (pgn_graph_view){ -1, -1, -1, -1, -1, NULL, NULL, NULL, NULL };
    if (!read_graph(l, g, v, least)) return;
    least->graph = g;
    learn_extent(l, g->edges->extent, v->edges, least->from, g->edges->loc);
    const struct { Space *space; int64_t n, least; const char *what; } count[] = { { g->src_nodes, v->src_nodes, least->src_nodes, "node" },
        { g->dst_nodes, v->dst_nodes, least->dst_nodes, "node" },
        { g->ntypes, v->ntypes, least->ntypes, "node type" }, { g->etypes, v->etypes, least->etypes, "edge type" } };
    for (int k = 0; k < 4; k++) if (count[k].n >= 0) {
        learn_extent(l, count[k].space->extent, count[k].n, least->from, g->edges->loc);
        if (!l->bad) check_count(l, least, count[k].space, count[k].least, count[k].what);
    }
}
/* Counts that nothing has told are what the ids need; graphs over shared nodes need it together. Then the ids are in range, or not. */
static void settle_count(Load *l, Space *s) {
    if (s->extent->op != EXT_SYM || l->d->size[s->extent->sym->id] >= 0) return;
    int64_t most = 0;
    const char *from = NULL;
    for (int k = 0; k < l->n_graph; k++) {
        const Least *q = &l->least[k];
        const struct { Space *space; int64_t n; } count[] = { { q->graph->src_nodes, q->src_nodes }, { q->graph->dst_nodes, q->dst_nodes },
                                                             { q->graph->ntypes, q->ntypes }, { q->graph->etypes, q->etypes } };
        for (int j = 0; j < 4; j++) if (ext_equal(count[j].space->extent, s->extent) && (!from || count[j].n > most)) most = count[j].n, from = q->from;
    }
    learn_extent(l, s->extent, most, from, s->loc);
}
void settle_graph(Load *l, int at) {
    const Least *q = &l->least[at];
    Graph *g = q->graph;
    pgn_graph_view *v = &l->d->graph[at];
    settle_count(l, g->src_nodes), settle_count(l, g->dst_nodes), settle_count(l, g->ntypes), settle_count(l, g->etypes);
    check_count(l, q, g->src_nodes, q->src_nodes, "node"), check_count(l, q, g->dst_nodes, q->dst_nodes, "node");
    check_count(l, q, g->ntypes, q->ntypes, "node type"), check_count(l, q, g->etypes, q->etypes, "edge type");
    if (l->bad) return;
    v->src_nodes = ext_eval(g->src_nodes->extent, l->d->size), v->dst_nodes = ext_eval(g->dst_nodes->extent, l->d->size);
    v->ntypes = ext_eval(g->ntypes->extent, l->d->size), v->etypes = ext_eval(g->etypes->extent, l->d->size);
    bool two = g->src_nodes != g->dst_nodes;
    if (!has_room(l, g, q->from, two ? "source nodes" : "nodes", v->src_nodes) || (two && !has_room(l, g, q->from, "destination nodes", v->dst_nodes)) ||
        !has_room(l, g, q->from, "edge types", v->etypes) || !has_room(l, g, q->from, "node types", v->ntypes)) return;
    int32_t *zero = !v->etype || !v->ntype ? graph_memory(l, g, v->edges > v->dst_nodes ? v->edges : v->dst_nodes) : NULL;
    if (zero) memset(zero, 0, sizeof *zero * (size_t)(v->edges > v->dst_nodes ? v->edges : v->dst_nodes));
    if (!v->etype) v->etype = zero;
    if (!v->ntype) v->ntype = zero;
}
