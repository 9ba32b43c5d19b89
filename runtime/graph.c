/* graph.c - typed graphs: what is checked of them, and their rows by destination, source and type. */
#include "internal.h"
#include "pigeon/graph.h"
#include <inttypes.h>
#include <stdlib.h>

void pgn_graph_free(pgn_graph *g) {
    if (!g) return;
    free(g->src); free(g->dst); free(g->etype); free(g->ntype);
    free(g->node_name); free(g->etype_name); free(g->src_name);
    *g = (pgn_graph){ 0 };
}
pgn_graph_view pgn_graph_as_view(const pgn_graph *g) {
    return (pgn_graph_view){ g->bipartite ? g->src_nodes : g->nodes, g->nodes, g->edges, g->ntypes, g->etypes, g->src, g->dst, g->etype, g->ntype };
}

pgn_status pgn_graph_check(const pgn_graph_view *g, const char *name, pgn_error *e) {
    const struct { int64_t n; const char *what; } count[] = { { g->src_nodes, "source nodes" }, { g->dst_nodes, "destination nodes" }, { g->edges, "edges" }, { g->ntypes, "node types" }, { g->etypes, "edge types" } };
    for (int k = 0; k < 5; k++)
        if (count[k].n < 0 || count[k].n > INT32_MAX) return pgn_error_set(e, PGN_E_SIZE, "graph `%s`: %" PRId64 " %s; 0 to %d are supported", name, count[k].n, count[k].what, INT32_MAX);
    const struct { const int32_t *v; int64_t n, extent; const char *what, *of; bool needed; } map[] = {
        { g->src, g->edges, g->src_nodes, "src", "edge", true }, { g->dst, g->edges, g->dst_nodes, "dst", "edge", true },
        { g->etype, g->edges, g->etypes, "etype", "edge", false }, { g->ntype, g->dst_nodes, g->ntypes, "ntype", "node", false } };
    for (int k = 0; k < 4; k++) {
        if (!map[k].v && map[k].needed && map[k].n) return pgn_error_set(e, PGN_E_ARGUMENT, "graph `%s` has %" PRId64 " edges but no `%s`", name, map[k].n, map[k].what);
        int64_t at = map[k].v ? pgn_find_outside(map[k].v, map[k].n, map[k].extent) : -1;
        if (at < 0) continue;
        if (!map[k].extent) return pgn_error_set(e, PGN_E_RANGE, "graph `%s`: `%s` of %s %" PRId64 " is %d, but there is nothing to point to", name, map[k].what, map[k].of, at, map[k].v[at]);
        return pgn_error_set(e, PGN_E_RANGE, "graph `%s`: `%s` of %s %" PRId64 " is %d, outside 0..%" PRId64, name, map[k].what, map[k].of, at, map[k].v[at], map[k].extent - 1);
    }
    return PGN_OK;
}
void pgn_graph_index_free(pgn_graph_index *x) {
    if (!x) return;
    pgn_rows *r[] = { &x->in, &x->out, &x->type };
    for (int k = 0; k < 3; k++) { free(r[k]->start); free(r[k]->edge); }
    *x = (pgn_graph_index){ 0 };
}
static pgn_status rows(pgn_env *env, const int32_t *key, const int32_t *then, int64_t edges, int64_t n, pgn_rows *r) {
    r->n = n;
    r->start = malloc(((size_t)n + 1) * sizeof *r->start);
    r->edge = malloc(((size_t)edges + 1) * sizeof *r->edge);
    if (!r->start || !r->edge) return pgn_error_set(env->error, PGN_E_MEMORY, "no memory for the rows of a graph (%zu bytes)", ((size_t)n + 1) * sizeof *r->start + ((size_t)edges + 1) * sizeof *r->edge);
    if (then) return pgn_rt_fibre(env, (const int64_t[]){ edges, 2, n }, (void *[]){ (void *)key, (void *)then, r->start, r->edge }, NULL);
    return pgn_rt_fibre(env, (const int64_t[]){ edges, 1, n }, (void *[]){ (void *)key, r->start, r->edge }, NULL);
}
pgn_status pgn_graph_index_build(const pgn_graph_view *g, const pgn_options *options, pgn_graph_index *x, pgn_error *e) {
    *x = (pgn_graph_index){ 0 };
    pgn_status st = pgn_graph_check(g, "graph", e);
    if (st) return st;
    PlanOptions o = { .given = { .threads = 1 } };
    if (options) o.given = *options;
    if (o.given.threads != 1 && !o.given.parallel_for) o.pool = pgn_pool_new(&o.given);
    pgn_env env = { .error = e, .options = &o.given };
    st = rows(&env, g->dst, g->etype, g->edges, g->dst_nodes, &x->in);
    if (!st) st = rows(&env, g->src, g->etype, g->edges, g->src_nodes, &x->out);
    if (!st && (g->etype || !g->edges)) st = rows(&env, g->etype, NULL, g->edges, g->etypes, &x->type);
    pgn_pool_free(o.pool);
    if (st) pgn_graph_index_free(x);
    return st;
}
