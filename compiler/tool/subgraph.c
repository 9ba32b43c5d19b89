/* subgraph.c - training on a part of a graph's edges: `--batch g.edges=N` takes N of them in a step, `--sample g=K` leaves at most K of those that
 * arrive at a node (neighbour sampling as in Hamilton et al. 2017, for all nodes at once).
 *
 * Nodes keep their numbers, so parameters with a row for each node stay as they are; inputs with a row for each edge are taken along. The
 * K edges are drawn one by one (Vitter 1985): the k-th that arrives takes the place of one of the K with probability K / k. */
#include "tool/rows.h"
#include "tool/subgraph.h"
#include "tool/tool.h"
#include "pigeon/random.h"
#include <string.h>

bool subgraph_begin(Options *o, Program *p, RunData *d, const char *graph, int64_t keep, Subgraph *s) {
    Graph *g = NULL;
    *s = (Subgraph){ .p = p, .keep = keep };
    for (int k = 0, at = 0; k < p->graph.n && !g; k++) {
        if (!p->graph.at[k]->given) continue;
        if (!strcmp(p->graph.at[k]->name, graph)) g = p->graph.at[k], s->at = at;
        at++;
    }
    if (!g || g->edges->extent->op != EXT_SYM) { diag_error(o->cx, D_USAGE, NO_LOC, "model `%s` has no graph `%s` whose edges could be taken in parts", p->name, graph); return false; }
    s->sym = g->edges->extent->sym, s->whole = d->graph[s->at];
    const char *rows = arena_printf(o->cx->arena, "edge of `%s`", graph);
    if (!rows_can(o, p, s->sym, rows)) return false;
    for (int k = 0; k < p->output.n; k++) if (rows_any(p->output.at[k].value, s->sym)) return rows_refuse(o, p->output.at[k].value, "output", rows);
    s->input = NEWN(o->cx->arena, pgn_tensor, p->input.n + 1);
    memcpy(s->input, d->input, sizeof *s->input * (size_t)p->input.n);
    for (int k = 0; k < p->input.n; k++) if (rows_any(p->input.at[k], s->sym) && !(d->input[k].data = data_memory(o, d, NO_LOC, p->input.at[k]->name, d->input[k].n, pgn_dtype_size(d->input[k].dtype)))) return false;
    int64_t m = s->whole.edges, nodes = s->whole.dst_nodes;
    s->pick = data_memory(o, d, NO_LOC, graph, m, sizeof *s->pick);
    int32_t **to[] = { &s->src, &s->dst, &s->etype };
    for (int k = 0; k < 3; k++) if (!(*to[k] = data_memory(o, d, NO_LOC, graph, m, sizeof(int32_t)))) return false;
    if (!keep) return s->pick != NULL;
    if (!(s->seen = data_memory(o, d, NO_LOC, graph, nodes, sizeof *s->seen))) return false;
    int64_t most = 1;                      /* that arrive at one node: room for more is never needed */
    memset(s->seen, 0, sizeof *s->seen * (size_t)nodes);
    for (int64_t k = 0; k < m; k++) if (++s->seen[s->whole.dst[k]] > most) most = s->seen[s->whole.dst[k]];
    if (keep > most) keep = s->keep = most;
    if (!(s->slot = data_memory(o, d, NO_LOC, graph, nodes, (size_t)keep * sizeof *s->slot))) return false;
    return s->pick != NULL;
}
/* Which of the n edges stay: pick[] gets them in order. */
static int64_t draw(Subgraph *s, const int64_t *edge, int64_t n, int64_t key) {
    int64_t m = 0;
    memset(s->seen, 0, sizeof *s->seen * (size_t)s->whole.dst_nodes);
    for (int64_t k = 0; k < n; k++) {
        int64_t e = edge ? edge[k] : k, v = s->whole.dst[e], before = s->seen[v]++;
        int64_t at = before < s->keep ? before : (int64_t)((uint64_t)pgn_threefry(key, e) % (uint64_t)(before + 1));
        if (at < s->keep) s->slot[v * s->keep + at] = (int32_t)k;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t e = edge ? edge[k] : k, v = s->whole.dst[e], have = s->seen[v] < s->keep ? s->seen[v] : s->keep;
        bool stays = false;
        for (int64_t j = 0; j < have && !stays; j++) stays = s->slot[v * s->keep + j] == k;
        if (stays) s->pick[m++] = e;
    }
    return m;
}
void subgraph_take(Subgraph *s, RunData *d, const int64_t *edge, int64_t n, int64_t key) {
    int64_t m = n;
    if (s->keep) m = draw(s, edge, n, key); else for (int64_t k = 0; k < n; k++) s->pick[k] = edge ? edge[k] : k;
    pgn_graph_view *g = &d->graph[s->at];
    for (int64_t k = 0; k < m; k++) {
        int64_t e = s->pick[k];
        s->src[k] = s->whole.src[e], s->dst[k] = s->whole.dst[e];
        if (s->whole.etype) s->etype[k] = s->whole.etype[e];
    }
    g->edges = m, g->src = s->src, g->dst = s->dst;
    if (s->whole.etype) g->etype = s->etype;
    d->size[s->sym->id] = m;
    for (int k = 0; k < s->p->input.n; k++) if (rows_any(s->p->input.at[k], s->sym)) rows_take(s->p->input.at[k], s->sym, &s->input[k], s->pick, m, &d->input[k]);
}
